//! Bags in every form against the list that their generator wrote (tests/data/bags/generate.py).

mod damage;
mod died;

use super::BagSource;
use super::{Source, SourceError};
use std::path::{Path, PathBuf};

const START_NS: i64 = 1_700_000_000_000_000_000;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bags")
}

fn open(names: &[&str]) -> BagSource {
    let paths: Vec<_> = names.iter().map(|name| data().join(name)).collect();
    BagSource::open(&paths).unwrap()
}

/// What the generator says a reader must give.
fn expected() -> Vec<String> {
    std::fs::read_to_string(data().join("expected.txt")).unwrap().lines().map(str::to_owned).collect()
}

fn of_topic(lines: Vec<String>, topic: &str) -> Vec<String> {
    lines.into_iter().filter(|line| line.contains(&format!(" {topic} "))).collect()
}

/// The next message as a line of expected.txt.
fn line(source: &mut BagSource) -> Result<Option<String>, SourceError> {
    let types: Vec<_> = source.topics().iter().map(|t| (t.name.clone(), t.type_name.clone())).collect();
    Ok(source.next_message()?.map(|message| {
        let (_, type_name) = types.iter().find(|(name, _)| name == message.topic).unwrap();
        let crc = crc32fast::hash(message.cdr);
        format!("{} {} {type_name} {} {crc:08x}", message.log_time.as_ns(), message.topic, message.cdr.len())
    }))
}

fn lines(source: &mut BagSource) -> Vec<String> {
    std::iter::from_fn(|| line(source).unwrap()).collect()
}

/// Messages and errors in the order in which they come.
fn lines_and_errors(source: &mut BagSource) -> (Vec<String>, Vec<String>) {
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    loop {
        match line(source) {
            Ok(Some(line)) => found.push(line),
            Ok(None) => return (found, errors),
            Err(error) => errors.push(error.to_string()),
        }
        assert!(found.len() + errors.len() < 1000, "the source does not end");
    }
}

const EVERY_FORM: [&str; 23] = [
    "plain.mcap",
    "zstd.mcap",
    "lz4.mcap",
    "one_chunk.mcap",
    "no_message_index.mcap",
    "chunk_index_only.mcap",
    "no_summary.mcap",
    "unchunked.mcap",
    "unchunked_no_summary.mcap",
    "zstd.mcap.zstd",
    "schema1.db3",
    "schema2.db3",
    "schema3.db3",
    "schema4.db3",
    "schema4.db3.zstd",
    "mcap_none",
    "mcap_file",
    "mcap_message",
    "mcap_storage",
    "sqlite3_none",
    "sqlite3_file",
    "sqlite3_message",
    "split",
];

#[test]
fn every_form_of_a_bag_gives_the_same_messages_in_log_time_order() {
    for name in EVERY_FORM {
        let mut source = open(&[name]);
        assert_eq!(lines(&mut source), expected(), "{name}");
        assert_eq!(source.losses(), [], "{name}");
    }
}

#[test]
fn every_form_tells_its_topics_with_types_and_counts() {
    for name in EVERY_FORM {
        let source = open(&[name]);
        let topics: Vec<_> =
            source.topics().iter().map(|t| (t.name.as_str(), t.type_name.as_str(), t.messages)).collect();
        let expected = [
            ("/camera/camera_info", "sensor_msgs/msg/CameraInfo"),
            ("/camera/image", "sensor_msgs/msg/Image"),
            ("/chatter", "std_msgs/msg/String"),
        ];
        assert_eq!(topics, expected.map(|(name, kind)| (name, kind, Some(12))), "{name}");
    }
}

#[test]
fn selecting_gives_only_the_chosen_topics_and_starts_again() {
    for name in EVERY_FORM {
        let mut source = open(&[name]);
        for topic in ["/chatter", "/camera/image", "/chatter"] {
            source.select(&[topic]).unwrap();
            line(&mut source).unwrap();
            source.select(&[topic, "/not/there"]).unwrap();
            assert_eq!(lines(&mut source), of_topic(expected(), topic), "{name}");
        }
        source.select(&[]).unwrap();
        assert_eq!(lines(&mut source), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn bags_given_together_are_merged_by_log_time_and_equal_times_keep_their_order() {
    let mut source = open(&["zstd.mcap", "sqlite3_message", "unchunked.mcap"]);
    let times = |line: &String| line.split(' ').next().unwrap().to_owned();
    let mut merged: Vec<String> = [expected(), expected(), expected()].concat();
    merged.sort_by_key(times);
    assert_eq!(lines(&mut source), merged);
    assert_eq!(source.topics()[2].messages, Some(36));
}

#[test]
fn a_topic_that_is_not_cdr_is_refused_when_it_is_chosen() {
    let mut source = open(&["json.mcap"]);
    source.select(&["/not/there"]).unwrap();
    assert!(source.next_message().unwrap().is_none());
    let error = source.select(&["/chatter"]).unwrap_err().to_string();
    assert!(error.ends_with("json.mcap: topic /chatter is serialized as \"json\", expected \"cdr\""), "{error}");
    assert!(matches!(open(&["json.mcap"]).next_message(), Err(SourceError::Serialization { .. })));
}

#[test]
fn no_bag_at_all_and_a_path_that_is_not_there_are_errors() {
    assert!(matches!(BagSource::open(&[]), Err(SourceError::NoBags)));
    let error = BagSource::open(&[data().join("gone.mcap")]).err().unwrap();
    assert!(error.to_string().ends_with("gone.mcap"), "{error}");
}

#[test]
fn log_times_are_those_of_the_recording() {
    let mut source = open(&["zstd.mcap"]);
    assert_eq!(source.next_message().unwrap().unwrap().log_time.as_ns(), START_NS);
}

//! Bags as recorders leave them that died, and recordings of other systems: whole folders, file by file.

use super::{data, expected, lines};
use crate::bag::{BagSource, Loss, Source, SourceError};
use std::fs;
use std::path::{Path, PathBuf};

/// A copy of the bag `name` whose files a test changes.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for entry in fs::read_dir(data().join(name)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.at(path.file_name().unwrap().to_str().unwrap())).unwrap();
        }
        folder
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self) -> Result<BagSource, SourceError> {
        BagSource::open(&[self.0.path().to_owned()])
    }

    /// All messages, and the losses in words, without the folder's name.
    fn read(&self) -> (Vec<String>, Vec<String>) {
        let mut source = self.open().unwrap();
        let found = lines(&mut source);
        let place = format!("{}/", self.0.path().display());
        let losses = source.losses().iter().map(|loss| loss.to_string().replace(&place, "")).collect();
        (found, losses)
    }
}

/// The messages of some of the files of the bag `split`.
fn of_splits(numbers: &[usize]) -> Vec<String> {
    let files: Vec<_> = numbers.iter().map(|number| data().join(format!("split/split_{number}.mcap"))).collect();
    lines(&mut BagSource::open(&files).unwrap())
}

fn fewer(found: usize) -> String {
    format!("metadata.yaml counts 36 messages, the files hold {found}")
}

#[test]
fn a_split_of_no_bytes_costs_itself() {
    let bag = Folder::new("split");
    fs::write(bag.at("split_1.mcap"), b"").unwrap();
    let (found, losses) = bag.read();
    assert_eq!(found, of_splits(&[0, 2]));
    assert_eq!(losses[0], "split_1.mcap: left out, it holds no bytes");
    assert!(losses.len() == 2 && losses[1].ends_with(&fewer(found.len())), "{losses:?}");
}

#[test]
fn a_split_that_is_gone_costs_itself() {
    let bag = Folder::new("split");
    fs::remove_file(bag.at("split_0.mcap")).unwrap();
    let (found, losses) = bag.read();
    assert_eq!(found, of_splits(&[1, 2]));
    assert_eq!(losses[0], "metadata.yaml: names split_0.mcap, which is not in the folder");
    assert!(losses.len() == 2 && losses[1].ends_with(&fewer(found.len())), "{losses:?}");
}

#[test]
fn a_split_that_is_no_bag_costs_itself() {
    let bag = Folder::new("split");
    fs::write(bag.at("split_2.mcap"), b"PK\x03\x04").unwrap();
    let (found, losses) = bag.read();
    assert_eq!(found, of_splits(&[0, 1]));
    assert!(losses[0].starts_with("split_2.mcap: left out, begins with 50 4b 03 04, expected the magic"), "{losses:?}");
}

#[test]
fn a_metadata_that_is_empty_cut_or_overwritten_costs_no_message() {
    let whole = fs::read(data().join("split/metadata.yaml")).unwrap();
    for text in [&b""[..], &whole[..40], &[0; 512], b"{", &[0xff, 0xfe, 0x00]] {
        let bag = Folder::new("split");
        fs::write(bag.at("metadata.yaml"), text).unwrap();
        let (found, losses) = bag.read();
        assert_eq!(found, expected());
        let [loss] = &losses[..] else { panic!("{losses:?}") };
        assert!(
            loss.starts_with("metadata.yaml: ") && loss.ends_with("; the bag files of the folder are read without it"),
            "{loss}"
        );
    }
}

#[test]
fn a_metadata_that_is_cut_in_its_list_of_files_costs_no_message() {
    let text = fs::read_to_string(data().join("split/metadata.yaml")).unwrap();
    for end in ["split_0.mcap\n", "split_1.mca", "split_1.mcap", "- split_2"] {
        let bag = Folder::new("split");
        fs::write(bag.at("metadata.yaml"), &text[..text.find(end).unwrap() + end.len()]).unwrap();
        let (found, losses) = bag.read();
        assert_eq!(found, expected(), "cut behind {end:?}, {losses:?}");
    }
}

#[test]
fn a_bag_of_which_nothing_is_left_is_refused_with_every_reason() {
    let bag = Folder::new("split");
    fs::write(bag.at("split_0.mcap"), b"").unwrap();
    fs::write(bag.at("split_1.mcap"), b"").unwrap();
    fs::remove_file(bag.at("split_2.mcap")).unwrap();
    let error = bag.open().err().unwrap().to_string();
    assert!(error.contains(": nothing of this bag can be read: "), "{error}");
    for reason in [
        "names split_2.mcap, which is not in the folder",
        "split_0.mcap: left out, it holds no bytes",
        "split_1.mcap: left out",
    ] {
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_file_without_its_metadata_whose_messages_are_compressed_is_read() {
    for (bag, file) in [("sqlite3_message", "sqlite3_message.db3"), ("mcap_message", "mcap_message.mcap")] {
        let mut source = BagSource::open(&[data().join(bag).join(file)]).unwrap();
        assert_eq!((lines(&mut source), source.losses()), (expected(), vec![]), "{bag}");
        let bag = Folder::new(bag);
        fs::remove_file(bag.at("metadata.yaml")).unwrap();
        assert_eq!(bag.read(), (expected(), vec![]));
    }
}

#[test]
fn a_file_that_is_not_compressed_as_its_metadata_says_is_read() {
    for (bag, file) in [("sqlite3_file", "sqlite3_file.db3"), ("mcap_file", "mcap_file.mcap")] {
        let bag = Folder::new(bag);
        let whole = zstd::decode_all(&fs::read(bag.at(&format!("{file}.zstd"))).unwrap()[..]).unwrap();
        fs::remove_file(bag.at(&format!("{file}.zstd"))).unwrap();
        fs::write(bag.at(file), &whole).unwrap();
        assert_eq!(bag.read(), (expected(), vec![]), "decompressed");
        fs::write(bag.at(file), zstd::bulk::compress(&whole, 1).unwrap()).unwrap();
        assert_eq!(bag.read(), (expected(), vec![]), "compressed, and without the suffix");
        // The recorder died while it compressed.
        fs::write(bag.at(file), &whole).unwrap();
        fs::write(bag.at(&format!("{file}.zstd")), &zstd::bulk::compress(&whole, 1).unwrap()[..100]).unwrap();
        assert_eq!(bag.read(), (expected(), vec![]), "both");
    }
}

#[test]
fn messages_of_which_some_are_compressed_are_all_read() {
    // One file says nothing of compression, the other is compressed message by message.
    let bag = Folder::new("sqlite3_message");
    fs::copy(data().join("schema4.db3"), bag.at("sqlite3_message_1.db3")).unwrap();
    let text = fs::read_to_string(bag.at("metadata.yaml")).unwrap();
    fs::write(
        bag.at("metadata.yaml"),
        text.replace("  - sqlite3_message.db3\n", "  - sqlite3_message.db3\n  - sqlite3_message_1.db3\n"),
    )
    .unwrap();
    let (found, losses) = bag.read();
    assert_eq!((found.len(), losses), (72, vec![]));
}

/// The bag's messages, all but the first twelve still in the log: the recorder was killed.
fn killed_in_wal(folder: &Path) -> PathBuf {
    let live = folder.join("live.db3");
    let connection = rusqlite::Connection::open(&live).unwrap();
    connection.execute("ATTACH ? AS whole", [data().join("schema4.db3").to_str().unwrap()]).unwrap();
    let tables = "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;
        CREATE TABLE topics AS SELECT * FROM whole.topics;
        CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB);
        INSERT INTO messages SELECT * FROM whole.messages WHERE id <= 12;
        PRAGMA wal_checkpoint(TRUNCATE);
        INSERT INTO messages SELECT * FROM whole.messages WHERE id > 12;";
    connection.execute_batch(tables).unwrap();
    let dead = folder.join("dead.db3");
    for suffix in ["", "-wal"] {
        fs::copy(format!("{}{suffix}", live.display()), format!("{}{suffix}", dead.display())).unwrap();
    }
    dead
}

#[test]
fn the_write_ahead_log_of_a_killed_recorder_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let dead = killed_in_wal(folder.path());
    let mut source = BagSource::open(std::slice::from_ref(&dead)).unwrap();
    assert_eq!((lines(&mut source), source.losses()), (expected(), vec![]));
    fs::remove_file(format!("{}-wal", dead.display())).unwrap();
    assert_eq!(lines(&mut BagSource::open(&[dead]).unwrap()).len(), 12);
}

#[test]
fn the_magic_of_an_mcap_may_be_damaged() {
    for damage in [&[0; 8][..], b"\x89MCAX0\r\n"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bag.mcap");
        let mut bytes = fs::read(data().join("zstd.mcap")).unwrap();
        bytes[..8].copy_from_slice(damage);
        fs::write(&path, bytes).unwrap();
        assert_eq!(lines(&mut BagSource::open(&[path]).unwrap()), expected());
    }
}

#[test]
fn recordings_of_ros_1_are_named_as_such_with_the_cure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.bag");
    fs::write(&path, [&b"#ROSBAG V2.0\n"[..], &[0; 4096]].concat()).unwrap();
    let error = BagSource::open(std::slice::from_ref(&path)).err().unwrap().to_string();
    let expected = format!("{}: a ROS 1 bag: convert it first (rosbags-convert)", path.display());
    assert_eq!(error, expected);
    let error = BagSource::open(&[folder.path().to_owned()]).err().unwrap().to_string();
    assert!(error.ends_with("left out, a ROS 1 bag: convert it first (rosbags-convert)"), "{error}");
}

#[test]
fn an_mcap_of_ros_1_is_named_as_such_by_its_profile_or_its_channels() {
    for (profile, encoding) in [("ros1", "cdr"), ("", "ros1"), ("ros1", "ros1")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.mcap");
        let mut writer = ::mcap::WriteOptions::new().profile(profile).create(fs::File::create(&path).unwrap()).unwrap();
        writer.add_channel(0, "/camera/image", encoding, &Default::default()).unwrap();
        writer.finish().unwrap();
        let error = BagSource::open(&[path]).err().unwrap().to_string();
        assert!(
            error.contains("old.mcap: a ROS 1 recording in MCAP: convert the ROS 1 bag that it was made from first"),
            "{error}"
        );
    }
}

#[test]
fn a_type_without_its_middle_is_the_same_type() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("short.mcap");
    let mut writer = ::mcap::Writer::new(fs::File::create(&path).unwrap()).unwrap();
    let schema = writer.add_schema("std_msgs/String", "ros2msg", b"string data").unwrap();
    writer.add_channel(schema, "/chatter", "cdr", &Default::default()).unwrap();
    writer.finish().unwrap();
    let source = BagSource::open(&[path, data().join("zstd.mcap")]).unwrap();
    assert_eq!(source.topics()[2].type_name, "std_msgs/msg/String");
}

#[test]
fn bags_of_which_no_topic_is_taken_are_named() {
    let paths = [data().join("zstd.mcap"), data().join("split")];
    let source = BagSource::open(&paths).unwrap();
    assert_eq!(source.without(&["/chatter", "/odom"]), Vec::<&Path>::new());
    assert_eq!(source.without(&["/odom"]), [paths[0].as_path(), paths[1].as_path()]);
}

/// The text of a metadata.yaml as rosbag2 writes it in this version of the format.
fn metadata_of(version: u32, file: &str) -> String {
    let qos = match version {
        0..=3 => "",
        4..=8 => "\n        offered_qos_profiles: \"- history: 3\\n  depth: 0\\n  reliability: 1\\n  durability: 2\"",
        _ => {
            "\n        offered_qos_profiles:\n          - history: unknown\n            depth: 0\n            reliability: reliable"
        }
    };
    let hash = if version >= 7 { "\n        type_description_hash: RIHS01_00" } else { "" };
    let compression = if version >= 3 { "  compression_format: \"\"\n  compression_mode: \"\"\n" } else { "" };
    let name = if version >= 4 { file.to_owned() } else { format!("recorded/{file}") };
    let files = match version {
        0..=4 => String::new(),
        _ => format!(
            "  files:\n    - path: {file}\n      starting_time:\n        nanoseconds_since_epoch: 1\n      duration:\n        nanoseconds: 2\n      message_count: 36\n"
        ),
    };
    let custom = if version >= 6 { "  custom_data: ~\n" } else { "" };
    let distro = if version >= 8 { "  ros_distro: jazzy\n" } else { "" };
    format!(
        "rosbag2_bagfile_information:\n  version: {version}\n  storage_identifier: mcap\n  duration:\n    nanoseconds: 2\n  \
         starting_time:\n    nanoseconds_since_epoch: 1\n  message_count: 36\n  topics_with_message_count:\n    - topic_metadata:\n        \
         name: /chatter\n        type: std_msgs/msg/String\n        serialization_format: cdr{qos}{hash}\n      message_count: 12\n\
         {compression}  relative_file_paths:\n    - {name}\n{files}{custom}{distro}"
    )
}

#[test]
fn every_version_of_metadata_is_understood() {
    for version in 1..=9 {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(data().join("zstd.mcap"), folder.path().join("bag_0.mcap")).unwrap();
        fs::write(folder.path().join("metadata.yaml"), metadata_of(version, "bag_0.mcap")).unwrap();
        let mut source = BagSource::open(&[folder.path().to_owned()]).unwrap();
        assert_eq!((lines(&mut source), source.losses()), (expected(), vec![]), "version {version}");
        // And its count is held against the files.
        fs::write(
            folder.path().join("metadata.yaml"),
            metadata_of(version, "bag_0.mcap").replace("message_count: 36", "message_count: 37"),
        )
        .unwrap();
        let source = BagSource::open(&[folder.path().to_owned()]).unwrap();
        assert_eq!(source.losses(), [Loss::Fewer { path: folder.path().to_owned(), expected: 37, found: 36 }]);
    }
}

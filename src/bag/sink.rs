//! The walk's results as an MCAP file.
//!
//! The bytes depend on the messages alone: times are stamps, compression runs in one thread, channels are numbered in
//! the order in which they are given.

use super::out_file::{OutFile, OutFileError, Replace};
use crate::pipeline::{Outlet, OutputError, Outputs};
use crate::types::Stamp;
use ::mcap::records::{MessageHeader, Metadata};
use ::mcap::write::NoSeek;
use ::mcap::{Compression, McapError, WriteOptions, Writer};
use std::collections::BTreeMap;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// Uncompressed bytes after which a chunk is closed: seconds of detections and plans, or one annotated picture.
const CHUNK_BYTES: u64 = 1 << 20;

/// Footage after which a chunk is closed and handed to the system, so that a replay that is killed loses no more. By
/// stamps, as the bytes depend on the messages alone.
const CHUNK_SPAN_NS: u64 = 1_000_000_000;

/// What the header names as the library, before the version.
const LIBRARY: &str = "vedette/";

/// Why an MCAP file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The name cannot be taken, or the file not made.
    #[error(transparent)]
    File(#[from] OutFileError),
    /// The library says no.
    #[error("cannot write {path}", path = path.display())]
    Mcap {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: McapError,
    },
    /// An output type without message definition cannot be read by anyone.
    #[error("{path}: no message definition for {type_name}", path = path.display())]
    NoDefinition {
        /// The file.
        path: PathBuf,
        /// `package/msg/Type`.
        type_name: &'static str,
    },
    /// MCAP counts time from 1970 on.
    #[error("{path}: stamp {stamp} is before 1970, MCAP has no such log time", path = path.display())]
    Stamp {
        /// The file.
        path: PathBuf,
        /// The stamp.
        stamp: Stamp,
    },
    /// An output that was not among those to write.
    #[error("{path}: output {name} is not written to this file", path = path.display())]
    Unwanted {
        /// The file.
        path: PathBuf,
        /// Its private name.
        name: &'static str,
    },
}

#[derive(Debug, Clone, Copy)]
struct SinkChannel {
    outlet: Outlet,
    id: u16,
    sequence: u32,
}

/// Writes [`Outputs`] to an MCAP file: profile `ros2`, schemas `ros2msg`, CDR, zstd chunks with index, log time and
/// publish time both the stamp that comes with a message.
///
/// The file carries `.partial` behind its name until [`finish`](Self::finish): a file under its final name is whole.
/// What is there already is treated as [`OutFile`] says. A sink that is dropped instead leaves the `.partial` file, as
/// does one that is killed; [`BagSource`](super::BagSource) and every reader of MCAP read what it holds, in a killed
/// one all but the last second of footage.
pub struct McapSink {
    writer: Writer<NoSeek<BufWriter<OutFile>>>,
    channels: Vec<SinkChannel>,
    partial: PathBuf,
    /// The first stamp of the chunk that is open.
    chunk_begin: Option<Stamp>,
}

impl McapSink {
    /// What a file of results may take the place of: an earlier one, or `any` regular file.
    pub fn replace(any: bool) -> Replace {
        Replace { is_ours: is_result, any }
    }

    /// Begins a file for `outlets`, with their channels in this order. `topic_of` gives the resolved topic of an output,
    /// `definition_of` the whole message definition of a type (`wire::schema::message_definition`).
    ///
    /// # Errors
    /// When the file cannot be made, would replace what it may not, or a definition is missing.
    pub fn create(
        path: &Path,
        replace: Replace,
        outlets: &[Outlet],
        topic_of: impl Fn(Outlet) -> String,
        definition_of: impl Fn(&str) -> Option<&'static str>,
    ) -> Result<Self, SinkError> {
        let no_definition =
            outlets.iter().map(|outlet| outlet.output.type_name()).find(|type_name| definition_of(type_name).is_none());
        if let Some(type_name) = no_definition {
            return Err(SinkError::NoDefinition { path: path.to_owned(), type_name });
        }
        let file = OutFile::create(path, replace)?;
        let partial = file.partial().to_owned();
        let failed = |error| failed_at(&partial, error);
        let mut writer = WriteOptions::new()
            .profile("ros2")
            .library(format!("{LIBRARY}{}", env!("CARGO_PKG_VERSION")))
            .compression(Some(Compression::Zstd))
            .compression_level(1)
            .compression_threads(0)
            .chunk_size(Some(CHUNK_BYTES))
            .disable_seeking(true)
            .create(NoSeek::new(BufWriter::new(file)))
            .map_err(failed)?;
        writer.write_metadata(&player_note()).map_err(failed)?;
        // By its header the file is known as ours from now on.
        writer.flush().map_err(failed)?;
        let mut channels = Vec::with_capacity(outlets.len());
        for &outlet in outlets {
            let output = outlet.output;
            let type_name = output.type_name();
            let definition = definition_of(type_name).unwrap_or_default();
            let schema = writer.add_schema(type_name, "ros2msg", definition.as_bytes()).map_err(failed)?;
            let metadata = BTreeMap::from([("offered_qos_profiles".to_owned(), offered_qos(output.latched() > 0))]);
            let id = writer.add_channel(schema, &topic_of(outlet), "cdr", &metadata).map_err(failed)?;
            channels.push(SinkChannel { outlet, id, sequence: 0 });
        }
        Ok(Self { writer, channels, partial, chunk_begin: None })
    }

    /// Where the bytes are until the file is whole.
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// Closes the file and gives it its name; an earlier one is replaced.
    ///
    /// # Errors
    /// When that fails; the `.partial` file stays then.
    pub fn finish(self) -> Result<(), SinkError> {
        let Self { mut writer, partial, .. } = self;
        let failed = |error| failed_at(&partial, error);
        writer.finish().map_err(failed)?;
        let stream = writer.into_inner().into_inner();
        let file = stream.into_inner().map_err(|error| failed(McapError::Io(error.into_error())))?;
        Ok(file.finish()?)
    }

    fn write(&mut self, outlet: Outlet, stamp: Stamp, cdr: &[u8]) -> Result<(), SinkError> {
        let Some(channel) = self.channels.iter_mut().find(|channel| channel.outlet == outlet) else {
            return Err(SinkError::Unwanted { path: self.partial.clone(), name: outlet.output.name() });
        };
        let Ok(log_time) = u64::try_from(stamp.as_ns()) else {
            return Err(SinkError::Stamp { path: self.partial.clone(), stamp });
        };
        let failed = |error| failed_at(&self.partial, error);
        let sequence = channel.sequence;
        channel.sequence = sequence.wrapping_add(1);
        let header = MessageHeader { channel_id: channel.id, sequence, log_time, publish_time: log_time };
        if self.chunk_begin.is_some_and(|begin| begin.as_ns().abs_diff(stamp.as_ns()) >= CHUNK_SPAN_NS) {
            self.writer.flush().map_err(failed)?;
            self.chunk_begin = None;
        }
        self.chunk_begin.get_or_insert(stamp);
        self.writer.write_to_known_channel(&header, cdr).map_err(failed)
    }
}

/// What the library says, without its words around what the file system says.
fn failed_at(path: &Path, error: McapError) -> SinkError {
    let path = path.to_owned();
    match error {
        McapError::Io(source) => OutFileError::Io { path, source }.into(),
        source => SinkError::Mcap { path, source },
    }
}

/// Whether a file that begins so was written by a [`McapSink`]: its header record names profile and library.
fn is_result(first: &[u8]) -> bool {
    // The record's opcode and length, then two strings with their lengths before them.
    let header = first.strip_prefix(::mcap::MAGIC).and_then(|rest| rest.get(9..));
    let library = header.and_then(|header| header.strip_prefix(b"\x04\0\0\0ros2")).and_then(|rest| rest.get(4..));
    first.get(8) == Some(&::mcap::records::op::HEADER)
        && library.is_some_and(|library| library.starts_with(LIBRARY.as_bytes()))
}

impl Outputs for McapSink {
    fn put(&mut self, outlet: Outlet, stamp: Stamp, cdr: &[u8]) -> Result<(), OutputError> {
        let output = outlet.output;
        self.write(outlet, stamp, cdr).map_err(|error| OutputError { output, stamp, source: Box::new(error) })
    }

    fn wants(&self, outlet: Outlet) -> bool {
        self.channels.iter().any(|channel| channel.outlet == outlet)
    }
}

/// The QoS of our publishers, in numbers: rosbag2's players up to Iron know no names, and the newer ones take numbers
/// where [`PLAYER_NOTE`] says that the file is of that time.
fn offered_qos(latched: bool) -> String {
    const ENDLESS: &str = "\n    sec: 9223372036\n    nsec: 854775807";
    const KEEP_LAST: u8 = 1;
    const RELIABLE: u8 = 1;
    const AUTOMATIC: u8 = 1;
    let durability = if latched { TRANSIENT_LOCAL } else { VOLATILE };
    format!(
        "- history: {KEEP_LAST}\n  depth: 10\n  reliability: {RELIABLE}\n  durability: {durability}\n  \
         deadline:{ENDLESS}\n  lifespan:{ENDLESS}\n  liveliness: {AUTOMATIC}\n  \
         liveliness_lease_duration:{ENDLESS}\n  avoid_ros_namespace_conventions: false"
    )
}

const TRANSIENT_LOCAL: u8 = 1;
const VOLATILE: u8 = 2;

/// A rosbag2 metadata of version 8, the last one with numbers, as its MCAP plugin keeps one within a file. A player
/// takes the version from it and all else from the file's own records.
const PLAYER_NOTE: &str = "version: 8
storage_identifier: mcap
duration:
  nanoseconds: 0
starting_time:
  nanoseconds_since_epoch: 0
message_count: 0
topics_with_message_count: []
compression_format: \"\"
compression_mode: \"\"
relative_file_paths: []
files: []
custom_data: {}
ros_distro: \"\"
";

/// The record that holds it.
fn player_note() -> Metadata {
    let entries = BTreeMap::from([("serialized_metadata".to_owned(), PLAYER_NOTE.to_owned())]);
    Metadata { name: "rosbag2".to_owned(), metadata: entries }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bag::BagSource;
    use crate::bag::Source;
    use crate::pipeline::Output;
    use crate::types::CameraId;

    fn of(output: Output) -> Outlet {
        output.of(CameraId(0))
    }

    fn create(path: &Path) -> Result<McapSink, SinkError> {
        let topic_of = |outlet: Outlet| outlet.output.name().replace('~', "/vedette");
        let definition_of = |type_name: &str| (type_name != "sensor_msgs/msg/Image").then_some("uint8 x");
        let outlets = [Output::LabelInfo, Output::Detections, Output::Plan].map(of);
        McapSink::create(path, McapSink::replace(false), &outlets, topic_of, definition_of)
    }

    fn fill(sink: &mut McapSink) {
        sink.put(of(Output::LabelInfo), Stamp::from_ns(5), b"labels").unwrap();
        for frame in 0_u8..200 {
            let stamp = Stamp::from_ns(5 + i64::from(frame));
            sink.put(of(Output::Detections), stamp, &[frame; 9000]).unwrap();
            sink.put(of(Output::Plan), stamp, &[frame, frame]).unwrap();
        }
    }

    #[test]
    fn the_same_messages_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = folder.path().join(name);
            let mut sink = create(&path).unwrap();
            fill(&mut sink);
            sink.finish().unwrap();
            std::fs::read(path).unwrap()
        };
        assert!(write("a.mcap") == write("b.mcap"));
    }

    #[test]
    fn what_is_written_reads_back_with_its_stamps_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.mcap");
        let mut sink = create(&path).unwrap();
        fill(&mut sink);
        sink.finish().unwrap();
        let mut source = BagSource::open(&[path]).unwrap();
        let topics: Vec<_> = source.topics().iter().map(|topic| (topic.name.clone(), topic.messages)).collect();
        let expected = [("/vedette/detections", 200), ("/vedette/label_info", 1), ("/vedette/plan", 200)];
        assert_eq!(topics, expected.map(|(name, count)| (name.to_owned(), Some(count))));
        let first = source.next_message().unwrap().unwrap();
        assert_eq!((first.topic, first.log_time.as_ns(), first.cdr), ("/vedette/label_info", 5, &b"labels"[..]));
        for frame in 0_u8..200 {
            let detections = source.next_message().unwrap().unwrap();
            assert_eq!((detections.topic, detections.cdr), ("/vedette/detections", &[frame; 9000][..]));
            let plan = source.next_message().unwrap().unwrap();
            assert_eq!(plan.log_time.as_ns(), 5 + i64::from(frame));
        }
        assert!(source.next_message().unwrap().is_none() && source.losses().is_empty());
    }

    #[test]
    fn the_file_says_ros2_and_which_topics_are_latched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.mcap");
        create(&path).unwrap().finish().unwrap();
        let bytes = std::fs::read(path).unwrap();
        assert!(bytes[..40].windows(4).any(|window| window == b"ros2"));
        let summary = ::mcap::Summary::read(&bytes).unwrap().unwrap();
        let channel = |id: u16| summary.channels[&id].clone();
        assert_eq!(channel(1).topic, "/vedette/label_info");
        assert_eq!(channel(1).message_encoding, "cdr");
        let schema = channel(1).schema.clone().unwrap();
        assert_eq!((schema.name.as_str(), schema.encoding.as_str()), ("vision_msgs/msg/LabelInfo", "ros2msg"));
        assert_eq!(schema.data.as_ref(), b"uint8 x");
        assert!(channel(1).metadata["offered_qos_profiles"].contains("durability: 1\n"));
        assert!(channel(2).metadata["offered_qos_profiles"].contains("durability: 2\n"));
        let note = &summary.metadata_indexes[0];
        assert_eq!(note.name, "rosbag2");
    }

    #[test]
    fn a_file_under_its_final_name_is_whole_and_a_dropped_one_keeps_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.mcap");
        let mut sink = create(&path).unwrap();
        fill(&mut sink);
        assert!(!path.exists());
        drop(sink);
        assert!(!path.exists());
        let mut source = BagSource::open(&[folder.path().join("out.mcap.partial")]).unwrap();
        let count = std::iter::from_fn(|| source.next_message().unwrap().map(|_| ())).count();
        assert_eq!(count, 401);
    }

    #[test]
    fn an_earlier_result_is_replaced_and_another_recording_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.mcap");
        create(&path).unwrap().finish().unwrap();
        create(&path).unwrap().finish().unwrap();
        let recording = Writer::new(std::fs::File::create(&path).unwrap()).unwrap().finish();
        recording.unwrap();
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(create(&path), Err(SinkError::File(OutFileError::Foreign { .. }))));
        assert!(std::fs::read(&path).unwrap() == before);
    }

    #[test]
    fn all_but_the_last_second_of_footage_is_on_its_way_to_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.mcap");
        let mut sink = create(&path).unwrap();
        let killed = folder.path().join("killed.mcap");
        // Stamps of a camera at 10 Hz that begin again once.
        for frame in (0..35).chain(0..35) {
            sink.put(of(Output::Plan), Stamp::from_ns(frame * 100_000_000), b"plan").unwrap();
            std::fs::copy(sink.partial(), &killed).unwrap();
        }
        let mut source = BagSource::open(&[killed]).unwrap();
        let count = std::iter::from_fn(|| source.next_message().unwrap().map(|_| ())).count();
        assert_eq!(count, 65);
    }

    #[test]
    fn what_cannot_be_written_is_refused_with_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.mcap");
        let mut sink = create(&path).unwrap();
        let error = sink.put(of(Output::Plan), Stamp::from_ns(-1), b"").unwrap_err();
        assert_eq!(error.to_string(), "cannot write ~/plan stamped -1.999999999");
        let error = error.source.to_string();
        assert!(error.ends_with("out.mcap.partial: stamp -1.999999999 is before 1970, MCAP has no such log time"));
        assert!(!sink.wants(of(Output::Path)));
        assert!(sink.put(of(Output::Path), Stamp::from_ns(1), b"").is_err());

        let below_a_file = sink.partial().join("out.mcap");
        let error = create(&below_a_file).err().unwrap().to_string();
        assert_eq!(error, format!("cannot write {}", below_a_file.display()));
        let (path, image) = (folder.path().join("image.mcap"), [of(Output::ImageAnnotated)]);
        let replace = McapSink::replace(false);
        let error = McapSink::create(&path, replace, &image, |_| String::new(), |_| None).err().unwrap().to_string();
        assert_eq!(error, format!("{}: no message definition for sensor_msgs/msg/Image", path.display()));
        assert!(!path.with_extension("mcap.partial").exists());
    }
}

//! Bags that were cut off, damaged or made up.

use super::{data, expected, lines, lines_and_errors};
use crate::bag::BagSource;
use crate::bag::{Loss, Source, SourceError};
use proptest::prelude::*;
use std::path::Path;

/// A bag file with other bytes.
struct Changed {
    folder: tempfile::TempDir,
    name: String,
}

impl Changed {
    fn new(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = std::fs::read(data().join(name)).unwrap();
        change(&mut bytes);
        std::fs::write(folder.path().join(name), bytes).unwrap();
        Self { folder, name: name.to_owned() }
    }

    fn open(&self) -> Result<BagSource, SourceError> {
        BagSource::open(&[self.folder.path().join(&self.name)])
    }
}

/// Offsets at which message data ends in an uncompressed file, with the line of the message.
fn ends_of_messages(bytes: &[u8], written: &[String]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for line in written {
        let mut parts = line.split(' ').skip(3);
        let len: usize = parts.next().unwrap().parse().unwrap();
        let crc = u32::from_str_radix(parts.next().unwrap(), 16).unwrap();
        let at = bytes.windows(len).position(|window| crc32fast::hash(window) == crc).unwrap();
        found.push((at + len, line.clone()));
    }
    found
}

#[test]
fn a_file_that_is_cut_anywhere_gives_every_message_before_the_cut_and_tells_the_loss() {
    for name in ["plain.mcap", "unchunked_no_summary.mcap"] {
        let whole = std::fs::read(data().join(name)).unwrap();
        let ends = ends_of_messages(&whole, &expected());
        let last = ends.iter().map(|(end, _)| *end).max().unwrap();
        for cut in (8..whole.len()).step_by(97).chain(last - 1..last + 2) {
            let changed = Changed::new(name, |bytes| bytes.truncate(cut));
            let mut source = changed.open().unwrap();
            let found = lines(&mut source);
            let before: Vec<_> =
                expected().into_iter().filter(|line| ends.iter().any(|(end, of)| of == line && *end <= cut)).collect();
            assert_eq!(found, before, "{name} cut at {cut}");
            if found.len() < expected().len() {
                assert!(matches!(&source.losses()[..], [Loss::Cut { .. }]), "{name} cut at {cut}");
            }
        }
    }
}

#[test]
fn a_cut_in_a_compressed_chunk_costs_at_most_that_chunk() {
    for name in ["zstd.mcap", "lz4.mcap", "no_summary.mcap", "mcap_storage/mcap_storage.mcap"] {
        let whole = std::fs::read(data().join(name)).unwrap();
        let mut most = 0;
        for cut in (8..whole.len()).step_by(61) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("cut.mcap");
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut source = BagSource::open(&[path]).unwrap();
            let found = lines(&mut source);
            assert!(found.iter().all(|line| expected().contains(line)), "{name} cut at {cut}");
            assert!(found.len() >= most, "{name} cut at {cut}: {} messages, a shorter file gave {most}", found.len());
            most = found.len();
        }
        assert_eq!(most, expected().len(), "{name}");
    }
}

#[test]
fn the_loss_says_where_the_file_was_cut_and_how_much_lies_behind() {
    let whole = std::fs::read(data().join("unchunked_no_summary.mcap")).unwrap();
    let end = ends_of_messages(&whole, &expected()).into_iter().map(|(end, _)| end).min().unwrap();
    let changed = Changed::new("unchunked_no_summary.mcap", |bytes| bytes.truncate(end + 40));
    let mut source = changed.open().unwrap();
    assert_eq!(lines(&mut source).len(), 1);
    let losses: Vec<_> = source.losses().iter().map(ToString::to_string).collect();
    let path = changed.folder.path().join("unchunked_no_summary.mcap");
    let expected = format!(
        "{}: cut off or damaged: 40 bytes from byte {end} on are no whole record, 0 messages could be read from them",
        path.display()
    );
    assert_eq!(losses, [expected]);
}

#[test]
fn a_recorder_that_was_killed_before_its_first_message_leaves_an_empty_bag_with_a_loss() {
    let changed = Changed::new("plain.mcap", |bytes| bytes.truncate(8));
    let mut source = changed.open().unwrap();
    assert!(source.next_message().unwrap().is_none());
    assert!(matches!(source.losses()[..], [Loss::Cut { at: 8, bytes: 0, recovered: 0, .. }]));
}

#[test]
fn a_split_file_that_was_cut_is_missed_in_the_count_of_the_metadata() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["metadata.yaml", "split_0.mcap", "split_1.mcap", "split_2.mcap"] {
        let mut bytes = std::fs::read(data().join("split").join(file)).unwrap();
        if file == "split_2.mcap" {
            bytes.truncate(900);
        }
        std::fs::write(folder.path().join(file), bytes).unwrap();
    }
    let mut source = BagSource::open(&[folder.path().to_owned()]).unwrap();
    let found = lines(&mut source).len() as u64;
    let losses = source.losses();
    assert!(matches!(losses[0], Loss::Cut { .. }));
    assert_eq!(losses[1], Loss::Fewer { path: folder.path().to_owned(), expected: 36, found });
}

#[test]
fn a_chunk_that_contradicts_its_crc_is_an_error_with_its_offset_and_the_rest_is_given() {
    let whole = std::fs::read(data().join("plain.mcap")).unwrap();
    let (end, damaged) = ends_of_messages(&whole, &expected()).swap_remove(20);
    for cut_summary in [false, true] {
        let changed = Changed::new("plain.mcap", |bytes| {
            bytes[end - 1] ^= 1;
            if cut_summary {
                let keep = bytes.len() - 20;
                bytes.truncate(keep);
            }
        });
        let mut source = changed.open().unwrap();
        let (found, errors) = lines_and_errors(&mut source);
        let [error] = &errors[..] else { panic!("{errors:?}") };
        let message = error.split("plain.mcap: at byte ").nth(1).unwrap();
        let offset: usize = message.split(':').next().unwrap().parse().unwrap();
        assert_eq!(whole[offset], 6, "the offset is that of a chunk record");
        assert!(offset < end && message.contains("chunk has CRC"), "{error}");
        assert!(found.len() >= 26 && !found.contains(&damaged), "{}", found.len());
        assert!(found.is_sorted_by_key(|line| line.split(' ').next().unwrap().to_owned()));
    }
}

#[test]
fn damage_between_two_chunks_costs_nothing_behind_it_when_there_is_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("noted.mcap");
    let mut writer = ::mcap::Writer::new(std::fs::File::create(&path).unwrap()).unwrap();
    let channel = writer.add_channel(0, "/a", "cdr", &Default::default()).unwrap();
    let header =
        |time| ::mcap::records::MessageHeader { channel_id: channel, sequence: 0, log_time: time, publish_time: time };
    writer.write_to_known_channel(&header(1), b"before").unwrap();
    let note = ::mcap::records::Metadata { name: "note".into(), metadata: Default::default() };
    writer.write_metadata(&note).unwrap();
    writer.write_to_known_channel(&header(2), b"behind").unwrap();
    let note = writer.finish().unwrap().metadata_indexes.remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    let length = usize::try_from(note.offset).unwrap() + 1;
    bytes[length..length + 8].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let mut source = BagSource::open(std::slice::from_ref(&path)).unwrap();
    assert_eq!(source.next_message().unwrap().unwrap().cdr, b"before");
    assert_eq!(source.next_message().unwrap().unwrap().cdr, b"behind");
    assert!(source.next_message().unwrap().is_none());
    assert_eq!(source.losses(), [Loss::Cut { path, at: note.offset, bytes: note.length, recovered: 0 }]);
}

/// Where the records of an MCAP file begin, by opcode.
fn records(bytes: &[u8]) -> Vec<(u8, usize)> {
    let (mut at, mut found) = (8, Vec::new());
    while at + 9 <= bytes.len() - 8 {
        found.push((bytes[at], at));
        at += 9 + usize::try_from(u64::from_le_bytes(bytes[at + 1..at + 9].try_into().unwrap())).unwrap();
    }
    found
}

#[test]
fn damage_where_no_index_leads_around_it_costs_what_it_hits() {
    for (name, opcode) in [("no_summary.mcap", 6), ("unchunked_no_summary.mcap", 5)] {
        let whole = std::fs::read(data().join(name)).unwrap();
        let hit: Vec<usize> = records(&whole).iter().filter(|(found, _)| *found == opcode).map(|(_, at)| *at).collect();
        let most = if opcode == 6 { 15 } else { 2 };
        // Its length alone, its header, all of its beginning.
        for (from, to) in [(1, 9), (0, 30), (0, 120)] {
            for at in &hit[1..hit.len() - 1] {
                for value in [0, 0xff] {
                    let changed = Changed::new(name, |bytes| bytes[at + from..at + to].fill(value));
                    let mut source = changed.open().unwrap();
                    let (found, told) = lines_and_errors(&mut source);
                    let what = format!("{name} with {value:#x} at {at} + {from}..{to}");
                    assert!(found.iter().all(|line| expected().contains(line)), "{what}");
                    assert!(found.len() + most >= expected().len(), "{what}: {} messages", found.len());
                    assert!(
                        found.len() == 36 || !(told.is_empty() && source.losses().is_empty()),
                        "{what}: in silence"
                    );
                }
            }
        }
    }
}

#[test]
fn a_chunk_that_claims_more_than_fits_is_an_error_before_anything_is_allocated() {
    let whole = std::fs::read(data().join("zstd.mcap")).unwrap();
    let chunk = ::mcap::Summary::read(&whole).unwrap().unwrap().chunk_indexes.remove(0);
    let at = usize::try_from(chunk.chunk_start_offset).unwrap();
    let (inflated, compressed) = (at + 25, at + 45);
    for (place, reason) in [(inflated, "claims to hold 1099511627776"), (compressed, "claims 1099511627776 bytes")] {
        let changed =
            Changed::new("zstd.mcap", |bytes| bytes[place..place + 8].copy_from_slice(&(1_u64 << 40).to_le_bytes()));
        let (found, errors) = lines_and_errors(&mut changed.open().unwrap());
        assert!(errors.len() == 1 && errors[0].contains(reason), "{errors:?}");
        assert!(errors[0].contains(&format!("at byte {at}: ")) && found.len() > 25, "{errors:?}");
    }
}

#[test]
fn an_unknown_chunk_compression_is_named() {
    let changed = Changed::new("lz4.mcap", |bytes| {
        let places: Vec<_> = (0..bytes.len() - 3).filter(|at| &bytes[*at..at + 3] == b"lz4").collect();
        places.into_iter().for_each(|at| bytes[at..at + 3].copy_from_slice(b"lz5"));
    });
    let (found, errors) = lines_and_errors(&mut changed.open().unwrap());
    assert!(found.is_empty());
    assert!(errors[0].ends_with("lz4.mcap: compression is lz5, expected none, zstd or lz4"), "{errors:?}");
}

#[test]
fn a_cut_sqlite_file_gives_what_its_pages_still_hold() {
    let whole = std::fs::read(data().join("schema3.db3")).unwrap();
    let mut most = 0;
    for pages in 1..whole.len() / 512 {
        let changed = Changed::new("schema3.db3", |bytes| bytes.truncate(pages * 512));
        let Ok(mut source) = changed.open() else { continue };
        let (found, errors) = lines_and_errors(&mut source);
        assert_eq!(errors, Vec::<String>::new());
        assert!(found.iter().all(|line| expected().contains(line)), "{pages} pages");
        assert!(matches!(source.losses()[0], Loss::Pages { .. }), "{pages} pages");
        most = most.max(found.len());
    }
    assert!(most > 20, "{most}");
}

/// An MCAP file of `count` messages of 1000 bytes that do not compress.
fn noise_mcap(path: &Path, count: u64, options: ::mcap::WriteOptions) {
    let mut writer = options.create(std::fs::File::create(path).unwrap()).unwrap();
    let channel = writer.add_channel(0, "/noise", "cdr", &Default::default()).unwrap();
    let mut word = 1_u32;
    for number in 0..count {
        let data: Vec<u8> = std::iter::repeat_with(|| {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            word.to_be_bytes()[0]
        })
        .take(1000)
        .collect();
        let header =
            ::mcap::records::MessageHeader { channel_id: channel, sequence: 0, log_time: number, publish_time: number };
        writer.write_to_known_channel(&header, &data).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn a_cut_zstd_file_gives_what_decompresses() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("noise.mcap");
    noise_mcap(&path, 1000, ::mcap::WriteOptions::new().use_chunks(false));
    let compressed = zstd::bulk::compress(&std::fs::read(&path).unwrap(), 1).unwrap();
    let cut = folder.path().join("noise.mcap.zstd");
    std::fs::write(&cut, &compressed[..compressed.len() / 2]).unwrap();
    let mut source = BagSource::open(std::slice::from_ref(&cut)).unwrap();
    let found = lines(&mut source).len();
    assert!((300..=500).contains(&found), "{found}");
    assert!(matches!(source.losses()[..], [Loss::Compressed { .. }, Loss::Cut { .. }]));

    std::fs::write(&cut, &compressed[..100]).unwrap();
    let error = BagSource::open(&[cut]).err().unwrap().to_string();
    assert!(error.contains("noise.mcap.zstd: at byte 0: does not decompress beyond 0 bytes"), "{error}");
}

#[test]
fn a_chunk_that_was_being_written_gives_the_messages_that_decompress() {
    use ::mcap::Compression::{Lz4, Zstd};
    for compression in [None, Some(Zstd), Some(Lz4)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("noise.mcap");
        noise_mcap(&path, 1000, ::mcap::WriteOptions::new().compression(compression).chunk_size(None));
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let mut source = BagSource::open(&[path]).unwrap();
        let found = lines(&mut source).len() as u64;
        assert!((300..=520).contains(&found), "{found}");
        assert!(matches!(source.losses()[..], [Loss::Cut { recovered, .. }] if recovered == found));
    }
}

#[test]
fn one_topic_under_two_types_hurts_only_whoever_chooses_it() {
    let changed = Changed::new("schema1.db3", |bytes| {
        let at = bytes.windows(19).position(|window| window == b"std_msgs/msg/String").unwrap();
        bytes[at..at + 19].copy_from_slice(b"std_msgs/msg/StrinX");
    });
    let paths = [data().join("zstd.mcap"), changed.folder.path().join("schema1.db3")];
    let mut source = BagSource::open(&paths).unwrap();
    source.select(&["/camera/image"]).unwrap();
    assert_eq!(lines(&mut source).len(), 24);
    let error = source.select(&["/camera/image", "/chatter"]).unwrap_err();
    let expected = "schema1.db3: topic /chatter is std_msgs/msg/StrinX, elsewhere it is std_msgs/msg/String";
    assert!(error.to_string().ends_with(expected), "{error}");
    assert_eq!(lines(&mut source).len(), 24, "it is left out");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_bytes_never_panic(
        form in 0_usize..5,
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let name = ["plain.mcap", "zstd.mcap", "lz4.mcap", "unchunked.mcap", "schema4.db3"][form];
        let changed = Changed::new(name, |bytes| {
            for (place, value) in damage {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
        });
        if let Ok(mut source) = changed.open() {
            lines_and_errors(&mut source);
        }
    }

    #[test]
    fn random_bytes_never_panic(magic in any::<bool>(), bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let changed = Changed::new("plain.mcap", |file| {
            *file = if magic { [&file[..8], &bytes].concat() } else { bytes };
        });
        if let Ok(mut source) = changed.open() {
            lines_and_errors(&mut source);
        }
    }
}

#[test]
fn bytes_lost_or_inserted_in_a_chunk_cost_the_messages_that_they_hit() {
    let whole = std::fs::read(data().join("plain.mcap")).unwrap();
    let ends = ends_of_messages(&whole, &expected());
    let (first, last) =
        (ends.iter().map(|(end, _)| *end).min().unwrap(), ends.iter().map(|(end, _)| *end).max().unwrap());
    let mut places = (first..last).step_by(53);
    assert!(places.len() > 10);
    assert!(places.all(|place| {
        for insert in [false, true] {
            let changed = Changed::new("plain.mcap", |bytes| {
                let new: &[u8] = if insert { &[7; 5] } else { &[] };
                bytes.splice(place..place + if insert { 0 } else { 5 }, new.iter().copied());
            });
            let mut source = changed.open().unwrap();
            let (found, errors) = lines_and_errors(&mut source);
            assert!(errors.is_empty(), "{place} {insert}: {errors:?}");
            let strange: Vec<_> = found.iter().filter(|line| !expected().contains(line)).collect();
            assert!(strange.is_empty(), "{place} {insert}: {strange:?}");
            assert!(found.len() + 4 >= expected().len(), "{place} {insert}: {} messages", found.len());
            assert!(source.losses().iter().any(|loss| matches!(loss, Loss::Cut { .. })), "{place} {insert}");
        }
        true
    }));
}

#[test]
fn a_recording_behind_the_end_of_another_is_told() {
    let one = std::fs::read(data().join("plain.mcap")).unwrap();
    let changed = Changed::new("plain.mcap", |bytes| bytes.extend_from_slice(&one));
    let mut source = changed.open().unwrap();
    assert_eq!(lines(&mut source), expected());
    let path = changed.folder.path().join("plain.mcap");
    let bytes = one.len() as u64;
    assert_eq!(source.losses(), [Loss::Behind { path, at: bytes, bytes }]);
}

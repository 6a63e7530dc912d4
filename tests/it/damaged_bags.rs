//! Bags with flipped bits, cut ends, zeros and lengths that are none: reading them ends, takes little memory, and what
//! is missing is told.

use crate::allocations::peak_bytes_in;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use vedette::bag::{BagSource, Source};

/// Far more than the bags of the tests hold, decompressed, in all buffers together.
pub const MOST_BYTES: usize = 8 << 20;

/// What stands in the place of a length.
const LENGTHS: [u64; 8] = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 40, u64::MAX >> 1, u64::MAX];

pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bags")
}

/// What became of a bag.
#[derive(Default)]
pub struct Outcome {
    /// Messages as lines of `expected.txt`.
    pub given: Vec<String>,
    /// Errors and losses.
    pub told: Vec<String>,
}

pub fn read(path: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    let mut source = match BagSource::open(&[path.to_owned()]) {
        Ok(source) => source,
        Err(error) => {
            outcome.told.push(error.to_string());
            return outcome;
        }
    };
    let types: Vec<_> = source.topics().iter().map(|topic| (topic.name.clone(), topic.type_name.clone())).collect();
    for _ in 0..1000 {
        match source.next_message() {
            Ok(Some(message)) => {
                let (_, type_name) = types.iter().find(|(name, _)| name == message.topic).unwrap();
                let (time, crc) = (message.log_time.as_ns(), crc32fast::hash(message.cdr));
                outcome.given.push(format!("{time} {} {type_name} {} {crc:08x}", message.topic, message.cdr.len()));
            }
            Ok(None) => {
                outcome.told.extend(source.losses().iter().map(ToString::to_string));
                return outcome;
            }
            Err(error) => outcome.told.push(error.to_string()),
        }
    }
    panic!("{} does not end", path.display());
}

/// Reads a bag with other bytes, and sees to it that this takes little memory.
fn read_changed(path: &Path, bytes: &[u8], what: &str) -> Outcome {
    fs::write(path, bytes).unwrap();
    let mut outcome = Outcome::default();
    let peak = peak_bytes_in(|| outcome = read(path));
    assert!(peak < MOST_BYTES, "{what} takes {peak} bytes");
    outcome
}

/// One of the ways in which disks, copies and recorders damage a file, and its name.
pub fn damage(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) -> String {
    let mut below = |limit: usize| usize::try_from(random.next_u64() % limit as u64).unwrap();
    match below(4) {
        0 => {
            let places: Vec<usize> = (0..=below(8)).map(|_| below(bytes.len())).collect();
            places.iter().for_each(|place| bytes[*place] ^= 1 << below(8));
            format!("bits flipped at {places:?}")
        }
        1 => {
            bytes.truncate(below(bytes.len()));
            format!("cut to {}", bytes.len())
        }
        2 => {
            let begin = below(bytes.len());
            let end = (begin + 1 + below(600)).min(bytes.len());
            bytes[begin..end].fill(0);
            format!("zeros in {begin}..{end}")
        }
        _ => {
            let (place, width, length) = (below(bytes.len() - 8), [4, 8][below(2)], LENGTHS[below(LENGTHS.len())]);
            bytes[place..place + width].copy_from_slice(&length.to_le_bytes()[..width]);
            format!("{length:#x} in {width} bytes at {place}")
        }
    }
}

/// Bag files, whether each counts its own messages, and whether CRCs guard their content.
const FORMS: [(&str, bool, bool); 12] = [
    ("plain.mcap", true, true),
    ("zstd.mcap", true, true),
    ("lz4.mcap", true, true),
    ("one_chunk.mcap", true, true),
    ("no_message_index.mcap", true, true),
    ("chunk_index_only.mcap", false, true),
    ("no_summary.mcap", false, true),
    ("unchunked.mcap", true, false),
    ("unchunked_no_summary.mcap", false, false),
    ("zstd.mcap.zstd", true, true),
    ("schema1.db3", false, false),
    ("schema4.db3", false, false),
];

#[test]
fn damaged_bags_are_read_to_their_end_in_little_memory_and_nothing_is_lost_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bag");
    let expected: BTreeSet<String> =
        fs::read_to_string(data().join("expected.txt")).unwrap().lines().map(str::to_owned).collect();
    let (mut damaged, mut told) = (0, 0);
    for (form, counts, guarded) in FORMS {
        let whole = fs::read(data().join(form)).unwrap();
        for seed in 0..60 {
            let mut bytes = whole.clone();
            let what = damage(&mut bytes, &mut ChaCha8Rng::seed_from_u64(seed));
            let what = format!("{form}, seed {seed}, {what}");
            let outcome = read_changed(&path, &bytes, &what);
            damaged += 1;
            told += usize::from(!outcome.told.is_empty());
            if outcome.told.is_empty() {
                assert!(!counts || outcome.given.len() == expected.len(), "{what}: {} given", outcome.given.len());
                let strange = outcome.given.iter().find(|line| !expected.contains(*line));
                assert!(!guarded || strange.is_none(), "{what}: {strange:?}");
                assert!(!outcome.given.is_empty(), "{what}: nothing, and nothing said");
            }
        }
    }
    assert!(told > damaged / 2, "{told} of {damaged} damages did any harm");
}

#[test]
fn no_length_anywhere_makes_the_reader_ask_for_memory_that_the_file_does_not_fill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bag");
    for form in ["zstd.mcap", "no_summary.mcap"] {
        let whole = fs::read(data().join(form)).unwrap();
        for place in (0..whole.len() - 4).step_by(2) {
            let mut bytes = whole.clone();
            bytes[place..place + 4].fill(0xff);
            read_changed(&path, &bytes, &format!("{form} with 0xffffffff at {place}"));
        }
    }
}

#[test]
fn zeros_over_the_only_chunks_header_are_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bag.mcap");
    let whole = fs::read(data().join("one_chunk.mcap")).unwrap();
    // Magic, then the header record; the chunk's record begins behind it.
    let header = usize::try_from(u64::from_le_bytes(whole[9..17].try_into().unwrap())).unwrap();
    let chunk = 8 + 9 + header;
    assert_eq!(whole[chunk], 6, "a chunk record");
    for width in [8, 32, 40] {
        let mut bytes = whole.clone();
        bytes[chunk + 9..chunk + 9 + width].fill(0);
        let outcome = read_changed(&path, &bytes, "zeros");
        assert!(outcome.given.is_empty() || outcome.given.len() == 36, "{}", outcome.given.len());
        assert!(outcome.given.len() == 36 || outcome.told.len() == 2, "{width}: {:?}", outcome.told);
    }
}

#[test]
fn a_chunk_that_is_no_chunk_any_more_is_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bag.mcap");
    let mut bytes = fs::read(data().join("no_summary.mcap")).unwrap();
    let whole = read_changed(&path, &bytes, "whole");
    assert!(whole.given.len() == 36 && whole.told.is_empty(), "{:?}", whole.told);
    let chunk = 8 + 9 + usize::try_from(u64::from_le_bytes(bytes[9..17].try_into().unwrap())).unwrap();
    assert_eq!(bytes[chunk], 6, "a chunk record");
    bytes[chunk] = 0x46;
    let outcome = read_changed(&path, &bytes, "another opcode");
    assert!(outcome.given.len() < 36);
    let expected = format!("damaged records: 1, the first at byte {chunk}: no kind of record is 0x46");
    assert!(outcome.told.iter().any(|told| told.ends_with(&expected)), "{:?}", outcome.told);
}

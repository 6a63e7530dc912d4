//! Whole bags damaged at random, several things at once: files cut, flipped, zeroed, emptied, removed and renamed,
//! metadata.yaml mutated. Reading one ends, takes little memory, tells what is missing, and gives all that lies in files
//! that nothing has happened to.

use crate::allocations::peak_bytes_in;
use crate::damaged_bags::{MOST_BYTES, Outcome, damage, data, read};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const BAGS: u64 = 500;

/// Folders, and whether CRCs guard their content, as in what the `mcap` package writes.
const FORMS: [(&str, bool); 9] = [
    ("split", true),
    ("mcap_none", false),
    ("mcap_file", false),
    ("mcap_message", false),
    ("mcap_storage", false),
    ("sqlite3_none", false),
    ("sqlite3_file", false),
    ("sqlite3_message", false),
    (KILLED, false),
];

/// A sqlite3 bag with a write-ahead log beside it, made here.
const KILLED: &str = "killed";

fn make(form: &str, folder: &Path) {
    if form != KILLED {
        for entry in fs::read_dir(data().join(form)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
        return;
    }
    let live = tempfile::tempdir().unwrap();
    let live = live.path().join("live.db3");
    let connection = rusqlite::Connection::open(&live).unwrap();
    connection.execute("ATTACH ? AS whole", [data().join("schema4.db3").to_str().unwrap()]).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;
             CREATE TABLE topics AS SELECT * FROM whole.topics;
             CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB);
             INSERT INTO messages SELECT * FROM whole.messages WHERE id <= 12;
             PRAGMA wal_checkpoint(TRUNCATE);
             INSERT INTO messages SELECT * FROM whole.messages WHERE id > 12;",
        )
        .unwrap();
    for suffix in ["", "-wal"] {
        let to = folder.join(format!("killed_0.db3{suffix}"));
        fs::copy(format!("{}{suffix}", live.display()), to).unwrap();
    }
}

fn below(random: &mut ChaCha8Rng, limit: usize) -> usize {
    usize::try_from(random.next_u64() % limit as u64).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What editors, scripts and half-written files make of a text.
fn mutate(text: &str, random: &mut ChaCha8Rng) -> String {
    const WORDS: [&str; 9] = ["~", "-1", "18446744073709551616", "[]", "{}", "\"", "zstd", "../x.mcap", "MESSAGE"];
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let line = below(random, lines.len());
    match below(random, 5) {
        0 => drop(lines.remove(line)),
        1 => lines.insert(line, lines[line].clone()),
        2 => lines.truncate(line),
        3 => lines[line] = lines[line].replace(' ', "\t"),
        _ => {
            let key = lines[line].find(": ").map_or(0, |colon| colon + 2);
            lines[line].replace_range(key.., WORDS[below(random, WORDS.len())]);
        }
    }
    lines.join("\n")
}

/// Damages one file of the folder; its path, and what was done.
fn damage_one(folder: &Path, random: &mut ChaCha8Rng) -> (PathBuf, String) {
    let files = files(folder);
    if files.is_empty() {
        return (folder.to_owned(), "nothing is left".to_owned());
    }
    let path = files[below(random, files.len())].clone();
    let bytes = fs::read(&path).unwrap();
    let what = match below(random, 8) {
        0 => {
            fs::write(&path, b"").unwrap();
            "emptied".to_owned()
        }
        1 => {
            fs::remove_file(&path).unwrap();
            "removed".to_owned()
        }
        2 => {
            let name = path.file_name().unwrap().to_str().unwrap();
            let to = match (below(random, 2), name.strip_suffix(".zstd")) {
                (0, Some(inner)) => inner.to_owned(),
                (0, None) => format!("{name}.zstd"),
                _ => format!("old_{name}"),
            };
            fs::rename(&path, folder.join(&to)).unwrap();
            format!("renamed to {to}")
        }
        3 | 4 if path.ends_with("metadata.yaml") && !bytes.is_empty() => {
            fs::write(&path, mutate(&String::from_utf8_lossy(&bytes), random)).unwrap();
            "mutated".to_owned()
        }
        _ if bytes.len() > 8 => {
            let mut bytes = bytes;
            let what = damage(&mut bytes, random);
            fs::write(&path, bytes).unwrap();
            what
        }
        _ => "left".to_owned(),
    };
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    (path, format!("{name} {what}"))
}

#[test]
fn bags_damaged_at_random_give_all_that_is_whole_in_little_memory_and_tell_the_rest() {
    let expected: BTreeSet<String> =
        fs::read_to_string(data().join("expected.txt")).unwrap().lines().map(str::to_owned).collect();
    let (mut all, mut some, mut none) = (0, 0, 0);
    let mut faults = Vec::new();
    for seed in 0..BAGS {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (form, is_guarded) = FORMS[below(&mut random, FORMS.len())];
        let folder = tempfile::tempdir().unwrap();
        let bag = folder.path().join("bag");
        fs::create_dir(&bag).unwrap();
        make(form, &bag);
        // What each file gives as long as nobody touches it; a log belongs to its file.
        let mut whole: Vec<(PathBuf, Vec<String>)> = files(&bag)
            .into_iter()
            .filter(|path| !path.ends_with("metadata.yaml") && !path.to_str().unwrap().ends_with("-wal"))
            .map(|path| (path.clone(), read(&path).given))
            .collect();
        let mut told = vec![format!("seed {seed}, {form}")];
        for _ in 0..=below(&mut random, 3) {
            let (hit, what) = damage_one(&bag, &mut random);
            told.push(what);
            whole.retain(|(path, _)| *path != hit && format!("{}-wal", path.display()) != hit.to_str().unwrap());
        }
        let what = told.join(", ");
        let mut outcome = Outcome::default();
        let peak = peak_bytes_in(|| outcome = read(&bag));
        assert!(peak < MOST_BYTES, "{what}: takes {peak} bytes");
        let given: BTreeSet<&String> = outcome.given.iter().collect();
        let told = &outcome.told;
        for (path, lines) in &whole {
            let missing = lines.iter().filter(|line| !given.contains(line)).count();
            if missing > 0 {
                faults.push(format!("{what}: {missing} of {} are missing, which is whole; {told:?}", path.display()));
            }
        }
        if let Some(strange) = outcome.given.iter().find(|line| is_guarded && !expected.contains(*line)) {
            faults.push(format!("{what}: {strange} was never recorded"));
        }
        if given.len() < outcome.given.len() {
            faults.push(format!("{what}: a message twice"));
        }
        let is_counted = bag.join("metadata.yaml").exists();
        if is_counted && is_guarded && outcome.given.len() < expected.len() && told.is_empty() {
            faults.push(format!("{what}: lost in silence"));
        }
        match outcome.given.len() {
            0 => none += 1,
            given if given < expected.len() => some += 1,
            _ => all += 1,
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    // The damage is worth the name, and so is what is left.
    assert!(all > 100 && some > 50 && none < 250, "of {BAGS} bags {all} gave all, {some} some, {none} nothing");
}

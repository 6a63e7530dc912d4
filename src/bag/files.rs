//! From a path to the files of a bag: what metadata.yaml names, and what lies in the folder where it cannot be believed.
//!
//! What is missing is a [`Loss`]; that nothing at all is there is an error.

use super::metadata::{BagCompression, BagMetadata};
use super::source::{Loss, SourceError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const METADATA: &str = "metadata.yaml";

/// What one path stands for.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct BagFiles {
    /// In the order in which they were recorded.
    pub(super) files: Vec<PathBuf>,
    /// Whether the path is a folder: one of its files alone is no reason to give up.
    pub(super) is_folder: bool,
    /// Whether each message is compressed by itself.
    pub(super) message_zstd: bool,
    /// Messages that metadata.yaml counts.
    pub(super) message_count: Option<u64>,
    /// What the folder has lost.
    pub(super) losses: Vec<Loss>,
}

/// Finds the files of a bag: a rosbag2 folder (or its metadata.yaml), or one file.
pub(super) fn find(path: &Path) -> Result<BagFiles, SourceError> {
    let failed = |source| SourceError::Io { path: path.to_owned(), source };
    let kind = std::fs::metadata(path).map_err(failed)?;
    if kind.is_dir() {
        return in_folder(path);
    }
    if !kind.is_file() {
        return Err(SourceError::NotAFile { path: path.to_owned() });
    }
    match path.parent().filter(|_| path.ends_with(METADATA)) {
        Some(folder) if folder.as_os_str().is_empty() => in_folder(Path::new(".")),
        Some(folder) => in_folder(folder),
        None => Ok(BagFiles { files: vec![path.to_owned()], ..BagFiles::default() }),
    }
}

fn in_folder(folder: &Path) -> Result<BagFiles, SourceError> {
    let metadata_path = folder.join(METADATA);
    let there = bag_files(folder)?;
    let found = match BagMetadata::read(&metadata_path) {
        Ok(Some(metadata)) => by_metadata(folder, &metadata_path, &metadata, there),
        Ok(None) if there.is_empty() => return Err(SourceError::EmptyFolder { path: folder.to_owned() }),
        // A recorder that was killed leaves none.
        Ok(None) => {
            tracing::warn!(folder = %folder.display(), files = there.len(), "no metadata.yaml, all bag files of the folder are read");
            BagFiles { files: there.into_values().collect(), is_folder: true, ..BagFiles::default() }
        }
        Err(error) => {
            let reason = match &error {
                SourceError::Io { source, .. } => format!("cannot be read: {source}"),
                other => other.without_path(&metadata_path),
            };
            let losses = vec![Loss::Metadata { path: metadata_path, reason }];
            BagFiles { files: there.into_values().collect(), is_folder: true, losses, ..BagFiles::default() }
        }
    };
    if found.files.is_empty() {
        return Err(nothing_readable(folder, &found.losses));
    }
    Ok(found)
}

/// The error of a bag that has only losses.
pub(super) fn nothing_readable(path: &Path, losses: &[Loss]) -> SourceError {
    let reasons: Vec<String> = losses.iter().map(ToString::to_string).collect();
    SourceError::NothingReadable { path: path.to_owned(), reasons: reasons.join("; ") }
}

/// The files that metadata.yaml names, and splits of the same recording that it does not know yet: the recorder died
/// before it wrote the name down. All that is there, where it names nothing that is.
fn by_metadata(
    folder: &Path,
    metadata_path: &Path,
    metadata: &BagMetadata,
    there: BTreeMap<Split, PathBuf>,
) -> BagFiles {
    let mut found = BagFiles {
        is_folder: true,
        message_zstd: metadata.compression == BagCompression::Message,
        message_count: metadata.message_count,
        ..BagFiles::default()
    };
    let (mut named, mut gone) = (Vec::with_capacity(metadata.files.len()), Vec::new());
    for name in &metadata.files {
        named.extend(Path::new(name).file_name().and_then(|file| file.to_str()).map(Split::of));
        match at_name(folder, name) {
            // A list that names a file twice has been tampered with; its messages are read once.
            Some(file) if found.files.contains(&file) => {}
            Some(file) => {
                if !file.ends_with(name) {
                    tracing::warn!(read = %file.display(), "metadata.yaml names {name}, which is not there");
                }
                found.files.push(file);
            }
            None => gone.push(name),
        }
    }
    if let [file, others @ ..] = &gone[..] {
        let (file, more) = ((*file).clone(), others.len());
        found.losses.push(Loss::Gone { path: metadata_path.to_owned(), file, more });
    }
    let knows_none = found.files.is_empty();
    for (split, file) in there {
        let is_of_this_recording = named.iter().any(|other| split.is_another_part_of(other)) && !named.contains(&split);
        if (is_of_this_recording || knows_none) && !found.files.contains(&file) {
            tracing::warn!(read = %file.display(), "metadata.yaml does not name this part of the recording");
            found.files.push(file);
        }
    }
    found
}

/// The file that metadata.yaml calls `name`: there, without the folder's own name (which the first versions put before
/// it), or with another compression than it was written down with. Where a file lies both compressed and not, the
/// recorder died while it compressed.
fn at_name(folder: &Path, name: &str) -> Option<PathBuf> {
    let inner = inner(name);
    let base = Path::new(inner).file_name()?.to_str()?;
    let suffixes = std::iter::once("").chain(ZSTD);
    let candidates = suffixes.flat_map(|suffix| [format!("{inner}{suffix}"), format!("{base}{suffix}")]);
    let paths = candidates.map(|candidate| folder.join(candidate));
    let mut there = paths.filter(|path| path.is_file());
    let first = there.next()?;
    let holds_bytes = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|found| found.len() > 0);
    if holds_bytes(&first) { Some(first) } else { there.find(holds_bytes).or(Some(first)) }
}

/// The bag files of a folder in the order in which they were recorded.
fn bag_files(folder: &Path) -> Result<BTreeMap<Split, PathBuf>, SourceError> {
    let failed = |source| SourceError::Io { path: folder.to_owned(), source };
    let mut files: BTreeMap<Split, PathBuf> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !(path.is_file() && EXTENSIONS.iter().any(|extension| inner(name).ends_with(extension))) {
            continue;
        }
        let split = Split::of(name);
        if let Some(file) = at_name(folder, &split.name) {
            files.insert(split, file);
        }
    }
    Ok(files)
}

/// What rosbag2's storage plugins write; a `.bag` of ROS 1 is told by its name when it is opened.
const EXTENSIONS: [&str; 3] = [".mcap", ".db3", ".bag"];
/// As rosbag2 names what it compressed, and as the tool `zstd` does.
const ZSTD: [&str; 2] = [".zstd", ".zst"];

/// The name of a file before it was compressed.
fn inner(name: &str) -> &str {
    ZSTD.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

/// One part of a recording by its name, in the order of recording: `bag_10.mcap` comes after `bag_9.mcap`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Split {
    stem: String,
    number: Option<u64>,
    /// Without `.zstd`.
    name: String,
}

impl Split {
    fn of(name: &str) -> Self {
        let name = inner(name);
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let numbered = stem.rsplit_once('_').and_then(|(stem, number)| Some((stem, number.parse().ok()?)));
        let (stem, number) = numbered.map_or((stem, None), |(stem, number)| (stem, Some(number)));
        Self { stem: stem.to_owned(), number, name: name.to_owned() }
    }

    fn is_another_part_of(&self, other: &Self) -> bool {
        self.number.is_some() && other.number.is_some() && self.stem == other.stem && self.number != other.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(folder.path().join(name), b"some").unwrap();
        }
        folder
    }

    fn listing(names: &[&str]) -> String {
        let files: String = names.iter().map(|name| format!("\n  - {name}")).collect();
        format!(
            "rosbag2_bagfile_information:\n  storage_identifier: mcap\n  message_count: 7\n  relative_file_paths:{files}\n"
        )
    }

    fn names(found: &BagFiles) -> Vec<&str> {
        found.files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect()
    }

    #[test]
    fn split_files_without_metadata_come_in_the_order_of_their_numbers() {
        let folder = folder_of(&["bag_10.mcap", "bag_9.mcap", "bag_0.mcap.zstd", "other.db3", "notes.txt"]);
        let found = find(folder.path()).unwrap();
        assert_eq!(names(&found), ["bag_0.mcap.zstd", "bag_9.mcap", "bag_10.mcap", "other.db3"]);
        assert_eq!(found.losses, []);
    }

    #[test]
    fn a_file_that_was_being_compressed_is_read_once_and_whole() {
        let folder = folder_of(&["bag_0.db3", "bag_0.db3.zstd", "bag_1.db3"]);
        assert_eq!(names(&find(folder.path()).unwrap()), ["bag_0.db3", "bag_1.db3"]);
        std::fs::write(folder.path().join("bag_0.db3"), b"").unwrap();
        assert_eq!(names(&find(folder.path()).unwrap()), ["bag_0.db3.zstd", "bag_1.db3"]);
    }

    #[test]
    fn what_the_tool_zstd_compressed_is_a_split_like_what_the_recorder_did() {
        let folder = folder_of(&["bag_0.mcap.zstd", "bag_1.mcap.zst", "bag_2.mcap.zst"]);
        let expected = ["bag_0.mcap.zstd", "bag_1.mcap.zst", "bag_2.mcap.zst"];
        assert_eq!(names(&find(folder.path()).unwrap()), expected);
        std::fs::write(folder.path().join("metadata.yaml"), listing(&["bag_0.mcap", "bag_1.mcap.zstd"])).unwrap();
        let found = find(folder.path()).unwrap();
        assert_eq!((names(&found), &found.losses[..]), (expected.to_vec(), &[][..]));
    }

    #[test]
    fn an_empty_folder_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let error = find(folder.path()).unwrap_err().to_string();
        let expected = "no bag in this folder, expected metadata.yaml or .mcap or .db3 files, or pictures";
        assert_eq!(error, format!("{}: {expected}", folder.path().display()));
    }

    #[test]
    fn a_file_that_metadata_names_and_that_is_not_there_is_a_loss_with_its_name() {
        let folder = folder_of(&["bag_0.mcap", "bag_2.mcap"]);
        let metadata = folder.path().join("metadata.yaml");
        std::fs::write(&metadata, listing(&["bag_0.mcap", "bag_1.mcap", "bag_2.mcap"])).unwrap();
        let found = find(folder.path()).unwrap();
        assert_eq!(names(&found), ["bag_0.mcap", "bag_2.mcap"]);
        assert_eq!(found.losses, [Loss::Gone { path: metadata.clone(), file: "bag_1.mcap".to_owned(), more: 0 }]);
        assert_eq!(found, find(&metadata).unwrap(), "metadata.yaml stands for its folder");
    }

    #[test]
    fn many_files_that_are_not_there_are_one_loss_with_their_number() {
        let folder = folder_of(&["bag_60.mcap"]);
        let all: Vec<String> = (0..=60).map(|number| format!("bag_{number}.mcap")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        std::fs::write(folder.path().join("metadata.yaml"), listing(&all)).unwrap();
        let found = find(folder.path()).unwrap();
        let [gone] = &found.losses[..] else { panic!("{:?}", found.losses) };
        let expected = "metadata.yaml: names bag_0.mcap and 59 more files, which are not in the folder";
        assert!(gone.to_string().ends_with(expected), "{gone}");
    }

    #[test]
    fn a_bag_of_which_no_file_is_left_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("metadata.yaml"), listing(&["gone_0.mcap"])).unwrap();
        let error = find(folder.path()).unwrap_err().to_string();
        assert!(error.contains("nothing of this bag can be read: "), "{error}");
        assert!(error.ends_with("metadata.yaml: names gone_0.mcap, which is not in the folder"), "{error}");
    }

    #[test]
    fn a_file_that_gained_or_lost_its_compression_is_found() {
        let folder = folder_of(&["bag_0.db3", "bag_1.db3.zstd"]);
        std::fs::write(folder.path().join("metadata.yaml"), listing(&["bag_0.db3.zstd", "bag_1.db3"])).unwrap();
        let found = find(folder.path()).unwrap();
        assert_eq!(names(&found), ["bag_0.db3", "bag_1.db3.zstd"]);
        assert_eq!((found.message_count, found.losses), (Some(7), vec![]));
    }

    #[test]
    fn the_folder_name_that_the_first_versions_put_before_the_file_is_no_obstacle() {
        let folder = folder_of(&["old_0.mcap"]);
        std::fs::write(folder.path().join("metadata.yaml"), listing(&["old/old_0.mcap"])).unwrap();
        assert_eq!(find(folder.path()).unwrap().files, [folder.path().join("old_0.mcap")]);
    }

    #[test]
    fn a_part_that_metadata_does_not_name_yet_is_read_and_other_files_are_not() {
        let folder = folder_of(&["bag_0.mcap", "bag_1.mcap", "bag_2.mcap", "bag_0_vedette.mcap", "other_1.mcap"]);
        std::fs::write(folder.path().join("metadata.yaml"), listing(&["bag_0.mcap", "bag_1.mcap", "bag_1.mcap"]))
            .unwrap();
        assert_eq!(names(&find(folder.path()).unwrap()), ["bag_0.mcap", "bag_1.mcap", "bag_2.mcap"]);
    }

    #[test]
    fn a_bag_that_was_renamed_is_read_under_its_new_name() {
        let folder = folder_of(&["drive.mcap"]);
        std::fs::write(folder.path().join("metadata.yaml"), listing(&["bag_0.mcap"])).unwrap();
        let found = find(folder.path()).unwrap();
        assert_eq!((names(&found), found.losses.len()), (vec!["drive.mcap"], 1));
    }

    #[test]
    fn a_metadata_that_says_nothing_is_a_loss_and_the_folder_is_read() {
        let folder = folder_of(&["bag_1.mcap", "bag_0.mcap"]);
        let path = folder.path().join("metadata.yaml");
        let cut = &listing(&["bag_0.mcap"])[..60];
        for (text, reason) in [
            (&b""[..], "holds no bytes"),
            (&[0; 100][..], ""),
            (&[0xff; 100][..], "cannot be read: not UTF-8, expected text"),
            (cut.as_bytes(), ""),
            (
                b"rosbag2_bagfile_information: {storage_identifier: x, relative_file_paths: [y]}",
                "storage_identifier is x, expected mcap or sqlite3",
            ),
        ] {
            std::fs::write(&path, text).unwrap();
            let found = find(folder.path()).unwrap();
            assert_eq!(names(&found), ["bag_0.mcap", "bag_1.mcap"]);
            let [Loss::Metadata { path: of, reason: told }] = &found.losses[..] else { panic!("{:?}", found.losses) };
            assert!(*of == path && told.starts_with(reason) && !told.contains("metadata.yaml"), "{told}");
        }
    }
}

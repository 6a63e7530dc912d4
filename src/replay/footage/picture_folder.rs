//! A folder of pictures.

use crate::bag::Loss;
use crate::infer::read_short_into;
use std::cmp::Ordering;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

/// The names that pictures have.
const EXTENSIONS: [&str; 8] = ["png", "jpg", "jpeg", "webp", "bmp", "pgm", "ppm", "pnm"];

/// What makes a folder a bag.
const OF_BAGS: [&str; 5] = ["mcap", "db3", "bag", "zstd", "zst"];

/// A larger file is no picture of a camera.
const MOST_BYTES: u64 = 512 << 20;

/// The pictures of a folder, numbers in their names counted as numbers, and what has the name of one and is no file.
/// Neither when a bag lies in it.
pub(super) fn in_folder(folder: &Path) -> io::Result<(Vec<PathBuf>, Vec<Loss>)> {
    let (mut pictures, mut others, mut losses) = (Vec::new(), Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        let is_one_of = |names: &[&str]| extension.as_deref().is_some_and(|extension| names.contains(&extension));
        if name == "metadata.yaml" || is_one_of(&OF_BAGS) {
            return Ok((Vec::new(), Vec::new()));
        }
        if name.starts_with('.') {
            continue;
        }
        let kind = std::fs::metadata(&path);
        if !kind.as_ref().is_ok_and(Metadata::is_file) {
            let reason = match kind {
                Err(error) if path.is_symlink() => format!("its link leads nowhere: {error}"),
                Err(error) => format!("it cannot be looked at: {error}"),
                // A folder beside the pictures is nobody's picture, whatever its name.
                Ok(kind) if kind.is_dir() => continue,
                Ok(_) => "it is no regular file".to_owned(),
            };
            if is_one_of(&EXTENSIONS) {
                losses.push(Loss::LeftOut { path, reason });
            }
            continue;
        }
        if is_one_of(&EXTENSIONS) { pictures.push((name, path)) } else { others.push(name) }
    }
    pictures.sort_by(|(a, _), (b, _)| natural(a, b));
    if let (false, Some(first)) = (pictures.is_empty(), others.iter().min()) {
        let expected = EXTENSIONS.join(", ");
        tracing::warn!(folder = %folder.display(), files = others.len(), "{first} is left out, as all that is not named {expected}");
    }
    Ok((pictures.into_iter().map(|(_, path)| path).collect(), losses))
}

/// Reads a file into `bytes`.
pub(super) fn read(path: &Path, bytes: &mut Vec<u8>) -> io::Result<()> {
    read_short_into(path, MOST_BYTES, bytes)
}

/// `img_2` before `img_10`; those that are alike in that (`img_02`), as text.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (left_words, left_number, left_rest) = split(left);
        let (right_words, right_number, right_rest) = split(right);
        let by_number = left_number.len().cmp(&right_number.len()).then_with(|| left_number.cmp(right_number));
        let order = left_words.cmp(right_words).then(by_number);
        if order != Ordering::Equal || left_rest.is_empty() && right_rest.is_empty() {
            return order.then_with(|| a.cmp(b));
        }
        (left, right) = (left_rest, right_rest);
    }
}

/// What stands before the first number, the number without zeros before it, and what is behind it.
fn split(name: &str) -> (&str, &str, &str) {
    let begin = name.find(|character: char| character.is_ascii_digit()).unwrap_or(name.len());
    let (words, rest) = name.split_at(begin);
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at(end);
    (words, number.trim_start_matches('0'), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_numbers() {
        let expected =
            ["a.png", "b01", "b1", "img_1_3.png", "img_1_20.png", "img_02.png", "img_2.png", "img_10.png", "img_.png"];
        let mut names = expected;
        names.reverse();
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, expected);
        let long = "9".repeat(100);
        assert_eq!(natural(&format!("f{long}"), "f10"), Ordering::Greater);
    }

    #[test]
    fn pictures_are_known_by_their_names_and_hidden_files_are_none() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["2.JPG", "10.png", "notes.txt", ".hidden.png", "1.webp"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        std::fs::create_dir(folder.path().join("3.png")).unwrap();
        let (found, losses) = in_folder(folder.path()).unwrap();
        assert_eq!(losses, []);
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["1.webp", "2.JPG", "10.png"]);
        std::fs::write(folder.path().join("metadata.yaml"), b"").unwrap();
        assert!(in_folder(folder.path()).unwrap().0.is_empty());
    }

    #[test]
    fn a_picture_whose_link_leads_nowhere_is_a_loss_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("1.png"), b"").unwrap();
        std::os::unix::fs::symlink("nowhere.png", folder.path().join("2.png")).unwrap();
        std::os::unix::fs::symlink("nowhere.txt", folder.path().join("notes.txt")).unwrap();
        let (found, losses) = in_folder(folder.path()).unwrap();
        assert_eq!(found, [folder.path().join("1.png")]);
        let told: Vec<String> = losses.iter().map(ToString::to_string).collect();
        let expected = format!("{}: left out, its link leads nowhere: ", folder.path().join("2.png").display());
        assert!(told.len() == 1 && told[0].starts_with(&expected), "{told:?}");
    }
}

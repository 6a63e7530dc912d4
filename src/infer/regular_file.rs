//! Files whose paths come from outside: only regular ones are opened, for a pipe would be waited on for ever, and a text
//! only up to a length.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Opens a file to read it.
///
/// # Errors
/// The system's; [`io::ErrorKind::InvalidInput`] for a folder, a pipe, a socket or a device.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?;
    if kind.is_file() {
        return File::open(path);
    }
    let found = if kind.is_dir() { "a folder" } else { "a pipe, socket or device" };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{found}, expected a file")))
}

/// The bytes of a file that holds no more than `most`.
///
/// # Errors
/// As [`open_regular`]; [`io::ErrorKind::FileTooLarge`] for a longer one, of which no more is read.
pub fn read_short(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_short_into(path, most, &mut bytes)?;
    Ok(bytes)
}

/// Writes over `bytes` those of a file that holds no more than `most`.
///
/// # Errors
/// As [`read_short`].
pub fn read_short_into(path: &Path, most: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.clear();
    open_regular(path)?.take(most.saturating_add(1)).read_to_end(bytes)?;
    if bytes.len() as u64 > most {
        let reason = format!("holds more than {most} bytes, expected at most so many");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(())
}

/// The text of a file that holds no more than `most` bytes.
///
/// # Errors
/// As [`read_short`]; [`io::ErrorKind::InvalidData`] for what is no UTF-8.
pub fn read_short_text(path: &Path, most: u64) -> io::Result<String> {
    let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8, expected text");
    String::from_utf8(read_short(path, most)?).map_err(no_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_or_too_long_is_refused_and_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let told = |path: &Path| read_short_text(path, 3).unwrap_err().to_string();
        assert_eq!(told(folder.path()), "a folder, expected a file");
        assert_eq!(told(Path::new("/dev/zero")), "a pipe, socket or device, expected a file");
        let path = folder.path().join("a");
        fs::write(&path, "abc").unwrap();
        assert_eq!(read_short_text(&path, 3).unwrap(), "abc");
        fs::write(&path, "abcd").unwrap();
        assert_eq!(told(&path), "holds more than 3 bytes, expected at most so many");
        fs::write(&path, [0xff]).unwrap();
        assert_eq!(told(&path), "not UTF-8, expected text");
    }
}

//! Whether a file is not one JPEG but many in a row, as `ffmpeg -f mjpeg` and cameras that stream over HTTP write them.

use crate::vision::end_of_lone_jpeg;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// No more of the file is looked at to find the end of its first picture.
const MOST_BYTES: u64 = 64 << 20;

/// How every JPEG begins: its first marker, and the first byte of the next one.
const START: [u8; 3] = [0xff, 0xd8, 0xff];

/// Whether a second picture follows the first. The preview that a camera puts behind its picture (Multi-Picture Format)
/// is none.
pub(super) fn is_stream(path: &Path) -> io::Result<bool> {
    let mut bytes = Vec::new();
    let mut file = File::open(path)?;
    Read::by_ref(&mut file).take(3).read_to_end(&mut bytes)?;
    if !bytes.starts_with(&START) {
        return Ok(false);
    }
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(second(&bytes).is_some())
}

/// Where the second picture begins.
fn second(bytes: &[u8]) -> Option<usize> {
    let end = end_of_lone_jpeg(bytes)?;
    let next = end + bytes[end..].windows(START.len()).take(1024).position(|start| start == START)?;
    let is_filling = bytes[end..next].iter().all(|byte| matches!(byte, 0 | 0xff | b'\r' | b'\n'));
    is_filling.then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg() -> Vec<u8> {
        let mut bytes = Vec::new();
        let picture =
            image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([x, y, x * y].map(|value| value.to_le_bytes()[0])));
        picture.write_to(&mut io::Cursor::new(&mut bytes), image::ImageFormat::Jpeg).unwrap();
        bytes
    }

    #[test]
    fn jpegs_in_a_row_are_told_from_one() {
        let one = jpeg();
        assert_eq!(second(&one), None);
        assert_eq!(second(&[&one[..], &one].concat()), Some(one.len()));
        assert_eq!(second(&[&one[..], &[0; 5], &one].concat()), Some(one.len() + 5));
        assert_eq!(second(&[&one[..], b"a text", &one].concat()), None);
        for cut in 0..one.len() {
            assert_eq!(second(&one[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn a_preview_behind_a_picture_or_within_it_makes_no_stream() {
        let one = jpeg();
        let with = |code: u8, content: &[u8]| {
            let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
            [&one[..2], &[0xff, code], &length, content, &one[2..]].concat()
        };
        assert_eq!(second(&[with(0xe2, b"MPF\0more"), one.clone()].concat()), None);
        assert_eq!(second(&with(0xe1, &one)), None);
    }
}

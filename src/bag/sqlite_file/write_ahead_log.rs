//! Whether sqlite reads a write-ahead log to its end: it stops at the first frame that is not whole and says nothing.
//!
//! A log is a header of 32 bytes and frames: 24 bytes and a page. Each frame repeats the salt of the header, and its
//! checksum goes over all before it (<https://www.sqlite.org/fileformat2.html#walformat>). Frames with another salt are
//! left from before the log was begun anew, and hold nothing that is missing.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

const HEADER: usize = 32;
const FRAME: usize = 24;

/// What is wrong with the log at `path`, in words that follow its name. `None` for a whole one, an empty one and none.
pub(super) fn damage(path: &Path) -> Option<String> {
    let file = File::open(path).ok().filter(|file| file.metadata().is_ok_and(|found| found.is_file()))?;
    look(BufReader::new(file)).unwrap_or_else(|error| Some(format!("is not read to its end: {error}")))
}

fn look(mut log: impl Read) -> io::Result<Option<String>> {
    let mut header = [0; HEADER];
    let held = fill(&mut log, &mut header)?;
    if held == 0 {
        return Ok(None);
    }
    if held < HEADER {
        return Ok(Some(format!("is not read: it holds {held} bytes, expected a header of {HEADER}")));
    }
    let magic = word(&header, 0);
    if !matches!(magic, 0x377f_0682 | 0x377f_0683) {
        return Ok(Some(format!("is not read: it begins with {magic:08x}, expected 377f0682 or 377f0683")));
    }
    let mut sum = Sum { big_endian: magic & 1 == 1, sums: (0, 0) };
    sum.add(&header[..24]);
    let page = word(&header, 8);
    if sum.sums != (word(&header, 24), word(&header, 28)) || !page.is_power_of_two() || !(512..=65_536).contains(&page)
    {
        return Ok(Some("is not read: its header is damaged".to_owned()));
    }
    let mut frame = vec![0; FRAME + page as usize];
    let mut at = HEADER;
    // Whether the frames so far end with a transaction.
    let mut is_closed = true;
    loop {
        let held = fill(&mut log, &mut frame)?;
        let is_old = held >= 16 && frame[8..16] != header[16..24];
        if held == 0 || is_old && at > HEADER {
            break;
        }
        if held < frame.len() {
            return Ok(Some(format!("is cut off: its last {held} bytes, from byte {at} on, are no whole page")));
        }
        sum.add(&frame[..8]);
        sum.add(&frame[FRAME..]);
        if is_old || sum.sums != (word(&frame, 16), word(&frame, 20)) {
            return Ok(Some(format!("is damaged from byte {at} on: what follows there is not read")));
        }
        is_closed = word(&frame, 4) > 0;
        at += held;
    }
    Ok((!is_closed).then(|| format!("is cut off: it ends at byte {at} within a transaction, which is not read")))
}

/// Reads until `bytes` is full or nothing is left; how many came.
fn fill(log: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut held = 0;
    while held < bytes.len() {
        match log.read(&mut bytes[held..]) {
            Ok(0) => break,
            Ok(count) => held += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(held)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |word| u32::from_be_bytes(*word))
}

struct Sum {
    big_endian: bool,
    sums: (u32, u32),
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.as_chunks::<8>().0 {
            let (first, second) = (word(pair, 0), word(pair, 4));
            let (first, second) =
                if self.big_endian { (first, second) } else { (first.swap_bytes(), second.swap_bytes()) };
            self.sums.0 = self.sums.0.wrapping_add(first).wrapping_add(self.sums.1);
            self.sums.1 = self.sums.1.wrapping_add(second).wrapping_add(self.sums.0);
        }
    }
}

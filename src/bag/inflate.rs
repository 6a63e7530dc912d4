//! Decompression into reused buffers, with limits.

use std::io::{self, Read};
use zstd::stream::read::Decoder as ZstdDecoder;
use zstd::zstd_safe::{DCtx, ResetDirective};

/// The most bytes that one chunk or one message may decompress to. Far above what recorders write (a chunk holds a few
/// megabytes, or one big message), far below what a machine cannot give.
pub(super) const MAX_INFLATED: u64 = 1 << 30;

/// What a chunk or a message may decompress to however small it is: a black picture shrinks 30,000-fold.
const ALWAYS: u64 = 256 << 20;

/// Beyond [`ALWAYS`], the bytes that one compressed byte may stand for.
const RATIO: u64 = 256;

/// The most that one chunk or message of so many compressed bytes may decompress to.
pub(super) fn inflated_limit(compressed: u64) -> u64 {
    compressed.saturating_mul(RATIO).clamp(ALWAYS, MAX_INFLATED)
}

/// How the records of a chunk are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    /// Not at all.
    Plain,
    /// zstd.
    Zstd,
    /// An LZ4 frame.
    Lz4,
}

impl Codec {
    /// The codec of a chunk by its name in the file.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "" | "none" => Some(Self::Plain),
            "zstd" => Some(Self::Zstd),
            "lz4" => Some(Self::Lz4),
            _ => None,
        }
    }
}

/// Decompresses; keeps its zstd context from call to call.
pub(super) struct Inflater {
    zstd: DCtx<'static>,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self { zstd: DCtx::create() }
    }

    /// Fills `out`, from its start, with what `compressed` holds, at most `limit` bytes; more than that is an error.
    /// After an error `out` has what came before it.
    ///
    /// The buffer grows with what really comes out, never by what a header promises; zstd's window is at most 128 MiB
    /// and LZ4's blocks 4 MiB, whatever a frame claims.
    pub(super) fn inflate(
        &mut self,
        codec: Codec,
        compressed: &[u8],
        limit: usize,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        out.clear();
        match codec {
            Codec::Plain => fill(compressed, limit, out),
            Codec::Zstd => {
                self.zstd
                    .reset(ResetDirective::SessionOnly)
                    .map_err(|code| io::Error::other(zstd::zstd_safe::get_error_name(code)))?;
                fill(ZstdDecoder::with_context(compressed, &mut self.zstd), limit, out)
            }
            Codec::Lz4 => fill(lz4::Decoder::new(compressed)?, limit, out),
        }
    }
}

fn fill(mut from: impl Read, limit: usize, out: &mut Vec<u8>) -> io::Result<()> {
    from.by_ref().take(limit as u64).read_to_end(out)?;
    // What follows a full buffer and is no content, a compressor's padding, is nobody's business.
    if out.len() == limit && from.read(&mut [0]).is_ok_and(|more| more > 0) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("holds more than {limit} bytes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_zstd_frame_gives_what_is_before_the_cut_and_an_error() {
        let content: Vec<u8> = (0..600_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let compressed = zstd::bulk::compress(&content, 1).unwrap();
        let mut out = Vec::new();
        let mut inflater = Inflater::new();
        inflater.inflate(Codec::Zstd, &compressed[..compressed.len() / 2], 10_000_000, &mut out).unwrap_err();
        assert!(out.len() > content.len() / 3, "{} of {}", out.len(), content.len());
        assert!(content.starts_with(&out));
        inflater.inflate(Codec::Zstd, &compressed, content.len(), &mut out).unwrap();
        assert!(out == content, "the context is clean after an error");
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = zstd::bulk::compress(&vec![0; 50_000_000], 1).unwrap();
        let mut out = Vec::new();
        let error = Inflater::new().inflate(Codec::Zstd, &bomb, 1000, &mut out).unwrap_err();
        assert_eq!(error.to_string(), "holds more than 1000 bytes");
        assert_eq!(out.len(), 1000);
        assert!(out.capacity() < 1_000_000);
    }

    #[test]
    fn a_black_picture_fits_and_a_bomb_does_not() {
        let black_bytes = 15360 * 8640;
        assert!(inflated_limit(black_bytes / 30_000) >= black_bytes);
        assert_eq!(inflated_limit(30_000), 256 << 20);
        assert_eq!(inflated_limit(2 << 20), 512 << 20);
        assert_eq!(inflated_limit(u64::MAX), MAX_INFLATED);
    }
}

//! Decompression into reused buffers, with a limit.

use std::io::{self, Read};
use zstd::stream::read::Decoder as ZstdDecoder;
use zstd::zstd_safe::{DCtx, ResetDirective};

/// The most that one chunk or one message may decompress to. Far above what recorders write (a chunk holds a few
/// megabytes, or one big message), far below what a machine cannot give.
pub(super) const MAX_INFLATED: usize = 1 << 30;

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

    /// Fills `out`, from its start, with what `compressed` holds, at most `limit` bytes. After an error `out` has what
    /// came before it.
    ///
    /// The buffer grows with what really comes out, never by what a header promises.
    pub(super) fn inflate(
        &mut self,
        codec: Codec,
        compressed: &[u8],
        limit: usize,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        out.clear();
        match codec {
            Codec::Plain => {
                out.extend_from_slice(&compressed[..compressed.len().min(limit)]);
                Ok(())
            }
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

fn fill(from: impl Read, limit: usize, out: &mut Vec<u8>) -> io::Result<()> {
    from.take(limit as u64).read_to_end(out).map(|_| ())
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
        inflater.inflate(Codec::Zstd, &compressed[..compressed.len() / 2], MAX_INFLATED, &mut out).unwrap_err();
        assert!(out.len() > content.len() / 3, "{} of {}", out.len(), content.len());
        assert!(content.starts_with(&out));
        inflater.inflate(Codec::Zstd, &compressed, MAX_INFLATED, &mut out).unwrap();
        assert!(out == content, "the context is clean after an error");
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = zstd::bulk::compress(&vec![0; 50_000_000], 1).unwrap();
        let mut out = Vec::new();
        Inflater::new().inflate(Codec::Zstd, &bomb, 1000, &mut out).unwrap();
        assert_eq!(out.len(), 1000);
        assert!(out.capacity() < 1_000_000);
    }
}

//! Rows of colors as cameras send them (YUV, Bayer mosaics, 16 bits) to rows of four bytes a pixel.
//!
//! OpenCV's conversions are the specification: BT.601 with luma 16 to 235 in 20 fraction bits and each chroma as it is for
//! all its pixels; a mosaic's missing colors as the rounded mean of the nearest pixels that have them; 16 bits by their
//! high byte. Portable Rust that compilers make SIMD of: `avx2` calls the same functions, compiled for its instructions.

use crate::types::{BayerPattern, PixelFormat};

/// Pixels of whole bytes side by side, which both resizers read as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vision) enum Packed {
    Rgb,
    Bgr,
    Rgba,
    Bgra,
    Mono,
}

impl Packed {
    /// The layout of a format that needs no conversion.
    pub fn of(format: PixelFormat) -> Option<Self> {
        match format {
            PixelFormat::Rgb8 => Some(Self::Rgb),
            PixelFormat::Bgr8 => Some(Self::Bgr),
            PixelFormat::Rgba8 => Some(Self::Rgba),
            PixelFormat::Bgra8 => Some(Self::Bgra),
            PixelFormat::Mono8 => Some(Self::Mono),
            _ => None,
        }
    }

    /// Bytes of one pixel.
    pub fn bytes_per_pixel(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr => 3,
            Self::Rgba | Self::Bgra => 4,
            Self::Mono => 1,
        }
    }

    /// Where red, green and blue are in a pixel.
    pub fn order(self) -> [usize; 3] {
        match self {
            Self::Rgb | Self::Rgba => [0, 1, 2],
            Self::Bgr | Self::Bgra => [2, 1, 0],
            Self::Mono => [0; 3],
        }
    }
}

/// A pixel of [`Packed::Rgba`]; the fourth byte says nothing.
pub(in crate::vision) type Rgba = [u8; 4];

/// One row that is to become [`Packed::Rgba`].
#[derive(Debug, Clone, Copy)]
pub(in crate::vision) enum RawRow<'a> {
    /// Two pixels in four bytes, luma in the even ones or in the odd ones.
    Yuv422 { pixels: &'a [u8], luma_first: bool },
    /// Luma by itself, both chromas side by side: for each pixel or for each two.
    TwoPlanes { luma: &'a [u8], chroma: &'a [u8], is_shared: bool, blue_first: bool },
    /// A row of a mosaic between the one above and the one below.
    Bayer { rows: [&'a [u8]; 3], colors: BayerRow },
    /// Channels of 16 bits, three or four.
    Wide { pixels: &'a [u8], channels: usize, is_blue_first: bool, is_big_endian: bool },
}

/// What the pixels of a mosaic's row are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vision) struct BayerRow {
    /// Red and green, rather than blue and green.
    pub is_red: bool,
    /// Green at the even columns.
    pub is_green_first: bool,
}

impl BayerRow {
    /// Row `row` of a pattern.
    pub fn of(pattern: BayerPattern, row: u32) -> Self {
        let is_even = row.is_multiple_of(2);
        match pattern {
            BayerPattern::Rggb => Self { is_red: is_even, is_green_first: !is_even },
            BayerPattern::Bggr => Self { is_red: !is_even, is_green_first: !is_even },
            BayerPattern::Gbrg => Self { is_red: !is_even, is_green_first: is_even },
            BayerPattern::Grbg => Self { is_red: is_even, is_green_first: is_even },
        }
    }
}

/// What converts rows, each kind by a function of its own: in one function for all, compilers give up on some.
pub(super) trait Convert: Copy {
    /// Two pixels in four bytes.
    fn yuv422<const LUMA_FIRST: bool>(self, pixels: &[u8], out: &mut [Rgba]);
    /// A chroma for each two lumas, or for the last one alone.
    fn shared<const BLUE_FIRST: bool>(self, luma: &[u8], chroma: &[u8], out: &mut [Rgba]);
    /// A chroma for each luma.
    fn unshared(self, luma: &[u8], chroma: &[[u8; 2]], out: &mut [Rgba]);
    /// A row between its neighbours.
    fn bayer(self, rows: [&[u8]; 3], colors: BayerRow, out: &mut [Rgba]);
    /// Three bytes of each pixel of `N`.
    fn wide<const N: usize>(self, pixels: &[u8], order: [usize; 3], out: &mut [Rgba]);

    /// Converts as many pixels as `out` has and the row holds.
    fn convert_row(self, row: RawRow<'_>, out: &mut [Rgba]) {
        match row {
            RawRow::Yuv422 { pixels, luma_first: true } => self.yuv422::<true>(pixels, out),
            RawRow::Yuv422 { pixels, luma_first: false } => self.yuv422::<false>(pixels, out),
            RawRow::TwoPlanes { luma, chroma, is_shared: true, blue_first: true } => {
                self.shared::<true>(luma, chroma, out);
            }
            RawRow::TwoPlanes { luma, chroma, is_shared: true, blue_first: false } => {
                self.shared::<false>(luma, chroma, out);
            }
            RawRow::TwoPlanes { luma, chroma, is_shared: false, .. } => self.unshared(luma, chroma.as_chunks().0, out),
            RawRow::Bayer { rows, colors } => self.bayer(rows, colors, out),
            RawRow::Wide { pixels, channels, is_blue_first, is_big_endian } => {
                let high = usize::from(!is_big_endian);
                let order = if is_blue_first { [high + 4, high + 2, high] } else { [high, high + 2, high + 4] };
                if channels == 3 { self.wide::<6>(pixels, order, out) } else { self.wide::<8>(pixels, order, out) }
            }
        }
    }
}

/// The functions as they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

impl Convert for Portable {
    fn yuv422<const LUMA_FIRST: bool>(self, pixels: &[u8], out: &mut [Rgba]) {
        yuv422::<LUMA_FIRST>(pixels, out);
    }

    fn shared<const BLUE_FIRST: bool>(self, luma: &[u8], chroma: &[u8], out: &mut [Rgba]) {
        shared::<BLUE_FIRST>(luma, chroma, out);
    }

    fn unshared(self, luma: &[u8], chroma: &[[u8; 2]], out: &mut [Rgba]) {
        unshared(luma, chroma, out);
    }

    fn bayer(self, rows: [&[u8]; 3], colors: BayerRow, out: &mut [Rgba]) {
        bayer(rows, colors, out);
    }

    fn wide<const N: usize>(self, pixels: &[u8], order: [usize; 3], out: &mut [Rgba]) {
        wide::<N>(pixels, order, out);
    }
}

/// Three bytes of each pixel of `N`.
#[inline(always)]
pub(super) fn wide<const N: usize>(pixels: &[u8], order: [usize; 3], out: &mut [Rgba]) {
    for (pixel, out) in pixels.as_chunks::<N>().0.iter().zip(out) {
        let [r, g, b] = order.map(|byte| pixel[byte]);
        *out = [r, g, b, 255];
    }
}

/// The high bytes of numbers of 16 bits.
#[inline(always)]
pub(super) fn narrow_row(row: &[u8], is_big_endian: bool, out: &mut [u8]) {
    let (numbers, _) = row.as_chunks::<2>();
    if is_big_endian {
        numbers.iter().zip(out).for_each(|(&[high, _], out)| *out = high);
    } else {
        numbers.iter().zip(out).for_each(|(&[_, high], out)| *out = high);
    }
}

/// Fraction bits of the weights.
const SHIFT: i32 = 20;
const HALF: i32 = 1 << (SHIFT - 1);

/// What U and V add to red, green and blue.
#[inline(always)]
fn chroma_parts([u, v]: [u8; 2]) -> [i32; 3] {
    let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
    [HALF + 1_673_527 * v, HALF - 852_492 * v - 409_993 * u, HALF + 2_116_026 * u]
}

#[inline(always)]
fn pixel(y: u8, chroma: [i32; 3]) -> Rgba {
    let y = (i32::from(y) - 16).max(0) * 1_220_542;
    let [r, g, b] = chroma.map(|part| ((y + part) >> SHIFT).clamp(0, 255));
    (r | g << 8 | b << 16 | 255 << 24).to_le_bytes()
}

/// Pixels that are made at a time. They pass through arrays of their own, which compilers know to be apart from all else,
/// so that they make SIMD of the loops; the loops are over slices, since a loop of known length is unrolled instead.
const BLOCK: usize = 64;

/// A block of pixels, as many of them as `out` has; a chroma, U and V, for each luma.
#[inline(always)]
fn colors(luma: &[u8], chroma: &[[u8; 2]], out: &mut [Rgba]) {
    let mut block = [[0; 4]; BLOCK];
    for ((out, &y), &chroma) in block.iter_mut().zip(luma).zip(chroma) {
        *out = pixel(y, chroma_parts(chroma));
    }
    out.copy_from_slice(&block[..out.len()]);
}

/// Two pixels in four bytes.
#[inline(always)]
pub(super) fn yuv422<const LUMA_FIRST: bool>(pixels: &[u8], out: &mut [Rgba]) {
    let (pairs, rest) = pixels.as_chunks::<4>();
    let (whole, last) = out.split_at_mut(out.len().min(2 * pairs.len()));
    let (mut luma, mut chroma) = ([[0; 2]; BLOCK / 2], [[0; 4]; BLOCK / 2]);
    for (pairs, out) in pairs.chunks(BLOCK / 2).zip(whole.chunks_mut(BLOCK)) {
        for ((pair, luma), chroma) in pairs.iter().zip(&mut luma).zip(&mut chroma) {
            // U, Y, V, Y is Y, V, Y, U from its second byte on.
            let pair = u32::from_le_bytes(*pair).rotate_right(if LUMA_FIRST { 0 } else { 8 });
            let both = if LUMA_FIRST { pair >> 8 & 0xff | pair >> 16 & 0xff00 } else { pair >> 24 | pair & 0xff00 };
            let [y0, y1, ..] = (pair & 0xff | pair >> 8 & 0xff00).to_le_bytes();
            *luma = [y0, y1];
            *chroma = (both * 0x1_0001).to_le_bytes();
        }
        colors(luma.as_flattened(), chroma.as_flattened().as_chunks().0, out);
    }
    // Half a pair has one chroma of its own; the other is that of the pair before it.
    if let (&[first, second], [last, ..]) = (rest, last) {
        let before = pairs.last().copied().unwrap_or([128; 4]);
        let (y, chroma) = if LUMA_FIRST { (first, [second, before[3]]) } else { (second, [first, before[2]]) };
        *last = pixel(y, chroma_parts(chroma));
    }
}

/// A chroma for each two lumas, or for the last one alone.
#[inline(always)]
pub(super) fn shared<const BLUE_FIRST: bool>(luma: &[u8], chroma: &[u8], out: &mut [Rgba]) {
    let (mut lumas, mut doubled) = ([0; BLOCK], [[0; 4]; BLOCK / 2]);
    let out = &mut out[..luma.len()];
    for ((luma, chroma), out) in luma.chunks(BLOCK).zip(chroma.chunks(BLOCK)).zip(out.chunks_mut(BLOCK)) {
        lumas[..luma.len()].copy_from_slice(luma);
        for (&pair, doubled) in chroma.as_chunks::<2>().0.iter().zip(&mut doubled) {
            let both = u16::from_le_bytes(pair);
            let both = if BLUE_FIRST { both } else { both.swap_bytes() };
            *doubled = (u32::from(both) * 0x1_0001).to_le_bytes();
        }
        colors(&lumas[..luma.len()], doubled.as_flattened().as_chunks().0, out);
    }
}

/// A chroma for each luma.
#[inline(always)]
pub(super) fn unshared(luma: &[u8], chroma: &[[u8; 2]], out: &mut [Rgba]) {
    let (mut lumas, mut chromas) = ([0; BLOCK], [[0; 2]; BLOCK]);
    let out = &mut out[..luma.len()];
    for ((luma, chroma), out) in luma.chunks(BLOCK).zip(chroma.chunks(BLOCK)).zip(out.chunks_mut(BLOCK)) {
        lumas[..luma.len()].copy_from_slice(luma);
        chromas[..chroma.len()].copy_from_slice(chroma);
        colors(&lumas[..luma.len()], &chromas[..chroma.len()], out);
    }
}

/// The first and last column have no neighbours on one side: they become as the columns beside them, as in OpenCV.
#[inline(always)]
pub(super) fn bayer(rows: [&[u8]; 3], colors: BayerRow, out: &mut [Rgba]) {
    let width = out.len().min(rows[1].len());
    let [above, row, below] = rows.map(|row| &row[..width]);
    if width < 3 {
        // No pixel has both neighbours: what is there is shown as gray.
        row.iter().zip(out).for_each(|(&gray, out)| *out = [gray, gray, gray, 255]);
        return;
    }
    let BayerRow { is_red, is_green_first } = colors;
    let mut block = [[0; BLOCK + 2]; 3];
    let inner = &mut out[1..width - 1];
    for (index, out) in inner.chunks_mut(BLOCK).enumerate() {
        let from = index * BLOCK;
        for (block, row) in block.iter_mut().zip([above, row, below]) {
            block[..out.len() + 2].copy_from_slice(&row[from..from + out.len() + 2]);
        }
        // The first column of a block is an odd one.
        match (is_red, is_green_first) {
            (true, true) => mosaic::<true>(&block, 0, out),
            (true, false) => mosaic::<true>(&block, 1, out),
            (false, true) => mosaic::<false>(&block, 0, out),
            (false, false) => mosaic::<false>(&block, 1, out),
        }
    }
    out[0] = out[1];
    out[width - 1] = out[width - 2];
}

/// All bits at the odd places.
const EVERY_OTHER: [u16; BLOCK + 1] = {
    let mut bits = [0; BLOCK + 1];
    let mut place = 1;
    while place <= BLOCK {
        bits[place] = u16::MAX;
        place += 2;
    }
    bits
};

/// The pixels between the first and the last column of a block, as many of them as `out` has; `green` is 0 where the first
/// of them is no green, else 1.
#[inline(always)]
fn mosaic<const RED: bool>([above, row, below]: &[[u8; BLOCK + 2]; 3], green: usize, out: &mut [Rgba]) {
    let len = out.len();
    let is_green = &EVERY_OTHER[green..][..len];
    let mut block = [[0; 4]; BLOCK];
    let [above, row, below] = [above, row, below].map(|row| [&row[..len], &row[1..][..len], &row[2..][..len]]);
    for (x, out) in block[..len].iter_mut().enumerate() {
        let wide = |row: &[u8]| u16::from(row[x]);
        let across = wide(row[0]) + wide(row[2]);
        let down = wide(above[1]) + wide(below[1]);
        let own = wide(row[1]);
        let corners = (wide(above[0]) + wide(above[2]) + wide(below[0]) + wide(below[2]) + 2) >> 2;
        let cross = (across + down + 2) >> 2;
        let (across, down) = ((across + 1) >> 1, (down + 1) >> 1);
        let either = |at_green: u16, elsewhere: u16| elsewhere ^ (at_green ^ elsewhere) & is_green[x];
        // The row's own color, green, the other rows' color.
        let (same, middle, other) = (either(across, own), either(own, cross), either(down, corners));
        let [r, b] = if RED { [same, other] } else { [other, same] };
        *out = (u32::from(r) | u32::from(middle) << 8 | u32::from(b) << 16 | 255 << 24).to_le_bytes();
    }
    out.copy_from_slice(&block[..out.len()]);
}

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

/// Converts as many pixels as `out` has and the row holds.
#[inline(always)]
pub(super) fn convert_row(row: RawRow<'_>, out: &mut [Rgba]) {
    match row {
        RawRow::Yuv422 { pixels, luma_first: true } => yuv422(pixels, |&[y0, u, y1, v]| ([y0, y1], [u, v]), out),
        RawRow::Yuv422 { pixels, luma_first: false } => yuv422(pixels, |&[u, y0, v, y1]| ([y0, y1], [u, v]), out),
        RawRow::TwoPlanes { luma, chroma, is_shared: true, blue_first: true } => {
            shared(luma, chroma, |&[u, v]| [u, v], out)
        }
        RawRow::TwoPlanes { luma, chroma, is_shared: true, blue_first: false } => {
            shared(luma, chroma, |&[v, u]| [u, v], out);
        }
        RawRow::TwoPlanes { luma, chroma, is_shared: false, .. } => {
            for ((&y, &chroma), out) in luma.iter().zip(chroma.as_chunks::<2>().0).zip(out) {
                *out = pixel(y, chroma_parts(chroma));
            }
        }
        RawRow::Bayer { rows, colors } => bayer(rows, colors, out),
        RawRow::Wide { pixels, channels, is_blue_first, is_big_endian } => {
            let order = if is_blue_first { [2, 1, 0] } else { [0, 1, 2] };
            let high = usize::from(!is_big_endian);
            for (pixel, out) in pixels.chunks_exact(2 * channels).zip(out) {
                let [r, g, b] = order.map(|channel| pixel[2 * channel + high]);
                *out = [r, g, b, 255];
            }
        }
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

#[inline(always)]
fn yuv422(pixels: &[u8], parts: impl Fn(&[u8; 4]) -> ([u8; 2], [u8; 2]), out: &mut [Rgba]) {
    let (pairs, rest) = pixels.as_chunks::<4>();
    let (outs, last) = out.as_chunks_mut::<2>();
    for (pair, out) in pairs.iter().zip(outs) {
        let (luma, chroma) = parts(pair);
        let chroma = chroma_parts(chroma);
        *out = luma.map(|y| pixel(y, chroma));
    }
    // Half a pair has one chroma of its own; the other is that of the pair before it.
    if let ([first, second], [last]) = (rest, last) {
        let mut pair = pairs.last().copied().unwrap_or([128; 4]);
        (pair[0], pair[1]) = (*first, *second);
        let (luma, chroma) = parts(&pair);
        *last = pixel(luma[0], chroma_parts(chroma));
    }
}

#[inline(always)]
fn shared(luma: &[u8], chroma: &[u8], blue_first: impl Fn(&[u8; 2]) -> [u8; 2], out: &mut [Rgba]) {
    let (lumas, rest) = luma.as_chunks::<2>();
    let (chromas, _) = chroma.as_chunks::<2>();
    let (outs, last) = out.as_chunks_mut::<2>();
    for ((luma, chroma), out) in lumas.iter().zip(chromas).zip(outs) {
        let chroma = chroma_parts(blue_first(chroma));
        *out = luma.map(|y| pixel(y, chroma));
    }
    if let ([y], [last], Some(chroma)) = (rest, last, chromas.last()) {
        *last = pixel(*y, chroma_parts(blue_first(chroma)));
    }
}

/// The first and last column have no neighbours on one side: they become as the columns beside them, as in OpenCV.
#[inline(always)]
fn bayer(rows: [&[u8]; 3], colors: BayerRow, out: &mut [Rgba]) {
    let width = out.len().min(rows[1].len());
    let [above, row, below] = rows.map(|row| &row[..width]);
    if width < 3 {
        // No pixel has both neighbours: what is there is shown as gray.
        row.iter().zip(out).for_each(|(&gray, out)| *out = [gray, gray, gray, 255]);
        return;
    }
    let inner = &mut out[1..width - 1];
    let BayerRow { is_red, is_green_first } = colors;
    // The first inner column is an odd one.
    match (is_red, is_green_first) {
        (true, true) => mosaic::<true>(above, row, below, 0, inner),
        (true, false) => mosaic::<true>(above, row, below, 1, inner),
        (false, true) => mosaic::<false>(above, row, below, 0, inner),
        (false, false) => mosaic::<false>(above, row, below, 1, inner),
    }
    out[0] = out[1];
    out[width - 1] = out[width - 2];
}

/// Columns 1 to the last but one; `green` is 0 where the first of them is no green, else 1.
#[inline(always)]
fn mosaic<const RED: bool>(above: &[u8], row: &[u8], below: &[u8], green: usize, out: &mut [Rgba]) {
    let len = out.len();
    let (a0, a1, a2) = (&above[..len], &above[1..][..len], &above[2..][..len]);
    let (r0, r1, r2) = (&row[..len], &row[1..][..len], &row[2..][..len]);
    let (b0, b1, b2) = (&below[..len], &below[1..][..len], &below[2..][..len]);
    for x in 0..len {
        let wide = |row: &[u8]| u16::from(row[x]);
        let across = wide(r0) + wide(r2);
        let down = wide(a1) + wide(b1);
        let own = wide(r1);
        let corners = (wide(a0) + wide(a2) + wide(b0) + wide(b2) + 2) >> 2;
        let cross = (across + down + 2) >> 2;
        let (across, down) = ((across + 1) >> 1, (down + 1) >> 1);
        let is_green = (x + green) % 2 == 1;
        // The row's own color, green, the other rows' color.
        let same = if is_green { across } else { own };
        let middle = if is_green { own } else { cross };
        let other = if is_green { down } else { corners };
        let [r, b] = if RED { [same, other] } else { [other, same] };
        out[x] = (u32::from(r) | u32::from(middle) << 8 | u32::from(b) << 16 | 255 << 24).to_le_bytes();
    }
}

//! Compressed pictures: jpeg, png and webp files as sensor_msgs/CompressedImage carries them.
//!
//! Enters: the message's words and bytes. Leaves: an [`ImageView`] of memory that serves every picture. The first bytes
//! decide what a file is; the words only say what its colors mean: image_transport compresses a mosaic as gray and writes
//! `bayer_rggb8; jpeg compressed`. A file that is cut off or broken is an error, never half a picture; only what is wrong
//! within a jpeg's data and leaves as many blocks as there should be cannot be told, for a jpeg has no checksum.
//!
//! Jpeg, which cameras send, is decoded by `zune-jpeg`; it makes small lists of its own for each picture, about a row of
//! blocks. For png and webp `image` does so with a picture's worth.

use super::jpeg_file;
use crate::types::{BayerPattern, ImageError, ImageView, PixelFormat, Size};
use image::codecs::{png::PngDecoder, webp::WebPDecoder};
use image::{ColorType, ImageDecoder, Limits};
use std::fmt;
use std::io::Cursor;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG, 8 or 16 bits.
    Png,
    /// WebP, with or without loss.
    Webp,
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
        })
    }
}

impl Codec {
    /// By the first bytes.
    fn of(data: &[u8]) -> Option<Self> {
        match data {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            _ => None,
        }
    }

    /// By the words of a CompressedImage's `format`: `jpeg`, `jpg`, `bgr8; jpeg compressed bgr8`, in any case. `None`
    /// where they name none.
    pub fn named_in(format: &str) -> Option<Self> {
        let is_named = |name: &str| {
            format.as_bytes().windows(name.len()).any(|window| window.eq_ignore_ascii_case(name.as_bytes()))
        };
        match () {
            () if is_named("jpeg") || is_named("jpg") => Some(Self::Jpeg),
            () if is_named("png") => Some(Self::Png),
            () if is_named("webp") => Some(Self::Webp),
            () => None,
        }
    }
}

/// Why there is no picture in a file.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Distances, with a header of their own before the png.
    #[error(
        "compressed picture {format:?} holds distances, expected colors: remap image to the topic of the camera's pictures, \
         whose name does not end in compressedDepth"
    )]
    Depth {
        /// The message's words, cut to 64 characters.
        format: String,
    },
    /// Video: a picture cannot be had without those before it.
    #[error(
        "compressed picture {format:?} is H.264 or H.265 video by its first bytes, expected jpeg, png or webp: have the \
         driver publish one of these, or raw pictures"
    )]
    Video {
        /// The message's words, cut to 64 characters.
        format: String,
    },
    /// None of the files that are known.
    #[error("compressed picture {format:?} begins with {found:02x?}, expected a jpeg, png or webp file")]
    Unknown {
        /// The message's words, cut to 64 characters.
        format: String,
        /// The first bytes, at most twelve.
        found: Vec<u8>,
    },
    /// A picture that no camera makes.
    #[error("{codec} of {width_px}x{height_px} px in {bytes} bytes, expected sides of at most 32768 px, {} Mpx in all, and data for them", MAX_PIXELS >> 20)]
    Size {
        /// The kind of file.
        codec: Codec,
        /// Columns that it claims.
        width_px: u64,
        /// Rows that it claims.
        height_px: u64,
        /// Bytes that it has.
        bytes: usize,
    },
    /// The end is missing, or the headers lead nowhere.
    #[error("jpeg of {bytes} bytes is cut off: its picture has no end marker")]
    CutOff {
        /// Bytes that there are.
        bytes: usize,
    },
    /// The decoder's own words.
    #[error("{codec} is broken: {reason}")]
    Broken {
        /// The kind of file.
        codec: Codec,
        /// Why.
        reason: String,
    },
    /// Never for a picture that was decoded: the check is that of every [`ImageView`].
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// Most pixels of a compressed picture: more than any camera has, and a bound to what a small file can ask for.
pub const MAX_PIXELS: u64 = 1 << 26;
/// The most pixels that a byte of jpeg can stand for: a block of 64 takes a bit or more.
const MAX_JPEG_PIXELS_PER_BYTE: u64 = 512;
/// The most bytes that a byte of png can stand for; deflate reaches 1032.
const MAX_PNG_EXPANSION: u64 = 1100;

/// A picture out of a file.
#[derive(Debug)]
pub struct Decoded<'a> {
    /// Its pixels.
    pub image: ImageView<'a>,
    /// What the file is.
    pub codec: Codec,
}

/// Decodes pictures, one after another, into the same memory.
#[derive(Debug, Default)]
pub struct PictureDecoder {
    pixels: Vec<u8>,
    /// What the jpeg decoder is given.
    jpeg: Vec<u8>,
}

impl PictureDecoder {
    /// The picture in `data`; `format` is what its message says of it.
    ///
    /// # Errors
    /// [`CodecError`] when there is none, or not all of it.
    pub fn decode(&mut self, format: &str, data: &[u8]) -> Result<Decoded<'_>, CodecError> {
        let words = || format.chars().take(64).collect::<String>();
        if format.contains("compressedDepth") {
            return Err(CodecError::Depth { format: words() });
        }
        let codec = Codec::of(data).ok_or_else(|| match data {
            [0, 0, 1, ..] | [0, 0, 0, 1, ..] => CodecError::Video { format: words() },
            _ => CodecError::Unknown { format: words(), found: data[..data.len().min(12)].to_vec() },
        })?;
        let (size, layout) = match codec {
            Codec::Jpeg => self.decode_jpeg(data)?,
            Codec::Png => {
                let limits = limits();
                let decoder = PngDecoder::with_limits(Cursor::new(data), limits).map_err(broken(codec))?;
                let (width_px, height_px) = decoder.dimensions();
                let most = (data.len() as u64).saturating_mul(MAX_PNG_EXPANSION);
                // At least one bit a pixel.
                if u64::from(width_px) * u64::from(height_px) / 8 > most {
                    let (width_px, height_px) = (width_px.into(), height_px.into());
                    return Err(CodecError::Size { codec, width_px, height_px, bytes: data.len() });
                }
                self.read(codec, decoder, data.len())?
            }
            Codec::Webp => {
                let mut decoder = WebPDecoder::new(Cursor::new(data)).map_err(broken(codec))?;
                decoder.set_limits(limits()).map_err(broken(codec))?;
                self.read(codec, decoder, data.len())?
            }
        };
        let layout = match (mosaic(format), layout) {
            (Some(pattern), PixelFormat::Mono8) => PixelFormat::Bayer8(pattern),
            (Some(pattern), PixelFormat::Mono16) => PixelFormat::Bayer16(pattern),
            _ => layout,
        };
        let step_bytes = size.width_px as usize * layout.bytes_per_pixel();
        let step_bytes = u32::try_from(step_bytes).unwrap_or(u32::MAX);
        let image = ImageView::new(&self.pixels, size, step_bytes, layout)?;
        Ok(Decoded { image: image.in_byte_order(cfg!(target_endian = "big")), codec })
    }

    fn decode_jpeg(&mut self, data: &[u8]) -> Result<(Size, PixelFormat), CodecError> {
        let codec = Codec::Jpeg;
        let broken = |error: &dyn fmt::Display| CodecError::Broken { codec, reason: in_short(error) };
        let side = ImageView::MAX_SIDE_PX as usize;
        // A decoder that is not strict makes gray of what it cannot read.
        let options = DecoderOptions::default()
            .set_strict_mode(true)
            .set_max_width(side)
            .set_max_height(side)
            .jpeg_set_out_colorspace(ColorSpace::RGB);
        let whole = jpeg_file::whole(data, &mut self.jpeg).ok_or(CodecError::CutOff { bytes: data.len() })?;
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(whole), options);
        decoder.decode_headers().map_err(|error| broken(&error))?;
        let (width, height) = decoder.dimensions().unwrap_or_default();
        let size = checked(codec, width as u64, height as u64, data.len())?;
        let (width_px, height_px) = (width as u64, height as u64);
        if width_px * height_px > (data.len() as u64).saturating_mul(MAX_JPEG_PIXELS_PER_BYTE) {
            return Err(CodecError::Size { codec, width_px, height_px, bytes: data.len() });
        }
        let is_gray = decoder.input_colorspace() == Some(ColorSpace::Luma);
        if is_gray {
            decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::Luma));
        }
        self.pixels.resize(decoder.output_buffer_size().unwrap_or(0), 0);
        decoder.decode_into(&mut self.pixels).map_err(|error| broken(&error))?;
        Ok((size, if is_gray { PixelFormat::Mono8 } else { PixelFormat::Rgb8 }))
    }

    fn read(
        &mut self,
        codec: Codec,
        decoder: impl ImageDecoder,
        bytes: usize,
    ) -> Result<(Size, PixelFormat), CodecError> {
        let (width_px, height_px) = decoder.dimensions();
        let size = checked(codec, width_px.into(), height_px.into(), bytes)?;
        let color = decoder.color_type();
        let (layout, with_alpha) = match color {
            ColorType::L8 => (PixelFormat::Mono8, false),
            ColorType::La8 => (PixelFormat::Mono8, true),
            ColorType::Rgb8 => (PixelFormat::Rgb8, false),
            ColorType::Rgba8 => (PixelFormat::Rgba8, false),
            ColorType::L16 => (PixelFormat::Mono16, false),
            ColorType::La16 => (PixelFormat::Mono16, true),
            ColorType::Rgb16 => (PixelFormat::Rgb16, false),
            ColorType::Rgba16 => (PixelFormat::Rgba16, false),
            other => {
                return Err(CodecError::Broken { codec, reason: format!("its colors are {other:?}") });
            }
        };
        let total = usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX);
        self.pixels.resize(total, 0);
        decoder.read_image(&mut self.pixels).map_err(broken(codec))?;
        if with_alpha {
            // Gray alone, at the front.
            let channel = layout.bytes_per_pixel();
            for pixel in 0..total / (2 * channel) {
                let from = 2 * channel * pixel;
                self.pixels.copy_within(from..from + channel, channel * pixel);
            }
        }
        Ok((size, layout))
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(ImageView::MAX_SIDE_PX), Some(ImageView::MAX_SIDE_PX));
    // Eight bytes a pixel, and as much for the decoder itself.
    limits.max_alloc = Some(16 * MAX_PIXELS);
    limits
}

fn checked(codec: Codec, width_px: u64, height_px: u64, bytes: usize) -> Result<Size, CodecError> {
    let side = |px: u64| u32::try_from(px).ok().filter(|px| (1..=ImageView::MAX_SIDE_PX).contains(px));
    match (side(width_px), side(height_px)) {
        (Some(width), Some(height)) if width_px * height_px <= MAX_PIXELS => {
            Ok(Size { width_px: width, height_px: height })
        }
        _ => Err(CodecError::Size { codec, width_px, height_px, bytes }),
    }
}

fn broken(codec: Codec) -> impl Fn(image::ImageError) -> CodecError {
    move |error| CodecError::Broken { codec, reason: in_short(&error) }
}

/// One line of a decoder's words.
fn in_short(error: &dyn fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().chars().take(160).collect()
}

/// The mosaic that a picture was before it was compressed as gray.
fn mosaic(format: &str) -> Option<BayerPattern> {
    let encoding = format.split_once(';').map_or(format, |(encoding, _)| encoding).trim();
    match PixelFormat::from_encoding(encoding).ok()? {
        PixelFormat::Bayer8(pattern) | PixelFormat::Bayer16(pattern) => Some(pattern),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::image::codecs::jpeg::JpegEncoder;
    use ::image::codecs::png::PngEncoder;
    use ::image::codecs::webp::WebPEncoder;
    use ::image::{ExtendedColorType, ImageEncoder};
    use proptest::prelude::*;

    const SIZE: Size = Size { width_px: 61, height_px: 47 };

    /// Gradients, which jpeg keeps well.
    fn colors() -> Vec<u8> {
        (0..47_u8).flat_map(|y| (0..61_u8).flat_map(move |x| [x * 4, y * 5, 200 - x * 3])).collect()
    }

    fn gray() -> Vec<u8> {
        (0..47_u8).flat_map(|y| (0..61_u8).map(move |x| x * 2 + y)).collect()
    }

    fn encoded(codec: Codec, pixels: &[u8], color: ExtendedColorType) -> Vec<u8> {
        let mut data = Vec::new();
        let Size { width_px, height_px } = SIZE;
        match codec {
            Codec::Jpeg => {
                JpegEncoder::new_with_quality(&mut data, 97).write_image(pixels, width_px, height_px, color).unwrap();
            }
            Codec::Png => PngEncoder::new(&mut data).write_image(pixels, width_px, height_px, color).unwrap(),
            Codec::Webp => {
                WebPEncoder::new_lossless(&mut data).write_image(pixels, width_px, height_px, color).unwrap();
            }
        }
        data
    }

    fn jpeg() -> Vec<u8> {
        encoded(Codec::Jpeg, &colors(), ExtendedColorType::Rgb8)
    }

    fn largest_difference(found: &[u8], expected: &[u8]) -> u8 {
        assert_eq!(found.len(), expected.len());
        found.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
    }

    #[test]
    fn each_kind_of_file_gives_its_pixels_whatever_its_words_are() {
        let (colors, gray) = (colors(), gray());
        let mut decoder = PictureDecoder::default();
        for words in ["jpeg", "bgr8; jpeg compressed bgr8", "JPEG", "png", "", "rgb8; png compressed ", "webp"] {
            for (codec, loss) in [(Codec::Jpeg, 8), (Codec::Png, 0), (Codec::Webp, 0)] {
                let data = encoded(codec, &colors, ExtendedColorType::Rgb8);
                let decoded = decoder.decode(words, &data).unwrap();
                assert_eq!(
                    (decoded.codec, decoded.image.size(), decoded.image.format()),
                    (codec, SIZE, PixelFormat::Rgb8)
                );
                assert!(largest_difference(decoded.image.data(), &colors) <= loss, "{codec} {words}");
            }
            for (codec, loss) in [(Codec::Jpeg, 4), (Codec::Png, 0)] {
                let data = encoded(codec, &gray, ExtendedColorType::L8);
                let decoded = decoder.decode(words, &data).unwrap();
                assert_eq!((decoded.image.size(), decoded.image.format()), (SIZE, PixelFormat::Mono8));
                assert!(largest_difference(decoded.image.data(), &gray) <= loss, "{codec} {words}");
            }
        }
    }

    #[test]
    fn sixteen_bits_and_alpha_of_png_are_kept_or_left_out() {
        let mut decoder = PictureDecoder::default();
        let gray = gray();
        // Behind each byte one that says nothing, or an alpha.
        let followed = |by: u8| gray.iter().flat_map(|&gray| [gray, by]).collect::<Vec<u8>>();
        let native: Vec<u8> = gray.iter().flat_map(|&gray| u16::from_be_bytes([gray, 9]).to_ne_bytes()).collect();
        let decoded = encoded(Codec::Png, &native, ExtendedColorType::L16);
        let decoded = decoder.decode("16UC1; png compressed", &decoded).unwrap();
        assert_eq!((decoded.image.format(), decoded.image.data()), (PixelFormat::Mono16, &native[..]));
        let decoded = encoded(Codec::Png, &followed(255), ExtendedColorType::La8);
        let decoded = decoder.decode("png", &decoded).unwrap();
        assert_eq!(decoded.image.format(), PixelFormat::Mono8);
        assert_eq!(decoded.image.data()[..gray.len()], gray);
    }

    #[test]
    fn a_mosaic_that_was_compressed_as_gray_is_one_again() {
        let data = encoded(Codec::Png, &gray(), ExtendedColorType::L8);
        let mut decoder = PictureDecoder::default();
        for (words, format) in [
            ("bayer_gbrg8; png compressed ", PixelFormat::Bayer8(BayerPattern::Gbrg)),
            ("mono8; png compressed ", PixelFormat::Mono8),
        ] {
            assert_eq!(decoder.decode(words, &data).unwrap().image.format(), format);
        }
    }

    #[test]
    fn words_name_a_codec_in_any_case_or_none() {
        for (words, codec) in [
            ("jpg", Some(Codec::Jpeg)),
            ("RGB8; JPEG compressed bgr8", Some(Codec::Jpeg)),
            ("16UC1; png compressed", Some(Codec::Png)),
            ("webp", Some(Codec::Webp)),
            ("", None),
            ("h264", None),
        ] {
            assert_eq!(Codec::named_in(words), codec, "{words}");
        }
    }

    #[test]
    fn a_jpeg_cut_off_anywhere_is_refused_and_bytes_behind_its_end_are_not_read() {
        let data = jpeg();
        let mut decoder = PictureDecoder::default();
        for length in 0..data.len() {
            assert!(decoder.decode("jpeg", &data[..length]).is_err(), "{length} of {} bytes", data.len());
        }
        let filled = [&data[..], &[0; 100]].concat();
        assert!(decoder.decode("jpeg", &filled).is_ok());
        let error = decoder.decode("jpeg", &data[..data.len() - 9]).unwrap_err().to_string();
        assert_eq!(error, format!("jpeg of {} bytes is cut off: its picture has no end marker", data.len() - 9));
    }

    #[test]
    fn a_jpeg_that_lost_its_middle_and_kept_its_end_is_refused() {
        let data = jpeg();
        let mut decoder = PictureDecoder::default();
        let expected = decoder.decode("jpeg", &data).unwrap().image.data().to_vec();
        let scan = data.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap() + 14;
        for length in scan..data.len() - 2 {
            let cut = [&data[..length], &[0xff, 0xd9]].concat();
            // Behind the last block there are bits that fill up a byte.
            let is_whole = decoder.decode("jpeg", &cut).is_ok_and(|decoded| decoded.image.data() == expected);
            assert_eq!(is_whole, decoder.decode("jpeg", &cut).is_ok(), "{length} of {} bytes", data.len());
            assert!(!is_whole || length > data.len() - 8, "{length} of {} bytes", data.len());
        }
    }

    #[test]
    fn a_jpeg_without_huffman_tables_is_read_by_the_standard_ones() {
        let data = jpeg();
        let mut decoder = PictureDecoder::default();
        let expected = decoder.decode("jpeg", &data).unwrap().image.data().to_vec();
        let (mut bare, mut at) = (data[..2].to_vec(), 2);
        while data[at + 1] != 0xda {
            let end = at + 2 + usize::from(u16::from_be_bytes([data[at + 2], data[at + 3]]));
            if data[at + 1] != 0xc4 {
                bare.extend_from_slice(&data[at..end]);
            }
            at = end;
        }
        bare.extend_from_slice(&data[at..]);
        assert!(bare.len() + 400 < data.len());
        assert_eq!(decoder.decode("jpeg", &bare).unwrap().image.data(), expected);
    }

    #[test]
    fn what_is_no_picture_is_refused_with_its_words_and_first_bytes() {
        let mut decoder = PictureDecoder::default();
        let mut said = |words: &str, data: &[u8]| decoder.decode(words, data).unwrap_err().to_string();
        let error = said("tiff", b"II*\0");
        assert_eq!(
            error,
            "compressed picture \"tiff\" begins with [49, 49, 2a, 00], expected a jpeg, png or webp file"
        );
        assert!(said("h264", &[0, 0, 0, 1, 0x67]).contains("H.264 or H.265 video"));
        assert!(said("16UC1; compressedDepth", &[1, 2, 3]).contains("holds distances"));
        assert!(said("jpeg", &[]).contains("begins with []"));
    }

    #[test]
    fn a_small_file_that_claims_a_huge_picture_is_refused_before_memory_is_taken() {
        let mut data = jpeg();
        let at = data.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        let mut decoder = PictureDecoder::default();
        for (height, width) in [(8000_u16, 8000_u16), (32_768, 32_768), (0, 61), (65_535, 65_535)] {
            data[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
            data[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
            assert!(decoder.decode("jpeg", &data).is_err(), "{width}x{height}");
            assert!(decoder.pixels.capacity() < 1 << 20);
        }
        // A png's header, with its checksum made right.
        let mut data = encoded(Codec::Png, &gray(), ExtendedColorType::L8);
        data[16..20].copy_from_slice(&8000_u32.to_be_bytes());
        data[20..24].copy_from_slice(&8000_u32.to_be_bytes());
        let checksum = crc32fast::hash(&data[12..29]);
        data[29..33].copy_from_slice(&checksum.to_be_bytes());
        assert!(matches!(decoder.decode("png", &data).unwrap_err(), CodecError::Size { .. }));
        assert!(decoder.pixels.capacity() < 1 << 20);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn damaged_files_give_a_picture_of_some_size_or_an_error(
            codec in 0usize..3, places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let codec = [Codec::Jpeg, Codec::Png, Codec::Webp][codec];
            let mut data = encoded(codec, &colors(), ExtendedColorType::Rgb8);
            for (place, byte) in places {
                let place = place.index(data.len());
                data[place] = byte;
            }
            let _ = PictureDecoder::default().decode("", &data);
        }
    }
}

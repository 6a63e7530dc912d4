//! A picture's file into a sensor_msgs/Image.

use crate::types::{ImageView, PixelFormat, Size, Stamp};
use crate::vision::PictureDecoder;
use crate::wire::HeaderRef;
use crate::wire::sensor_msgs::encode_image;
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};
use std::io::Cursor;

/// The frame of all footage, optical as a camera's is.
const FRAME_ID: &str = "camera_optical_frame";

/// The most memory that one picture may take in all buffers of its decoder.
const MOST_BYTES: u64 = 1 << 30;

/// Whether a file that begins so is a picture that is read.
pub(super) fn is_picture(first: &[u8]) -> bool {
    image::guess_format(first).is_ok_and(|format| format.reading_enabled())
}

/// Decodes picture after picture into one message.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    cdr: Vec<u8>,
    jpeg: PictureDecoder,
}

impl Decoder {
    /// The message of the last picture.
    pub(super) fn cdr(&self) -> &[u8] {
        &self.cdr
    }

    /// Decodes a picture, turned as its EXIF says.
    pub(super) fn decode(&mut self, bytes: &[u8], stamp: Stamp) -> Result<(), String> {
        if bytes.is_empty() {
            return Err("holds no bytes".to_owned());
        }
        let header = HeaderRef { stamp, frame_id: FRAME_ID };
        let (format, mut decoder) = open(bytes)?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut picture = if format == ImageFormat::Jpeg {
            // As from a camera's topic: this decoder makes nothing up where a file has lost something.
            let decoded = self.jpeg.decode("jpeg", bytes).map_err(|error| error.to_string())?.image;
            if orientation == Orientation::NoTransforms {
                encode_image(&mut self.cdr, header, &decoded);
                return Ok(());
            }
            to_turn(&decoded).ok_or("holds fewer pixels than its size")?
        } else {
            DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?
        };
        picture.apply_orientation(orientation);
        let (width_px, height_px) = (picture.width(), picture.height());
        let size = Size { width_px, height_px };
        let (pixels, format, step) = if picture.color().has_color() {
            (picture.into_rgb8().into_raw(), PixelFormat::Rgb8, 3 * width_px)
        } else {
            (picture.into_luma8().into_raw(), PixelFormat::Mono8, width_px)
        };
        let view = ImageView::new(&pixels, size, step, format).map_err(|error| error.to_string())?;
        encode_image(&mut self.cdr, header, &view);
        Ok(())
    }
}

/// What a file is, and what of its picture can be told before it is decoded.
fn open(bytes: &[u8]) -> Result<(ImageFormat, impl ImageDecoder), String> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| error.to_string())?;
    let Some(format) = reader.format() else {
        let first: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        return Err(format!("begins with {}, expected a picture", first.join(" ")));
    };
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(ImageView::MAX_SIDE_PX), Some(ImageView::MAX_SIDE_PX));
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    Ok((format, reader.into_decoder().map_err(|error| error.to_string())?))
}

/// A copy of a picture out of a JPEG.
fn to_turn(decoded: &ImageView<'_>) -> Option<DynamicImage> {
    let (Size { width_px, height_px }, data) = (decoded.size(), decoded.data().to_vec());
    match decoded.format() {
        PixelFormat::Mono8 => GrayImage::from_raw(width_px, height_px, data).map(DynamicImage::from),
        _ => RgbImage::from_raw(width_px, height_px, data).map(DynamicImage::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::sensor_msgs::decode_image;

    fn written(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn colours() -> DynamicImage {
        image::RgbImage::from_fn(40, 30, |x, y| {
            image::Rgb([u8::try_from(6 * x).unwrap(), u8::try_from(8 * y).unwrap(), 90])
        })
        .into()
    }

    #[test]
    fn every_kind_of_picture_that_keeps_its_pixels_gives_them() {
        let picture = colours();
        for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Pnm] {
            let bytes = written(&picture, format);
            assert!(is_picture(&bytes[..32]), "{format:?}");
            let mut decoder = Decoder::default();
            decoder.decode(&bytes, Stamp::from_ns(7)).unwrap();
            let image = decode_image(decoder.cdr()).unwrap();
            assert_eq!((image.header.stamp, image.header.frame_id), (Stamp::from_ns(7), FRAME_ID));
            assert_eq!(image.image.data(), picture.as_bytes(), "{format:?}");
        }
    }

    #[test]
    fn a_picture_without_colours_is_grey_and_sixteen_bits_become_eight() {
        let grey = image::ImageBuffer::from_pixel(4, 3, image::Luma([0x8000_u16])).into();
        let mut decoder = Decoder::default();
        decoder.decode(&written(&grey, ImageFormat::Png), Stamp::from_ns(7)).unwrap();
        let image = decode_image(decoder.cdr()).unwrap().image;
        assert_eq!((image.format(), image.row(0)), (PixelFormat::Mono8, &[0x80; 4][..]));
    }

    #[test]
    fn a_jpeg_that_is_cut_anywhere_is_a_loss() {
        let bytes = written(&colours(), ImageFormat::Jpeg);
        let mut decoder = Decoder::default();
        decoder.decode(&bytes, Stamp::from_ns(7)).unwrap();
        for end in 0..bytes.len() - 1 {
            assert!(decoder.decode(&bytes[..end], Stamp::from_ns(7)).is_err(), "cut at {end}");
        }
        let error = decoder.decode(&bytes[..bytes.len() - 3], Stamp::from_ns(7)).unwrap_err();
        assert!(error.ends_with("is cut off: its picture has no end marker"), "{error}");
    }

    #[test]
    fn a_png_that_claims_to_be_huge_is_refused_before_memory_is_taken() {
        let mut bytes = written(&colours(), ImageFormat::Png);
        bytes[16..24].copy_from_slice(&[0x7f, 0, 0, 0, 0x7f, 0, 0, 0]);
        let crc = crc32fast::hash(&bytes[12..29]).to_be_bytes();
        bytes[29..33].copy_from_slice(&crc);
        assert!(Decoder::default().decode(&bytes, Stamp::from_ns(7)).is_err());
    }
}

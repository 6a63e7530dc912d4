//! sensor_msgs: Image, CompressedImage and CameraInfo.

use super::cdr::{Reader, Writer};
use super::error::WireError;
use super::std_msgs::{HeaderRef, read_header, write_header};
use crate::types::{Calibration, ImageError, ImageView, PixelFormat, SensorPart, Size};

/// The type name of [`decode_image`] and [`encode_image`].
pub const IMAGE: &str = "sensor_msgs/msg/Image";
/// The type name of [`decode_compressed_image`].
pub const COMPRESSED_IMAGE: &str = "sensor_msgs/msg/CompressedImage";
/// The type name of [`decode_camera_info`].
pub const CAMERA_INFO: &str = "sensor_msgs/msg/CameraInfo";

/// An Image whose pixels are still those of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageRef<'a> {
    /// When it was taken, and the camera's optical frame.
    pub header: HeaderRef<'a>,
    /// The pixels.
    pub image: ImageView<'a>,
    /// The encoding's name as written, of which the image has the meaning.
    pub encoding: &'a str,
    /// `is_bigendian` as written: it says nothing about channels of 8 bits.
    pub is_big_endian: bool,
    /// `step` as written. A step that cannot be is passed over where the data is that of a picture without padding.
    pub step_bytes: u32,
}

/// An Image, in constant time whatever its size.
///
/// # Errors
/// [`WireError::Image`] for an encoding that is not understood or sizes that do not fit together, any other for bytes
/// that are no Image.
pub fn decode_image(cdr: &[u8]) -> Result<ImageRef<'_>, WireError> {
    let mut reader = Reader::new(cdr, IMAGE)?;
    let header = read_header(&mut reader)?;
    let height_px = reader.u32("height")?;
    let width_px = reader.u32("width")?;
    let encoding = reader.str("encoding")?;
    let is_big_endian = reader.u8("is_bigendian")? != 0;
    let step_bytes = reader.u32("step")?;
    let data = reader.byte_sequence("data")?;
    let format = PixelFormat::from_encoding(encoding).map_err(ImageError::from)?;
    let image = ImageView::with_any_step(data, Size { width_px, height_px }, step_bytes, format)?;
    Ok(ImageRef { header, image: image.in_byte_order(is_big_endian), encoding, is_big_endian, step_bytes })
}

/// A CompressedImage, still compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompressedImageRef<'a> {
    /// When it was taken, and the camera's optical frame.
    pub header: HeaderRef<'a>,
    /// What its writer calls the data: `jpeg`, `bgr8; jpeg compressed bgr8`, `16UC1; png compressed`, or nothing.
    pub format: &'a str,
    /// The file, borrowed from the message.
    pub data: &'a [u8],
}

/// A CompressedImage, in constant time whatever its size.
///
/// # Errors
/// [`WireError`] for bytes that are no CompressedImage. Whether its data is a picture is left to who decodes it.
pub fn decode_compressed_image(cdr: &[u8]) -> Result<CompressedImageRef<'_>, WireError> {
    let mut reader = Reader::new(cdr, COMPRESSED_IMAGE)?;
    let header = read_header(&mut reader)?;
    let format = reader.str("format")?;
    let data = reader.byte_sequence("data")?;
    Ok(CompressedImageRef { header, format, data })
}

/// An Image, row padding kept; bytes behind the last row are left out.
///
/// # Panics
/// When the rows take more than 4 GiB, which CDR cannot say.
pub fn encode_image(out: &mut Vec<u8>, header: HeaderRef<'_>, image: &ImageView<'_>) {
    let Size { width_px, height_px } = image.size();
    let mut writer = Writer::new(out);
    write_header(&mut writer, header);
    writer.u32(height_px);
    writer.u32(width_px);
    writer.str(image.format().encoding());
    writer.u8(u8::from(image.is_big_endian()));
    // An ImageView's step was given as a u32.
    writer.u32(u32::try_from(image.step_bytes()).unwrap_or(u32::MAX));
    writer.byte_sequence(&image.data()[..image.needed_bytes()]);
}

/// A CameraInfo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraInfoRef<'a> {
    /// The stamp of the image that it belongs to, and the camera's optical frame.
    pub header: HeaderRef<'a>,
    /// The numbers, as they are: whether they are a camera is for [`Calibration::camera`] to say.
    pub calibration: Calibration<'a>,
}

/// A CameraInfo. `R` is passed over: see [`Calibration::camera`], which also brings the numbers to the image as published.
///
/// # Errors
/// [`WireError`] for bytes that are no CameraInfo.
pub fn decode_camera_info(cdr: &[u8]) -> Result<CameraInfoRef<'_>, WireError> {
    let mut reader = Reader::new(cdr, CAMERA_INFO)?;
    let header = read_header(&mut reader)?;
    let height_px = reader.u32("height")?;
    let width_px = reader.u32("width")?;
    let distortion_model = reader.str("distortion_model")?;
    let d = reader.f64_sequence("d")?.collect();
    let k = reader.f64s::<9>("k")?;
    reader.f64s::<9>("r")?;
    let p = reader.f64s::<12>("p")?;
    let binning_x = reader.u32("binning_x")?;
    let binning_y = reader.u32("binning_y")?;
    let part = read_region(&mut reader).map_err(|error| error.inside("roi"))?;
    let part = SensorPart { binning_x, binning_y, ..part };
    let size = Size { width_px, height_px };
    Ok(CameraInfoRef { header, calibration: Calibration { size, distortion_model, d, k, p, part } })
}

/// A RegionOfInterest, not binned.
fn read_region(reader: &mut Reader<'_>) -> Result<SensorPart, WireError> {
    let x_px = reader.u32("x_offset")?;
    let y_px = reader.u32("y_offset")?;
    let height_px = reader.u32("height")?;
    let width_px = reader.u32("width")?;
    reader.u8("do_rectify")?;
    Ok(SensorPart { x_px, y_px, size: Size { width_px, height_px }, ..SensorPart::WHOLE })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{CameraModelError, Distortion, EncodingError, Stamp};
    use crate::wire::big_endian::swapped;
    use proptest::prelude::*;

    const HEADER: HeaderRef<'_> =
        HeaderRef { stamp: Stamp::from_ns(1_700_000_000_100_000_000), frame_id: "camera_optical_frame" };

    const IMAGE_LE: &[u8] = include_bytes!("../../tests/data/cdr/image.le.cdr");
    const IMAGE_BE: &[u8] = include_bytes!("../../tests/data/cdr/image.be.cdr");
    const CAMERA_INFO_LE: &[u8] = include_bytes!("../../tests/data/cdr/camera_info.le.cdr");
    const CAMERA_INFO_BE: &[u8] = include_bytes!("../../tests/data/cdr/camera_info.be.cdr");
    const CAMERA_INFO_PART_LE: &[u8] = include_bytes!("../../tests/data/cdr/camera_info_part.le.cdr");

    fn image_data() -> Vec<u8> {
        (0..48).collect()
    }

    fn image(data: &[u8]) -> ImageView<'_> {
        ImageView::new(data, Size { width_px: 4, height_px: 3 }, 16, PixelFormat::Bgr8).unwrap()
    }

    #[test]
    fn an_image_of_rosbags_decodes_to_its_values_in_both_endians() {
        let data = image_data();
        for cdr in [IMAGE_LE, IMAGE_BE] {
            let decoded = decode_image(cdr).unwrap();
            assert_eq!((decoded.header, decoded.image), (HEADER, image(&data)));
            assert_eq!((decoded.encoding, decoded.is_big_endian, decoded.step_bytes), ("bgr8", false, 16));
        }
    }

    #[test]
    fn pixels_are_borrowed_from_the_message() {
        let decoded = decode_image(IMAGE_LE).unwrap();
        assert!(IMAGE_LE.as_ptr_range().contains(&decoded.image.data().as_ptr()));
    }

    #[test]
    fn an_image_encodes_to_the_bytes_of_rosbags() {
        let mut out = Vec::new();
        encode_image(&mut out, HEADER, &image(&image_data()));
        assert_eq!(out, IMAGE_LE);
    }

    #[test]
    fn an_image_shorter_than_its_rows_is_refused() {
        let mut cdr = IMAGE_LE.to_vec();
        // The lowest byte of the count in front of the 48 bytes.
        let count = cdr.len() - 52;
        cdr[count] = 47;
        let error = decode_image(&cdr).unwrap_err();
        assert_eq!(error.to_string(), "image data holds 47 bytes, step 16 x height 3 needs 48");
    }

    #[test]
    fn an_image_of_another_encoding_is_refused_by_name() {
        let mut cdr = IMAGE_LE.to_vec();
        let at = cdr.windows(4).position(|window| window == b"bgr8").unwrap();
        cdr[at] = b'x';
        let expected = ImageError::from(EncodingError { found: "xgr8".to_owned() });
        assert_eq!(decode_image(&cdr).unwrap_err(), expected.into());
    }

    #[test]
    fn a_compressed_image_keeps_its_words_and_borrows_its_data() {
        let mut cdr = Vec::new();
        let mut writer = Writer::new(&mut cdr);
        write_header(&mut writer, HEADER);
        writer.str("bgr8; jpeg compressed bgr8");
        writer.byte_sequence(&[0xff, 0xd8, 0xff]);
        for cdr in [swapped(COMPRESSED_IMAGE, &cdr), cdr] {
            let CompressedImageRef { header, format, data } = decode_compressed_image(&cdr).unwrap();
            assert_eq!((header, format, data), (HEADER, "bgr8; jpeg compressed bgr8", &[0xff, 0xd8, 0xff][..]));
            assert!(cdr.as_ptr_range().contains(&data.as_ptr()));
            for length in 0..cdr.len() {
                assert!(decode_compressed_image(&cdr[..length]).is_err(), "{length} bytes");
            }
        }
    }

    #[test]
    fn a_camera_info_of_rosbags_decodes_to_its_values_in_both_endians() {
        for cdr in [CAMERA_INFO_LE, CAMERA_INFO_BE] {
            let CameraInfoRef { header, calibration } = decode_camera_info(cdr).unwrap();
            assert_eq!(header, HEADER);
            let model = calibration.camera(false).unwrap();
            assert_eq!(model.size(), Size { width_px: 768, height_px: 576 });
            assert_eq!(model.focal_px(), (700.5, 701.5));
            assert_eq!(model.principal_point_px(), (383.5, 287.5));
            let mut d = [0.0; 14];
            d[..5].copy_from_slice(&[-0.25, 0.125, 0.001, -0.002, 0.0625]);
            assert_eq!(model.distortion(), Distortion::Brown(d));
            let rectified = calibration.camera(true).unwrap();
            assert_eq!((rectified.focal_px(), rectified.distortion()), ((700.5, 701.5), Distortion::None));
        }
    }

    #[test]
    fn a_binned_region_of_interest_has_its_own_camera() {
        let model = decode_camera_info(CAMERA_INFO_PART_LE).unwrap().calibration.camera(false).unwrap();
        assert_eq!(model.size(), Size { width_px: 200, height_px: 75 });
        assert_eq!(model.focal_px(), (700.5 / 2.0, 701.5 / 4.0));
        assert_eq!(model.principal_point_px(), ((383.5 - 100.0) / 2.0, (287.5 - 50.0) / 4.0));
    }

    #[test]
    fn nan_in_a_camera_info_is_refused_by_field() {
        let mut cdr = CAMERA_INFO_LE.to_vec();
        let at = cdr.windows(8).position(|window| window == 700.5f64.to_le_bytes()).unwrap();
        cdr[at..at + 8].copy_from_slice(&f64::NAN.to_le_bytes());
        let error = decode_camera_info(&cdr).unwrap().calibration.camera(false).unwrap_err();
        assert!(matches!(error, CameraModelError::NotFinite { field: "K[0]", .. }), "{error}");
    }

    proptest! {
        #[test]
        fn an_image_survives_the_round_trip_in_both_endians(
            (width_px, height_px) in (1u32..9, 1u32..9), padding in 0u32..5, format in 0..PixelFormat::ALL.len(),
            big in any::<bool>(), frame_id in ".{0,9}", ns in 0i64..i64::from(i32::MAX) * 1_000_000_000, fill in any::<u8>(),
        ) {
            let format = PixelFormat::ALL[format];
            let step = width_px * u32::try_from(format.bytes_per_pixel()).unwrap() + padding;
            // Enough for a second plane too.
            let data = vec![fill; 4 * (step * (height_px + 1)) as usize];
            let image = ImageView::new(&data, Size { width_px, height_px }, step, format).unwrap().in_byte_order(big);
            let data = &data[..image.needed_bytes()];
            let image = ImageView::new(data, Size { width_px, height_px }, step, format).unwrap().in_byte_order(big);
            let header = HeaderRef { stamp: Stamp::from_ns(ns), frame_id: &frame_id };
            let mut out = Vec::new();
            encode_image(&mut out, header, &image);
            for cdr in [swapped(IMAGE, &out), out] {
                let decoded = decode_image(&cdr).unwrap();
                prop_assert_eq!((decoded.header, decoded.image), (header, image));
            }
        }
    }
}

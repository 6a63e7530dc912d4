//! Pictures in every encoding and as compressed files, through intake and walk.

use crate::allocations::{allocations_in, peak_bytes_in};
use crate::messages::{Discarded, Driven, Heard, SIZE, camera_info, image, nth, pixels, stamped, walk};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use std::borrow::Cow;
use vedette::pipeline::{FrameError, FrameReport, Taken, Transport, Wanted};
use vedette::types::{CameraId, ImageView, PixelFormat, Size, Stamp};
use vedette::wire::HeaderRef;
use vedette::wire::sensor_msgs::encode_image;

/// A CompressedImage, little endian.
fn compressed(stamp: Stamp, format: &str, data: &[u8]) -> Vec<u8> {
    let mut cdr = vec![0, 1, 0, 0];
    let string = |cdr: &mut Vec<u8>, text: &str| {
        cdr.resize(cdr.len().next_multiple_of(4), 0);
        cdr.extend(u32::try_from(text.len() + 1).unwrap().to_le_bytes());
        cdr.extend(text.as_bytes());
        cdr.push(0);
    };
    cdr.extend([0; 8]);
    string(&mut cdr, "camera_optical_frame");
    string(&mut cdr, format);
    cdr.resize(cdr.len().next_multiple_of(4), 0);
    cdr.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    cdr.extend(data);
    stamped(cdr, stamp)
}

fn jpeg_of(pixels: &[u8], size: Size) -> Vec<u8> {
    let mut data = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut data, 97);
    encoder.write_image(pixels, size.width_px, size.height_px, ExtendedColorType::Rgb8).unwrap();
    data
}

fn jpeg(stamp: Stamp) -> Vec<u8> {
    compressed(stamp, "bgr8; jpeg compressed bgr8", &jpeg_of(&pixels(stamp), SIZE))
}

fn process(walk: &mut Driven, cdr: &[u8], heard: &mut Heard) -> Result<FrameReport, FrameError> {
    let moment = match walk.intakes.of(CameraId(0)).picture(Transport::Compressed, Cow::Borrowed(cdr), None)? {
        Taken::Moment(moment) => moment,
        _ => walk.intakes.of(CameraId(0)).go_without()?.expect("the image waits"),
    };
    let said = walk.walk.frame(&moment, Wanted::by(heard, moment.camera))?;
    said.hand_to(heard).unwrap();
    Ok(*said.report())
}

#[test]
fn a_compressed_picture_gives_what_the_raw_one_gives() {
    let heard = [Transport::Raw, Transport::Compressed].map(|transport| {
        let (mut walk, mut heard) = (walk(), Heard::default());
        for number in 0..5 {
            let stamp = nth(number);
            walk.camera_info(&camera_info(stamp)).unwrap();
            let report = match transport {
                Transport::Raw => walk.image(&image(stamp), &mut heard),
                Transport::Compressed => process(&mut walk, &jpeg(stamp), &mut heard),
            };
            assert!(report.unwrap().located);
        }
        heard
    });
    // The detector is one that sees the same in every picture.
    assert!(heard[0].results() == heard[1].results());
    assert_eq!(heard[0].detections().len(), 5);
}

#[test]
fn a_compressed_picture_waits_for_its_camera_info_undecoded() {
    let mut walk = walk();
    walk.intake().expect_camera_info(true);
    // Decoding this fails, waiting for it does not.
    let cut = compressed(nth(0), "jpeg", &jpeg_of(&pixels(nth(0)), SIZE)[..200]);
    assert!(matches!(
        walk.intake().picture(Transport::Compressed, Cow::Borrowed(&cut), None).unwrap(),
        Taken::Waits { .. }
    ));
    walk.camera_info(&camera_info(nth(0))).unwrap();
    assert!(matches!(walk.intake().complete().unwrap_err(), FrameError::Picture(_)));
    walk.camera_info(&camera_info(nth(1))).unwrap();
    assert!(matches!(
        walk.intake().picture(Transport::Compressed, Cow::Borrowed(&jpeg(nth(1))), None).unwrap(),
        Taken::Moment(_)
    ));
}

#[test]
fn a_broken_file_costs_only_itself() {
    let (mut walk, mut heard) = (walk(), Heard::default());
    let whole = jpeg_of(&pixels(nth(1)), SIZE);
    for (bad, words) in [
        (compressed(nth(1), "jpeg", &whole[..whole.len() / 2]), "jpeg of"),
        (compressed(nth(1), "jpeg", &[]), "begins with []"),
        (compressed(nth(1), "h264", &[0, 0, 0, 1, 0x67, 0x42]), "H.264"),
        (compressed(nth(1), "16UC1; compressedDepth", &[0; 40]), "holds distances"),
    ] {
        walk.camera_info(&camera_info(nth(1))).unwrap();
        let error = process(&mut walk, &bad, &mut heard).unwrap_err();
        assert_eq!(error.cause(), "bad_picture");
        assert!(error.to_string().contains(words), "{error}");
    }
    let message = jpeg(nth(1));
    for length in 0..40 {
        assert_eq!(process(&mut walk, &message[..length], &mut heard).unwrap_err().cause(), "bad_message");
    }
    assert!(heard.messages.is_empty());
    process(&mut walk, &message, &mut heard).unwrap();
}

/// A raw picture in any format: a board whose fields are as bright as the number says.
fn raw(stamp: Stamp, format: PixelFormat, number: i64) -> Vec<u8> {
    let step_bytes = SIZE.width_px * u32::try_from(format.bytes_per_pixel()).unwrap();
    let brighter = u8::try_from(number % 23).unwrap();
    let data: Vec<u8> = pixels(stamp).repeat(3).iter().map(|byte| byte.saturating_add(brighter)).collect();
    let view = ImageView::new(&data, SIZE, step_bytes, format).unwrap();
    let mut cdr = Vec::new();
    encode_image(&mut cdr, HeaderRef { stamp, frame_id: "camera_optical_frame" }, &view);
    cdr
}

#[test]
fn every_encoding_goes_through_the_whole_walk_and_allocates_nothing_in_steady_state() {
    for format in PixelFormat::ALL {
        let mut walk = walk();
        let messages: Vec<Vec<u8>> = (0..200).map(|number| raw(nth(number), format, number)).collect();
        let mut discarded = Discarded::default();
        let mut drive = |messages: &[Vec<u8>]| {
            for message in messages {
                walk.image(message, &mut discarded).unwrap_or_else(|error| panic!("{format:?}: {error}"));
            }
        };
        drive(&messages[..100]);
        assert_eq!(allocations_in(|| drive(&messages[100..])), 0, "{format:?}");
        assert_eq!(discarded.messages, 3 + 200 * 6, "{format:?}");
    }
}

/// The decoder of jpeg makes lists of its own: as many for each picture, together a few rows of it.
#[test]
fn a_jpeg_in_steady_state_takes_a_few_rows_of_memory_for_a_moment() {
    let size = Size { width_px: 640, height_px: 480 };
    let pixels: Vec<u8> = (0..640 * 480 * 3_u32).map(|i| (i / 1920 + i % 7 * 9).to_le_bytes()[0]).collect();
    let message = compressed(nth(0), "jpeg", &jpeg_of(&pixels, size));
    let mut walk = walk();
    let mut take = || {
        let taken = walk.intake().picture(Transport::Compressed, Cow::Borrowed(&message), None).unwrap();
        assert!(matches!(taken, Taken::Moment(_)));
    };
    take();
    let counts = [(); 3].map(|()| allocations_in(&mut take));
    assert!(counts.iter().all(|count| *count == counts[0] && *count < 100), "{counts:?}");
    let peak = peak_bytes_in(&mut take);
    assert!(peak < pixels.len() / 2, "{peak} bytes for a picture of {}", pixels.len());
}

#[test]
fn a_png_of_16_bits_is_a_picture() {
    let wide: Vec<u8> = pixels(nth(0)).iter().flat_map(|&byte| u16::from_be_bytes([byte, 3]).to_ne_bytes()).collect();
    let mut data = Vec::new();
    PngEncoder::new(&mut data).write_image(&wide, SIZE.width_px, SIZE.height_px, ExtendedColorType::Rgb16).unwrap();
    let mut heard = Heard::default();
    process(&mut walk(), &compressed(nth(0), "rgb16; png compressed ", &data), &mut heard).unwrap();
    assert_eq!(heard.detections().len(), 1);
}

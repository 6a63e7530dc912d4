//! vision_msgs 4: Detection2DArray, LabelInfo and VisionInfo.

use super::cdr::{Reader, Writer};
use super::error::WireError;
use super::geometry_msgs::{read_pose_with_covariance, write_identity_pose_with_covariance};
use super::std_msgs::{HEADER_LEAST_BYTES, Header, HeaderRef, read_header, write_header};
use crate::types::{BBox, Detection, ImagePx, Labels, Scene, Stamped};

/// The type name of [`encode_detections`] and [`decode_detections`].
pub const DETECTION_2D_ARRAY: &str = "vision_msgs/msg/Detection2DArray";
/// The type name of [`encode_label_info`] and [`decode_label_info`].
pub const LABEL_INFO: &str = "vision_msgs/msg/LabelInfo";
/// The type name of [`encode_vision_info`].
pub const VISION_INFO: &str = "vision_msgs/msg/VisionInfo";

/// Bytes at the least: counts and strings empty.
const HYPOTHESIS_LEAST_BYTES: usize = 4 + 8 + 43 * 8;
const DETECTION_LEAST_BYTES: usize = HEADER_LEAST_BYTES + 4 + 5 * 8 + 4;
const VISION_CLASS_LEAST_BYTES: usize = 2 + 4;

/// The scene's detections as a Detection2DArray, in their order. Each has the image's header and one hypothesis
/// (`class_id` is the name, the pose is the identity); `id` is the track's number or empty. Boxes are in pixels of the
/// original image, origin at the outer corner of the top left pixel; center and size are taken in f64, so that
/// `center - size / 2` gives the corner back without rounding (coordinates below a ten-thousandth of a pixel apart).
pub fn encode_detections(out: &mut Vec<u8>, scene: &Stamped<&Scene>, labels: &Labels) {
    let header = HeaderRef::from(scene);
    let detections = &scene.value().detections;
    let mut writer = Writer::new(out);
    write_header(&mut writer, header);
    writer.count(detections.len());
    for detection in detections {
        write_detection(&mut writer, header, detection, labels);
    }
}

fn write_detection(writer: &mut Writer<'_>, header: HeaderRef<'_>, detection: &Detection, labels: &Labels) {
    write_header(writer, header);
    writer.count(1);
    writer.str(labels.name(detection.class));
    writer.f64(f64::from(detection.score));
    write_identity_pose_with_covariance(writer);
    write_bounding_box(writer, &detection.bbox);
    match detection.track {
        Some(track) => writer.decimal(track.0),
        None => writer.str(""),
    }
}

fn write_bounding_box(writer: &mut Writer<'_>, bbox: &BBox<ImagePx>) {
    let (x_min, x_max) = (f64::from(bbox.x_min()), f64::from(bbox.x_max()));
    let (y_min, y_max) = (f64::from(bbox.y_min()), f64::from(bbox.y_max()));
    let theta_rad = 0.0;
    writer.f64s(&[(x_min + x_max) / 2.0, (y_min + y_max) / 2.0, theta_rad, x_max - x_min, y_max - y_min]);
}

/// The class names as a LabelInfo: `class_map[i]` is the model's class `i`; classes beyond the 65,536 that a
/// VisionClass can number are left out. `threshold` is the score below which no detection is published.
pub fn encode_label_info(out: &mut Vec<u8>, header: HeaderRef<'_>, labels: &Labels, threshold: f32) {
    let mut writer = Writer::new(out);
    write_header(&mut writer, header);
    let classes = (0..=u16::MAX).zip(labels.names());
    writer.count(classes.len());
    for (class_id, class_name) in classes {
        writer.u16(class_id);
        writer.str(class_name);
    }
    writer.f32(threshold);
}

/// A VisionInfo. `method` names the model, `database_location` the topic or file with its labels; the version rises
/// when these change.
pub fn encode_vision_info(
    out: &mut Vec<u8>,
    header: HeaderRef<'_>,
    method: &str,
    database_location: &str,
    database_version: i32,
) {
    let mut writer = Writer::new(out);
    write_header(&mut writer, header);
    writer.str(method);
    writer.str(database_location);
    writer.i32(database_version);
}

/// A Detection2DArray.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection2DArray {
    /// That of the image.
    pub header: Header,
    /// The detections, in the message's order.
    pub detections: Vec<Detection2D>,
}

/// A Detection2D.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection2D {
    /// That of the image.
    pub header: Header,
    /// What it may be; the poses are left behind.
    pub results: Vec<ObjectHypothesis>,
    /// Where it is.
    pub bbox: BoundingBox2D,
    /// What stays the same from message to message: the track's number in Vedette's own, empty when there is none.
    pub id: String,
}

/// An ObjectHypothesis.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectHypothesis {
    /// The class's name in Vedette's own messages.
    pub class_id: String,
    /// The confidence, `0..=1`.
    pub score: f64,
}

/// A BoundingBox2D, in pixels of the original image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundingBox2D {
    /// Column of the center.
    pub center_x_px: f64,
    /// Row of the center.
    pub center_y_px: f64,
    /// How far it is turned about its center; 0 in Vedette's own.
    pub theta_rad: f64,
    /// Width.
    pub size_x_px: f64,
    /// Height.
    pub size_y_px: f64,
}

/// A Detection2DArray, of Vedette or of another node.
///
/// # Errors
/// [`WireError`] for bytes that are no Detection2DArray.
pub fn decode_detections(cdr: &[u8]) -> Result<Detection2DArray, WireError> {
    let mut reader = Reader::new(cdr, DETECTION_2D_ARRAY)?;
    let header = read_header(&mut reader)?.into();
    let count = reader.count("detections", DETECTION_LEAST_BYTES)?;
    let mut detections = Vec::with_capacity(count);
    for index in 0..count {
        let detection = read_detection(&mut reader);
        detections.push(detection.map_err(|error| error.inside(format_args!("detections[{index}]")))?);
    }
    Ok(Detection2DArray { header, detections })
}

fn read_detection(reader: &mut Reader<'_>) -> Result<Detection2D, WireError> {
    let header = read_header(reader)?.into();
    let count = reader.count("results", HYPOTHESIS_LEAST_BYTES)?;
    let mut results = Vec::with_capacity(count);
    for index in 0..count {
        results.push(read_hypothesis(reader).map_err(|error| error.inside(format_args!("results[{index}]")))?);
    }
    let [center_x_px, center_y_px, theta_rad, size_x_px, size_y_px] = reader.f64s("bbox")?;
    let bbox = BoundingBox2D { center_x_px, center_y_px, theta_rad, size_x_px, size_y_px };
    Ok(Detection2D { header, results, bbox, id: reader.str("id")?.to_owned() })
}

fn read_hypothesis(reader: &mut Reader<'_>) -> Result<ObjectHypothesis, WireError> {
    let class_id = reader.str("hypothesis.class_id")?.to_owned();
    let score = reader.f64("hypothesis.score")?;
    read_pose_with_covariance(reader).map_err(|error| error.inside("pose"))?;
    Ok(ObjectHypothesis { class_id, score })
}

/// A LabelInfo.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelInfo {
    /// The stamp from which it holds.
    pub header: Header,
    /// Numbers and names of the classes.
    pub class_map: Vec<VisionClass>,
    /// The score below which no detection is published.
    pub threshold: f32,
}

/// A VisionClass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisionClass {
    /// The model's number.
    pub class_id: u16,
    /// The name.
    pub class_name: String,
}

/// A LabelInfo, of Vedette or of another node.
///
/// # Errors
/// [`WireError`] for bytes that are no LabelInfo.
pub fn decode_label_info(cdr: &[u8]) -> Result<LabelInfo, WireError> {
    let mut reader = Reader::new(cdr, LABEL_INFO)?;
    let header = read_header(&mut reader)?.into();
    let count = reader.count("class_map", VISION_CLASS_LEAST_BYTES)?;
    let mut class_map = Vec::with_capacity(count);
    for index in 0..count {
        let class = read_vision_class(&mut reader);
        class_map.push(class.map_err(|error| error.inside(format_args!("class_map[{index}]")))?);
    }
    Ok(LabelInfo { header, class_map, threshold: reader.f32("threshold")? })
}

fn read_vision_class(reader: &mut Reader<'_>) -> Result<VisionClass, WireError> {
    Ok(VisionClass { class_id: reader.u16("class_id")?, class_name: reader.str("class_name")?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ClassId, FrameId, Stamp, TrackId};
    use crate::wire::big_endian::swapped;
    use proptest::prelude::*;

    const DETECTIONS_LE: &[u8] = include_bytes!("../../tests/data/cdr/detections.le.cdr");
    const DETECTIONS_BE: &[u8] = include_bytes!("../../tests/data/cdr/detections.be.cdr");
    const LABEL_INFO_LE: &[u8] = include_bytes!("../../tests/data/cdr/label_info.le.cdr");
    const LABEL_INFO_BE: &[u8] = include_bytes!("../../tests/data/cdr/label_info.be.cdr");

    const HEADER: HeaderRef<'_> =
        HeaderRef { stamp: Stamp::from_ns(1_700_000_000_100_000_000), frame_id: "camera_optical_frame" };

    fn stamped<T>(value: T) -> Stamped<T> {
        Stamped::new(HEADER.stamp, FrameId::new(HEADER.frame_id), value)
    }

    fn labels() -> Labels {
        Labels::new(["person", "bicycle", "car"], 0)
    }

    fn scene() -> Scene {
        let bbox = |x_min, y_min, x_max, y_max| BBox::from_corners(x_min, y_min, x_max, y_max).unwrap();
        let person = Detection {
            bbox: bbox(10.5, 20.25, 110.75, 220.0),
            class: ClassId(0),
            score: 0.875,
            track: Some(TrackId(1207)),
        };
        let car = Detection { bbox: bbox(0.0, 0.1, 768.0, 576.0), class: ClassId(2), score: 0.3, track: None };
        Scene { detections: vec![person, car], ..Scene::default() }
    }

    /// What a scene should decode to.
    fn message(scene: &Scene, labels: &Labels) -> Detection2DArray {
        let detection = |detection: &Detection| {
            let corners =
                [detection.bbox.x_min(), detection.bbox.y_min(), detection.bbox.x_max(), detection.bbox.y_max()];
            let [x_min, y_min, x_max, y_max] = corners.map(f64::from);
            Detection2D {
                header: HEADER.into(),
                results: vec![ObjectHypothesis {
                    class_id: labels.name(detection.class).to_owned(),
                    score: f64::from(detection.score),
                }],
                bbox: BoundingBox2D {
                    center_x_px: (x_min + x_max) / 2.0,
                    center_y_px: (y_min + y_max) / 2.0,
                    theta_rad: 0.0,
                    size_x_px: x_max - x_min,
                    size_y_px: y_max - y_min,
                },
                id: detection.track.map_or(String::new(), |track| track.to_string()),
            }
        };
        Detection2DArray { header: HEADER.into(), detections: scene.detections.iter().map(detection).collect() }
    }

    #[test]
    fn detections_encode_to_the_bytes_of_rosbags() {
        let mut out = Vec::new();
        encode_detections(&mut out, &stamped(&scene()), &labels());
        assert_eq!(out, DETECTIONS_LE);
    }

    #[test]
    fn detections_of_rosbags_decode_to_their_values_in_both_endians() {
        for cdr in [DETECTIONS_LE, DETECTIONS_BE] {
            assert_eq!(decode_detections(cdr).unwrap(), message(&scene(), &labels()));
        }
    }

    #[test]
    fn a_frame_with_nothing_in_it_is_an_empty_array() {
        let mut out = Vec::new();
        encode_detections(&mut out, &stamped(&Scene::default()), &labels());
        assert_eq!(out, include_bytes!("../../tests/data/cdr/detections_empty.le.cdr"));
        assert_eq!(decode_detections(&out).unwrap().detections, []);
    }

    #[test]
    fn a_broken_name_is_refused_by_its_path() {
        let mut cdr = DETECTIONS_LE.to_vec();
        let at = cdr.windows(4).position(|window| window == b"car\0").unwrap();
        cdr[at] = 0xc3;
        let error = decode_detections(&cdr).unwrap_err();
        let expected = format!(
            "vision_msgs/msg/Detection2DArray detections[1].results[0].hypothesis.class_id at byte {at}: \
             byte 0xc3 in a string, expected UTF-8"
        );
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_buffer_that_has_grown_is_not_allocated_again() {
        let mut out = Vec::new();
        encode_detections(&mut out, &stamped(&scene()), &labels());
        let (pointer, capacity) = (out.as_ptr(), out.capacity());
        encode_detections(&mut out, &stamped(&scene()), &labels());
        assert_eq!((out.as_ptr(), out.capacity()), (pointer, capacity));
    }

    #[test]
    fn label_info_and_vision_info_encode_to_the_bytes_of_rosbags() {
        let mut out = Vec::new();
        encode_label_info(&mut out, HEADER, &labels(), 0.25);
        assert_eq!(out, LABEL_INFO_LE);
        encode_vision_info(&mut out, HEADER, "yolov12n", "~/label_info", 7);
        assert_eq!(out, include_bytes!("../../tests/data/cdr/vision_info.le.cdr"));
    }

    #[test]
    fn a_label_info_of_rosbags_decodes_to_its_values_in_both_endians() {
        for cdr in [LABEL_INFO_LE, LABEL_INFO_BE] {
            let info = decode_label_info(cdr).unwrap();
            assert_eq!((info.header, info.threshold), (HEADER.into(), 0.25));
            let classes: Vec<_> = info.class_map.iter().map(|c| (c.class_id, c.class_name.as_str())).collect();
            assert_eq!(classes, [(0, "person"), (1, "bicycle"), (2, "car")]);
        }
    }

    #[test]
    fn more_labels_than_a_vision_class_can_number_are_cut() {
        let many = Labels::new((0..70_000).map(|_| "x"), 0);
        let mut out = Vec::new();
        encode_label_info(&mut out, HEADER, &many, 0.25);
        assert_eq!(decode_label_info(&out).unwrap().class_map.len(), 65_536);
    }

    fn any_detection() -> impl Strategy<Value = Detection> {
        let corner = (-100f32..5000.0, -100f32..5000.0, 0f32..5000.0, 0f32..5000.0);
        (corner, 0u16..5, 0f32..=1.0, any::<Option<u64>>()).prop_map(|((x, y, w, h), class, score, track)| Detection {
            bbox: BBox::from_corners(x, y, x + w, y + h).unwrap(),
            class: ClassId(class),
            score,
            track: track.map(TrackId),
        })
    }

    proptest! {
        #[test]
        fn detections_survive_the_round_trip_in_both_endians(
            detections in prop::collection::vec(any_detection(), 0..9),
            names in prop::collection::vec(".{0,9}", 0..5),
        ) {
            let labels = Labels::new(names, 0);
            let scene = Scene { detections, ..Scene::default() };
            let mut out = Vec::new();
            encode_detections(&mut out, &stamped(&scene), &labels);
            for cdr in [swapped(DETECTION_2D_ARRAY, &out), out] {
                let decoded = decode_detections(&cdr).unwrap();
                prop_assert_eq!(&decoded, &message(&scene, &labels));
                for (back, sent) in decoded.detections.iter().zip(&scene.detections) {
                    let BoundingBox2D { center_x_px, size_x_px, .. } = back.bbox;
                    prop_assert_eq!(center_x_px - size_x_px / 2.0, f64::from(sent.bbox.x_min()));
                }
            }
        }

        #[test]
        fn labels_survive_the_round_trip_in_both_endians(names in prop::collection::vec(".{0,9}", 0..9)) {
            let labels = Labels::new(names, 0);
            let mut out = Vec::new();
            encode_label_info(&mut out, HEADER, &labels, 0.5);
            for cdr in [swapped(LABEL_INFO, &out), out] {
                let info = decode_label_info(&cdr).unwrap();
                prop_assert_eq!(Labels::new(info.class_map.into_iter().map(|class| class.class_name), 0), labels.clone());
                prop_assert_eq!(info.threshold, 0.5);
            }
        }
    }
}

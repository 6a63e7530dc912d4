//! tf2_msgs: the transforms of `/tf` and `/tf_static`.

use super::cdr::Reader;
use super::error::WireError;
use super::std_msgs::{HEADER_LEAST_BYTES, HeaderRef, read_header};
use nalgebra::{Isometry3, Quaternion, UnitQuaternion, Vector3};

/// The type name of [`decode_tf_message`].
pub const TF_MESSAGE: &str = "tf2_msgs/msg/TFMessage";

/// Bytes of a TransformStamped at the least: its header, an empty child frame, three numbers and a quaternion.
const TRANSFORM_STAMPED_LEAST_BYTES: usize = HEADER_LEAST_BYTES + 4 + 56;

/// How far the square of a quaternion's length may be from 1: as tf2 has it.
const NORM_TOLERANCE: f64 = 10e-3;

/// One TransformStamped: where a child frame is in its parent, the frame of the header.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TransformRef<'a> {
    /// When it was so, and the parent frame.
    pub header: HeaderRef<'a>,
    /// The frame that is placed.
    pub child_frame_id: &'a str,
    /// Maps points of the child into the parent, in metres. The rotation is brought to length 1.
    pub parent_from_child: Isometry3<f64>,
}

/// The transforms of one message, decoded as they are walked.
///
/// A transform whose numbers are none is an error in its place, and the walk goes on behind it; where the bytes
/// themselves are no transform, the error is the last item.
#[derive(Debug)]
pub struct Transforms<'a> {
    reader: Reader<'a>,
    next: usize,
    count: usize,
}

/// A TFMessage.
///
/// # Errors
/// [`WireError`] when the bytes do not even begin as one. What is wrong with a transform is told when it is walked to:
/// [`WireError::Value`] for a number that is not finite and for a quaternion whose length is not 1, within tf2's own
/// tolerance.
pub fn decode_tf_message(cdr: &[u8]) -> Result<Transforms<'_>, WireError> {
    let mut reader = Reader::new(cdr, TF_MESSAGE)?;
    let count = reader.count("transforms", TRANSFORM_STAMPED_LEAST_BYTES)?;
    Ok(Transforms { reader, next: 0, count })
}

impl<'a> Iterator for Transforms<'a> {
    type Item = Result<TransformRef<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.count {
            return None;
        }
        let index = self.next;
        let read = read_transform(&mut self.reader);
        self.next = match &read {
            Ok(_) | Err(WireError::Value { .. }) => index + 1,
            // Where the next one begins cannot be told.
            Err(_) => self.count,
        };
        Some(read.map_err(|error| error.inside(format_args!("transforms[{index}]"))))
    }
}

fn read_transform<'a>(reader: &mut Reader<'a>) -> Result<TransformRef<'a>, WireError> {
    let header = read_header(reader)?;
    let child_frame_id = reader.str("child_frame_id")?;
    let place: [f64; 3] = reader.f64s("transform.translation")?;
    let is_finite = |numbers: &[f64]| numbers.iter().all(|number| number.is_finite());
    let bad_place = (!is_finite(&place))
        .then(|| reader.refuse("transform.translation", format_args!("{place:?}"), "finite numbers"));
    let turn: [f64; 4] = reader.f64s("transform.rotation")?;
    if let Some(error) = bad_place {
        return Err(error);
    }
    let refuse_turn = |expected| Err(reader.refuse("transform.rotation", format_args!("{turn:?}"), expected));
    if !is_finite(&turn) {
        return refuse_turn("finite numbers");
    }
    let [x, y, z, w] = turn;
    let quaternion = Quaternion::new(w, x, y, z);
    if (quaternion.norm_squared() - 1.0).abs() >= NORM_TOLERANCE {
        return refuse_turn("a quaternion x, y, z, w of length 1");
    }
    let turn = UnitQuaternion::new_normalize(quaternion);
    Ok(TransformRef {
        header,
        child_frame_id,
        parent_from_child: Isometry3::from_parts(Vector3::from(place).into(), turn),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Stamp;

    const LE: &[u8] = include_bytes!("../../tests/data/cdr/tf.le.cdr");
    const BE: &[u8] = include_bytes!("../../tests/data/cdr/tf.be.cdr");

    /// Where the numbers of the first transform begin.
    fn numbers_at() -> usize {
        let place = [0.5f64, -0.25, 1.5].map(f64::to_le_bytes).concat();
        LE.windows(place.len()).position(|window| window == place).unwrap()
    }

    /// The message with the first transform's number of this place, counted from x, changed.
    fn with(number: usize, value: f64) -> Vec<u8> {
        let mut cdr = LE.to_vec();
        cdr[numbers_at() + 8 * number..][..8].copy_from_slice(&value.to_le_bytes());
        cdr
    }

    #[test]
    fn the_transforms_of_rosbags_decode_to_their_values_in_both_endians() {
        for cdr in [LE, BE] {
            let all: Vec<_> = decode_tf_message(cdr).unwrap().map(Result::unwrap).collect();
            let [first, second] = &all[..] else { panic!("{all:?}") };
            let stamp = Stamp::from_ns(1_700_000_000_100_000_000);
            assert_eq!(first.header, HeaderRef { stamp, frame_id: "base_link" });
            assert_eq!(first.child_frame_id, "pan");
            assert_eq!(first.parent_from_child.translation.vector, Vector3::new(0.5, -0.25, 1.5));
            assert!((first.parent_from_child.rotation.euler_angles().2 - 0.5).abs() < 1e-12);
            assert_eq!((second.header.frame_id, second.child_frame_id), ("/pan", "camera_optical_frame"));
            assert_eq!(second.header.stamp, Stamp::from_ns(0));
        }
    }

    #[test]
    fn a_transform_that_is_none_is_named_and_costs_no_other() {
        for (number, value, expected) in [
            (0, f64::NAN, "transform.translation at byte {at}: [NaN, -0.25, 1.5], expected finite numbers"),
            (3, f64::INFINITY, "transform.rotation at byte {at}: [inf, 0.0, "),
            (6, 0.0, "expected a quaternion x, y, z, w of length 1"),
            (4, 0.2, "expected a quaternion x, y, z, w of length 1"),
        ] {
            let cdr = with(number, value);
            let all: Vec<_> = decode_tf_message(&cdr).unwrap().collect();
            let error = all[0].as_ref().unwrap_err().to_string();
            let at = numbers_at() + if number < 3 { 0 } else { 24 };
            assert!(error.starts_with("tf2_msgs/msg/TFMessage transforms[0].transform."), "{error}");
            assert!(error.contains(&expected.replace("{at}", &at.to_string())), "{error}");
            assert_eq!(all[1].as_ref().unwrap().child_frame_id, "camera_optical_frame");
            assert_eq!(all.len(), 2);
        }
    }

    #[test]
    fn a_quaternion_that_is_nearly_of_length_1_is_brought_to_it() {
        let cdr = with(5, 0.25);
        let transform = decode_tf_message(&cdr).unwrap().next().unwrap().unwrap();
        assert!((transform.parent_from_child.rotation.norm() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn bytes_that_end_early_end_the_walk_with_the_transform_that_they_end_in() {
        let all: Vec<_> = decode_tf_message(&LE[..LE.len() - 1]).unwrap().collect();
        assert_eq!(all.len(), 2);
        let error = all[1].as_ref().unwrap_err().to_string();
        assert!(error.starts_with("tf2_msgs/msg/TFMessage transforms[1]."), "{error}");
    }
}

//! nav_msgs: Odometry and Path.

use super::cdr::{Reader, Writer};
use super::error::WireError;
use super::geometry_msgs::{
    POSE_STAMPED_LEAST_BYTES, read_pose_stamped, read_pose_with_covariance, write_pose_stamped,
};
use super::std_msgs::{HeaderRef, read_header, write_header};
use crate::types::{FrameId, Pose2, Stamped, Twist};
use nalgebra::Isometry3;

/// The type name of [`decode_odometry`].
pub const ODOMETRY: &str = "nav_msgs/msg/Odometry";
/// The type name of [`decode_path`] and [`encode_path`].
pub const PATH: &str = "nav_msgs/msg/Path";

/// An Odometry, reduced to how the robot moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OdometryRef<'a> {
    /// When it was measured, and the frame of the pose (`odom`).
    pub header: HeaderRef<'a>,
    /// The frame of the twist: the robot's own (`base_link`).
    pub child_frame_id: &'a str,
    /// The robot's place in the frame of the header; `None` where a number of it is none, or the quaternion is zero.
    pub pose: Option<Isometry3<f64>>,
    /// The linear velocity, and the angular one about z; roll and pitch rates are left behind.
    pub twist: Twist,
}

/// An Odometry.
///
/// # Errors
/// [`WireError::Value`] when one of the velocities is not finite, any other for bytes that are no Odometry.
pub fn decode_odometry(cdr: &[u8]) -> Result<OdometryRef<'_>, WireError> {
    let mut reader = Reader::new(cdr, ODOMETRY)?;
    let header = read_header(&mut reader)?;
    let child_frame_id = reader.str("child_frame_id")?;
    let pose = read_pose_with_covariance(&mut reader).map_err(|error| error.inside("pose"))?;
    let forward_mps = read_finite(&mut reader, "twist.twist.linear.x")?;
    let left_mps = read_finite(&mut reader, "twist.twist.linear.y")?;
    let up_mps = read_finite(&mut reader, "twist.twist.linear.z")?;
    reader.f64s::<2>("twist.twist.angular")?;
    let yaw_rate_radps = read_finite(&mut reader, "twist.twist.angular.z")?;
    reader.f64s::<36>("twist.covariance")?;
    Ok(OdometryRef { header, child_frame_id, pose, twist: Twist { forward_mps, left_mps, up_mps, yaw_rate_radps } })
}

fn read_finite(reader: &mut Reader<'_>, field: &str) -> Result<f64, WireError> {
    let value = reader.f64(field)?;
    if value.is_finite() { Ok(value) } else { Err(reader.refuse(field, value, "a finite number")) }
}

/// A Path. The poses' own headers are passed over, and so is what a [`Pose2`] does not hold.
///
/// # Errors
/// [`WireError`] for bytes that are no Path.
pub fn decode_path(cdr: &[u8]) -> Result<Stamped<Vec<Pose2>>, WireError> {
    let mut reader = Reader::new(cdr, PATH)?;
    let (header, poses) = read_path(&mut reader)?;
    Ok(Stamped::new(header.stamp, FrameId::new(header.frame_id), poses))
}

/// A Path whose poses all have the path's header.
pub fn encode_path(out: &mut Vec<u8>, path: &Stamped<&[Pose2]>) {
    write_path(&mut Writer::new(out), path.into(), path.value());
}

/// A Path inside another message.
pub(super) fn read_path<'a>(reader: &mut Reader<'a>) -> Result<(HeaderRef<'a>, Vec<Pose2>), WireError> {
    let header = read_header(reader)?;
    let count = reader.count("poses", POSE_STAMPED_LEAST_BYTES)?;
    let mut poses = Vec::with_capacity(count);
    for index in 0..count {
        poses.push(read_pose_stamped(reader).map_err(|error| error.inside(format_args!("poses[{index}]")))?);
    }
    Ok((header, poses))
}

/// A Path inside another message.
pub(super) fn write_path(writer: &mut Writer<'_>, header: HeaderRef<'_>, poses: &[Pose2]) {
    write_header(writer, header);
    writer.count(poses.len());
    for pose in poses {
        write_pose_stamped(writer, header, pose);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Stamp;
    use crate::wire::big_endian::swapped;
    use nalgebra::Vector3;
    use proptest::prelude::*;
    use std::f64::consts::PI;

    const ODOMETRY_LE: &[u8] = include_bytes!("../../tests/data/cdr/odometry.le.cdr");
    const ODOMETRY_BE: &[u8] = include_bytes!("../../tests/data/cdr/odometry.be.cdr");
    const PATH_LE: &[u8] = include_bytes!("../../tests/data/cdr/path.le.cdr");
    const PATH_BE: &[u8] = include_bytes!("../../tests/data/cdr/path.be.cdr");

    const POSES: [Pose2; 2] =
        [Pose2 { x_m: 0.5, y_m: 0.0, yaw_rad: 0.0 }, Pose2 { x_m: 1.5, y_m: -0.25, yaw_rad: 0.5 }];

    fn stamped<T>(value: T) -> Stamped<T> {
        Stamped::new(Stamp::from_ns(1_700_000_000_100_000_000), FrameId::new("base_link"), value)
    }

    #[test]
    fn an_odometry_of_rosbags_decodes_to_its_twist_in_both_endians() {
        for cdr in [ODOMETRY_LE, ODOMETRY_BE] {
            let odometry = decode_odometry(cdr).unwrap();
            assert_eq!(odometry.header, HeaderRef { stamp: stamped(()).stamp(), frame_id: "odom" });
            assert_eq!(odometry.child_frame_id, "base_link");
            let twist = Twist { forward_mps: -1.5, left_mps: 2.0, up_mps: 9.0, yaw_rate_radps: 0.25 };
            assert_eq!(odometry.twist, twist);
            let pose = odometry.pose.unwrap();
            assert_eq!(pose.translation.vector, Vector3::new(1.0, 2.0, 3.0));
            assert!((pose.rotation.euler_angles().2 - 0.5).abs() < 1e-12);
        }
    }

    #[test]
    fn a_pose_that_is_none_costs_no_twist() {
        let place = [1.0f64, 2.0, 3.0].map(f64::to_le_bytes).concat();
        let at = ODOMETRY_LE.windows(place.len()).position(|window| window == place).unwrap();
        let with = |number: usize, value: f64| {
            let mut cdr = ODOMETRY_LE.to_vec();
            cdr[at + 8 * number..][..8].copy_from_slice(&value.to_le_bytes());
            cdr
        };
        let mut unturned = with(5, 0.0);
        unturned[at + 48..][..8].copy_from_slice(&0.0f64.to_le_bytes());
        for cdr in [with(0, f64::NAN), with(6, f64::INFINITY), unturned] {
            let odometry = decode_odometry(&cdr).unwrap();
            assert_eq!((odometry.pose, odometry.twist.forward_mps), (None, -1.5));
        }
    }

    #[test]
    fn a_velocity_that_is_not_finite_is_refused_by_field() {
        let twist = [-1.5f64, 2.0, 9.0, 0.0, 0.0, 0.25].map(f64::to_le_bytes).concat();
        let twist_at = ODOMETRY_LE.windows(twist.len()).position(|window| window == twist).unwrap();
        for (index, field) in [(0, "linear.x"), (1, "linear.y"), (2, "linear.z"), (5, "angular.z")] {
            let mut cdr = ODOMETRY_LE.to_vec();
            let at = twist_at + 8 * index;
            cdr[at..at + 8].copy_from_slice(&f64::NAN.to_le_bytes());
            let error = decode_odometry(&cdr).unwrap_err();
            let expected =
                format!("nav_msgs/msg/Odometry twist.twist.{field} at byte {at}: NaN, expected a finite number");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_path_encodes_to_the_bytes_of_rosbags() {
        let mut out = Vec::new();
        encode_path(&mut out, &stamped(&POSES[..]));
        assert_eq!(out, PATH_LE);
    }

    #[test]
    fn a_path_of_rosbags_decodes_to_its_values_in_both_endians() {
        for cdr in [PATH_LE, PATH_BE] {
            assert_eq!(decode_path(cdr).unwrap(), stamped(POSES.to_vec()));
        }
    }

    #[test]
    fn a_pose_cut_off_is_refused_by_its_index() {
        let error = decode_path(&PATH_LE[..PATH_LE.len() - 1]).unwrap_err();
        assert!(error.to_string().starts_with("nav_msgs/msg/Path poses[1].pose at byte "), "{error}");
    }

    proptest! {
        #[test]
        fn a_path_survives_the_round_trip_in_both_endians(
            poses in prop::collection::vec((-1e6..1e6, -1e6..1e6, -PI..PI), 0..9),
        ) {
            let poses: Vec<_> = poses.into_iter().map(|(x_m, y_m, yaw_rad)| Pose2 { x_m, y_m, yaw_rad }).collect();
            let mut out = Vec::new();
            encode_path(&mut out, &stamped(&poses[..]));
            for cdr in [swapped(PATH, &out), out] {
                let decoded = decode_path(&cdr).unwrap();
                prop_assert_eq!(decoded.value().len(), poses.len());
                for (back, pose) in decoded.value().iter().zip(&poses) {
                    prop_assert_eq!((back.x_m, back.y_m), (pose.x_m, pose.y_m));
                    prop_assert!((back.yaw_rad - pose.yaw_rad).abs() < 1e-12);
                }
            }
        }
    }
}

//! geometry_msgs: poses, as far as they are [`Pose2`].

use super::cdr::{Reader, Writer};
use super::error::WireError;
use super::std_msgs::{HEADER_LEAST_BYTES, HeaderRef, read_header, write_header};
use crate::types::Pose2;
use nalgebra::{Isometry3, Quaternion, UnitQuaternion, Vector3};

/// Bytes of a Pose: position x, y, z and quaternion x, y, z, w.
const POSE_BYTES: usize = 56;

/// A quaternion shorter than this has no direction.
const LEAST_QUATERNION: f64 = 1e-6;

/// Bytes of a PoseStamped at the least.
pub const POSE_STAMPED_LEAST_BYTES: usize = HEADER_LEAST_BYTES + POSE_BYTES;

/// A PoseStamped without its header: x, y and the heading. Height, roll and pitch are left behind.
pub fn read_pose_stamped(reader: &mut Reader<'_>) -> Result<Pose2, WireError> {
    read_header(reader)?;
    let [x_m, y_m, _, x, y, z, w] = reader.f64s("pose")?;
    // The heading of a quaternion of any length but zero.
    let yaw_rad = (2.0 * (w * z + x * y)).atan2(w * w + x * x - y * y - z * z);
    Ok(Pose2 { x_m, y_m, yaw_rad })
}

/// A PoseStamped on the ground: z, roll and pitch are zero.
pub fn write_pose_stamped(writer: &mut Writer<'_>, header: HeaderRef<'_>, pose: &Pose2) {
    write_header(writer, header);
    let (sin, cos) = (pose.yaw_rad / 2.0).sin_cos();
    writer.f64s(&[pose.x_m, pose.y_m, 0.0, 0.0, 0.0, sin, cos]);
}

/// A PoseWithCovariance without its covariance; `None` where a number of it is none, or the quaternion is zero. One of
/// another length is brought to length 1.
pub fn read_pose_with_covariance(reader: &mut Reader<'_>) -> Result<Option<Isometry3<f64>>, WireError> {
    let [x_m, y_m, z_m, x, y, z, w] = reader.f64s::<7>("pose")?;
    reader.f64s::<36>("covariance")?;
    let place = Vector3::new(x_m, y_m, z_m);
    let turn = UnitQuaternion::try_new(Quaternion::new(w, x, y, z), LEAST_QUATERNION);
    let pose = turn.map(|turn| Isometry3::from_parts(place.into(), turn));
    let is_finite =
        |pose: &Isometry3<f64>| place.iter().chain(pose.rotation.coords.iter()).all(|number| number.is_finite());
    Ok(pose.filter(is_finite))
}

/// A PoseWithCovariance that says nothing: at the origin, not turned, covariance zero.
pub fn write_identity_pose_with_covariance(writer: &mut Writer<'_>) {
    let mut fields = [0.0; 43];
    // The quaternion's w.
    fields[6] = 1.0;
    writer.f64s(&fields);
}

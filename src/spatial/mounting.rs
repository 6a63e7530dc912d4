//! Where the camera sits on the robot.

use nalgebra::{Isometry3, Matrix3, Rotation3, Translation3, UnitQuaternion};

/// The pose of the camera's **body** frame (x forward along the view, y left, z up) in the robot's base frame, as one
/// measures it with a ruler. Angles turn about the base frame's fixed axes, roll first, then pitch, then yaw (REP-103).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mounting {
    /// Forward of the base frame's origin, in metres.
    pub x_m: f64,
    /// Left of it.
    pub y_m: f64,
    /// Above it. The ground is z = 0, so a camera that sees the ground has a positive height.
    pub z_m: f64,
    /// About x: positive lowers the right side of the camera.
    pub roll_rad: f64,
    /// About y: positive looks down.
    pub pitch_rad: f64,
    /// About z: positive looks left.
    pub yaw_rad: f64,
}

impl Mounting {
    /// Maps points of the camera's **optical** frame (z forward, x right, y down) into the base frame.
    pub fn base_from_camera(&self) -> Isometry3<f64> {
        let base_from_body = Isometry3::from_parts(
            Translation3::new(self.x_m, self.y_m, self.z_m),
            UnitQuaternion::from_euler_angles(self.roll_rad, self.pitch_rad, self.yaw_rad),
        );
        // Columns: where the optical x (right), y (down) and z (forward) point in the body frame.
        let body_from_optical = Rotation3::from_matrix_unchecked(Matrix3::new(
            0.0, 0.0, 1.0, //
            -1.0, 0.0, 0.0, //
            0.0, -1.0, 0.0,
        ));
        base_from_body * UnitQuaternion::from_rotation_matrix(&body_from_optical)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{Point3, Vector3};
    use std::f64::consts::FRAC_PI_2;

    fn close(a: Vector3<f64>, b: Vector3<f64>) -> bool {
        (a - b).norm() < 1e-12
    }

    #[test]
    fn a_level_camera_looks_forward_with_its_x_to_the_right_and_its_y_down() {
        let base_from_camera = Mounting { x_m: 0.2, z_m: 0.5, ..Mounting::default() }.base_from_camera();
        assert!(close(base_from_camera * Vector3::z(), Vector3::x()));
        assert!(close(base_from_camera * Vector3::x(), -Vector3::y()));
        assert!(close(base_from_camera * Vector3::y(), -Vector3::z()));
        let ahead = base_from_camera * Point3::new(0.0, 0.0, 2.0);
        assert!(close(ahead.coords, Vector3::new(2.2, 0.0, 0.5)));
    }

    #[test]
    fn positive_pitch_looks_down_and_positive_yaw_looks_left() {
        let down = Mounting { pitch_rad: FRAC_PI_2, ..Mounting::default() }.base_from_camera();
        assert!(close(down * Vector3::z(), -Vector3::z()));
        let left = Mounting { yaw_rad: FRAC_PI_2, ..Mounting::default() }.base_from_camera();
        assert!(close(left * Vector3::z(), Vector3::y()));
    }

    #[test]
    fn positive_roll_lowers_the_right_side() {
        let rolled = Mounting { roll_rad: 0.1, ..Mounting::default() }.base_from_camera();
        assert!((rolled * Vector3::x()).z < 0.0);
    }
}

//! Intrinsics of a camera, as sensor_msgs/CameraInfo gives them.

use super::Size;

/// Lens distortion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distortion {
    /// None: an ideal or rectified camera.
    None,
    /// Brown-Conrady, `plumb_bob` in ROS: `k1, k2, p1, p2, k3` in OpenCV's order.
    PlumbBob([f64; 5]),
}

/// A pinhole camera. Focal lengths and principal point in pixels, pixel centres at integers (OpenCV, CameraInfo).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraModel {
    size: Size,
    fx_px: f64,
    fy_px: f64,
    cx_px: f64,
    cy_px: f64,
    distortion: Distortion,
}

/// Half of the widest view that a picture may have: 179 degrees.
const WIDEST_RAD: f64 = 89.5 * std::f64::consts::PI / 180.0;
/// Half of the narrowest: 1 degree, a long telephoto lens.
const NARROWEST_RAD: f64 = 0.5 * std::f64::consts::PI / 180.0;

/// Why a CameraInfo gives no camera.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CameraModelError {
    /// A number is NaN or infinite.
    #[error("camera_info {field} is {value}, expected a finite number")]
    NotFinite {
        /// Which one: `K[0]`, `D[3]`.
        field: &'static str,
        /// The value.
        value: f64,
    },
    /// An uncalibrated camera publishes zeros.
    #[error("camera_info focal length is {fx_px} x {fy_px} px, expected positive numbers (an uncalibrated camera?)")]
    FocalLength {
        /// `K[0]`.
        fx_px: f64,
        /// `K[4]`.
        fy_px: f64,
    },
    /// No lens has such a view: the numbers are of something else.
    #[error(
        "camera_info {field} is {value} px for a side of {side_px} px, expected a view of 1 to 179 degrees ({least:.0} to {most:.0} px)"
    )]
    View {
        /// `K[0]` or `K[4]`.
        field: &'static str,
        /// The focal length.
        value: f64,
        /// The image's side along it.
        side_px: u32,
        /// The least focal length that is taken.
        least: f64,
        /// The greatest.
        most: f64,
    },
    /// The optical axis lies far outside the picture.
    #[error(
        "camera_info {field} is {value} px for a side of {side_px} px, expected a centre within one side of the picture"
    )]
    Center {
        /// `K[2]` or `K[5]`.
        field: &'static str,
        /// The principal point.
        value: f64,
        /// The image's side along it.
        side_px: u32,
    },
    /// Another distortion model.
    #[error("camera_info distortion_model {found:?} is not supported, expected plumb_bob (or none)")]
    DistortionModel {
        /// The name, cut to 64 characters.
        found: String,
    },
    /// The number of coefficients does not fit the model.
    #[error("camera_info D holds {found} numbers, plumb_bob needs 0, 4 or 5")]
    Coefficients {
        /// How many there are.
        found: usize,
    },
    /// A side is zero.
    #[error("camera_info size {width_px}x{height_px} px, expected sides of at least 1 px")]
    Size {
        /// Columns.
        width_px: u32,
        /// Rows.
        height_px: u32,
    },
}

impl CameraModel {
    /// From CameraInfo's `K` (row major) and `D`. An empty `distortion_model` with an empty `D` is an ideal camera.
    ///
    /// # Errors
    /// [`CameraModelError`] naming the field, its value and what was expected.
    pub fn new(
        size: Size,
        k: &[f64; 9],
        distortion_model: &str,
        d: impl ExactSizeIterator<Item = f64>,
    ) -> Result<Self, CameraModelError> {
        if size.width_px == 0 || size.height_px == 0 {
            return Err(CameraModelError::Size { width_px: size.width_px, height_px: size.height_px });
        }
        let finite = |field, value: f64| {
            if value.is_finite() { Ok(value) } else { Err(CameraModelError::NotFinite { field, value }) }
        };
        let fx_px = finite("K[0]", k[0])?;
        let cx_px = finite("K[2]", k[2])?;
        let fy_px = finite("K[4]", k[4])?;
        let cy_px = finite("K[5]", k[5])?;
        if fx_px <= 0.0 || fy_px <= 0.0 {
            return Err(CameraModelError::FocalLength { fx_px, fy_px });
        }
        for (focal, focal_px, center, center_px, side_px) in
            [("K[0]", fx_px, "K[2]", cx_px, size.width_px), ("K[4]", fy_px, "K[5]", cy_px, size.height_px)]
        {
            let side = f64::from(side_px);
            let (least, most) = (side / (2.0 * WIDEST_RAD.tan()), side / (2.0 * NARROWEST_RAD.tan()));
            if !(least..=most).contains(&focal_px) {
                return Err(CameraModelError::View { field: focal, value: focal_px, side_px, least, most });
            }
            // A part that was cut out of the sensor's picture may lie beside the axis.
            if !(-side..=2.0 * side).contains(&center_px) {
                return Err(CameraModelError::Center { field: center, value: center_px, side_px });
            }
        }
        if !(distortion_model == "plumb_bob" || distortion_model.is_empty()) {
            return Err(CameraModelError::DistortionModel { found: distortion_model.chars().take(64).collect() });
        }
        if !matches!(d.len(), 0 | 4 | 5) || (distortion_model.is_empty() && d.len() > 0) {
            return Err(CameraModelError::Coefficients { found: d.len() });
        }
        const NAMES: [&str; 5] = ["D[0]", "D[1]", "D[2]", "D[3]", "D[4]"];
        let mut coefficients = [0.0; 5];
        for ((slot, field), value) in coefficients.iter_mut().zip(NAMES).zip(d) {
            *slot = finite(field, value)?;
        }
        let ideal = coefficients.iter().all(|&c| c == 0.0);
        let distortion = if ideal { Distortion::None } else { Distortion::PlumbBob(coefficients) };
        Ok(Self { size, fx_px, fy_px, cx_px, cy_px, distortion })
    }

    /// The size of the images for which the numbers hold.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Focal lengths `(fx, fy)`.
    pub fn focal_px(&self) -> (f64, f64) {
        (self.fx_px, self.fy_px)
    }

    /// Principal point `(cx, cy)`, pixel centres at integers.
    pub fn principal_point_px(&self) -> (f64, f64) {
        (self.cx_px, self.cy_px)
    }

    /// The lens.
    pub fn distortion(&self) -> Distortion {
        self.distortion
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width_px: 640, height_px: 480 };
    const K: [f64; 9] = [500.0, 0.0, 319.5, 0.0, 510.0, 239.5, 0.0, 0.0, 1.0];

    fn model(k: [f64; 9], name: &str, d: &[f64]) -> Result<CameraModel, CameraModelError> {
        CameraModel::new(SIZE, &k, name, d.iter().copied())
    }

    #[test]
    fn zero_coefficients_are_no_distortion() {
        assert_eq!(model(K, "plumb_bob", &[0.0; 5]).unwrap().distortion(), Distortion::None);
    }

    #[test]
    fn nan_is_refused_by_field() {
        let mut k = K;
        k[5] = f64::NAN;
        assert_eq!(
            model(k, "plumb_bob", &[]).unwrap_err().to_string(),
            "camera_info K[5] is NaN, expected a finite number"
        );
        let error = model(K, "plumb_bob", &[0.0, f64::INFINITY, 0.0, 0.0]).unwrap_err();
        assert_eq!(error.to_string(), "camera_info D[1] is inf, expected a finite number");
    }

    #[test]
    fn an_uncalibrated_camera_is_refused() {
        let error = model([0.0; 9], "plumb_bob", &[]).unwrap_err();
        assert_eq!(error, CameraModelError::FocalLength { fx_px: 0.0, fy_px: 0.0 });
    }

    #[test]
    fn numbers_that_no_lens_has_are_refused_with_what_would_do() {
        let with = |index: usize, value: f64| {
            let mut k = K;
            k[index] = value;
            model(k, "plumb_bob", &[]).map_err(|error| error.to_string())
        };
        let expected = "camera_info K[0] is 1000000000 px for a side of 640 px, expected a view of 1 to 179 degrees (3 to 36668 px)";
        assert_eq!(with(0, 1e9).unwrap_err(), expected);
        assert!(with(4, 1.0).unwrap_err().starts_with("camera_info K[4] is 1 px for a side of 480 px"));
        let expected =
            "camera_info K[2] is 320000 px for a side of 640 px, expected a centre within one side of the picture";
        assert_eq!(with(2, 320_000.0).unwrap_err(), expected);
        assert!(with(5, -481.0).is_err());
        assert!(with(2, 1000.0).is_ok(), "a part of the sensor beside the axis");
        assert!(with(0, 3000.0).is_ok() && with(0, 100.0).is_ok());
    }

    #[test]
    fn another_lens_model_and_a_wrong_count_are_refused() {
        assert!(matches!(model(K, "equidistant", &[0.0; 4]), Err(CameraModelError::DistortionModel { .. })));
        assert_eq!(model(K, "plumb_bob", &[0.1; 3]), Err(CameraModelError::Coefficients { found: 3 }));
    }
}

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
    fn another_lens_model_and_a_wrong_count_are_refused() {
        assert!(matches!(model(K, "equidistant", &[0.0; 4]), Err(CameraModelError::DistortionModel { .. })));
        assert_eq!(model(K, "plumb_bob", &[0.1; 3]), Err(CameraModelError::Coefficients { found: 3 }));
    }
}

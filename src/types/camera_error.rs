//! Why the numbers of a CameraInfo or of a calibration file are no camera.

use super::Size;

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
    /// An uncalibrated camera publishes zeros or ones.
    #[error(
        "camera_info {field} is {value} px, expected a focal length above 1 px (an uncalibrated camera? calibrate it, or \
         name its calibration with camera_info_file)"
    )]
    FocalLength {
        /// `K[0]` or `K[4]`, of rectified pictures `P[0]` or `P[5]`.
        field: &'static str,
        /// The value.
        value: f64,
    },
    /// No lens has such a view: the numbers are of something else.
    #[error(
        "camera_info {field} is {value} px for a side of {side_px} px, expected a view of 1 to {widest} degrees ({least:.0} to {most:.0} px)"
    )]
    View {
        /// As in [`FocalLength`](Self::FocalLength).
        field: &'static str,
        /// The focal length.
        value: f64,
        /// The image's side along it.
        side_px: u32,
        /// The widest view that such a lens can have, in degrees.
        widest: u32,
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
        /// `K[2]` or `K[5]`, of rectified pictures `P[2]` or `P[6]`.
        field: &'static str,
        /// The principal point.
        value: f64,
        /// The image's side along it.
        side_px: u32,
    },
    /// Another distortion model.
    #[error(
        "camera_info distortion_model {found:?} is not supported, expected plumb_bob, rational_polynomial or equidistant (or numbers in D that are all 0)"
    )]
    DistortionModel {
        /// The name, cut to 64 characters.
        found: String,
    },
    /// Four numbers without a name may be either.
    #[error(
        "camera_info D holds 4 numbers and distortion_model is empty: they may be plumb_bob's k1, k2, p1, p2 or \
         equidistant's k1 to k4, expected the name of one"
    )]
    Unnamed,
    /// The number of coefficients does not fit the model.
    #[error("camera_info D holds {found} numbers, {model} needs {expected} (or zeros alone)")]
    Coefficients {
        /// How many there are.
        found: usize,
        /// The model.
        model: &'static str,
        /// How many it may have.
        expected: &'static str,
    },
    /// The region of interest is not in the sensor's picture, or binning leaves nothing of it.
    #[error(
        "camera_info roi {region} px at ({}, {}) with binning {}x{}, expected a part of {whole} px of which at least one \
         pixel is left",
        at[0], at[1], binning[0], binning[1]
    )]
    Part {
        /// Columns and rows left out before the region.
        at: [u32; 2],
        /// Its size; a side of 0 reaches to the sensor's edge.
        region: Size,
        /// Columns and rows that are joined to one.
        binning: [u32; 2],
        /// The sensor's size.
        whole: Size,
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

//! The parameter `camera_info_file`: the calibration of a camera that publishes none, or a wrong one.
//!
//! Two forms are read. The YAML that `camera_calibration` writes and `camera_info_manager` reads:
//!
//! ```yaml
//! image_width: 640
//! image_height: 480
//! camera_matrix: {rows: 3, cols: 3, data: [500.0, 0.0, 320.0, 0.0, 500.0, 240.0, 0.0, 0.0, 1.0]}
//! distortion_model: plumb_bob
//! distortion_coefficients: {rows: 1, cols: 5, data: [-0.2, 0.1, 0.0, 0.0, 0.0]}
//! projection_matrix: {rows: 3, cols: 4, data: [480.0, 0.0, 320.0, 0.0, 0.0, 480.0, 240.0, 0.0, 0.0, 0.0, 1.0, 0.0]}
//! ```
//!
//! and what `ros2 topic echo --once` prints of a CameraInfo (`width`, `height`, `distortion_model`, `d`, `k`, `p`, binning
//! and region). Other keys are left alone.

use crate::config::Config;
use crate::infer::read_short_text;
use crate::types::{Calibration, CameraModel, CameraModelError, Coefficients, SensorPart, Size};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Bytes of the largest file that is read; a calibration has about a thousand.
const MAX_FILE_BYTES: u64 = 1 << 16;
/// Characters of a value that an error shows.
const SHOWN: usize = 80;

/// Why a file is no calibration.
#[derive(Debug, thiserror::Error)]
pub enum CameraFileError {
    /// It cannot be read.
    #[error("cannot read camera_info_file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It is no YAML, or holds a number that is none.
    #[error("camera_info_file {} cannot be read as YAML: {problem}", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        problem: String,
    },
    /// A key is missing, or has a value that it cannot have.
    #[error("camera_info_file {}: {key} is {found}, expected {expected}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The key, with those above it.
        key: String,
        /// Its value, cut; `missing` where there is none.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// The numbers are no camera.
    #[error(
        "camera_info_file {}: {problem}; here K is camera_matrix, D distortion_coefficients and P projection_matrix",
        path.display()
    )]
    Camera {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: CameraModelError,
    },
}

/// The camera that the parameter `camera_info_file` names, for rectified images or for those of the lens; `None` where the
/// parameter is empty.
///
/// # Errors
/// [`CameraFileError`] with the file, and where it is one key, that key, its value and what was expected.
pub fn load_camera(config: &Config, is_rectified: bool) -> Result<Option<CameraModel>, CameraFileError> {
    let path = &config.camera_info_file;
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let unreadable = |source| CameraFileError::Unreadable { path: path.clone(), source };
    let text = read_short_text(path, MAX_FILE_BYTES).map_err(unreadable)?;
    camera_of(&text, path, is_rectified).map(Some)
}

fn camera_of(text: &str, path: &Path, is_rectified: bool) -> Result<CameraModel, CameraFileError> {
    // ros2 topic echo ends each message with the mark of the next one.
    let text = text.trim_end().trim_end_matches("---");
    let root: Value = serde_saphyr::from_str(text).map_err(|error| CameraFileError::Yaml {
        path: path.to_owned(),
        problem: error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    })?;
    let sheet = Sheet { root: &root, path };
    let is_message = root.get("k").is_some() && root.get("camera_matrix").is_none();
    let [width, height] = if is_message { ["width", "height"] } else { ["image_width", "image_height"] };
    let size = Size { width_px: sheet.count(width)?, height_px: sheet.count(height)? };
    let distortion_model = match sheet.at("distortion_model") {
        // What camera_info_manager assumes of old files.
        None => "plumb_bob",
        Some(Value::String(name)) => name,
        // A name that YAML reads as something else, `none` for one.
        Some(Value::Null) => "",
        found => return Err(sheet.refused("distortion_model", found, "the name of a lens model")),
    };
    let matrices = ["camera_matrix", "distortion_coefficients", "projection_matrix"];
    let [k, d, p] = if is_message { ["k", "d", "p"] } else { matrices };
    let numbers = |key| if is_message { sheet.numbers(key) } else { sheet.matrix(key) };
    let optional = |key| if sheet.at(key).is_some() { numbers(key) } else { Ok(Vec::new()) };
    let calibration = Calibration {
        size,
        distortion_model,
        d: optional(d)?.into_iter().collect::<Coefficients>(),
        k: sheet.exactly(k, numbers(k)?)?,
        p: if sheet.at(p).is_some() { sheet.exactly(p, numbers(p)?)? } else { [0.0; 12] },
        part: if is_message { sheet.part()? } else { SensorPart::WHOLE },
    };
    calibration.camera(is_rectified).map_err(|problem| CameraFileError::Camera { path: path.to_owned(), problem })
}

/// The values of a file, with its name for errors.
struct Sheet<'a> {
    root: &'a Value,
    path: &'a Path,
}

impl<'a> Sheet<'a> {
    /// The value of a key, `roi.width` for one inside another.
    fn at(&self, key: &str) -> Option<&'a Value> {
        key.split('.').try_fold(self.root, |value, name| value.get(name))
    }

    fn refused(&self, key: &str, found: Option<&Value>, expected: impl Into<String>) -> CameraFileError {
        let found = found.map_or_else(|| "missing".to_owned(), |value| value.to_string().chars().take(SHOWN).collect());
        CameraFileError::Key { path: self.path.to_owned(), key: key.to_owned(), found, expected: expected.into() }
    }

    fn count(&self, key: &str) -> Result<u32, CameraFileError> {
        let found = self.at(key);
        let number = found.and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| self.refused(key, found, "a whole number of pixels"))
    }

    fn numbers(&self, key: &str) -> Result<Vec<f64>, CameraFileError> {
        let found = self.at(key);
        let Some(Value::Array(items)) = found else { return Err(self.refused(key, found, "a list of numbers")) };
        let number = |(index, item): (usize, &Value)| {
            let number = item.as_f64().filter(|number| number.is_finite());
            number.ok_or_else(|| self.refused(&format!("{key}[{index}]"), Some(item), "a finite number"))
        };
        items.iter().enumerate().map(number).collect()
    }

    /// The numbers of a map of `rows`, `cols` and `data`.
    fn matrix(&self, key: &str) -> Result<Vec<f64>, CameraFileError> {
        let found = self.at(key);
        if !found.is_some_and(Value::is_object) {
            return Err(self.refused(key, found, "a map of rows, cols and data"));
        }
        let data = format!("{key}.data");
        let numbers = self.numbers(&data)?;
        let side = |name: &str| self.at(&format!("{key}.{name}")).and_then(Value::as_u64);
        if let (Some(rows), Some(cols)) = (side("rows"), side("cols"))
            && rows.checked_mul(cols) != Some(numbers.len() as u64)
        {
            let expected = format!("{rows} x {cols} of them, as rows and cols say");
            return Err(self.counted(&data, numbers.len(), expected));
        }
        Ok(numbers)
    }

    fn exactly<const N: usize>(&self, key: &str, numbers: Vec<f64>) -> Result<[f64; N], CameraFileError> {
        let found = numbers.len();
        <[f64; N]>::try_from(numbers).map_err(|_| self.counted(key, found, format!("{N} of them")))
    }

    fn counted(&self, key: &str, found: usize, expected: String) -> CameraFileError {
        let found = format!("a list of {found} numbers");
        CameraFileError::Key { path: self.path.to_owned(), key: key.to_owned(), found, expected }
    }

    /// Region of interest and binning of a message.
    fn part(&self) -> Result<SensorPart, CameraFileError> {
        let count = |key| if self.at(key).is_some() { self.count(key) } else { Ok(0) };
        let size = Size { width_px: count("roi.width")?, height_px: count("roi.height")? };
        let (x_px, y_px) = (count("roi.x_offset")?, count("roi.y_offset")?);
        Ok(SensorPart { x_px, y_px, size, binning_x: count("binning_x")?, binning_y: count("binning_y")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Distortion;

    /// As camera_calibration's cameracalibrator writes it.
    const CALIBRATED: &str = "\
image_width: 640
image_height: 480
camera_name: narrow_stereo
camera_matrix:
  rows: 3
  cols: 3
  data: [ 438.78360,    0.00000,  305.59350,
            0.00000,  437.30200,  243.73800,
            0.00000,    0.00000,    1.00000]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.361976, 0.110510, 0.001014, 0.000505, 0.000000]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1., 0., 0., 0., 1., 0., 0., 0., 1.]
projection_matrix:
  rows: 3
  cols: 4
  data: [ 393.65310,    0.00000,  322.79750,    0.00000,
            0.00000,  393.65310,  241.09050,    0.00000,
            0.00000,    0.00000,    1.00000,    0.00000]
";

    /// As `ros2 topic echo --once` prints it.
    const ECHOED: &str = "\
header:
  stamp:
    sec: 1700000000
    nanosec: 1
  frame_id: camera_optical_frame
height: 960
width: 1280
distortion_model: equidistant
d:
- 0.01
- 0.002
- 0.0
- 0.0
k:
- 400.0
- 0.0
- 640.0
- 0.0
- 401.0
- 480.0
- 0.0
- 0.0
- 1.0
r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
p: [300.0, 0.0, 640.0, 0.0, 0.0, 300.0, 480.0, 0.0, 0.0, 0.0, 1.0, 0.0]
binning_x: 2
binning_y: 2
roi:
  x_offset: 0
  y_offset: 0
  height: 0
  width: 0
  do_rectify: false
---
";

    fn camera(text: &str, is_rectified: bool) -> Result<CameraModel, String> {
        camera_of(text, Path::new("cal.yaml"), is_rectified).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_of_camera_calibration_is_two_cameras() {
        let raw = camera(CALIBRATED, false).unwrap();
        assert_eq!((raw.size(), raw.focal_px()), (Size { width_px: 640, height_px: 480 }, (438.7836, 437.302)));
        assert!(matches!(raw.distortion(), Distortion::Brown([-0.361976, 0.110510, ..])));
        let rectified = camera(CALIBRATED, true).unwrap();
        assert_eq!((rectified.focal_px(), rectified.distortion()), ((393.6531, 393.6531), Distortion::None));
        let old = CALIBRATED.replace("distortion_model: plumb_bob\n", "");
        assert_eq!(camera(&old, false), Ok(raw), "no name is plumb_bob, as camera_info_manager has it");
    }

    #[test]
    fn a_message_as_ros2_topic_prints_it_is_one_too() {
        let camera = camera(ECHOED, false).unwrap();
        assert_eq!((camera.size(), camera.focal_px()), (Size { width_px: 640, height_px: 480 }, (200.0, 200.5)));
        assert_eq!(camera.distortion(), Distortion::Equidistant([0.01, 0.002, 0.0, 0.0]));
    }

    #[test]
    fn each_bad_file_is_refused_with_key_value_and_what_was_expected() {
        let with = |from: &str, to: &str| camera(&CALIBRATED.replacen(from, to, 1), false).unwrap_err();
        for (from, to, expected) in [
            ("image_width: 640\n", "", "image_width is missing, expected a whole number of pixels"),
            ("640", "wide", "image_width is \"wide\", expected a whole number of pixels"),
            ("640", "-640", "image_width is -640, expected a whole number of pixels"),
            ("640", "64.5", "image_width is 64.5, expected a whole number of pixels"),
            ("camera_matrix:", "matrix:", "camera_matrix is missing, expected a map of rows, cols and data"),
            (
                "438.78360,",
                "",
                "camera_matrix.data is a list of 8 numbers, expected 3 x 3 of them, as rows and cols say",
            ),
            ("438.78360", "big", "camera_matrix.data[0] is \"big\", expected a finite number"),
            ("plumb_bob", "[1]", "distortion_model is [1], expected the name of a lens model"),
            ("438.78360", "0.5", "camera_info K[0] is 0.5 px, expected a focal length above 1 px"),
            ("plumb_bob", "ftheta", "camera_info distortion_model \"ftheta\" is not supported, expected plumb_bob"),
        ] {
            let error = with(from, to);
            assert!(error.starts_with(&format!("camera_info_file cal.yaml: {expected}")), "{from:?}: {error}");
        }
        assert!(with("camera_matrix:\n  rows: 3", "camera_matrix:\n  rows: 1").contains("expected 1 x 3 of them"));
        assert!(
            with("  cols: 3\n  data: [ 438.78360,", "  data: [ 1., 438.78360,")
                .contains("is a list of 10 numbers, expected 9")
        );
        assert!(with("438.78360", ".nan").contains("non-finite"));
        assert!(
            with("camera_name:", "camera_name: [").starts_with("camera_info_file cal.yaml cannot be read as YAML: ")
        );
        for text in ["", "just words", "[1, 2]", "- a\n- b"] {
            assert!(camera(text, false).unwrap_err().starts_with("camera_info_file cal.yaml"), "{text:?}");
        }
    }

    #[test]
    fn a_file_that_is_missing_or_is_none_of_ours_is_named() {
        let load = |path: &str| {
            let config = Config { camera_info_file: path.into(), ..Config::default() };
            load_camera(&config, false).map_err(|error| error.to_string())
        };
        assert_eq!(load(""), Ok(None));
        assert!(load("/no/such.yaml").unwrap_err().starts_with("cannot read camera_info_file /no/such.yaml: "));
        let folder = tempfile::tempdir().unwrap();
        let big = folder.path().join("big.yaml");
        std::fs::write(&big, "#".repeat(1 << 17)).unwrap();
        assert!(
            load(big.to_str().unwrap()).unwrap_err().ends_with("holds more than 65536 bytes, expected at most so many")
        );
        // A pipe that nobody writes to would be waited on for ever.
        assert!(load("/dev/zero").unwrap_err().ends_with("a pipe, socket or device, expected a file"));
        std::fs::write(&big, [0xff; 10]).unwrap();
        assert!(load(big.to_str().unwrap()).unwrap_err().contains("UTF-8"));
    }
}

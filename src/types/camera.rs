//! Intrinsics of a camera, as sensor_msgs/CameraInfo gives them: which lens, and which numbers are none.

use super::Size;
use super::camera_error::CameraModelError;

/// Lens distortion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distortion {
    /// None: an ideal or rectified camera.
    None,
    /// Brown-Conrady with all extensions of OpenCV, `plumb_bob` and `rational_polynomial` in ROS, in OpenCV's order:
    /// `k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4, tau_x, tau_y` (radial and tangential, the denominator, thin
    /// prism, tilted sensor). What a shorter list leaves out is 0.
    Brown([f64; 14]),
    /// Kannala-Brandt, `equidistant` in ROS and `cv2.fisheye`: `k1, k2, k3, k4` of the angle's polynomial.
    Equidistant([f64; 4]),
}

/// CameraInfo's `D`: as many numbers as the message has, of which the first fourteen can mean something.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Coefficients {
    numbers: [f64; 14],
    found: usize,
    /// Behind the last one that is not 0.
    needed: usize,
}

impl FromIterator<f64> for Coefficients {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        let mut all = Self::default();
        for number in numbers {
            if let Some(slot) = all.numbers.get_mut(all.found) {
                *slot = number;
            }
            all.found += 1;
            if number != 0.0 {
                all.needed = all.found;
            }
        }
        all
    }
}

/// The part of the sensor's picture that is published: a region of interest, of which pixels are then joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SensorPart {
    /// Columns left out at the left, in pixels of the sensor.
    pub x_px: u32,
    /// Rows left out at the top.
    pub y_px: u32,
    /// The region's size before binning; a side of 0 reaches to the sensor's edge.
    pub size: Size,
    /// Columns that are joined to one; 0 says the same as 1.
    pub binning_x: u32,
    /// Rows that are joined to one.
    pub binning_y: u32,
}

impl SensorPart {
    /// All of it.
    pub const WHOLE: Self =
        Self { x_px: 0, y_px: 0, size: Size { width_px: 0, height_px: 0 }, binning_x: 1, binning_y: 1 };
}

/// The numbers of a CameraInfo or of a calibration file. They describe two cameras: that of the pictures as the lens
/// makes them, and that of rectified ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration<'a> {
    /// The sensor's size, for which `k` and `p` hold.
    pub size: Size,
    /// The name of the lens model.
    pub distortion_model: &'a str,
    /// Its numbers.
    pub d: Coefficients,
    /// The camera matrix, row major.
    pub k: [f64; 9],
    /// The projection matrix of rectified pictures, row major; all 0 where nobody has made one.
    pub p: [f64; 12],
    /// What of the sensor is published.
    pub part: SensorPart,
}

impl Calibration<'_> {
    /// The camera of the pictures as published. Of rectified ones: by `p`, or by `k` where all of `p` is 0, and without
    /// distortion. As in image_geometry the region of interest is cut out first, then binned; the rotation between the
    /// camera and its rectified frame, the other camera of a stereo pair (`P[3]`) and `roi.do_rectify` (whether a region
    /// is to be cut out anew for rectified pictures) have no say.
    ///
    /// # Errors
    /// [`CameraModelError`] naming the field, its value and what was expected.
    pub fn camera(&self, is_rectified: bool) -> Result<CameraModel, CameraModelError> {
        let by_p = is_rectified && self.p.iter().any(|number| *number != 0.0);
        let matrix = if by_p { Matrix::of_p(&self.p) } else { Matrix::of_k(&self.k) }?;
        let distortion = if is_rectified { Distortion::None } else { Distortion::new(self.distortion_model, self.d)? };
        CameraModel::checked(self.size, &matrix, distortion)?.part(self.part)
    }
}

/// A camera. Focal lengths and principal point in pixels, pixel centres at integers (OpenCV, CameraInfo).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraModel {
    size: Size,
    fx_px: f64,
    fy_px: f64,
    cx_px: f64,
    cy_px: f64,
    distortion: Distortion,
}

/// Half of the widest view that a plane picture may have: 179 degrees.
const WIDEST_RAD: f64 = 89.5 * std::f64::consts::PI / 180.0;
/// Half of the widest view of a fisheye, which may look behind itself.
const WIDEST_FISHEYE_RAD: f64 = std::f64::consts::PI;
/// Half of the narrowest: 1 degree, a long telephoto lens.
const NARROWEST_RAD: f64 = 0.5 * std::f64::consts::PI / 180.0;
/// No focal length is this short; a matrix of ones and zeros is nobody's calibration.
const LEAST_FOCAL_PX: f64 = 1.0;

/// Names of the distortion's numbers.
const D_FIELDS: [&str; 14] = [
    "D[0]", "D[1]", "D[2]", "D[3]", "D[4]", "D[5]", "D[6]", "D[7]", "D[8]", "D[9]", "D[10]", "D[11]", "D[12]", "D[13]",
];

impl Distortion {
    /// The lens of these numbers under this name. All zeros are an ideal lens under any name, as in image_geometry; that
    /// holds for an `equidistant` one too.
    fn new(name: &str, d: Coefficients) -> Result<Self, CameraModelError> {
        if let Some((&value, field)) = d.numbers.iter().zip(D_FIELDS).find(|(number, _)| !number.is_finite()) {
            return Err(CameraModelError::NotFinite { field, value });
        }
        if d.needed == 0 {
            return Ok(Self::None);
        }
        // As drivers and other calibration tools write them: `Plumb Bob`, `brown-conrady`.
        let letters = || name.bytes().filter(u8::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase());
        let is_one_of = |known: &[&str]| known.iter().any(|known| letters().eq(known.bytes()));
        let of = |model, expected, counts: &[usize]| {
            // Zeros behind the numbers of a model change nothing.
            let fits = counts.iter().any(|count| (d.needed..=d.found).contains(count));
            if fits { Ok(()) } else { Err(CameraModelError::Coefficients { found: d.found, model, expected }) }
        };
        if name.is_empty() && d.found == 4 {
            Err(CameraModelError::Unnamed)
        } else if name.is_empty() || is_one_of(BROWN_NAMES) {
            of("plumb_bob or rational_polynomial", "0, 4, 5, 8, 12 or 14", &[4, 5, 8, 12, 14])?;
            Ok(Self::Brown(d.numbers))
        } else if is_one_of(EQUIDISTANT_NAMES) {
            of("equidistant", "0 or 4", &[4])?;
            let [k1, k2, k3, k4, ..] = d.numbers;
            Ok(Self::Equidistant([k1, k2, k3, k4]))
        } else {
            Err(CameraModelError::DistortionModel { found: name.chars().take(64).collect() })
        }
    }
}

/// What drivers and calibration tools call the lens of [`Distortion::Brown`], without case and signs.
const BROWN_NAMES: &[&str] =
    &["plumbbob", "radtan", "radialtangential", "brownconrady", "rational", "rationalpolynomial"];
/// The same for [`Distortion::Equidistant`].
const EQUIDISTANT_NAMES: &[&str] = &["equidistant", "fisheye", "kannalabrandt", "kannalabrandt4"];

/// What a matrix says along one axis of the picture, with the names of the fields.
struct Axis {
    focal: &'static str,
    focal_px: f64,
    center: &'static str,
    center_px: f64,
}

/// The two axes of `K` or `P`.
struct Matrix {
    x: Axis,
    y: Axis,
}

impl Matrix {
    fn of_k(k: &[f64; 9]) -> Result<Self, CameraModelError> {
        let x = Axis { focal: "K[0]", focal_px: k[0], center: "K[2]", center_px: k[2] };
        let y = Axis { focal: "K[4]", focal_px: k[4], center: "K[5]", center_px: k[5] };
        Self { x, y }.checked()
    }

    fn of_p(p: &[f64; 12]) -> Result<Self, CameraModelError> {
        let x = Axis { focal: "P[0]", focal_px: p[0], center: "P[2]", center_px: p[2] };
        let y = Axis { focal: "P[5]", focal_px: p[5], center: "P[6]", center_px: p[6] };
        Self { x, y }.checked()
    }

    /// Before anything is said of the lens: where nothing was calibrated, that has no name either.
    fn checked(self) -> Result<Self, CameraModelError> {
        for Axis { focal, focal_px, center, center_px } in [&self.x, &self.y] {
            for (field, value) in [(*focal, *focal_px), (*center, *center_px)] {
                if !value.is_finite() {
                    return Err(CameraModelError::NotFinite { field, value });
                }
            }
            if *focal_px <= LEAST_FOCAL_PX {
                return Err(CameraModelError::FocalLength { field: focal, value: *focal_px });
            }
        }
        Ok(self)
    }
}

impl CameraModel {
    /// From CameraInfo's `K` (row major) and `D`, for pictures as the lens makes them.
    ///
    /// # Errors
    /// [`CameraModelError`] naming the field, its value and what was expected.
    pub fn new(
        size: Size,
        k: &[f64; 9],
        distortion_model: &str,
        d: impl IntoIterator<Item = f64>,
    ) -> Result<Self, CameraModelError> {
        let matrix = Matrix::of_k(k)?;
        Self::checked(size, &matrix, Distortion::new(distortion_model, d.into_iter().collect())?)
    }

    fn checked(size: Size, matrix: &Matrix, distortion: Distortion) -> Result<Self, CameraModelError> {
        let Size { width_px, height_px } = size;
        if width_px == 0 || height_px == 0 {
            return Err(CameraModelError::Size { width_px, height_px });
        }
        for (axis, side_px) in [(&matrix.x, width_px), (&matrix.y, height_px)] {
            let &Axis { focal, focal_px, center, center_px } = axis;
            let side = f64::from(side_px);
            let (least, widest) = match distortion {
                Distortion::None | Distortion::Brown(_) => (side / (2.0 * WIDEST_RAD.tan()), 179),
                // The radius grows with the angle, about evenly.
                Distortion::Equidistant(_) => (side / (2.0 * WIDEST_FISHEYE_RAD), 360),
            };
            let most = side / (2.0 * NARROWEST_RAD.tan());
            if !(least..=most).contains(&focal_px) {
                return Err(CameraModelError::View { field: focal, value: focal_px, side_px, widest, least, most });
            }
            // A part that was cut out of the sensor's picture may lie beside the axis.
            if !(-side..=2.0 * side).contains(&center_px) {
                return Err(CameraModelError::Center { field: center, value: center_px, side_px });
            }
        }
        let Matrix { x, y } = matrix;
        let (fx_px, fy_px, cx_px, cy_px) = (x.focal_px, y.focal_px, x.center_px, y.center_px);
        Ok(Self { size, fx_px, fy_px, cx_px, cy_px, distortion })
    }

    /// The camera of a part of the picture: cut out, then binned. Angles stay as they are.
    fn part(self, part: SensorPart) -> Result<Self, CameraModelError> {
        let SensorPart { x_px, y_px, size, binning_x, binning_y } = part;
        let side = |of_part: u32, whole: u32, offset: u32| {
            if of_part > 0 { of_part } else { whole.saturating_sub(offset) }
        };
        let (binning_x, binning_y) = (binning_x.max(1), binning_y.max(1));
        let width_px = side(size.width_px, self.size.width_px, x_px) / binning_x;
        let height_px = side(size.height_px, self.size.height_px, y_px) / binning_y;
        let reaches_beyond =
            |of_part: u32, whole: u32, offset: u32| u64::from(offset) + u64::from(of_part) > whole.into();
        if width_px == 0
            || height_px == 0
            || reaches_beyond(size.width_px, self.size.width_px, x_px)
            || reaches_beyond(size.height_px, self.size.height_px, y_px)
        {
            let (at, binning) = ([x_px, y_px], [binning_x, binning_y]);
            return Err(CameraModelError::Part { at, region: size, binning, whole: self.size });
        }
        Ok(Self {
            size: Size { width_px, height_px },
            fx_px: self.fx_px / f64::from(binning_x),
            fy_px: self.fy_px / f64::from(binning_y),
            cx_px: (self.cx_px - f64::from(x_px)) / f64::from(binning_x),
            cy_px: (self.cy_px - f64::from(y_px)) / f64::from(binning_y),
            distortion: self.distortion,
        })
    }

    /// The camera of its pictures made larger or smaller, as image_proc's resize has it; `None` where `size` has another
    /// aspect by more than the rounding of a side.
    pub fn scaled_to(self, size: Size) -> Option<Self> {
        let of = |size: Size| (f64::from(size.width_px), f64::from(size.height_px));
        let ((from_x, from_y), (to_x, to_y)) = (of(self.size), of(size));
        let fits = (from_y * to_x / from_x - to_y).abs() <= 1.0 || (from_x * to_y / from_y - to_x).abs() <= 1.0;
        let (x, y) = (to_x / from_x, to_y / from_y);
        (fits && size.width_px > 0 && size.height_px > 0).then_some(Self {
            size,
            fx_px: self.fx_px * x,
            fy_px: self.fy_px * y,
            cx_px: self.cx_px * x,
            cy_px: self.cy_px * y,
            distortion: self.distortion,
        })
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

    fn lens(name: &str, d: &[f64]) -> Result<Distortion, String> {
        model(K, name, d).map(|camera| camera.distortion()).map_err(|error| error.to_string())
    }

    #[test]
    fn zeros_of_any_number_under_any_name_are_an_ideal_lens() {
        for name in ["plumb_bob", "rational_polynomial", "equidistant", "", "none", "inverse_brown_conrady"] {
            for count in [0, 1, 4, 5, 6, 8, 14, 100] {
                assert_eq!(lens(name, &vec![0.0; count]), Ok(Distortion::None), "{name:?} {count}");
            }
        }
    }

    #[test]
    fn the_numbers_of_opencv_are_taken_in_all_their_counts_whatever_the_name_says() {
        let numbers: Vec<f64> = (1..=14).map(|number| f64::from(number) / 1000.0).collect();
        for name in ["plumb_bob", "rational_polynomial", "Plumb Bob", "radtan", "brown-conrady"] {
            for count in [4, 5, 8, 12, 14] {
                let mut all = [0.0; 14];
                all[..count].copy_from_slice(&numbers[..count]);
                assert_eq!(lens(name, &numbers[..count]), Ok(Distortion::Brown(all)), "{name} {count}");
            }
        }
        for count in [5, 8, 12, 14] {
            assert!(matches!(lens("", &numbers[..count]), Ok(Distortion::Brown(_))), "{count} are nobody else's");
        }
        for name in ["equidistant", "fisheye", "kannala_brandt"] {
            assert_eq!(lens(name, &numbers[..4]), Ok(Distortion::Equidistant([0.001, 0.002, 0.003, 0.004])));
        }
    }

    #[test]
    fn zeros_behind_the_numbers_of_a_model_change_nothing() {
        let five = [0.1, 0.2, 0.0, 0.0, 0.3];
        assert_eq!(lens("plumb_bob", &[&five[..], &[0.0; 2]].concat()), lens("plumb_bob", &five));
        assert_eq!(lens("fisheye", &[0.1, 0.0, 0.0, 0.0, 0.0]), lens("fisheye", &[0.1, 0.0, 0.0, 0.0]));
    }

    #[test]
    fn what_is_no_lens_is_refused_with_what_would_do() {
        let expected = "camera_info D holds 3 numbers, plumb_bob or rational_polynomial needs 0, 4, 5, 8, 12 or 14 (or zeros alone)";
        assert_eq!(lens("plumb_bob", &[0.1; 3]).unwrap_err(), expected);
        assert_eq!(lens("rational_polynomial", &[0.01; 15]).unwrap_err(), expected.replace(" 3 ", " 15 "));
        let expected = "camera_info D holds 5 numbers, equidistant needs 0 or 4 (or zeros alone)";
        assert_eq!(lens("equidistant", &[0.1; 5]).unwrap_err(), expected);
        assert!(lens("", &[0.1; 4]).unwrap_err().contains("they may be plumb_bob's k1, k2, p1, p2 or equidistant's"));
        let expected = "camera_info distortion_model \"ftheta\" is not supported, expected plumb_bob, rational_polynomial or equidistant";
        assert!(lens("ftheta", &[0.1; 4]).unwrap_err().starts_with(expected));
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
    fn an_uncalibrated_camera_is_refused_whatever_it_calls_its_lens() {
        let unity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        for (k, value) in [([0.0; 9], 0.0), (unity, 1.0)] {
            let error = model(k, "unknown", &[0.5]).unwrap_err();
            assert_eq!(error, CameraModelError::FocalLength { field: "K[0]", value });
        }
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
        assert!(with(4, 1.5).unwrap_err().starts_with("camera_info K[4] is 1.5 px for a side of 480 px"));
        let expected =
            "camera_info K[2] is 320000 px for a side of 640 px, expected a centre within one side of the picture";
        assert_eq!(with(2, 320_000.0).unwrap_err(), expected);
        assert!(with(5, -481.0).is_err());
        assert!(with(2, 1000.0).is_ok(), "a part of the sensor beside the axis");
        assert!(with(0, 3000.0).is_ok() && with(0, 100.0).is_ok());
    }

    #[test]
    fn a_fisheye_may_look_behind_itself_and_no_further() {
        let with = |focal_px: f64| {
            let k = [focal_px, 0.0, 319.5, 0.0, focal_px, 239.5, 0.0, 0.0, 1.0];
            model(k, "equidistant", &[0.01, 0.0, 0.0, 0.0]).map_err(|error| error.to_string())
        };
        assert!(with(160.0).is_ok() && with(105.0).is_ok());
        assert!(with(90.0).unwrap_err().contains("expected a view of 1 to 360 degrees (102 to 36668 px)"));
    }

    fn calibration() -> Calibration<'static> {
        let p = [450.0, 0.0, 310.0, -45.0, 0.0, 460.0, 230.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        let d = [-0.2, 0.1, 0.0, 0.0, 0.0].into_iter().collect();
        Calibration { size: SIZE, distortion_model: "plumb_bob", d, k: K, p, part: SensorPart::WHOLE }
    }

    #[test]
    fn a_rectified_picture_has_the_camera_of_p_and_no_distortion() {
        let camera = calibration().camera(true).unwrap();
        assert_eq!((camera.focal_px(), camera.principal_point_px()), ((450.0, 460.0), (310.0, 230.0)));
        assert_eq!(camera.distortion(), Distortion::None);
        let without_p = Calibration { p: [0.0; 12], ..calibration() }.camera(true).unwrap();
        assert_eq!((without_p.focal_px(), without_p.distortion()), ((500.0, 510.0), Distortion::None));
        let unknown_lens = Calibration { distortion_model: "ftheta", ..calibration() };
        assert!(unknown_lens.camera(true).is_ok(), "rectifying has done away with it");
        let bad = Calibration { p: [0.5; 12], ..calibration() }.camera(true).unwrap_err();
        assert_eq!(bad, CameraModelError::FocalLength { field: "P[0]", value: 0.5 });
    }

    #[test]
    fn a_region_is_cut_out_in_pixels_of_the_sensor_and_then_binned() {
        let of = |part, is_rectified| {
            let camera = Calibration { part, ..calibration() }.camera(is_rectified).unwrap();
            (camera.size(), camera.focal_px(), camera.principal_point_px())
        };
        let size = |width_px, height_px| Size { width_px, height_px };
        let part = SensorPart { x_px: 100, y_px: 60, size: size(400, 300), binning_x: 2, binning_y: 4 };
        assert_eq!(of(part, false), (size(200, 75), (250.0, 127.5), (109.75, 44.875)));
        assert_eq!(of(part, true), (size(200, 75), (225.0, 115.0), (105.0, 42.5)));
        let to_the_edge = SensorPart { x_px: 100, y_px: 60, size: size(0, 0), binning_x: 0, binning_y: 0 };
        assert_eq!(of(to_the_edge, false), (size(540, 420), (500.0, 510.0), (219.5, 179.5)));
    }

    #[test]
    fn a_part_that_is_none_is_refused_with_all_its_numbers() {
        let told = |part| Calibration { part, ..calibration() }.camera(false).unwrap_err().to_string();
        let expected = "expected a part of 640x480 px of which at least one pixel is left";
        let nothing = SensorPart { binning_x: 1000, ..SensorPart::WHOLE };
        assert_eq!(told(nothing), format!("camera_info roi 0x0 px at (0, 0) with binning 1000x1, {expected}"));
        let size = |width_px, height_px| Size { width_px, height_px };
        for (x_px, y_px, size) in [(u32::MAX, 0, size(0, 0)), (240, 0, size(401, 0)), (0, 1, size(0, u32::MAX))] {
            assert!(told(SensorPart { x_px, y_px, size, ..SensorPart::WHOLE }).ends_with(expected), "{x_px} {size:?}");
        }
        let to_the_edge = SensorPart { x_px: 240, y_px: 479, size: size(400, 1), ..SensorPart::WHOLE };
        assert!(Calibration { part: to_the_edge, ..calibration() }.camera(false).is_ok());
    }

    #[test]
    fn a_camera_of_the_same_aspect_is_scaled_and_another_is_not() {
        let camera = model(K, "plumb_bob", &[]).unwrap();
        let half = camera.scaled_to(Size { width_px: 320, height_px: 240 }).unwrap();
        assert_eq!((half.focal_px(), half.principal_point_px()), ((250.0, 255.0), (159.75, 119.75)));
        assert!(camera.scaled_to(Size { width_px: 427, height_px: 320 }).is_some(), "a rounded side");
        assert!(camera.scaled_to(Size { width_px: 1280, height_px: 720 }).is_none());
        assert!(camera.scaled_to(Size { width_px: 640, height_px: 400 }).is_none(), "cut");
    }
}

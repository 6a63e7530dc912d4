//! What is odd about a camera or its robot and costs nothing by itself: each is said once, with its cure.

use crate::types::{CameraModel, CameraModelError, Distortion, FrameId, Motion, PixelFormat, Size, Stamp};
use crate::vision::Codec;
use std::fmt;
use std::mem::discriminant;

/// Something odd in what comes in. What it costs, if anything, is counted elsewhere.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Remark {
    /// The encoding has a name that only OpenCV has, or is spelled otherwise.
    #[error("images have the encoding {encoding:?}, which is no name of ROS: taken for {}", format.encoding())]
    Encoding {
        /// As it came.
        encoding: String,
        /// What it was taken for.
        format: PixelFormat,
    },
    /// A row takes more bytes than the step says, and the data are those of a picture without padding.
    #[error(
        "images of {size} px, {} have step {found} and exactly the bytes of pictures without padding: taken for step {taken}",
        format.encoding()
    )]
    Step {
        /// The image's size.
        size: Size,
        /// Its encoding.
        format: PixelFormat,
        /// The step as it came.
        found: u32,
        /// The step in bytes that it was taken for.
        taken: usize,
    },
    /// Bytes have no byte order.
    #[error("images are {} and is_bigendian: passed over, their channels are bytes", format.encoding())]
    ByteOrder {
        /// The image's encoding.
        format: PixelFormat,
    },
    /// Colors of pairs, and a side without a pair.
    #[error("images of {} have {size} px: the last column or row is taken with the colors that are there", format.encoding())]
    OddSize {
        /// The image's encoding.
        format: PixelFormat,
        /// Its size.
        size: Size,
    },
    /// A file is of another kind than the message says.
    #[error("compressed images have the format {format:?} and are {codec} by their first bytes: taken as that")]
    Codec {
        /// As it came, cut to 64 characters.
        format: String,
        /// By the first bytes.
        codec: Codec,
    },
    /// Camera and image have different sizes.
    #[error("{0}")]
    Size(Misfit),
    /// A file names the camera and somebody publishes another one.
    #[error(
        "camera_info has {published} for {field} and camera_info_file {fixed}: the file is used, whatever is published; leave \
         the parameter empty if it is the file that is wrong"
    )]
    FileOutdoes {
        /// The first number that differs, by its name in CameraInfo, or the size or lens.
        field: &'static str,
        /// What is published.
        published: Number,
        /// What the file says.
        fixed: Number,
    },
    /// A file names the camera, and what is published is none.
    #[error("{0}; camera_info_file is used instead")]
    FileServes(CameraModelError),
    /// The driver does not stamp.
    #[error(
        "images are stamped 0: the driver does not stamp them, so nothing can be told of their age or joined with them; \
         image_stamp: received takes the time at which they come"
    )]
    StampZero,
    /// The driver stamps all images alike.
    #[error(
        "image stamps do not move: the last {images} images are all stamped {stamp}, and all but the first are lost; \
         image_stamp: received takes the time at which they come"
    )]
    StampStands {
        /// How many of them.
        images: u32,
        /// Their stamp.
        stamp: Stamp,
    },
    /// The stamps are of another epoch.
    #[error(
        "image stamps are decades off: {stamp} for an image that came at {received}; a driver that counts from its boot \
         needs image_stamp: received, simulated time needs use_sim_time in the node"
    )]
    StampDecadesOff {
        /// The image's stamp.
        stamp: Stamp,
        /// When it came.
        received: Stamp,
    },
    /// The odometry's stamps are of another epoch.
    #[error(
        "odometry stamps are decades off: {odom} beside an image of {image}; the speed is taken as assumed_speed_mps until \
         both have the same clock"
    )]
    OdomDecadesOff {
        /// The odometry's newest stamp.
        odom: Stamp,
        /// The image's.
        image: Stamp,
    },
    /// The image's TF frame is not called an optical one.
    #[error(
        "the image's frame_id {:?} is not named as an optical frame: boxes and places are reckoned with z forward, \
         x right and y down (REP-103); if the frame has x forward, its place by tf is turned by 90 degrees, and so \
         is what others reckon through tf from ~/detections",
        frame_id.as_str().chars().take(64).collect::<String>()
    )]
    FrameNotOptical {
        /// The frame.
        frame_id: FrameId,
    },
    /// tf is there and has no way from the camera to the robot.
    #[error(
        "{reason}; the mounting parameters serve: publish that transform, or set the parameter mounting to parameters if \
         these are meant, or to tf if no image is to be taken without it"
    )]
    MountingOfParameters {
        /// What was asked, what is missing, which frames there are.
        reason: String,
    },
    /// tf has come to place the camera.
    #[error(
        "tf places the camera from the image stamped {stamp} on; those before it were placed by the mounting parameters"
    )]
    MountingOfTfNow {
        /// The image's stamp.
        stamp: Stamp,
    },
    /// Somebody has measured where the camera is, and tf says otherwise.
    #[error(
        "the mounting parameters and tf place the camera {apart_m:.2} m and {turned_rad:.2} rad apart: tf is used; set the \
         parameter mounting to parameters if it is tf that is wrong"
    )]
    TfOutdoesMounting {
        /// Between the two places, in metres.
        apart_m: f64,
        /// Between the two directions, in radians.
        turned_rad: f64,
    },
    /// The robot moves and its odometry's twist does not say so.
    #[error(
        "odometry has a twist of 0 while its pose moves ({motion}): the speed is taken from the poses, half a second of \
         them, until a twist is not 0"
    )]
    SpeedOfPoses {
        /// What the poses show.
        motion: Moved,
    },
}

/// A camera that is not of the image's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfit {
    /// The camera's, region of interest and binning reckoned in.
    pub camera: Size,
    /// The image's.
    pub image: Size,
    /// Whether the camera was scaled to it; else the image has none.
    pub is_scaled: bool,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { camera, image, is_scaled } = self;
        write!(f, "camera_info is for {camera} px, images have {image}: ")?;
        f.write_str(if *is_scaled {
            "it is scaled to them"
        } else {
            "the aspect is another one, it is left out, and nothing has a place on the ground"
        })
    }
}

/// A value of a camera, as a remark shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// In pixels, or of the lens.
    Of(f64),
    /// A picture's size.
    Size(Size),
    /// The name of a lens model.
    Lens(&'static str),
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(number) => write!(f, "{number:.4}"),
            Self::Size(size) => write!(f, "{size}"),
            Self::Lens(name) => f.write_str(name),
        }
    }
}

/// A speed, as a remark shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moved(pub Motion);

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let twist = self.0.credible().unwrap_or_default();
        write!(f, "{:.2} m/s, {:.2} rad/s", twist.speed_mps(), twist.yaw_rate_radps)
    }
}

/// A focal length may differ by so much of itself, a centre by so many pixels and a lens by so much before the camera of
/// a file is another one than the published.
const SAME_FOCAL: f64 = 1e-3;
const SAME_CENTER_PX: f64 = 0.5;
const SAME_LENS: f64 = 1e-3;

/// One decade: a clock that counts from 1970, 1980 or 2000 is further off, a machine without a clock of its own too.
const DECADE_NS: i64 = 10 * 365 * 24 * 3600 * 1_000_000_000;

fn is_decades_from(stamp: Stamp, other: Stamp) -> bool {
    stamp.ns_since(other).saturating_abs() > DECADE_NS
}

impl Remark {
    /// What is odd about odometry that has come to `odom` beside an image, if anything.
    pub(super) fn on_odometry(odom: Stamp, image: Stamp) -> Option<Self> {
        is_decades_from(odom, image).then_some(Self::OdomDecadesOff { odom, image })
    }

    /// What a published camera has otherwise than that of a file, if anything.
    pub(super) fn on_difference(fixed: &CameraModel, published: &CameraModel) -> Option<Self> {
        let of = |field, published, fixed| Some(Self::FileOutdoes { field, published, fixed });
        let Some(scaled) = published.scaled_to(fixed.size()) else {
            return of("the size", Number::Size(published.size()), Number::Size(fixed.size()));
        };
        let ((fx, fy), (cx, cy)) = (fixed.focal_px(), fixed.principal_point_px());
        let ((other_fx, other_fy), (other_cx, other_cy)) = (scaled.focal_px(), scaled.principal_point_px());
        let rows = [
            ("K[0]", other_fx, fx, SAME_FOCAL * fx),
            ("K[4]", other_fy, fy, SAME_FOCAL * fy),
            ("K[2]", other_cx, cx, SAME_CENTER_PX),
            ("K[5]", other_cy, cy, SAME_CENTER_PX),
        ];
        if let Some(&(field, other, ours, _)) = rows.iter().find(|(_, other, ours, most)| (other - ours).abs() > *most)
        {
            return of(field, Number::Of(other), Number::Of(ours));
        }
        let lens = |camera: &CameraModel| match camera.distortion() {
            Distortion::None => ("none", [0.0; 14]),
            Distortion::Brown(numbers) => ("plumb_bob or rational_polynomial", numbers),
            Distortion::Equidistant([k1, k2, k3, k4]) => {
                let mut numbers = [0.0; 14];
                numbers[..4].copy_from_slice(&[k1, k2, k3, k4]);
                ("equidistant", numbers)
            }
        };
        let ((name, numbers), (other_name, other_numbers)) = (lens(fixed), lens(published));
        if name != other_name {
            return of("the lens", Number::Lens(other_name), Number::Lens(name));
        }
        let unlike = |(ours, other): &(f64, f64)| (ours - other).abs() > SAME_LENS * (1.0 + ours.abs());
        let (ours, other) = numbers.into_iter().zip(other_numbers).find(unlike)?;
        of("a number of D", Number::Of(other), Number::Of(ours))
    }
}

/// Remarks that wait to be told, each kind once.
#[derive(Debug, Default)]
pub struct Remarks {
    /// All kinds that there have been, with the first remark of each.
    said: Vec<Remark>,
    /// So many of them have been told.
    told: usize,
}

impl Remarks {
    /// Says it, if nothing of its kind was said before.
    pub(super) fn say(&mut self, remark: Remark) {
        if !self.said.iter().any(|said| discriminant(said) == discriminant(&remark)) {
            self.said.push(remark);
        }
    }

    /// Those that have not been told yet.
    pub(super) fn untold(&mut self) -> &[Remark] {
        let told = std::mem::replace(&mut self.told, self.said.len());
        &self.said[told..]
    }
}

/// Looks whether stamps can be times.
#[derive(Debug, Default)]
pub(super) struct StampCheck {
    last: Option<Stamp>,
    alike: u32,
}

impl StampCheck {
    /// So many images alike are no accident: a bag that was merged with itself has two.
    const STANDS: u32 = 5;

    /// What is odd about the stamp of the next image, which came at `received`, if that is known.
    pub(super) fn look(&mut self, stamp: Stamp, received: Option<Stamp>) -> Option<Remark> {
        self.alike = if self.last.replace(stamp) == Some(stamp) { self.alike.saturating_add(1) } else { 1 };
        if stamp == Stamp::from_ns(0) {
            // The first image of a simulation may have it.
            return (self.alike > 1).then_some(Remark::StampZero);
        }
        if self.alike == Self::STANDS {
            return Some(Remark::StampStands { images: self.alike, stamp });
        }
        let received = received.filter(|received| is_decades_from(*received, stamp))?;
        Some(Remark::StampDecadesOff { stamp, received })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width_px: 640, height_px: 480 };
    const NOW: Stamp = Stamp::from_ns(1_700_000_000_000_000_000);

    fn camera(focal_px: f64, center_px: f64, d: &[f64]) -> CameraModel {
        let k = [focal_px, 0.0, center_px, 0.0, focal_px, 240.0, 0.0, 0.0, 1.0];
        CameraModel::new(SIZE, &k, "plumb_bob", d.iter().copied()).unwrap()
    }

    #[test]
    fn each_kind_is_said_once() {
        let mut remarks = Remarks::default();
        let stands = |ns| Remark::StampStands { images: 5, stamp: Stamp::from_ns(ns) };
        remarks.say(stands(1));
        remarks.say(Remark::StampZero);
        assert_eq!(remarks.untold(), [stands(1), Remark::StampZero]);
        remarks.say(stands(2));
        remarks.say(Remark::StampZero);
        assert_eq!(remarks.untold(), []);
    }

    #[test]
    fn stamps_of_zero_that_stand_or_are_of_another_epoch_are_told_by_their_cause() {
        let mut check = StampCheck::default();
        let zero = Stamp::from_ns(0);
        assert_eq!((check.look(zero, Some(NOW)), check.look(zero, Some(NOW))), (None, Some(Remark::StampZero)));

        let mut check = StampCheck::default();
        let told: Vec<_> = (0..9).filter_map(|_| check.look(NOW, Some(NOW))).collect();
        assert_eq!(told, [Remark::StampStands { images: 5, stamp: NOW }]);

        let boot = Stamp::from_ns(95_000_000_000);
        let told = StampCheck::default().look(boot, Some(NOW)).unwrap().to_string();
        let expected =
            "image stamps are decades off: 95.000000000 for an image that came at 1700000000.000000000; a driver that";
        assert!(told.starts_with(expected), "{told}");
        assert_eq!(StampCheck::default().look(boot, None), None);
    }

    #[test]
    fn a_steady_camera_is_not_remarked_on_nor_one_whose_bag_is_hours_old() {
        let mut check = StampCheck::default();
        let hours = 5 * 3_600_000_000_000;
        for number in 0..100 {
            let stamp = Stamp::from_ns(NOW.as_ns() + number * 33_000_000);
            assert_eq!(check.look(stamp, Some(Stamp::from_ns(stamp.as_ns() + hours))), None);
        }
    }

    #[test]
    fn a_published_camera_differs_from_the_file_by_more_than_rounding() {
        let fixed = camera(500.0, 320.0, &[-0.2, 0.1, 0.0, 0.0, 0.0]);
        let told = |published| Remark::on_difference(&fixed, &published).map(|remark| remark.to_string());
        assert_eq!(told(camera(500.2, 320.3, &[-0.2, 0.1, 0.0, 0.0, 0.0])), None);
        assert_eq!(told(fixed.scaled_to(Size { width_px: 1280, height_px: 960 }).unwrap()), None);
        let begins = |published, expected: &str| {
            let told = told(published).unwrap();
            assert!(told.starts_with(expected), "{told}");
        };
        let d = [-0.2, 0.1, 0.0, 0.0, 0.0];
        begins(
            camera(510.0, 320.0, &d),
            "camera_info has 510.0000 for K[0] and camera_info_file 500.0000: the file is used",
        );
        begins(camera(500.0, 330.0, &d), "camera_info has 330.0000 for K[2] and camera_info_file 320.0000");
        begins(
            camera(500.0, 320.0, &[-0.1, 0.1, 0.0, 0.0]),
            "camera_info has -0.1000 for a number of D and camera_info_file -0.2000",
        );
        begins(
            camera(500.0, 320.0, &[]),
            "camera_info has none for the lens and camera_info_file plumb_bob or rational",
        );
        let wide = fixed.scaled_to(Size { width_px: 640, height_px: 481 }).unwrap();
        assert_eq!(told(wide), None, "a rounded side");
    }
}

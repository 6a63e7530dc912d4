//! The intakes of all cameras: what belongs to one camera goes to its own, what belongs to the robot to all.

use super::intake::Intake;
use super::joins::Transforms;
use super::loss::FrameError;
use super::topics::Input;
use crate::config::assembly::{CameraFileError, settings};
use crate::config::{CameraName, Config, Names};
use crate::spatial::LinkKind;
use crate::types::CameraId;

/// One for each camera, in the order of the parameter `cameras`; all look into the same transforms.
#[derive(Debug)]
pub struct Intakes {
    by_camera: Vec<Intake>,
    names: Vec<CameraName>,
    transforms: Transforms,
}

impl Intakes {
    /// Those of the cameras that `config` names. `image_topics` are the full names of their images, in the same order, which
    /// may say that they are rectified.
    ///
    /// # Errors
    /// As [`Intake::open`].
    pub fn open(config: &Config, image_topics: &[impl AsRef<str>]) -> Result<Self, CameraFileError> {
        let names = config.camera_names();
        let transforms = Transforms::new(settings::ns_from_ms(config.stamp_reset_ms));
        let open = |(at, name): (usize, &CameraName)| {
            let intake = Intake::open(&config.of_camera(name), image_topics.get(at).map_or("", AsRef::as_ref))?;
            Ok(intake.of_camera(CameraId(at)).with_transforms(&transforms))
        };
        let by_camera = names.iter().enumerate().map(open).collect::<Result<_, _>>()?;
        Ok(Self { by_camera, names, transforms })
    }

    /// As [`open`](Self::open), for the node with these names.
    ///
    /// # Errors
    /// As [`Intake::open`].
    pub fn of_node(config: &Config, names: &Names) -> Result<Self, CameraFileError> {
        let topic = |camera: &CameraName| names.resolve_input(&Input::Image.name_for(camera));
        Self::open(config, &config.camera_names().iter().map(topic).collect::<Vec<_>>())
    }

    /// They look into these transforms from now on, in place of their own.
    #[must_use]
    pub fn with_transforms(self, transforms: &Transforms) -> Self {
        let by_camera = self.by_camera.into_iter().map(|intake| intake.with_transforms(transforms)).collect();
        Self { by_camera, transforms: transforms.clone(), ..self }
    }

    /// That of one camera; the last one's for a number that no camera has.
    pub fn of(&mut self, camera: CameraId) -> &mut Intake {
        let at = camera.0.min(self.by_camera.len() - 1);
        &mut self.by_camera[at]
    }

    /// All of them, with their cameras.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (CameraId, &mut Intake)> {
        self.by_camera.iter_mut().enumerate().map(|(at, intake)| (CameraId(at), intake))
    }

    /// As [`Intake::change`], each with the parameters of its camera.
    pub fn change(&mut self, config: &Config) {
        for (intake, name) in self.by_camera.iter_mut().zip(&self.names) {
            intake.change(&config.of_camera(name));
        }
    }

    /// As [`Intake::begin_anew`], all of them.
    pub fn begin_anew(&mut self) {
        self.by_camera.iter_mut().for_each(Intake::begin_anew);
    }

    /// As [`Intake::expect_tf`], all of them.
    pub fn expect_tf(&mut self, expected: bool) {
        self.by_camera.iter_mut().for_each(|intake| intake.expect_tf(expected));
    }

    /// A nav_msgs/Odometry. No image waits for it.
    ///
    /// # Errors
    /// When it is refused.
    pub fn odom(&mut self, cdr: &[u8]) -> Result<(), FrameError> {
        self.by_camera.iter_mut().try_for_each(|intake| intake.odom(cdr))
    }

    /// A tf2_msgs/TFMessage. Images that waited for it are given by [`Intake::complete`].
    ///
    /// # Errors
    /// The first transform that is refused; the others of the message are taken.
    pub fn tf(&mut self, kind: LinkKind, cdr: &[u8]) -> Result<(), FrameError> {
        self.transforms.take(kind, cdr)
    }
}

//! The intake of one camera: messages in, complete moments out.
//!
//! An image is joined by stamp with all that belongs to it: its camera model, the camera's place on the robot and
//! the robot's motion. What has come for it
//! by the time it is complete is what it gets, whatever the order of arrival; live and in a replay the same code
//! decides. An image that is not complete yet waits here, and the intake says for what. How long it may wait only the
//! edge can know, since nothing here has a clock: its one word is [`go_without`](Intake::go_without).
//!
//! In: CDR of sensor_msgs/Image or sensor_msgs/CompressedImage, sensor_msgs/CameraInfo, nav_msgs/Odometry,
//! tf2_msgs/TFMessage. Out: [`Moment`],
//! with the pixels borrowed from the message, or decoded once the moment is complete. Whether a moment is fresh, in order
//! or worth looking at is left to the edge and to the walk.

use super::joins::{CameraInfoJoin, JoinedMotion, JoinedMounting, MotionJoin, MountingJoin, OfParameters, Transforms};
use super::loss::FrameError;
use super::picture_reader::{PictureReader, header_of};
use super::remarks::{Misfit, Moved, Remark, Remarks, StampCheck};
use super::topics::{Input, Transport};
use crate::config::assembly::{CameraFileError, load_camera, settings};
use crate::config::{Config, ImageStamp, Rectified, names_rectified};
use crate::spatial::LinkKind;
use crate::types::{CameraId, CameraModel, Frame, FrameId, Motion, Size, Stamp, Stamped};
use crate::wire::{self, HeaderRef};
use std::borrow::Cow;

/// One image with all that belongs to it.
#[derive(Debug)]
pub struct Moment<'a> {
    /// Whose picture it is.
    pub camera: CameraId,
    /// The picture, its camera and the camera's place on the robot, under the image's stamp and frame.
    pub frame: Stamped<Frame<'a>>,
    /// The robot's frame into which the camera's place leads, and in which plans are.
    pub base_frame: FrameId,
    /// Whether tf says where the camera is; else the mounting parameters.
    pub is_placed_by_tf: bool,
    /// How the robot moves at that stamp.
    pub motion: Motion,
    /// A camera_info that is not of the image's size.
    pub misfit: Option<Misfit>,
}

impl Moment<'_> {
    /// The image's stamp.
    pub fn stamp(&self) -> Stamp {
        self.frame.stamp()
    }
}

/// What the messages so far came to.
#[expect(clippy::large_enum_variant, reason = "handed on at once, and a box would be an allocation for each frame")]
#[derive(Debug)]
pub enum Taken<'a> {
    /// An image is complete.
    Moment(Moment<'a>),
    /// The image with this stamp waits for a message of that input.
    Waits {
        /// The image's stamp.
        stamp: Stamp,
        /// What has not come yet.
        missing: Input,
    },
    /// No image waits.
    Nothing,
}

/// Joins the messages of one camera.
#[derive(Debug)]
pub struct Intake {
    camera: CameraId,
    joins: Joins,
    stamps: StampCheck,
    pictures: PictureReader,
    /// The image that waits, and how it came.
    waiting: Option<Waiting>,
    /// Its message, and memory for the next one.
    held: Vec<u8>,
}

/// An image that waits.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    time: ImageTime,
    transport: Transport,
    /// What it waits for no longer.
    without_camera_info: bool,
    without_tf: bool,
}

/// When an image was taken.
#[derive(Debug, Clone, Copy)]
struct ImageTime {
    /// The stamp in its header, which is its camera_info's too.
    header: Stamp,
    /// The stamp that it has from here on.
    stamp: Stamp,
}

/// What an image is joined with.
#[derive(Debug)]
struct Joins {
    camera_infos: CameraInfoJoin,
    motions: MotionJoin,
    mountings: MountingJoin,
    is_rectified: bool,
    image_stamp: ImageStamp,
    remarks: Remarks,
    /// The name that the last image had, so that the same name is not allocated again.
    frame_id: FrameId,
}

impl Intake {
    /// An intake that has seen nothing, for the images of `image_topic`, its full name after remapping: it may say that
    /// they are rectified. Reads the parameter `camera_info_file`.
    ///
    /// # Errors
    /// [`CameraFileError`] when that file is no calibration.
    pub fn open(config: &Config, image_topic: &str) -> Result<Self, CameraFileError> {
        let reset_ns = settings::ns_from_ms(config.stamp_reset_ms);
        let odom_max_age_ns = settings::ns_from_ms(config.odom_max_age_ms);
        let max_age_ns = settings::ns_from_ms(config.max_age_ms);
        let is_rectified = match config.image_is_rectified {
            Rectified::Auto => names_rectified(image_topic),
            Rectified::Yes => true,
            Rectified::No => false,
        };
        let camera_infos = CameraInfoJoin::new(reset_ns)
            .with_fixed(load_camera(config, is_rectified)?)
            .for_stamps_that_say_nothing(config.image_stamp == ImageStamp::Received);
        let mounting = settings::mounting(config);
        let is_set = mounting != settings::mounting(&Config::default());
        let of_parameters = OfParameters { base_from_camera: mounting.base_from_camera(), is_set };
        let (assumed_mps, fastest_mps) = (config.assumed_speed_mps, config.max_speed_mps);
        Ok(Self {
            camera: CameraId::default(),
            joins: Joins {
                camera_infos,
                motions: MotionJoin::new(reset_ns, odom_max_age_ns, max_age_ns, assumed_mps, fastest_mps),
                mountings: MountingJoin::new(config.mounting, &config.base_frame, of_parameters, reset_ns),
                is_rectified,
                image_stamp: config.image_stamp,
                remarks: Remarks::default(),
                frame_id: FrameId::new(""),
            },
            stamps: StampCheck::default(),
            pictures: PictureReader::default(),
            waiting: None,
            held: Vec::new(),
        })
    }

    /// The images are those of this camera.
    #[must_use]
    pub fn of_camera(self, camera: CameraId) -> Self {
        Self { camera, ..self }
    }

    /// Other parameters hold from the next image on.
    pub fn change(&mut self, config: &Config) {
        let Joins { camera_infos, motions, mountings, .. } = &mut self.joins;
        let reset_ns = settings::ns_from_ms(config.stamp_reset_ms);
        camera_infos.set_reset(reset_ns);
        mountings.set_reset(reset_ns);
        let [max_age_ns, max_delay_ns] = [config.odom_max_age_ms, config.max_age_ms].map(settings::ns_from_ms);
        motions.set(reset_ns, max_age_ns, max_delay_ns, config.assumed_speed_mps, config.max_speed_mps);
    }

    /// Begins again after a pause: an image that waits is forgotten. What was joined before still holds by its stamps.
    pub fn begin_anew(&mut self) {
        self.waiting = None;
    }

    /// Whether images are taken as rectified.
    pub fn is_rectified(&self) -> bool {
        self.joins.is_rectified
    }

    /// What is odd about what has come and was not told yet, each kind once.
    pub fn untold_remarks(&mut self) -> &[Remark] {
        self.joins.remarks.untold()
    }

    /// Whether camera_info is published at all; images wait for theirs only then.
    pub fn expect_camera_info(&mut self, expected: bool) {
        self.joins.camera_infos.set_expected(expected);
    }

    /// Looks into these transforms from now on, which other cameras' intakes may share, in place of its own.
    #[must_use]
    pub fn with_transforms(mut self, transforms: &Transforms) -> Self {
        self.joins.mountings.set_transforms(transforms.clone());
        self
    }

    /// Whether tf is published at all; images wait for it only then.
    pub fn expect_tf(&mut self, expected: bool) {
        self.joins.mountings.set_published(expected);
    }

    /// The stamp that an image will have, from its message and from when that came, if that is known; `None` when there is
    /// none in it. Nothing else is looked at: an edge asks before it hands over what may be too old.
    pub fn stamp_of(&self, cdr: &[u8], received: Option<Stamp>) -> Option<Stamp> {
        wire::peek_stamp(cdr).ok().map(|header| self.time_of(header, received).stamp)
    }

    /// An image is passed over by the edge, as too old. What is odd about its stamp is remarked all the same.
    pub fn passed_over(&mut self, cdr: &[u8], received: Option<Stamp>) {
        if let Ok(header) = wire::peek_stamp(cdr) {
            self.look_at(header, received);
        }
    }

    /// A sensor_msgs/Image, as [`picture`](Self::picture).
    ///
    /// # Errors
    /// As [`picture`](Self::picture).
    pub fn image<'a>(&'a mut self, cdr: Cow<'a, [u8]>, received: Option<Stamp>) -> Result<Taken<'a>, FrameError> {
        self.picture(Transport::Raw, cdr, received)
    }

    /// A message of that transport, which came at `received`, if that is known: live in ROS time, in a replay the log time.
    /// Borrowed bytes are copied only when the image has to wait; owned ones never are. An image that still waits gives
    /// way to this one: [`go_without`](Self::go_without) first where it is not to be lost.
    ///
    /// # Errors
    /// [`FrameError::Wire`] when the bytes are no image that can be read, [`FrameError::Picture`] when a compressed one
    /// cannot be decoded.
    pub fn picture<'a>(
        &'a mut self,
        transport: Transport,
        cdr: Cow<'a, [u8]>,
        received: Option<Stamp>,
    ) -> Result<Taken<'a>, FrameError> {
        self.waiting = None;
        let HeaderRef { stamp: header, frame_id } = header_of(transport, &cdr)?;
        self.joins.name(frame_id);
        self.look_at(header, received);
        let time = self.time_of(header, received);
        self.joins.mountings.begin(time.stamp);
        let waiting = Waiting { time, transport, without_camera_info: false, without_tf: false };
        let is_ready = self.joins.missing(&waiting).is_none();
        match cdr {
            Cow::Borrowed(cdr) if is_ready => {
                return Ok(Taken::Moment(self.joins.moment(self.camera, &mut self.pictures, transport, cdr, time)?));
            }
            Cow::Borrowed(cdr) => {
                self.held.clear();
                self.held.extend_from_slice(cdr);
            }
            Cow::Owned(cdr) => self.held = cdr,
        }
        self.waiting = Some(waiting);
        self.complete()
    }

    fn time_of(&self, header: Stamp, received: Option<Stamp>) -> ImageTime {
        let stamp = received.filter(|_| self.joins.image_stamp == ImageStamp::Received).unwrap_or(header);
        ImageTime { header, stamp }
    }

    /// Remarks what is odd about a stamp that is to count.
    fn look_at(&mut self, header: Stamp, received: Option<Stamp>) {
        if self.joins.image_stamp == ImageStamp::Header
            && let Some(remark) = self.stamps.look(header, received)
        {
            self.joins.remarks.say(remark);
        }
    }

    /// A sensor_msgs/CameraInfo. An image that waited for it is given by [`complete`](Self::complete).
    ///
    /// # Errors
    /// When it is refused. Nothing is gained by waiting for it then: images of its stamp are complete with the model
    /// before it, if there was one. Where `camera_info_file` serves, what is published costs nothing.
    pub fn camera_info(&mut self, cdr: &[u8]) -> Result<(), FrameError> {
        let Joins { camera_infos, remarks, is_rectified, .. } = &mut self.joins;
        let info = match wire::sensor_msgs::decode_camera_info(cdr) {
            Ok(info) => info,
            Err(error) => {
                if let Ok(stamp) = wire::peek_stamp(cdr) {
                    camera_infos.skip(stamp);
                }
                return Err(error.into());
            }
        };
        let camera = info.calibration.camera(*is_rectified);
        if let Some(fixed) = camera_infos.fixed() {
            let remark = match &camera {
                Ok(published) => Remark::on_difference(fixed, published),
                Err(error) => Some(Remark::FileServes(error.clone())),
            };
            if let Some(remark) = remark {
                remarks.say(remark);
            }
            return Ok(());
        }
        match camera {
            Ok(camera) => camera_infos.push(info.header.stamp, camera),
            Err(error) => {
                camera_infos.skip(info.header.stamp);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// A nav_msgs/Odometry. No image waits for it.
    ///
    /// # Errors
    /// When it is refused; moments then have the motion before it, or the assumed one.
    pub fn odom(&mut self, cdr: &[u8]) -> Result<(), FrameError> {
        let odometry = wire::nav_msgs::decode_odometry(cdr)?;
        self.joins.motions.push(odometry.header.stamp, odometry.twist, odometry.pose);
        Ok(())
    }

    /// A tf2_msgs/TFMessage, of `/tf` or `/tf_static`, for this intake and all that share its transforms. An image that
    /// waited for it is given by [`complete`](Self::complete).
    ///
    /// # Errors
    /// The first transform that is refused; the others of the message are taken.
    pub fn tf(&mut self, kind: LinkKind, cdr: &[u8]) -> Result<(), FrameError> {
        self.joins.mountings.transforms().take(kind, cdr)
    }

    /// The image that waits, if it is complete now.
    ///
    /// # Errors
    /// As [`image`](Self::image).
    pub fn complete(&mut self) -> Result<Taken<'_>, FrameError> {
        let Some(waiting) = self.waiting else { return Ok(Taken::Nothing) };
        if let Some(missing) = self.joins.missing(&waiting) {
            return Ok(Taken::Waits { stamp: waiting.time.stamp, missing });
        }
        self.waiting = None;
        let Waiting { transport, time, .. } = waiting;
        Ok(Taken::Moment(self.joins.moment(self.camera, &mut self.pictures, transport, &self.held, time)?))
    }

    /// The image that waits goes without this input: as [`complete`](Self::complete) from then on.
    ///
    /// # Errors
    /// As [`image`](Self::image).
    pub fn go_without_input(&mut self, input: Input) -> Result<Taken<'_>, FrameError> {
        if let Some(waiting) = &mut self.waiting {
            waiting.without_camera_info |= input == Input::CameraInfo;
            waiting.without_tf |= input == Input::Tf;
        }
        self.complete()
    }

    /// The image that waits, with what has come: the edge waits no longer. `None` when none waits.
    ///
    /// # Errors
    /// As [`image`](Self::image).
    pub fn go_without(&mut self) -> Result<Option<Moment<'_>>, FrameError> {
        let Some(Waiting { time, transport, .. }) = self.waiting.take() else { return Ok(None) };
        self.joins.moment(self.camera, &mut self.pictures, transport, &self.held, time).map(Some)
    }
}

impl Joins {
    /// What an image still waits for.
    fn missing(&self, waiting: &Waiting) -> Option<Input> {
        let Waiting { time, without_camera_info, without_tf, .. } = *waiting;
        if !without_camera_info && !self.camera_infos.is_ready_for(time.header) {
            Some(Input::CameraInfo)
        } else if !without_tf && !self.mountings.is_ready_for(self.frame_id.as_str(), time.stamp) {
            Some(Input::Tf)
        } else {
            None
        }
    }

    fn name(&mut self, frame_id: &str) {
        if self.frame_id.as_str() != frame_id {
            self.frame_id = FrameId::new(frame_id);
        }
    }

    fn moment<'a>(
        &mut self,
        of: CameraId,
        pictures: &'a mut PictureReader,
        transport: Transport,
        cdr: &'a [u8],
        time: ImageTime,
    ) -> Result<Moment<'a>, FrameError> {
        let JoinedMounting { base_from_camera, base_frame, is_of_tf } =
            self.mountings.take(self.frame_id.as_str(), time.stamp, &mut self.remarks)?;
        let (header, image) = pictures.read(transport, cdr, &mut self.remarks)?;
        if !names_optical(header.frame_id) {
            self.remarks.say(Remark::FrameNotOptical { frame_id: self.frame_id.clone() });
        }
        let (camera, misfit) = self.camera_for(image.size(), time);
        let frame = Frame { image, camera, base_from_camera };
        let JoinedMotion { motion, is_of_poses } = self.motions.at(time.stamp);
        if is_of_poses {
            self.remarks.say(Remark::SpeedOfPoses { motion: Moved(motion) });
        }
        if let Some(remark) = self.motions.reached().and_then(|odom| Remark::on_odometry(odom, time.stamp)) {
            self.remarks.say(remark);
        }
        let frame = Stamped::new(time.stamp, self.frame_id.clone(), frame);
        Ok(Moment { camera: of, frame, base_frame, is_placed_by_tf: is_of_tf, motion, misfit })
    }

    /// The camera of an image of this size. One of another size is that of a picture which was made smaller, or of one
    /// that was cut: that would place everything wrongly.
    fn camera_for(&mut self, size: Size, time: ImageTime) -> (Option<CameraModel>, Option<Misfit>) {
        let Some(camera) = self.camera_infos.take(time.header) else { return (None, None) };
        if camera.size() == size {
            return (Some(camera), None);
        }
        let scaled = camera.scaled_to(size);
        let misfit = Misfit { camera: camera.size(), image: size, is_scaled: scaled.is_some() };
        self.remarks.say(Remark::Size(misfit));
        (scaled, Some(misfit))
    }
}

/// Whether a TF frame is called an optical one (REP-103: `camera_optical_frame`), in whatever case.
fn names_optical(frame_id: &str) -> bool {
    frame_id.as_bytes().windows(OPTICAL.len()).any(|part| part.eq_ignore_ascii_case(OPTICAL))
}

const OPTICAL: &[u8] = b"optical";

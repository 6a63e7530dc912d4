//! The intake of one camera: messages in, complete moments out.
//!
//! An image is joined by stamp with all that belongs to it: its camera model and the robot's motion. What has come for it
//! by the time it is complete is what it gets, whatever the order of arrival; live and in a replay the same code
//! decides. An image that is not complete yet waits here, and the intake says for what. How long it may wait only the
//! edge can know, since nothing here has a clock: its one word is [`go_without`](Intake::go_without).
//!
//! In: CDR of sensor_msgs/Image or sensor_msgs/CompressedImage, sensor_msgs/CameraInfo, nav_msgs/Odometry. Out: [`Moment`],
//! with the pixels borrowed from the message, or decoded once the moment is complete. Whether a moment is fresh, in order or worth looking at is left to the edge and to the walk.

use super::join::{CameraInfoJoin, MotionJoin};
use super::loss::FrameError;
use super::picture_reader::{PictureReader, stamp_of};
use super::topics::{Input, Transport};
use crate::config::Config;
use crate::config::assembly::settings;
use crate::types::{Frame, FrameId, Motion, Stamp, Stamped};
use crate::wire;
use nalgebra::Isometry3;
use std::borrow::Cow;

/// One image with all that belongs to it.
#[derive(Debug)]
pub struct Moment<'a> {
    /// The picture, its camera and the camera's place on the robot, under the image's stamp and frame.
    pub frame: Stamped<Frame<'a>>,
    /// How the robot moves at that stamp.
    pub motion: Motion,
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
    joins: Joins,
    pictures: PictureReader,
    /// The image that waits, and how it came.
    waiting: Option<(Stamp, Transport)>,
    /// Its message, and memory for the next one.
    held: Vec<u8>,
}

/// What an image is joined with.
#[derive(Debug)]
struct Joins {
    camera_infos: CameraInfoJoin,
    motions: MotionJoin,
    base_from_camera: Isometry3<f64>,
    /// The name that the last image had, so that the same name is not allocated again.
    frame_id: FrameId,
}

impl Intake {
    /// An intake that has seen nothing.
    pub fn new(config: &Config) -> Self {
        let reset_ns = settings::ns_from_ms(config.stamp_reset_ms);
        let odom_max_age_ns = settings::ns_from_ms(config.odom_max_age_ms);
        let max_age_ns = settings::ns_from_ms(config.max_age_ms);
        Self {
            joins: Joins {
                camera_infos: CameraInfoJoin::new(reset_ns),
                motions: MotionJoin::new(reset_ns, odom_max_age_ns, max_age_ns, config.assumed_speed_mps),
                base_from_camera: settings::mounting(config).base_from_camera(),
                frame_id: FrameId::new(""),
            },
            pictures: PictureReader::default(),
            waiting: None,
            held: Vec::new(),
        }
    }

    /// Whether camera_info is published at all; images wait for theirs only then.
    pub fn expect_camera_info(&mut self, expected: bool) {
        self.joins.camera_infos.set_expected(expected);
    }

    /// A sensor_msgs/Image, as [`picture`](Self::picture).
    ///
    /// # Errors
    /// As [`picture`](Self::picture).
    pub fn image<'a>(&'a mut self, cdr: Cow<'a, [u8]>) -> Result<Taken<'a>, FrameError> {
        self.picture(Transport::Raw, cdr)
    }

    /// A message of that transport. Borrowed bytes are copied only when the image has to wait; owned ones never are. An image
    /// that still waits gives way to this one: [`go_without`](Self::go_without) first where it is not to be lost.
    ///
    /// # Errors
    /// [`FrameError::Wire`] when the bytes are no image that can be read, [`FrameError::Picture`] when a compressed one
    /// cannot be decoded.
    pub fn picture<'a>(&'a mut self, transport: Transport, cdr: Cow<'a, [u8]>) -> Result<Taken<'a>, FrameError> {
        self.waiting = None;
        let stamp = stamp_of(transport, &cdr)?;
        let is_ready = self.joins.camera_infos.is_ready_for(stamp);
        match cdr {
            Cow::Borrowed(cdr) if is_ready => {
                return Ok(Taken::Moment(self.joins.moment(&mut self.pictures, transport, cdr)?));
            }
            Cow::Borrowed(cdr) => {
                self.held.clear();
                self.held.extend_from_slice(cdr);
            }
            Cow::Owned(cdr) => self.held = cdr,
        }
        if is_ready {
            return Ok(Taken::Moment(self.joins.moment(&mut self.pictures, transport, &self.held)?));
        }
        self.waiting = Some((stamp, transport));
        Ok(Taken::Waits { stamp, missing: Input::CameraInfo })
    }

    /// A sensor_msgs/CameraInfo. An image that waited for it is given by [`complete`](Self::complete).
    ///
    /// # Errors
    /// When it is refused. Nothing is gained by waiting for it then: images of its stamp are complete with the model
    /// before it, if there was one.
    pub fn camera_info(&mut self, cdr: &[u8]) -> Result<(), FrameError> {
        match wire::sensor_msgs::decode_camera_info(cdr) {
            Ok(info) => {
                self.joins.camera_infos.push(info.header.stamp, info.model);
                Ok(())
            }
            Err(error) => {
                if let Ok(stamp) = wire::peek_stamp(cdr) {
                    self.joins.camera_infos.skip(stamp);
                }
                Err(error.into())
            }
        }
    }

    /// A nav_msgs/Odometry. No image waits for it.
    ///
    /// # Errors
    /// When it is refused; moments then have the motion before it, or the assumed one.
    pub fn odom(&mut self, cdr: &[u8]) -> Result<(), FrameError> {
        let odometry = wire::nav_msgs::decode_odometry(cdr)?;
        self.joins.motions.push(odometry.header.stamp, odometry.twist);
        Ok(())
    }

    /// The image that waits, if it is complete now.
    ///
    /// # Errors
    /// As [`image`](Self::image).
    pub fn complete(&mut self) -> Result<Taken<'_>, FrameError> {
        match self.waiting {
            None => Ok(Taken::Nothing),
            Some((stamp, _)) if !self.joins.camera_infos.is_ready_for(stamp) => {
                Ok(Taken::Waits { stamp, missing: Input::CameraInfo })
            }
            Some((_, transport)) => {
                self.waiting = None;
                Ok(Taken::Moment(self.joins.moment(&mut self.pictures, transport, &self.held)?))
            }
        }
    }

    /// The image that waits, with what has come: the edge waits no longer. `None` when none waits.
    ///
    /// # Errors
    /// As [`image`](Self::image).
    pub fn go_without(&mut self) -> Result<Option<Moment<'_>>, FrameError> {
        let (_, transport) = self.waiting.take().unzip();
        transport.map(|transport| self.joins.moment(&mut self.pictures, transport, &self.held)).transpose()
    }
}

impl Joins {
    fn moment<'a>(
        &mut self,
        pictures: &'a mut PictureReader,
        transport: Transport,
        cdr: &'a [u8],
    ) -> Result<Moment<'a>, FrameError> {
        let (header, image) = pictures.read(transport, cdr)?;
        if self.frame_id.as_str() != header.frame_id {
            self.frame_id = FrameId::new(header.frame_id);
        }
        // A camera_info for another image size (a binned or cropped stream) would place everything wrongly.
        let camera = self.camera_infos.take(header.stamp).filter(|camera| camera.size() == image.size());
        let frame = Frame { image, camera, base_from_camera: self.base_from_camera };
        let motion = self.motions.at(header.stamp);
        Ok(Moment { frame: Stamped::new(header.stamp, self.frame_id.clone(), frame), motion })
    }
}

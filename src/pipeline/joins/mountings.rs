//! Where the camera is on the robot at an image's stamp: by tf, or by the mounting parameters.

use super::transforms::Transforms;
use crate::config::MountingBy;
use crate::pipeline::loss::FrameError;
use crate::pipeline::remarks::{Remark, Remarks};
use crate::spatial::{LookupError, Readiness, TransformBuffer, When, without_slash};
use crate::types::{FrameId, Stamp};
use nalgebra::Isometry3;

/// The frames of REP-105 and REP-120 that stand for the robot, the better one first: that on the ground.
const ROBOT_FRAMES: [&str; 2] = ["base_footprint", "base_link"];

/// Mounting parameters that are nearer than this to what tf says are the same.
const SAME_PLACE_M: f64 = 0.02;
const SAME_TURN_RAD: f64 = 0.02;

/// What the mounting parameters say.
#[derive(Debug, Clone, Copy)]
pub struct OfParameters {
    /// Maps points of the optical frame into the base frame.
    pub base_from_camera: Isometry3<f64>,
    /// Whether somebody has set them.
    pub is_set: bool,
}

/// The camera's place at a stamp.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinedMounting {
    /// Maps points of the optical frame into the base frame.
    pub base_from_camera: Isometry3<f64>,
    /// The base frame.
    pub base_frame: FrameId,
    /// Whether tf says so; else the parameters.
    pub is_of_tf: bool,
}

/// The camera's place on the robot.
///
/// Where tf connects the image's frame with the robot's, it says where the camera is, at the image's stamp and never at
/// another: an image waits until every moving link between the two has come to its stamp, and is lost where none comes.
/// Where tf does not connect them, the mounting parameters serve; once tf has served they never do again.
#[derive(Debug)]
pub struct MountingJoin {
    transforms: Transforms,
    by: MountingBy,
    of_parameters: OfParameters,
    /// The robot's frame, in the order of preference. The last one is that of the parameters.
    base_frames: Vec<FrameId>,
    is_published: bool,
    /// An image has waited in vain for the frames to be connected: no other one does.
    gave_up: bool,
    tf_has_served: bool,
    parameters_have_served: bool,
    reset_ns: i64,
    previous: Option<Stamp>,
}

impl MountingJoin {
    /// `base_frame` is the parameter; empty: [`ROBOT_FRAMES`]. `reset_ns`: a jump back of the images beyond this is a
    /// stream that began again.
    pub fn new(by: MountingBy, base_frame: &str, of_parameters: OfParameters, reset_ns: i64) -> Self {
        let base_frames = match base_frame {
            "" => ROBOT_FRAMES.map(FrameId::new).to_vec(),
            named => vec![FrameId::new(named)],
        };
        Self {
            transforms: Transforms::new(reset_ns),
            by,
            of_parameters,
            base_frames,
            is_published: false,
            gave_up: false,
            tf_has_served: false,
            parameters_have_served: false,
            reset_ns,
            previous: None,
        }
    }

    /// The buffer.
    pub fn transforms(&self) -> &Transforms {
        &self.transforms
    }

    /// Looks into this buffer from now on.
    pub fn set_transforms(&mut self, transforms: Transforms) {
        self.transforms = transforms;
        self.set_reset(self.reset_ns);
    }

    /// From now on a jump back beyond this begins again.
    pub fn set_reset(&mut self, reset_ns: i64) {
        self.reset_ns = reset_ns;
        self.transforms.lock().set_reset(reset_ns);
    }

    /// Whether anybody publishes tf; images wait only then.
    pub fn set_published(&mut self, is_published: bool) {
        self.is_published = is_published;
    }

    /// An image of this stamp comes next.
    pub fn begin(&mut self, stamp: Stamp) {
        if self.previous.replace(stamp).is_some_and(|previous| previous.ns_since(stamp) > self.reset_ns) {
            self.transforms.lock().begin_again(stamp);
        }
    }

    /// Whether waiting can no longer change what an image of this frame and stamp gets.
    pub fn is_ready_for(&self, frame_id: &str, stamp: Stamp) -> bool {
        if self.by == MountingBy::Parameters || !self.is_published {
            return true;
        }
        match self.way(&self.transforms.lock(), without_slash(frame_id), stamp).1 {
            Ok(readiness) => readiness == Readiness::Ready,
            Err(LookupError::Loop) => true,
            Err(_) => self.gave_up,
        }
    }

    /// The place for an image of this frame and stamp.
    ///
    /// # Errors
    /// [`FrameError::NoTransform`] where tf is to say it and does not.
    pub fn take(&mut self, frame_id: &str, stamp: Stamp, remarks: &mut Remarks) -> Result<JoinedMounting, FrameError> {
        if self.by == MountingBy::Parameters {
            return Ok(self.of_parameters());
        }
        let camera = without_slash(frame_id);
        let buffer = self.transforms.lock();
        let (base_frame, way) = self.way(&buffer, camera, stamp);
        // A driver that does not stamp takes what is newest, as everywhere in tf.
        let when = if stamp == Stamp::default() { When::Latest } else { When::At(stamp) };
        let found = way.and_then(|_| buffer.lookup(base_frame.as_str(), camera, when));
        let explain = |error| buffer.explain(base_frame.as_str(), camera, stamp, &error);
        match found {
            Ok(base_from_camera) => {
                let base_frame = base_frame.clone();
                drop(buffer);
                self.tf_serves(&base_from_camera, stamp, remarks);
                Ok(JoinedMounting { base_from_camera, base_frame, is_of_tf: true })
            }
            Err(error) if self.by == MountingBy::Tf || self.tf_has_served || !is_unconnected(&error) => {
                Err(FrameError::NoTransform { reason: explain(error) })
            }
            Err(error) => {
                let reason = (self.is_published && !self.gave_up).then(|| explain(error));
                drop(buffer);
                if let Some(reason) = reason {
                    remarks.say(Remark::MountingOfParameters { reason });
                    self.gave_up = true;
                }
                self.parameters_have_served = true;
                Ok(self.of_parameters())
            }
        }
    }

    fn of_parameters(&self) -> JoinedMounting {
        let base_frame = self.base_frames[self.base_frames.len() - 1].clone();
        JoinedMounting { base_from_camera: self.of_parameters.base_from_camera, base_frame, is_of_tf: false }
    }

    /// The base frame that counts, and whether there is a way from the camera to it.
    fn way(&self, buffer: &TransformBuffer, camera: &str, stamp: Stamp) -> (&FrameId, Result<Readiness, LookupError>) {
        let way = |base: &FrameId| match base.as_str() {
            // A frame is in no tree by its name alone, and an optical frame is never the robot's own.
            base if base == camera => Err(LookupError::NotConnected),
            base => buffer.readiness(base, camera, stamp),
        };
        let last = &self.base_frames[self.base_frames.len() - 1];
        let mut ways = self.base_frames.iter().map(|base| (base, way(base)));
        ways.find(|(_, way)| way.is_ok()).unwrap_or_else(|| (last, way(last)))
    }

    fn tf_serves(&mut self, base_from_camera: &Isometry3<f64>, stamp: Stamp, remarks: &mut Remarks) {
        if self.tf_has_served {
            return;
        }
        self.tf_has_served = true;
        self.gave_up = false;
        if self.parameters_have_served {
            remarks.say(Remark::MountingOfTfNow { stamp });
        }
        let OfParameters { base_from_camera: measured, is_set } = &self.of_parameters;
        let apart_m = (measured.translation.vector - base_from_camera.translation.vector).norm();
        let turned_rad = measured.rotation.angle_to(&base_from_camera.rotation);
        if *is_set && (apart_m > SAME_PLACE_M || turned_rad > SAME_TURN_RAD) {
            remarks.say(Remark::TfOutdoesMounting { apart_m, turned_rad });
        }
    }
}

/// Whether the camera is in no tree with the robot: what a robot without tf for its camera looks like.
fn is_unconnected(error: &LookupError) -> bool {
    match error {
        LookupError::Name | LookupError::UnknownSource | LookupError::UnknownTarget | LookupError::NotConnected => true,
        LookupError::Loop | LookupError::Extrapolation(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spatial::LinkKind;
    use nalgebra::{Translation3, UnitQuaternion};

    const CAMERA: &str = "camera_optical_frame";

    fn at(ms: i64) -> Stamp {
        Stamp::from_ns(ms * 1_000_000)
    }

    fn ahead(x_m: f64) -> Isometry3<f64> {
        Isometry3::from_parts(Translation3::new(x_m, 0.0, 0.0), UnitQuaternion::identity())
    }

    fn join(by: MountingBy, is_set: bool) -> MountingJoin {
        let mut join = MountingJoin::new(by, "", OfParameters { base_from_camera: ahead(0.0), is_set }, 1_000_000_000);
        join.set_published(true);
        join
    }

    fn put(join: &MountingJoin, kind: LinkKind, ms: i64, parent: &str, child: &str, x_m: f64) {
        join.transforms().lock().insert(kind, at(ms), parent, child, ahead(x_m)).unwrap();
    }

    /// The camera's place and base frame, or why there is none; and what was remarked.
    fn taken(join: &mut MountingJoin, ms: i64) -> (Result<(f64, String), String>, Vec<String>) {
        let mut remarks = Remarks::default();
        let found = join.take(CAMERA, at(ms), &mut remarks).map_err(|error| error.to_string());
        let found = found.map(|found| (found.base_from_camera.translation.x, found.base_frame.to_string()));
        (found, remarks.untold().iter().map(ToString::to_string).collect())
    }

    fn of_parameters() -> Result<(f64, String), String> {
        Ok((0.0, "base_link".to_owned()))
    }

    #[test]
    fn the_parameters_serve_at_once_and_without_a_word_where_nobody_publishes_tf() {
        let mut join = join(MountingBy::Auto, false);
        join.set_published(false);
        assert!(join.is_ready_for(CAMERA, at(100)));
        assert_eq!(taken(&mut join, 100), (of_parameters(), vec![]));
    }

    #[test]
    fn one_image_waits_for_a_frame_that_tf_does_not_have_and_the_parameters_are_said_to_serve() {
        let mut join = join(MountingBy::Auto, false);
        put(&join, LinkKind::Moving, 90, "odom", "base_link", 1.0);
        assert!(!join.is_ready_for(CAMERA, at(100)));
        let (found, remarks) = taken(&mut join, 100);
        assert_eq!(found, of_parameters());
        let expected = "no transform from \"camera_optical_frame\" to \"base_link\" at 0.100000000: there is no frame \
                        \"camera_optical_frame\"; frames: base_link (in odom, 0.010 s before), odom (root); the mounting \
                        parameters serve";
        assert!(remarks[0].starts_with(expected), "{remarks:?}");
        assert!(join.is_ready_for(CAMERA, at(200)));
        assert_eq!(taken(&mut join, 200), (of_parameters(), vec![]));

        put(&join, LinkKind::Static, 0, "base_link", CAMERA, 3.0);
        let (found, remarks) = taken(&mut join, 300);
        assert_eq!(found, Ok((3.0, "base_link".to_owned())));
        assert!(remarks[0].starts_with("tf places the camera from the image stamped 0.300000000 on"), "{remarks:?}");
    }

    #[test]
    fn a_static_chain_serves_at_once_from_the_frame_on_the_ground() {
        let mut join = join(MountingBy::Auto, true);
        put(&join, LinkKind::Static, 0, "base_link", CAMERA, 3.0);
        assert!(join.is_ready_for("/camera_optical_frame", at(100)));
        let (found, remarks) = taken(&mut join, 100);
        assert_eq!(found, Ok((3.0, "base_link".to_owned())));
        assert!(remarks[0].contains("3.00 m and 0.00 rad apart"), "{remarks:?}");
        put(&join, LinkKind::Static, 0, "base_footprint", "base_link", 0.25);
        assert_eq!(taken(&mut join, 200), (Ok((3.25, "base_footprint".to_owned())), vec![]));
    }

    #[test]
    fn an_image_waits_for_the_moving_links_below_the_robot_and_is_lost_without_them() {
        let mut join = join(MountingBy::Auto, false);
        put(&join, LinkKind::Moving, 50, "odom", "base_link", 9.0);
        put(&join, LinkKind::Moving, 50, "base_link", "pan", 1.0);
        put(&join, LinkKind::Static, 0, "pan", CAMERA, 0.5);
        assert!(!join.is_ready_for(CAMERA, at(100)));
        put(&join, LinkKind::Moving, 150, "base_link", "pan", 2.0);
        assert!(join.is_ready_for(CAMERA, at(100)));
        assert_eq!(taken(&mut join, 100).0, Ok((2.0, "base_link".to_owned())));
        let lost = taken(&mut join, 300).0.unwrap_err();
        assert!(lost.contains("\"pan\" in \"base_link\" has come to 0.150000000, 0.150 s before"), "{lost}");
        join.set_published(false);
        assert!(join.is_ready_for(CAMERA, at(300)), "nobody is there who could say more");
        assert!(taken(&mut join, 300).0.is_err());
    }

    #[test]
    fn where_tf_is_asked_for_nothing_else_serves() {
        let mut join = join(MountingBy::Tf, true);
        join.set_published(false);
        let lost = taken(&mut join, 100).0.unwrap_err();
        assert!(lost.ends_with("there is no frame \"base_link\"; frames: none"), "{lost}");
        let mut join = self::join(MountingBy::Parameters, true);
        put(&join, LinkKind::Static, 0, "base_link", CAMERA, 3.0);
        assert_eq!(taken(&mut join, 100), (of_parameters(), vec![]));
    }

    #[test]
    fn images_that_begin_again_wait_for_the_links_to_do_so() {
        let mut join = join(MountingBy::Auto, false);
        for ms in [100, 2000, 5000] {
            put(&join, LinkKind::Moving, ms, "base_link", CAMERA, 1.0);
        }
        join.begin(at(5000));
        join.begin(at(200));
        assert!(!join.is_ready_for(CAMERA, at(200)));
        assert!(taken(&mut join, 200).0.is_err());
        put(&join, LinkKind::Moving, 200, "base_link", CAMERA, 4.0);
        assert_eq!(taken(&mut join, 200).0, Ok((4.0, "base_link".to_owned())));
    }

    #[test]
    fn a_camera_in_the_robots_own_frame_is_placed_by_the_parameters() {
        let mut join = join(MountingBy::Auto, false);
        assert!(join.take("base_link", at(1), &mut Remarks::default()).is_ok_and(|found| !found.is_of_tf));
    }

    #[test]
    fn an_image_without_a_stamp_is_placed_by_what_is_newest() {
        let mut join = join(MountingBy::Auto, false);
        put(&join, LinkKind::Moving, 100, "base_link", CAMERA, 1.0);
        put(&join, LinkKind::Moving, 200, "base_link", CAMERA, 2.0);
        assert_eq!(taken(&mut join, 0).0, Ok((2.0, "base_link".to_owned())));
    }
}

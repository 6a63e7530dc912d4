//! Encounters from pixels to plan: a robot with a camera, people of 1.7 m, boxes that waver, and the three rooms between
//! a detection and a decision.

use super::scenarios::{Head, labels, measured, planner};
use crate::planning::PlanningParams;
use crate::spatial::{Mounting, pixel_from_ray, place_of};
use crate::tracking::{Tracker, TrackingParams};
use crate::types::{BBox, CameraId, CameraModel, ClassId, Decision, Detection, FrameId, Scene, Size, Stamp, Stamped};
use nalgebra::Point3;

const WIDTH: f32 = 768.0;
const HEIGHT: f32 = 576.0;

/// A robot that obeys its plans, with a camera 0.6 m above the ground that looks down a little.
struct Robot {
    camera: CameraModel,
    mounting: Mounting,
    tracker: Tracker,
    head: Head,
    scene: Scene,
    frame: i64,
    speed_mps: f64,
    way_m: f64,
    words: Vec<&'static str>,
}

impl Robot {
    fn new() -> Self {
        let k = [600.0, 0.0, 383.5, 0.0, 600.0, 287.5, 0.0, 0.0, 1.0];
        let size = Size { width_px: 768, height_px: 576 };
        let lens = [-0.08, 0.01, 0.0005, -0.0003, 0.0];
        Self {
            camera: CameraModel::new(size, &k, "plumb_bob", lens).unwrap(),
            mounting: Mounting { x_m: 0.3, z_m: 0.6, pitch_rad: 0.1, ..Mounting::default() },
            tracker: Tracker::new(TrackingParams::default()),
            head: planner(PlanningParams::default()),
            scene: Scene::default(),
            frame: 0,
            speed_mps: 0.0,
            way_m: 0.0,
            words: Vec::new(),
        }
    }

    /// What the detector would say of a person who stands there in the world; none whose foot is beside the picture.
    fn sees(&self, x_m: f64, y_m: f64, wavers: f64) -> Option<Detection> {
        let camera_from_base = self.mounting.base_from_camera().inverse();
        let pixel = |z_m: f64| {
            let point = camera_from_base * Point3::new(x_m - self.way_m, y_m, z_m);
            pixel_from_ray(&self.camera, &point.coords)
        };
        let ((foot_x, foot_y), (_, head_y)) = (pixel(0.0)?, pixel(1.7)?);
        #[expect(clippy::cast_possible_truncation, reason = "boxes have f32 pixels")]
        let (x, foot, head, by) = (foot_x as f32, foot_y as f32, head_y as f32, wavers as f32);
        if !(0.0..WIDTH).contains(&x) {
            return None;
        }
        let half_width = 0.16 * (foot - head);
        let bbox = BBox::from_corners(x - half_width + by, head - by, x + half_width + by, foot + 1.5 * by)?;
        Some(Detection { bbox: bbox.clipped(WIDTH, HEIGHT)?, class: ClassId(0), score: 0.7, track: None })
    }

    /// One frame at 10 Hz, with the people that are in the world.
    fn step(&mut self, people: &[(f64, f64)]) -> Decision {
        let wavers = 1.5 * (self.frame as f64 * 7.3).sin();
        self.scene.detections = people.iter().filter_map(|&(x_m, y_m)| self.sees(x_m, y_m, wavers)).collect();
        let stamp = Stamp::from_ns(self.frame * 100_000_000);
        let Scene { detections, tracks, .. } = &mut self.scene;
        self.tracker.update(stamp, detections, tracks);
        for track in tracks {
            track.place = place_of(&self.camera, &self.mounting.base_from_camera(), &track.bbox);
        }
        let scene = Stamped::new(stamp, FrameId::new("camera"), &self.scene);
        let motion = measured(self.speed_mps);
        self.head.world.update(CameraId(0), &scene, motion);
        let plan = self.head.planner.plan(stamp, self.head.world.around(), &labels(), motion);
        let limit_mps = f64::from(plan.value().speed_limit_mps.unwrap());
        let decision = plan.value().decision;
        self.speed_mps = limit_mps.clamp((self.speed_mps - 0.1).max(0.0), self.speed_mps + 0.05);
        self.way_m += self.speed_mps * 0.1;
        self.frame += 1;
        if self.words.last() != Some(&decision.as_str()) {
            self.words.push(decision.as_str());
        }
        decision
    }
}

#[test]
fn a_person_who_stands_in_the_way_is_slowed_for_and_kept_at_a_distance() {
    let mut robot = Robot::new();
    for _ in 0..400 {
        robot.step(&[(14.0, 0.1)]);
    }
    assert_eq!(robot.words, ["stop", "proceed", "slow", "stop"]);
    let left_m = 14.0 - robot.way_m;
    assert!(robot.speed_mps == 0.0 && (0.5..2.5).contains(&left_m), "{left_m} m left");
}

#[test]
fn people_beside_the_way_are_passed_at_full_speed() {
    let mut robot = Robot::new();
    for _ in 0..150 {
        robot.step(&[(9.0, 2.6), (12.0, -2.8)]);
    }
    assert_eq!(robot.words, ["stop", "proceed"]);
    assert!(robot.way_m > 12.0, "{}", robot.way_m);
}

#[test]
fn a_person_who_crosses_is_waited_for_and_then_the_robot_goes_on() {
    let mut robot = Robot::new();
    let mut nearest_m = f64::INFINITY;
    for frame in 0..300 {
        // From the left at 0.6 m/s, 9 m along the way, in time for a collision: at a bearing that the camera sees.
        let y_m = 5.4 - 0.06 * f64::from(frame);
        robot.step(&[(9.0, y_m)]);
        if y_m.abs() < 0.6 {
            nearest_m = nearest_m.min(9.0 - robot.way_m);
        }
    }
    assert!(nearest_m > 0.5, "{nearest_m}");
    assert_eq!(robot.words.last(), Some(&"proceed"));
    assert!(robot.words.contains(&"slow") || robot.words.contains(&"stop"), "{:?}", robot.words);
    assert!(robot.words.len() <= 7, "{:?}", robot.words);
}

#[test]
fn a_person_who_walks_up_to_the_robot_stops_it() {
    let mut robot = Robot::new();
    let mut at_stop_m = None;
    for frame in 0..120 {
        let x_m = 16.0 - 0.12 * f64::from(frame);
        let decision = robot.step(&[(x_m, 0.0)]);
        let left_m = x_m - robot.way_m;
        if left_m < 0.8 {
            assert_eq!(decision, Decision::Stop);
            break;
        }
        if decision == Decision::Stop && robot.frame > 15 && at_stop_m.is_none() {
            at_stop_m = Some(left_m);
        }
    }
    assert!(at_stop_m.is_some_and(|left_m| left_m > 0.9), "{at_stop_m:?}");
}

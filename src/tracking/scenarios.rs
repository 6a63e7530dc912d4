//! Scenes that a tracker must come through, told frame by frame.

use super::{Tracker, TrackingParams};
use crate::types::{BBox, ClassId, Detection, Stamp, Track, TrackId};
use proptest::prelude::*;

const PERSON: ClassId = ClassId(0);
const CAR: ClassId = ClassId(2);
const TRUCK: ClassId = ClassId(7);

/// A person of 40 x 100 px by the middle of their foot.
fn person(x: f32, y: f32, score: f32) -> Detection {
    boxed(x, y, 40.0, 100.0, PERSON, score)
}

fn boxed(x: f32, y: f32, width: f32, height: f32, class: ClassId, score: f32) -> Detection {
    let bbox = BBox::from_corners(x - width / 2.0, y - height, x + width / 2.0, y).unwrap();
    Detection { bbox, class, score, track: None }
}

fn ms(ms: i64) -> Stamp {
    Stamp::from_ns(1_700_000_000_000_000_000 + ms * 1_000_000)
}

/// A tracker and its last answer.
struct Run {
    tracker: Tracker,
    tracks: Vec<Track>,
}

impl Run {
    fn new() -> Self {
        Self { tracker: Tracker::new(TrackingParams::default()), tracks: Vec::new() }
    }

    /// One frame; returns the track of each detection.
    fn frame(&mut self, at_ms: i64, mut detections: Vec<Detection>) -> Vec<Option<u64>> {
        self.tracker.update(ms(at_ms), &mut detections, &mut self.tracks);
        detections.iter().map(|detection| detection.track.map(|id| id.0)).collect()
    }

    fn ids(&self) -> Vec<u64> {
        self.tracks.iter().map(|track| track.id.0).collect()
    }
}

#[test]
fn a_track_shows_with_its_second_box_and_not_before() {
    let mut run = Run::new();
    assert_eq!(run.frame(0, vec![person(100.0, 200.0, 0.8)]), [None]);
    assert_eq!(run.ids(), [0u64; 0]);
    assert_eq!(run.frame(100, vec![person(106.0, 200.0, 0.8)]), [Some(1)]);
    assert!(run.tracks[0].seen && run.tracks[0].unseen_ns == 0);
}

#[test]
fn a_ghost_of_one_frame_never_shows_and_takes_no_id() {
    let mut run = Run::new();
    run.frame(0, vec![person(500.0, 300.0, 0.9)]);
    for frame in 1..20 {
        let x = 100.0 + 6.0 * frame as f32;
        run.frame(100 * frame, vec![person(x, 200.0, 0.8)]);
    }
    assert_eq!(run.ids(), [1]);
}

#[test]
fn two_people_who_pass_each_other_keep_their_ids() {
    // They walk towards each other at 80 px/s each, one nearer to the camera, and overlap for a second.
    let mut run = Run::new();
    for frame in 0..40i64 {
        let t = frame as f32 / 10.0;
        let answer = run.frame(
            100 * frame,
            vec![boxed(100.0 + 80.0 * t, 220.0, 44.0, 112.0, PERSON, 0.8), person(420.0 - 80.0 * t, 205.0, 0.7)],
        );
        if frame > 0 {
            assert_eq!(answer, [Some(1), Some(2)], "frame {frame}");
        }
    }
}

#[test]
fn a_person_hidden_behind_another_comes_back_with_the_same_id() {
    // While the two overlap by more than half, the detector gives one box only: that of the nearer one.
    let mut run = Run::new();
    for frame in 0..40i64 {
        let t = frame as f32 / 10.0;
        let near = boxed(100.0 + 80.0 * t, 220.0, 44.0, 112.0, PERSON, 0.8);
        let far = person(420.0 - 80.0 * t, 205.0, 0.7);
        let is_hidden = near.bbox.iou(&far.bbox) > 0.3;
        let answer = run.frame(100 * frame, if is_hidden { vec![near] } else { vec![near, far] });
        if frame > 0 {
            assert_eq!(answer[0], Some(1), "frame {frame}");
            assert!(is_hidden || answer[1] == Some(2), "frame {frame}");
            assert_eq!(run.ids(), [1, 2], "frame {frame}");
        }
    }
}

#[test]
fn a_walker_behind_a_pillar_coasts_and_is_found_again() {
    let mut run = Run::new();
    for frame in 0..30i64 {
        let x = 100.0 + 6.0 * frame as f32;
        let is_hidden = (12..20).contains(&frame);
        run.frame(100 * frame, if is_hidden { vec![] } else { vec![person(x, 200.0, 0.8)] });
        if frame > 0 {
            assert_eq!(run.ids(), [1], "frame {frame}");
            assert_eq!(run.tracks[0].seen, !is_hidden);
            let (center_x, _) = run.tracks[0].bbox.center();
            assert!((center_x - x).abs() < 12.0, "frame {frame}: {center_x} for {x}");
        }
    }
    assert_eq!(run.tracks[0].unseen_ns, 0);
}

#[test]
fn a_coasting_track_says_for_how_long_and_ends_after_max_unseen() {
    let mut run = Run::new();
    run.frame(0, vec![person(100.0, 200.0, 0.8)]);
    run.frame(100, vec![person(100.0, 200.0, 0.8)]);
    run.frame(600, vec![]);
    assert_eq!((run.tracks[0].seen, run.tracks[0].unseen_ns), (false, 500_000_000));
    run.frame(1100, vec![]);
    assert_eq!(run.ids(), [1]);
    run.frame(1101, vec![]);
    assert_eq!(run.ids(), [0u64; 0]);
    // Whoever stands there now is someone new.
    run.frame(1200, vec![person(100.0, 200.0, 0.8)]);
    run.frame(1300, vec![person(100.0, 200.0, 0.8)]);
    assert_eq!(run.ids(), [2]);
}

#[test]
fn uneven_stamps_and_missed_frames_do_not_shake_the_ids() {
    let mut run = Run::new();
    let mut at = 0;
    for (frame, step) in
        [100, 100, 33, 500, 70, 100, 400, 10, 250, 100, 600, 100].into_iter().cycle().take(60).enumerate()
    {
        let t = at as f32 / 1000.0;
        let answer = run.frame(at, vec![person(50.0 + 50.0 * t, 200.0, 0.8), person(900.0 - 40.0 * t, 320.0, 0.6)]);
        if frame > 0 {
            assert_eq!(answer, [Some(1), Some(2)], "at {at} ms");
        }
        at += step;
    }
}

#[test]
fn a_poor_box_continues_a_track_and_begins_none() {
    let mut run = Run::new();
    for frame in 0..20i64 {
        let score = if frame < 3 { 0.8 } else { 0.2 };
        run.frame(100 * frame, vec![person(100.0 + 3.0 * frame as f32, 200.0, score), person(400.0, 300.0, 0.3)]);
    }
    assert_eq!(run.ids(), [1]);
    assert!(run.tracks[0].seen && run.tracks[0].score < 0.21);
}

#[test]
fn a_score_that_wavers_around_the_threshold_still_makes_a_track() {
    let mut run = Run::new();
    for frame in 0..4i64 {
        run.frame(100 * frame, vec![person(100.0, 200.0, if frame % 2 == 0 { 0.45 } else { 0.3 })]);
    }
    assert_eq!(run.ids(), [1]);
}

#[test]
fn a_class_that_flickers_changes_neither_id_nor_class() {
    let mut run = Run::new();
    for frame in 0..40i64 {
        let class = if frame % 4 == 3 { TRUCK } else { CAR };
        let x = 100.0 + 15.0 * frame as f32;
        let answer = run.frame(100 * frame, vec![boxed(x, 300.0, 180.0, 120.0, class, 0.6)]);
        if frame > 0 {
            assert_eq!((answer, run.tracks[0].class), (vec![Some(1)], CAR), "frame {frame}");
        }
    }
}

#[test]
fn a_person_who_steps_in_front_of_a_car_does_not_become_the_car() {
    let mut run = Run::new();
    for frame in 0..30i64 {
        let x = 200.0 + 8.0 * frame as f32;
        let answer = run.frame(100 * frame, vec![boxed(300.0, 300.0, 200.0, 110.0, CAR, 0.7), person(x, 310.0, 0.8)]);
        if frame > 0 {
            assert_eq!(answer, [Some(1), Some(2)], "frame {frame}");
        }
    }
    assert_eq!((run.tracks[0].class, run.tracks[1].class), (CAR, PERSON));
}

#[test]
fn a_turning_camera_loses_no_new_track() {
    // The whole picture sweeps by 250 px/s: 25 px a frame against boxes 40 px wide.
    let mut run = Run::new();
    for frame in 0..15i64 {
        let by = 25.0 * frame as f32;
        let answer = run.frame(100 * frame, vec![person(500.0 - by, 200.0, 0.8), person(700.0 - by, 260.0, 0.8)]);
        if frame > 0 {
            assert_eq!(answer, [Some(1), Some(2)], "frame {frame}");
        }
    }
}

#[test]
fn a_stamp_a_little_earlier_is_the_same_moment_and_one_much_earlier_begins_anew() {
    let mut run = Run::new();
    run.frame(5000, vec![person(100.0, 200.0, 0.8)]);
    run.frame(5100, vec![person(100.0, 200.0, 0.8)]);
    assert_eq!(run.frame(5050, vec![person(100.0, 200.0, 0.8)]), [Some(1)]);
    assert_eq!(run.tracks[0].unseen_ns, 0);
    assert_eq!(run.frame(0, vec![person(100.0, 200.0, 0.8)]), [None]);
    assert_eq!(run.frame(100, vec![person(100.0, 200.0, 0.8)]), [Some(2)]);
}

#[test]
fn a_reset_forgets_tracks_and_never_repeats_an_id() {
    let mut run = Run::new();
    run.frame(0, vec![person(100.0, 200.0, 0.8)]);
    run.frame(100, vec![person(100.0, 200.0, 0.8)]);
    run.tracker.reset();
    run.frame(200, vec![person(100.0, 200.0, 0.8)]);
    assert_eq!(run.ids(), [0u64; 0]);
    run.frame(300, vec![person(100.0, 200.0, 0.8)]);
    assert_eq!(run.ids(), [2]);
}

#[test]
fn one_frame_is_enough_where_one_box_confirms() {
    let params = TrackingParams { confirm_frames: 1, ..TrackingParams::default() };
    let mut run = Run { tracker: Tracker::new(params), tracks: Vec::new() };
    assert_eq!(run.frame(0, vec![person(100.0, 200.0, 0.8)]), [Some(1)]);
    assert_eq!(run.ids(), [1]);
}

fn any_detection() -> impl Strategy<Value = Detection> {
    let side = prop_oneof![0.0f32..300.0, Just(0.0), Just(f32::MAX)];
    let place = prop_oneof![-100.0f32..2000.0, Just(f32::MIN), Just(f32::MAX)];
    let score = prop_oneof![0.0f32..1.0, prop::num::f32::ANY];
    (place.clone(), place, side.clone(), side, 0u16..4, score).prop_filter_map("a box", |(x, y, w, h, class, score)| {
        let bbox = BBox::from_corners(x, y, x + w, y + h)?;
        Some(Detection { bbox, class: ClassId(class), score, track: Some(TrackId(99)) })
    })
}

proptest! {
    #[test]
    fn boxes_that_waver_do_not_swap_two_people_who_pass(
        jitter in prop::collection::vec(prop::array::uniform4(-3.0f32..3.0), 40),
        speed in 50.0f32..150.0,
        depth_px in 0.0f32..20.0,
    ) {
        let mut run = Run::new();
        for (frame, [ax, ay, bx, by]) in (0..40i64).zip(jitter) {
            let along = speed * (frame as f32 / 10.0 - 2.0);
            let near = boxed(300.0 + along + ax, 220.0 + ay, 44.0, 112.0, PERSON, 0.8);
            let far = person(300.0 - along + bx, 220.0 - depth_px + by, 0.7);
            let is_hidden = near.bbox.iou(&far.bbox) > 0.5;
            let answer = run.frame(100 * frame, if is_hidden { vec![near] } else { vec![near, far] });
            if frame > 0 && frame < 10 || frame > 30 && !is_hidden {
                prop_assert_eq!(answer, vec![Some(1), Some(2)], "frame {}", frame);
            }
        }
    }

    #[test]
    fn any_frames_give_finite_tracks_in_order_and_the_same_ones_again(
        frames in prop::collection::vec(
            (prop_oneof![-50i64..2000, any::<i64>()], prop::collection::vec(any_detection(), 0..12)),
            1..12,
        ),
        max_unseen_ms in prop_oneof![Just(1000u32), any::<u32>()],
        confirm_frames in 0u32..4,
    ) {
        let params = TrackingParams { max_unseen_ms, confirm_frames, ..TrackingParams::default() };
        let (mut first, mut second) = (Tracker::new(params), Tracker::new(params));
        let (mut tracks, mut again) = (Vec::new(), Vec::new());
        let mut stamp = 0i64;
        for (step, detections) in frames {
            stamp = stamp.saturating_add(step.saturating_mul(1_000_000));
            let (mut ours, mut theirs) = (detections.clone(), detections);
            first.update(Stamp::from_ns(stamp), &mut ours, &mut tracks);
            second.update(Stamp::from_ns(stamp), &mut theirs, &mut again);
            prop_assert_eq!(&tracks, &again);
            prop_assert!(tracks.is_sorted_by(|a, b| a.id < b.id));
            for track in &tracks {
                prop_assert!(track.velocity_px_s.0.is_finite() && track.velocity_px_s.1.is_finite());
                prop_assert!((0.0..=1.0).contains(&track.score));
                prop_assert!(track.unseen_ns >= 0 && (!track.seen || track.unseen_ns == 0));
                let takers = ours.iter().filter(|detection| detection.track == Some(track.id)).count();
                prop_assert_eq!(takers, usize::from(track.seen));
            }
        }
    }
}

//! The tests of the drawing as a whole: by structure, not by bytes.

use super::lettering::Lettering;
use super::palette::{Rgb, WHITE, class_color, decision_color};
use super::{Canvas, Caption, Drawing, GroundLines, GroundRow, Trails};
use crate::types::{
    BBox, Cause, ClassId, Decision, Detection, ImageView, Labels, PixelFormat, Place, Plan, PlanSource, PlanStep,
    Pose2, Scene, Size, Stamp, Track, TrackId,
};
use proptest::prelude::*;
use std::sync::Arc;

const SIZE: Size = Size { width_px: 320, height_px: 200 };
const GRAY: Rgb = [90; 3];

fn detection(x: f32, y: f32, w: f32, h: f32, track: Option<u64>) -> Detection {
    let bbox = BBox::from_corners(x, y, x + w, y + h).unwrap();
    Detection { bbox, class: ClassId(0), score: 0.871, track: track.map(TrackId) }
}

fn track(x: f32, y: f32, w: f32, h: f32, seen: bool) -> Track {
    Track {
        id: TrackId(12),
        bbox: BBox::from_corners(x, y, x + w, y + h).unwrap(),
        velocity_px_s: (0.0, 0.0),
        class: ClassId(1),
        score: 0.5,
        seen,
        unseen_ns: 0,
        place: Place::Unknown,
    }
}

fn plan(decision: Decision, reason: &str) -> Plan {
    let pose = Pose2 { x_m: 0.0, y_m: 0.0, yaw_rad: 0.0 };
    let (reason, cause) = (reason.to_owned(), Cause::default());
    let step = PlanStep { action: decision, track: None, class: None, pose, cause, reason };
    Plan {
        sequence: 1,
        decision,
        speed_limit_mps: None,
        steps: vec![step],
        path: Vec::new(),
        valid_for_ns: 0,
        source: PlanSource::Rules,
        model: Arc::from("m"),
        prompt_version: 0,
        verdict: String::new(),
    }
}

/// What is drawn on a gray picture.
struct Sheet {
    scene: Scene,
    labels: Labels,
    plan: Plan,
    trails: Trails,
    ground: GroundLines,
    caption: Caption,
}

impl Default for Sheet {
    fn default() -> Self {
        Self {
            scene: Scene::default(),
            labels: Labels::new(["person", "car"], 0),
            plan: plan(Decision::Proceed, "clear"),
            trails: Trails::default(),
            ground: GroundLines::default(),
            caption: Caption::Age(42_000_000),
        }
    }
}

impl Sheet {
    fn draw(&self, size: Size) -> Canvas {
        let data = vec![90; (size.width_px * size.height_px) as usize];
        let image = ImageView::new(&data, size, size.width_px, PixelFormat::Mono8).unwrap();
        let Self { scene, labels, plan, trails, ground, caption } = self;
        let mut canvas = Canvas::new(&image);
        canvas.draw(&image, &Drawing { scene, labels, plan, trails, ground, caption: *caption });
        canvas
    }

    fn drawn(&self) -> Canvas {
        self.draw(SIZE)
    }
}

fn pixel(canvas: &Canvas, x: usize, y: usize) -> Rgb {
    canvas.pixels().as_chunks().0[y * canvas.size().width_px as usize + x]
}

/// How many pixels differ between two pictures, in columns and rows.
fn changed(a: &Canvas, b: &Canvas, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> usize {
    let differs = |x: usize, y: usize| pixel(a, x, y) != pixel(b, x, y);
    rows.map(|y| columns.clone().filter(|&x| differs(x, y)).count()).sum()
}

#[test]
fn every_format_becomes_rgb_without_its_padding() {
    let size = Size { width_px: 2, height_px: 2 };
    for (format, row, expected) in [
        (PixelFormat::Rgb8, &[1, 2, 3, 4, 5, 6, 99][..], [1, 2, 3, 4, 5, 6]),
        (PixelFormat::Bgr8, &[3, 2, 1, 6, 5, 4, 99], [1, 2, 3, 4, 5, 6]),
        (PixelFormat::Rgba8, &[1, 2, 3, 0, 4, 5, 6, 0, 99], [1, 2, 3, 4, 5, 6]),
        (PixelFormat::Bgra8, &[3, 2, 1, 0, 6, 5, 4, 0, 99], [1, 2, 3, 4, 5, 6]),
        (PixelFormat::Mono8, &[1, 4, 99], [1, 1, 1, 4, 4, 4]),
    ] {
        let data = [row, row].concat();
        let image = ImageView::new(&data, size, u32::try_from(row.len()).unwrap(), format).unwrap();
        let canvas = Canvas::new(&image);
        assert_eq!(canvas.pixels(), [expected, expected].concat(), "{format:?}");
        assert_eq!(canvas.view().unwrap().size(), size);
    }
}

#[test]
fn loading_another_picture_leaves_nothing_of_the_last() {
    let mut canvas = Sheet::default().drawn();
    let image = ImageView::new(&[7, 8, 9], Size { width_px: 1, height_px: 1 }, 3, PixelFormat::Rgb8).unwrap();
    canvas.load(&image);
    assert_eq!((canvas.pixels(), canvas.size()), (&[7, 8, 9][..], image.size()));
}

#[test]
fn a_box_is_outlined_in_its_classs_color_with_a_tag_above_and_its_inside_left_alone() {
    let scene = Scene { detections: vec![detection(40.0, 50.0, 60.0, 80.0, None)], ..Scene::default() };
    let canvas = Sheet { scene, ..Sheet::default() }.drawn();
    let color = class_color(ClassId(0));
    for (x, y) in [(40, 90), (99, 90), (70, 129)] {
        let [red, green, blue] = pixel(&canvas, x, y);
        let far = [red.abs_diff(color[0]), green.abs_diff(color[1]), blue.abs_diff(color[2])];
        assert!(far.iter().all(|far| *far < 60), "{x},{y}: {:?} is not {color:?}", pixel(&canvas, x, y));
    }
    assert_eq!((pixel(&canvas, 70, 90), pixel(&canvas, 36, 90)), (GRAY, GRAY));
    assert!((40..100).any(|x| pixel(&canvas, x, 47) == color), "a filled tag above the box");
}

#[test]
fn tags_lie_inside_the_picture_wherever_their_boxes_are_and_avoid_each_other() {
    let corners = [(-30.0, -20.0), (300.0, -20.0), (-30.0, 190.0), (300.0, 190.0), (100.0, 100.0), (104.0, 101.0)];
    let detections = corners.map(|(x, y)| detection(x, y, 50.0, 40.0, Some(12))).to_vec();
    let scene = Scene { detections, ..Scene::default() };
    let sheet = Sheet { scene, ..Sheet::default() };
    let canvas = sheet.drawn();
    let rects: Vec<_> = canvas.tag_rects().collect();
    assert_eq!(rects.len(), corners.len());
    for (number, rect) in rects.iter().enumerate() {
        assert!(rect.left >= 0.0 && rect.top >= 0.0 && rect.right <= 320.0 && rect.bottom <= 200.0, "{rect:?}");
        assert!(rects[..number].iter().all(|other| !rect.meets(other)), "{rect:?} lies over another");
    }
}

#[test]
fn a_track_that_was_seen_is_drawn_by_its_detection_alone_and_one_that_was_not_in_dashes() {
    let seen = |seen| Sheet {
        scene: Scene { tracks: vec![track(40.0, 50.0, 100.0, 80.0, seen)], ..Scene::default() },
        ..Sheet::default()
    };
    let (empty, seen, unseen) = (Sheet::default().drawn(), seen(true).drawn(), seen(false).drawn());
    assert_eq!(empty.pixels(), seen.pixels());
    let edge: Vec<bool> = (40..140).map(|x| pixel(&unseen, x, 130) != GRAY).collect();
    let pieces = edge.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(pieces >= 10, "{pieces} ends of dashes");
    assert!(edge.contains(&true) && edge.contains(&false));
}

#[test]
fn a_trail_fades_towards_where_its_track_came_from() {
    let mut sheet = Sheet::default();
    for frame in 0..10u8 {
        let x = 20.0 + 20.0 * f32::from(frame);
        sheet.scene = Scene { tracks: vec![track(x, 40.0, 20.0, 60.0, true)], ..Scene::default() };
        sheet.trails.follow(Stamp::from_ns(i64::from(frame) * 200_000_000), &sheet.scene);
    }
    let canvas = sheet.drawn();
    let color = class_color(ClassId(1));
    let far = |x: usize| -> u32 {
        pixel(&canvas, x, 100).iter().zip(color).map(|(found, wanted)| u32::from(found.abs_diff(wanted))).sum()
    };
    assert!(far(190) < far(100) && far(100) < far(60), "{} {} {}", far(190), far(100), far(60));
    assert_eq!(pixel(&canvas, 100, 80), GRAY);
}

#[test]
fn the_corridor_lies_on_the_ground_in_the_decisions_color_and_the_path_in_its_middle() {
    let row = |x_m: f64, y: f32, half: f32| GroundRow {
        x_m,
        is_mark: x_m == 5.0,
        across: std::array::from_fn(|n| Some([160.0 - half + n as f32 * half / 3.0, y])),
    };
    let ground = GroundLines {
        rows: vec![row(1.0, 170.0, 90.0), row(5.0, 120.0, 40.0), row(20.0, 90.0, 6.0)],
        path: vec![Some([160.0, 170.0]), Some([160.0, 95.0]), None],
    };
    let sheet = Sheet { ground, plan: plan(Decision::Stop, "person at 2 m"), ..Sheet::default() };
    let (canvas, bare) = (sheet.drawn(), Sheet { ground: GroundLines::default(), ..sheet }.drawn());
    let [red, green, _] = pixel(&canvas, 130, 150);
    assert!(red > green + 30, "red over gray, not {:?}", pixel(&canvas, 130, 150));
    assert_eq!(pixel(&canvas, 30, 150), GRAY, "beside it");
    assert!(pixel(&canvas, 160, 150).iter().all(|channel| *channel > 150), "the path");
    assert!(
        changed(&canvas, &bare, 203..230, 112..128) > 10,
        "five metres, in figures, at the right end of their line"
    );
}

#[test]
fn the_banner_shows_decision_reason_and_age_along_the_bottom() {
    let wide = Size { width_px: 640, height_px: 200 };
    let sheet = Sheet { plan: plan(Decision::Stop, "person #12 at 1.8 m"), ..Sheet::default() };
    let canvas = sheet.draw(wide);
    assert_eq!(pixel(&canvas, 1, 198), decision_color(Decision::Stop));
    assert_eq!(pixel(&canvas, 1, 170), GRAY);
    let white = (0..640).filter(|&x| (184..198).any(|y| pixel(&canvas, x, y) == WHITE)).max().unwrap();
    let longer =
        Sheet { plan: plan(Decision::Stop, &"person #12 at 1.8 m, ".repeat(20)), ..Sheet::default() }.draw(wide);
    let with_stamp = Sheet { caption: Caption::Stamp(Stamp::from_ns(1_234_000_000)), ..sheet }.draw(wide);
    assert!(changed(&canvas, &longer, white + 8..640, 180..200) > 40, "a longer reason goes on");
    let print = 600;
    assert_eq!(changed(&canvas, &longer, print..640, 180..200), 0, "and is cut before the small print");
    assert!(changed(&canvas, &with_stamp, print..640, 180..200) > 20, "a stamp in place of the age");
    assert_eq!(Caption::Stamp(Stamp::from_ns(1_234_567_890)).to_string(), "1.234");
    assert_eq!(Caption::Age(42_900_000).to_string(), "42 ms old");
}

#[test]
fn everything_grows_with_the_picture() {
    let heights = [320u32, 640, 1280, 2560].map(|width_px| {
        let size = Size { width_px, height_px: width_px * 5 / 8 };
        let canvas = Sheet::default().draw(size);
        (0..size.height_px as usize).filter(|&y| pixel(&canvas, 1, y) != GRAY).count()
    });
    assert!(heights.windows(2).all(|pair| pair[1] > pair[0] && pair[1] <= 2 * pair[0] + 2), "{heights:?}");
    assert!(Lettering::cap_height(20.0) < 20.0);
}

#[test]
fn the_largest_picture_is_drawn() {
    let size = Size { width_px: 8192, height_px: 8192 };
    let detections = vec![detection(-1e9, -1e9, 2e9, 2e9, Some(1)), detection(100.0, 4000.0, 7000.0, 4100.0, None)];
    let scene = Scene { detections, tracks: vec![track(0.0, 0.0, 8192.0, 8192.0, false)], ..Scene::default() };
    let mut sheet = Sheet { scene, ..Sheet::default() };
    sheet.trails.follow(Stamp::from_ns(0), &sheet.scene);
    sheet.trails.follow(Stamp::from_ns(100_000_000), &sheet.scene);
    assert_eq!(sheet.draw(size).size(), size);
}

fn anywhere() -> impl Strategy<Value = f32> {
    prop_oneof![-100.0f32..400.0, -1e30f32..1e30, Just(f32::NAN), Just(f32::INFINITY), Just(0.0)]
}

proptest! {
    #[test]
    fn boxes_lines_and_words_of_any_kind_stay_inside_any_picture(
        (width_px, height_px) in (1u32..80, 1u32..80),
        boxes in prop::collection::vec((anywhere(), anywhere(), anywhere(), anywhere()), 0..6),
        ground in prop::collection::vec((anywhere(), anywhere()), 0..40),
        words in "\\PC{0,40}",
    ) {
        let boxes: Vec<_> = boxes
            .into_iter()
            .filter_map(|(x0, y0, x1, y1)| BBox::from_corners(x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1)))
            .collect();
        let detections: Vec<_> = boxes
            .iter()
            .map(|&bbox| Detection { bbox, class: ClassId(0), score: f32::NAN, track: Some(TrackId(u64::MAX)) })
            .collect();
        let tracks = boxes.iter().map(|&bbox| Track { bbox, ..track(0.0, 0.0, 1.0, 1.0, false) }).collect();
        let points: Vec<_> = ground.iter().map(|&(x, y)| Some([x, y])).collect();
        let rows = points.windows(super::ACROSS).map(|across| GroundRow {
            x_m: 5.0,
            is_mark: true,
            across: std::array::from_fn(|n| across[n]),
        });
        let mut sheet = Sheet {
            scene: Scene { only_tracked: detections.clone(), detections, tracks, ..Scene::default() },
            labels: Labels::new([words.as_str()], 0),
            plan: plan(Decision::Slow, &words),
            ground: GroundLines { rows: rows.collect(), path: points },
            ..Sheet::default()
        };
        sheet.trails.follow(Stamp::from_ns(0), &sheet.scene);
        sheet.trails.follow(Stamp::from_ns(100_000_000), &sheet.scene);
        let size = Size { width_px, height_px };
        let canvas = sheet.draw(size);
        prop_assert_eq!(canvas.pixels().len(), (width_px * height_px * 3) as usize);
        let room = (width_px as f32, height_px as f32);
        for rect in canvas.tag_rects() {
            prop_assert!(rect.left >= 0.0 && rect.top >= 0.0 && rect.right <= room.0, "{rect:?}");
        }
    }
}

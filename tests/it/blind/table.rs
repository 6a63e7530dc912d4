//! Writes the table of `docs/blind.md`: `cargo test --release --test it -- --ignored blind::table`

use super::{BlindParams, Picture, Sight, causes, in_project, some_frames};
use std::collections::BTreeMap;
use std::fmt::Write;
use vedette::config::assembly::load_model;
use vedette::config::{Config, ProviderName};
use vedette::types::Detection;
use vedette::vision::BlindCheck;
use vedette::zoo::{Detector, Thresholds};

const BEGINS: &str = "<!-- The table is written by tests/it/blind/table.rs. -->\n";
const ENDS: &str = "<!-- End of the table. -->\n";

type Change = Box<dyn Fn(&Picture) -> Picture>;

/// A row's words and what they mean.
fn changes() -> Vec<(String, Change)> {
    let mut rows: Vec<(String, Change)> = Vec::new();
    let mut row = |words: String, change: Change| rows.push((words, change));
    row("as it is".to_owned(), Box::new(Picture::clone));
    for (share, noise) in [(4.0, 1.0), (8.0, 1.0), (16.0, 1.0), (24.0, 1.0), (32.0, 1.0), (48.0, 1.0), (64.0, 1.0)] {
        row(format!("night, 1/{share} of the light"), Box::new(move |p| p.darkened(1.0 / share, noise)));
    }
    for (share, noise) in [(8.0, 4.0), (16.0, 4.0), (32.0, 4.0)] {
        let words = format!("night, 1/{share} of the light, noise {noise}");
        row(words, Box::new(move |p| p.darkened(1.0 / share, noise)));
    }
    for share in [5.0, 10.0, 20.0] {
        row(format!("night with lamps, 1/{share} of the light"), Box::new(move |p| p.lamplit(1.0 / share, 2.0)));
    }
    for visibility_m in [200.0, 100.0, 75.0, 50.0, 35.0, 25.0, 20.0, 15.0] {
        row(format!("fog, visibility {visibility_m} m"), Box::new(move |p| p.in_fog(visibility_m)));
    }
    for percent in [20.0, 10.0, 5.0, 2.0, 1.0] {
        row(format!("wet lens, {percent} % of the contrast"), Box::new(move |p| p.veiled(percent / 100.0)));
    }
    for gain in [4.0, 16.0, 64.0] {
        row(format!("overexposed {gain} times"), Box::new(move |p| p.overexposed(gain)));
    }
    for share in [8.0, 16.0, 32.0, 64.0] {
        let words = format!("light in the lens, 1/{share} of the contrast below white");
        row(words, Box::new(move |p| p.washed_out(1.0 / share)));
    }
    for deviation_px in [4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 32.5] {
        let words = format!("blurred by {:.1} % of the width", 100.0 * deviation_px / 768.0);
        row(words, Box::new(move |p| p.blurred(deviation_px, 2.0)));
    }
    for length_px in [31, 61, 121_usize] {
        let words = format!("blurred by a turn, {} % of the width", (100 * length_px + 384) / 768);
        row(words, Box::new(move |p| p.in_a_turn(length_px)));
    }
    row("black".to_owned(), Box::new(|p| p.filled(0.0)));
    row("white".to_owned(), Box::new(|p| p.filled(255.0)));
    for noise in [1.0, 4.0, 16.0, 30.0] {
        row(format!("lens cap, noise {noise}"), Box::new(move |p| p.covered([0.0; 2], noise)));
        row(format!("covered, grey, noise {noise}"), Box::new(move |p| p.covered([100.0; 2], noise)));
    }
    for (levels, noise) in [([10.0, 40.0], 3.0), ([20.0, 120.0], 10.0), ([20.0, 220.0], 3.0)] {
        let words = format!("a hand on the lens, glow of {} to {}, noise {noise}", levels[0], levels[1]);
        row(words, Box::new(move |p| p.covered(levels, noise)));
    }
    for (noise, size_px) in [(1.0, 4.0), (3.0, 8.0)] {
        let words = format!("covered, noise {noise} smoothed into blotches of {size_px} pixels");
        row(words, Box::new(move |p| p.covered_with_blotches(60.0, noise, size_px)));
    }
    row("the lower half black".to_owned(), Box::new(|p| p.cut_off(0.5, 0.0)));
    row("the lower 9/10 black".to_owned(), Box::new(|p| p.cut_off(0.1, 0.0)));
    for times in [4, 8, 12, 16, 24_u32] {
        row(format!("scaled down to {}x{}", 768 / times, 576 / times), Box::new(move |p| p.smaller(times)));
    }
    rows
}

/// The detector of the demo.
fn detector() -> Box<dyn Detector> {
    let config = Config {
        model_dirs: vec![in_project("models")],
        providers: vec![ProviderName::Cpu],
        intra_op_threads: 2,
        ..Config::default()
    };
    load_model(&config).unwrap_or_else(|error| panic!("{error}")).detector
}

fn boxes(detector: &mut dyn Detector, picture: &Picture) -> Vec<Detection> {
    let mut found = Vec::new();
    detector.detect(&picture.view(), &Thresholds { iou: 0.45, ..Thresholds::default() }, &mut found).unwrap();
    found
}

/// How many of `wanted` are in `found`, whose picture is smaller by `scale`.
fn found_again(wanted: &[Detection], found: &[Detection], scale: f32) -> usize {
    let place = |detection: &Detection, scale: f32| {
        let b = detection.bbox;
        [b.x_min() * scale, b.y_min() * scale, b.x_max() * scale, b.y_max() * scale]
    };
    let overlap = |a: [f32; 4], b: [f32; 4]| {
        let shared = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0) * (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
        shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
    };
    let is_found = |wanted: &&Detection| {
        found.iter().any(|f| f.class == wanted.class && overlap(place(wanted, 1.0), place(f, scale)) > 0.5)
    };
    wanted.iter().filter(is_found).count()
}

/// `dark 34`, or `–` for pictures that are all seen.
fn called(pictures: &[Picture]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for cause in causes(pictures).into_iter().flatten() {
        *counts.entry(cause).or_default() += 1;
    }
    let all = pictures.len();
    let said = counts.iter().map(|(cause, &count)| match count {
        _ if count == all => format!("`{cause}`"),
        _ => format!("`{cause}` {count} of {all}"),
    });
    let said: Vec<String> = said.collect();
    if said.is_empty() { "no".to_owned() } else { said.join(", ") }
}

/// Least and greatest.
fn range(values: impl Iterator<Item = f32> + Clone, decimals: usize) -> String {
    let (least, most) = (values.clone().fold(f32::INFINITY, f32::min), values.fold(f32::NEG_INFINITY, f32::max));
    let (least, most) = (format!("{least:.decimals$}"), format!("{most:.decimals$}"));
    if least == most { least } else { format!("{least} – {most}") }
}

fn line(words: &str, pictures: &[Picture], found: &str) -> String {
    let mut check = BlindCheck::new(BlindParams::default());
    let sights: Vec<Sight> = pictures.iter().map(|picture| check.measure(&picture.view())).collect();
    let of = |value: fn(&Sight) -> u8| range(sights.iter().map(move |sight| f32::from(value(sight))), 0);
    let sharpness = sights.iter().filter_map(|sight| sight.sharpness);
    let sharpness = if sharpness.clone().next().is_none() { "–".to_owned() } else { range(sharpness, 2) };
    format!(
        "| {words} | {} | {} | {} | {} | {sharpness} | {found} |\n",
        called(pictures),
        of(|sight| sight.dark_end),
        of(|sight| sight.bright_end),
        range(sights.iter().map(|sight| sight.contrast), 2),
    )
}

#[test]
#[ignore = "it measures for minutes, and writes docs/blind.md"]
fn what_is_called_blind() {
    let mut detector = detector();
    let frames = some_frames();
    let wanted: Vec<_> = frames.iter().map(|frame| boxes(&mut *detector, frame)).collect();
    let total: usize = wanted.iter().map(Vec::len).sum();
    let mut table =
        String::from("| the footage | blind | luma, 1 % below | luma, 1 % above | contrast | sharpness | found |\n");
    table.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    for (words, change) in changes() {
        let pictures: Vec<Picture> = frames.iter().map(change).collect();
        let mut again = 0;
        for ((picture, frame), wanted) in pictures.iter().zip(frames).zip(&wanted) {
            let scale = (frame.size.width_px / picture.size.width_px) as f32;
            again += found_again(wanted, &boxes(&mut *detector, picture), scale);
        }
        let line = line(&words, &pictures, &format!("{} %", (100 * again + total / 2) / total));
        print!("{line}");
        table.push_str(&line);
    }
    let frozen: Vec<Picture> = std::iter::repeat_n(frames[0].clone(), 20).collect();
    writeln!(table, "| frozen, 20 times at 10 Hz | {} | | | | | |", called(&frozen)).unwrap();
    let path = in_project("docs/blind.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGINS).unwrap();
    let (_, after) = rest.split_once(ENDS).unwrap();
    std::fs::write(&path, format!("{before}{BEGINS}\n{table}\n{ENDS}{after}")).unwrap();
}

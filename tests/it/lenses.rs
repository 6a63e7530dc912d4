//! Rays of all lens models, in all counts of numbers, against OpenCV's: see tests/data/lenses/generate.py.

use nalgebra::{Vector2, Vector3};
use std::collections::BTreeMap;
use vedette::spatial::{pixel_from_ray, ray_from_pixel};
use vedette::types::{CameraModel, Distortion, Size};

/// CameraInfo's centre of the first pixel, in image coordinates.
const HALF_PIXEL: f64 = 0.5;

#[derive(serde::Deserialize)]
struct Lens {
    distortion_model: String,
    width: u32,
    height: u32,
    k: [f64; 9],
    d: Vec<f64>,
    /// Pixel and ray.
    rows: Vec<[f64; 4]>,
}

fn lenses() -> BTreeMap<String, (CameraModel, Vec<[f64; 4]>)> {
    let lenses: BTreeMap<String, Lens> = serde_json::from_str(include_str!("../data/lenses/rays.json")).unwrap();
    let camera = |lens: &Lens| {
        let size = Size { width_px: lens.width, height_px: lens.height };
        CameraModel::new(size, &lens.k, &lens.distortion_model, lens.d.iter().copied()).unwrap()
    };
    lenses.into_iter().map(|(name, lens)| (name, (camera(&lens), lens.rows))).collect()
}

#[test]
fn rays_are_those_of_opencv_within_a_millionth() {
    for (name, (camera, rows)) in lenses() {
        let mut worst = 0.0_f64;
        for [x, y, ideal_x, ideal_y] in rows {
            let ray =
                ray_from_pixel(&camera, x + HALF_PIXEL, y + HALF_PIXEL).unwrap_or_else(|| panic!("{name} {x} {y}"));
            worst = worst.max((ray.xy() / ray.z - Vector2::new(ideal_x, ideal_y)).amax());
        }
        assert!(worst < 1e-6, "{name}: {worst:e} from OpenCV's");
    }
}

#[test]
fn pixels_are_those_of_opencv_within_a_thousandth() {
    for (name, (camera, rows)) in lenses() {
        for [x, y, ideal_x, ideal_y] in rows {
            let (x_px, y_px) = pixel_from_ray(&camera, &Vector3::new(2.0 * ideal_x, 2.0 * ideal_y, 2.0)).unwrap();
            let missed = (x_px - HALF_PIXEL - x).hypot(y_px - HALF_PIXEL - y);
            assert!(missed < 1e-3, "{name}: {missed} px from ({x}, {y})");
        }
    }
}

#[test]
fn every_model_and_count_is_among_them() {
    let all = lenses();
    let is_fisheye = |camera: &CameraModel| matches!(camera.distortion(), Distortion::Equidistant(_));
    assert_eq!((all.len(), all.values().filter(|(camera, _)| is_fisheye(camera)).count()), (12, 3));
    let text = include_str!("../data/lenses/rays.json");
    let counts: Vec<usize> =
        serde_json::from_str::<BTreeMap<String, Lens>>(text).unwrap().values().map(|lens| lens.d.len()).collect();
    assert!([4, 5, 8, 12, 14].iter().all(|count| counts.contains(count)), "{counts:?}");
}

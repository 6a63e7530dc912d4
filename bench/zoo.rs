//! Benchmarks of `zoo`: a model's output into boxes.

use criterion::{BenchmarkId, Criterion};
use half::f16;
use std::hint::black_box;
use vedette::types::{Size, TensorData, TensorRef};
use vedette::vision::suppress;
use vedette::zoo::detect::yolo::{Decoder, Layout};
use vedette::zoo::{LayoutName, Thresholds};

const CLASSES: usize = 80;
const BOXES: usize = 8400;

/// Decoding and NMS of `[1, 84, 8400]`, `[1, 25200, 85]` and `[1, 300, 6]`, from 32 and 16 bits.
pub fn decode(criterion: &mut Criterion) {
    let [rows, objectness, finished] =
        [LayoutName::Rows, LayoutName::Objectness, LayoutName::EndToEnd].map(|name| Layout::new(name, CLASSES));
    let columns = columns_of_a_street();
    let floats = rows_of_a_street();
    let halves: Vec<f16> = floats.iter().map(|value| f16::from_f32(*value)).collect();
    let end_to_end: Vec<f32> =
        (0..300_u16).flat_map(|i| [10.0, 10.0, 50.0, 90.0, 1.0 / f32::from(1 + i), 2.0]).collect();

    let mut group = criterion.benchmark_group("decode and NMS");
    for (name, layout, boxes, data) in [
        ("84x8400 float32", rows, BOXES, TensorData::F32(&floats)),
        ("84x8400 float16", rows, BOXES, TensorData::F16(&halves)),
        ("25200x85 float32", objectness, 3 * BOXES, TensorData::F32(&columns)),
        ("300x6 float32", finished, 300, TensorData::F32(&end_to_end)),
    ] {
        let decoder = Decoder::new(layout, &["output0"], Size { width_px: 640, height_px: 640 });
        let shape = layout.shape(boxes);
        let (thresholds, mut candidates) = (Thresholds::default(), Vec::new());
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                candidates.clear();
                let output = |_| TensorRef { shape: &shape, data: black_box(data) };
                decoder.decode(output, &thresholds, &mut candidates).expect("numbers");
                suppress(&mut candidates, thresholds.iou, thresholds.max_detections);
                candidates.len()
            });
        });
    }
    group.finish();
}

/// The same things with objectness, three boxes for each cell.
fn columns_of_a_street() -> Vec<f32> {
    let rows = rows_of_a_street();
    let columns = (0..3 * BOXES).flat_map(|at| {
        let number = |place: usize| rows[place * BOXES + at % BOXES];
        let best = (4..4 + CLASSES).map(number).fold(0.0, f32::max);
        (0..4).map(number).chain(std::iter::once(best)).chain((4..4 + CLASSES).map(number)).collect::<Vec<_>>()
    });
    columns.collect()
}

/// Twelve things, each found by eight neighbouring boxes; low noise elsewhere, as a trained model leaves it.
fn rows_of_a_street() -> Vec<f32> {
    let mut rows = vec![0.0; (4 + CLASSES) * BOXES];
    for (index, value) in rows.iter_mut().enumerate() {
        *value = (index.wrapping_mul(2_654_435_761) >> 8 & 0xffff) as f32 / 65536.0 * 0.05;
    }
    for thing in 0..12 {
        for neighbour in 0..8 {
            let at = thing * 700 + neighbour;
            let place = [50.0 * thing as f32, 300.0 + neighbour as f32, 40.0, 90.0];
            for (row, value) in place.into_iter().enumerate() {
                rows[row * BOXES + at] = value;
            }
            rows[(4 + thing % 3) * BOXES + at] = 0.9 - 0.05 * neighbour as f32;
        }
    }
    rows
}

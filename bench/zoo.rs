//! Benchmarks of `zoo`: a model's output into boxes.

use criterion::{BenchmarkId, Criterion};
use half::f16;
use std::hint::black_box;
use vedette::types::TensorData;
use vedette::vision::suppress;
use vedette::zoo::Thresholds;
use vedette::zoo::detect::yolo::{Decoder, Layout};

const CLASSES: usize = 80;
const BOXES: usize = 8400;

/// Decoding and NMS of `[1, 84, 8400]` and `[1, 300, 6]`, from 32 and 16 bits.
pub fn decode(criterion: &mut Criterion) {
    let rows = Layout::Rows { classes: CLASSES, boxes: BOXES };
    let floats = rows_of_a_street();
    let halves: Vec<f16> = floats.iter().map(|value| f16::from_f32(*value)).collect();
    let end_to_end: Vec<f32> =
        (0..300_u16).flat_map(|i| [10.0, 10.0, 50.0, 90.0, 1.0 / f32::from(1 + i), 2.0]).collect();

    let mut group = criterion.benchmark_group("decode and NMS");
    for (name, layout, output) in [
        ("84x8400 float32", rows, TensorData::F32(&floats)),
        ("84x8400 float16", rows, TensorData::F16(&halves)),
        ("300x6 float32", Layout::EndToEnd { classes: CLASSES, boxes: 300 }, TensorData::F32(&end_to_end)),
    ] {
        let decoder = Decoder::new(layout, "output0");
        let (thresholds, mut candidates) = (Thresholds::default(), Vec::new());
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                candidates.clear();
                decoder.decode(black_box(output), &thresholds, &mut candidates).expect("numbers");
                suppress(&mut candidates, thresholds.iou, thresholds.max_detections);
                candidates.len()
            });
        });
    }
    group.finish();
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

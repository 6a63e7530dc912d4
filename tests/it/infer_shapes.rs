//! The ONNX Runtime backend when shapes change from run to run and outputs become inputs: caches that grow.

use crate::allocations::allocations_in;
use crate::onnx_runtime::{fill_f32, floats, named, open_small, runtime_or_skip};
use vedette::infer::{Backend, InferError, OrtBackend};
use vedette::types::TensorData;

/// The inputs and outputs of `growing_cache`.
const EMBEDS: usize = 0;
const PAST: [usize; 2] = [1, 2];
const LOGITS: usize = 0;
const PRESENT: [usize; 2] = [1, 2];

fn f32s(backend: &OrtBackend, output: usize) -> &[f32] {
    let TensorData::F32(values) = backend.output(output).data else { panic!("output {output} is not float32") };
    values
}

fn start(backend: &mut OrtBackend) {
    for past in PAST {
        backend.reshape(past, &[1, 0, 4]).unwrap();
    }
}

/// A prefill of three positions, then single ones: the embeddings of step `step`.
fn embeds(step: usize) -> Vec<f32> {
    let positions = if step == 0 { 3 } else { 1 };
    (0..positions * 4).map(|index| ((step * 7 + index * 3) % 11) as f32 * 0.25 - 1.0).collect()
}

fn run_step(backend: &mut OrtBackend, step: usize) {
    let embeds = embeds(step);
    backend.reshape(EMBEDS, &[1, embeds.len() / 4, 4]).unwrap();
    fill_f32(backend, EMBEDS, &embeds);
    backend.run().unwrap();
}

#[test]
fn a_cache_that_is_carried_gives_what_copies_of_it_give() {
    let Some(runtime) = runtime_or_skip("carried cache") else { return };
    let mut carried = open_small(runtime, "growing_cache", &[]);
    let mut copied = open_small(runtime, "growing_cache", &[]);
    // The second round starts with an empty cache again.
    for _ in 0..2 {
        start(&mut carried);
        start(&mut copied);
        for step in 0..40 {
            run_step(&mut carried, step);
            run_step(&mut copied, step);
            assert_eq!(f32s(&carried, LOGITS), f32s(&copied, LOGITS), "step {step}");
            assert_eq!(f32s(&carried, PRESENT[0]), f32s(&copied, PRESENT[0]), "step {step}");
            let positions = step + 3;
            for (present, past) in PRESENT.into_iter().zip(PAST) {
                assert_eq!(carried.output(present).shape, [1, positions, 4]);
                carried.carry(present, past).unwrap();
                let values = f32s(&copied, present).to_vec();
                copied.reshape(past, &[1, positions, 4]).unwrap();
                fill_f32(&mut copied, past, &values);
            }
        }
    }
}

#[test]
fn what_is_carried_stays_where_it_is_in_memory() {
    let Some(runtime) = runtime_or_skip("carried pointer") else { return };
    let mut backend = open_small(runtime, "growing_cache", &[]);
    start(&mut backend);
    for step in 0..5 {
        run_step(&mut backend, step);
        for (present, past) in PRESENT.into_iter().zip(PAST) {
            let (place, values) = (f32s(&backend, present).as_ptr(), f32s(&backend, present).to_vec());
            backend.carry(present, past).unwrap();
            let input = floats(&mut backend, past);
            assert_eq!(input.as_ptr(), place);
            assert_eq!(input, values);
        }
    }
}

#[test]
fn the_signature_follows_the_shapes() {
    let Some(runtime) = runtime_or_skip("following signature") else { return };
    let mut backend = open_small(runtime, "growing_cache", &[named("embeds", &[1, 2, 4])]);
    let texts = |backend: &OrtBackend| {
        let signature = backend.signature();
        [&signature.inputs[EMBEDS], &signature.inputs[PAST[0]], &signature.outputs[PRESENT[0]]].map(ToString::to_string)
    };
    let [embeds, past, present] = texts(&backend);
    assert_eq!(embeds, "embeds float32 [1, 2, 4]");
    assert_eq!(past, "past_key_values.0.key float32 [1, ?, 4]");
    assert_eq!(present, "present.0.key float32 [1, ?, 4]");
    start(&mut backend);
    run_step(&mut backend, 0);
    backend.carry(PRESENT[0], PAST[0]).unwrap();
    let [embeds, past, present] = texts(&backend);
    assert_eq!(embeds, "embeds float32 [1, 3, 4]");
    assert_eq!(past, "past_key_values.0.key float32 [1, 3, 4]");
    assert_eq!(present, "present.0.key float32 [1, 3, 4]");
}

#[test]
fn an_input_that_is_left_open_runs_once_it_has_a_shape() {
    let Some(runtime) = runtime_or_skip("open input") else { return };
    let mut backend = open_small(runtime, "yolo_rows_open", &[]);
    assert_eq!(backend.signature().inputs[0].to_string(), "images float32 [?, 3, ?, ?]");
    let error = backend.run().unwrap_err().to_string();
    assert_eq!(error, "input images float32 [?, 3, ?, ?] leaves dimensions open, expected a shape for it");
    backend.reshape(0, &[1, 3, 8, 16]).unwrap();
    backend.run().unwrap();
    assert_eq!(backend.output(0).shape, [1, 7, 6]);
}

#[test]
fn a_reshape_that_the_graph_forbids_names_input_declaration_and_shape() {
    let Some(runtime) = runtime_or_skip("forbidden reshape") else { return };
    let mut backend = open_small(runtime, "growing_cache", &[]);
    start(&mut backend);
    for shape in [vec![1, 3, 5], vec![2, 3, 4], vec![1, 4], vec![]] {
        let error = backend.reshape(EMBEDS, &shape).unwrap_err().to_string();
        assert_eq!(error, format!("input embeds float32 [1, ?, 4] does not take shape {shape:?}"));
    }
    let error = backend.reshape(EMBEDS, &[1, usize::MAX, 4]).unwrap_err();
    assert!(matches!(error, InferError::Runtime { .. }), "{error}");
    run_step(&mut backend, 0);
}

#[test]
fn a_run_that_fails_leaves_what_was_carried_and_the_next_one_goes_on() {
    let Some(runtime) = runtime_or_skip("failed run") else { return };
    let mut backend = open_small(runtime, "growing_cache", &[]);
    start(&mut backend);
    run_step(&mut backend, 0);
    backend.carry(PRESENT[0], PAST[0]).unwrap();
    // The values are one position short of the keys.
    backend.reshape(PAST[1], &[1, 2, 4]).unwrap();
    for _ in 0..2 {
        let error = backend.run().unwrap_err();
        assert!(matches!(error, InferError::Run { .. }), "{error}");
        assert_eq!(floats(&mut backend, PAST[0]), embeds(0));
    }
    backend.reshape(PAST[1], &[1, 3, 4]).unwrap();
    run_step(&mut backend, 1);
    assert_eq!(f32s(&backend, PRESENT[0]), [embeds(0), embeds(1)].concat());
}

#[test]
fn outputs_stay_in_their_tensors_while_the_shapes_stay() {
    let Some(runtime) = runtime_or_skip("kept outputs") else { return };
    let mut backend = open_small(runtime, "yolo_rows_open", &[]);
    for width in [16, 32, 16] {
        backend.reshape(0, &[1, 3, 8, width]).unwrap();
        backend.run().unwrap();
        let place = f32s(&backend, 0).as_ptr();
        let per_run = allocations_in(|| backend.run().unwrap());
        for step in 0..10_u8 {
            fill_f32(&mut backend, 0, &vec![f32::from(step); 3 * 8 * width]);
            assert_eq!(allocations_in(|| backend.run().unwrap()), per_run, "ort's own list");
            assert_eq!(f32s(&backend, 0).as_ptr(), place);
            assert_eq!(f32s(&backend, 0)[4 * 6], f32::from(step), "the first score is the mean of red");
        }
    }
}

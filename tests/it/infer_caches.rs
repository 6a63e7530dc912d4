//! Caches of the ONNX Runtime backend beside those that grow: of one length, shared, and refused.

use crate::allocations::allocations_in;
use crate::onnx_runtime::{cpu, fill_f32, fill_i64, floats, named, open_small, runtime_or_skip, small_model};
use vedette::infer::{Backend, InferError, OrtBackend, Provider, SessionOptions};
use vedette::types::TensorMut;

/// The places in `grouped_query_cache`.
const EMBEDS: usize = 0;
const MASK: usize = 1;
const PAST: [usize; 2] = [2, 3];
const LOGITS: usize = 0;
const PRESENT: [usize; 2] = [1, 2];

/// Positions, a row of 16 each, of a prefill of five and of single ones after it.
fn embeds(step: usize) -> Vec<f32> {
    let positions = if step == 0 { 5 } else { 1 };
    (0..positions * 16).map(|index| ((step * 13 + index * 5) % 17) as f32 * 0.2 - 1.6).collect()
}

fn run_step(backend: &mut impl Backend, step: usize) {
    let embeds = embeds(step);
    let positions = step + 5;
    backend.reshape(EMBEDS, &[1, embeds.len() / 16, 16]).unwrap();
    backend.reshape(MASK, &[1, positions]).unwrap();
    fill_f32(backend, EMBEDS, &embeds);
    fill_i64(backend, MASK, &vec![1; positions]);
    backend.run().unwrap();
}

#[test]
fn a_shared_cache_is_extended_in_place_and_gives_what_a_growing_one_gives() {
    let Some(runtime) = runtime_or_skip("shared cache") else { return };
    const LONGEST: usize = 32;
    let mut growing = open_small(runtime, "grouped_query_cache", &[]);
    let mut shared = open_small(runtime, "grouped_query_cache", &[]);
    for (present, past) in PRESENT.into_iter().zip(PAST) {
        shared.share(present, past).unwrap();
    }
    for _ in 0..2 {
        for past in PAST {
            growing.reshape(past, &[1, 1, 0, 8]).unwrap();
            shared.reshape(past, &[1, 1, LONGEST, 8]).unwrap();
        }
        let place = floats(&mut shared, PAST[0]).as_ptr();
        for step in 0..LONGEST - 4 {
            run_step(&mut growing, step);
            run_step(&mut shared, step);
            assert_eq!(shared.output(LOGITS), growing.output(LOGITS), "step {step}");
            for (present, past) in PRESENT.into_iter().zip(PAST) {
                assert_eq!(shared.output(present).shape, [1, 1, LONGEST, 8]);
                growing.carry(present, past).unwrap();
                shared.carry(present, past).unwrap();
                let rows = floats(&mut growing, past).to_vec();
                assert_eq!(rows.len(), (step + 5) * 8);
                assert_eq!(floats(&mut shared, past)[..rows.len()], rows, "step {step}: written into the input itself");
            }
            assert_eq!(floats(&mut shared, PAST[0]).as_ptr(), place);
        }
    }
}

#[test]
fn a_graph_that_makes_a_longer_cache_cannot_share_it() {
    let Some(runtime) = runtime_or_skip("sharing refused") else { return };
    let shapes = ["embeds", "past_key_values.0.key", "past_key_values.0.value"].map(|name| named(name, &[1, 2, 4]));
    let mut backend = open_small(runtime, "growing_cache", &shapes);
    backend.share(1, 1).unwrap();
    for _ in 0..2 {
        let error = backend.run().unwrap_err();
        assert!(matches!(error, InferError::Run { .. }), "{error}");
    }
    let mut backend = open_small(runtime, "halving_cache", &[]);
    let error = backend.share(0, 0).unwrap_err().to_string();
    assert_eq!(error, "output present float16 [?, 2] does not fit input past float32 [?, 2]");
}

#[test]
fn a_cache_of_one_length_moves_between_two_tensors() {
    let Some(runtime) = runtime_or_skip("cache of one length") else { return };
    const DOUBLED: usize = 2;
    let mut backend = open_small(runtime, "halving_cache", &[named("past", &[3, 2])]);
    fill_f32(&mut backend, 0, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let mut places = Vec::new();
    let mut first = 1.0;
    for _ in 0..10 {
        backend.run().unwrap();
        assert_eq!(allocations_in(|| backend.carry(DOUBLED, 0).unwrap()), 0);
        let input = floats(&mut backend, 0);
        first *= 2.0;
        assert_eq!(input, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(|value| value * first));
        if !places.contains(&input.as_ptr()) {
            places.push(input.as_ptr());
        }
        assert_eq!(allocations_in(|| backend.reshape(0, &[3, 2]).unwrap()), 0, "the same shape again costs nothing");
    }
    assert_eq!(places.len(), 2);
}

#[test]
fn what_does_not_fit_is_not_carried_and_stays_readable() {
    let Some(runtime) = runtime_or_skip("carry refused") else { return };
    let mut backend = open_small(runtime, "halving_cache", &[named("past", &[3, 2])]);
    for (output, text) in [(0, "present float16 [3, 2]"), (1, "turned float32 [2, 3]")] {
        let error = backend.carry(output, 0).unwrap_err().to_string();
        assert_eq!(error, format!("output {text} does not fit input past float32 [?, 2]"));
        assert_eq!(backend.output(output).shape.iter().product::<usize>(), 6);
    }
    backend.run().unwrap();
}

#[test]
fn an_output_is_carried_once_for_each_run() {
    let Some(runtime) = runtime_or_skip("carried twice") else { return };
    let mut backend = open_small(runtime, "halving_cache", &[]);
    let error = backend.carry(2, 0).unwrap_err().to_string();
    assert_eq!(error, "output doubled float32 [?, 2] holds no value, expected a run before it is carried");
    backend.reshape(0, &[1, 2]).unwrap();
    backend.run().unwrap();
    backend.carry(2, 0).unwrap();
    assert!(matches!(backend.carry(2, 0), Err(InferError::NoValue { .. })));
    let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| backend.output(2).shape.len()));
    assert!(read.is_err(), "documented as a panic");
    backend.run().unwrap();
    assert_eq!(backend.output(2).shape, [1, 2]);
}

#[test]
fn kept_on_the_device_changes_nothing_on_the_cpu() {
    let Some(runtime) = runtime_or_skip("kept on the device") else { return };
    let options = SessionOptions { providers: vec![Provider::Cpu], ..cpu() };
    let shapes = [named("past", &[1, 2])];
    let mut backend = OrtBackend::open(runtime, &small_model("halving_cache"), &options, &shapes).unwrap();
    backend.keep_on_device(2);
    fill_f32(&mut backend, 0, &[1.5, 2.5]);
    backend.run().unwrap();
    backend.carry(2, 0).unwrap();
    let TensorMut::F32(input) = backend.input(0) else { panic!("the input is not float32") };
    assert_eq!(input, [3.0, 5.0]);
}

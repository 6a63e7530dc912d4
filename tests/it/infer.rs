//! The ONNX Runtime backend on small models: tensors, shapes, providers, proof, broken files.

use crate::onnx_runtime::{cpu, fill_f32, named, open_small, runtime_or_skip, small_model};
use vedette::infer::{
    Backend, InferError, OrtBackend, Provider, ProviderPolicy, Runtime, SessionOptions, TensorRtOptions,
};
use vedette::types::{Element, TensorData, TensorMut};

fn open_error(runtime: &'static Runtime, name: &str, shapes: &[(String, Vec<usize>)]) -> String {
    OrtBackend::open(runtime, &small_model(name), &cpu(), shapes).unwrap_err().to_string()
}

#[test]
fn two_inputs_and_two_outputs_keep_their_places_from_run_to_run() {
    let Some(runtime) = runtime_or_skip("two_inputs") else { return };
    let mut backend = open_small(runtime, "two_inputs", &[named("value", &[2]), named("count", &[2])]);
    for step in [1_i64, 5] {
        fill_f32(&mut backend, 0, &[0.5, 1.5]);
        let TensorMut::I64(count) = backend.input(1) else { panic!("input 1 is not int64") };
        count.fill(step);
        backend.run().unwrap();
        let expected = [0.5 + step as f32, 1.5 + step as f32];
        assert_eq!(backend.output(0).data, TensorData::F32(&expected));
        assert_eq!(backend.output(1).data, TensorData::I64(&[2 * step, 2 * step]));
        assert_eq!(backend.output(1).shape, [2]);
    }
}

#[test]
fn every_run_reads_the_input_of_its_own_where_one_node_of_many_is_on_a_gpu() {
    let Some(runtime) = runtime_or_skip("mostly on the CPU") else { return };
    let mut backend = open_small(runtime, "mostly_on_the_cpu", &[]);
    for values in [[0.0, 0.1, 0.2, 0.3], [0.4, 0.3, 0.2, 0.1], [0.25; 4]] {
        fill_f32(&mut backend, 0, &values);
        backend.run().unwrap();
        let TensorData::F32(found) = backend.output(0).data else { panic!("the output is not float32") };
        for (found, value) in found.iter().zip(values) {
            assert!((found - 3.0 * value).abs() < 1e-5, "{found} for 3 * {value}, {:?}", backend.proof());
        }
    }
}

#[test]
fn the_signature_states_what_is_bound() {
    let Some(runtime) = runtime_or_skip("signature") else { return };
    let backend = open_small(runtime, "yolo_rows_open", &[named("images", &[1, 3, 32, 96])]);
    let signature = backend.signature();
    assert_eq!(signature.inputs[0].to_string(), "images float32 [1, 3, 32, 96]");
    assert_eq!(signature.outputs[0].to_string(), "output0 float32 [1, 7, 6]");
    assert_eq!(signature.metadata["names"], "{0: 'red', 1: 'green', 2: 'traffic light'}");
    let backend = open_small(runtime, "yolo_rows_f16", &[]);
    assert_eq!(backend.signature().inputs[0].element, Element::F16);
}

#[test]
fn a_shape_that_the_graph_forbids_is_refused_with_both() {
    let Some(runtime) = runtime_or_skip("forbidden shape") else { return };
    let error = open_error(runtime, "yolo_rows", &[named("images", &[1, 3, 640, 640])]);
    assert_eq!(error, "input images float32 [1, 3, 64, 64] does not take shape [1, 3, 640, 640]");
}

#[test]
fn a_shape_for_an_input_that_the_model_lacks_lists_its_inputs() {
    let Some(runtime) = runtime_or_skip("unknown input") else { return };
    let error = open_error(runtime, "two_inputs", &[named("images", &[1, 3, 64, 64])]);
    assert_eq!(error, "model has no input \"images\", its inputs are [value float32 [?], count int64 [?]]");
}

#[test]
fn an_input_of_another_type_is_refused_by_name() {
    let Some(runtime) = runtime_or_skip("integer inputs") else { return };
    let error = open_error(runtime, "double_input", &[]);
    let expected = "tensor \"images\" is float64, expected a tensor of float32, float16, int64, int32, uint8 or bool";
    assert_eq!(error, expected);
}

#[test]
fn bytes_and_short_integers_go_in_and_come_out() {
    let Some(runtime) = runtime_or_skip("integer inputs") else { return };
    let mut backend = open_small(runtime, "byte_input", &[]);
    let TensorMut::U8(input) = backend.input(0) else { panic!("the input is not uint8") };
    input.copy_from_slice(&[0, 1, 127, 255]);
    backend.run().unwrap();
    assert_eq!(backend.output(0).data, TensorData::F32(&[0.0, 1.0, 127.0, 255.0]));
    let mut backend = open_small(runtime, "integer_input", &[]);
    let TensorMut::I32(input) = backend.input(0) else { panic!("the input is not int32") };
    input.copy_from_slice(&[-1, 0, 1, i32::MIN]);
    backend.run().unwrap();
    assert_eq!(backend.output(0).data, TensorData::F32(&[-1.0, 0.0, 1.0, -2_147_483_648.0]));
    let mut backend = open_small(runtime, "integer_output", &[]);
    fill_f32(&mut backend, 0, &[1.0, 2.0, -3.0, 4.0]);
    backend.run().unwrap();
    assert_eq!(backend.output(0).data, TensorData::I32(&[1, 2, -3, 4]));
}

#[test]
fn outputs_of_other_types_are_left_out_and_the_rest_is_read() {
    let Some(runtime) = runtime_or_skip("left out outputs") else { return };
    let mut backend = open_small(runtime, "flags", &[named("mask", &[3]), named("value", &[3])]);
    let outputs: Vec<_> = backend.signature().outputs.iter().map(ToString::to_string).collect();
    assert_eq!(outputs, ["count int32 []", "kept float32 [3]", "bytes uint8 [3]", "masked_out bool [3]"]);
    for mask in [[true, false, true], [false, false, true]] {
        let TensorMut::Bool(input) = backend.input(0) else { panic!("the mask is not bool") };
        input.copy_from_slice(&mask);
        fill_f32(&mut backend, 1, &[1.0, 2.0, 3.0]);
        backend.run().unwrap();
        let kept: Vec<f32> =
            mask.iter().zip([1.0, 2.0, 3.0]).map(|(keep, value)| if *keep { value } else { 0.0 }).collect();
        assert_eq!(
            backend.output(0).data,
            TensorData::I32(&[i32::try_from(kept.iter().filter(|kept| **kept > 0.0).count()).unwrap()])
        );
        assert_eq!(backend.output(1).data, TensorData::F32(&kept));
        assert_eq!(backend.output(2).data, TensorData::U8(&[1, 2, 3]));
        assert_eq!(backend.output(3).data, TensorData::Bool(&mask.map(|flag| !flag)));
    }
    let error = open_error(runtime, "double_output", &[]);
    let expected = "tensor \"labels\" is float64, expected a tensor of float32, float16, int64, int32, uint8 or bool";
    assert_eq!(error, expected);
}

#[test]
fn weights_in_a_file_beside_the_model_are_found_and_missed() {
    let Some(runtime) = runtime_or_skip("external weights") else { return };
    let mut backend = open_small(runtime, "external_weights", &[]);
    fill_f32(&mut backend, 0, &[0.5; 4]);
    backend.run().unwrap();
    assert_eq!(backend.output(0).data, TensorData::F32(&[1.5, 2.5, 3.5, 4.5]));

    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("model.onnx");
    std::fs::copy(small_model("external_weights"), &alone).unwrap();
    for options in [cpu(), SessionOptions::default()] {
        let error = OrtBackend::open(runtime, &alone, &options, &[]).unwrap_err();
        assert!(matches!(&error, InferError::WeightsMissing { path, .. } if *path == alone), "{error}");
        assert!(error.to_string().contains("external_weights.onnx_data"), "{error}");
    }
}

#[test]
fn outputs_whose_shape_depends_on_the_values_have_the_shape_of_each_run() {
    let Some(runtime) = runtime_or_skip("growing output") else { return };
    let mut backend = open_small(runtime, "growing_output", &[]);
    assert_eq!(backend.output(0).shape, [1, 0], "the warm-up runs on zeros");
    for (values, places) in [([0.0, 1.0, 1.0, 0.0], vec![1, 2]), ([0.0; 4], vec![]), ([2.0, 0.0, 0.0, 0.0], vec![0])] {
        fill_f32(&mut backend, 0, &values);
        backend.run().unwrap();
        assert_eq!(backend.output(0).data, TensorData::I64(&places));
        assert_eq!(backend.output(0).shape, [1, places.len()]);
    }
}

#[test]
fn a_missing_file_and_a_broken_one_are_named() {
    let Some(runtime) = runtime_or_skip("broken files") else { return };
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.onnx");
    let error = OrtBackend::open(runtime, &missing, &cpu(), &[]).unwrap_err();
    assert_eq!(error, InferError::ModelMissing { path: missing });

    let whole = std::fs::read(small_model("yolo_rows")).unwrap();
    let garbled = [&whole[..20], &[0xff; 100]].concat();
    for (what, bytes) in [("cut", &whole[..whole.len() / 2]), ("garbled", &garbled)] {
        let path = folder.path().join(format!("{what}.onnx"));
        std::fs::write(&path, bytes).unwrap();
        for options in [cpu(), SessionOptions::default()] {
            let error = OrtBackend::open(runtime, &path, &options, &[]).unwrap_err();
            assert!(matches!(error, InferError::ModelBroken { .. }), "{what}: {error}");
            assert!(error.to_string().contains(&*path.to_string_lossy()), "{what}: {error}");
        }
    }
}

#[test]
fn the_proof_counts_the_nodes_of_the_provider_that_runs() {
    let Some(runtime) = runtime_or_skip("proof") else { return };
    let options = SessionOptions { providers: vec![Provider::Cpu], ..cpu() };
    let backend = OrtBackend::open(runtime, &small_model("yolo_rows"), &options, &[]).unwrap();
    let proof = backend.proof();
    assert_eq!(proof.running, Provider::Cpu);
    assert!(!proof.is_fallback() && proof.refused.is_empty());
    if !runtime.tells_node_assignment() {
        assert!(proof.nodes.is_none() && proof.to_string().contains("unknown before ONNX Runtime 1.24"), "{proof}");
        return;
    }
    let Some([(name, count)]) = proof.nodes.as_deref() else { panic!("one provider expected: {proof}") };
    assert_eq!(name, "CPUExecutionProvider");
    assert!((1..=4).contains(count), "{proof}");
}

#[test]
fn fallback_runs_on_the_next_provider_and_says_why() {
    let Some(runtime) = runtime_or_skip("fallback") else { return };
    let options = SessionOptions { intra_op_threads: 1, ..SessionOptions::default() };
    let backend = OrtBackend::open(runtime, &small_model("yolo_rows"), &options, &[]).unwrap();
    let proof = backend.proof();
    assert_eq!(proof.requested, Provider::ALL);
    if proof.running != Provider::Cpu {
        eprintln!("SKIPPED fallback: this machine runs {proof}");
        return;
    }
    assert!(proof.is_fallback());
    if let Some(nodes) = &proof.nodes {
        assert_eq!(nodes[0].0, "CPUExecutionProvider");
    }
    let refused: Vec<_> = proof.refused.iter().map(|refusal| refusal.provider).collect();
    assert_eq!(refused, [Provider::TensorRt, Provider::Cuda]);
    for refusal in &proof.refused {
        assert!(is_readable(&refusal.reason) && is_readable(&refusal.cure), "{refusal:?}");
    }
}

#[test]
fn strict_fails_with_the_reason_and_the_cure() {
    let Some(runtime) = runtime_or_skip("strict") else { return };
    for provider in [Provider::TensorRt, Provider::Cuda] {
        let options = SessionOptions {
            providers: vec![provider, Provider::Cpu],
            policy: ProviderPolicy::Strict,
            ..SessionOptions::default()
        };
        match OrtBackend::open(runtime, &small_model("yolo_rows"), &options, &[]) {
            Ok(backend) => eprintln!("SKIPPED strict {provider}: this machine runs {}", backend.proof()),
            Err(InferError::Strict { provider: refused, reason, cure }) => {
                assert_eq!(refused, provider);
                assert!(is_readable(&reason), "{reason}");
                let known = ["make setup GPU=1", "NVIDIA", "--features"];
                assert!(known.iter().any(|words| cure.contains(words)), "{reason}: {cure}");
                eprintln!("strict {provider}: {reason}; cure: {cure}");
            }
            Err(other) => panic!("expected a strict error, found: {other}"),
        }
    }
}

/// One line that names no source file of ONNX Runtime.
fn is_readable(text: &str) -> bool {
    !text.is_empty() && !text.contains('\n') && !text.contains(".cc:") && text.len() <= 300
}

#[test]
fn without_cpu_in_the_list_nothing_falls_back_silently() {
    let Some(runtime) = runtime_or_skip("no cpu") else { return };
    for providers in [vec![], vec![Provider::Cuda]] {
        let options = SessionOptions { providers, ..SessionOptions::default() };
        match OrtBackend::open(runtime, &small_model("yolo_rows"), &options, &[]) {
            Ok(backend) => eprintln!("SKIPPED no cpu: this machine runs {}", backend.proof()),
            Err(error) => assert!(matches!(error, InferError::NoProvider { .. }), "{error}"),
        }
    }
}

#[test]
fn an_engine_cache_that_cannot_be_made_is_no_matter_without_tensorrt() {
    let Some(runtime) = runtime_or_skip("engine cache") else { return };
    let tensorrt = TensorRtOptions { cache_dir: Some("/proc/no/such".into()), ..TensorRtOptions::default() };
    let options = SessionOptions { tensorrt, ..SessionOptions::default() };
    match OrtBackend::open(runtime, &small_model("yolo_rows"), &options, &[]) {
        Ok(backend) => assert_ne!(backend.proof().running, Provider::TensorRt),
        Err(error) => assert!(matches!(error, InferError::Runtime { .. }), "{error}"),
    }
}

#[test]
fn the_runtime_states_its_file_and_version() {
    let Some(runtime) = runtime_or_skip("runtime") else { return };
    assert!(runtime.version().starts_with("1."), "{}", runtime.version());
    assert!(runtime.built_in_providers().contains(&Provider::Cpu));
    assert!(runtime.path().exists());
    assert_eq!(Runtime::load(None).unwrap().path(), runtime.path(), "one runtime for the process");
}

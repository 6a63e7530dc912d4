//! For which sessions TensorRT is asked at all: the sizes of all their inputs are known, or within known bounds.

use super::generate::graphs::{copied, manifest_of};
use super::{Fixture, SPLIT, WHOLE};
use crate::onnx_runtime::runtime_or_skip;
use vedette::infer::{Proof, Provider, SessionOptions};
use vedette::zoo::prompt::clip::CropScorer;
use vedette::zoo::{self, Family};

/// How the reason of a graph begins whose sizes nobody knows.
const OPEN: &str = "an input has sizes that are not known before it runs (";

/// What speaks against TensorRT for the graph itself, whatever this machine has.
fn against_the_graph(proof: &Proof) -> Option<&str> {
    let refusal = proof.refused.iter().find(|refusal| refusal.provider == Provider::TensorRt);
    let refusal = refusal.filter(|refusal| refusal.reason.starts_with(OPEN))?;
    assert!(refusal.cure.contains("fixed sizes"), "{}", refusal.cure);
    Some(&refusal.reason[OPEN.len()..])
}

fn everything() -> SessionOptions {
    SessionOptions { intra_op_threads: 1, ..SessionOptions::default() }
}

#[test]
fn tensorrt_is_asked_for_detectors_and_scorers_whose_sizes_are_known() {
    let Some(runtime) = runtime_or_skip("engines of detectors") else { return };
    let of = |name: &str, family, files: &[&str]| Fixture::open(name).manifest(family, files);
    let detr = ["rtdetr", "rtdetr_v2", "dfine", "rfdetr"].map(|name| (of(name, Family::Detr, &WHOLE[..3]), None));
    let owl = ["owlvit", "owlv2"].map(|name| (of(name, Family::Owl, &WHOLE), None));
    // Its pictures keep their aspect, and a caption is as long as it is.
    let dino = (of("grounding_dino", Family::GroundingDino, &WHOLE), Some("pixel_values float32 [?, 3, ?, ?]"));
    for (manifest, expected) in detr.into_iter().chain(owl).chain([dino]) {
        let detector = zoo::load(&manifest, runtime, &everything()).unwrap();
        let found = against_the_graph(detector.proof());
        match expected {
            Some(expected) => {
                assert!(found.is_some_and(|found| found.contains(expected)), "{}: {found:?}", manifest.name)
            }
            None => assert_eq!(found, None, "{}", manifest.name),
        }
    }
    for (name, family) in [("clip", Family::Clip), ("siglip", Family::Siglip)] {
        let manifest = Fixture::open(name).manifest(family, &SPLIT);
        let scorer = CropScorer::load(&manifest, runtime, &everything()).unwrap();
        assert_eq!(against_the_graph(scorer.proof()), None, "{name}");
    }
}

#[test]
fn tensorrt_is_never_asked_for_a_graph_that_grows_with_every_token() {
    let Some(runtime) = runtime_or_skip("engines of language models") else { return };
    for name in ["smolvlm", "florence2"] {
        let folder = tempfile::tempdir().unwrap();
        let manifest = manifest_of(&copied(&Fixture::open(name).checkpoint(), folder.path()), name, 256);
        let model = zoo::load_vision_language(&manifest, runtime, &everything()).unwrap();
        assert!(model.proofs().len() >= 3);
        // One picture of one size is no trouble, and a table of tokens is not for a GPU at all.
        let grows = |role: &str| !(role == "embed_tokens" || name == "florence2" && role == "vision_encoder");
        for (role, proof) in model.proofs() {
            assert_eq!(against_the_graph(proof).is_some(), grows(role), "{name} {role}: {proof}");
        }
    }
}

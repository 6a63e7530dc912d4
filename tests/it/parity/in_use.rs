//! A model that takes prompts itself, from its folder with a model.toml to the node's walk.

use super::Fixture;
use super::WHOLE;
use crate::onnx_runtime::runtime_or_skip;
use std::fs;
use std::path::Path;
use vedette::config::assembly::{LoadedModel, load_model};
use vedette::config::{Config, ProviderName};
use vedette::zoo::Thresholds;

/// Writes a model folder as `vedette models fetch` leaves one: a manifest over the hub's layout, with its family, task
/// and further tables.
pub fn write_model(folder: &Path, fixture: &str, (family, task, tables): (&str, &str, &str), files: &[&str]) {
    let checkpoint = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/parity").join(fixture).join("checkpoint");
    let mut manifest = format!(
        "family = \"{family}\"\ntask = \"{task}\"\nsource = \"models/parity\"\nverified = false\n\n\
         {tables}[license]\nname = \"Apache-2.0\"\n"
    );
    for file in files {
        let to = folder.join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(checkpoint.join(file), to).unwrap();
        manifest.push_str(&format!("\n[[files]]\npath = \"{file}\"\n"));
    }
    fs::write(folder.join("model.toml"), manifest).unwrap();
}

fn config(folder: &Path, prompts: &[&str]) -> Config {
    Config {
        model_dirs: vec![folder.to_owned()],
        model: "tiny".to_owned(),
        providers: vec![ProviderName::Cpu],
        intra_op_threads: 1,
        prompts: prompts.iter().map(|&text| text.to_owned()).collect(),
        ..Config::default()
    }
}

#[test]
fn a_model_that_takes_prompts_itself_needs_no_text_model() {
    if runtime_or_skip("prompted models in use").is_none() {
        return;
    }
    let picture = Fixture::open("owlv2").cases()[0].picture.clone();
    for (fixture, family) in [("owlvit", "owl"), ("owlv2", "owl"), ("grounding_dino", "grounding_dino")] {
        let folder = tempfile::tempdir().unwrap();
        write_model(&folder.path().join("tiny"), fixture, (family, "detect", ""), &WHOLE);
        let LoadedModel { mut detector, prompts, mut prompter, .. } =
            load_model(&config(folder.path(), &["spoon", "cat"])).unwrap_or_else(|error| panic!("{error}"));
        detector.set_prompts(prompts.unwrap()).unwrap();
        let mut out = Vec::new();
        let all = Thresholds { score: 0.0, ..Thresholds::default() };
        detector.detect(&picture.view(), &all, &mut out).unwrap();
        assert!(!out.is_empty(), "{fixture}");
        detector.set_prompts(prompter.encode(["cup"]).unwrap()).unwrap();
        detector.detect(&picture.view(), &all, &mut out).unwrap();
        assert_eq!(detector.labels().names().collect::<Vec<_>>(), ["cup"], "{fixture}");
        assert!(!out.is_empty() && detector.labels().version() == 2, "{fixture}");

        let error = load_model(&config(folder.path(), &[])).err().unwrap().to_string();
        let expected = "parameter prompts: the model has no classes of its own, expected at least one prompt";
        assert_eq!(error, expected, "{fixture}");
        let error = load_model(&config(folder.path(), &[&"cat ".repeat(63)])).err().unwrap().to_string();
        assert!(error.contains("tokens, expected at most"), "{fixture}: {error}");
    }
}

#[test]
fn a_detector_with_fixed_classes_loads_by_its_manifest_alone() {
    if runtime_or_skip("fixed classes in use").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    write_model(&folder.path().join("tiny"), "dfine", ("detr", "detect", ""), &WHOLE[..3]);
    let LoadedModel { detector, prompts, .. } =
        load_model(&config(folder.path(), &[])).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((prompts, detector.labels().len()), (None, 80));
}

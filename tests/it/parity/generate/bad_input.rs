//! What comes in broken: files, graphs, questions, pictures; and answers that end early.

use super::graphs::*;
use crate::onnx_runtime::{cpu, runtime_or_skip};
use crate::parity::{Fixture, Picture};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use vedette::infer::Runtime;
use vedette::language::{ProposalForm, ProposalOrigin};
use vedette::types::{
    AnswerForm, Cancel, CancelReason, FinishReason, ImageView, InView, Labels, PixelFormat, Question, Sampling, Size,
    Stamp, TrackId,
};
use vedette::zoo::{VisionLanguageModel, ZooError, load_vision_language};

const TEST: &str = "broken checkpoints";

struct Checkpoint {
    _root: TempDir,
    folder: PathBuf,
    family: &'static str,
    context_tokens: usize,
}

impl Checkpoint {
    fn of(family: &'static str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = copied(&Fixture::open(family).checkpoint(), root.path());
        Self { _root: root, folder, family, context_tokens: 256 }
    }

    fn changed(self, file: &str, change: impl FnOnce(String) -> String) -> Self {
        let path = self.folder.join(file);
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
        self
    }

    fn replaced(self, file: &str, by: &Path) -> Self {
        fs::copy(by, self.folder.join(file)).unwrap();
        self
    }

    fn load(&self, runtime: &'static Runtime) -> Result<Box<dyn VisionLanguageModel>, ZooError> {
        load_vision_language(&manifest_of(&self.folder, self.family, self.context_tokens), runtime, &cpu())
    }

    fn refusal(&self, runtime: &'static Runtime) -> String {
        self.load(runtime).err().unwrap_or_else(|| panic!("a broken {} was loaded", self.family)).to_string()
    }
}

fn ask(
    model: &mut dyn VisionLanguageModel,
    question: &Question,
    cancel: &Cancel,
) -> Result<vedette::types::Answer, ZooError> {
    model.answer(&Picture::open("coffee.png").view(), question, cancel, &mut |_| {})
}

fn in_view() -> InView {
    InView { tracks: vec![(TrackId(3), "person".into()), (TrackId(8), "delivery van".into())] }
}

#[test]
fn each_missing_file_is_named() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    for (family, file, expected) in [
        ("smolvlm", "onnx/vision_encoder.onnx", "no file with the role \"vision_encoder\""),
        ("smolvlm", "onnx/decoder_model_merged.onnx", "no file with the role \"decoder_model_merged\""),
        ("smolvlm", "preprocessor_config.json", "no file with the role \"preprocessor_config\""),
        ("smolvlm", "tokenizer.json", "no file with the role \"tokenizer\""),
        ("smolvlm", "chat_template.json", "no chat template in"),
        ("florence2", "onnx/encoder_model.onnx", "no file with the role \"encoder_model\""),
        ("florence2", "generation_config.json", "has no decoder_start_token_id"),
    ] {
        let mut checkpoint = Checkpoint::of(family);
        if file == "generation_config.json" {
            checkpoint = checkpoint.changed("config.json", |text| text.replace("decoder_start_token_id", "unused"));
        }
        fs::remove_file(checkpoint.folder.join(file)).unwrap();
        // A preprocessor's keys may be in `processor_config.json`, which here has others only.
        if file == "preprocessor_config.json" {
            fs::remove_file(checkpoint.folder.join("processor_config.json")).unwrap();
        }
        let refusal = checkpoint.refusal(runtime);
        assert!(refusal.contains(expected), "{family} without {file}: {refusal}");
    }
}

#[test]
fn a_file_that_went_away_is_named_with_its_path() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    for file in ["onnx/embed_tokens.onnx", "tokenizer.json", "preprocessor_config.json"] {
        let checkpoint = Checkpoint::of("smolvlm");
        let manifest = manifest_of(&checkpoint.folder, "smolvlm", 256);
        fs::remove_file(checkpoint.folder.join(file)).unwrap();
        let refusal = load_vision_language(&manifest, runtime, &cpu()).err().unwrap().to_string();
        assert!(refusal.contains(file), "{refusal}");
    }
}

#[test]
fn a_graph_with_other_tensors_is_refused_with_both_lists() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let smolvlm = Fixture::open("smolvlm").checkpoint();
    let florence2 = Fixture::open("florence2").checkpoint();
    for (family, file, other, expected) in [
        (
            "smolvlm",
            "onnx/vision_encoder.onnx",
            smolvlm.join("onnx/embed_tokens.onnx"),
            &[
                "vision_encoder has inputs [input_ids int64",
                "inputs_embeds",
                "family smolvlm expects inputs [pixel_values",
            ][..],
        ),
        (
            "smolvlm",
            "onnx/embed_tokens.onnx",
            smolvlm.join("onnx/vision_encoder.onnx"),
            &["pixel_values float32", "expected an embedding's: int64 input_ids in"],
        ),
        (
            "smolvlm",
            "onnx/decoder_model_merged.onnx",
            florence2.join("onnx/decoder_model_merged.onnx"),
            &["input encoder_", "expected only inputs that are known"],
        ),
        (
            "florence2",
            "onnx/encoder_model.onnx",
            florence2.join("onnx/vision_encoder.onnx"),
            &["encoder_model has inputs [pixel_values", "expects inputs [inputs_embeds", "outputs [last_hidden_state"],
        ),
        ("florence2", "onnx/vision_encoder.onnx", smolvlm.join("onnx/vision_encoder.onnx"), &["does not take shape"]),
    ] {
        let refusal = Checkpoint::of(family).replaced(file, &other).refusal(runtime);
        assert!(expected.iter().all(|part| refusal.contains(part)), "{file}: {refusal}");
    }
}

#[test]
fn parts_of_two_checkpoints_are_refused_when_loaded() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let other = Fixture::open("florence2").checkpoint().join("onnx/embed_tokens.onnx");
    let refusal = Checkpoint::of("smolvlm").replaced("onnx/embed_tokens.onnx", &other).refusal(runtime);
    assert!(refusal.contains("features") || refusal.contains("does not take"), "{refusal}");
}

#[test]
fn a_tokenizer_of_another_model_is_refused() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let without_image =
        Checkpoint::of("smolvlm").changed("tokenizer.json", |text| text.replace("\"<image>\"", "\"<picture>\""));
    let refusal = without_image.refusal(runtime);
    assert!(refusal.contains("tokenizer.json has no token \"<image>\""), "{refusal}");

    let larger = Fixture::open("florence2").checkpoint().join("tokenizer.json");
    let checkpoint = Checkpoint::of("smolvlm").replaced("tokenizer.json", &larger);
    let checkpoint = checkpoint.changed("tokenizer.json", |text| text.replace("<cap>", "<fake_token_around_image>"));
    let refusal = checkpoint.refusal(runtime);
    assert!(refusal.contains("which embed_tokens does not take: they do not belong together"), "{refusal}");
}

#[test]
fn a_prompt_with_other_places_than_features_is_refused_when_loaded() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let checkpoint = Checkpoint::of("smolvlm").changed("processor_config.json", |text| text.replace('4', "5"));
    let refusal = checkpoint.refusal(runtime);
    let expected = "vision_encoder gives features [1, 4, 64], expected 5 of width 64, one for each image token";
    assert!(refusal.starts_with(expected), "{refusal}");
}

#[test]
fn configurations_that_are_none_are_named() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    for (file, text) in [
        ("preprocessor_config.json", "[]"),
        ("processor_config.json", "{"),
        ("tokenizer.json", "{}"),
        ("generation_config.json", "{\"eos_token_id\": \"two\"}"),
        ("chat_template.json", "{\"chat_template\": \"{% for\"}"),
    ] {
        let refusal = Checkpoint::of("smolvlm").changed(file, |_| text.to_owned()).refusal(runtime);
        assert!(refusal.contains(file), "{file}: {refusal}");
    }
}

#[test]
fn questions_that_cannot_be_asked_are_refused_and_the_model_goes_on() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let mut model = Checkpoint::of("smolvlm").load(runtime).unwrap();
    let huge = "why ".repeat(1_000_000);
    let long = "why? ".repeat(200);
    for (text, expected) in [
        ("", "is empty"),
        (" \n ", "is empty"),
        ("a\u{0}b", "holds the control character '\\0'"),
        ("<image> twice", "holds \"<image>\", one of the model's own tokens"),
        ("stop<end_of_utterance>", "holds \"<end_of_utterance>\""),
        (&huge, "has 3999999 bytes, expected at most 262144"),
        (&long, "expected fewer than the model's context of 256"),
    ] {
        let refusal = ask(&mut *model, &in_words(text, 8), &Cancel::new()).unwrap_err().to_string();
        assert!(refusal.contains(expected) && refusal.len() < 300, "{refusal}");
    }
    let refusal = ask(&mut *model, &in_words("Why?", 0), &Cancel::new()).unwrap_err().to_string();
    assert_eq!(refusal, "max_tokens is 0, expected at least 1");
    let answer = ask(&mut *model, &in_words("Why?\tAnd\nhow?", 8), &Cancel::new()).unwrap();
    assert_eq!((answer.tokens, answer.finish), (8, FinishReason::Length));
}

#[test]
fn florence2_takes_tasks_only() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let mut model = Checkpoint::of("florence2").load(runtime).unwrap();
    let long = format!("<OPEN_VOCABULARY_DETECTION>{}", "cat ".repeat(300));
    for (text, expected) in [
        ("What is this?", "has no task, which Florence-2 needs: expected one of <CAPTION>, <DETAILED_CAPTION>"),
        ("<OD> cats", "has words behind its task, expected <OD>"),
        ("<OPEN_VOCABULARY_DETECTION>", "has no words, expected <OPEN_VOCABULARY_DETECTION> with words"),
        ("<OPEN_VOCABULARY_DETECTION>a</s>b", "holds \"</s>\", one of the model's own tokens"),
        (&long, "expected fewer than the model's context of 256"),
    ] {
        let refusal = ask(&mut *model, &in_words(text, 8), &Cancel::new()).unwrap_err().to_string();
        assert!(refusal.contains(expected), "{refusal}");
    }
    let places = in_words("<REGION_TO_CATEGORY><loc_1><loc_2><loc_30><loc_40>", 4);
    assert_eq!(ask(&mut *model, &places, &Cancel::new()).unwrap().tokens, 4);
    let proposal = Question { form: AnswerForm::Proposal(in_view()), ..in_words("<OD>", 512) };
    let refusal = ask(&mut *model, &proposal, &Cancel::new()).unwrap_err().to_string();
    assert!(refusal.contains("wants a plan proposal, which Florence-2 cannot make"), "{refusal}");
}

#[test]
fn a_picture_of_one_pixel_is_a_picture() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let size = Size { width_px: 1, height_px: 1 };
    let dot = [9, 8, 7];
    let thin_size = Size { width_px: 1, height_px: 900 };
    let thin = [50; 2700];
    for (family, text) in [("smolvlm", "Why?"), ("florence2", "<OD>")] {
        let mut model = Checkpoint { context_tokens: 1024, ..Checkpoint::of(family) }.load(runtime).unwrap();
        for (pixels, size) in [(&dot[..], size), (&thin[..], thin_size)] {
            let view = ImageView::new(pixels, size, 3, PixelFormat::Rgb8).unwrap();
            let answer = model.answer(&view, &in_words(text, 4), &Cancel::new(), &mut |_| {}).unwrap();
            assert_eq!(answer.tokens, 4, "{family} {size}");
        }
    }
}

#[test]
fn an_answer_ends_between_two_tokens_when_it_is_cancelled() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    for (family, text) in [("smolvlm", "Why?"), ("florence2", "<OD>")] {
        let mut model = Checkpoint::of(family).load(runtime).unwrap();
        let cancel = Cancel::new();
        let answer = model
            .answer(&Picture::open("chelsea.png").view(), &in_words(text, 100), &cancel, &mut |_| {
                cancel.cancel(CancelReason::Deadline);
            })
            .unwrap();
        assert_eq!(answer.finish, FinishReason::Cancelled(CancelReason::Deadline));
        assert!((1..20).contains(&answer.tokens), "{family}: {}", answer.tokens);
        let answer = ask(&mut *model, &in_words(text, 3), &cancel).unwrap();
        assert_eq!((answer.tokens, &*answer.text), (0, ""), "{family}");
        assert_eq!(ask(&mut *model, &in_words(text, 3), &Cancel::new()).unwrap().tokens, 3);
    }
}

#[test]
fn an_answer_that_never_ends_stops_at_the_context() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let mut model = Checkpoint { context_tokens: 140, ..Checkpoint::of("smolvlm") }.load(runtime).unwrap();
    let answer = ask(&mut *model, &in_words("What is this?", 1_000_000), &Cancel::new()).unwrap();
    assert_eq!(answer.prompt_tokens + answer.tokens, 140);
    assert_eq!(answer.finish, FinishReason::Length);
}

#[test]
fn a_thousand_proposals_of_a_random_model_are_about_what_is_in_view_or_refused_with_what_they_need() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let mut model = Checkpoint { context_tokens: 2048, ..Checkpoint::of("smolvlm") }.load(runtime).unwrap();
    let labels = Labels::new(["person", "delivery van"], 1);
    let wanted = |in_view: &InView, max_tokens, sampling| Question {
        form: AnswerForm::Proposal(in_view.clone()),
        sampling,
        ..in_words("What next?", max_tokens)
    };
    let temperatures = [2.0, 5.0, 10.0].into_iter().cycle();
    let random =
        temperatures.zip(0..1000).map(|(temperature, seed)| Sampling::Random { temperature, top_p: 0.95, seed });
    let (mut steps, mut answers) = (0, BTreeSet::new());
    for (number, sampling) in (0u64..).zip(random.chain([Sampling::Greedy])) {
        let names = ["person", "delivery van"].into_iter().cycle();
        let tracks = (0..number % 7).zip(names).map(|(track, name)| (TrackId(number + 3 * track), name.into()));
        let in_view = InView { tracks: tracks.collect() };
        let answer = ask(&mut *model, &wanted(&in_view, 512, sampling), &Cancel::new()).unwrap();
        assert_eq!(answer.finish, FinishReason::Stop);
        let origin = ProposalOrigin { stamp: Stamp::default(), labels: &labels, model: "tiny".into() };
        let proposal = ProposalForm::new(&in_view).parse(&answer.text, &origin).unwrap();
        for step in &proposal.steps {
            let Some(track) = step.track else { continue };
            let known = in_view.tracks.iter().find(|(id, _)| *id == track);
            let (_, name) = known.unwrap_or_else(|| panic!("{track} is not in view: {}", answer.text));
            assert_eq!(step.class, labels.find(name), "{}", answer.text);
        }
        steps += proposal.steps.len();
        answers.insert(answer.text);
    }
    assert!(steps > 300 && answers.len() > 900, "{steps} steps in {} different answers", answers.len());
    let refusal = ask(&mut *model, &wanted(&in_view(), 60, Sampling::Greedy), &Cancel::new()).unwrap_err().to_string();
    assert!(refusal.starts_with("token limit is 60, expected at least "), "{refusal}");
}

#[test]
fn the_same_seed_says_the_same() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let mut model = Checkpoint::of("smolvlm").load(runtime).unwrap();
    let mut said = |seed| {
        let sampling = Sampling::Random { temperature: 1.5, top_p: 0.9, seed };
        ask(&mut *model, &Question { sampling, ..in_words("Why?", 24) }, &Cancel::new()).unwrap().text
    };
    let first = said(1);
    assert_eq!(said(1), first);
    assert_ne!(said(2), first);
}

#[test]
fn logits_that_are_no_numbers_are_an_error_and_no_answer() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let checkpoint = Checkpoint::of("smolvlm");
    let path = checkpoint.folder.join("onnx/embed_tokens.onnx");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 4..bytes.len() / 2;
    // Four such bytes are NaN: the rows of letters.
    bytes[middle].fill(0xFF);
    fs::write(&path, bytes).unwrap();
    let mut model = checkpoint.load(runtime).unwrap();
    let refusal = ask(&mut *model, &in_words("What is this?", 8), &Cancel::new()).unwrap_err().to_string();
    assert!(refusal.starts_with("logits hold NaN at token "), "{refusal}");
}

//! Reading a fixture: the checkpoint, the reference's cases, and the tensors that they name.

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use vedette::infer::{Backend, OrtBackend, Runtime};
use vedette::language::{
    CacheLayout, Decoder, EmbeddingGraph, GenerationConfig, GenerationOptions, Positions, Prompt, TokenEmbedder,
    generate,
};
use vedette::types::{
    AnswerForm, Cancel, FinishReason, ImageView, PixelFormat, Question, Sampling, Size, TensorData, TensorMut,
    TensorRef,
};
use vedette::zoo::Manifest;

use crate::onnx_runtime::cpu;

/// How many tokens the reference said.
pub const TOKENS: usize = 64;

pub fn parity_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/parity")
}

/// One family's reference.
pub struct Reference {
    folder: PathBuf,
    json: Value,
    tensors: Vec<u8>,
}

impl Reference {
    pub fn open(name: &str) -> Self {
        let folder = parity_folder().join(name);
        let json = serde_json::from_str(&fs::read_to_string(folder.join("reference.json")).unwrap()).unwrap();
        let tensors = fs::read(folder.join("reference.safetensors")).unwrap();
        Self { folder, json, tensors }
    }

    pub fn get(&self, key: &str) -> &Value {
        &self.json[key]
    }

    pub fn checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoint")
    }

    pub fn cases(&self) -> impl Iterator<Item = Case<'_>> {
        self.json["cases"].as_array().unwrap().iter().map(|json| Case { reference: self, json })
    }

    fn tensor(&self, name: &str, dtype: Dtype) -> (Vec<usize>, Vec<u8>) {
        let tensors = SafeTensors::deserialize(&self.tensors).unwrap();
        let tensor = tensors.tensor(name).unwrap();
        assert_eq!(tensor.dtype(), dtype, "{name}");
        (tensor.shape().to_vec(), tensor.data().to_vec())
    }
}

/// One picture with one prompt.
pub struct Case<'a> {
    reference: &'a Reference,
    json: &'a Value,
}

impl Case<'_> {
    pub fn get(&self, key: &str) -> &Value {
        &self.json[key]
    }

    pub fn text(&self, key: &str) -> &str {
        self.json[key].as_str().unwrap_or_else(|| panic!("case {} has no text {key}", self.json["name"]))
    }

    pub fn name(&self) -> &str {
        self.text("name")
    }

    pub fn ids(&self, key: &str) -> Vec<u32> {
        self.json[key].as_array().unwrap().iter().map(|id| u32::try_from(id.as_u64().unwrap()).unwrap()).collect()
    }

    pub fn picture(&self) -> Picture {
        Picture::open(self.text("picture"))
    }

    fn named(&self, key: &str) -> &str {
        self.json["tensors"][key].as_str().unwrap_or_else(|| panic!("case {} has no tensor {key}", self.name()))
    }

    pub fn floats(&self, key: &str) -> (Vec<usize>, Vec<f32>) {
        let (shape, bytes) = self.reference.tensor(self.named(key), Dtype::F32);
        (shape, bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    pub fn integers(&self, key: &str) -> Vec<u32> {
        let (_, bytes) = self.reference.tensor(self.named(key), Dtype::I64);
        let value = |bytes: &[u8; 8]| u32::try_from(i64::from_le_bytes(*bytes)).unwrap();
        bytes.as_chunks().0.iter().map(value).collect()
    }

    pub fn bytes(&self, key: &str) -> (Vec<usize>, Vec<u8>) {
        self.reference.tensor(self.named(key), Dtype::U8)
    }
}

/// RGB bytes of one of the shared pictures.
pub struct Picture {
    pixels: Vec<u8>,
    size: Size,
}

impl Picture {
    pub fn open(name: &str) -> Self {
        let picture = image::open(parity_folder().join("pictures").join(name)).unwrap().to_rgb8();
        let size = Size { width_px: picture.width(), height_px: picture.height() };
        Self { pixels: picture.into_raw(), size }
    }

    pub fn view(&self) -> ImageView<'_> {
        ImageView::new(&self.pixels, self.size, self.size.width_px * 3, PixelFormat::Rgb8).unwrap()
    }
}

/// The manifest that a person would write for a checkpoint folder, every file listed.
pub fn manifest_of(folder: &Path, family: &str, context_tokens: usize) -> Manifest {
    let mut text = format!(
        "family = \"{family}\"\ntask = \"answer\"\nsource = \"models/parity\"\nverified = false\n\
         [generation]\ncontext_tokens = {context_tokens}\n[license]\nname = \"Apache-2.0\"\n"
    );
    for part in ["onnx", "."] {
        let mut names: Vec<_> =
            fs::read_dir(folder.join(part)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        for name in names {
            let name = name.to_str().unwrap();
            if name.ends_with(".json") || name.ends_with(".onnx") || name.ends_with(".jinja") {
                let path = if part == "." { name.to_owned() } else { format!("{part}/{name}") };
                text += &format!("[[files]]\npath = \"{path}\"\n");
            }
        }
    }
    let file = folder.join("model.toml");
    fs::write(&file, text).unwrap();
    Manifest::load(&file).unwrap()
}

/// A copy of a checkpoint that a test may change.
pub fn copied(checkpoint: &Path, into: &Path) -> PathBuf {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let target = to.join(path.file_name().unwrap());
            if path.is_dir() {
                copy(&path, &target);
            } else {
                fs::copy(&path, &target).unwrap();
            }
        }
    }
    let folder = into.join("checkpoint");
    copy(checkpoint, &folder);
    folder
}

pub fn graph(runtime: &Runtime, checkpoint: &Path, name: &str) -> OrtBackend {
    OrtBackend::open(runtime, &checkpoint.join(format!("onnx/{name}.onnx")), &cpu(), &[]).unwrap()
}

/// Gives an input its shape and floats.
pub fn give(graph: &mut dyn Backend, name: &str, shape: &[usize], values: &[f32]) {
    let place = graph.signature().input(name).unwrap_or_else(|| panic!("no input {name}"));
    graph.reshape(place, shape).unwrap();
    let TensorMut::F32(input) = graph.input(place) else { panic!("{name} is not float32") };
    input.copy_from_slice(values);
}

/// Fills a mask with ones.
pub fn unmask(graph: &mut dyn Backend, name: &str, shape: &[usize]) {
    let place = graph.signature().input(name).unwrap_or_else(|| panic!("no input {name}"));
    graph.reshape(place, shape).unwrap();
    match graph.input(place) {
        TensorMut::Bool(input) => input.fill(true),
        TensorMut::I64(input) => input.fill(1),
        _ => panic!("{name} is no mask"),
    }
}

pub fn output_of(graph: &dyn Backend, name: &str) -> Vec<f32> {
    let TensorData::F32(values) = graph.output(graph.signature().output(name).unwrap()).data else {
        panic!("{name} is not float32")
    };
    values.to_vec()
}

pub fn rows_of(tensor: TensorRef<'_>) -> Vec<f32> {
    let TensorData::F32(values) = tensor.data else { panic!("no float32 rows") };
    values.to_vec()
}

pub fn decoder(runtime: &Runtime, checkpoint: &Path, given: &[&str]) -> Decoder {
    let graph = Box::new(graph(runtime, checkpoint, "decoder_model_merged"));
    Decoder::new(graph, CacheLayout::Growing, given).unwrap()
}

/// Logits behind a prompt, and the tokens that follow: greedy, 64 of them.
pub fn first_logits_and_tokens(
    decoder: &mut Decoder,
    embedder: &mut EmbeddingGraph,
    prompt: &Prompt<'_>,
    config: &GenerationConfig,
) -> (Vec<f32>, Vec<u32>) {
    decoder.clear().unwrap();
    decoder.prefill(prompt, Some(&mut *embedder as &mut dyn TokenEmbedder)).unwrap();
    let logits = decoder.logits().unwrap().to_vec();
    let options = GenerationOptions {
        sampling: Sampling::Greedy,
        max_tokens: TOKENS,
        context_tokens: 4096,
        config,
        forced_together: false,
    };
    let generated = generate(decoder, Some(embedder), prompt, &options, None, &Cancel::new(), &mut |_| Ok(())).unwrap();
    assert_eq!(generated.finish, FinishReason::Length);
    (logits, generated.tokens)
}

pub fn counting<'a>(ids: &'a [u32], embeddings: Option<TensorRef<'a>>) -> Prompt<'a> {
    Prompt { ids, embeddings, positions: Positions::Counting }
}

pub fn in_words(text: &str, max_tokens: usize) -> Question {
    Question { text: text.to_owned(), form: AnswerForm::Text, max_tokens, sampling: Sampling::Greedy }
}

#[track_caller]
pub fn assert_near(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(largest <= tolerance, "{what}: {largest} away, at most {tolerance}");
}

/// Pixels of a processor against the reference's before it normalizes: within 2 of 255, 0.2 in the mean. `planes` are
/// NCHW and normalized, `bytes` are NHWC.
#[track_caller]
pub fn assert_pixels_near(what: &str, planes: &[f32], bytes: &[u8], tile: usize, mean: [f32; 3], std: [f32; 3]) {
    assert_eq!(planes.len(), bytes.len(), "{what}");
    let (mut largest, mut sum) = (0.0f32, 0.0f64);
    for (frame, pixels) in planes.chunks(3 * tile).zip(bytes.chunks(3 * tile)) {
        for (at, pixel) in pixels.chunks(3).enumerate() {
            for channel in 0..3 {
                let ours = (frame[channel * tile + at] * std[channel] + mean[channel]) * 255.0;
                let difference = (ours - f32::from(pixel[channel])).abs();
                largest = largest.max(difference);
                sum += f64::from(difference);
            }
        }
    }
    let average = sum / planes.len() as f64;
    assert!(largest <= 2.0 && average <= 0.2, "{what}: {largest} away, {average} in the mean");
}

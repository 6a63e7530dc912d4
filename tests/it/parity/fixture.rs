//! Reads `tests/data/parity/`.

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use vedette::types::{ImageView, PixelFormat, Size};
use vedette::zoo::{Family, License, Manifest, ModelFile, Scoring};

/// One family's fixture.
pub struct Fixture {
    folder: PathBuf,
    reference: Value,
    tensors: Vec<u8>,
}

/// One picture with its prompts and what the reference makes of them.
pub struct Case {
    pub name: String,
    pub picture: Picture,
    value: Value,
}

/// A decoded picture, RGB.
#[derive(Clone)]
pub struct Picture {
    rgb: Vec<u8>,
    size: Size,
}

/// A number as it is stored.
pub fn float(value: &Value) -> f32 {
    serde_json::from_value(value.clone()).unwrap()
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/parity")
}

impl Picture {
    pub fn new(size: Size, rgb: Vec<u8>) -> Self {
        Self { rgb, size }
    }

    /// One of the shared pictures.
    pub fn open(name: &str) -> Self {
        let image = image::open(data().join("pictures").join(name)).unwrap().into_rgb8();
        let size = Size { width_px: image.width(), height_px: image.height() };
        Self { rgb: image.into_raw(), size }
    }

    pub fn size(&self) -> Size {
        self.size
    }

    pub fn view(&self) -> ImageView<'_> {
        ImageView::new(&self.rgb, self.size, 3 * self.size.width_px, PixelFormat::Rgb8).unwrap()
    }
}

impl Fixture {
    pub fn open(name: &str) -> Self {
        let folder = data().join(name);
        let reference = serde_json::from_str(&fs::read_to_string(folder.join("reference.json")).unwrap()).unwrap();
        let tensors = fs::read(folder.join("reference.safetensors")).unwrap();
        Self { folder, reference, tensors }
    }

    pub fn cases(&self) -> Vec<Case> {
        let cases = self.reference["cases"].as_array().unwrap();
        let case = |value: &Value| Case {
            name: value["name"].as_str().unwrap().to_owned(),
            picture: Picture::open(value["picture"].as_str().unwrap()),
            value: value.clone(),
        };
        assert!(cases.len() >= 3, "{} cases", cases.len());
        cases.iter().map(case).collect()
    }

    /// A value of the reference.
    pub fn value(&self, key: &str) -> &Value {
        &self.reference[key]
    }

    /// Where the files of a hub repository are.
    pub fn checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoint")
    }

    /// A number of the reference.
    pub fn number(&self, key: &str) -> f32 {
        float(&self.reference[key])
    }

    /// A tensor as floats, whatever it holds.
    pub fn floats(&self, key: &str) -> Vec<f32> {
        self.shaped(key).1
    }

    /// A tensor of token ids.
    pub fn ids(&self, key: &str) -> Vec<u32> {
        let tensors = SafeTensors::deserialize(&self.tensors).unwrap();
        let tensor = tensors.tensor(key).unwrap();
        assert_eq!(tensor.dtype(), Dtype::I64, "{key}");
        let id = |bytes: &[u8; 8]| u32::try_from(i64::from_le_bytes(*bytes)).unwrap();
        tensor.data().as_chunks().0.iter().map(id).collect()
    }

    /// A tensor's shape, and its elements as floats.
    pub fn shaped(&self, key: &str) -> (Vec<usize>, Vec<f32>) {
        let tensors = SafeTensors::deserialize(&self.tensors).unwrap();
        let tensor = tensors.tensor(key).unwrap();
        let bytes = tensor.data();
        let values = match tensor.dtype() {
            Dtype::F32 => bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            Dtype::F16 => bytes.as_chunks().0.iter().map(|bytes| half::f16::from_le_bytes(*bytes).to_f32()).collect(),
            Dtype::I64 => bytes.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes) as f32).collect(),
            Dtype::U8 => bytes.iter().map(|byte| f32::from(*byte)).collect(),
            other => panic!("{key} holds {other:?}"),
        };
        (tensor.shape().to_vec(), values)
    }

    /// The picture before normalization in `0..=255`, whichever way the case has it.
    pub fn pixels(&self, case: &Case) -> Vec<f32> {
        match case.value["tensors"]["pixels_u8"].as_str() {
            Some(key) => self.floats(key),
            None => self.floats(case.tensor("pixels_f32")).into_iter().map(|value| value * 255.0).collect(),
        }
    }

    /// Mean and standard deviation of the checkpoint's processor.
    pub fn normalize(&self) -> [[f32; 3]; 2] {
        let text = fs::read_to_string(self.checkpoint().join("preprocessor_config.json")).unwrap();
        let config: Value = serde_json::from_str(&text).unwrap();
        if config["do_normalize"] == false {
            return [[0.0; 3], [1.0; 3]];
        }
        ["image_mean", "image_std"].map(|key| [0, 1, 2].map(|channel| float(&config[key][channel])))
    }

    /// A manifest of the checkpoint with these files, the ONNX file first.
    pub fn manifest(&self, family: Family, files: &[&str]) -> Manifest {
        let file = |path: &&str| ModelFile { path: path.into(), role: None, url: None, bytes: None, sha256: None };
        let scoring = self
            .reference
            .get("logit_scale")
            .map(|_| Scoring { logit_scale: self.number("logit_scale"), logit_bias: self.number("logit_bias") });
        Manifest {
            name: self.reference["family"].as_str().unwrap().to_owned(),
            folder: self.checkpoint(),
            family,
            task: family.task(),
            layout: None,
            source: "models/parity".to_owned(),
            verified: false,
            is_written: true,
            input: None,
            scoring,
            generation: None,
            labels: None,
            license: License { name: "Apache-2.0".to_owned(), notice: String::new() },
            files: files.iter().map(file).collect(),
        }
    }
}

impl Case {
    /// The key of a tensor by its role.
    pub fn tensor(&self, role: &str) -> &str {
        self.value["tensors"][role].as_str().unwrap_or_else(|| panic!("{} has no {role}", self.name))
    }

    pub fn threshold(&self) -> f32 {
        self.number("threshold")
    }

    pub fn number(&self, key: &str) -> f32 {
        float(&self.value[key])
    }

    pub fn value(&self, key: &str) -> &Value {
        &self.value[key]
    }

    pub fn text(&self, key: &str) -> &str {
        self.value[key].as_str().unwrap_or_else(|| panic!("{} has no text {key}", self.name))
    }

    /// Token ids that stand in the case itself.
    pub fn ids(&self, key: &str) -> Vec<u32> {
        let id = |id: &Value| u32::try_from(id.as_u64().unwrap()).unwrap();
        self.value[key].as_array().unwrap().iter().map(id).collect()
    }

    pub fn texts(&self, key: &str) -> Vec<&str> {
        self.value[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
    }
}

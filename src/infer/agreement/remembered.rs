//! What was found at an earlier start, kept beside the engines.

use super::Agreement;
use crate::infer::providers::engine_cache::EngineKey;
use crate::infer::providers::engine_shapes::EngineShapes;
use crate::infer::{OnnxFile, Proof, Runtime, SessionOptions, checksum, read_short};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// Raised with every change of what is compared and how.
const METHOD: u32 = 2;

/// Such a file has one line.
const MOST_BYTES: u64 = 1 << 16;

/// The place of one result.
pub(super) struct Remembered {
    path: PathBuf,
    /// All that the result depends on.
    of: String,
}

/// As it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    of: String,
    agreement: Agreement,
}

impl Remembered {
    /// Of a session that runs where `proof` says. `None` where no engines are kept, or where the model's files cannot be
    /// read.
    pub fn of(runtime: &Runtime, model: &Path, options: &SessionOptions, proof: &Proof, on: &str) -> Option<Self> {
        let root = options.tensorrt.cache_dir.as_ref()?;
        // ONNX Runtime's own format names no files of weights.
        let file = OnnxFile::read(model).unwrap_or_default();
        let (device, version, precision) = (options.device_id, runtime.version(), options.tensorrt.precision);
        let key = EngineKey::of(model, &file, device, version, precision, &EngineShapes::default()).ok()?;
        let (ranges, edit) = (&options.tensorrt.ranges, &options.edit);
        // Nodes may be on several providers, of which any may be the one that is wrong.
        let (running, placement) = (proof.running, proof.placement());
        // It may hold the names of thousands of classes.
        let on = checksum::text_sha256(on);
        let of = format!("method {METHOD} {running} {placement} {key:?} {ranges:?} {edit:?} {on}");
        let mut name = checksum::text_sha256(&of);
        name.truncate(24);
        Some(Self { path: root.join("agreement").join(format!("{name}.json")), of })
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was found; `None` where nothing was, or where the file is not one of ours.
    pub fn read(&self) -> Option<Agreement> {
        let bytes = read_short(&self.path, MOST_BYTES).ok()?;
        let written: Written = serde_json::from_slice(&bytes).ok()?;
        (written.of == self.of).then_some(written.agreement)
    }

    /// Writes it; where that is not possible, the next start measures again. As it does after a run that failed.
    pub fn keep(&self, agreement: &Agreement) {
        if matches!(agreement, Agreement::Failed(_)) {
            return;
        }
        if let Err(error) = self.write(agreement) {
            let path = self.path.display();
            tracing::warn!(%path, %error, "what a provider was found to compute cannot be kept: the next start compares again");
        }
    }

    fn write(&self, agreement: &Agreement) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let written = Written { of: self.of.clone(), agreement: agreement.clone() };
        // Two programs may do so at once.
        let beside = self.path.with_extension(format!("{}.part", std::process::id()));
        let bytes = serde_json::to_vec(&written)?;
        let kept = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, &self.path));
        if kept.is_err() {
            // A disk without room is not to be filled by what could not be written.
            _ = fs::remove_file(&beside);
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::{BoxDistance, Provider, TensorRtOptions};

    #[test]
    fn a_result_is_read_where_all_is_as_it_was_and_only_there() {
        let root = tempfile::tempdir().unwrap();
        let at = |of: &str| Remembered { path: root.path().join("agreement/x.json"), of: of.to_owned() };
        let found = [
            Agreement::Boxes(BoxDistance { compared: 3, unmatched: 1, least_iou: 0.98, score: 0.01 }),
            Agreement::Numbers { of_largest: 1e-5 },
            Agreement::Broken("output logits holds NaN".to_owned()),
        ];
        assert_eq!(at("cuda").read(), None);
        for agreement in found {
            at("cuda").keep(&agreement);
            assert_eq!(at("cuda").read(), Some(agreement));
            assert_eq!(at("tensorrt").read(), None);
        }
        for broken in ["", "{}", "[1]", "{\"of\":\"cuda\",\"agreement\":{\"boxes\":{}}}", "\u{0}"] {
            fs::write(&at("").path, broken).unwrap();
            assert_eq!(at("cuda").read(), None, "{broken}");
        }
        assert_eq!(fs::read_dir(root.path().join("agreement")).unwrap().count(), 1, "nothing half written is left");
    }

    #[test]
    fn a_result_is_of_all_providers_that_hold_nodes() {
        let Some(runtime) = Runtime::or_skip("remembered by nodes") else { return };
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/doubling.onnx");
        let tensorrt = TensorRtOptions { cache_dir: Some(PathBuf::from("/cache")), ..TensorRtOptions::default() };
        let options = SessionOptions { tensorrt, ..SessionOptions::default() };
        let at = |nodes: &[(&str, usize)]| {
            let nodes = nodes.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
            let proof = Proof::new(&Provider::ALL, nodes, Vec::new());
            assert_eq!(proof.gpu_provider(), Some(Provider::Cuda));
            Remembered::of(runtime, &model, &options, &proof, "").unwrap().path
        };
        let (cuda, tensorrt) = ("CUDAExecutionProvider", "TensorrtExecutionProvider");
        assert_ne!(at(&[(cuda, 300)]), at(&[(cuda, 200), (tensorrt, 100)]));
        assert_eq!(at(&[(cuda, 300)]), at(&[(cuda, 300)]));
    }

    #[test]
    fn a_result_on_which_much_depends_is_read_again_too() {
        let Some(runtime) = Runtime::or_skip("remembered of many classes") else { return };
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/doubling.onnx");
        let cache = tempfile::tempdir().unwrap();
        let tensorrt = TensorRtOptions { cache_dir: Some(cache.path().to_owned()), ..TensorRtOptions::default() };
        let options = SessionOptions { tensorrt, ..SessionOptions::default() };
        let proof = Proof::new(&[Provider::Cuda], Vec::new(), Vec::new());
        let names = "Some(\"a class\"), ".repeat(20_000);
        let of = |on: &str| Remembered::of(runtime, &model, &options, &proof, on).unwrap();
        of(&names).keep(&Agreement::Numbers { of_largest: 0.0 });
        assert_eq!(of(&names).read(), Some(Agreement::Numbers { of_largest: 0.0 }));
        assert_eq!(of("").read(), None);
    }

    #[test]
    fn what_cannot_be_kept_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("agreement");
        fs::create_dir_all(folder.join("x.json/taken")).unwrap();
        let remembered = Remembered { path: folder.join("x.json"), of: String::new() };
        remembered.keep(&Agreement::Numbers { of_largest: 0.0 });
        assert_eq!((remembered.read(), fs::read_dir(&folder).unwrap().count()), (None, 1));
    }
}

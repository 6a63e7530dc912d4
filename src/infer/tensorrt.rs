//! Parameters of the TensorRT provider, and the option strings that ONNX Runtime takes for them.
//!
//! Source: ONNX Runtime's documentation of the TensorRT execution provider, "Configurations".

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The batch sizes that one engine serves. Explicit, so that a batch inside the range never triggers a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchProfile {
    /// Fewest images in a run.
    pub min: usize,
    /// The number that the engine is tuned for.
    pub opt: usize,
    /// Most images in a run.
    pub max: usize,
}

/// How TensorRT engines are built and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorRtOptions {
    /// Half precision where TensorRT finds it faster. Default: on.
    pub fp16: bool,
    /// Root of the engine and timing cache; `None` builds anew at every start. See
    /// [`EngineKey`](super::EngineKey) for the folders below it.
    pub cache_dir: Option<PathBuf>,
    /// Most scratch memory of an engine in bytes. Default: 1 GiB.
    pub workspace_bytes: u64,
    /// How long the builder searches, 0 to 5. Default: 3, TensorRT's own.
    pub optimization_level: u8,
    /// Batch sizes; the first dimension of every input whose first dimension the graph leaves open. `None` fixes the
    /// batch to the shapes that the session is opened with.
    pub batch: Option<BatchProfile>,
}

impl Default for TensorRtOptions {
    fn default() -> Self {
        Self { fp16: true, cache_dir: None, workspace_bytes: 1 << 30, optimization_level: 3, batch: None }
    }
}

/// An input with dimensions that its graph leaves open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenInput {
    /// Its name.
    pub name: String,
    /// The shape that the session is opened with.
    pub shape: Vec<usize>,
    /// Whether the first dimension is open too, so that the batch profile holds for it.
    pub open_batch: bool,
}

impl TensorRtOptions {
    /// `fp16` or `fp32`, for the engine's key.
    pub(super) fn precision(&self) -> &'static str {
        if self.fp16 { "fp16" } else { "fp32" }
    }

    /// The shape profile for the engine's key: min, opt and max shapes.
    pub(super) fn profile(&self, inputs: &[OpenInput]) -> String {
        let [min, opt, max] = self.profile_shapes(inputs);
        format!("{min} {opt} {max}")
    }

    /// The provider's options. `folder` is where engines and timings are kept, `inputs` are the inputs with open
    /// dimensions: they get an explicit profile.
    pub(super) fn entries(
        &self,
        device_id: u32,
        folder: Option<&Path>,
        inputs: &[OpenInput],
    ) -> Vec<(&'static str, String)> {
        let switch = |on: bool| if on { "1" } else { "0" }.to_owned();
        let mut entries = vec![
            ("device_id", device_id.to_string()),
            ("trt_fp16_enable", switch(self.fp16)),
            ("trt_max_workspace_size", self.workspace_bytes.to_string()),
            // Says at ONNX Runtime's info level how long each engine took.
            ("trt_detailed_build_log", switch(true)),
            ("trt_builder_optimization_level", self.optimization_level.to_string()),
            ("trt_engine_cache_enable", switch(folder.is_some())),
            ("trt_timing_cache_enable", switch(folder.is_some())),
        ];
        if let Some(folder) = folder {
            let folder = folder.to_string_lossy().into_owned();
            entries.push(("trt_engine_cache_path", folder.clone()));
            entries.push(("trt_timing_cache_path", folder));
        }
        if !inputs.is_empty() {
            let [min, opt, max] = self.profile_shapes(inputs);
            entries.push(("trt_profile_min_shapes", min));
            entries.push(("trt_profile_opt_shapes", opt));
            entries.push(("trt_profile_max_shapes", max));
        }
        entries
    }

    fn profile_shapes(&self, inputs: &[OpenInput]) -> [String; 3] {
        let with_batch = |batch: Option<usize>| {
            let mut text = String::new();
            for OpenInput { name, shape, open_batch } in inputs {
                let comma = if text.is_empty() { "" } else { "," };
                let mut separator = ':';
                let _ = write!(text, "{comma}{name}");
                for (index, &dimension) in shape.iter().enumerate() {
                    let size = batch.filter(|_| index == 0 && *open_batch).unwrap_or(dimension);
                    let _ = write!(text, "{separator}{size}");
                    separator = 'x';
                }
            }
            text
        };
        let batch = self.batch;
        [
            with_batch(batch.map(|batch| batch.min)),
            with_batch(batch.map(|batch| batch.opt)),
            with_batch(batch.map(|batch| batch.max)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> Vec<OpenInput> {
        vec![OpenInput { name: "images".to_owned(), shape: vec![1, 3, 640, 640], open_batch: true }]
    }

    fn value<'a>(entries: &'a [(&'static str, String)], key: &str) -> Option<&'a str> {
        entries.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_str())
    }

    #[test]
    fn half_precision_and_the_caches_are_on_by_default() {
        let entries = TensorRtOptions::default().entries(0, Some(Path::new("/cache/x")), &[]);
        assert_eq!(value(&entries, "trt_fp16_enable"), Some("1"));
        assert_eq!(value(&entries, "trt_engine_cache_enable"), Some("1"));
        assert_eq!(value(&entries, "trt_engine_cache_path"), Some("/cache/x"));
        assert_eq!(value(&entries, "trt_timing_cache_enable"), Some("1"));
        assert_eq!(value(&entries, "trt_timing_cache_path"), Some("/cache/x"));
        assert_eq!(value(&entries, "trt_max_workspace_size"), Some("1073741824"));
        assert_eq!(value(&entries, "trt_profile_min_shapes"), None);
    }

    #[test]
    fn without_a_folder_nothing_is_cached() {
        let entries = TensorRtOptions { fp16: false, ..Default::default() }.entries(2, None, &[]);
        assert_eq!(value(&entries, "trt_engine_cache_enable"), Some("0"));
        assert_eq!(value(&entries, "trt_engine_cache_path"), None);
        assert_eq!(value(&entries, "trt_fp16_enable"), Some("0"));
        assert_eq!(value(&entries, "device_id"), Some("2"));
    }

    #[test]
    fn open_inputs_get_an_explicit_profile() {
        let batch = Some(BatchProfile { min: 1, opt: 2, max: 4 });
        let entries = TensorRtOptions { batch, ..Default::default() }.entries(0, None, &images());
        assert_eq!(value(&entries, "trt_profile_min_shapes"), Some("images:1x3x640x640"));
        assert_eq!(value(&entries, "trt_profile_opt_shapes"), Some("images:2x3x640x640"));
        assert_eq!(value(&entries, "trt_profile_max_shapes"), Some("images:4x3x640x640"));
    }

    #[test]
    fn a_closed_batch_keeps_its_size_in_the_profile() {
        let inputs = [OpenInput { open_batch: false, ..images().remove(0) }];
        let batch = Some(BatchProfile { min: 1, opt: 2, max: 4 });
        let entries = TensorRtOptions { batch, ..Default::default() }.entries(0, None, &inputs);
        assert_eq!(value(&entries, "trt_profile_max_shapes"), Some("images:1x3x640x640"));
    }

    #[test]
    fn without_batches_the_profile_is_the_shape_itself() {
        let mut inputs = images();
        inputs.push(OpenInput { name: "sizes".to_owned(), shape: vec![1, 2], open_batch: false });
        let profile = TensorRtOptions::default().profile(&inputs);
        assert_eq!(profile.split(' ').next(), Some("images:1x3x640x640,sizes:1x2"));
    }

    #[test]
    fn precision_and_profile_tell_engines_apart() {
        let fp32 = TensorRtOptions { fp16: false, ..Default::default() };
        assert_ne!(fp32.precision(), TensorRtOptions::default().precision());
        let batches = TensorRtOptions { batch: Some(BatchProfile { min: 1, opt: 1, max: 8 }), ..Default::default() };
        assert_ne!(batches.profile(&images()), TensorRtOptions::default().profile(&images()));
    }
}

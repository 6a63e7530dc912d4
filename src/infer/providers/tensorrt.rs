//! Parameters of the TensorRT provider, and how ONNX Runtime is told them.
//!
//! Source: ONNX Runtime's documentation of the TensorRT execution provider, "Configurations".

#[cfg(feature = "tensorrt")]
use ort::ep::TensorRT;
use ort::session::builder::SessionBuilder;
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
    /// Root of the engine and timing cache; `None` builds anew at every start. The folders
    /// below it are named by all that makes an engine.
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
pub(in crate::infer) struct OpenInput {
    /// Its name.
    pub name: String,
    /// The shape that the session is opened with.
    pub shape: Vec<usize>,
    /// Whether the first dimension is open too, so that the batch profile holds for it.
    pub open_batch: bool,
}

impl TensorRtOptions {
    /// `fp16` or `fp32`, for the engine's key.
    pub(in crate::infer) fn precision(&self) -> &'static str {
        if self.fp16 { "fp16" } else { "fp32" }
    }

    /// The shape profile for the engine's key: min, opt and max shapes.
    pub(in crate::infer) fn profile(&self, inputs: &[OpenInput]) -> String {
        let [min, opt, max] = self.profile_shapes(inputs);
        format!("{min} {opt} {max}")
    }

    /// Registers the provider. `folder` is where engines and timings are kept, `inputs` are the inputs with open
    /// dimensions: they get an explicit profile.
    ///
    /// # Errors
    /// ONNX Runtime's reason.
    #[cfg(feature = "tensorrt")]
    pub(in crate::infer) fn register(
        &self,
        builder: &mut SessionBuilder,
        device_id: u32,
        folder: Option<&Path>,
        inputs: &[OpenInput],
    ) -> Result<(), String> {
        use ort::ep::ExecutionProvider;
        let device_id = i32::try_from(device_id).map_err(|_| format!("device_id {device_id} is none"))?;
        let provider = self.provider(folder, inputs).with_device_id(device_id);
        provider.register(builder).map_err(|error| error.message().to_owned())
    }

    /// Refuses: this program cannot.
    #[cfg(not(feature = "tensorrt"))]
    pub(in crate::infer) fn register(
        &self,
        _: &mut SessionBuilder,
        _: u32,
        _: Option<&Path>,
        _: &[OpenInput],
    ) -> Result<(), String> {
        Err("this vedette was built without the feature tensorrt".to_owned())
    }

    #[cfg(feature = "tensorrt")]
    fn provider(&self, folder: Option<&Path>, inputs: &[OpenInput]) -> TensorRT {
        let mut provider = TensorRT::default()
            .with_fp16(self.fp16)
            .with_max_workspace_size(usize::try_from(self.workspace_bytes).unwrap_or(usize::MAX))
            // Says at ONNX Runtime's info level how long each engine took.
            .with_detailed_build_log(true)
            .with_builder_optimization_level(self.optimization_level)
            .with_engine_cache(folder.is_some())
            .with_timing_cache(folder.is_some());
        if let Some(folder) = folder.map(Path::to_string_lossy) {
            provider = provider.with_engine_cache_path(&folder).with_timing_cache_path(&folder);
        }
        if !inputs.is_empty() {
            let [min, opt, max] = self.profile_shapes(inputs);
            provider = provider.with_profile_min_shapes(min).with_profile_opt_shapes(opt).with_profile_max_shapes(max);
        }
        provider
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

    /// The options as ONNX Runtime takes them, `"key": "value"`.
    #[cfg(feature = "tensorrt")]
    fn told(options: &TensorRtOptions, folder: Option<&str>, inputs: &[OpenInput]) -> String {
        format!("{:?}", options.provider(folder.map(Path::new), inputs))
    }

    #[cfg(feature = "tensorrt")]
    #[test]
    fn half_precision_and_the_caches_are_on_by_default() {
        let told = told(&TensorRtOptions::default(), Some("/cache/x"), &[]);
        for option in [
            r#""trt_fp16_enable": "true""#,
            r#""trt_engine_cache_enable": "true""#,
            r#""trt_engine_cache_path": "/cache/x""#,
            r#""trt_timing_cache_enable": "true""#,
            r#""trt_timing_cache_path": "/cache/x""#,
            r#""trt_max_workspace_size": "1073741824""#,
            r#""trt_builder_optimization_level": "3""#,
        ] {
            assert!(told.contains(option), "{option} in {told}");
        }
        assert!(!told.contains("profile"), "{told}");
    }

    #[cfg(feature = "tensorrt")]
    #[test]
    fn without_a_folder_nothing_is_cached() {
        let told = told(&TensorRtOptions { fp16: false, ..Default::default() }, None, &[]);
        assert!(told.contains(r#""trt_engine_cache_enable": "false""#), "{told}");
        assert!(told.contains(r#""trt_fp16_enable": "false""#), "{told}");
        assert!(!told.contains("path"), "{told}");
    }

    #[cfg(feature = "tensorrt")]
    #[test]
    fn open_inputs_get_an_explicit_profile() {
        let batch = Some(BatchProfile { min: 1, opt: 2, max: 4 });
        let told = told(&TensorRtOptions { batch, ..Default::default() }, None, &images());
        for (shapes, images) in [("min", 1), ("opt", 2), ("max", 4)] {
            let option = format!(r#""trt_profile_{shapes}_shapes": "images:{images}x3x640x640""#);
            assert!(told.contains(&option), "{option} in {told}");
        }
    }

    #[test]
    fn a_closed_batch_keeps_its_size_in_the_profile() {
        let inputs = [OpenInput { open_batch: false, ..images().remove(0) }];
        let batch = Some(BatchProfile { min: 1, opt: 2, max: 4 });
        let profile = TensorRtOptions { batch, ..Default::default() }.profile(&inputs);
        assert_eq!(profile.split(' ').next_back(), Some("images:1x3x640x640"));
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

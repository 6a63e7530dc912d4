//! Parameters of the TensorRT provider, and how ONNX Runtime is told them.
//!
//! Source: ONNX Runtime's documentation of the TensorRT execution provider, "Configurations".

use super::engine_shapes::{EngineShapes, ShapeRange};
#[cfg(feature = "tensorrt")]
use ort::ep::TensorRT;
use ort::session::builder::SessionBuilder;
use std::path::{Path, PathBuf};

/// In how many bits an engine computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// What the model is known to bear: 32, where nothing is known.
    #[default]
    ByModel,
    /// 16-bit floating point where TensorRT finds it faster, layer norms in 32.
    Half,
    /// 32-bit floating point.
    Full,
}

impl Precision {
    /// This one; that of the model where it is left to it.
    #[must_use]
    pub const fn or(self, of_model: Self) -> Self {
        match self {
            Self::ByModel => of_model,
            chosen => chosen,
        }
    }

    /// `fp16` or `fp32`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Half => "fp16",
            Self::ByModel | Self::Full => "fp32",
        }
    }
}

/// How TensorRT engines are built and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorRtOptions {
    /// In how many bits it computes.
    pub precision: Precision,
    /// Root of the engine and timing cache; `None` builds anew at every start. The folders
    /// below it are named by all that makes an engine.
    pub cache_dir: Option<PathBuf>,
    /// Most scratch memory of an engine in bytes. Default: 1 GiB.
    pub workspace_bytes: u64,
    /// How long the builder searches, 0 to 5. Default: 3, TensorRT's own.
    pub optimization_level: u8,
    /// Inputs of which sizes change from run to run. The others keep the shapes that the session is opened with.
    pub ranges: Vec<ShapeRange>,
}

impl Default for TensorRtOptions {
    fn default() -> Self {
        Self {
            precision: Precision::default(),
            cache_dir: None,
            workspace_bytes: 1 << 30,
            optimization_level: 3,
            ranges: Vec::new(),
        }
    }
}

impl TensorRtOptions {
    /// Registers the provider. `folder` is where engines and timings are kept.
    ///
    /// # Errors
    /// ONNX Runtime's reason.
    #[cfg(feature = "tensorrt")]
    pub(in crate::infer) fn register(
        &self,
        builder: &mut SessionBuilder,
        device_id: u32,
        folder: Option<&Path>,
        shapes: &EngineShapes,
    ) -> Result<(), String> {
        use ort::ep::ExecutionProvider;
        let device_id = i32::try_from(device_id).map_err(|_| format!("device_id {device_id} is none"))?;
        let provider = self.provider(folder, shapes).with_device_id(device_id);
        provider.register(builder).map_err(|error| error.message().to_owned())
    }

    /// Refuses: this program cannot.
    #[cfg(not(feature = "tensorrt"))]
    pub(in crate::infer) fn register(
        &self,
        _: &mut SessionBuilder,
        _: u32,
        _: Option<&Path>,
        _: &EngineShapes,
    ) -> Result<(), String> {
        Err("this vedette was built without the feature tensorrt".to_owned())
    }

    #[cfg(feature = "tensorrt")]
    fn provider(&self, folder: Option<&Path>, shapes: &EngineShapes) -> TensorRT {
        let mut provider = TensorRT::default()
            .with_fp16(self.precision == Precision::Half)
            // Sums of squares overflow 16 bits.
            .with_layer_norm_fp32_fallback(true)
            .with_max_workspace_size(usize::try_from(self.workspace_bytes).unwrap_or(usize::MAX))
            // Says at ONNX Runtime's info level how long each engine took.
            .with_detailed_build_log(true)
            .with_builder_optimization_level(self.optimization_level)
            .with_engine_cache(folder.is_some())
            .with_timing_cache(folder.is_some());
        if let Some(folder) = folder.map(Path::to_string_lossy) {
            provider = provider.with_engine_cache_path(&folder).with_timing_cache_path(&folder);
        }
        if !shapes.profile.is_empty() {
            let [min, opt, max] = shapes.profile_texts();
            provider = provider.with_profile_min_shapes(min).with_profile_opt_shapes(opt).with_profile_max_shapes(max);
        }
        provider
    }
}

#[cfg(all(test, feature = "tensorrt"))]
mod tests {
    use super::*;

    /// The options as ONNX Runtime takes them, `"key": "value"`.
    fn told(options: &TensorRtOptions, folder: Option<&str>, shapes: &EngineShapes) -> String {
        format!("{:?}", options.provider(folder.map(Path::new), shapes))
    }

    #[test]
    fn a_model_computes_in_32_bits_unless_more_is_known_of_it() {
        for (asked, of_model, fp16) in [
            (Precision::ByModel, Precision::ByModel, "false"),
            (Precision::ByModel, Precision::Half, "true"),
            (Precision::Full, Precision::Half, "false"),
            (Precision::Half, Precision::ByModel, "true"),
        ] {
            let options = TensorRtOptions { precision: asked.or(of_model), ..TensorRtOptions::default() };
            let told = told(&options, None, &EngineShapes::default());
            assert!(told.contains(&format!(r#""trt_fp16_enable": "{fp16}""#)), "{told}");
            assert!(told.contains(r#""trt_layer_norm_fp32_fallback": "true""#), "{told}");
        }
    }

    #[test]
    fn engines_and_timings_are_kept_in_the_folder() {
        let told = told(&TensorRtOptions::default(), Some("/cache/x"), &EngineShapes::default());
        for option in [
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

    #[test]
    fn without_a_folder_nothing_is_cached() {
        let told = told(&TensorRtOptions::default(), None, &EngineShapes::default());
        assert!(told.contains(r#""trt_engine_cache_enable": "false""#), "{told}");
        assert!(!told.contains("path"), "{told}");
    }

    #[test]
    fn sizes_that_stay_open_get_an_explicit_profile() {
        let [min, opt, max] = [1, 2, 4].map(|images| vec![images, 3, 640, 640]);
        let profile = vec![ShapeRange { input: "images".to_owned(), min, opt, max }];
        let shapes = EngineShapes { profile, ..EngineShapes::default() };
        let told = told(&TensorRtOptions::default(), None, &shapes);
        for (which, images) in [("min", 1), ("opt", 2), ("max", 4)] {
            let option = format!(r#""trt_profile_{which}_shapes": "images:{images}x3x640x640""#);
            assert!(told.contains(&option), "{option} in {told}");
        }
    }
}

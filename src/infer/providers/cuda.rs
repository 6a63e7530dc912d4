//! Parameters of the CUDA provider, and how ONNX Runtime is told them.
//!
//! Source: ONNX Runtime's documentation of the CUDA execution provider, "Configuration Options".

use ort::session::builder::SessionBuilder;

/// Registers the provider, with the options that a robot needs; measured on an H200 with YOLOv12n (docs/gpu.md), where none
/// of them costs time:
///
/// - cuDNN's algorithms by its heuristics. Its exhaustive search, ONNX Runtime's default, captures streams while it
///   measures, and every other session of the process that runs meanwhile, or copies an input, fails with 'operation not
///   permitted when stream is capturing'; a session opens in a quarter of the time.
/// - whole float32. TF32, the default, moved logits by up to 0.03 and boxes by up to half a pixel.
/// - an arena that grows by what is asked for, not to twice its size: the memory of a Jetson or a DGX Spark is the CPU's.
/// - `memory_limit_bytes` of it at most.
///
/// # Errors
/// ONNX Runtime's reason.
#[cfg(feature = "cuda")]
pub(in crate::infer) fn register(
    builder: &mut SessionBuilder,
    device_id: u32,
    memory_limit_bytes: Option<u64>,
) -> Result<(), String> {
    use ort::ep::ExecutionProvider;
    provider(device_id, memory_limit_bytes)?.register(builder).map_err(|error| error.message().to_owned())
}

#[cfg(feature = "cuda")]
fn provider(device_id: u32, memory_limit_bytes: Option<u64>) -> Result<ort::ep::CUDA, String> {
    use ort::ep::{self, ArenaExtendStrategy, cuda::ConvAlgorithmSearch};
    let device_id = i32::try_from(device_id).map_err(|_| format!("device_id {device_id} is none"))?;
    let provider = ep::CUDA::default()
        .with_device_id(device_id)
        .with_conv_algorithm_search(ConvAlgorithmSearch::Heuristic)
        .with_tf32(false)
        .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested);
    Ok(match memory_limit_bytes {
        Some(bytes) => provider.with_memory_limit(usize::try_from(bytes).unwrap_or(usize::MAX)),
        None => provider,
    })
}

/// Refuses: this program cannot.
#[cfg(not(feature = "cuda"))]
pub(in crate::infer) fn register(_: &mut SessionBuilder, _: u32, _: Option<u64>) -> Result<(), String> {
    Err("this vedette was built without the feature cuda".to_owned())
}

#[cfg(all(test, feature = "cuda"))]
mod tests {
    use super::*;

    #[test]
    fn the_options_are_told_in_the_words_of_onnx_runtime() {
        let told = format!("{:?}", provider(1, Some(1 << 30)).unwrap());
        for option in [
            r#""device_id": "1""#,
            r#""cudnn_conv_algo_search": "HEURISTIC""#,
            r#""use_tf32": "false""#,
            r#""arena_extend_strategy": "kSameAsRequested""#,
            r#""gpu_mem_limit": "1073741824""#,
        ] {
            assert!(told.contains(option), "{option} in {told}");
        }
        assert!(!format!("{:?}", provider(0, None).unwrap()).contains("gpu_mem_limit"));
        assert!(provider(u32::MAX, None).is_err());
    }
}

//! From ONNX Runtime's words to a reason that a person reads and a cure that a person can try.

use super::provider::Provider;

/// How the reason against TensorRT begins for a graph whose sizes change.
pub(super) const OPEN_SIZES: &str = "an input has sizes that are not known before it runs";

/// How the reason against a provider begins that computes something else than the CPU.
pub(in crate::infer) const TOO_FAR: &str = "what it computes is too far from the CPU";

/// How the reason against TensorRT begins where its engines cannot be kept.
pub(super) const NOT_KEPT: &str = "its engines cannot be kept in";

/// The longest reason that is passed on.
const REASON_CHARS: usize = 300;

/// One readable line out of an ONNX Runtime message: its source locations and status prefixes are dropped, the part
/// behind `with error:` (a loader's own words) or the last status word is kept; of a failed call of CUDA or of a library
/// above it, the failure.
pub(in crate::infer) fn one_line(message: &str) -> String {
    let failed = ["CUDA failure ", "CUDNN_FE failure ", "CUDNN failure ", "CUBLAS failure "];
    let failure = failed.into_iter().find_map(|words| message.find(words).map(|at| &message[at..]));
    if let Some(failure) = failure.and_then(|failure| failure.split(" ; ").next()) {
        return failure.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    let tail = ["with error: ", " : FAIL : ", " : EP_FAIL : "]
        .into_iter()
        .find_map(|marker| message.rfind(marker).map(|at| &message[at + marker.len()..]))
        .unwrap_or(message);
    let line = without_source(tail).split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.trim_end_matches('.');
    let line = line.strip_suffix(": No such file or directory").unwrap_or(line);
    line.chars().take(REASON_CHARS).collect()
}

/// What stands behind the last `file.cc:123 Function `; all of it where the function is written with its parameters.
fn without_source(text: &str) -> &str {
    let behind = text.rfind(".cc:").and_then(|at| text[at..].split_once(' '));
    match behind.and_then(|(_, behind)| behind.split_once(' ')) {
        Some((function, message)) if function.chars().all(|c| c.is_alphanumeric() || c == '_') => message,
        _ => text,
    }
}

/// What to try when `provider` was refused for `reason`.
pub(in crate::infer) fn cure(provider: Provider, reason: &str) -> String {
    let lower = reason.to_lowercase();
    if reason.contains("without the feature") {
        return format!("build vedette with `--features {provider}`");
    }
    if reason.starts_with(OPEN_SIZES) {
        return "export the model with fixed sizes; or leave tensorrt out of its providers".to_owned();
    }
    if reason.starts_with(TOO_FAR) {
        return "set `tensorrt_precision: fp32` where it is TensorRT in 16 bits; a newer driver, CUDA or TensorRT; \
                `vedette check --gpu --picture FILE` shows the boxes of both; `compare_with_cpu: false` takes it as it is"
            .to_owned();
    }
    if reason.starts_with(NOT_KEPT) {
        return "see that its disk has room and that this user may write there, or name another folder by `engine_cache_dir`"
            .to_owned();
    }
    if lower.contains("not enabled in this build") {
        return "this ONNX Runtime is a CPU build: `make setup GPU=1` fetches one with TensorRT and CUDA".to_owned();
    }
    if let Some(library) = missing_library(reason) {
        return library_cure(library);
    }
    if reason.contains("CUDNN") {
        return "cuDNN is not whole, or of another version than ONNX Runtime was built with: `make setup GPU=1` fetches one \
                that fits; see that LD_LIBRARY_PATH names no other"
            .to_owned();
    }
    let device_words = ["no cuda-capable device", "driver version is insufficient", "no device", "cuda failure"];
    if device_words.iter().any(|words| lower.contains(words)) {
        return "no usable NVIDIA GPU: look at `nvidia-smi` (driver installed and new enough? in a container, is the \
                GPU passed in?)"
            .to_owned();
    }
    "`vedette check` lists what this machine can run; RUST_LOG=onnxruntime=debug shows ONNX Runtime's own words"
        .to_owned()
}

/// The library that the loader did not find.
fn missing_library(reason: &str) -> Option<&str> {
    let name = reason.split(": cannot open shared object file").next().filter(|name| name.len() < reason.len())?;
    name.rsplit([' ', '/']).next().filter(|name| name.starts_with("lib"))
}

fn library_cure(library: &str) -> String {
    if library.starts_with("libcuda.so") {
        return "install the NVIDIA driver (libcuda.so.1 comes with it; in a container, pass the GPU in)".to_owned();
    }
    let owner = match library.split('.').next().unwrap_or(library) {
        "libnvinfer" | "libnvinfer_plugin" | "libnvonnxparser" => "TensorRT",
        name if name.starts_with("libcudnn") => "cuDNN",
        name if name.starts_with("libonnxruntime") => "ONNX Runtime's GPU build",
        _ => "CUDA",
    };
    format!("`make setup GPU=1` fetches {owner}; an installed one needs the folder of {library} in LD_LIBRARY_PATH")
}

#[cfg(test)]
mod tests {
    use super::*;

    // As ONNX Runtime 1.31.1 words it.
    const MISSING: &str = "/onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:2043 \
        onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load \
        library /opt/ort/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared object \
        file: No such file or directory\n";

    #[test]
    fn a_missing_library_is_named_in_one_line_with_its_cure() {
        let reason = one_line(MISSING);
        assert_eq!(reason, "libcublasLt.so.13: cannot open shared object file");
        let cure = cure(Provider::Cuda, &reason);
        assert!(cure.contains("`make setup GPU=1` fetches CUDA"), "{cure}");
        assert!(cure.contains("libcublasLt.so.13 in LD_LIBRARY_PATH"), "{cure}");
    }

    #[test]
    fn each_library_has_its_owner() {
        let cure_of = |library: &str| cure(Provider::TensorRt, &format!("{library}: cannot open shared object file"));
        assert!(cure_of("libnvinfer.so.10").contains("fetches TensorRT"));
        assert!(cure_of("libnvonnxparser.so.10").contains("fetches TensorRT"));
        assert!(cure_of("libcudnn.so.9").contains("fetches cuDNN"));
        assert!(cure_of("libcurand.so.10").contains("fetches CUDA"));
        assert!(cure_of("/opt/ort/libonnxruntime_providers_cuda.so").contains("GPU build"));
        assert!(cure_of("libcuda.so.1").contains("NVIDIA driver"));
    }

    #[test]
    fn a_cpu_build_is_cured_by_the_gpu_set_up() {
        let reason = one_line("CUDA execution provider is not enabled in this build. ");
        assert_eq!(reason, "CUDA execution provider is not enabled in this build");
        assert!(cure(Provider::Cuda, &reason).contains("make setup GPU=1"));
    }

    #[test]
    fn a_missing_device_points_at_the_driver() {
        // As ONNX Runtime 1.31.1 words it, with all libraries there and no GPU.
        let reason = one_line(
            "provider_options_utils.h:187 Parse Failed to parse provider option \"device_id\": CUDA failure 100: no \
             CUDA-capable device is detected ; GPU=-1 ; hostname=vm ; file=/onnxruntime_src/onnxruntime/core/providers/\
             cuda/cuda_execution_provider_info.cc ; line=70 ; expr=cudaGetDeviceCount(&num_devices);",
        );
        assert_eq!(reason, "CUDA failure 100: no CUDA-capable device is detected");
        assert!(cure(Provider::Cuda, &reason).contains("nvidia-smi"));
    }

    #[test]
    fn a_cudnn_of_which_parts_are_missing_is_named() {
        // As ONNX Runtime 1.31.1 words it at the first run, where libcudnn_cnn.so.9 is not there.
        let reason = one_line(
            "Non-zero status code returned while running Conv node. Name:'/model.0/conv/Conv' Status Message: Failed to \
             initialize CUDNN Frontend: /onnxruntime_src/onnxruntime/core/providers/cuda/cudnn_fe_call.cc:117 \
             std::conditional_t<THRW, void, onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*) \
             CUDNN_FE failure 11: CUDNN_BACKEND_API_FAILED ; GPU=0 ; hostname=vm ; file=cudnn_fe_call.cc ; line=33",
        );
        assert_eq!(reason, "CUDNN_FE failure 11: CUDNN_BACKEND_API_FAILED");
        assert!(cure(Provider::Cuda, &reason).starts_with("cuDNN is not whole"));
    }

    #[test]
    fn a_source_location_behind_the_status_is_dropped() {
        let reason = one_line(
            "External data path validation failed for initializer: weights. Error: tensorprotoutils.cc:619 \
             ValidateExternalDataPathFromDir External data path does not exist: \"/m/model.onnx_data\"",
        );
        assert_eq!(reason, "External data path does not exist: \"/m/model.onnx_data\"");
        let with_parameters = "graph.cc:12 onnxruntime::f(int) it failed";
        assert_eq!(one_line(with_parameters), with_parameters);
    }

    #[test]
    fn a_long_message_is_cut() {
        assert_eq!(one_line(&"x".repeat(2000)).len(), REASON_CHARS);
    }
}

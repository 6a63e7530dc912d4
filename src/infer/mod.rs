//! Running ONNX models: backends, execution providers and the proof of which one runs.

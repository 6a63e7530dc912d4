//! What a file is that is no ONNX model but lies where one should: told by its first bytes, with what to do about it.
//!
//! Sources: the Git LFS specification (pointer files); APPNOTE.TXT (zip); Python's documentation of pickle protocols; the
//! README of safetensors; the HDF5 file format specification; the documentation of GGUF and of TensorFlow Lite.

/// How many bytes of a file are looked at.
pub(super) const LOOKED_AT: usize = 1024;

/// A form that is known by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disguise {
    /// `a Git LFS pointer`.
    pub what: &'static str,
    /// What makes an ONNX model of it.
    pub cure: &'static str,
}

const EXPORT: &str = "export it to ONNX first (Ultralytics: `yolo export model=best.pt format=onnx`)";
const EXPORT_ALSO: &str = "export the model to ONNX instead";
const DOWNLOAD: &str = "the download brought a page in place of the file: fetch it again from an address that gives the \
                        file itself";

/// The form of a file by its first bytes (of `length` in all); `None` for what may be an ONNX model.
pub(super) fn of(first: &[u8], length: u64) -> Option<Disguise> {
    let told = |what, cure| Some(Disguise { what, cure });
    if length == 0 {
        return told("empty", "fetch it again");
    }
    if first.iter().all(|byte| *byte == 0) {
        return told("nothing but zeros", "the copy or the download did not end: fetch it again");
    }
    if let Some(pointer) = pointer(first) {
        return Some(pointer);
    }
    if let Some(text) = beginning_of_text(first) {
        if text.starts_with("<!doctype html") || text.starts_with("<html") {
            return told("an HTML page", DOWNLOAD);
        }
        if text.starts_with("<?xml") || text.starts_with("<net") {
            return told("XML (an answer of a server, or an OpenVINO model)", EXPORT_ALSO);
        }
        if is_settings(first) {
            return told("a file of settings, as Darknet's .cfg are", EXPORT_ALSO);
        }
        if text.starts_with(['{', '[']) {
            return told("JSON", DOWNLOAD);
        }
        if is_text(first) {
            return told("text", DOWNLOAD);
        }
    }
    if first.starts_with(b"PK\x03\x04") {
        return told("a zip archive, as PyTorch (.pt, .pth) and Keras write their checkpoints", EXPORT);
    }
    if first.starts_with(&[0x1f, 0x8b]) || first.starts_with(b"\xfd7zXZ\0") || first.starts_with(b"\x28\xb5\x2f\xfd") {
        return told("compressed", "decompress it");
    }
    // A pickle begins with its protocol, 2 to 5, and never with a field that ONNX has.
    if matches!(first, [0x80, 2..=5, ..]) {
        return told("a Python pickle, as old PyTorch checkpoints are", EXPORT);
    }
    if matches!(first, [_, _, _, _, _, 0, 0, 0, b'{', b'"', ..]) {
        return told("a safetensors file: weights without a graph", EXPORT);
    }
    if first.starts_with(b"\x89HDF") {
        return told("an HDF5 file, as Keras writes (.h5)", EXPORT_ALSO);
    }
    if first.get(4..8) == Some(b"TFL3") {
        return told("a TensorFlow Lite model", EXPORT_ALSO);
    }
    if first.starts_with(b"GGUF") {
        return told("a GGUF file", EXPORT_ALSO);
    }
    if first.starts_with(b"ftrt") || first.get(4..8) == Some(b"ftrt") || is_ultralytics_engine(first) {
        return told(
            "a TensorRT engine, which fits one chip and one version",
            "give the ONNX model that it was built from: Vedette builds and keeps its own engine",
        );
    }
    if first.starts_with(b"\x7fELF") || first.starts_with(b"MZ") {
        return told("a program or library", EXPORT_ALSO);
    }
    None
}

/// What a version control of large files leaves in place of one.
pub(super) fn pointer(first: &[u8]) -> Option<Disguise> {
    let told = |what, cure| Some(Disguise { what, cure });
    if first.starts_with(b"version https://git-lfs") {
        return told("a Git LFS pointer, not the file it stands for", "run `git lfs pull` where it was cloned");
    }
    if first.starts_with(b"/annex/") || first.starts_with(b"../.git/annex/") {
        return told("a git-annex pointer, not the file it stands for", "run `git annex get` where it was cloned");
    }
    None
}

/// Whether a first line is a section's name, `[net]`, which no JSON is.
fn is_settings(first: &[u8]) -> bool {
    let line = first.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    let name = line.strip_prefix(b"[").and_then(|line| line.strip_suffix(b"]")).unwrap_or_default();
    let is_name = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-. ".contains(byte));
    is_name && name[0].is_ascii_alphabetic() && !matches!(name, b"true" | b"false" | b"null")
}

/// Whether ONNX Runtime's own format, which it loads and we do not read, begins so.
pub(super) fn is_ort_format(first: &[u8]) -> bool {
    first.get(4..8) == Some(b"ORTM")
}

/// Ultralytics puts the length of its notes, and these as JSON, before the engine.
fn is_ultralytics_engine(first: &[u8]) -> bool {
    let length = first.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    length.is_some_and(|length| (2..1 << 20).contains(&length)) && first.get(4..6) == Some(b"{\"")
}

/// In lower case, without white space before it; `None` for what does not begin as text.
fn beginning_of_text(first: &[u8]) -> Option<String> {
    let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
    let begin = first.get(..first.len().min(16))?;
    let is_text = !begin.is_empty() && begin.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t'));
    is_text.then(|| String::from_utf8_lossy(begin).to_lowercase())
}

/// Names in a model are text too, but between them are lengths.
fn is_text(first: &[u8]) -> bool {
    let is_control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\n' | b'\r' | b'\t');
    std::str::from_utf8(first).is_ok_and(|text| text.is_ascii()) && !first.iter().any(is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_where_a_model_should_is_named() {
        for (first, expected) in [
            (&b""[..], "empty"),
            (&[0; 64], "nothing but zeros"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "a Git LFS pointer"),
            (b"/annex/objects/MD5E-s12--ab.onnx\n", "a git-annex pointer"),
            (b"<!DOCTYPE html>\n<html lang=\"en\">", "an HTML page"),
            (b"\n\n  <HTML><head>", "an HTML page"),
            (b"\xef\xbb\xbf<!doctype html>", "an HTML page"),
            (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>", "XML"),
            (b"{\"error\": \"Repository not found\"}", "JSON"),
            (b"[1, 2]", "JSON"),
            (b"[null]", "JSON"),
            (b"[net]\nbatch=64\n", "a file of settings"),
            (b"Invalid username or password.", "text"),
            (b"Entry not found\n and so on", "text"),
            (b"PK\x03\x04\x00\x00\x08\x08best/data.pkl", "a zip archive, as PyTorch"),
            (b"\x80\x02}q\x00X\x05\x00", "a Python pickle"),
            (b"\x40\x00\x00\x00\x00\x00\x00\x00{\"w\":{\"dtype\":", "a safetensors file"),
            (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
            (b"\x1c\x00\x00\x00TFL3", "a TensorFlow Lite model"),
            (b"ftrt\x00\x00", "a TensorRT engine"),
            (b"\xa0\x01\x00\x00{\"description\": \"Ultralytics\"", "a TensorRT engine"),
            (b"\x1f\x8b\x08", "compressed"),
            (b"\x7fELF\x02\x01", "a program"),
            (b"GGUF\x03\x00", "a GGUF file"),
        ] {
            let told = of(first, first.len() as u64).map_or("nothing", |disguise| disguise.what);
            assert!(told.starts_with(expected), "{first:?}: {told}");
        }
    }

    #[test]
    fn a_model_is_not_taken_for_anything_else() {
        let pytorch = b"\x08\x08\x12\x07pytorch\x1a\x052.4.0:\xd6\x01";
        assert_eq!(of(pytorch, 500), None);
        assert_eq!(of(b"\x12\x07pytorch", 500), None, "without a version in front");
    }
}

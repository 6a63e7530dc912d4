//! A `model.toml` as it is written, and what makes it a [`Manifest`]: all of its faults are told at once.

use super::contents::{Generation, Input, License, Manifest, ModelFile, Scoring};
use super::faults::Faults;
use crate::infer::read_short_text;
use crate::types::Size;
use crate::vision::Normalize;
use crate::zoo::{Family, LayoutName, ManifestError, Pixels, Task};
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Component, Path, PathBuf};
use toml::Table;

/// The longest manifest, and the longest record of a fetch.
pub(super) const MOST_TEXT_BYTES: u64 = 16 << 20;

/// The longest side of an input that is taken for meant.
const MAX_SIDE_PX: u32 = 8192;

impl Manifest {
    /// Reads and checks a `model.toml`. The model's files need not be there yet.
    ///
    /// # Errors
    /// [`ManifestError::Unreadable`], [`ManifestError::Syntax`]; [`ManifestError::Faults`] with every key that is unknown
    /// and every value that cannot be.
    pub fn load(file: &Path) -> Result<Self, ManifestError> {
        let text = read_short_text(file, MOST_TEXT_BYTES)
            .map_err(|error| ManifestError::Unreadable { path: file.to_path_buf(), reason: error.to_string() })?;
        let document: Table = toml::from_str(&text).map_err(|error| syntax(file, &text, &error))?;
        let mut faults = Faults::of_keys(&document);
        let read = read(&document, file, &mut faults);
        read.filter(|_| faults.is_empty())
            .ok_or_else(|| ManifestError::Faults { path: file.to_path_buf(), faults: faults.into_list() })
    }
}

/// The parser's reason, in one line with its place.
pub(in crate::zoo) fn syntax(file: &Path, text: &str, error: &toml::de::Error) -> ManifestError {
    let words: Vec<_> = error.message().split_whitespace().collect();
    let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
    let place = line.map_or_else(String::new, |line| format!("line {line}: "));
    ManifestError::Syntax { path: file.to_path_buf(), reason: format!("{place}{}", words.join(" ")) }
}

/// `None` where something that must be there is not, which is a fault then.
fn read(document: &Table, file: &Path, faults: &mut Faults) -> Option<Manifest> {
    let folder = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let absolute = fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
    let name = absolute.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let family: Option<Family> = faults.required(document, "", "family", "what decodes the model: yolo, detr, ...");
    let task: Option<Task> = faults.required(document, "", "task", "what the family is for: detect, score, ...");
    if let (Some(family), Some(task)) = (family, task)
        && task != family.task()
    {
        faults.add("task", format!("\"{task}\""), format!("\"{}\", the task of family {family}", family.task()));
    }
    let layout = faults.optional(document, "", "layout");
    check_layout(layout, family, faults);
    let source = faults.required(document, "", "source", "where the weights come from, in words");
    let verified = faults.optional(document, "", "verified").unwrap_or(!faults.is_misspelled("", "verified"));
    let input = faults.table(document, "input").and_then(|table| read_input(table, faults));
    if let (true, Some(family)) = (document.contains_key("input"), family.filter(|family| !family.takes_input())) {
        faults.add("input", "there", format!("no such table: family {family} reads it from preprocessor_config.json"));
    }
    let scoring = faults.table(document, "scoring").and_then(|table| read_scoring(table, family, faults));
    let generation = faults.table(document, "generation").and_then(|table| read_generation(table, family, faults));
    let labels: Option<Vec<String>> = faults.optional(document, "", "labels");
    if labels.as_ref().is_some_and(Vec::is_empty) {
        faults.add("labels", "empty", "a name for each class, or no such key");
    }
    let license = read_license(document, faults);
    let files = read_files(document, verified, faults);
    Some(Manifest {
        name,
        folder,
        family: family?,
        task: task?,
        layout,
        source: source?,
        verified,
        is_written: true,
        input,
        scoring,
        generation,
        labels,
        license: license?,
        files,
    })
}

fn check_layout(layout: Option<LayoutName>, family: Option<Family>, faults: &mut Faults) {
    let (Some(layout), Some(family)) = (layout, family) else { return };
    if layout.family() != family {
        let expected = match LayoutName::of_family(family) {
            none if none.is_empty() => format!("no such key for family {family}"),
            names => format!("one of family {family}: {names}"),
        };
        faults.add("layout", format!("\"{layout}\""), expected);
    }
}

fn read_input(table: &Table, faults: &mut Faults) -> Option<Input> {
    const PATH: &str = "input.";
    let name: Option<String> = faults.optional(table, PATH, "name");
    if name.as_ref().is_some_and(String::is_empty) {
        faults.add("input.name", "empty", "the name of the model's input");
    }
    let mut side = |key: &str, other: &str| {
        let side: Option<u32> = faults.optional(table, PATH, key);
        if let Some(side) = side.filter(|side| !(1..=MAX_SIDE_PX).contains(side)) {
            faults.add(format!("{PATH}{key}"), side, "1 to 8192");
        }
        if !table.contains_key(key) && table.contains_key(other) {
            faults.add_missing(PATH, key, format!("it beside {other}"));
        }
        side
    };
    let sides = (side("width_px", "height_px"), side("height_px", "width_px"));
    let size = match sides {
        (Some(width_px), Some(height_px)) => Some(Size { width_px, height_px }),
        _ => None,
    };
    let pixels = read_pixels(table, faults);
    Some(Input { name, size, pixels })
}

fn read_pixels(table: &Table, faults: &mut Faults) -> Pixels {
    const PATH: &str = "input.";
    let range: Option<u32> = faults.optional(table, PATH, "range");
    let mean: Option<[f32; 3]> = faults.optional(table, PATH, "mean");
    let std: Option<[f32; 3]> = faults.optional(table, PATH, "std");
    if let Some(range) = range.filter(|range| !matches!(range, 1 | 255)) {
        faults.add("input.range", range, "1 (bytes become 0..=1) or 255 (they stay as they are)");
    }
    if range.is_some() && (mean.is_some() || std.is_some()) {
        faults.add("input.range", "there", "no such key beside mean and std, which are of 0..=1");
    }
    let wrong = |values: Option<[f32; 3]>, is_right: fn(f32) -> bool| {
        values.filter(|values| !values.iter().all(|value| is_right(*value)))
    };
    if let Some(mean) = wrong(mean, |value| (-1.0..=1.0).contains(&value)) {
        let expected = "three numbers of 0..=1; divide what is written for 0..=255 by 255";
        faults.add("input.mean", format!("{mean:?}"), expected);
    }
    if let Some(std) = wrong(std, |value| value > 0.0 && value <= 1.0) {
        let expected = "three numbers above 0, at most 1; divide what is written for 0..=255 by 255";
        faults.add("input.std", format!("{std:?}"), expected);
    }
    let normalize = match (range, mean, std) {
        (None, None, None) => None,
        (Some(255), ..) => Some(Normalize::BYTES),
        (_, mean, std) => Some(Normalize { mean: mean.unwrap_or([0.0; 3]), std: std.unwrap_or([1.0; 3]) }),
    };
    let (fit, colors) = (faults.optional(table, PATH, "fit"), faults.optional(table, PATH, "colors"));
    Pixels { fit, colors, normalize }
}

fn read_scoring(table: &Table, family: Option<Family>, faults: &mut Faults) -> Option<Scoring> {
    const PATH: &str = "scoring.";
    if let Some(family) = family.filter(|family| family.task() != Task::Score) {
        faults.add("scoring", "there", format!("no such table for family {family}"));
    }
    let scale = faults.required(table, PATH, "logit_scale", "a number above 0");
    let bias = faults.optional(table, PATH, "logit_bias").unwrap_or(0.0_f32);
    if let Some(scale) = scale.filter(|scale: &f32| !(*scale > 0.0 && scale.is_finite())) {
        faults.add("scoring.logit_scale", scale, "a number above 0");
    }
    if !bias.is_finite() {
        faults.add("scoring.logit_bias", bias, "a number");
    }
    Some(Scoring { logit_scale: scale?, logit_bias: bias })
}

fn read_generation(table: &Table, family: Option<Family>, faults: &mut Faults) -> Option<Generation> {
    const PATH: &str = "generation.";
    if let Some(family) = family.filter(|family| family.task() != Task::Answer) {
        faults.add("generation", "there", format!("no such table for family {family}"));
    }
    let context: Option<NonZeroUsize> = faults.required(table, PATH, "context_tokens", "a number of tokens");
    let shared: Option<NonZeroUsize> = faults.optional(table, PATH, "shared_cache_tokens");
    if let (Some(context), Some(shared)) = (context, shared)
        && shared > context
    {
        faults.add("generation.shared_cache_tokens", shared, format!("no more than context_tokens, {context}"));
    }
    Some(Generation { context_tokens: context?, shared_cache_tokens: shared })
}

fn read_license(document: &Table, faults: &mut Faults) -> Option<License> {
    const PATH: &str = "license.";
    if !document.contains_key("license") {
        faults.add_missing("", "license", "a table with the SPDX name of the weights' license as name");
    }
    let table = faults.table(document, "license")?;
    let name = faults.required(table, PATH, "name", "the SPDX name of the weights' license");
    let notice = faults.optional(table, PATH, "notice").unwrap_or_default();
    Some(License { name: name?, notice })
}

fn read_files(document: &Table, verified: bool, faults: &mut Faults) -> Vec<ModelFile> {
    let tables = faults.tables(document, "files");
    if !document.contains_key("files") {
        faults.add_missing("", "files", "at least the ONNX file");
    } else if document.get("files").and_then(toml::Value::as_array).is_some_and(Vec::is_empty) {
        faults.add("files", "empty", "at least the ONNX file");
    }
    let mut files: Vec<ModelFile> = Vec::new();
    for (index, table) in tables.into_iter().enumerate() {
        let at = format!("files[{index}].");
        let Some(file) = read_file(table, &at, verified, faults) else { continue };
        let role = file.role().filter(|role| files.iter().any(|before| before.role() == Some(role)));
        if let Some(role) = role {
            faults.add(format!("{at}role"), format!("{role:?}"), "a role that no file before it has");
        }
        if files.iter().any(|before| before.path == file.path) {
            faults.add(format!("{at}path"), format!("{:?}", file.path.display().to_string()), "each file once");
        }
        files.push(file);
    }
    files
}

/// `at` is the entry's place: `files[0].`.
fn read_file(table: &Table, at: &str, verified: bool, faults: &mut Faults) -> Option<ModelFile> {
    let path: Option<PathBuf> = faults.required(table, at, "path", "a path below the manifest's folder");
    let role: Option<String> = faults.optional(table, at, "role");
    let url: Option<String> = faults.optional(table, at, "url");
    let bytes: Option<u64> = faults.optional(table, at, "bytes");
    let sha256: Option<String> = faults.optional(table, at, "sha256");
    let is_below = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
    if let Some(path) = path.as_ref().filter(|path| path.as_os_str().is_empty() || !is_below(path)) {
        let found = format!("{:?}", path.display().to_string());
        faults.add(format!("{at}path"), found, "a path below the manifest's folder");
    }
    if role.as_ref().is_some_and(String::is_empty) {
        faults.add(format!("{at}role"), "empty", "what the family uses the file for, or no such key");
    }
    if let Some(url) = url.as_ref().filter(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
        faults.add(format!("{at}url"), format!("{url:?}"), "an address with https:// or http://");
    }
    if bytes == Some(0) {
        faults.add(format!("{at}bytes"), 0, "the length of the file");
    }
    let is_hash = |text: &String| text.len() == 64 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    if let Some(text) = sha256.as_ref().filter(|text| !is_hash(text)) {
        faults.add(format!("{at}sha256"), format!("{text:?}"), "64 lower-case hexadecimal digits");
    }
    for (key, what) in [("bytes", "length"), ("sha256", "hash")] {
        if verified && !table.contains_key(key) {
            faults.add_missing(at, key, format!("the {what} of the file, or verified = false"));
        }
    }
    Some(ModelFile { path: path?, role, url, bytes, sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::manifest::samples::{MINIMAL, UNVERIFIED, write_manifest};
    use proptest::prelude::*;

    fn refusal(text: &str) -> String {
        let root = tempfile::tempdir().unwrap();
        let file = write_manifest(root.path(), "tiny", text);
        let error = Manifest::load(&file).unwrap_err().to_string();
        let start = format!("manifest {}: ", file.display());
        error.strip_prefix(&start).unwrap_or_else(|| panic!("the file is missing in: {error}")).to_owned()
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_path_and_the_nearest() {
        let error = refusal(&MINIMAL.replace("sha256", "sha265"));
        assert_eq!(error, "unknown key \"files[0].sha265\", did you mean \"sha256\"?");
        assert_eq!(refusal(&MINIMAL.replace("task", "tusk")), "unknown key \"tusk\", did you mean \"task\"?");
        let error = refusal(&MINIMAL.replace("width_px", "with_px"));
        assert_eq!(error, "unknown key \"input.with_px\", did you mean \"width_px\"?");
        let error = refusal(&UNVERIFIED.replace("logit_bias", "logits_bias"));
        assert_eq!(error, "unknown key \"scoring.logits_bias\", did you mean \"logit_bias\"?");
        let error = refusal(&UNVERIFIED.replace("verified", "verify"));
        assert_eq!(error, "unknown key \"verify\", did you mean \"verified\"?");
    }

    #[test]
    fn each_bad_value_is_refused_with_what_was_expected() {
        for (from, to, expected) in [
            ("width_px = 64", "width_px = 0", "input.width_px is 0, expected 1 to 8192"),
            ("height_px = 32", "height_px = 9000", "input.height_px is 9000, expected 1 to 8192"),
            ("[license]", "name = \"\"\n[license]", "input.name is empty, expected the name of the model's input"),
            ("[input]", "labels = []\n[input]", "labels is empty, expected a name for each class, or no such key"),
            ("bytes = 3", "bytes = 0", "files[0].bytes is 0, expected the length of the file"),
            (
                "tiny.onnx",
                "../tiny.onnx",
                "files[0].path is \"../tiny.onnx\", expected a path below the manifest's folder",
            ),
            ("tiny.onnx", "/tiny.onnx", "files[0].path is \"/tiny.onnx\", expected a path below the manifest's folder"),
            ("ba7816bf", "BA7816BF", "expected 64 lower-case hexadecimal digits"),
            ("\"yolo\"", "\"yolov\"", "family is \"yolov\", expected one of `yolo`, `detr`"),
            ("\"detect\"", "\"answer\"", "task is \"answer\", expected \"detect\", the task of family yolo"),
            ("width_px = 64", "width_px = \"64\"", "input.width_px is \"64\", expected a whole number"),
            ("bytes = 3\n", "", "files[0].bytes is missing, expected the length of the file, or verified = false"),
            (
                "task",
                "layout = \"logits\"\ntask",
                "layout is \"logits\", expected one of family yolo: rows, oriented_rows",
            ),
            ("task", "layout = \"row\"\ntask", "layout is \"row\", expected one of `rows`, `oriented_rows`"),
            ("width_px = 64", "range = 2\nwidth_px = 64", "input.range is 2, expected 1 (bytes become 0..=1) or 255"),
            (
                "width_px = 64",
                "range = 255\nmean = [0.5, 0.5, 0.5]\nwidth_px = 64",
                "input.range is there, expected no such key beside mean and std",
            ),
            (
                "width_px = 64",
                "mean = [123.7, 116.3, 103.5]\nwidth_px = 64",
                "input.mean is [123.7, 116.3, 103.5], expected three numbers of 0..=1; divide what is written",
            ),
            ("width_px = 64", "std = [0.2, 0.0, 0.2]\nwidth_px = 64", "input.std is [0.2, 0.0, 0.2], expected three"),
            ("width_px = 64", "fit = \"crop\"\nwidth_px = 64", "input.fit is \"crop\", expected one of `letterbox`"),
            ("bytes = 3\n", "role = \"\"\nbytes = 3\n", "files[0].role is empty, expected what the family uses"),
            ("bytes = 3\n", "url = \"x\"\nbytes = 3\n", "files[0].url is \"x\", expected an address with https://"),
            ("height_px = 32", "", "input.height_px is missing, expected it beside width_px"),
            ("[[files]]", "[files]", "files is { bytes = 3, path = \"tiny.onnx\""),
            ("[license]", "[scoring]\nlogit_scale = 1.0\n[license]", "scoring is there, expected no such table"),
            ("[license]", "[generation]\ncontext_tokens = 1\n[license]", "generation is there, expected no such"),
            ("[input]", "[input", "line 5: "),
        ] {
            let error = refusal(&MINIMAL.replace(from, to));
            assert!(error.contains(expected), "{to}: {error}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let text = r#"
task = "answer"
sauce = "made by hand"
labels = "person"
[input]
width_px = 0
heigth_px = 32
[license]
[[files]]
path = "../tiny.onnx"
bytes = "three"
url = "ftp://example.org"
[[files]]
role = "data"
"#;
        let error = refusal(text);
        let (count, faults) = error.split_once(" faults: ").unwrap();
        let faults: Vec<&str> = faults.split("; ").collect();
        assert_eq!(count, faults.len().to_string());
        let expected = [
            "unknown key \"input.heigth_px\", did you mean \"height_px\"?",
            "unknown key \"sauce\", did you mean \"source\"?",
            "family is missing, expected what decodes the model: yolo, detr, ...",
            "input.width_px is 0, expected 1 to 8192",
            "labels is \"person\", expected a sequence",
            "license.name is missing, expected the SPDX name of the weights' license",
            "files[0].bytes is \"three\", expected a whole number",
            "files[0].path is \"../tiny.onnx\", expected a path below the manifest's folder",
            "files[0].url is \"ftp://example.org\", expected an address with https:// or http://",
            "files[0].sha256 is missing, expected the hash of the file, or verified = false",
            "files[1].path is missing, expected a path below the manifest's folder",
            "files[1].bytes is missing, expected the length of the file, or verified = false",
            "files[1].sha256 is missing, expected the hash of the file, or verified = false",
        ];
        assert_eq!(faults, expected);
    }

    #[test]
    fn a_manifest_needs_no_input_where_the_graph_has_it() {
        let root = tempfile::tempdir().unwrap();
        let text = MINIMAL.replace("width_px = 64\nheight_px = 32", "mean = [0.5, 0.5, 0.5]");
        let manifest = Manifest::load(&write_manifest(root.path(), "tiny", &text)).unwrap();
        let input = manifest.input.unwrap();
        assert_eq!((input.size, input.name, input.pixels.is_silent()), (None, None, false));
        let text = MINIMAL.replace("[input]\nwidth_px = 64\nheight_px = 32", "");
        assert_eq!(Manifest::load(&write_manifest(root.path(), "tiny", &text)).unwrap().input, None);
    }

    proptest! {
        #[test]
        fn any_text_in_a_manifest_is_read_or_refused_in_one_line(text in "[a-z0-9 =\"\\[\\]{}.\n-]{0,20}", at in 0..MINIMAL.len()) {
            let root = tempfile::tempdir().unwrap();
            let (before, after) = MINIMAL.split_at(at);
            let file = write_manifest(root.path(), "tiny", &format!("{before}{text}{after}"));
            if let Err(error) = Manifest::load(&file) {
                prop_assert!(!error.to_string().contains('\n'), "{error}");
            }
        }
    }

    #[test]
    fn each_bad_value_of_another_family_is_refused_too() {
        let answers = UNVERIFIED.replace("siglip", "smolvlm").replace("\"score\"", "\"answer\"");
        let answers = answers.replace("[scoring]\nlogit_scale = 10.0\nlogit_bias = -5.0", "[generation]\n#");
        for (text, from, to, expected) in [
            (UNVERIFIED, "10.0", "0.0", "scoring.logit_scale is 0, expected a number above 0"),
            (UNVERIFIED, "10.0", "nan", "scoring.logit_scale is NaN, expected a number above 0"),
            (UNVERIFIED, "-5.0", "inf", "scoring.logit_bias is inf, expected a number"),
            (
                UNVERIFIED,
                "[license]",
                "[input]\nwidth_px = 1\nheight_px = 1\n[license]",
                "input is there, expected no such table: family siglip reads it from preprocessor_config.json",
            ),
            (UNVERIFIED, "text_model\"", "vision_model\"", "files[1].role is \"vision_model\", expected a role that"),
            (UNVERIFIED, ".onnx_data", ".onnx", "files[2].role is \"vision_model\", expected a role that"),
            (&answers, "#", "context_tokens = 0", "generation.context_tokens is 0, expected a whole number above 0"),
            (
                &answers,
                "#",
                "shared_cache_tokens = 9",
                "generation.context_tokens is missing, expected a number of tokens",
            ),
            (
                &answers,
                "#",
                "context_tokens = 8\nshared_cache_tokens = 9",
                "generation.shared_cache_tokens is 9, expected no more than context_tokens, 8",
            ),
        ] {
            let error = refusal(&text.replace(from, to));
            assert!(error.contains(expected), "{to}: {error}");
        }
    }
}

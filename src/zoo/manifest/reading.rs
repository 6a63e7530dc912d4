//! A manifest as it is written, and what makes it a [`Manifest`].

use super::contents::{Generation, Input, License, Manifest, ModelFile, Scoring};
use super::keys;
use crate::types::Size;
use crate::vision::{Colors, Fit, Normalize};
use crate::zoo::{Family, LayoutName, ManifestError, Pixels, Task};
use serde::Deserialize;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The longest side of an input that is taken for meant.
const MAX_SIDE_PX: u32 = 8192;

/// The name of the input in exports of Ultralytics and of the DETR repositories.
const INPUT_NAME: &str = "images";

#[derive(Deserialize)]
struct RawManifest {
    family: Family,
    task: Task,
    layout: Option<LayoutName>,
    source: String,
    #[serde(default = "verified")]
    verified: bool,
    input: Option<RawInput>,
    scoring: Option<Scoring>,
    generation: Option<Generation>,
    labels: Option<Vec<String>>,
    license: License,
    files: Vec<ModelFile>,
}

#[derive(Deserialize)]
struct RawInput {
    name: Option<String>,
    width_px: u32,
    height_px: u32,
    fit: Option<Fit>,
    colors: Option<Colors>,
    range: Option<u32>,
    mean: Option<[f32; 3]>,
    std: Option<[f32; 3]>,
}

impl RawInput {
    fn pixels(&self) -> Pixels {
        let normalize = match (self.range, self.mean, self.std) {
            (None, None, None) => None,
            (Some(255), ..) => Some(Normalize::BYTES),
            (_, mean, std) => Some(Normalize { mean: mean.unwrap_or([0.0; 3]), std: std.unwrap_or([1.0; 3]) }),
        };
        Pixels { fit: self.fit, colors: self.colors, normalize }
    }
}

impl Manifest {
    /// Reads and checks a `model.toml`. The model's files need not be there yet.
    ///
    /// # Errors
    /// [`ManifestError`] with the file, the key, its value and what was expected.
    pub fn load(file: &Path) -> Result<Self, ManifestError> {
        let text = fs::read_to_string(file)
            .map_err(|error| ManifestError::Unreadable { path: file.to_path_buf(), reason: error.to_string() })?;
        let document: toml::Table = toml::from_str(&text).map_err(|error| syntax(file, &text, &error))?;
        if let Some(keys::UnknownKey { key, nearest }) = keys::find_unknown(&document) {
            return Err(ManifestError::UnknownKey { path: file.to_path_buf(), key, nearest });
        }
        toml::from_str::<RawManifest>(&text).map_err(|error| syntax(file, &text, &error))?.checked(file)
    }
}

/// The parser's reason, in one line with its place.
pub(in crate::zoo) fn syntax(file: &Path, text: &str, error: &toml::de::Error) -> ManifestError {
    let words: Vec<_> = error.message().split_whitespace().collect();
    let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
    let place = line.map_or_else(String::new, |line| format!("line {line}: "));
    ManifestError::Syntax { path: file.to_path_buf(), reason: format!("{place}{}", words.join(" ")) }
}

const fn verified() -> bool {
    true
}

/// A value that cannot be: its key, what was found, what was expected.
struct BadValue {
    key: String,
    found: String,
    expected: String,
}

impl BadValue {
    fn new(key: impl Into<String>, found: impl ToString, expected: impl Into<String>) -> Self {
        Self { key: key.into(), found: found.to_string(), expected: expected.into() }
    }
}

impl RawManifest {
    /// # Errors
    /// [`ManifestError::Value`] for the first value of `file` that cannot be.
    fn checked(self, file: &Path) -> Result<Manifest, ManifestError> {
        self.check().map_err(|BadValue { key, found, expected }| ManifestError::Value {
            path: file.to_path_buf(),
            key,
            found,
            expected,
        })?;
        let folder = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let absolute = fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
        let name = absolute.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let input = self.input.map(|input| Input {
            pixels: input.pixels(),
            name: input.name.unwrap_or_else(|| INPUT_NAME.to_owned()),
            size: Size { width_px: input.width_px, height_px: input.height_px },
        });
        Ok(Manifest {
            name,
            folder,
            family: self.family,
            task: self.task,
            layout: self.layout,
            source: self.source,
            verified: self.verified,
            input,
            scoring: self.scoring,
            generation: self.generation,
            labels: self.labels,
            license: self.license,
            files: self.files,
        })
    }

    fn check(&self) -> Result<(), BadValue> {
        let task = self.family.task();
        if self.task != task {
            let expected = format!("\"{task}\", the task of family {}", self.family);
            return Err(BadValue::new("task", format!("\"{}\"", self.task), expected));
        }
        if let Some(layout) = self.layout.filter(|layout| layout.family() != self.family) {
            let expected = match LayoutName::of_family(self.family) {
                none if none.is_empty() => format!("no such key for family {}", self.family),
                names => format!("one of family {}: {names}", self.family),
            };
            return Err(BadValue::new("layout", format!("\"{layout}\""), expected));
        }
        self.check_tables()?;
        if self.labels.as_ref().is_some_and(Vec::is_empty) {
            return Err(BadValue::new("labels", "empty", "a name for each class, or no such key"));
        }
        if self.files.is_empty() {
            return Err(BadValue::new("files", "empty", "at least the ONNX file"));
        }
        for (index, file) in self.files.iter().enumerate() {
            check_file(file, &format!("files[{index}]"), self.verified)?;
            let before = self.files.get(..index).unwrap_or_default();
            let role = file.role().filter(|role| before.iter().any(|file| file.role() == Some(role)));
            if let Some(role) = role {
                let expected = "a role that no file before it has";
                return Err(BadValue::new(format!("files[{index}].role"), format!("{role:?}"), expected));
            }
            if before.iter().any(|other| other.path == file.path) {
                let found = format!("{:?}", file.path.display().to_string());
                return Err(BadValue::new(format!("files[{index}].path"), found, "each file once"));
            }
        }
        Ok(())
    }

    fn check_tables(&self) -> Result<(), BadValue> {
        let family = self.family;
        match &self.input {
            Some(_) if !family.takes_input() => {
                let expected = format!("no such table: family {family} reads it from preprocessor_config.json");
                return Err(BadValue::new("input", "there", expected));
            }
            None if family == Family::Yolo => {
                return Err(BadValue::new("input", "missing", "a table with width_px and height_px"));
            }
            Some(input) => check_input(input)?,
            None => {}
        }
        if let Some(Scoring { logit_scale, logit_bias }) = self.scoring {
            if self.task != Task::Score {
                return Err(BadValue::new("scoring", "there", format!("no such table for family {family}")));
            }
            if !(logit_scale > 0.0 && logit_scale.is_finite()) {
                return Err(BadValue::new("scoring.logit_scale", logit_scale, "a number above 0"));
            }
            if !logit_bias.is_finite() {
                return Err(BadValue::new("scoring.logit_bias", logit_bias, "a number"));
            }
        }
        if let Some(Generation { context_tokens, shared_cache_tokens }) = self.generation {
            if self.task != Task::Answer {
                return Err(BadValue::new("generation", "there", format!("no such table for family {family}")));
            }
            if let Some(shared) = shared_cache_tokens.filter(|shared| *shared > context_tokens) {
                let expected = format!("no more than context_tokens, {context_tokens}");
                return Err(BadValue::new("generation.shared_cache_tokens", shared, expected));
            }
        }
        Ok(())
    }
}

fn check_input(input: &RawInput) -> Result<(), BadValue> {
    for (key, side) in [("input.width_px", input.width_px), ("input.height_px", input.height_px)] {
        if !(1..=MAX_SIDE_PX).contains(&side) {
            return Err(BadValue::new(key, side, "1 to 8192"));
        }
    }
    if input.name.as_ref().is_some_and(String::is_empty) {
        return Err(BadValue::new("input.name", "empty", "the name of the model's input"));
    }
    if let Some(range) = input.range.filter(|range| !matches!(range, 1 | 255)) {
        return Err(BadValue::new("input.range", range, "1 (bytes become 0..=1) or 255 (they stay as they are)"));
    }
    if input.range.is_some() && (input.mean.is_some() || input.std.is_some()) {
        return Err(BadValue::new("input.range", "there", "no such key beside mean and std, which are of 0..=1"));
    }
    let wrong = |values: Option<[f32; 3]>, is_right: fn(f32) -> bool| {
        values.filter(|values| !values.iter().all(|value| is_right(*value)))
    };
    if let Some(mean) = wrong(input.mean, |value| (-1.0..=1.0).contains(&value)) {
        let expected = "three numbers of 0..=1; divide what is written for 0..=255 by 255";
        return Err(BadValue::new("input.mean", format!("{mean:?}"), expected));
    }
    if let Some(std) = wrong(input.std, |value| value > 0.0 && value <= 1.0) {
        let expected = "three numbers above 0, at most 1; divide what is written for 0..=255 by 255";
        return Err(BadValue::new("input.std", format!("{std:?}"), expected));
    }
    Ok(())
}

/// `at` is the entry's place: `files[0]`.
fn check_file(file: &ModelFile, at: &str, verified: bool) -> Result<(), BadValue> {
    let ModelFile { path, role, url, bytes, sha256 } = file;
    let below = path.components().all(|part| matches!(part, Component::Normal(_)));
    if !below || path.as_os_str().is_empty() {
        let found = format!("{:?}", path.display().to_string());
        return Err(BadValue::new(format!("{at}.path"), found, "a path below the manifest's folder"));
    }
    if role.as_ref().is_some_and(String::is_empty) {
        return Err(BadValue::new(format!("{at}.role"), "empty", "what the family uses the file for, or no such key"));
    }
    if let Some(url) = url.as_ref().filter(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
        return Err(BadValue::new(format!("{at}.url"), format!("{url:?}"), "an address with https:// or http://"));
    }
    match bytes {
        Some(0) => return Err(BadValue::new(format!("{at}.bytes"), "0", "the length of the file")),
        None if verified => {
            return Err(BadValue::new(format!("{at}.bytes"), "missing", "the length of the file, or verified = false"));
        }
        _ => {}
    }
    let is_hash = |text: &String| text.len() == 64 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    match sha256 {
        Some(text) if !is_hash(text) => {
            Err(BadValue::new(format!("{at}.sha256"), format!("{text:?}"), "64 lower-case hexadecimal digits"))
        }
        None if verified => {
            Err(BadValue::new(format!("{at}.sha256"), "missing", "the hash of the file, or verified = false"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::manifest::samples::{MINIMAL, UNVERIFIED, write_manifest};

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
            ("\"yolo\"", "\"yolov\"", "line 2: unknown variant `yolov`, expected one of `yolo`, `detr`"),
            ("\"detect\"", "\"answer\"", "task is \"answer\", expected \"detect\", the task of family yolo"),
            ("width_px = 64", "width_px = \"64\"", "line 6: invalid type: string \"64\", expected u32"),
            ("bytes = 3\n", "", "files[0].bytes is missing, expected the length of the file, or verified = false"),
            (
                "task",
                "layout = \"logits\"\ntask",
                "layout is \"logits\", expected one of family yolo: rows, oriented_rows",
            ),
            ("task", "layout = \"row\"\ntask", "unknown variant `row`, expected one of `rows`, `oriented_rows`"),
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
            ("width_px = 64", "fit = \"crop\"\nwidth_px = 64", "unknown variant `crop`, expected one of `letterbox`"),
            ("bytes = 3\n", "role = \"\"\nbytes = 3\n", "files[0].role is empty, expected what the family uses"),
            ("bytes = 3\n", "url = \"x\"\nbytes = 3\n", "files[0].url is \"x\", expected an address with https://"),
            ("[input]\nwidth_px = 64\nheight_px = 32", "", "input is missing, expected a table with width_px"),
            ("[license]", "[scoring]\nlogit_scale = 1.0\n[license]", "scoring is there, expected no such table"),
            ("[license]", "[generation]\ncontext_tokens = 1\n[license]", "generation is there, expected no such"),
            ("[input]", "[input", "line 5: "),
        ] {
            let error = refusal(&MINIMAL.replace(from, to));
            assert!(error.contains(expected), "{to}: {error}");
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
            (&answers, "#", "context_tokens = 0", "expected a nonzero usize"),
            (&answers, "#", "shared_cache_tokens = 9", "missing field `context_tokens`"),
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

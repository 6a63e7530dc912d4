//! What the families read from a checkpoint's own files: `config.json`, `tokenizer_config.json`,
//! `preprocessor_config.json` and `tokenizer.json`, found by their roles in the manifest.

use crate::infer::read_short_text;
use crate::language::Tokenizer;
use crate::vision::{ImageProcessor, ProcessorConfig};
use crate::zoo::{Manifest, ZooError};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The most class slots that an `id2label` may span: as many as a class number can name.
const MAX_SLOTS: usize = 1 << 16;

/// The longest file that is taken for one of these: a vocabulary may stand in it.
const MOST_BYTES: u64 = 64 << 20;

/// One JSON file of a checkpoint.
pub(in crate::zoo) struct Document {
    path: PathBuf,
    value: Value,
}

impl Document {
    /// Reads the file of a role.
    ///
    /// # Errors
    /// [`ZooError::Manifest`] when the manifest lists no such file, [`ZooError::File`] when it is no JSON.
    pub fn read(manifest: &Manifest, role: &str) -> Result<Self, ZooError> {
        let path = manifest.path_of(role)?;
        let value = serde_json::from_str(&text(&path)?).map_err(|error| file(&path, format!("no JSON: {error}")))?;
        Ok(Self { path, value })
    }

    fn at(&self, keys: &[&str]) -> Option<&Value> {
        keys.iter().try_fold(&self.value, |value, key| value.get(key)).filter(|value| !value.is_null())
    }

    /// A count below keys of objects; `None` where the file does not say it.
    ///
    /// # Errors
    /// [`ZooError::File`] for anything but a whole number above 0.
    pub fn count(&self, keys: &[&str]) -> Result<Option<usize>, ZooError> {
        let Some(value) = self.at(keys) else { return Ok(None) };
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
        count.map(Some).ok_or_else(|| self.refused(keys, value, "a whole number above 0"))
    }

    /// A token of `tokenizer_config.json`: its text, or an object with the text as `content`.
    ///
    /// # Errors
    /// [`ZooError::File`] when it is not there or neither.
    pub fn token(&self, key: &str) -> Result<&str, ZooError> {
        let value = self.at(&[key]).unwrap_or(&Value::Null);
        let content = value.get("content").unwrap_or(value);
        content.as_str().ok_or_else(|| self.refused(&[key], value, "a token"))
    }

    /// The names in `id2label`, each at the slot of its number; slots that no name has, or the name `N/A`, are `None`.
    ///
    /// # Errors
    /// [`ZooError::File`] when there are none or a number is none.
    pub fn class_names(&self) -> Result<Vec<Option<String>>, ZooError> {
        const KEY: &str = "id2label";
        let map = self.at(&[KEY]).and_then(Value::as_object).filter(|map| !map.is_empty());
        let map = map.ok_or_else(|| file(&self.path, format!("no {KEY}, expected the names of the classes")))?;
        let mut names = Vec::new();
        for (number, name) in map {
            let slot = number.parse::<usize>().ok().filter(|slot| *slot < MAX_SLOTS);
            let (Some(slot), Some(name)) = (slot, name.as_str()) else {
                return Err(self.refused(&[KEY, number], name, "a class number with a name"));
            };
            if names.len() <= slot {
                names.resize(slot + 1, None);
            }
            names[slot] = Some(name.to_owned()).filter(|name| name != "N/A");
        }
        Ok(names)
    }

    fn refused(&self, keys: &[&str], found: &Value, expected: &str) -> ZooError {
        let found: String = found.to_string().chars().take(80).collect();
        file(&self.path, format!("{} is {found}, expected {expected}", keys.join(".")))
    }
}

/// What makes tensors as the checkpoint's `preprocessor_config.json` says; `None` where the manifest lists none.
///
/// # Errors
/// [`ZooError::File`] and [`ZooError::Processor`] for one that is not understood.
pub(in crate::zoo) fn image_processor(manifest: &Manifest) -> Result<Option<ImageProcessor>, ZooError> {
    let is_listed = PROCESSORS.into_iter().any(|role| manifest.path_of(role).is_ok());
    is_listed.then(|| required_image_processor(manifest)).transpose()
}

/// As [`image_processor`], for families that cannot do without.
///
/// # Errors
/// As [`image_processor`], and [`ZooError::Manifest`] when the manifest lists no such file.
pub(in crate::zoo) fn required_image_processor(manifest: &Manifest) -> Result<ImageProcessor, ZooError> {
    Ok(ImageProcessor::new(processor_config(manifest)?)?)
}

/// What the checkpoint's `preprocessor_config.json`, or else its `processor_config.json`, says about pictures.
///
/// # Errors
/// [`ZooError::Manifest`] when the manifest lists neither, [`ZooError::File`] for one that is not understood.
pub(in crate::zoo) fn processor_config(manifest: &Manifest) -> Result<ProcessorConfig, ZooError> {
    let [first, second] = PROCESSORS;
    let path = manifest.path_of(first).or_else(|missing| manifest.path_of(second).map_err(|_| missing))?;
    ProcessorConfig::from_json(&text(&path)?).map_err(|error| file(&path, error.to_string()))
}

/// Roles of the files that say what is done to pictures, the newer one last.
const PROCESSORS: [&str; 2] = ["preprocessor_config", "processor_config"];

/// A tokenizer, and the token ids that its model knows.
pub(in crate::zoo) struct Words {
    tokenizer: Tokenizer,
    vocabulary: usize,
}

impl Words {
    /// The manifest's tokenizer, for a model of `vocabulary` tokens.
    ///
    /// # Errors
    /// [`ZooError::Manifest`] and [`ZooError::Language`].
    pub fn open(manifest: &Manifest, vocabulary: usize) -> Result<Self, ZooError> {
        Ok(Self { tokenizer: Tokenizer::open(&manifest.path_of("tokenizer")?)?, vocabulary })
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The ids as a graph takes them.
    ///
    /// # Errors
    /// [`ZooError::Vocabulary`] for one that the model does not know.
    pub fn checked<'a>(&self, ids: impl IntoIterator<Item = &'a u32>) -> Result<Vec<i64>, ZooError> {
        let known = |&id: &u32| {
            let is_known = usize::try_from(id).is_ok_and(|id| id < self.vocabulary);
            is_known.then_some(i64::from(id)).ok_or_else(|| ZooError::Vocabulary {
                path: self.tokenizer.path().to_owned(),
                id,
                vocabulary: self.vocabulary,
            })
        };
        ids.into_iter().map(known).collect()
    }

    /// The id with which the checkpoint pads, by the `pad_token` of its `tokenizer_config.json`.
    ///
    /// # Errors
    /// [`ZooError`] when the file or the token is missing.
    pub fn pad(&self, manifest: &Manifest) -> Result<u32, ZooError> {
        let config = Document::read(manifest, "tokenizer_config")?;
        Ok(self.tokenizer.required_token_id(config.token("pad_token")?)?)
    }
}

fn text(path: &Path) -> Result<String, ZooError> {
    read_short_text(path, MOST_BYTES).map_err(|error| file(path, format!("cannot be read: {error}")))
}

fn file(path: &Path, reason: String) -> ZooError {
    ZooError::File { path: path.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document { path: "config.json".into(), value: serde_json::from_str(text).unwrap() }
    }

    #[test]
    fn names_stand_at_the_slots_of_their_numbers() {
        let names = document(r#"{"id2label": {"3": "car", "0": "N/A", "1": "person"}}"#).class_names().unwrap();
        assert_eq!(names, [None, Some("person".to_owned()), None, Some("car".to_owned())]);
    }

    #[test]
    fn names_that_are_none_are_refused_with_the_file() {
        for (text, expected) in [
            ("{}", "file config.json: no id2label, expected the names of the classes"),
            (r#"{"id2label": {}}"#, "file config.json: no id2label, expected the names of the classes"),
            (r#"{"id2label": {"0": 7}}"#, "file config.json: id2label.0 is 7, expected a class number with a name"),
            (
                r#"{"id2label": {"x": "a"}}"#,
                "file config.json: id2label.x is \"a\", expected a class number with a name",
            ),
            (
                r#"{"id2label": {"99999999999": "a"}}"#,
                "file config.json: id2label.99999999999 is \"a\", expected a class number with a name",
            ),
        ] {
            assert_eq!(document(text).class_names().unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn counts_may_be_missing_but_not_wrong() {
        let keys = ["text_config", "vocab_size"];
        assert_eq!(document(r#"{"text_config": {"vocab_size": 9}}"#).count(&keys).unwrap(), Some(9));
        assert_eq!(document(r#"{"text_config": null}"#).count(&keys).unwrap(), None);
        assert_eq!(document("[]").count(&keys).unwrap(), None);
        let error = document(r#"{"text_config": {"vocab_size": -1}}"#).count(&keys).unwrap_err();
        let expected = "file config.json: text_config.vocab_size is -1, expected a whole number above 0";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_token_is_a_text_or_an_object_with_it() {
        for text in [r#"{"pad_token": "!"}"#, r#"{"pad_token": {"content": "!", "lstrip": false}}"#] {
            assert_eq!(document(text).token("pad_token").unwrap(), "!");
        }
        assert!(document(r#"{"pad_token": 3}"#).token("pad_token").is_err());
    }
}

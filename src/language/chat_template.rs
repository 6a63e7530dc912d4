//! A conversation to the text that a model was trained to continue, by the checkpoint's own chat template.
//!
//! Templates are written in Jinja for transformers' sandbox and call methods of Python's types; both are understood.
//! They see `messages`, `add_generation_prompt` and the special tokens of `tokenizer_config.json`. A template is bad
//! input like any file: it works within a bound of steps.

use super::LanguageError;
use super::error::one_line;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{Environment, Error, ErrorKind};
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Who speaks: `system`, `user`, `assistant`.
    pub role: String,
    /// What is said and shown.
    pub content: Content,
}

/// What is said and shown in a turn. Templates of models that see expect parts, others a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Content {
    /// Words only.
    Text(String),
    /// Words and pictures, in order.
    Parts(Vec<Part>),
}

/// A part of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Part {
    /// Words.
    Text {
        /// As they are.
        text: String,
    },
    /// A picture; the template writes its place.
    Image,
}

impl Message {
    /// A turn of parts.
    pub fn parts(role: &str, parts: Vec<Part>) -> Self {
        Self { role: role.to_owned(), content: Content::Parts(parts) }
    }

    /// A turn of words.
    pub fn text(role: &str, text: &str) -> Self {
        Self { role: role.to_owned(), content: Content::Text(text.to_owned()) }
    }

    /// What a person asks about one picture: the picture, then the words.
    pub fn about_a_picture(question: &str) -> Self {
        Self::parts("user", vec![Part::Image, Part::Text { text: question.to_owned() }])
    }
}

/// A checkpoint's chat template.
pub struct ChatTemplate {
    environment: Environment<'static>,
    path: PathBuf,
    special_tokens: BTreeMap<String, String>,
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatTemplate").field("path", &self.path).finish_non_exhaustive()
    }
}

impl ChatTemplate {
    /// Reads the template of a checkpoint's folder: from `chat_template.jinja`, `chat_template.json` or
    /// `tokenizer_config.json`, in this order; of several named ones, `default`.
    ///
    /// # Errors
    /// [`LanguageError::NoTemplate`]; [`LanguageError::File`], [`LanguageError::Broken`] and [`LanguageError::Value`]
    /// with the file and what is wrong.
    pub fn open(folder: &Path) -> Result<Self, LanguageError> {
        let config_path = folder.join("tokenizer_config.json");
        let config = LanguageError::read_json(&config_path)?.unwrap_or_default();
        let (path, source) = find_template(folder, &config)?;

        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| broken(&path, &error))?);
        environment.set_fuel(Some(STEPS));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", to_json);
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_function("strftime_now", |_format: String| -> Result<Value, Error> {
            let reason = "it asks for today's date (strftime_now), which is not given";
            Err(Error::new(ErrorKind::InvalidOperation, reason))
        });
        environment.add_template_owned(NAME, source).map_err(|error| broken(&path, &error))?;
        Ok(Self { environment, path, special_tokens: special_tokens(&config) })
    }

    /// The text of a conversation; with `add_generation_prompt`, up to where the model answers.
    ///
    /// # Errors
    /// [`LanguageError::Template`] with the template's own words where it refuses the conversation.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String, LanguageError> {
        #[derive(Serialize)]
        struct Context<'a> {
            messages: &'a [Message],
            add_generation_prompt: bool,
            #[serde(flatten)]
            special_tokens: &'a BTreeMap<String, String>,
        }
        let context = Context { messages, add_generation_prompt, special_tokens: &self.special_tokens };
        self.environment
            .get_template(NAME)
            .and_then(|template| template.render(Serde(context)))
            .map_err(|error| LanguageError::Template { path: self.path.clone(), reason: reason_of(&error) })
    }
}

const NAME: &str = "chat template";

/// Steps of the engine: a conversation takes some thousands.
const STEPS: u64 = 2_000_000;

fn find_template(folder: &Path, config: &serde_json::Value) -> Result<(PathBuf, String), LanguageError> {
    let path = folder.join("chat_template.jinja");
    if path.exists() {
        let source = LanguageError::read(&path)?;
        return Ok((path, source));
    }
    let path = folder.join("chat_template.json");
    let own = LanguageError::read_json(&path)?;
    for (path, holder) in [(path, own.as_ref()), (folder.join("tokenizer_config.json"), Some(config))] {
        let Some(value) = holder.and_then(|holder| holder.get("chat_template")).filter(|value| !value.is_null()) else {
            continue;
        };
        let Some(source) = template_text(value) else {
            return Err(LanguageError::Value {
                path,
                key: "chat_template".to_owned(),
                found: one_line(&value.to_string()),
                expected: "a text, or a list of names and templates with one named default",
            });
        };
        return Ok((path, source.to_owned()));
    }
    Err(LanguageError::NoTemplate { folder: folder.to_owned() })
}

fn template_text(value: &serde_json::Value) -> Option<&str> {
    match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Array(named) => {
            named.iter().find(|entry| entry["name"] == "default").and_then(|entry| entry["template"].as_str())
        }
        _ => None,
    }
}

/// `bos_token`, `eos_token`, ...: each a text, or an object with its content.
fn special_tokens(config: &serde_json::Value) -> BTreeMap<String, String> {
    let entries = config.as_object().into_iter().flatten();
    let tokens = entries.filter(|(key, _)| key.ends_with("_token")).filter_map(|(key, value)| {
        let text = value.as_str().or_else(|| value["content"].as_str())?;
        Some((key.clone(), text.to_owned()))
    });
    tokens.collect()
}

fn broken(path: &Path, error: &Error) -> LanguageError {
    LanguageError::Broken { path: path.to_owned(), expected: "chat template", reason: reason_of(error) }
}

/// The engine's reason with those behind it.
fn reason_of(error: &Error) -> String {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let line = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    one_line(&format!("{detail}{line}"))
}

/// As Python's `json.dumps(value, ensure_ascii=False, indent=indent)` writes it.
fn to_json(value: Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = options.get("indent")?;
    let _: Option<bool> = options.get("ensure_ascii")?;
    options.assert_all_used()?;
    let mut bytes = Vec::new();
    let written = match indent {
        Some(width) if width > 16 => return Err(Error::new(ErrorKind::InvalidOperation, "tojson: indent is over 16")),
        Some(width) => {
            let spaces = " ".repeat(width);
            value
                .serialize(&mut Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(spaces.as_bytes())))
        }
        None => value.serialize(&mut Serializer::with_formatter(&mut bytes, Spaced)),
    };
    let failed = |reason: String| Error::new(ErrorKind::BadSerialization, reason);
    written.map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map(Value::from_safe_string).map_err(|error| failed(error.to_string()))
}

/// One line with a space behind each comma and colon.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

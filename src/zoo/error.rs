//! What can go wrong with a manifest, and with a model of a family.

use super::manifest::FaultList;
use super::{Family, Fault, LayoutName, Task};
use crate::infer::InferError;
use crate::language::LanguageError;
use crate::types::Size;
use crate::vision::{ProcessorError, VisionError};
use std::path::PathBuf;

/// Why a manifest is refused, or its files are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The family needs a file that the manifest does not list.
    #[error("model {model}: no file with the role {role:?}, the manifest has {found}")]
    NoRole {
        /// The model's name.
        model: String,
        /// The role that is wanted.
        role: String,
        /// The roles that there are.
        found: String,
    },
    /// The family needs a table that the manifest does not have.
    #[error("model {model}: the manifest has no [{table}], expected one with {expected}")]
    NoTable {
        /// The model's name.
        model: String,
        /// The table's.
        table: &'static str,
        /// The keys that it should hold.
        expected: &'static str,
    },
    /// No folder of that name or path.
    #[error("no model {name:?}: {hint}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The nearest name or all names, and where they were looked for.
        hint: String,
    },
    /// The file cannot be read.
    #[error("manifest {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// It is no TOML, or a value has another type.
    #[error("manifest {}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The parser's reason with line and column, in one line.
        reason: String,
    },
    /// Keys that no manifest has, and values that cannot be: all of them.
    #[error("manifest {}: {}", path.display(), FaultList(faults))]
    Faults {
        /// The file.
        path: PathBuf,
        /// At least one.
        faults: Vec<Fault>,
    },
    /// A file that is to be a model is none.
    #[error(transparent)]
    Model(Box<InferError>),
    /// A file or folder without a manifest that does not say enough of itself.
    #[error("model file {}: {reason}", path.display())]
    NotUnderstood {
        /// The file or folder.
        path: PathBuf,
        /// What was found, what was expected, and what to do about it.
        reason: String,
    },
    /// A file of the model is not there.
    #[error("model {model}: file {} is missing; {cure} ({origin})", path.display())]
    FileMissing {
        /// The manifest's name.
        model: String,
        /// The file.
        path: PathBuf,
        /// What brings it.
        cure: String,
        /// Where it comes from.
        origin: String,
    },
    /// A file has another length than the manifest says.
    #[error("model {model}: file {} holds {found} bytes, expected {expected}; {cure}", path.display())]
    FileSize {
        /// The manifest's name.
        model: String,
        /// The file.
        path: PathBuf,
        /// Its length.
        found: u64,
        /// The manifest's, or that of the first fetch.
        expected: String,
        /// What brings it.
        cure: String,
    },
    /// A file of which nobody knows the hash is not even what its name says.
    #[error("model {model}: file {}: {reason}; {cure}", path.display())]
    FileBroken {
        /// The manifest's name.
        model: String,
        /// The file.
        path: PathBuf,
        /// What it is instead, with the cure where there is one.
        reason: String,
        /// What brings it.
        cure: String,
    },
    /// A file has other bytes than the manifest says.
    #[error("model {model}: file {} has sha256 {found}, expected {expected}; {cure}", path.display())]
    FileHash {
        /// The manifest's name.
        model: String,
        /// The file.
        path: PathBuf,
        /// Its hash.
        found: String,
        /// The manifest's, or that of the first fetch.
        expected: String,
        /// What brings it.
        cure: String,
    },
}

impl From<ManifestError> for ZooError {
    fn from(error: ManifestError) -> Self {
        Self::Manifest(Box::new(error))
    }
}

/// Why a model is none of its family, or a picture gave no boxes.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ZooError {
    /// Loading or running failed.
    #[error(transparent)]
    Infer(#[from] InferError),
    /// The picture did not become a tensor.
    #[error(transparent)]
    Vision(#[from] VisionError),
    /// The picture did not become a tensor as the checkpoint has it.
    #[error(transparent)]
    Processor(#[from] ProcessorError),
    /// The manifest lacks what the family needs.
    #[error(transparent)]
    Manifest(Box<ManifestError>),
    /// The model takes something else than a picture.
    #[error("model takes [{found}], family {family} expects {expected}")]
    Inputs {
        /// The family's name.
        family: &'static str,
        /// The model's inputs.
        found: String,
        /// What the family takes.
        expected: String,
    },
    /// The model's input has another size than the manifest says.
    #[error("model takes pictures of {model} px, the manifest says {manifest} px")]
    InputSize {
        /// The model's.
        model: Size,
        /// The manifest's.
        manifest: Size,
    },
    /// The model gives something that the family does not know.
    #[error("model gives [{found}], family {family} expects {expected}")]
    Outputs {
        /// The family's name.
        family: &'static str,
        /// The model's outputs.
        found: String,
        /// The layouts of the family.
        expected: String,
    },
    /// The outputs can be read in several ways, and nothing tells which is meant.
    #[error("model gives [{found}], which may be {readings}: say which in the manifest, layout = \"...\"")]
    TwoReadings {
        /// The model's outputs.
        found: String,
        /// The layouts with what they are, `a or b`.
        readings: String,
    },
    /// Numbers that cannot be what the layout promises: it is another one.
    #[error("the model's {output} are not {layout}: {reason}")]
    NotThatLayout {
        /// The output's name.
        output: String,
        /// The layout that was taken.
        layout: LayoutName,
        /// What was found, and the likely cause with its cure.
        reason: String,
    },
    /// An output has other dimensions than the graph's form promises.
    #[error("model gives {output} {found:?}, expected {expected}")]
    Shape {
        /// The output's name.
        output: String,
        /// Its dimensions.
        found: Vec<usize>,
        /// What they should be.
        expected: String,
    },
    /// The model gave numbers that are none, so that nobody knows what it has seen of the picture.
    #[error("the model's {output} are {value} at {index:?}, expected numbers: {found} of {of} are none")]
    NotANumber {
        /// The output's name.
        output: String,
        /// The place of the first, one number for each dimension.
        index: Vec<usize>,
        /// The first: NaN or an infinity.
        value: f32,
        /// How many are none.
        found: usize,
        /// How many there are.
        of: usize,
    },
    /// The model names a class that nobody has a name for: what it has seen there is not known.
    #[error("the model's {output} name class {found} for box {at}, expected 0..{classes}")]
    NoSuchClass {
        /// The output's name.
        output: String,
        /// The place of the box.
        at: usize,
        /// The class's number.
        found: String,
        /// How many classes there are.
        classes: usize,
    },
    /// The model is sure of a box that is none: its outputs mean something else than was taken.
    #[error("the model's {output} give box {at} a size of {width} x {height}, expected at least 0")]
    NoSuchBox {
        /// The output's name.
        output: String,
        /// The place of the box.
        at: usize,
        /// From its left edge to its right one, in pixels of the input.
        width: f32,
        /// From its upper edge to its lower one.
        height: f32,
    },
    /// A file of the checkpoint cannot be read or understood.
    #[error("file {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The tokenizer knows tokens that the model does not.
    #[error(
        "tokenizer {} gives token {id}, the model has {vocabulary} tokens: they do not belong together",
        path.display()
    )]
    Vocabulary {
        /// The tokenizer's file.
        path: PathBuf,
        /// The token's id.
        id: u32,
        /// How many tokens the model has.
        vocabulary: usize,
    },
    /// A tokenizer, or a text that it does not take.
    #[error(transparent)]
    Language(#[from] LanguageError),
    /// A text has more tokens than the model has places.
    #[error("text {text:?} has {tokens} tokens, expected at most {limit}")]
    TooLong {
        /// Its first words.
        text: String,
        /// How many it has.
        tokens: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A vector that is to be compared with others has no direction.
    #[error("the model's {output} have a vector of length {length}, expected a direction")]
    NoDirection {
        /// The output's name.
        output: String,
        /// Its length: 0, or beyond all numbers.
        length: f32,
    },
    /// What a text encoder gives has no direction: its length is 0 or no number.
    #[error("the sentence encoder gives no direction for {text:?}")]
    NoEmbedding {
        /// The text's first words.
        text: String,
    },
    /// Prompts in a form that the detector does not take, or that do not fit its classes.
    #[error("the prompts are {found}, family {family} expects {expected}")]
    Prompts {
        /// The family's name.
        family: &'static str,
        /// What came.
        found: String,
        /// What it takes.
        expected: String,
    },
    /// The model's classes are fixed.
    #[error("the model takes no prompts: its classes are fixed")]
    NoPrompts,
    /// A model for another task.
    #[error("family {family} is for {found}, expected a model for {wanted}")]
    Task {
        /// The manifest's family.
        family: Family,
        /// What it is for.
        found: Task,
        /// What was wanted.
        wanted: Task,
    },
    /// Nobody names the classes, or the names cannot be read.
    #[error("class names: {reason}")]
    Names {
        /// What is wrong with them.
        reason: String,
    },
    /// One of a model's several graphs has other tensors than the family's.
    #[error("{role} has {found}, family {family} expects {expected}")]
    Graph {
        /// The graph's role in the manifest.
        role: String,
        /// The manifest's family.
        family: Family,
        /// The inputs and outputs that it has.
        found: String,
        /// Those that it should have.
        expected: String,
    },
    /// A picture has other features than its places in the prompt.
    #[error("vision_encoder gives features {found}, expected {expected}")]
    Features {
        /// Their number and width, or their shape.
        found: String,
        /// What the prompt has room for.
        expected: String,
    },
    /// The tokenizer knows a token that the model does not.
    #[error(
        "tokenizer {} has token {id}, which embed_tokens does not take: they do not belong together ({reason})",
        path.display()
    )]
    UnknownToken {
        /// The tokenizer's file.
        path: PathBuf,
        /// The token's id.
        id: u32,
        /// What the graph says.
        reason: String,
    },
    /// The model cannot be asked this.
    #[error("question {start:?} {reason}")]
    Question {
        /// Its first characters.
        start: String,
        /// What is wrong with it, and what was expected.
        reason: String,
    },
}

//! Changes to a graph between its file and its session. The file stays as it is, and so does its hash.
//!
//! An edit rewrites a node or two; what it leaves alone, weights above all, is copied once, from the file into the bytes that
//! ONNX Runtime reads. One that does not fit a graph is left out with the reason: the graph then runs as its file has it.

mod bytes_in;
mod last_only;
mod nodes;
mod write;

use super::onnx_file::wire::{Broken, Reader};
use super::regular_file::open_regular;
use crate::types::ChannelStep;
use nodes::Survey;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

/// A change to a graph.
#[derive(Debug, Clone, PartialEq)]
pub enum GraphEdit {
    /// Of an output `[batch, sequence, width]`, only the last of the sequence is computed: `[batch, 1, width]`. Of a
    /// language model's logits nobody reads more, and of a long prompt they are most of the work.
    LastOnly {
        /// The output.
        output: String,
    },
    /// An input `[..., 3, height, width]` of floats takes bytes, which become its numbers in the graph: a quarter of them
    /// to copy to a GPU, and less work outside.
    BytesIn {
        /// The input.
        input: String,
        /// What is done to each byte, in single precision.
        steps: Vec<ChannelStep>,
        /// Whether the graph stays as it is where no GPU provider registers: on the CPU nothing is won.
        only_on_gpu: bool,
    },
}

impl GraphEdit {
    /// Whether it is for GPU providers alone.
    pub(super) fn is_for_a_gpu(&self) -> bool {
        matches!(self, Self::BytesIn { only_on_gpu: true, .. })
    }

    /// The same for all providers.
    pub(super) fn for_all(self) -> Self {
        match self {
            Self::BytesIn { input, steps, .. } => Self::BytesIn { input, steps, only_on_gpu: false },
            Self::LastOnly { .. } => self,
        }
    }
}

/// The bytes of a model with an edit.
///
/// # Errors
/// Why the edit does not fit, or the file cannot be read.
pub(super) fn edited(path: &Path, edit: &GraphEdit) -> Result<Vec<u8>, String> {
    let mut file = open_regular(path).map_err(in_words)?;
    let length = file.metadata().map_err(in_words)?.len();
    let survey = Survey::of(&mut Reader::new(&mut file, length)).map_err(|broken: Broken| broken.to_string())?;
    let mut read = |part: Range<u64>| {
        let mut bytes = Vec::new();
        copy(&mut file, part.start, part.end, &mut bytes).map(|()| bytes)
    };
    let mut changes = match edit {
        GraphEdit::LastOnly { output } => last_only::changes(&survey, output, &mut read)?,
        GraphEdit::BytesIn { input, steps, .. } => bytes_in::changes(&survey, input, steps, &mut read)?,
    };
    changes.sort_by_key(|change| (change.at.start, change.at.end));
    let graph = &survey.graph_payload;
    let taken: u64 = changes.iter().map(|change| change.at.end - change.at.start).sum();
    let put: u64 = changes.iter().map(|change| change.bytes.len() as u64).sum();
    let mut bytes = Vec::new();
    let room = length.saturating_add(put).saturating_add(32);
    bytes.try_reserve_exact(usize::try_from(room).unwrap_or(usize::MAX)).map_err(in_words)?;
    copy(&mut file, 0, survey.graph_at, &mut bytes)?;
    write::header(&mut bytes, nodes::GRAPH, graph.end - graph.start - taken + put);
    let mut at = graph.start;
    for change in &changes {
        copy(&mut file, at, change.at.start, &mut bytes)?;
        bytes.extend_from_slice(&change.bytes);
        at = change.at.end;
    }
    copy(&mut file, at, graph.end, &mut bytes)?;
    copy(&mut file, graph.end, length, &mut bytes)?;
    Ok(bytes)
}

fn in_words(error: impl ToString) -> String {
    error.to_string()
}

/// Adds the bytes of a file from one place to another.
fn copy(file: &mut File, from: u64, to: u64, bytes: &mut Vec<u8>) -> Result<(), String> {
    let length = to.checked_sub(from).ok_or("a part that ends before it begins")?;
    let read = |file: &mut File, bytes: &mut Vec<u8>| -> io::Result<u64> {
        file.seek(SeekFrom::Start(from))?;
        Ok(file.take(length).read_to_end(bytes)? as u64)
    };
    match read(file, bytes).map_err(in_words)? {
        read if read == length => Ok(()),
        _ => Err("the file has become shorter".to_owned()),
    }
}

//! Changes to a graph between its file and its session. The file stays as it is, and so does its hash.
//!
//! An edit rewrites a node or two; what it leaves alone, weights above all, is copied once, from the file into the bytes that
//! ONNX Runtime reads. One that does not fit a graph is left out with the reason: the graph then runs as its file has it.

mod last_only;
mod nodes;
mod write;

use super::onnx_file::wire::{Broken, Reader};
use super::regular_file::open_regular;
use nodes::Survey;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// A change to a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GraphEdit {
    /// Of an output `[batch, sequence, width]`, only the last of the sequence is computed: `[batch, 1, width]`. Of a
    /// language model's logits nobody reads more, and of a long prompt they are most of the work.
    LastOnly {
        /// The output.
        output: String,
    },
}

/// The bytes of a model with an edit.
///
/// # Errors
/// Why the edit does not fit, or the file cannot be read.
pub(super) fn edited(path: &Path, edit: &GraphEdit) -> Result<Vec<u8>, String> {
    let mut file = open_regular(path).map_err(in_words)?;
    let length = file.metadata().map_err(in_words)?.len();
    let survey = Survey::of(&mut Reader::new(&mut file, length)).map_err(|broken: Broken| broken.to_string())?;
    let GraphEdit::LastOnly { output } = edit;
    let node = last_only::product(&survey.graph, output)?;
    let mut old = Vec::new();
    copy(&mut file, node.payload.start, node.payload.end, &mut old)?;
    let new = last_only::written(&old, node, &survey.graph)?;
    let graph = &survey.graph_payload;
    let grown = new.nodes.len() + new.initializers.len();
    let kept = (graph.end - graph.start) - (node.payload.end - node.field_at);
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX).saturating_add(grown + 32))
        .map_err(in_words)?;
    copy(&mut file, 0, survey.graph_at, &mut bytes)?;
    write::header(&mut bytes, nodes::GRAPH, kept + grown as u64);
    copy(&mut file, graph.start, node.field_at, &mut bytes)?;
    bytes.extend_from_slice(&new.nodes);
    copy(&mut file, node.payload.end, graph.end, &mut bytes)?;
    bytes.extend_from_slice(&new.initializers);
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

//! Asks ONNX Runtime which provider each graph node was assigned to.
//!
//! Unsafe, since `ort` does not wrap `Session_GetEpGraphAssignmentInfo` (ONNX Runtime
//! 1.24 and later). The session must be made with [`RECORD_KEY`] = 1. Counted is the graph after basic optimization.
#![expect(unsafe_code, reason = "ort does not wrap ONNX Runtime's node assignment; audited here")]

use crate::infer::{InferError, Runtime};
use ort::AsPointer;
use ort::session::Session;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::ptr;

/// The session entry that makes ONNX Runtime keep the assignment.
pub(in crate::infer) const RECORD_KEY: &str = "session.record_ep_graph_assignment_info";

/// Number of nodes by ONNX Runtime's provider name, by name; `None` where this ONNX Runtime does not tell.
///
/// # Errors
/// [`InferError::Runtime`] when the session was made without [`RECORD_KEY`].
pub(in crate::infer) fn nodes_by_provider(
    runtime: &Runtime,
    session: &Session,
) -> Result<Option<Vec<(String, usize)>>, InferError> {
    if !runtime.tells_node_assignment() {
        return Ok(None);
    }
    let mut subgraphs: *const *const ort_sys::OrtEpAssignedSubgraph = ptr::null();
    let mut subgraph_count = 0;
    // SAFETY: the function is the runtime's, by the check above, as those below are. The session is alive for the whole
    // function; both out pointers are valid for writes. ONNX Runtime owns
    // the array and keeps it as long as the session.
    let status =
        unsafe { (ort::api().Session_GetEpGraphAssignmentInfo)(session.ptr(), &mut subgraphs, &mut subgraph_count) };
    check(status)?;
    let mut counts = BTreeMap::new();
    for index in 0..subgraph_count {
        // SAFETY: the call above succeeded, so `subgraphs` points to `subgraph_count` valid pointers.
        let subgraph = unsafe { *subgraphs.add(index) };
        *counts.entry(provider_name(subgraph)?).or_default() += node_count(subgraph)?;
    }
    Ok(Some(counts.into_iter().collect()))
}

fn provider_name(subgraph: *const ort_sys::OrtEpAssignedSubgraph) -> Result<String, InferError> {
    let mut name = ptr::null();
    // SAFETY: `subgraph` came from the session, which is alive; the out pointer is valid for writes.
    check(unsafe { (ort::api().EpAssignedSubgraph_GetEpName)(subgraph, &mut name) })?;
    if name.is_null() {
        return Ok("unnamed".to_owned());
    }
    // SAFETY: ONNX Runtime gives a NUL-terminated string that lives as long as the session.
    Ok(unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

fn node_count(subgraph: *const ort_sys::OrtEpAssignedSubgraph) -> Result<usize, InferError> {
    let mut nodes = ptr::null();
    let mut count = 0;
    // SAFETY: as in `provider_name`; the array itself is not read.
    check(unsafe { (ort::api().EpAssignedSubgraph_GetNodes)(subgraph, &mut nodes, &mut count) })?;
    Ok(count)
}

fn check(status: ort_sys::OrtStatusPtr) -> Result<(), InferError> {
    // SAFETY: every status here comes straight from a call of the ONNX Runtime API and is passed on once.
    unsafe { ort::Error::result_from_status(status) }.map_err(InferError::runtime("tell its node assignment"))
}

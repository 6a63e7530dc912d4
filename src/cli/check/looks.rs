//! How long it takes to look at a picture.

use crate::cli::check_picture::Still;
use anyhow::Result;
use std::time::Instant;
use vedette::pipeline::Walk;
use vedette::types::Detection;

/// Looks at a picture so many times: how long each look took in milliseconds, the shortest first.
pub(super) fn looks(walk: &mut Walk, still: &Still, count: usize, boxes: &mut Vec<Detection>) -> Result<Vec<f64>> {
    let mut took_ms = Vec::with_capacity(count);
    for _ in 0..count {
        #[expect(clippy::disallowed_methods, reason = "the edge: how long the model takes is told")]
        let began = Instant::now();
        walk.look(&still.view()?, boxes)?;
        took_ms.push(began.elapsed().as_secs_f64() * 1e3);
    }
    took_ms.sort_by(f64::total_cmp);
    Ok(took_ms)
}

//! The frames by their names.

use super::error::TransformRefused;
use std::collections::HashMap;
use std::sync::Arc;

/// Frames that are kept: no robot has more, and who sends more does not take our memory.
pub const MAX_FRAMES: usize = 4096;
/// The longest name of a frame.
pub const MAX_NAME_BYTES: usize = 256;

/// Names and numbers of frames. A frame keeps its number for ever.
#[derive(Debug, Default)]
pub(super) struct FrameNames {
    numbers: HashMap<Arc<str>, usize>,
    names: Vec<Arc<str>>,
}

impl FrameNames {
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    pub(super) fn number_or_new(&mut self, name: &str) -> Result<usize, TransformRefused> {
        if let Some(number) = self.number(name) {
            return Ok(number);
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(TransformRefused::LongName { found: name.len() });
        }
        let number = self.names.len();
        if number == MAX_FRAMES {
            return Err(TransformRefused::TooManyFrames { frame: name.to_owned() });
        }
        let name: Arc<str> = Arc::from(name);
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        Ok(number)
    }

    pub(super) fn name(&self, number: usize) -> &str {
        self.names.get(number).map_or("", |name| name)
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}

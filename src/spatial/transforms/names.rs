//! The frames by their names.

use super::error::{MAX_FRAMES, MAX_NAME_BYTES, TransformRefused};
use std::collections::HashMap;
use std::sync::Arc;

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

//! The classes of a model by number and by name.

use std::sync::Arc;

/// Index of a class in the model's [`Labels`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u16);

/// The class names of a model, and the version of the prompts that made them (0 for a closed set).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    names: Arc<[Box<str>]>,
    version: u32,
}

impl Labels {
    /// Names in the order of the model's classes.
    pub fn new(names: impl IntoIterator<Item = impl Into<Box<str>>>, version: u32) -> Self {
        Self { names: names.into_iter().map(Into::into).collect(), version }
    }

    /// How many classes there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name of a class, `"unknown"` for an index that the model does not name.
    pub fn name(&self, class: ClassId) -> &str {
        self.names.get(usize::from(class.0)).map_or("unknown", |name| name)
    }

    /// The class of a name.
    pub fn find(&self, name: &str) -> Option<ClassId> {
        let index = self.names.iter().position(|known| **known == *name)?;
        u16::try_from(index).ok().map(ClassId)
    }

    /// All names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// All classes, in order.
    pub fn classes(&self) -> impl Iterator<Item = ClassId> + use<> {
        (0..=u16::MAX).take(self.names.len()).map(ClassId)
    }

    /// Version of the prompts that made the names.
    pub fn version(&self) -> u32 {
        self.version
    }
}

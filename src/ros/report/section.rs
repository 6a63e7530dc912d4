//! One status of the diagnostics while it is put together.

use crate::wire::diagnostic_msgs::Level;

/// One status before it is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) level: Level,
    pub(super) topic: String,
    pub(super) message: String,
    pub(super) values: Vec<(String, String)>,
}

impl Section {
    pub(super) fn new(topic: impl Into<String>) -> Self {
        Self { level: Level::Ok, topic: topic.into(), message: String::new(), values: Vec::new() }
    }

    pub(super) fn value(&mut self, key: impl Into<String>, value: impl ToString) {
        self.values.push((key.into(), value.to_string()));
    }

    /// Raises the level and says why.
    pub(super) fn raise(&mut self, level: Level, why: impl AsRef<str>) {
        self.level = self.level.max(level);
        if !self.message.is_empty() {
            self.message.push_str("; ");
        }
        self.message.push_str(why.as_ref());
    }

    /// The value of this key.
    #[cfg(test)]
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }
}

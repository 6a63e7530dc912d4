//! All that is wrong with a manifest, told at once.

use super::keys::{UnknownKey, find_unknown};
use serde::de::DeserializeOwned;
use std::fmt;
use toml::{Table, Value};

/// The longest value that is repeated.
const FOUND_CHARS: usize = 100;

/// One thing that is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A key that no manifest has.
    UnknownKey {
        /// The key with its tables: `files[0].sha265`.
        key: String,
        /// `, did you mean "sha256"?`, or empty.
        nearest: String,
    },
    /// A value that cannot be.
    Value {
        /// The key with its tables.
        key: String,
        /// The value.
        found: String,
        /// What it should be.
        expected: String,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { key, nearest } => write!(f, "unknown key {key:?}{nearest}"),
            Self::Value { key, found, expected } => write!(f, "{key} is {found}, expected {expected}"),
        }
    }
}

/// Faults one after another: `3 faults: a; b; c`.
pub(in crate::zoo) struct FaultList<'a>(pub &'a [Fault]);

impl fmt::Display for FaultList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() > 1 {
            write!(f, "{} faults: ", self.0.len())?;
        }
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

/// Those that were found so far.
#[derive(Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    /// The keys of a document that no manifest has.
    pub fn of_keys(document: &Table) -> Self {
        let fault = |UnknownKey { key, nearest }| Fault::UnknownKey { key, nearest };
        Self(find_unknown(document).into_iter().map(fault).collect())
    }

    /// A value that cannot be.
    pub fn add(&mut self, key: impl Into<String>, found: impl fmt::Display, expected: impl Into<String>) {
        let found: String = found.to_string().chars().take(FOUND_CHARS).collect();
        self.0.push(Fault::Value { key: key.into(), found, expected: expected.into() });
    }

    /// A value that should be there, unless it is under an unknown key that was told already.
    pub fn add_missing(&mut self, path: &str, key: &str, expected: impl Into<String>) {
        if !self.is_misspelled(path, key) {
            self.add(format!("{path}{key}"), "missing", expected);
        }
    }

    /// Whether there is an unknown key in the table of `path` that is probably this one.
    pub fn is_misspelled(&self, path: &str, key: &str) -> bool {
        let quoted = format!("{key:?}");
        self.0.iter().any(|fault| match fault {
            Fault::UnknownKey { key: unknown, nearest } => {
                unknown.strip_prefix(path).is_some_and(|rest| !rest.contains('.')) && nearest.contains(&quoted)
            }
            Fault::Value { .. } => false,
        })
    }

    /// The value of a key in the table that `path` leads to, if it is there and of its type.
    pub fn optional<T: DeserializeOwned>(&mut self, table: &Table, path: &str, key: &str) -> Option<T> {
        let value = table.get(key)?;
        match value.clone().try_into() {
            Ok(value) => Some(value),
            Err(error) => {
                let words: Vec<_> = error.message().split_whitespace().collect();
                let words = words.join(" ");
                let expected = words.rsplit_once(", expected ").map_or(words.as_str(), |(_, expected)| expected);
                // Rust's words for numbers are none of a manifest's.
                let expected = match expected {
                    "u32" | "u64" | "usize" => "a whole number",
                    "a nonzero usize" => "a whole number above 0",
                    other => other,
                };
                self.add(format!("{path}{key}"), value, expected);
                None
            }
        }
    }

    /// As [`optional`](Self::optional), of one that must be there.
    pub fn required<T: DeserializeOwned>(&mut self, table: &Table, path: &str, key: &str, expected: &str) -> Option<T> {
        if !table.contains_key(key) {
            self.add_missing(path, key, expected);
        }
        self.optional(table, path, key)
    }

    /// The table of a key, if it is there and one.
    pub fn table<'a>(&mut self, table: &'a Table, key: &str) -> Option<&'a Table> {
        let value = table.get(key)?;
        if !value.is_table() {
            self.add(key, value, format!("a table, [{key}]"));
        }
        value.as_table()
    }

    /// The tables of a key's list, `[[key]]`.
    pub fn tables<'a>(&mut self, table: &'a Table, key: &str) -> Vec<&'a Table> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let entries = value.as_array().map(Vec::as_slice).unwrap_or_default();
        if !value.is_array() || !entries.iter().all(Value::is_table) {
            self.add(key, value, format!("tables, [[{key}]]"));
        }
        entries.iter().filter_map(Value::as_table).collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn into_list(self) -> Vec<Fault> {
        self.0
    }
}

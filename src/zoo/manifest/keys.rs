//! Keys of a manifest that are no keys, and the ones that were meant.

use toml::{Table, Value};

/// Tables by their path, with the keys that each may hold.
const KNOWN: [(&str, &[&str]); 6] = [
    (
        "",
        &[
            "family",
            "task",
            "layout",
            "source",
            "verified",
            "input",
            "scoring",
            "generation",
            "labels",
            "license",
            "files",
        ],
    ),
    ("input", &["name", "width_px", "height_px", "fit", "colors", "range", "mean", "std"]),
    ("scoring", &["logit_scale", "logit_bias"]),
    ("generation", &["context_tokens", "shared_cache_tokens"]),
    ("license", &["name", "notice"]),
    ("files", &["path", "role", "url", "bytes", "sha256"]),
];

/// A key that no manifest has: its path, and the sentence about the nearest one.
pub(in crate::zoo) struct UnknownKey {
    pub key: String,
    pub nearest: String,
}

/// The first key of the document that is not known.
pub(in crate::zoo) fn find_unknown(document: &Table) -> Option<UnknownKey> {
    unknown_in(document, "", "")
}

/// `table` names the entry of [`KNOWN`], `path` is what stands before the key.
fn unknown_in(content: &Table, table: &str, path: &str) -> Option<UnknownKey> {
    let (_, known) = KNOWN.iter().find(|(name, _)| *name == table)?;
    content.iter().find_map(|(key, value)| {
        if !known.contains(&key.as_str()) {
            let nearest = did_you_mean(key, known.iter().copied());
            return Some(UnknownKey { key: format!("{path}{key}"), nearest });
        }
        match value {
            Value::Table(inner) => unknown_in(inner, key, &format!("{path}{key}.")),
            Value::Array(entries) => entries
                .iter()
                .enumerate()
                .find_map(|(index, entry)| unknown_in(entry.as_table()?, key, &format!("{path}{key}[{index}]."))),
            _ => None,
        }
    })
}

/// `, did you mean "sha256"?` when one of `known` is near enough to be meant, else nothing.
pub(in crate::zoo) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let best = known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(similarity, _)| *similarity > 0.8);
    best.map_or_else(String::new, |(_, candidate)| format!(", did you mean {candidate:?}?"))
}

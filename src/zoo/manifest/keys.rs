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

/// The keys of the document that are not known, in its order.
pub(in crate::zoo) fn find_unknown(document: &Table) -> Vec<UnknownKey> {
    let mut unknown = Vec::new();
    collect_unknown(document, "", "", &mut unknown);
    unknown
}

/// `table` names the entry of [`KNOWN`], `path` is what stands before the key.
fn collect_unknown(content: &Table, table: &str, path: &str, unknown: &mut Vec<UnknownKey>) {
    let Some((_, known)) = KNOWN.iter().find(|(name, _)| *name == table) else { return };
    for (key, value) in content {
        if !known.contains(&key.as_str()) {
            let nearest = did_you_mean(key, known.iter().copied());
            unknown.push(UnknownKey { key: format!("{path}{key}"), nearest });
            continue;
        }
        match value {
            Value::Table(inner) => collect_unknown(inner, key, &format!("{path}{key}."), unknown),
            Value::Array(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    let Some(entry) = entry.as_table() else { continue };
                    collect_unknown(entry, key, &format!("{path}{key}[{index}]."), unknown);
                }
            }
            _ => {}
        }
    }
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

//! A manifest as a `model.toml`.

use super::Examined;
use crate::zoo::{Family, Manifest, NamesFrom};
use std::fmt::Write;

/// The text of a `model.toml` that says what `manifest` does. What was `examined` of the graph is pinned, so that a file
/// that is exported anew in another way is refused and not read in another way; what the layout implies stands there as a
/// comment.
pub fn written(manifest: &Manifest, examined: Option<&Examined>) -> String {
    let mut text = String::from("# Written by `vedette models add`. docs/models.md says what each key means.\n");
    let mut line = |words: std::fmt::Arguments<'_>| {
        // Writing to a text does not fail.
        let _ = text.write_fmt(words);
        text.push('\n');
    };
    line(format_args!("family = \"{}\"", manifest.family));
    line(format_args!("task = \"{}\"", manifest.task));
    // How slots stand to names is read anew: with a layout that is said, other numbers of them are refused.
    let closed = examined.map(|examined| &examined.understood).filter(|understood| understood.family == Family::Yolo);
    if let Some(layout) = manifest.layout.or(closed.map(|understood| understood.layout)) {
        line(format_args!("layout = \"{layout}\""));
    }
    line(format_args!("source = {}", quoted(&manifest.source)));
    line(format_args!("# Take this line away once you have seen that its boxes are right."));
    line(format_args!("verified = {}", manifest.verified));
    let assumed = closed.filter(|understood| understood.names_from == NamesFrom::Coco);
    let labels = manifest.labels.as_ref().or(assumed.map(|understood| &understood.labels));
    if let Some(labels) = labels {
        line(format_args!("labels = [{}]", labels.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")));
    }
    if let Some(Examined { understood, has_processor, .. }) = examined {
        line(format_args!("\n[input]\nname = {}", quoted(&understood.input)));
        if *has_processor {
            line(format_args!("# preprocessor_config.json says its size and what is done to pixels"));
        } else {
            line(format_args!("width_px = {}\nheight_px = {}", understood.size.width_px, understood.size.height_px));
            line(format_args!("# pixels: {}", understood.form));
        }
    }
    line(format_args!("\n[license]\nname = {}", quoted(&manifest.license.name)));
    if !manifest.license.notice.is_empty() {
        line(format_args!("notice = {}", quoted(&manifest.license.notice)));
    }
    for file in &manifest.files {
        line(format_args!("\n[[files]]\npath = {}", quoted(&file.path.to_string_lossy())));
        if let Some(role) = &file.role {
            line(format_args!("role = {}", quoted(role)));
        }
        if let Some(url) = &file.url {
            line(format_args!("url = {}", quoted(url)));
        }
        if let Some(bytes) = file.bytes {
            line(format_args!("bytes = {bytes}"));
        }
        if let Some(sha256) = &file.sha256 {
            line(format_args!("sha256 = {}", quoted(sha256)));
        }
    }
    text
}

/// As TOML writes a text, on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::manifest::samples::{MINIMAL, UNVERIFIED, loaded};
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read_as_it_was() {
        for text in [MINIMAL, UNVERIFIED] {
            let manifest = Manifest { input: None, scoring: None, ..loaded(text) };
            let again = written(&manifest, None).replace(
                "[license]",
                if text == MINIMAL { "[license]" } else { "[scoring]\nlogit_scale = 1.0\n[license]" },
            );
            let again = Manifest { scoring: None, folder: manifest.folder.clone(), ..loaded(&again) };
            assert_eq!(again, manifest);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_quoted_so_that_toml_reads_it(text in any::<String>()) {
            let table: toml::Table = toml::from_str(&format!("a = {}", quoted(&text))).unwrap();
            prop_assert_eq!(table["a"].as_str(), Some(text.as_str()));
        }
    }
}

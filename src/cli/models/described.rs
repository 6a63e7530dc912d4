//! What was understood of a detector's file, as a table and as JSON.

use crate::cli::printed::one_line;
use serde_json::{Value, json};
use vedette::zoo::{Examined, NamesFrom, Understood};

/// How wide a line of class names may be.
const LINE_CHARS: usize = 100;

/// How much of a name is shown.
const NAME_CHARS: usize = 80;

/// How much of any other note.
const NOTE_CHARS: usize = 2000;

/// Lines of a key and what it is, the classes last.
pub fn table(examined: &Examined) -> String {
    let Examined { file, understood, .. } = examined;
    let Understood { layout, size, labels, notes, .. } = understood;
    let opsets: Vec<String> = file.opsets.iter().map(|(domain, version)| format!("{domain} {version}")).collect();
    let producer = if file.producer.is_empty() { String::new() } else { format!(", written by {}", file.producer) };
    let mut rows = vec![
        ("format", format!("ONNX, IR version {}, opset {}{producer}", file.ir_version, opsets.join(", "))),
        ("takes", file.signature.inputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        ("gives", file.signature.outputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        ("layout", layout.to_string()),
        ("input", format!("{size} px ({}), {}", understood.input, pixels(examined))),
    ];
    for (key, row) in [("task", "trained"), ("stride", "stride"), ("description", "about"), ("date", "date")] {
        if let Some(note) = file.signature.metadata.get(key).filter(|note| !note.trim().is_empty()) {
            rows.push((row, note.clone()));
        }
    }
    rows.extend(notes.iter().map(|note| ("note", note.clone())));
    let mut text = String::new();
    for (key, words) in rows {
        text.push_str(&format!("{key:<9} {}\n", one_line(&words, NOTE_CHARS)));
    }
    text.push_str(&format!("{:<9} {}, {}\n", "classes", labels.len(), names_from(understood)));
    text.push_str(&columns(labels));
    text
}

/// The same for scripts.
pub fn json(examined: &Examined) -> Value {
    let Examined { file, understood, .. } = examined;
    json!({
        "ir_version": file.ir_version,
        "opsets": file.opsets,
        "producer": file.producer,
        "inputs": file.signature.inputs.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "outputs": file.signature.outputs.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "task": file.signature.metadata.get("task"),
        "stride": file.signature.metadata.get("stride"),
        "family": understood.family.to_string(),
        "layout": understood.layout.to_string(),
        "input": understood.input,
        "element": understood.element.to_string(),
        "size": [understood.size.width_px, understood.size.height_px],
        "pixels": pixels(examined),
        "classes": understood.labels,
        "classes_from": match understood.names_from {
            NamesFrom::Given => "given",
            NamesFrom::Metadata => "metadata",
            NamesFrom::Coco => "coco",
        },
        "notes": understood.notes,
    })
}

fn pixels(examined: &Examined) -> String {
    if examined.has_processor {
        return "pixels as preprocessor_config.json says".to_owned();
    }
    let order = if examined.understood.channels_last { ", channels last" } else { "" };
    format!("{}{order}", examined.understood.form)
}

const fn names_from(understood: &Understood) -> &'static str {
    match understood.names_from {
        NamesFrom::Given => "named by the manifest, config.json or a list beside the file",
        NamesFrom::Metadata => "named by the model's metadata",
        NamesFrom::Coco => "nobody names them: those of COCO are taken",
    }
}

/// Names with their numbers, in as many columns as a line has room for.
fn columns(names: &[String]) -> String {
    let cells: Vec<String> =
        names.iter().enumerate().map(|(number, name)| format!("{number:>3} {}", one_line(name, NAME_CHARS))).collect();
    let width = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or_default() + 2;
    let count = (LINE_CHARS / width).max(1);
    let mut text = String::new();
    for line in cells.chunks(count) {
        let line: String = line.iter().map(|cell| format!("{cell:<width$}")).collect();
        text.push_str(&format!("  {}\n", line.trim_end()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_columns_with_their_numbers() {
        let names = ["person", "traffic light", "a\u{1b}[2Jb"].map(str::to_owned);
        assert_eq!(columns(&names), "    0 person           1 traffic light    2 a\u{fffd}[2Jb\n");
        let long = columns(&["x".repeat(5 << 20)]);
        assert_eq!(long.chars().count(), 2 + 4 + NAME_CHARS + 2);
        let many: Vec<String> = (0..12).map(|number| format!("a class with a long name, number {number}")).collect();
        assert_eq!(columns(&many).lines().count(), 6);
        assert!(columns(&many).lines().all(|line| line.len() <= LINE_CHARS + 2));
    }
}

//! Class names that lie beside a model's file, for exports that hold none: YOLOX, RF-DETR, D-FINE, TAO.
//!
//! One name a line, or with `;` between them: `labels.txt` (TAO, DeepStream), `classes.txt` (labelling tools), `class_names.txt` (Roboflow),
//! `obj.names`, `coco.names` (Darknet), or the model's own name with `.txt` or `.names`. Or `data.yaml`, as data sets for
//! Ultralytics and Roboflow have it, with `names` as a list or by number.

use crate::infer::read_short;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The longest file that is taken for a list of names.
const MAX_BYTES: u64 = 1 << 20;

/// Names in the order of their classes, and the file that they are from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamesBeside {
    pub names: Vec<String>,
    pub file: PathBuf,
}

/// The names beside a model's file; `None` where there are none, or what is there is no list.
pub(super) fn names_beside(model: &Path) -> Option<NamesBeside> {
    let candidates = [
        model.with_extension("names"),
        model.with_extension("txt"),
        model.with_file_name("labels.txt"),
        model.with_file_name("classes.txt"),
        model.with_file_name("class_names.txt"),
        model.with_file_name("obj.names"),
        model.with_file_name("coco.names"),
        model.with_file_name("data.yaml"),
    ];
    candidates.into_iter().find_map(|file| {
        let text = text_of(read_short(&file, MAX_BYTES).ok()?)?;
        let names = if file.extension().is_some_and(|extension| extension == "yaml") {
            of_yaml(&text)
        } else {
            of_lines(&text)
        };
        names.map(|names| NamesBeside { names, file })
    })
}

/// Text as editors of any system save it: UTF-8, or UTF-16 behind its mark.
fn text_of(bytes: Vec<u8>) -> Option<String> {
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks();
        rest.is_empty().then(|| pairs.iter().map(|pair| unit(*pair)).collect::<Vec<u16>>())
    };
    match bytes.as_slice() {
        [0xff, 0xfe, text @ ..] => String::from_utf16(&units(text, u16::from_le_bytes)?).ok(),
        [0xfe, 0xff, text @ ..] => String::from_utf16(&units(text, u16::from_be_bytes)?).ok(),
        [0xef, 0xbb, 0xbf, text @ ..] => str::from_utf8(text).ok().map(str::to_owned),
        _ => String::from_utf8(bytes).ok(),
    }
}

/// A name on each line, or all of them on one with `;` between them (TAO).
fn of_lines(text: &str) -> Option<Vec<String>> {
    let text = text.trim_end();
    let names: Vec<String> = match text.contains('\n') {
        false if text.contains(';') => {
            text.trim_end_matches(';').split(';').map(|name| name.trim().to_owned()).collect()
        }
        _ => text.lines().map(|line| line.trim().to_owned()).collect(),
    };
    // A line of its own for each: an empty one or a sentence is something else.
    let is_list = !names.is_empty() && names.iter().all(|name| (1..=64).contains(&name.chars().count()));
    // And where each is a key with a value, they are settings.
    let is_setting = |name: &String| name.contains(": ") || name.contains('=');
    (is_list && !names.iter().all(is_setting)).then_some(names)
}

#[derive(Deserialize)]
struct DataSet {
    names: Names,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    List(Vec<String>),
    ByNumber(BTreeMap<u32, String>),
}

fn of_yaml(text: &str) -> Option<Vec<String>> {
    let names = match serde_saphyr::from_str::<DataSet>(text).ok()?.names {
        Names::List(names) => names,
        Names::ByNumber(names) => {
            let is_whole = (0..).zip(names.keys()).all(|(place, number): (u32, &u32)| place == *number);
            is_whole.then(|| names.into_values().collect())?
        }
    };
    Some(names).filter(|names| !names.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn found(files: &[(&str, &str)]) -> Option<(Vec<String>, String)> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let NamesBeside { names, file } = names_beside(&folder.path().join("best.onnx"))?;
        Some((names, file.file_name().unwrap().to_string_lossy().into_owned()))
    }

    #[test]
    fn names_are_read_from_what_lies_beside_a_model() {
        for (file, text) in [
            ("labels.txt", "person\nforklift\n"),
            ("best.names", "\u{feff}person\r\nforklift\r\n\r\n"),
            ("class_names.txt", "person\nforklift"),
            ("labels.txt", "person;forklift"),
            ("labels.txt", "person; forklift;\n"),
            ("data.yaml", "path: ../data\nnc: 2\nnames: ['person', 'forklift']\nroboflow: {version: 1}\n"),
            ("data.yaml", "names:\n  0: person\n  1: forklift\n"),
        ] {
            let expected = (vec!["person".to_owned(), "forklift".to_owned()], file.to_owned());
            assert_eq!(found(&[(file, text)]), Some(expected), "{text}");
        }
        let own_first = found(&[("labels.txt", "a"), ("best.txt", "b")]).unwrap();
        assert_eq!(own_first, (vec!["b".to_owned()], "best.txt".to_owned()));
    }

    #[test]
    fn names_are_read_as_editors_save_them() {
        let units: Vec<u16> = "\u{feff}größe\r\nforklift\r\n".encode_utf16().collect();
        let expected = Some(vec!["größe".to_owned(), "forklift".to_owned()]);
        for unit in [u16::to_le_bytes, u16::to_be_bytes] {
            let bytes: Vec<u8> = units.iter().flat_map(|&of| unit(of)).collect();
            assert_eq!(text_of(bytes).and_then(|text| of_lines(&text)), expected);
        }
        assert_eq!(text_of(vec![0xff, 0xfe, b'a']), None);
        assert_eq!(text_of(vec![0xff]), None);
    }

    #[test]
    fn what_is_no_list_of_names_is_left_alone() {
        assert_eq!(found(&[]), None);
        for (file, text) in [
            ("labels.txt", ""),
            ("labels.txt", "person\n\nforklift"),
            ("labels.txt", "person;;forklift"),
            ("best.txt", "lr: 0.01\nepochs: 3\n"),
            ("best.txt", "lr=0.01\nepochs = 3"),
            (
                "best.txt",
                "This model was trained on the pictures of last summer and is not to be given to anybody else.",
            ),
            ("data.yaml", "names: person"),
            ("data.yaml", "names: {0: person, 2: forklift}"),
            ("data.yaml", "train: images"),
        ] {
            assert_eq!(found(&[(file, text)]), None, "{text}");
        }
    }
}

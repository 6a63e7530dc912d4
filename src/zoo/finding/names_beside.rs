//! Class names that lie beside a model's file, for exports that hold none: YOLOX, RF-DETR, D-FINE, TAO.
//!
//! One name a line: `labels.txt` (TAO, DeepStream), `classes.txt` (labelling tools), `class_names.txt` (Roboflow),
//! `obj.names`, `coco.names` (Darknet), or the model's own name with `.txt` or `.names`. Or `data.yaml`, as data sets for
//! Ultralytics and Roboflow have it, with `names` as a list or by number.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
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
        let is_short = file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() <= MAX_BYTES);
        let text = fs::read_to_string(&file).ok().filter(|_| is_short)?;
        let names = if file.extension().is_some_and(|extension| extension == "yaml") {
            of_yaml(&text)
        } else {
            of_lines(&text)
        };
        names.map(|names| NamesBeside { names, file })
    })
}

fn of_lines(text: &str) -> Option<Vec<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let names: Vec<String> = text.trim_end().lines().map(|line| line.trim().to_owned()).collect();
    // A line of its own for each: an empty one or a sentence is something else.
    let is_list = !names.is_empty() && names.iter().all(|name| (1..=64).contains(&name.chars().count()));
    is_list.then_some(names)
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
    fn what_is_no_list_of_names_is_left_alone() {
        assert_eq!(found(&[]), None);
        for (file, text) in [
            ("labels.txt", ""),
            ("labels.txt", "person\n\nforklift"),
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

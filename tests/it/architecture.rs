//! The directions in which modules may use each other, and the walls around the outside crates.

mod import_circles;
mod source_tree;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each top level module may use of this crate: `types <- {wire, vision, infer, tracking, spatial} <- language
/// <- zoo, planning <- config <- pipeline <- bag, replay, ros <- cli`.
const MAY_USE: [(&str, &[&str]); 15] = [
    ("types", &[]),
    ("wire", &["types"]),
    ("vision", &["types"]),
    ("infer", &["types"]),
    ("tracking", &["types"]),
    ("spatial", &["types"]),
    ("language", &["types", "infer"]),
    ("zoo", &["types", "vision", "infer", "language"]),
    ("planning", &["types", "spatial", "tracking"]),
    ("config", &["types", "vision", "infer", "language", "tracking", "spatial", "zoo", "planning"]),
    ("pipeline", &["types", "wire", "vision", "infer", "language", "tracking", "spatial", "zoo", "planning", "config"]),
    ("bag", &["types", "wire", "pipeline"]),
    ("replay", &["types", "wire", "planning", "config", "pipeline", "bag"]),
    ("ros", &["types", "wire", "infer", "language", "planning", "zoo", "config", "pipeline"]),
    (
        "cli",
        &[
            "types", "wire", "vision", "infer", "language", "tracking", "spatial", "zoo", "planning", "config",
            "pipeline", "bag", "replay", "ros",
        ],
    ),
];

/// The only places that may name an outside crate.
const ONLY_IN: [(&str, &[&str]); 14] = [
    ("ort", &["infer/"]),
    ("ort_sys", &["infer/"]),
    ("r2r", &["ros/"]),
    ("mcap", &["bag/"]),
    ("rusqlite", &["bag/"]),
    ("zstd", &["bag/"]),
    ("tokio", &["ros/", "cli/", "main.rs"]),
    ("tokenizers", &["language/"]),
    ("minijinja", &["language/"]),
    ("llguidance", &["language/"]),
    ("toktrie", &["language/"]),
    ("rand_chacha", &["language/"]),
    ("ureq", &["cli/"]),
    ("anyhow", &["cli/", "main.rs"]),
];

/// The audited files that may hold unsafe code.
const MAY_BE_UNSAFE: [&str; 2] = ["infer/assignment.rs", "vision/simd.rs"];

struct SourceFile {
    /// Relative to `src/`.
    path: String,
    /// Code without comments and string contents.
    code: String,
}

impl SourceFile {
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn paths_from(&self, root: &str) -> impl Iterator<Item = &str> {
        let start = format!("{root}::");
        let code = self.code.as_str();
        let hits: Vec<usize> = code.match_indices(&start).map(|(at, _)| at).collect();
        hits.into_iter().filter_map(move |at| {
            let inside_a_name = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            (!inside_a_name).then(|| &code[at + root.len() + 2..])
        })
    }
}

fn source_files() -> Vec<SourceFile> {
    fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    assert!(paths.len() > 40, "only {} source files found below {}", paths.len(), root.display());
    paths
        .into_iter()
        .map(|path| SourceFile {
            path: path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/"),
            code: code_of(&fs::read_to_string(&path).unwrap()),
        })
        .collect()
}

/// Drops comments and the contents of plain string literals, line by line: enough for code that rustfmt has laid out.
fn code_of(text: &str) -> String {
    let mut code = String::new();
    for line in text.lines() {
        let mut in_string = false;
        let mut previous = ' ';
        for (at, c) in line.char_indices() {
            if !in_string && line[at..].starts_with("//") {
                break;
            }
            if c == '"' && previous != '\\' && previous != '\'' {
                in_string = !in_string;
            } else if !in_string {
                code.push(c);
            }
            previous = c;
        }
        code.push('\n');
    }
    code
}

/// The modules named by `crate::a::…`, `crate::{a::…, b}`.
fn named_modules(rest: &str) -> Vec<String> {
    let name =
        |text: &str| -> String { text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let Some(list) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut depth, mut items, mut start) = (0, Vec::new(), 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(name(&list[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(name(&list[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    items.retain(|item| !item.is_empty());
    items
}

#[test]
fn modules_use_each_other_only_forward() {
    let may_use: BTreeMap<&str, &[&str]> = MAY_USE.into_iter().collect();
    let mut breaches = Vec::new();
    for file in source_files() {
        if matches!(file.path.as_str(), "lib.rs" | "main.rs") {
            continue;
        }
        let module = file.module();
        let allowed = may_use.get(module).unwrap_or_else(|| panic!("src/{} is in no room of the layout", file.path));
        // The binary's own rooms call the library by its name.
        for root in ["crate", "vedette"] {
            for rest in file.paths_from(root) {
                for used in named_modules(rest) {
                    if used != module && may_use.contains_key(used.as_str()) && !allowed.contains(&used.as_str()) {
                        breaches.push(format!("src/{}: {module} uses {used}", file.path));
                    }
                }
            }
        }
    }
    assert!(breaches.is_empty(), "against the direction of the layout:\n{}", breaches.join("\n"));
}

#[test]
fn outside_crates_stay_behind_their_walls() {
    let files = source_files();
    let mut breaches = Vec::new();
    for (outside, homes) in ONLY_IN {
        for file in &files {
            let at_home = homes.iter().any(|home| file.path.starts_with(home));
            if !at_home && file.paths_from(outside).next().is_some() {
                breaches.push(format!("src/{}: names {outside}, which belongs in {homes:?}", file.path));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn unsafe_code_lives_in_the_audited_files_only() {
    let outside: Vec<String> = source_files()
        .into_iter()
        .filter(|file| {
            file.code.contains("unsafe {")
                || file.code.contains("unsafe fn")
                || file.code.contains("allow(unsafe_code)")
        })
        .map(|file| file.path)
        .filter(|path| !MAY_BE_UNSAFE.contains(&path.as_str()))
        .collect();
    assert!(outside.is_empty(), "unsafe code outside {MAY_BE_UNSAFE:?}: {outside:?}");
}

#[test]
fn the_scan_sees_a_breach() {
    let file = SourceFile {
        path: "types/bbox.rs".into(),
        code: code_of("use crate::{wire::{a, b}, types::Stamp}; // crate::ros\nlet text = \"crate::zoo\"; r2r::f();\n"),
    };
    let named: Vec<String> = file.paths_from("crate").flat_map(named_modules).collect();
    assert_eq!(named, ["wire", "types"]);
    assert_eq!(file.paths_from("r2r").count(), 1);
}

#[test]
fn circ() {
    let tree = source_tree::SourceTree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    println!("{:#?}", tree.unresolved());
    let graph = import_circles::file_graph(&tree);
    println!("{} edges", graph.values().map(|x| x.len()).sum::<usize>());
    for l in import_circles::circles(&graph) {
        println!("{l}");
    }
}

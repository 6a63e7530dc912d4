//! The layout of the crate: which room may use which, the walls around outside crates, no import circles, no files that
//! are too long, no folders that are too full.
//!
//! Rooms are the folders of `src/`. The picture in `docs/architecture.md` is drawn from [`ROOMS`].

mod house_rules;
mod import_circles;
mod picture;
mod source_tree;

use source_tree::{Reference, SourceTree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

/// A room and the rooms that it uses.
type Room = (&'static str, &'static [&'static str]);

/// What each room may use of this crate, and does: `types <- {wire, vision, infer, tracking, spatial} <- language, world
/// <- zoo, planning <- config <- pipeline <- bag, replay, ros <- cli`.
const ROOMS: [Room; 16] = [
    ("types", &[]),
    ("wire", &["types"]),
    ("vision", &["types"]),
    ("infer", &["types"]),
    ("tracking", &["types"]),
    ("spatial", &["types"]),
    ("language", &["types", "infer"]),
    ("world", &["types"]),
    ("zoo", &["types", "vision", "infer", "language"]),
    ("planning", &["types", "spatial", "tracking", "world"]),
    ("config", &["types", "vision", "infer", "tracking", "spatial", "zoo", "planning"]),
    (
        "pipeline",
        &["types", "wire", "vision", "infer", "language", "tracking", "spatial", "world", "zoo", "planning", "config"],
    ),
    ("bag", &["types", "infer", "pipeline"]),
    ("replay", &["types", "wire", "vision", "infer", "spatial", "config", "pipeline", "bag"]),
    ("ros", &["types", "wire", "infer", "spatial", "planning", "zoo", "config", "pipeline"]),
    ("cli", &["types", "wire", "vision", "infer", "zoo", "config", "pipeline", "bag", "replay"]),
];

/// The only places that may name an outside crate, outside of tests: every dependency has its row, here or below.
const ONLY_IN: [(&str, &[&str]); 34] = [
    ("ab_glyph", &["vision/"]),
    ("anyhow", &["cli/", "vedette_node.rs"]),
    ("clap", &["cli/", "vedette_node.rs"]),
    ("crc32fast", &["vision/", "bag/"]),
    ("futures", &["ros/"]),
    ("image", &["vision/", "cli/", "replay/"]),
    ("indicatif", &["cli/"]),
    ("llguidance", &["language/"]),
    ("libloading", &["infer/"]),
    ("lz4", &["bag/"]),
    ("mcap", &["bag/"]),
    ("memchr", &["vision/"]),
    ("minijinja", &["language/"]),
    ("minijinja_contrib", &["language/"]),
    ("ort", &["infer/"]),
    ("ort_sys", &["infer/"]),
    ("r2r", &["ros/"]),
    ("r2r_rcl", &["ros/"]),
    ("rand_chacha", &["language/"]),
    ("rusqlite", &["bag/"]),
    ("rustix", &["cli/", "ros/node.rs"]),
    ("serde_saphyr", &["zoo/", "bag/", "config/"]),
    ("sha2", &["infer/", "cli/"]),
    ("signal_hook", &["ros/", "cli/"]),
    ("strsim", &["zoo/", "config/"]),
    ("tempfile", &["zoo/", "bag/"]),
    ("tokenizers", &["language/"]),
    ("tokio", &["ros/"]),
    ("toktrie", &["language/"]),
    ("toml", &["zoo/"]),
    ("tracing_subscriber", &["ros/", "cli/"]),
    ("ureq", &["cli/"]),
    ("zstd", &["bag/"]),
    ("zune_jpeg", &["vision/"]),
];

/// Words of the language, as it were: any room may use them.
const EVERYWHERE: [&str; 6] = ["half", "nalgebra", "serde", "serde_json", "thiserror", "tracing"];

/// The audited files that may hold unsafe code.
const MAY_BE_UNSAFE: [&str; 7] = [
    "infer/library.rs",
    "infer/providers/node_assignment.rs",
    "infer/providers/tensorrt_version.rs",
    "ros/report/endpoints.rs",
    "ros/report/logger_levels.rs",
    "vision/kernels/avx2.rs",
    "vision/kernels/neon.rs",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn tree() -> &'static SourceTree {
    static TREE: LazyLock<SourceTree> = LazyLock::new(|| SourceTree::read(&root().join("src")));
    assert!(TREE.files.len() > 100, "only {} source files found", TREE.files.len());
    &TREE
}

/// The room that a file is in; none for the crate's roots.
fn room_of(file: &str) -> Option<&str> {
    file.split_once('/').map(|(room, _)| room)
}

/// The room whose name a path of another one begins with.
fn named_room(reference: &Reference) -> Option<&str> {
    let room = reference.absolute.first()?;
    ROOMS.iter().map(|(room, _)| *room).find(|name| name == room)
}

#[test]
fn rooms_use_each_other_only_forward() {
    let (tree, rooms) = (tree(), BTreeMap::from(ROOMS));
    let mut breaches = BTreeSet::new();
    for reference in &tree.references {
        let file = tree.files[reference.from].path.as_str();
        let Some(room) = room_of(file) else { continue };
        let allowed = rooms.get(room).unwrap_or_else(|| panic!("src/{file} is in no room of the layout"));
        if let Some(used) = named_room(reference).filter(|used| *used != room && !allowed.contains(used)) {
            breaches.insert(format!("src/{file}: {room} uses {used}, as {}", reference.path.join("::")));
        }
    }
    let breaches: Vec<String> = breaches.into_iter().collect();
    assert!(breaches.is_empty(), "against the direction of the layout:\n{}", breaches.join("\n"));
    for (place, (room, uses)) in ROOMS.iter().enumerate() {
        let later = |used: &&&str| !ROOMS[..place].iter().any(|(earlier, _)| *earlier == **used);
        assert_eq!(uses.iter().find(later), None, "{room} uses what is not above it in the table");
    }
}

#[test]
fn no_room_may_use_what_it_does_not() {
    let tree = tree();
    let used: BTreeSet<(&str, &str)> = tree
        .references
        .iter()
        .filter_map(|reference| Some((room_of(&tree.files[reference.from].path)?, named_room(reference)?)))
        .collect();
    let stands = |room: &str| tree.files.iter().any(|file| room_of(&file.path) == Some(room));
    let unused: Vec<String> = ROOMS
        .iter()
        .flat_map(|(room, uses)| uses.iter().map(move |other| (*room, *other)))
        .filter(|(room, other)| stands(room) && stands(other) && !used.contains(&(room, other)))
        .map(|(room, other)| format!("{room} does not use {other}"))
        .collect();
    assert!(unused.is_empty(), "the table of rooms allows too much:\n{}", unused.join("\n"));
}

#[test]
fn outside_crates_stay_behind_their_walls() {
    let tree = tree();
    let outside = |reference: &&Reference| !reference.in_test && reference.target.is_none() && reference.path.len() > 1;
    let mut breaches = BTreeSet::new();
    for reference in tree.references.iter().filter(outside) {
        let (file, name) = (&tree.files[reference.from].path, &reference.path[0]);
        let Some((_, homes)) = ONLY_IN.iter().find(|(known, _)| known == name) else { continue };
        if !homes.iter().any(|home| file.starts_with(home)) {
            breaches.insert(format!("src/{file}: names {name}, which belongs in {homes:?}"));
        }
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn every_dependency_has_its_wall() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let dependencies: BTreeSet<String> = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.replace('-', "_"))
        .collect();
    let walled = ONLY_IN.iter().map(|(name, _)| *name).chain(EVERYWHERE).map(str::to_owned).collect();
    assert_eq!(dependencies, walled, "the dependencies of Cargo.toml, and those that ONLY_IN and EVERYWHERE name");
}

#[test]
fn unsafe_code_lives_in_the_audited_files_only() {
    let unsafe_files: BTreeSet<String> =
        tree().files.iter().filter(|file| file.is_unsafe).map(|file| file.path.clone()).collect();
    assert_eq!(unsafe_files, MAY_BE_UNSAFE.map(str::to_owned).into());
}

#[test]
fn files_do_not_import_each_other_in_circles() {
    let circles = import_circles::circles(&import_circles::file_graph(tree()));
    assert!(circles.is_empty(), "{} import circles:\n{}", circles.len(), circles.join("\n"));
}

/// What the tests above rest on: without this, a name that is not understood would be a use that is not seen.
#[test]
fn every_path_into_the_crate_is_resolved() {
    let unresolved = tree().unresolved();
    assert!(unresolved.is_empty(), "{unresolved:#?}");
}

//! The picture of the rooms in `docs/architecture.md`: drawn from [`ROOMS`](super::ROOMS) and the first line of each
//! room's documentation.
//!
//! After a change, `UPDATE_DOCUMENTS=1 cargo test --test it architecture::picture` draws it anew.

use super::source_tree::SourceTree;
use super::{ROOMS, root, tree};
use std::fmt::Write;
use std::fs;

const BEGINS: &str = "<!-- The picture is drawn from the code, see tests/it/architecture/picture.rs. -->\n";
const ENDS: &str = "<!-- End of the picture. -->\n";

/// A Mermaid flowchart: an arrow from each room to those that use it, left out where it goes without saying because
/// another room on the way uses it too.
fn flowchart(tree: &SourceTree) -> String {
    let mut text = "```mermaid\nflowchart TD\n".to_owned();
    let stands = |room: &str| tree.files.iter().any(|file| file.path.starts_with(&format!("{room}/")));
    for (room, _) in ROOMS.iter().filter(|(room, _)| stands(room)) {
        writeln!(text, "    {room}[\"<b>{room}</b><br>{}\"]", line_of(tree, room)).unwrap();
    }
    for (room, uses) in ROOMS.iter().filter(|(room, _)| stands(room)) {
        let on_the_way = |used: &str| uses.iter().any(|other| stands(other) && uses_of(other).contains(&used));
        for used in uses.iter().filter(|used| stands(used) && !on_the_way(used)) {
            writeln!(text, "    {used} --> {room}").unwrap();
        }
    }
    text + "```\n"
}

fn uses_of(room: &str) -> &'static [&'static str] {
    ROOMS.iter().find(|(name, _)| *name == room).map_or(&[], |(_, uses)| uses)
}

/// The first sentence of a room's documentation, as Mermaid takes it.
fn line_of(tree: &SourceTree, room: &str) -> String {
    let front = format!("{room}/mod.rs");
    let file = tree.files.iter().find(|file| file.path == front).unwrap_or_else(|| panic!("src/{front} is missing"));
    let paragraph: Vec<&str> = file.doc.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ");
    let sentence = paragraph.split_once(". ").map_or(paragraph.as_str(), |(first, _)| first).trim_end_matches('.');
    without_links(sentence).replace('`', "").replace('"', "'")
}

/// `[Walk](crate::pipeline::Walk)` is `Walk`.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        let Some((words, after)) = link.split_once(']') else { break };
        plain += before;
        plain += words;
        rest = after.strip_prefix('(').and_then(|target| target.split_once(')')).map_or(after, |(_, after)| after);
    }
    plain + rest
}

#[test]
fn the_picture_of_the_rooms_is_that_of_the_code() {
    let path = root().join("docs/architecture.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGINS).expect("the picture has a beginning");
    let (_, after) = rest.split_once(ENDS).expect("the picture has an end");
    let drawn = format!("{before}{BEGINS}{}{ENDS}{after}", flowchart(tree()));
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(&path, &drawn).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    assert!(found == drawn, "docs/architecture.md shows other rooms than the code; UPDATE_DOCUMENTS=1 draws them anew");
}

#[test]
fn a_link_in_a_line_is_its_words() {
    assert_eq!(without_links("one [`Walk`](crate::Walk), two"), "one `Walk`, two");
    assert_eq!(without_links("a [b] [c"), "a b [c");
}

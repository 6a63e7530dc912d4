//! Circles of imports between files.

use super::source_tree::{SourceTree, Target};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// From each file to those whose items its code names, each with one such name. Tests and re-exports do not count.
pub type FileGraph = BTreeMap<String, BTreeMap<String, String>>;

/// The graph of a source tree.
pub fn file_graph(tree: &SourceTree) -> FileGraph {
    let mut graph = FileGraph::new();
    for reference in tree.references.iter().filter(|reference| !reference.in_test && !reference.is_reexport) {
        let Some(Target::Item(to)) = reference.target else { continue };
        if to != reference.from {
            let files = graph.entry(tree.files[reference.from].path.clone()).or_default();
            files.entry(tree.files[to].path.clone()).or_insert_with(|| reference.path.join("::"));
        }
    }
    graph
}

/// One line for each circle: `a.rs -(b::Thing)-> b.rs -(a::Other)-> a.rs`. Circles that share a file are told one by
/// one, each as short as it can be.
pub fn circles(graph: &FileGraph) -> Vec<String> {
    let mut told = BTreeSet::new();
    let mut lines = Vec::new();
    for start in graph.keys() {
        let Some(circle) = shortest_circle(graph, start) else { continue };
        let members: BTreeSet<_> = circle.iter().copied().collect();
        if told.insert(members) {
            lines.push(chain(graph, &circle));
        }
    }
    lines
}

fn shortest_circle<'a>(graph: &'a FileGraph, start: &'a str) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for next in graph.get(file).into_iter().flat_map(BTreeMap::keys) {
            if next == start {
                let mut circle = vec![file];
                while let Some(before) = came_from.get(circle[0]) {
                    circle.insert(0, before);
                }
                return Some(circle);
            }
            if !came_from.contains_key(next.as_str()) {
                came_from.insert(next, file);
                queue.push_back(next);
            }
        }
    }
    None
}

fn chain(graph: &FileGraph, circle: &[&str]) -> String {
    let mut line = circle[0].to_owned();
    for (at, file) in circle.iter().enumerate() {
        let next = circle[(at + 1) % circle.len()];
        line += &format!(" -({})-> {next}", graph[*file][next]);
    }
    line
}

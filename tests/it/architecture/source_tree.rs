//! The modules of the crate and what each file names, as `syn` parses them.
//!
//! Names are looked up as the compiler does it: `crate::`, `self::`, `super::`, what a module declares, imports and
//! re-exports, globs too, down to the file that defines the item. Methods and fields are not followed, only paths.

use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{Item, UseTree, Visibility};

/// How deep re-exports may lead; what goes deeper leads in a circle.
const MOST_STEPS: usize = 32;

/// The sources below one `src/`.
#[derive(Default)]
pub struct SourceTree {
    /// Relative to `src/`, by the number that [`Reference`] gives.
    pub files: Vec<SourceFile>,
    /// All paths that code names.
    pub references: Vec<Reference>,
    modules: Vec<Module>,
    library: usize,
}

/// A file as it was read.
pub struct SourceFile {
    /// Relative to `src/`.
    pub path: String,
    /// What its module's documentation says.
    pub doc: String,
    /// Whether only tests are built with it.
    pub is_test: bool,
    /// Whether it holds unsafe code, or may.
    pub is_unsafe: bool,
}

/// A path in code.
pub struct Reference {
    /// The file that names it.
    pub from: usize,
    /// Whether only tests see it.
    pub in_test: bool,
    /// Whether it is a re-export, which names and does not use.
    pub is_reexport: bool,
    /// The path, as written.
    pub path: Vec<String>,
    /// What it leads to in this crate.
    pub target: Option<Target>,
    /// The path from the crate's root, as far as it is written: `[zoo, detect]` for `super::super::detect` and the like.
    pub absolute: Vec<String>,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An item, by the file that defines it.
    Item(usize),
    /// A module.
    Module(usize),
}

#[derive(Default)]
struct Module {
    name: String,
    parent: Option<usize>,
    file: usize,
    in_test: bool,
    submodules: BTreeMap<String, usize>,
    items: BTreeSet<String>,
    /// Names with the paths that they stand for.
    imports: Vec<(String, Vec<String>)>,
    globs: Vec<Vec<String>>,
    named: Vec<Named>,
}

struct Named {
    path: Vec<String>,
    in_test: bool,
    is_reexport: bool,
}

impl SourceTree {
    /// Reads the library below `src/`, and the binaries beside it.
    ///
    /// # Panics
    /// When a file is missing or does not parse.
    pub fn read(src: &Path) -> Self {
        let mut tree = Self::default();
        tree.library = tree.read_root(src, "lib.rs");
        for binary in ["main.rs", "vedette_node.rs"] {
            if src.join(binary).is_file() {
                tree.read_root(src, binary);
            }
        }
        tree.references = tree.resolved();
        tree
    }

    /// The paths into this crate that lead nowhere: the resolver's own faults.
    pub fn unresolved(&self) -> Vec<String> {
        let inward =
            |path: &[String]| path.len() > 1 && matches!(path[0].as_str(), "crate" | "super" | "self" | "vedette");
        let lost = self.references.iter().filter(|named| named.target.is_none() && inward(&named.path));
        lost.map(|named| format!("src/{}: {}", self.files[named.from].path, named.path.join("::"))).collect()
    }

    fn read_root(&mut self, src: &Path, file: &str) -> usize {
        self.read_file(src, Path::new(file), String::new(), None, false)
    }

    fn read_file(&mut self, src: &Path, file: &Path, name: String, parent: Option<usize>, in_test: bool) -> usize {
        let text = fs::read_to_string(src.join(file)).unwrap_or_else(|error| panic!("src/{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("src/{}: {error}", file.display()));
        let path = file.to_string_lossy().replace('\\', "/");
        let is_unsafe = holds_unsafe(text.parse().unwrap_or_default());
        self.files.push(SourceFile { path, doc: doc_of(&parsed.attrs), is_test: in_test, is_unsafe });
        let number = self.files.len() - 1;
        let is_mod_file =
            matches!(file.file_name().and_then(|name| name.to_str()), Some("mod.rs" | "lib.rs" | "main.rs"));
        let folder = if is_mod_file { file.with_file_name("") } else { file.with_extension("") };
        let module = Module { name, parent, file: number, in_test, ..Module::default() };
        self.read_module(src, &folder, module, &parsed.items)
    }

    /// `folder` is where the files of its submodules lie.
    fn read_module(&mut self, src: &Path, folder: &Path, mut module: Module, items: &[Item]) -> usize {
        let (file, in_test) = (module.file, module.in_test);
        let mut names = Names { module: &mut module, in_test };
        items.iter().for_each(|item| names.visit_item(item));
        module.items.extend(items.iter().flat_map(defined));
        self.modules.push(module);
        let place = self.modules.len() - 1;
        for item in items {
            let Item::Mod(submodule) = item else { continue };
            let name = submodule.ident.to_string();
            let in_test = in_test || is_for_tests(&submodule.attrs);
            let number = match &submodule.content {
                Some((_, items)) => {
                    let module = Module { name: name.clone(), parent: Some(place), file, in_test, ..Module::default() };
                    self.read_module(src, &folder.join(&name), module, items)
                }
                None => {
                    let choices: [PathBuf; 2] = [folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")];
                    let found = choices.iter().find(|path| src.join(path).is_file());
                    let found = found.unwrap_or_else(|| panic!("module {name} has no file in {}", folder.display()));
                    self.read_file(src, found, name.clone(), Some(place), in_test)
                }
            };
            self.modules[place].submodules.insert(name, number);
        }
        place
    }

    fn resolved(&self) -> Vec<Reference> {
        let mut references = Vec::new();
        for (place, module) in self.modules.iter().enumerate() {
            for named in &module.named {
                let target = self.target(place, &named.path, false, 0);
                let absolute = self.absolute(place, &named.path);
                let Named { path, in_test, is_reexport } = named;
                let (path, in_test, is_reexport) = (path.clone(), *in_test, *is_reexport);
                references.push(Reference { from: module.file, in_test, is_reexport, path, target, absolute });
            }
        }
        references
    }

    /// The place of the module that `path` begins in, and what is left of the path.
    fn start<'a>(&self, module: usize, path: &'a [String]) -> Option<(usize, &'a [String])> {
        let mut rest = path;
        let mut place = module;
        match rest.first()?.as_str() {
            "crate" => {
                while let Some(parent) = self.modules[place].parent {
                    place = parent;
                }
            }
            "vedette" => place = self.library,
            "self" => {}
            "super" => {
                while rest.get(1).is_some_and(|next| next == "super") {
                    place = self.modules[place].parent?;
                    rest = &rest[1..];
                }
                place = self.modules[place].parent?;
            }
            _ => return None,
        }
        Some((place, &rest[1..]))
    }

    fn absolute(&self, module: usize, path: &[String]) -> Vec<String> {
        let Some((mut place, rest)) = self.start(module, path) else { return Vec::new() };
        let mut names = rest.to_vec();
        while let Some(parent) = self.modules[place].parent {
            names.insert(0, self.modules[place].name.clone());
            place = parent;
        }
        names
    }

    /// `more` says that the path goes on, so that a module is meant where an item has the same name.
    fn target(&self, module: usize, path: &[String], more: bool, steps: usize) -> Option<Target> {
        if steps > MOST_STEPS {
            return None;
        }
        let mut rest = path;
        let mut found = Target::Module(module);
        match self.start(module, path) {
            Some((place, behind)) => (found, rest) = (Target::Module(place), behind),
            None if path.is_empty() => return None,
            None => {}
        }
        while let [name, behind @ ..] = rest {
            match found {
                // A variant or an associated item is defined where its type is.
                Target::Item(_) => return Some(found),
                Target::Module(place) => found = self.look_up(place, name, more || !behind.is_empty(), steps + 1)?,
            }
            rest = behind;
        }
        Some(found)
    }

    fn look_up(&self, place: usize, name: &str, more: bool, steps: usize) -> Option<Target> {
        if steps > MOST_STEPS {
            return None;
        }
        let module = &self.modules[place];
        let submodule = module.submodules.get(name).map(|&place| Target::Module(place));
        if more && submodule.is_some() {
            return submodule;
        }
        if module.items.contains(name) {
            return Some(Target::Item(module.file));
        }
        let imports = module.imports.iter().filter(|(import, path)| import == name && *path != [name]);
        let mut imported = imports.filter_map(|(_, path)| self.target(place, path, more, steps + 1));
        let through_globs = || {
            let globs = module.globs.iter().filter_map(|path| self.target(place, path, true, steps + 1));
            globs.into_iter().find_map(|target| match target {
                Target::Module(inside) if inside != place => self.look_up(inside, name, more, steps + 1),
                _ => None,
            })
        };
        imported.next().or(submodule).or_else(through_globs)
    }
}

/// The text of `//!` or `///`.
fn doc_of(attributes: &[syn::Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(syn::MetaNameValue {
            path,
            value: syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(line), .. }),
            ..
        }) if path.is_ident("doc") => Some(line.value() + "\n"),
        _ => None,
    });
    lines.collect()
}

fn holds_unsafe(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == "unsafe" || word == "unsafe_code",
        TokenTree::Group(group) => holds_unsafe(group.stream()),
        _ => false,
    })
}

/// Whether `#[cfg(test)]` stands over it.
fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    let is_test = |attribute: &syn::Attribute| {
        let named =
            |attribute: &syn::Attribute| attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"));
        attribute.path().is_ident("cfg") && named(attribute)
    };
    attributes.iter().any(is_test)
}

fn attributes(item: &Item) -> &[syn::Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The names that an item defines; those that a macro makes too.
fn defined(item: &Item) -> Vec<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => {
            let mut names = defined_in(item.mac.tokens.clone());
            names.extend(item.ident.as_ref().map(ToString::to_string));
            return names;
        }
        _ => return Vec::new(),
    };
    vec![name.to_string()]
}

fn defined_in(tokens: TokenStream) -> Vec<String> {
    let mut names = Vec::new();
    let mut defines = false;
    for token in tokens {
        match token {
            TokenTree::Ident(word) => {
                if defines {
                    names.push(word.to_string());
                }
                let word = word.to_string();
                defines = matches!(word.as_str(), "struct" | "enum" | "fn" | "type" | "trait" | "const" | "static");
            }
            TokenTree::Group(group) => names.extend(defined_in(group.stream())),
            _ => defines = false,
        }
    }
    names
}

/// Collects the paths that a module names.
struct Names<'a> {
    module: &'a mut Module,
    in_test: bool,
}

impl Names<'_> {
    fn name(&mut self, path: Vec<String>, is_reexport: bool) {
        self.module.named.push(Named { path, in_test: self.in_test, is_reexport });
    }

    fn within(&mut self, attributes: &[syn::Attribute], visit: impl FnOnce(&mut Self)) {
        let outside = self.in_test;
        self.in_test |= is_for_tests(attributes);
        visit(self);
        self.in_test = outside;
    }

    fn import(&mut self, tree: &UseTree, mut prefix: Vec<String>, is_reexport: bool) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.import(&path.tree, prefix, is_reexport);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.import(tree, prefix.clone(), is_reexport));
            }
            UseTree::Glob(_) => {
                self.module.globs.push(prefix.clone());
                self.name(prefix, is_reexport);
            }
            UseTree::Name(name) => {
                if name.ident != "self" {
                    prefix.push(name.ident.to_string());
                }
                let last = prefix.last().cloned().unwrap_or_default();
                self.module.imports.push((last, prefix.clone()));
                self.name(prefix, is_reexport);
            }
            UseTree::Rename(rename) => {
                if rename.ident != "self" {
                    prefix.push(rename.ident.to_string());
                }
                self.module.imports.push((rename.rename.to_string(), prefix.clone()));
                self.name(prefix, is_reexport);
            }
        }
    }

    /// The paths in what a macro is given.
    fn scan(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if colons != 2 && !path.is_empty() {
                        self.name(std::mem::take(&mut path), false);
                    }
                    path.push(word.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                other => {
                    if !path.is_empty() {
                        self.name(std::mem::take(&mut path), false);
                    }
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.scan(group.stream());
                    }
                }
            }
        }
        if !path.is_empty() {
            self.name(path, false);
        }
    }
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        self.within(attributes(item), |names| visit::visit_item(names, item));
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.within(&function.attrs, |names| visit::visit_impl_item_fn(names, function));
    }

    /// A module of its own.
    fn visit_item_mod(&mut self, _: &'ast syn::ItemMod) {}

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree, Vec::new(), !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.visit_path(&invocation.path);
        self.scan(invocation.tokens.clone());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.name(path.segments.iter().map(|segment| segment.ident.to_string()).collect(), false);
        visit::visit_path(self, path);
    }
}

#[cfg(test)]
mod tests {
    use super::super::import_circles::{circles, file_graph};
    use super::*;

    /// A crate of the given files.
    fn tree_of(files: &[(&str, &str)]) -> SourceTree {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        SourceTree::read(folder.path())
    }

    fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
        circles(&file_graph(&tree_of(files)))
    }

    #[test]
    fn a_circle_is_seen_through_reexports_aliases_and_macros() {
        let library = ("lib.rs", "mod a; mod b;");
        let b = ("b/mod.rs", "mod c; mod d; pub use c::*; pub use d::Thing as Renamed;");
        let c = ("b/c.rs", "pub struct Plain; fn f() { println!(\"{}\", crate::a::CONSTANT); }");
        let d = ("b/d.rs", "pub struct Thing;");
        let through_glob = ("a.rs", "use crate::b; pub const CONSTANT: u8 = 0; fn g(_: b::Plain) {}");
        assert_eq!(
            circles_of(&[library, b, c, d, through_glob]),
            ["a.rs -(b::Plain)-> b/c.rs -(crate::a::CONSTANT)-> a.rs"]
        );
        let through_alias = ("a.rs", "use crate::b::Renamed as Other; pub const CONSTANT: u8 = 0;");
        let d_uses_a = ("b/d.rs", "use super::super::a; pub struct Thing; const ONE: u8 = a::CONSTANT;");
        let found = circles_of(&[library, b, ("b/c.rs", ""), d_uses_a, through_alias]);
        assert_eq!(found, ["a.rs -(crate::b::Renamed)-> b/d.rs -(a::CONSTANT)-> a.rs"]);
    }

    #[test]
    fn reexports_modules_tests_and_other_crates_make_no_circle() {
        let library = ("lib.rs", "mod a; mod b;");
        let parent = ("a.rs", "mod inner; pub use inner::Inner; pub struct Outer;");
        let child = ("a/inner.rs", "use super::Outer; use std::fmt; pub struct Inner(Outer);");
        let b = ("b.rs", "use crate::a::Inner; #[cfg(test)] mod tests { use crate::b::f; } pub fn f(_: Inner) {}");
        let tree = tree_of(&[library, parent, child, b]);
        assert_eq!(circles(&file_graph(&tree)), [""; 0]);
        assert_eq!(tree.unresolved(), [""; 0]);
    }

    #[test]
    fn rooms_are_told_from_the_root_however_they_are_written() {
        let tree = tree_of(&[
            ("lib.rs", "mod a; mod b { pub mod c { pub struct D; } }"),
            ("a.rs", "mod inner;"),
            ("a/inner.rs", "use super::super::b::c::D; use crate::{b::c}; fn f(_: c::D) { crate::b::c::gone() }"),
        ]);
        let absolute: Vec<String> = tree.references.iter().map(|named| named.absolute.join("::")).collect();
        assert_eq!(absolute, ["b::c::D", "b::c", "", "b::c::gone"]);
        assert_eq!(tree.unresolved(), ["src/a/inner.rs: crate::b::c::gone"]);
    }
}

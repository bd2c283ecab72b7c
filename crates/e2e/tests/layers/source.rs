//! Reads the source of one program or library with `syn`, and lists which of its files
//! imports which.
//!
//! An import is a `use`, or a path in code, in a macro's arguments or in an attribute's
//! text (`#[serde(with = "..")]`). A name that a module re-exports counts as an import of
//! the file that defines it. Test modules are left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, Item, UseTree, visit::Visit};

use crate::graph::{Graph, Import};

/// Re-exports of re-exports are followed this far; a circle of them ends here.
const MAX_REEXPORTS: usize = 20;

/// A module path without `crate`: empty for `main.rs` or `lib.rs`.
type ModulePath = Vec<String>;
type Segments = Vec<String>;

/// The graph of the crate whose `main.rs` or `lib.rs` is `root`; file names are relative
/// to the folder of `root`.
pub fn read_graph(root: &Path) -> Graph {
    let mut source = Source {
        folder: root.parent().expect("a file has a folder").to_owned(),
        modules: BTreeMap::new(),
        exported_macros: BTreeMap::new(),
    };
    source.read_file(Vec::new(), root.to_owned());
    Graph::new(source.imports())
}

struct Source {
    folder: PathBuf,
    modules: BTreeMap<ModulePath, Module>,
    /// Macros with `#[macro_export]` are reached as `crate::name` and live elsewhere.
    exported_macros: BTreeMap<String, ModulePath>,
}

#[derive(Default)]
struct Module {
    /// Relative to the folder of the crate's root. An inline module has its parent's.
    file: String,
    /// Names of the items that the module defines.
    items: BTreeSet<String>,
    /// Names that the module's `use` declarations bring in, with their paths.
    uses: BTreeMap<String, Segments>,
    /// `use path::*`
    globs: Vec<Segments>,
    /// All paths of two segments or more, those of `use` included.
    paths: BTreeSet<Segments>,
}

impl Source {
    fn read_file(&mut self, module: ModulePath, file: PathBuf) {
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let syntax = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let name = file
            .strip_prefix(&self.folder)
            .expect("it is below the root");
        self.read_module(module, &name.display().to_string(), &syntax.items);
    }

    fn read_module(&mut self, path: ModulePath, file: &str, items: &[Item]) {
        let mut module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        for item in items {
            if is_for_tests(attributes(item)) {
                continue;
            }
            if let Item::Mod(child) = item {
                let name = child.ident.to_string();
                let child_path = [&path[..], std::slice::from_ref(&name)].concat();
                match &child.content {
                    Some((_, items)) => self.read_module(child_path, file, items),
                    None => {
                        let file = self.file_of(&child_path);
                        self.read_file(child_path, file);
                    }
                }
                continue;
            }
            if let Item::Macro(declared) = item
                && declared
                    .attrs
                    .iter()
                    .any(|a| a.path().is_ident("macro_export"))
                && let Some(name) = &declared.ident
            {
                self.exported_macros.insert(name.to_string(), path.clone());
            }
            module.items.extend(name_of(item));
            module.visit_item(item);
        }
        self.modules.insert(path, module);
    }

    fn file_of(&self, module: &ModulePath) -> PathBuf {
        let stem = module
            .iter()
            .fold(self.folder.clone(), |dir, name| dir.join(name));
        let file = stem.with_extension("rs");
        if file.exists() {
            file
        } else {
            stem.join("mod.rs")
        }
    }

    fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        for (from, module) in &self.modules {
            for path in &module.paths {
                let Some(to) = self.resolve(from, path, MAX_REEXPORTS) else {
                    continue;
                };
                let to = &self.modules[&to].file;
                if *to != module.file {
                    imports.push(Import {
                        from: module.file.clone(),
                        to: to.clone(),
                        path: path.join("::"),
                    });
                }
            }
        }
        imports
    }

    /// The module that defines what `path` names, as seen from the module `from`. `None`
    /// for what other crates define, and for names of local scope.
    fn resolve(&self, from: &ModulePath, path: &[String], n_left: usize) -> Option<ModulePath> {
        let n_left = n_left.checked_sub(1)?;
        let module = &self.modules[from];
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.descend(&Vec::new(), rest, n_left),
            "self" => self.descend(from, rest, n_left),
            "super" => {
                let mut at = from.clone();
                let mut rest = path;
                while let Some((first, behind)) = rest.split_first()
                    && first == "super"
                {
                    at.pop()?;
                    rest = behind;
                }
                self.descend(&at, rest, n_left)
            }
            name if self.child(from, name).is_some() => self.descend(from, path, n_left),
            name if module.items.contains(name) => Some(from.clone()),
            name => {
                let target = module.uses.get(name)?;
                self.resolve(from, &[target, rest].concat(), n_left)
            }
        }
    }

    /// Goes down from a module along a path.
    fn descend(&self, at: &ModulePath, path: &[String], n_left: usize) -> Option<ModulePath> {
        let Some((first, rest)) = path.split_first() else {
            return Some(at.clone());
        };
        if let Some(child) = self.child(at, first) {
            return self.descend(&child, rest, n_left);
        }
        let module = &self.modules[at];
        if module.items.contains(first) {
            return Some(at.clone());
        }
        if let Some(target) = module.uses.get(first) {
            // What is re-exported from another crate belongs to who re-exports it.
            let target = self.resolve(at, &[target, rest].concat(), n_left);
            return target.or_else(|| Some(at.clone()));
        }
        if at.is_empty()
            && let Some(module) = self.exported_macros.get(first)
        {
            return Some(module.clone());
        }
        for glob in &module.globs {
            if let Some(target) = self.resolve(at, glob, n_left)
                && (self.child(&target, first).is_some()
                    || self.modules[&target].items.contains(first)
                    || self.modules[&target].uses.contains_key(first))
            {
                return self.descend(&target, path, n_left.checked_sub(1)?);
            }
        }
        Some(at.clone())
    }

    fn child(&self, module: &ModulePath, name: &str) -> Option<ModulePath> {
        let child = [&module[..], &[name.to_owned()]].concat();
        self.modules.contains_key(&child).then_some(child)
    }
}

impl Module {
    fn add_use(&mut self, prefix: &Segments, tree: &UseTree) {
        let with = |name: String| [&prefix[..], &[name]].concat();
        match tree {
            UseTree::Path(path) => self.add_use(&with(path.ident.to_string()), &path.tree),
            UseTree::Name(name) if name.ident == "self" => {
                let name = prefix.last().cloned().unwrap_or_default();
                self.add_name(name, prefix.clone());
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                self.add_name(name.clone(), with(name));
            }
            UseTree::Rename(rename) => {
                let path = match rename.ident == "self" {
                    true => prefix.clone(),
                    false => with(rename.ident.to_string()),
                };
                self.add_name(rename.rename.to_string(), path);
            }
            UseTree::Glob(_) => {
                self.paths.insert(prefix.clone());
                self.globs.push(prefix.clone());
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_use(prefix, tree);
                }
            }
        }
    }

    fn add_name(&mut self, name: String, path: Segments) {
        // `use name;` of an extern crate resolves to nothing, not to itself.
        if path.len() > 1 {
            self.paths.insert(path.clone());
            self.uses.insert(name, path);
        }
    }

    /// The paths in what `syn` does not parse: arguments of macros and attributes.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Segments = Vec::new();
        let mut n_colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if n_colons != 2 {
                        self.add_path(std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    n_colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => n_colons += 1,
                token => {
                    self.add_path(std::mem::take(&mut path));
                    n_colons = 0;
                    match token {
                        TokenTree::Group(group) => self.add_tokens(group.stream()),
                        TokenTree::Literal(literal) => self.add_text(&literal.to_string()),
                        _ => {}
                    }
                }
            }
        }
        self.add_path(path);
    }

    /// A text such as `"crate::time::text"`.
    fn add_text(&mut self, text: &str) {
        let segments: Segments = text
            .trim_matches('"')
            .split("::")
            .map(str::to_owned)
            .collect();
        if segments
            .iter()
            .all(|s| syn::parse_str::<syn::Ident>(s).is_ok() || is_keyword(s))
        {
            self.add_path(segments);
        }
    }

    fn add_path(&mut self, path: Segments) {
        if path.len() > 1 {
            self.paths.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            syn::visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_use(&Vec::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add_path(path.segments.iter().map(|s| s.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.add_tokens(call.tokens.clone());
        syn::visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.add_tokens(list.tokens.clone());
        }
    }

    /// `pub(in path)` opens a name to a module and imports nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

fn is_keyword(segment: &str) -> bool {
    ["crate", "super", "self"].contains(&segment)
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|condition| condition.is_ident("test"))
    })
}

fn attributes(item: &Item) -> &[Attribute] {
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

fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

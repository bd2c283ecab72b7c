//! The imports of a crate as a graph of its files, and what is wrong with one: circles,
//! imports upward in a table of layers, and imports between folders that must not know
//! each other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One file uses a name that another one defines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// Relative to `src`, such as `links/create.rs`.
    pub from: String,
    pub to: String,
    /// As it is written in `from`, such as `crate::links::Link`.
    pub path: String,
}

/// The order of the parts of a crate. A part is what stands directly in `src`: a file or a
/// folder, named without `.rs`; `main.rs` and `lib.rs` are `main` and `lib`.
#[derive(Debug, Clone, Copy)]
pub struct Layers {
    /// From the lowest layer to the highest. A part may import parts of lower layers; those
    /// of one layer must not import each other.
    pub order: &'static [&'static [&'static str]],
    /// Folders whose children must not import each other, such as `resources`.
    pub independent: &'static [&'static str],
}

pub struct Graph {
    imports: Vec<Import>,
}

impl Graph {
    pub fn new(mut imports: Vec<Import>) -> Self {
        imports.sort();
        Self { imports }
    }

    /// A sentence for every circle of files or folders. Within each folder, its files and
    /// subfolders are compared; the folder's own `mod.rs` is not among them, since it and
    /// its children belong together.
    pub fn circles(&self) -> Vec<String> {
        // By folder: an example of an import for each pair of neighbours in it.
        let mut folders: BTreeMap<&[String], BTreeMap<(&str, &str), &Import>> = BTreeMap::new();
        let paths: Vec<_> = self
            .imports
            .iter()
            .map(|import| (import, module_path(&import.from), module_path(&import.to)))
            .collect();
        for (import, from, to) in &paths {
            let n_common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
            if let (Some(a), Some(b)) = (from.get(n_common), to.get(n_common)) {
                let neighbours = folders.entry(&from[..n_common]).or_default();
                neighbours.entry((a, b)).or_insert(import);
            }
        }
        folders.values().flat_map(circles_of_neighbours).collect()
    }

    /// A sentence for every pair of files of which one must not import the other.
    pub fn violations(&self, layers: &Layers) -> Vec<String> {
        let mut violations = BTreeMap::new();
        for import in &self.imports {
            if let Some(rule) = layers.forbid(import) {
                let sentence = format!("{}: {rule}", describe(import));
                violations
                    .entry((&import.from, &import.to))
                    .or_insert(sentence);
            }
        }
        violations.into_values().collect()
    }
}

impl Layers {
    /// Why an import must not be.
    fn forbid(&self, import: &Import) -> Option<String> {
        let (from, to) = (module_path(&import.from), module_path(&import.to));
        let (from_part, to_part) = (part(&from), part(&to));
        if from_part == to_part {
            return match (from.get(1), to.get(1)) {
                (Some(a), Some(b)) if a != b && self.independent.contains(&from_part) => Some(
                    format!("the children of `{from_part}` must not import each other"),
                ),
                _ => None,
            };
        }
        let layer = |part: &str| self.order.iter().position(|layer| layer.contains(&part));
        match (layer(from_part), layer(to_part)) {
            (None, _) => Some(format!("`{from_part}` has no place in the table of layers")),
            (_, None) => Some(format!("`{to_part}` has no place in the table of layers")),
            (Some(from), Some(to)) if from < to => Some(format!(
                "`{from_part}` is a lower layer than `{to_part}` and must not import it"
            )),
            (Some(from), Some(to)) if from == to => Some(format!(
                "`{from_part}` and `{to_part}` must not know each other"
            )),
            _ => None,
        }
    }
}

/// A shortest circle through each neighbour that is in one, but each neighbour once.
fn circles_of_neighbours(imports: &BTreeMap<(&str, &str), &Import>) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut reported = BTreeSet::new();
    for (start, _) in imports.keys() {
        if reported.contains(start) {
            continue;
        }
        if let Some(circle) = shortest_circle(start, imports) {
            reported.extend(circle.iter().copied());
            let steps = circle.iter().zip(circle.iter().cycle().skip(1));
            let steps: Vec<_> = steps.map(|(a, b)| describe(imports[&(*a, *b)])).collect();
            sentences.push(format!("circle: {}", steps.join(", and ")));
        }
    }
    sentences
}

fn shortest_circle<'a>(
    start: &'a str,
    imports: &BTreeMap<(&'a str, &'a str), &Import>,
) -> Option<Vec<&'a str>> {
    let mut previous = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for (_, next) in imports.keys().filter(|(from, _)| *from == at) {
            if *next == start {
                let mut circle = vec![at];
                while let Some(before) = previous.get(circle[circle.len() - 1]) {
                    circle.push(*before);
                }
                circle.reverse();
                return Some(circle);
            }
            if !previous.contains_key(next) {
                previous.insert(*next, at);
                queue.push_back(next);
            }
        }
    }
    None
}

fn describe(import: &Import) -> String {
    format!("{} imports {} (`{}`)", import.from, import.to, import.path)
}

/// `a/b.rs` and `a/b/mod.rs` are the module `a::b`; `main.rs` and `lib.rs` are the root.
fn module_path(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let mut path: Vec<_> = stem.split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|name| name == "mod") || stem == "main" || stem == "lib" {
        path.pop();
    }
    path
}

/// The part of the crate that a module belongs to; the root is called `main`.
fn part(path: &[String]) -> &str {
    path.first().map_or("main", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(imports: &[(&str, &str)]) -> Graph {
        let import = |(from, to): &(&str, &str)| Import {
            from: (*from).to_owned(),
            to: (*to).to_owned(),
            path: "crate::X".to_owned(),
        };
        Graph::new(imports.iter().map(import).collect())
    }

    #[test]
    fn circles_are_found_between_files_and_between_folders() {
        for (imports, expected) in [
            // No circle.
            (
                &[("a.rs", "b.rs"), ("b.rs", "c.rs"), ("a.rs", "c.rs")][..],
                0,
            ),
            // Two files, three files.
            (&[("a.rs", "b.rs"), ("b.rs", "a.rs")], 1),
            (&[("a.rs", "b.rs"), ("b.rs", "c.rs"), ("c.rs", "a.rs")], 1),
            // Two files of one folder.
            (&[("f/a.rs", "f/b.rs"), ("f/b.rs", "f/a.rs")], 1),
            // Two folders, by four different files.
            (&[("f/a.rs", "g/b.rs"), ("g/c.rs", "f/d.rs")], 1),
            // A file and a folder.
            (&[("f/a.rs", "b.rs"), ("b.rs", "f/mod.rs")], 1),
            // A `mod.rs` and its own children, however deep.
            (&[("f/mod.rs", "f/a.rs"), ("f/a.rs", "f/mod.rs")], 0),
            (&[("f/mod.rs", "f/g/a.rs"), ("f/g/a.rs", "f/mod.rs")], 0),
            // The same in the other form: `f.rs` beside `f/`.
            (&[("f.rs", "f/a.rs"), ("f/a.rs", "f.rs")], 0),
            (&[("main.rs", "a.rs"), ("a.rs", "main.rs")], 0),
            // A `mod.rs` and somebody else's child.
            (&[("f/mod.rs", "g/a.rs"), ("g/a.rs", "f/mod.rs")], 1),
            // Two circles that share nothing.
            (
                &[
                    ("a.rs", "b.rs"),
                    ("b.rs", "a.rs"),
                    ("f/c.rs", "f/d.rs"),
                    ("f/d.rs", "f/c.rs"),
                ],
                2,
            ),
        ] {
            let circles = graph(imports).circles();
            assert_eq!(circles.len(), expected, "{imports:?}: {circles:?}");
        }
    }

    #[test]
    fn a_circle_is_reported_with_both_files_and_the_path() {
        let circles = graph(&[("f/a.rs", "g/b.rs"), ("g/c.rs", "f/d.rs")]).circles();
        assert_eq!(
            circles,
            ["circle: f/a.rs imports g/b.rs (`crate::X`), and g/c.rs imports f/d.rs (`crate::X`)"]
        );
    }

    const LAYERS: Layers = Layers {
        order: &[
            &["error"],
            &["click", "conversion"],
            &["resources"],
            &["main"],
        ],
        independent: &["resources"],
    };

    #[test]
    fn imports_that_the_layers_forbid_are_found() {
        for (from, to, expected) in [
            // Downward, and within a part.
            ("main.rs", "error.rs", None),
            ("resources/links.rs", "click/mod.rs", None),
            ("click/a.rs", "click/b.rs", None),
            // Upward.
            ("error.rs", "click/a.rs", Some("is a lower layer than")),
            (
                "resources/links.rs",
                "main.rs",
                Some("is a lower layer than"),
            ),
            // Within a layer.
            (
                "click/a.rs",
                "conversion/b.rs",
                Some("must not know each other"),
            ),
            (
                "conversion/b.rs",
                "click/a.rs",
                Some("must not know each other"),
            ),
            // Between the children of `resources`, but not within one, and its `mod.rs` lists
            // them all.
            (
                "resources/links/get.rs",
                "resources/offers.rs",
                Some("must not import each other"),
            ),
            ("resources/links/get.rs", "resources/links/mod.rs", None),
            ("resources/mod.rs", "resources/links/mod.rs", None),
            // Parts that the table does not know.
            ("new.rs", "error.rs", Some("`new` has no place")),
            ("main.rs", "new.rs", Some("`new` has no place")),
        ] {
            let violations = graph(&[(from, to)]).violations(&LAYERS);
            let is_as_expected = match expected {
                None => violations.is_empty(),
                Some(expected) => violations.len() == 1 && violations[0].contains(expected),
            };
            assert!(is_as_expected, "{from} -> {to}: {violations:?}");
        }
    }

    #[test]
    fn a_forbidden_import_is_reported_with_both_files_the_path_and_the_rule() {
        assert_eq!(
            graph(&[("error.rs", "click/a.rs")]).violations(&LAYERS),
            [
                "error.rs imports click/a.rs (`crate::X`): `error` is a lower layer than `click` \
              and must not import it"
            ]
        );
    }
}

//! The layers of the workspace: no circle between files or folders of any crate, no import
//! upward in a crate's table of layers, and no crate that depends on one it must not know.
//!
//! Needs no server. A new file at the top of a crate with a table needs a place in it.

mod graph;
mod source;

use std::{
    fs,
    path::{Path, PathBuf},
};

use graph::{Graph, Import, Layers};

/// The tables of layers, by crate. Other crates only have to be free of circles.
const LAYERS: [(&str, Layers); 3] = [
    (
        "links-api",
        Layers {
            order: &[
                &["enumeration"],
                &["error"],
                &["auth"],
                &["audit"],
                &["metrics"],
                &["settings"],
                &["edge_cache"],
                &["outbox"],
                &["rate_limit", "sign_in"],
                &["state"],
                &["http"],
                &["fields"],
                &["db"],
                &["objects", "second_factor", "user_changes"],
                &["minting"],
                &["edge_records"],
                &["domain_ownership"],
                &["mail"],
                &["resources"],
                &["routes"],
                &["docs"],
                &["pages"],
                &["serve"],
                &["cli"],
                &["main"],
            ],
            independent: &["resources"],
        },
    ),
    (
        "edge-redirector",
        Layers {
            order: &[
                &["spool"],
                &["metrics"],
                &["settings"],
                &[
                    "geo",
                    "connection",
                    "request",
                    "response",
                    "network",
                    "token_buckets",
                ],
                &["visitor", "pages", "publisher", "resolve"],
                &[
                    "enumeration_guard",
                    "first_conversions",
                    "click_lookups",
                    "postback_log",
                    "concurrency_limit",
                    "confirmation_token",
                ],
                &["state"],
                &["click", "conversion"],
                &["router"],
                &["serve"],
                &["main"],
            ],
            independent: &[],
        },
    ),
    (
        "click-worker",
        Layers {
            order: &[
                &["command", "event"],
                &["ingest"],
                &["metrics"],
                &["leases", "progress"],
                &["parked", "recount"],
                &["settings"],
                &["consumer", "maintenance"],
                &["serve"],
                &["main"],
            ],
            independent: &[],
        },
    ),
];

/// The workspace's crates as layers: services know the libraries, and not each other.
const CRATES: Layers = Layers {
    order: &[
        &["domain"],
        &["dashboard"],
        &["platform"],
        &["postgres"],
        &["ledger"],
        &["links-api", "edge-redirector", "click-worker"],
        &["e2e"],
    ],
    independent: &[],
};

/// Crates that the redirector must not depend on, by any path: it answers without Postgres.
const NOT_FOR_THE_EDGE: [&str; 3] = ["postgres", "ledger", "tokio-postgres"];

#[test]
fn files_and_folders_of_a_crate_have_no_import_cycle() {
    let mut violations = Vec::new();
    for name in crates() {
        for root in roots(&name) {
            let circles = source::read_graph(&root).circles();
            violations.extend(circles.iter().map(|circle| format!("{name}: {circle}")));
        }
    }
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn no_file_imports_upward_in_the_layers_of_its_crate() {
    let mut violations = Vec::new();
    for (name, layers) in &LAYERS {
        for root in roots(name) {
            let upward = source::read_graph(&root).violations(layers);
            violations.extend(upward.iter().map(|import| format!("{name}: {import}")));
        }
    }
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn services_do_not_depend_on_each_other() {
    let mut imports = Vec::new();
    for name in crates() {
        for dependency in dependencies(&name) {
            if crates().contains(&dependency) {
                imports.push(Import {
                    from: name.clone(),
                    to: dependency,
                    path: format!("crates/{name}/Cargo.toml"),
                });
            }
        }
    }
    let violations = Graph::new(imports).violations(&CRATES);
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn the_redirector_does_not_depend_on_postgres() {
    let mut seen = vec!["edge-redirector".to_owned()];
    let mut next = 0;
    while let Some(name) = seen.get(next).cloned() {
        next += 1;
        for dependency in dependencies(&name) {
            assert!(
                !NOT_FOR_THE_EDGE.contains(&dependency.as_str()),
                "crates/{name}/Cargo.toml depends on {dependency}, and edge-redirector must not \
                 depend on that by any path"
            );
            if crates().contains(&dependency) && !seen.contains(&dependency) {
                seen.push(dependency);
            }
        }
    }
}

fn crates_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate stands in crates/")
        .to_owned()
}

/// The names of the workspace's crates: the folders in `crates/` that have a `src`.
fn crates() -> Vec<String> {
    let folders = fs::read_dir(crates_folder()).expect("crates/ can be read");
    let mut names: Vec<_> = folders
        .map(|folder| folder.expect("crates/ can be read").path())
        .filter(|folder| folder.join("src").is_dir())
        .map(|folder| {
            folder
                .file_name()
                .expect("a folder has a name")
                .to_string_lossy()
                .into()
        })
        .collect();
    names.sort();
    names
}

/// The files at the root of a crate's library and of each of its programs.
fn roots(name: &str) -> Vec<PathBuf> {
    let src = crates_folder().join(name).join("src");
    let mut roots = vec![src.join("lib.rs"), src.join("main.rs")];
    for program in fs::read_dir(src.join("bin")).into_iter().flatten() {
        let path = program.expect("src/bin can be read").path();
        roots.push(if path.is_dir() {
            path.join("main.rs")
        } else {
            path
        });
    }
    roots.retain(|root| root.exists());
    assert!(
        !roots.is_empty(),
        "{name} has neither a library nor a program"
    );
    roots
}

/// The names of what a crate depends on when it is built, tested or both.
fn dependencies(name: &str) -> Vec<String> {
    let file = crates_folder().join(name).join("Cargo.toml");
    let text = fs::read_to_string(file).expect("every crate has a Cargo.toml");
    let manifest: toml::Table = toml::from_str(&text).expect("Cargo.toml is TOML");
    ["dependencies", "dev-dependencies", "build-dependencies"]
        .iter()
        .filter_map(|kind| manifest.get(*kind)?.as_table())
        .flat_map(|table| table.keys().cloned())
        .collect()
}

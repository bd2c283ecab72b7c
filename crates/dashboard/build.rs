//! Chooses what is embedded: the built pages in `web/dist`, or a page that says how to build them
//! if there are none, so that `cargo build` needs no Node.

use std::{env, fs, path::PathBuf};

const PLACEHOLDER: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
    <title>Waypost</title><h1>The dashboard is not built</h1>\
    <p>Run <code>scripts/dashboard build</code>, and build links-api again. \
    The API is documented at <a href=\"/docs/\">/docs/</a>.</p></html>\n";

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let built = root.join("web/dist");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=web/dist");
    let files = if built.join("index.html").is_file() {
        built
    } else {
        let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("pages");
        fs::create_dir_all(&folder).expect("the folder of the build can be written");
        fs::write(folder.join("index.html"), PLACEHOLDER).expect("a file in it too");
        folder
    };
    println!("cargo::rustc-env=DASHBOARD_FILES={}", files.display());
}

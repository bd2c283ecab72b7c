//! The migrations are embedded by a macro, which does not see a new file.

#[expect(clippy::print_stdout, reason = "this is how a build script speaks")]
fn main() {
    println!("cargo::rerun-if-changed=migrations");
}

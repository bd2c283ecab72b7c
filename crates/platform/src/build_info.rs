//! Which build a program is: its version and the commit that it was built from, for
//! `--version` and for the metric `waypost_build_info`.

use std::fmt;

use prometheus_client::{metrics::info::Info, registry::Registry};

/// [`build_info!`](crate::build_info!) makes it in the crate of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildInfo {
    pub version: &'static str,
    /// The short hash of the commit, or `unknown`.
    pub commit: &'static str,
}

/// The [`BuildInfo`] of the crate that calls the macro. The
/// commit is the variable `WAYPOST_COMMIT` of the build: a build script that asked git would
/// compile every service again after each commit, and would need git.
#[macro_export]
macro_rules! build_info {
    () => {
        $crate::build_info::BuildInfo {
            version: env!("CARGO_PKG_VERSION"),
            commit: match option_env!("WAYPOST_COMMIT") {
                Some(commit) if !commit.is_empty() => commit,
                _ => "unknown",
            },
        }
    };
}

impl BuildInfo {
    /// Registers `waypost_build_info{version="..",commit=".."} 1`.
    pub fn register(self, registry: &mut Registry) {
        let labels = [("version", self.version), ("commit", self.commit)];
        let help = "Version and commit of this build";
        registry.register("waypost_build", help, Info::new(labels.to_vec()));
    }
}

impl fmt::Display for BuildInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.commit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_and_commit_are_shown_and_are_labels_of_a_metric() {
        let build = BuildInfo {
            version: "0.1.0",
            commit: "abc123",
        };
        assert_eq!(build.to_string(), "0.1.0 (abc123)");
        let mut registry = Registry::default();
        build.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("it is text");
        let line = "waypost_build_info{version=\"0.1.0\",commit=\"abc123\"} 1";
        assert!(text.lines().any(|found| found == line), "{text}");
    }

    #[test]
    fn a_build_without_a_commit_says_so() {
        let build = build_info!();
        assert_eq!(build.version, env!("CARGO_PKG_VERSION"));
        assert!(!build.commit.is_empty());
    }
}

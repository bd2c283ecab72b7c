//! The files of a testbed: spools, and the clock of a redirector.

use std::path::PathBuf;

use crate::test_environment::TestEnvironment;

pub(super) fn spool_dir(test_env: &TestEnvironment, edge: usize) -> PathBuf {
    test_env.folder.path().join(format!("spool-{edge}"))
}

pub(super) fn clock_file(test_env: &TestEnvironment) -> PathBuf {
    test_env.folder.path().join("clock")
}

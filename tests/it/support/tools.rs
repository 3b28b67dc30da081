//! The tools of `.ci/tools.sh`, by the variable that names each.

use std::{env, path::PathBuf};

/// The program that an environment variable names.
///
/// # Panics
/// If there is none: a test that is skipped proves nothing.
pub(crate) fn tool(variable: &str) -> PathBuf {
    let path = env::var_os(variable).map(PathBuf::from);
    match path {
        Some(path) if path.exists() => path,
        other => panic!("{variable} is {other:?}; `. .ci/tools.sh` installs the tool and sets it"),
    }
}

/// The broker under test.
pub(crate) fn fanfare() -> PathBuf {
    if env::var_os("FANFARE_BIN").is_some() {
        return tool("FANFARE_BIN");
    }
    // The test binary is target/debug/deps/it-….
    let built = env::current_exe().unwrap().ancestors().nth(2).unwrap().join("fanfare");
    assert!(built.exists(), "no broker at {}; build it or set FANFARE_BIN", built.display());
    built
}

/// A file of this package.
pub(crate) fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

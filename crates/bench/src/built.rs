//! What was measured: of which source, and how it was compiled.

use std::{fmt, path::Path};

use serde::{Deserialize, Serialize};
use tokio::process::Command;

/// How a program was compiled, as far as the name of its directory tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Profile {
    /// What is measured.
    Release,
    /// What says nothing about speed.
    Debug,
    /// It was built elsewhere.
    #[default]
    Unknown,
}

impl Profile {
    /// Of this program, in the directory in which cargo puts it.
    pub(crate) fn of(program: &Path) -> Self {
        let program = program.canonicalize().unwrap_or_else(|_| program.to_owned());
        match program.parent().and_then(Path::file_name).and_then(|name| name.to_str()) {
            Some("release") => Self::Release,
            Some("debug") => Self::Debug,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Release => "release",
            Self::Debug => "debug",
            Self::Unknown => "unknown",
        })
    }
}

/// The commit of a checkout, marked if it has changes; none outside one.
pub(crate) async fn commit(directory: &Path) -> Option<String> {
    let mut git = Command::new("git");
    git.arg("-C").arg(directory).args(["describe", "--always", "--dirty"]);
    let output = git.output().await.ok().filter(|output| output.status.success())?;
    let said = String::from_utf8(output.stdout).ok()?;
    Some(said.trim().to_owned()).filter(|commit| !commit.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_of_the_profile_that_its_directory_is_named_after() {
        assert_eq!(Profile::of(Path::new("/a/target/release/fanfare")), Profile::Release);
        assert_eq!(
            Profile::of(Path::new("/a/target/x86_64-unknown-linux-musl/debug/fanfare")),
            Profile::Debug
        );
        assert_eq!(Profile::of(Path::new("/usr/bin/fanfare")), Profile::Unknown);
        assert_eq!(Profile::of(Path::new("fanfare")), Profile::Unknown);
    }

    #[tokio::test]
    async fn a_link_to_a_debug_build_is_one() {
        let directory = tempfile::tempdir().unwrap();
        let (debug, link) = (directory.path().join("debug"), directory.path().join("fanfare"));
        std::fs::create_dir(&debug).unwrap();
        std::fs::write(debug.join("fanfare"), "").unwrap();
        std::os::unix::fs::symlink(debug.join("fanfare"), &link).unwrap();
        assert_eq!(Profile::of(&link), Profile::Debug);
    }

    #[tokio::test]
    async fn a_checkout_has_a_commit_which_tells_of_changes_and_another_directory_has_none() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        assert_eq!(commit(at).await, None);
        let git = |arguments: &[&str]| {
            let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
            let mut git = std::process::Command::new("git");
            let done = git.arg("-C").arg(at).args(identity).args(arguments).output().unwrap();
            assert!(done.status.success(), "{done:?}");
        };
        git(&["init", "--quiet"]);
        std::fs::write(at.join("file"), "one").unwrap();
        git(&["add", "."]);
        git(&["commit", "--quiet", "--no-gpg-sign", "--message", "first"]);
        let clean = commit(at).await.unwrap();
        assert!(clean.len() >= 7 && !clean.contains("dirty"), "{clean}");
        std::fs::write(at.join("file"), "two").unwrap();
        assert_eq!(commit(at).await.unwrap(), format!("{clean}-dirty"));
    }
}

//! Every command that docs/CLI.md shows is run, in its order, and prints what it says there; only times and random identifiers may differ.

use std::{fs, os::unix::fs::symlink, process::Command};

use crate::support::{examples::examples, tools};

use super::{Person, masked};

#[tokio::test(flavor = "multi_thread")]
async fn every_command_in_the_page_of_the_command_line_prints_what_the_page_says() {
    let person = Person::new().await;
    symlink(tools::fanfare(), person.home.path().join("fanfare")).unwrap();
    let page = fs::read_to_string(tools::file("../docs/CLI.md")).unwrap();
    let examples = examples(&page);
    assert!(examples.len() >= 12, "found only {}", examples.len());
    for example in examples {
        let mut shell = Command::new("bash");
        // As on a terminal, where both are one.
        shell
            .args(["-c", &format!("exec 2>&1\n{}", example.command)])
            .env_clear()
            .env("HOME", person.home.path());
        shell.env("PATH", format!("{}:/usr/bin:/bin", person.home.path().display()));
        shell.env("FANFARE_ENDPOINT", format!("http://{}", person.broker()));
        let output = shell.current_dir(person.home.path()).output().unwrap();
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let printed = printed.replace(&person.broker().to_string(), "localhost:50051");
        let printed = printed.replace(person.home.path().to_str().unwrap(), "~");
        assert_eq!(masked(&printed).trim_end(), masked(&example.output).trim_end(), "{}", example.command);
    }
}

/// The table of exit codes is that of the help.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_has_every_exit_code_of_the_help() {
    let person = Person::new().await;
    let help = person.run(&["--help"]).good();
    let page = fs::read_to_string(tools::file("../docs/CLI.md")).unwrap();
    let codes = help.split("Exit codes:\n").nth(1).unwrap().lines().take_while(|line| line.starts_with("  "));
    let codes: Vec<_> = codes.filter_map(|line| line.trim().split_once("  ")).collect();
    assert_eq!(codes.len(), 10);
    for (code, meaning) in codes {
        assert!(page.contains(&format!("| {} | {} |", code, meaning.trim())), "{code}: {meaning}");
    }
}

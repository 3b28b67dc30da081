//! What holds for every command of the command line.

use clap::Command;

use crate::cli::whole;

/// All commands that do something, each with its path.
fn leaves(command: &Command, path: &str) -> Vec<(String, Command)> {
    let mut found = Vec::new();
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let path = format!("{path} {}", sub.get_name());
        match sub.has_subcommands() && sub.is_subcommand_required_set() {
            true => found.extend(leaves(sub, &path)),
            false => {
                found.push((path.clone(), sub.clone()));
                found.extend(leaves(sub, &path));
            }
        }
    }
    found
}

/// The words of a command line, as a shell cuts it: with quotes, up to a pipe or a redirection.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for letter in line.chars() {
        match letter {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            '|' | '>' | '<' if !quoted => break,
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

fn examples(command: &Command) -> Vec<String> {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let lines = text.lines().filter(|line| line.starts_with("  "));
    lines.filter_map(|line| line.find("fanfare ").map(|at| line[at..].to_owned())).collect()
}

/// Whether an example is of the command at this path, `sub` being short for `subscription`.
fn is_of(example: &str, path: &str) -> bool {
    format!("{example} ").replace(" sub ", " subscription ").starts_with(&format!("{path} "))
}

#[test]
fn every_command_has_examples_and_all_of_them_are_accepted() {
    let mut whole = whole();
    whole.build();
    let leaves = leaves(&whole, "fanfare");
    assert!(leaves.len() > 30, "found only {}", leaves.len());
    for (path, command) in leaves {
        let examples = examples(&command);
        assert!(!examples.is_empty(), "{path} has no example");
        assert!(examples.iter().any(|example| is_of(example, &path)), "{path} has examples of others only");
        for example in examples {
            let tried = crate::cli::whole().try_get_matches_from(words(&example));
            assert!(tried.is_ok(), "{path}: {example}: {}", tried.unwrap_err());
        }
    }
}

#[test]
fn every_command_stands_in_the_first_page_of_the_help() {
    let mut whole = whole();
    let page = whole.render_long_help().to_string();
    for command in whole.get_subcommands().filter(|command| command.get_name() != "help") {
        assert!(
            page.contains(&format!("\n  {} ", command.get_name())),
            "{} is not in {page}",
            command.get_name()
        );
    }
}

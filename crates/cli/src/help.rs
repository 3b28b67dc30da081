//! The first page of the help: commands in groups, and the exit codes.

use std::fmt::Write as _;

use clap::Command;

use crate::CODES;

/// Which commands stand together. One that is in no group stands in the last.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Run a broker", &["serve", "push-worker", "demo", "config"]),
    ("Publish and consume", &["publish", "pull", "tail", "ack", "nack", "extend"]),
    ("Look and change", &["topic", "subscription", "stats", "filter", "info", "bench"]),
    ("This command line", &["context", "completions", "man", "help"]),
];

/// The command with a help page that shows its commands in groups.
pub fn grouped(command: Command) -> Command {
    let text = groups(&command);
    let after = format!(
        "{}\n\nThe client commands find the broker by --endpoint, FANFARE_ENDPOINT or a context: `fanfare context --help`.\nExamples: `fanfare COMMAND --help`.",
        codes()
    );
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{text}\nOptions:\n{{options}}{{after-help}}"
    );
    command.help_template(template).after_help(after)
}

fn groups(command: &Command) -> String {
    let width = command.get_subcommands().map(|sub| sub.get_name().len()).max().unwrap_or_default();
    let mut text = String::new();
    for (heading, names) in GROUPS {
        let _ = writeln!(text, "{heading}:");
        let inside = names.iter().filter_map(|name| command.find_subcommand(name));
        let last = heading == GROUPS[GROUPS.len() - 1].0;
        let others = command.get_subcommands().filter(|sub| last && !is_in_a_group(sub.get_name()));
        for sub in inside.chain(others).filter(|sub| !sub.is_hide_set()) {
            let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {:width$}  {}", sub.get_name(), about.trim_end_matches('.'));
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn is_in_a_group(name: &str) -> bool {
    GROUPS.iter().any(|(_, names)| names.contains(&name))
}

fn codes() -> String {
    let lines = CODES.iter().map(|(code, meaning)| format!("  {code:<3}  {meaning}"));
    format!("Exit codes:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_no_group_has_is_in_the_last() {
        let command = Command::new("x")
            .subcommand(Command::new("serve").about("a"))
            .subcommand(Command::new("new").about("b"));
        let text = groups(&command);
        assert!(text.contains("Run a broker:\n  serve  a\n"), "{text}");
        assert!(text.ends_with("This command line:\n  new    b\n"), "{text}");
    }
}

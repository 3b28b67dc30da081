//! `completions` and `man`: what the command line says of itself.

use std::{fs, path::PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;

use crate::{Error, common::Color, output::Out};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanfare completions bash > ~/.local/share/bash-completion/completions/fanfare
  fanfare completions zsh > ~/.zfunc/_fanfare
  fanfare completions fish > ~/.config/fish/completions/fanfare.fish")]
pub(crate) struct Completions {
    /// For which shell.
    shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanfare man | man -l -
  fanfare man --dir ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// Write a page for each command into this directory instead.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn completions(command: &Completions, mut whole: Command) -> Result<(), Error> {
    let mut text = Vec::new();
    clap_complete::generate(command.shell, &mut whole, "fanfare", &mut text);
    Out::new(false, Color::Never).raw(&text)
}

pub(crate) fn man(command: &Man, whole: Command) -> Result<(), Error> {
    let Some(dir) = &command.dir else {
        let mut text = Vec::new();
        clap_mangen::Man::new(whole).render(&mut text)?;
        return Out::new(false, Color::Never).raw(&text);
    };
    let named = |error| Error::Usage(format!("{}: {error}", dir.display()));
    fs::create_dir_all(dir).map_err(named)?;
    clap_mangen::generate_to(whole.disable_help_subcommand(true), dir).map_err(named)
}

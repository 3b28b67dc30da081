//! What every client command accepts: where the broker is, and how answers look.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use crate::value;

const HEADING: &str = "Connection and output";

/// Each goes before the environment, which goes before the context.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = HEADING)]
pub(crate) struct Common {
    /// The broker, as http://host:port or https://host:port; may be repeated. Also FANFARE_ENDPOINT.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint: Vec<String>,
    /// Use this context instead of the current one. Also FANFARE_CONTEXT.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// The project of bare names. Also FANFARE_PROJECT.
    #[arg(long, global = true, value_name = "PROJECT")]
    pub(crate) project: Option<String>,
    /// Read the bearer token from this file. Also FANFARE_TOKEN_FILE, or FANFARE_TOKEN for the token itself.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Trust the certificates in this PEM file instead of the system's. Also FANFARE_CA.
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) ca: Option<PathBuf>,
    /// Show this certificate chain (PEM) to the broker. Also FANFARE_CLIENT_CERT.
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) client_cert: Option<PathBuf>,
    /// The private key (PEM) of that certificate. Also FANFARE_CLIENT_KEY.
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) client_key: Option<PathBuf>,
    /// Try for so long to reach the broker.
    #[arg(long, global = true, value_name = "DURATION", default_value = "3s", value_parser = value::duration)]
    pub(crate) timeout: Duration,
    /// Print JSON: one document, or one a line for what streams.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Colour the output.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// When there is colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

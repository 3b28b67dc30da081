//! `context`: the ways to several brokers, under names.

pub(crate) mod store;

use std::io::Read;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

pub(crate) use store::Entry;
use store::Store;

use crate::{
    Error,
    common::Common,
    connect,
    environment::Environment,
    output::{Out, Table, fields},
};

/// Longest token that is read.
const TOKEN_BYTES: u64 = 64 << 10;

#[derive(Debug, Args)]
pub(crate) struct Context {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Keep the way to a broker under a name, or replace it. It is made of the flags below.
    #[command(after_help = "Examples:
  fanfare context add staging --endpoint https://staging.example.com:50051 --token-file ~/.staging-token
  fanfare context add prod --endpoint https://prod.example.com:50051 --token-stdin --use < token.txt")]
    Add {
        /// Its name.
        name: String,
        /// Read the token from standard input and keep it in the file of contexts, which only you can read.
        #[arg(long, conflicts_with = "token_file")]
        token_stdin: bool,
        /// Make it the current one.
        #[arg(long = "use")]
        select: bool,
    },
    /// Make a context the current one.
    #[command(after_help = "Examples:\n  fanfare context use staging")]
    Use {
        /// Its name.
        name: String,
    },
    /// List the contexts.
    #[command(alias = "ls", after_help = "Examples:\n  fanfare context list")]
    List,
    /// Show what is in force: flags, environment and context together.
    #[command(after_help = "Examples:\n  fanfare context show\n  fanfare context show --context staging")]
    Show,
    /// Forget a context.
    #[command(alias = "rm", after_help = "Examples:\n  fanfare context remove staging")]
    Remove {
        /// Its name.
        name: String,
    },
}

pub(crate) fn run(command: Context, common: &Common, environment: &Environment) -> Result<(), Error> {
    let out = Out::new(common.json, common.color);
    let mut store = Store::open(environment)?;
    if let Some(warning) = store.warning() {
        out.note(&warning);
    }
    match command.action {
        Action::Add { name, token_stdin, select } => {
            let entry = entry(&name, common, token_stdin)?;
            store.add(&name, entry);
            if select {
                store.select(&name)?;
            }
            store.save()?;
            out.done(&name, &format!("context {name} is kept in {}", store.path()))
        }
        Action::Use { name } => {
            store.select(&name)?;
            store.save()?;
            out.done(&name, &format!("context {name} is the current one"))
        }
        Action::List => list(out, &store, environment),
        Action::Show => show(out, common, environment, &store),
        Action::Remove { name } => {
            store.remove(&name)?;
            store.save()?;
            out.done(&name, &format!("context {name} is forgotten"))
        }
    }
}

/// What the flags say, with files by their whole paths, so that it holds in every directory.
fn entry(name: &str, common: &Common, token_stdin: bool) -> Result<Entry, Error> {
    if name.trim().is_empty() {
        return Err(Error::Usage("a context needs a name".to_owned()));
    }
    if common.endpoint.is_empty() {
        return Err(Error::Usage("a context needs at least one --endpoint".to_owned()));
    }
    let whole = |path: &Option<std::path::PathBuf>| path.as_ref().map(std::path::absolute).transpose();
    let mut entry = Entry {
        endpoints: common.endpoint.clone(),
        project: common.project.clone(),
        token: None,
        token_file: whole(&common.token_file)?,
        ca: whole(&common.ca)?,
        client_cert: whole(&common.client_cert)?,
        client_key: whole(&common.client_key)?,
    };
    if token_stdin {
        let mut token = String::new();
        std::io::stdin().take(TOKEN_BYTES).read_to_string(&mut token)?;
        entry.token = Some(token.trim_end_matches(['\r', '\n']).to_owned());
    }
    connect::check(&entry)?;
    Ok(entry)
}

fn list(out: Out, store: &Store, environment: &Environment) -> Result<(), Error> {
    let current = environment.get(crate::environment::CONTEXT).or(store.current());
    if out.json {
        let one = |(name, entry): (&String, &Entry)| described(Some(name), entry, current == Some(name));
        return out.document(&store.all().map(one).collect());
    }
    let mut table = Table::new(&["CURRENT", "NAME", "ENDPOINTS", "PROJECT", "TOKEN"]);
    for (name, entry) in store.all() {
        let mark = if current == Some(name) { "*" } else { " " };
        let project = entry.project.clone().unwrap_or_default();
        table.row([mark.to_owned(), name.clone(), entry.endpoints.join(","), project, entry.token_note()]);
    }
    out.line(&table.text("no contexts; add one with `fanfare context add NAME --endpoint URL`"))
}

fn show(out: Out, common: &Common, environment: &Environment, store: &Store) -> Result<(), Error> {
    let target = connect::target(common, environment, store)?;
    let (entry, name) = (&target.entry, target.context.as_deref());
    if out.json {
        return out.document(&described(name, entry, name.is_some()));
    }
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    out.line(&fields(&[
        ("context", name.unwrap_or("(none)").to_owned()),
        ("endpoints", entry.endpoints.join(",")),
        ("project", entry.project.clone().unwrap_or_else(|| "default".to_owned())),
        ("token", entry.token_note()),
        ("ca", path(&entry.ca).unwrap_or_default()),
        ("client_cert", path(&entry.client_cert).unwrap_or_default()),
        ("client_key", path(&entry.client_key).unwrap_or_default()),
        ("file", store.path()),
    ]))
}

/// Without the token.
fn described(name: Option<&str>, entry: &Entry, is_current: bool) -> Value {
    json!({
        "name": name,
        "current": is_current,
        "endpoints": entry.endpoints,
        "project": entry.project,
        "token": entry.token_note(),
        "ca": entry.ca,
        "clientCert": entry.client_cert,
        "clientKey": entry.client_key,
    })
}

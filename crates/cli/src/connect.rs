//! Which broker is meant, and the client for it.
//!
//! Flags go before a context that a flag names, that before the environment, that before the current context, that before the default.
//! A context's token and certificates go to that context's endpoints only: an endpoint that comes from elsewhere gets none of them.

use std::{fs, path::Path};

use fanfare_client::{Client, ClientBuilder, RetryPolicy};

use crate::{
    Error, Session,
    common::Common,
    context::{Entry, store::Store},
    environment::{self as variables, Environment},
    names::Names,
    output::Out,
};

const DEFAULT: &str = "http://localhost:50051";

/// Where and how to connect, before a file has been read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) entry: Entry,
    /// The context that it comes from.
    pub(crate) context: Option<String>,
}

/// The session that these flags and this environment mean.
pub(crate) fn session(common: &Common, environment: &Environment) -> Result<Session, Error> {
    let out = Out::new(common.json, common.color);
    let store = Store::open(environment)?;
    if let Some(warning) = store.warning() {
        out.note(&warning);
    }
    let target = target(common, environment, &store)?;
    let builder = builder(&target.entry, common)?;
    Ok(Session {
        client: builder.clone().build()?,
        builder,
        names: Names::new(target.entry.project.clone()),
        out,
        endpoints: target.entry.endpoints,
    })
}

/// What is meant by all of it together.
pub(crate) fn target(common: &Common, environment: &Environment, store: &Store) -> Result<Target, Error> {
    let flags = flags(common);
    let named = common.context.as_deref();
    let chosen = named.or_else(|| environment.get(variables::CONTEXT)).or(store.current());
    let context = chosen.map(|name| store.get(name).cloned()).transpose()?.unwrap_or_default();
    let set = from_environment(environment);
    let entry = match named {
        Some(_) => flags.over(context).over(set),
        None => flags.over(set).over(context),
    };
    let entry = entry.over(Entry { endpoints: vec![DEFAULT.to_owned()], ..Entry::default() });
    Ok(Target { entry, context: chosen.map(str::to_owned) })
}

fn flags(common: &Common) -> Entry {
    Entry {
        endpoints: common.endpoint.clone(),
        project: common.project.clone(),
        token: None,
        token_file: common.token_file.clone(),
        ca: common.ca.clone(),
        client_cert: common.client_cert.clone(),
        client_key: common.client_key.clone(),
    }
}

fn from_environment(environment: &Environment) -> Entry {
    let endpoints = environment.get(variables::ENDPOINT).unwrap_or_default();
    Entry {
        endpoints: endpoints
            .split(',')
            .map(str::trim)
            .filter(|url| !url.is_empty())
            .map(str::to_owned)
            .collect(),
        project: environment.get(variables::PROJECT).map(str::to_owned),
        token: environment.get(variables::TOKEN).map(str::to_owned),
        token_file: environment.path(variables::TOKEN_FILE),
        ca: environment.path(variables::CA),
        client_cert: environment.path(variables::CLIENT_CERT),
        client_key: environment.path(variables::CLIENT_KEY),
    }
}

/// Whether a client can be made of it.
pub(crate) fn check(entry: &Entry) -> Result<(), Error> {
    client(entry, &Common::default()).map(drop)
}

fn client(entry: &Entry, common: &Common) -> Result<Client, Error> {
    Ok(builder(entry, common)?.build()?)
}

fn builder(entry: &Entry, common: &Common) -> Result<ClientBuilder, Error> {
    let mut builder = Client::builder()
        .retry(RetryPolicy::default().within(common.timeout))
        .connect_timeout(common.timeout.max(std::time::Duration::from_secs(1)));
    for endpoint in &entry.endpoints {
        builder = builder.endpoint(endpoint);
    }
    if let Some(token) = token(entry)? {
        builder = builder.token(token);
    }
    if let Some(ca) = &entry.ca {
        builder = builder.trusted_certificates(read(ca)?);
    }
    match (&entry.client_cert, &entry.client_key) {
        (Some(chain), Some(key)) => builder = builder.identity(read(chain)?, read(key)?),
        (None, None) => {}
        _ => {
            return Err(Error::Usage(
                "a client certificate needs its key, and a key its certificate".to_owned(),
            ));
        }
    }
    Ok(builder)
}

fn token(entry: &Entry) -> Result<Option<String>, Error> {
    match (&entry.token, &entry.token_file) {
        (Some(token), _) => Ok(Some(token.clone())),
        (None, Some(file)) => Ok(Some(read(file)?.trim_end_matches(['\r', '\n']).to_owned())),
        (None, None) => Ok(None),
    }
}

/// The text of a file that the command line, the environment or a context names.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| Error::Usage(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(endpoint: &str, token: &str) -> Entry {
        Entry { endpoints: vec![endpoint.to_owned()], token: Some(token.to_owned()), ..Entry::default() }
    }

    fn store() -> Store {
        let mut store = Store::default();
        store.add("here", entry("http://here:1", "here's"));
        store.add("there", Entry { project: Some("p".to_owned()), ..entry("http://there:1", "there's") });
        store.select("here").unwrap();
        store
    }

    fn meant(common: &Common, environment: &Environment) -> Entry {
        target(common, environment, &store()).unwrap().entry
    }

    fn context(name: &str) -> Common {
        Common { context: Some(name.to_owned()), ..Common::default() }
    }

    #[test]
    fn flags_go_before_the_environment_that_before_the_context_that_before_the_default() {
        let flag = Common { endpoint: vec!["http://flag:1".to_owned()], ..Common::default() };
        let set = Environment::from([("FANFARE_ENDPOINT", "http://set:1, http://set:2")]);
        let none = Environment::default();
        assert_eq!(meant(&flag, &set).endpoints, ["http://flag:1"]);
        assert_eq!(meant(&Common::default(), &set).endpoints, ["http://set:1", "http://set:2"]);
        assert_eq!(meant(&Common::default(), &none).endpoints, ["http://here:1"]);
        let default = target(&Common::default(), &none, &Store::default()).unwrap();
        assert_eq!((default.entry.endpoints, default.context), (vec![DEFAULT.to_owned()], None));
    }

    #[test]
    fn a_context_that_a_flag_names_goes_before_the_environment() {
        let set = Environment::from([("FANFARE_ENDPOINT", "http://set:1"), ("FANFARE_PROJECT", "q")]);
        assert_eq!(meant(&context("there"), &set), store().get("there").unwrap().clone());
        let by_variable = Environment::from([("FANFARE_CONTEXT", "there")]);
        assert_eq!(meant(&Common::default(), &by_variable).endpoints, ["http://there:1"]);
        assert_eq!(meant(&context("here"), &by_variable).endpoints, ["http://here:1"]);
    }

    #[test]
    fn the_token_of_a_context_goes_to_its_own_endpoints_only() {
        let flag = Common { endpoint: vec!["http://flag:1".to_owned()], ..context("there") };
        let meant = meant(&flag, &Environment::default());
        assert_eq!((meant.token, meant.project.as_deref()), (None, Some("p")));
    }

    #[test]
    fn a_token_of_the_environment_goes_before_the_context_s() {
        let set = Environment::from([("FANFARE_TOKEN", "set")]);
        assert_eq!(meant(&Common::default(), &set), entry("http://here:1", "set"));
    }

    #[test]
    fn a_context_that_is_not_there_is_an_error() {
        let missing = target(&context("nowhere"), &Environment::default(), &store()).unwrap_err();
        assert!(matches!(missing, Error::NotFound(_)), "{missing}");
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        let half = Entry { client_cert: Some("c.pem".into()), ..entry("https://a:1", "t") };
        assert!(matches!(client(&half, &Common::default()), Err(Error::Usage(_))));
    }
}

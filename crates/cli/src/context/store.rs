//! The file of contexts.
//!
//! It is replaced as a whole, never half written, and only its owner can read it.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{Error, environment::Environment, error::hinted};

/// The way to a broker.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    #[serde(default)]
    pub(crate) endpoints: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_cert: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_key: Option<PathBuf>,
}

impl fmt::Debug for Entry {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

impl Entry {
    /// This where it says something, else the other. The other's secrets go with the other's endpoints only.
    pub(crate) fn over(self, other: Self) -> Self {
        let has_endpoints = !self.endpoints.is_empty();
        let has_token = self.token.is_some() || self.token_file.is_some();
        let has_identity = self.client_cert.is_some() || self.client_key.is_some();
        let trusted = |other: bool| !has_endpoints && !other;
        let take_token = trusted(has_token);
        let take_identity = trusted(has_identity);
        Self {
            endpoints: if has_endpoints { self.endpoints } else { other.endpoints },
            project: self.project.or(other.project),
            token: self.token.or(other.token.filter(|_| take_token)),
            token_file: self.token_file.or(other.token_file.filter(|_| take_token)),
            ca: self.ca.or(other.ca.filter(|_| !has_endpoints)),
            client_cert: self.client_cert.or(other.client_cert.filter(|_| take_identity)),
            client_key: self.client_key.or(other.client_key.filter(|_| take_identity)),
        }
    }

    /// Where the token is, never the token.
    pub(crate) fn token_note(&self) -> String {
        match (&self.token, &self.token_file) {
            (Some(_), _) => "(set)".to_owned(),
            (None, Some(file)) => file.display().to_string(),
            (None, None) => String::new(),
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    contexts: BTreeMap<String, Entry>,
}

/// All contexts.
#[derive(Debug, Default)]
pub(crate) struct Store {
    path: Option<PathBuf>,
    contents: Contents,
    others_can_read: bool,
}

impl Store {
    /// As the file has them; none if there is no file.
    pub(crate) fn open(environment: &Environment) -> Result<Self, Error> {
        let Some(path) = environment.contexts() else { return Ok(Self::default()) };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::Usage(format!("{}: {error}", path.display()))),
        };
        // The message of the parser quotes the line at fault, which may hold a token.
        let contents = toml::from_str(&text).map_err(|error: toml::de::Error| {
            Error::Usage(format!("{}: {}", path.display(), error.message()))
        })?;
        let others_can_read = fs::metadata(&path).is_ok_and(|file| file.mode() & 0o077 != 0);
        Ok(Self { path: Some(path), contents, others_can_read })
    }

    /// That others can read tokens.
    pub(crate) fn warning(&self) -> Option<String> {
        let has_token = self.contents.contexts.values().any(|entry| entry.token.is_some());
        let path = self.path();
        (has_token && self.others_can_read).then(|| {
            hinted(&format!("{path} has tokens and others can read it"), &format!("chmod 600 {path}"))
        })
    }

    pub(crate) fn path(&self) -> String {
        self.path.as_deref().unwrap_or(Path::new("")).display().to_string()
    }

    pub(crate) fn current(&self) -> Option<&str> {
        self.contents.current.as_deref()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&String, &Entry)> {
        self.contents.contexts.iter()
    }

    pub(crate) fn get(&self, name: &str) -> Result<&Entry, Error> {
        self.contents.contexts.get(name).ok_or_else(|| missing(name))
    }

    pub(crate) fn add(&mut self, name: &str, entry: Entry) {
        self.contents.contexts.insert(name.to_owned(), entry);
    }

    pub(crate) fn select(&mut self, name: &str) -> Result<(), Error> {
        self.get(name)?;
        self.contents.current = Some(name.to_owned());
        Ok(())
    }

    pub(crate) fn remove(&mut self, name: &str) -> Result<(), Error> {
        self.contents.contexts.remove(name).ok_or_else(|| missing(name))?;
        self.contents.current.take_if(|current| current == name);
        Ok(())
    }

    pub(crate) fn save(&self) -> Result<(), Error> {
        let Some(path) = &self.path else {
            return Err(Error::Usage(
                "there is no HOME to keep contexts in; set FANFARE_CLIENT_CONFIG".to_owned(),
            ));
        };
        let text = toml::to_string(&self.contents).map_err(|error| Error::Usage(error.to_string()))?;
        replace(path, &text).map_err(|error| Error::Usage(format!("{}: {error}", path.display())))
    }
}

fn missing(name: &str) -> Error {
    let text = format!("there is no context {name}");
    Error::NotFound(hinted(&text, "`fanfare context list` shows those there are"))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn at(path: &Path) -> Environment {
        Environment::from([("FANFARE_CLIENT_CONFIG", path.to_str().unwrap())])
    }

    fn entry() -> Entry {
        Entry {
            endpoints: vec!["http://a:1".to_owned()],
            token: Some("s3cret".to_owned()),
            ..Entry::default()
        }
    }

    #[test]
    fn what_is_saved_is_there_again_and_only_its_owner_can_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/client.toml");
        let mut store = Store::open(&at(&path)).unwrap();
        store.add("a", entry());
        store.select("a").unwrap();
        store.save().unwrap();
        let again = Store::open(&at(&path)).unwrap();
        assert_eq!((again.current(), again.get("a").unwrap()), (Some("a"), &entry()));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(again.warning(), None);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_with_a_token_that_others_can_read_is_warned_of() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("client.toml");
        fs::write(&path, "[contexts.a]\nendpoints = ['http://a:1']\ntoken = 's3cret'\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Store::open(&at(&path)).unwrap().warning().unwrap().contains("chmod 600"));
    }

    #[test]
    fn a_broken_file_is_an_error_that_does_not_show_a_token() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("client.toml");
        fs::write(&path, "[contexts.a]\ntoken = 's3cret\n").unwrap();
        let error = Store::open(&at(&path)).unwrap_err().to_string();
        assert!(error.contains("client.toml") && !error.contains("s3cret"), "{error}");
        fs::write(&path, "[contexts.a]\ntokn = 's3cret'\n").unwrap();
        let error = Store::open(&at(&path)).unwrap_err().to_string();
        assert!(error.contains("tokn") && !error.contains("s3cret"), "{error}");
    }

    #[test]
    fn removing_the_current_one_leaves_none_current() {
        let mut store = Store::default();
        store.add("a", entry());
        store.select("a").unwrap();
        store.remove("a").unwrap();
        assert_eq!(store.current(), None);
        assert!(matches!(store.remove("a"), Err(Error::NotFound(_))));
        assert!(matches!(store.select("a"), Err(Error::NotFound(_))));
    }

    #[test]
    fn a_token_is_in_no_debug_output() {
        assert!(!format!("{:?}", entry()).contains("s3cret"));
    }
}

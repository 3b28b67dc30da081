//! The variables that the client commands read, in one place.

use std::{collections::HashMap, env, path::PathBuf};

pub(crate) const ENDPOINT: &str = "FANFARE_ENDPOINT";
pub(crate) const TOKEN: &str = "FANFARE_TOKEN";
pub(crate) const TOKEN_FILE: &str = "FANFARE_TOKEN_FILE";
pub(crate) const CONTEXT: &str = "FANFARE_CONTEXT";
pub(crate) const PROJECT: &str = "FANFARE_PROJECT";
pub(crate) const CA: &str = "FANFARE_CA";
pub(crate) const CLIENT_CERT: &str = "FANFARE_CLIENT_CERT";
pub(crate) const CLIENT_KEY: &str = "FANFARE_CLIENT_KEY";
/// Names the file of contexts.
const FILE: &str = "FANFARE_CLIENT_CONFIG";

/// All of them: a broker that is started with them set is not one with unknown settings.
pub const VARIABLES: [&str; 9] =
    [ENDPOINT, TOKEN, TOKEN_FILE, CONTEXT, PROJECT, CA, CLIENT_CERT, CLIENT_KEY, FILE];

/// Those that the system has.
const OTHERS: [&str; 2] = ["XDG_CONFIG_HOME", "HOME"];

/// The values of the variables. One that is empty counts as not set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment(HashMap<&'static str, String>);

impl Environment {
    pub(crate) fn of_the_process() -> Self {
        let set = |name: &&'static str| env::var(*name).ok().map(|value| (*name, value));
        Self(VARIABLES.iter().chain(&OTHERS).filter_map(set).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// Where the contexts are kept.
    pub(crate) fn contexts(&self) -> Option<PathBuf> {
        let in_config = |directory: PathBuf| directory.join("fanfare/client.toml");
        let in_home = || self.path("HOME").map(|home| in_config(home.join(".config")));
        self.path(FILE).or_else(|| self.path("XDG_CONFIG_HOME").map(in_config)).or_else(in_home)
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&'static str, &str); N]> for Environment {
    fn from(set: [(&'static str, &str); N]) -> Self {
        Self(set.into_iter().map(|(name, value)| (name, value.to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contexts<const N: usize>(set: [(&'static str, &str); N]) -> Option<PathBuf> {
        Environment::from(set).contexts()
    }

    #[test]
    fn contexts_are_where_the_variable_says_else_in_the_config_home_else_in_the_home() {
        let all = [(FILE, "/a/c.toml"), ("XDG_CONFIG_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(contexts(all), Some("/a/c.toml".into()));
        assert_eq!(contexts([all[1], all[2]]), Some("/x/fanfare/client.toml".into()));
        assert_eq!(contexts([all[2]]), Some("/h/.config/fanfare/client.toml".into()));
        assert_eq!(contexts([("XDG_CONFIG_HOME", ""), all[2]]), contexts([all[2]]));
        assert_eq!(contexts([]), None);
    }
}

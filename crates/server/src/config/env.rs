use std::{ffi::OsString, path::PathBuf};

use super::{ConfigError, Given, Origin, keys::KEYS};

/// How the names of our environment variables begin.
pub const ENVIRONMENT_PREFIX: &str = "FANFARE_";
/// Names the configuration file; the flag `--config` goes before it.
const FILE: &str = "FANFARE_CONFIG";

/// What the environment gives.
#[derive(Debug, Default)]
pub(super) struct Environment {
    pub(super) file: Option<PathBuf>,
    pub(super) settings: Vec<Given>,
}

/// Picks our variables. One that begins like ours and is none is an error; what Kubernetes sets for a service that is
/// called `fanfare` is not, and neither are those of the client commands.
pub(super) fn read(variables: Vec<(OsString, OsString)>) -> Result<Environment, ConfigError> {
    let mut environment = Environment::default();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(ENVIRONMENT_PREFIX)) else { continue };
        if cli::VARIABLES.contains(&name) {
            continue;
        }
        if name == FILE {
            environment.file = Some(PathBuf::from(value));
            continue;
        }
        let variable = name.to_owned();
        let Ok(text) = value.into_string() else { return Err(ConfigError::NotText { variable }) };
        let origin = Origin::Environment(variable);
        match KEYS.iter().find(|key| key.variable() == name) {
            Some(key) => environment.settings.push(Given { key: key.name.to_owned(), text, origin }),
            None if is_service_link(name, &text) => {}
            None => return Err(ConfigError::Unknown { origin, key: name.to_owned() }),
        }
    }
    Ok(environment)
}

/// Kubernetes tells a pod about every service of its namespace: `FANFARE_SERVICE_HOST`, `FANFARE_SERVICE_PORT_GRPC`,
/// `FANFARE_PORT=tcp://10.0.0.1:50051`, `FANFARE_PORT_50051_TCP_ADDR`, and so on.
fn is_service_link(name: &str, value: &str) -> bool {
    let port = name.contains("_PORT_") && (name.contains("_TCP") || name.contains("_UDP"));
    let host =
        name.ends_with("_SERVICE_HOST") || name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_");
    host || port || (name.ends_with("_PORT") && value.contains("://"))
}

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};
use fanfare_client::proto::{
    BasicAuthentication, BearerAuthentication, PushAuthentication, PushClientCertificate, PushConfig,
    PushContent, push_authentication::Method,
};

use crate::{Error, connect, value};

/// Where messages are pushed to. Secrets come from files or variables, never from arguments, which every process can see.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Push")]
pub(crate) struct Push {
    /// Push to this endpoint: https://…, grpcs://host:port, or topic:NAME.
    #[arg(long, value_name = "URL")]
    push_endpoint: Option<String>,
    /// How a webhook gets the message [default: raw].
    #[arg(long, value_name = "CONTENT")]
    push_content: Option<Content>,
    /// A header of each request; may be repeated. An update replaces all headers.
    #[arg(long = "push-header", value_name = "NAME=VALUE", value_parser = value::pair)]
    push_headers: Vec<(String, String)>,
    /// Sign with the key in this file (whsec_… or whsk_…); may be given twice.
    #[arg(long = "push-signing-secret-file", value_name = "FILE")]
    push_signing_secret_files: Vec<PathBuf>,
    /// Sign with the key in this environment variable; may be given twice.
    #[arg(long = "push-signing-secret-env", value_name = "VARIABLE")]
    push_signing_secret_variables: Vec<String>,
    /// Send `authorization: Bearer` with the token in this file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["push_username", "push_bearer_env"])]
    push_bearer_file: Option<PathBuf>,
    /// Send `authorization: Bearer` with the token in this environment variable.
    #[arg(long, value_name = "VARIABLE", conflicts_with = "push_username")]
    push_bearer_env: Option<String>,
    /// Send `authorization: Basic` with this user name.
    #[arg(long, value_name = "NAME", requires = "push_password_file")]
    push_username: Option<String>,
    /// The password of --push-username is in this file.
    #[arg(long, value_name = "FILE", requires = "push_username")]
    push_password_file: Option<PathBuf>,
    /// Show the certificate chain in this PEM file to the endpoint.
    #[arg(long, value_name = "FILE", requires = "push_client_key")]
    push_client_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "push_client_cert")]
    push_client_key: Option<PathBuf>,
    /// Trust the certificates in this PEM file instead of those of the broker's system.
    #[arg(long, value_name = "FILE")]
    push_ca: Option<PathBuf>,
    /// Until an attempt counts as failed: 1s to 5m [default: 15s].
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    push_timeout: Option<Duration>,
    /// Requests at a time, at most [default: 64].
    #[arg(long, value_name = "NUMBER")]
    push_concurrency: Option<u32>,
    /// Messages of one request to a gRPC endpoint [default: 1].
    #[arg(long, value_name = "NUMBER")]
    push_batch: Option<u32>,
    /// Messages per second, at most [default: no limit].
    #[arg(long, value_name = "RATE")]
    push_rate: Option<f64>,
}

/// How a webhook gets the message.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Content {
    /// The data is the body
    Raw,
    /// CloudEvents 1.0, binary mode
    CloudEventsBinary,
    /// CloudEvents 1.0, structured mode
    CloudEventsStructured,
    /// The JSON envelope of Amazon SNS
    SnsEnvelope,
}

impl From<Content> for PushContent {
    fn from(content: Content) -> Self {
        match content {
            Content::Raw => Self::Raw,
            Content::CloudEventsBinary => Self::CloudEventsBinary,
            Content::CloudEventsStructured => Self::CloudEventsStructured,
            Content::SnsEnvelope => Self::SnsEnvelope,
        }
    }
}

impl Push {
    /// Puts what flags say into `push`, and their paths into `mask`.
    pub(crate) fn read(self, push: &mut Option<PushConfig>, mask: &mut Vec<String>) -> Result<(), Error> {
        let mut config = push.clone().unwrap_or_default();
        let before = mask.len();
        self.requests(&mut config, mask);
        self.secrets(&mut config, mask)?;
        if mask.len() > before {
            *push = Some(config);
        }
        Ok(())
    }

    fn requests(&self, config: &mut PushConfig, mask: &mut Vec<String>) {
        let mut named = |path: &str| mask.push(format!("push.{path}"));
        if let Some(endpoint) = &self.push_endpoint {
            config.endpoint.clone_from(endpoint);
            named("endpoint");
        }
        if let Some(content) = self.push_content {
            config.set_content(content.into());
            named("content");
        }
        if !self.push_headers.is_empty() {
            config.headers = self.push_headers.iter().cloned().collect();
            named("headers");
        }
        if let Some(timeout) = self.push_timeout {
            config.request_timeout = Some(value::proto_duration(timeout));
            named("request_timeout");
        }
        if self.push_concurrency.is_some() {
            config.max_concurrency = self.push_concurrency;
            named("max_concurrency");
        }
        if self.push_batch.is_some() {
            config.max_batch = self.push_batch;
            named("max_batch");
        }
        if self.push_rate.is_some() {
            config.max_receives_per_second = self.push_rate;
            named("max_receives_per_second");
        }
    }

    fn secrets(&self, config: &mut PushConfig, mask: &mut Vec<String>) -> Result<(), Error> {
        let mut named = |path: &str| mask.push(format!("push.{path}"));
        let files = self.push_signing_secret_files.iter().map(|path| line(path));
        let variables = self.push_signing_secret_variables.iter().map(|name| variable(name));
        let secrets: Vec<String> = files.chain(variables).collect::<Result<_, _>>()?;
        if !secrets.is_empty() {
            config.signing_secrets = secrets;
            named("signing_secrets");
        }
        if let Some(method) = self.method()? {
            config.authentication = Some(PushAuthentication { method: Some(method) });
            named("authentication");
        }
        if let (Some(chain), Some(key)) = (&self.push_client_cert, &self.push_client_key) {
            let (chain, private_key) = (connect::read(chain)?, connect::read(key)?);
            config.client_certificate = Some(PushClientCertificate { chain, private_key });
            named("client_certificate");
        }
        if let Some(ca) = &self.push_ca {
            config.trusted_certificates = connect::read(ca)?;
            named("trusted_certificates");
        }
        Ok(())
    }

    fn method(&self) -> Result<Option<Method>, Error> {
        let bearer = |token| Method::Bearer(BearerAuthentication { token });
        if let Some(file) = &self.push_bearer_file {
            return Ok(Some(bearer(line(file)?)));
        }
        if let Some(name) = &self.push_bearer_env {
            return Ok(Some(bearer(variable(name)?)));
        }
        let (Some(username), Some(file)) = (&self.push_username, &self.push_password_file) else {
            return Ok(None);
        };
        let basic = BasicAuthentication { username: username.clone(), password: line(file)? };
        Ok(Some(Method::Basic(basic)))
    }
}

/// What a file has, without the end of its line.
fn line(path: &Path) -> Result<String, Error> {
    Ok(connect::read(path)?.trim_end_matches(['\r', '\n']).to_owned())
}

fn variable(name: &str) -> Result<String, Error> {
    env::var(name).map_err(|error| Error::Usage(format!("{name}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(push: Push) -> (Option<PushConfig>, Vec<String>) {
        let (mut config, mut mask) = (None, Vec::new());
        push.read(&mut config, &mut mask).unwrap();
        (config, mask)
    }

    #[test]
    fn nothing_about_push_is_no_push() {
        assert_eq!(read(Push::default()), (None, Vec::new()));
    }

    #[test]
    fn secrets_come_from_files_without_the_end_of_the_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "whsec_abc\r\n").unwrap();
        let path = file.path().to_owned();
        let push = Push {
            push_endpoint: Some("https://a.example".to_owned()),
            push_signing_secret_files: vec![path.clone()],
            push_username: Some("u".to_owned()),
            push_password_file: Some(path),
            ..Push::default()
        };
        let (config, mask) = read(push);
        let config = config.unwrap();
        assert_eq!(config.signing_secrets, ["whsec_abc"]);
        let basic = BasicAuthentication { username: "u".to_owned(), password: "whsec_abc".to_owned() };
        assert_eq!(config.authentication.unwrap().method, Some(Method::Basic(basic)));
        assert_eq!(mask, ["push.endpoint", "push.signing_secrets", "push.authentication"]);
    }

    #[test]
    fn a_secret_whose_file_or_variable_is_missing_is_an_error_that_names_it() {
        let by_file = Push { push_bearer_file: Some("no/such".into()), ..Push::default() };
        let by_variable =
            Push { push_signing_secret_variables: vec!["FANFARE_TEST_UNSET".to_owned()], ..Push::default() };
        for (push, name) in [(by_file, "no/such"), (by_variable, "FANFARE_TEST_UNSET")] {
            let error = push.read(&mut None, &mut Vec::new()).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}

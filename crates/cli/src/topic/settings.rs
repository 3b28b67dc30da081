use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args, ValueEnum};
use fanfare_client::proto::{ByteLimitAction, TopicSettings};

use crate::{Error, value};

/// What a topic's owner chooses. What no flag names has its default.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Settings {
    /// Messages older than this expire: 1m to 365d [default: 7d].
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    max_age: Option<Duration>,
    /// Bytes of the topic's log, at most: 1MiB or more [default: no limit].
    #[arg(long, value_name = "SIZE", value_parser = value::size)]
    max_bytes: Option<u64>,
    /// What happens to a publish at --max-bytes [default: reject-publish].
    #[arg(long, value_name = "ACTION")]
    at_max_bytes: Option<AtMaxBytes>,
    /// Keep settled messages until they expire, so that they can be replayed.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    keep_settled: Option<bool>,
    /// For how long a deduplication ID is remembered: 0 to 24h [default: 5m].
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    deduplication_window: Option<Duration>,
    /// A label; may be repeated. An update replaces all labels.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = value::pair)]
    labels: Vec<(String, String)>,
    /// Begin with these settings: a file with the JSON of the API (TopicSettings).
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

/// Settings to change.
#[derive(Debug, Default, Args)]
#[command(group = ArgGroup::new("topic_change").required(true).multiple(true).args([
    "max_age", "max_bytes", "at_max_bytes", "keep_settled", "deduplication_window", "labels", "settings", "reset",
]))]
pub(crate) struct Change {
    #[command(flatten)]
    settings: Settings,
    /// Give this setting its default, by its path in the API: retention.max_bytes; may be repeated.
    #[arg(long, value_name = "PATH", help_heading = "Settings")]
    reset: Vec<String>,
}

/// What happens to a publish when the topic is at its byte limit.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum AtMaxBytes {
    /// It is refused
    RejectPublish,
    /// The oldest messages expire
    DropOldest,
}

impl Settings {
    /// The settings, and the paths that flags named.
    pub(crate) fn read(self) -> Result<(TopicSettings, Vec<String>), Error> {
        let (mut settings, mut mask): (TopicSettings, _) =
            value::base("TopicSettings", self.settings.as_deref())?;
        let mut named = |path: &str| mask.push(path.to_owned());
        let retention = settings.retention.get_or_insert_default();
        if let Some(age) = self.max_age {
            retention.max_age = Some(value::proto_duration(age));
            named("retention.max_age");
        }
        if let Some(bytes) = self.max_bytes {
            retention.max_bytes = Some(bytes);
            named("retention.max_bytes");
        }
        if let Some(action) = self.at_max_bytes {
            retention.set_at_max_bytes(match action {
                AtMaxBytes::RejectPublish => ByteLimitAction::RejectPublish,
                AtMaxBytes::DropOldest => ByteLimitAction::DropOldest,
            });
            named("retention.at_max_bytes");
        }
        if let Some(keep) = self.keep_settled {
            settings.keep_settled = keep;
            named("keep_settled");
        }
        if let Some(window) = self.deduplication_window {
            settings.deduplication_window = Some(value::proto_duration(window));
            named("deduplication_window");
        }
        if !self.labels.is_empty() {
            settings.labels = self.labels.into_iter().collect();
            named("labels");
        }
        Ok((settings, mask))
    }
}

impl Change {
    pub(crate) fn read(self) -> Result<(TopicSettings, Vec<String>), Error> {
        let (settings, mut mask) = self.settings.read()?;
        value::no_contradiction(&mask, &self.reset)?;
        mask.extend(self.reset);
        Ok((settings, mask))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_names_what_flags_name_and_nothing_else() {
        let settings = Settings { max_age: Some(Duration::from_secs(60)), ..Settings::default() };
        let change = Change { settings, reset: vec!["labels".to_owned()] };
        let (settings, mask) = change.read().unwrap();
        assert_eq!(mask, ["retention.max_age", "labels"]);
        assert_eq!(settings.retention.unwrap().max_age.unwrap().seconds, 60);
    }

    #[test]
    fn setting_and_resetting_the_same_is_refused() {
        let settings = Settings { max_bytes: Some(1 << 20), ..Settings::default() };
        let change = Change { settings, reset: vec!["retention.max_bytes".to_owned()] };
        assert!(matches!(change.read(), Err(Error::Usage(_))));
    }
}

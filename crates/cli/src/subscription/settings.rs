use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use fanfare_client::proto::{
    ExhaustedAction, ExponentialBackoff, FilterBacklog, FilterPolicy, FilterScope, RetryPolicy,
    SubscriptionSettings, retry_policy::Policy,
};

use super::push::Push;
use crate::{Error, value};

/// Whether order counts; fixed at creation.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Ordered {
    /// Deliver messages with the same ordering key one after the other. Fixed at creation.
    #[arg(long)]
    ordered: bool,
}

impl Ordered {
    pub(crate) fn over(&self, settings: SubscriptionSettings) -> SubscriptionSettings {
        SubscriptionSettings { ordered: self.ordered || settings.ordered, ..settings }
    }
}

/// What a subscription's owner chooses. What no flag names has its default.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Settings {
    /// How long a lease lasts: 1s to 12h [default: 30s].
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    ack_deadline: Option<Duration>,
    /// Failed attempts after which a message is exhausted [default: 10].
    #[arg(long, value_name = "NUMBER")]
    max_attempts: Option<u32>,
    /// What becomes of an exhausted message [default: dead-letter].
    #[arg(long, value_name = "ACTION")]
    when_exhausted: Option<WhenExhausted>,
    /// The wait after the first failure [default: 1s].
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    min_backoff: Option<Duration>,
    /// The longest wait between attempts [default: 10m].
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    max_backoff: Option<Duration>,
    /// Factor from one wait to the next [default: 2].
    #[arg(long, value_name = "FACTOR")]
    backoff_multiplier: Option<f64>,
    /// Spread the waits [default: true].
    #[arg(long, value_name = "BOOL", action = clap::ArgAction::Set)]
    backoff_jitter: Option<bool>,
    /// Messages under lease at a time, at most [default: 10000].
    #[arg(long, value_name = "NUMBER")]
    max_in_flight: Option<u32>,
    /// Delete the subscription when no one has used it for so long: 1h to 365d [default: never].
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    expire_unused_after: Option<Duration>,
    /// Only messages that match this filter policy: its JSON, or a file that has it.
    #[arg(long, value_name = "JSON|FILE")]
    filter: Option<String>,
    /// What of a message the filter policy is applied to [default: attributes].
    #[arg(long, value_name = "SCOPE", requires = "filter")]
    filter_scope: Option<Scope>,
    /// A label; may be repeated. An update replaces all labels.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = value::pair)]
    labels: Vec<(String, String)>,
    /// Begin with these settings: a file with the JSON of the API (SubscriptionSettings).
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    #[command(flatten)]
    push: Push,
}

/// Settings to change.
#[derive(Debug, Default, Args)]
pub(crate) struct Change {
    #[command(flatten)]
    settings: Settings,
    /// Give this setting its default, by its path in the API: filter_policy, push.headers; may be repeated.
    #[arg(long, value_name = "PATH", help_heading = "Settings")]
    reset: Vec<String>,
    /// With --filter: messages of the backlog that it does not match leave it.
    #[arg(long, help_heading = "Settings")]
    reevaluate: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WhenExhausted {
    /// It enters the dead-letter store
    DeadLetter,
    /// It is given up, and counted
    Drop,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Scope {
    /// Its attributes
    Attributes,
    /// Its data, as a JSON object
    Body,
}

impl From<Scope> for FilterScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Attributes => Self::Attributes,
            Scope::Body => Self::Body,
        }
    }
}

/// A filter policy from the command line.
pub(crate) fn filter_policy(given: &str, scope: Option<Scope>) -> Result<FilterPolicy, Error> {
    let mut policy = FilterPolicy { json: value::text_or_file(given)?, ..FilterPolicy::default() };
    if let Some(scope) = scope {
        policy.set_scope(scope.into());
    }
    Ok(policy)
}

impl Settings {
    /// The settings, and the paths that flags named. `now` is what parts of a whole are put into.
    pub(crate) fn read(
        self,
        now: &SubscriptionSettings,
    ) -> Result<(SubscriptionSettings, Vec<String>), Error> {
        let kind = "SubscriptionSettings";
        let (mut settings, mut mask): (SubscriptionSettings, _) =
            value::base(kind, self.settings.as_deref())?;
        self.queue(&mut settings, &mut mask);
        self.retry(&mut settings, now, &mut mask)?;
        if let Some(given) = &self.filter {
            settings.filter_policy = Some(filter_policy(given, self.filter_scope)?);
            mask.push("filter_policy".to_owned());
        }
        self.push.read(&mut settings.push, &mut mask)?;
        Ok((settings, mask))
    }

    fn queue(&self, settings: &mut SubscriptionSettings, mask: &mut Vec<String>) {
        let mut named = |path: &str| mask.push(path.to_owned());
        if let Some(deadline) = self.ack_deadline {
            settings.ack_deadline = Some(value::proto_duration(deadline));
            named("ack_deadline");
        }
        if self.max_attempts.is_some() {
            settings.max_attempts = self.max_attempts;
            named("max_attempts");
        }
        if let Some(action) = self.when_exhausted {
            settings.set_when_exhausted(match action {
                WhenExhausted::DeadLetter => ExhaustedAction::DeadLetter,
                WhenExhausted::Drop => ExhaustedAction::Drop,
            });
            named("when_exhausted");
        }
        if self.max_in_flight.is_some() {
            settings.max_in_flight = self.max_in_flight;
            named("max_in_flight");
        }
        if let Some(after) = self.expire_unused_after {
            settings.expire_unused_after = Some(value::proto_duration(after));
            named("expire_unused_after");
        }
        if !self.labels.is_empty() {
            settings.labels = self.labels.iter().cloned().collect();
            named("labels");
        }
    }

    /// The API takes a retry policy as a whole: what flags do not name stays as it is.
    fn retry(
        &self,
        settings: &mut SubscriptionSettings,
        now: &SubscriptionSettings,
        mask: &mut Vec<String>,
    ) -> Result<(), Error> {
        let durations = [self.min_backoff, self.max_backoff];
        if durations == [None, None] && self.backoff_multiplier.is_none() && self.backoff_jitter.is_none() {
            return Ok(());
        }
        let before = settings.retry.take().or(now.retry).and_then(|retry| retry.policy);
        let before = match before {
            Some(Policy::Exponential(exponential)) => exponential,
            None => ExponentialBackoff::default(),
            Some(Policy::Phased(_)) => {
                let text =
                    "its retry policy is a phased one, of which these flags are no part; use --settings FILE";
                return Err(Error::Usage(text.to_owned()));
            }
        };
        let exponential = ExponentialBackoff {
            min_backoff: self.min_backoff.map(value::proto_duration).or(before.min_backoff),
            max_backoff: self.max_backoff.map(value::proto_duration).or(before.max_backoff),
            multiplier: self.backoff_multiplier.or(before.multiplier),
            jitter: self.backoff_jitter.or(before.jitter),
        };
        settings.retry = Some(RetryPolicy { policy: Some(Policy::Exponential(exponential)) });
        mask.push("retry".to_owned());
        Ok(())
    }
}

impl Change {
    /// What to change to what, and what becomes of the backlog.
    pub(crate) fn read(
        self,
        now: &SubscriptionSettings,
    ) -> Result<(SubscriptionSettings, Vec<String>, FilterBacklog), Error> {
        let (settings, mut mask) = self.settings.read(now)?;
        value::no_contradiction(&mask, &self.reset)?;
        mask.extend(self.reset);
        let backlog = match self.reevaluate {
            true => FilterBacklog::Reevaluate,
            // Keep is what it means; the broker refuses to be told so by a change that is not of the policy.
            false => FilterBacklog::Unspecified,
        };
        if mask.is_empty() && !self.reevaluate {
            return Err(Error::Usage("nothing to change: name a setting, or --reset one".to_owned()));
        }
        if self.reevaluate && !mask.iter().any(|path| path == "filter_policy") {
            // By the policy in force already.
            let settings = SubscriptionSettings { filter_policy: now.filter_policy.clone(), ..settings };
            mask.push("filter_policy".to_owned());
            return Ok((settings, mask, backlog));
        }
        Ok((settings, mask, backlog))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exponential(settings: &SubscriptionSettings) -> ExponentialBackoff {
        match settings.retry.unwrap().policy.unwrap() {
            Policy::Exponential(exponential) => exponential,
            Policy::Phased(_) => panic!("phased"),
        }
    }

    #[test]
    fn a_part_of_the_retry_policy_leaves_the_other_parts_as_they_are() {
        let before = ExponentialBackoff { multiplier: Some(3.0), ..ExponentialBackoff::default() };
        let retry = RetryPolicy { policy: Some(Policy::Exponential(before)) };
        let now = SubscriptionSettings { retry: Some(retry), ..SubscriptionSettings::default() };
        let settings = Settings { min_backoff: Some(Duration::from_secs(5)), ..Settings::default() };
        let (settings, mask) = settings.read(&now).unwrap();
        assert_eq!(mask, ["retry"]);
        assert_eq!(exponential(&settings).multiplier, Some(3.0));
        assert_eq!(exponential(&settings).min_backoff.unwrap().seconds, 5);
    }

    #[test]
    fn a_phased_retry_policy_is_not_replaced_by_accident() {
        let retry = RetryPolicy { policy: Some(Policy::Phased(Default::default())) };
        let now = SubscriptionSettings { retry: Some(retry), ..SubscriptionSettings::default() };
        let settings = Settings { max_backoff: Some(Duration::from_secs(5)), ..Settings::default() };
        assert!(matches!(settings.read(&now), Err(Error::Usage(_))));
    }

    #[test]
    fn a_change_of_nothing_is_refused() {
        assert!(matches!(Change::default().read(&SubscriptionSettings::default()), Err(Error::Usage(_))));
    }

    #[test]
    fn re_evaluating_alone_keeps_the_policy_in_force() {
        let policy = FilterPolicy { json: "{}".to_owned(), ..FilterPolicy::default() };
        let now = SubscriptionSettings { filter_policy: Some(policy), ..SubscriptionSettings::default() };
        let change = Change { reevaluate: true, ..Change::default() };
        let (settings, mask, backlog) = change.read(&now).unwrap();
        assert_eq!((settings.filter_policy, backlog), (now.filter_policy, FilterBacklog::Reevaluate));
        assert_eq!(mask, ["filter_policy"]);
    }

    #[test]
    fn a_change_names_each_setting_once_and_no_other() {
        let settings = Settings {
            ack_deadline: Some(Duration::from_secs(60)),
            filter: Some(r#"{"a": [1]}"#.to_owned()),
            labels: vec![("a".to_owned(), "b".to_owned())],
            ..Settings::default()
        };
        let change = Change { settings, reset: vec!["max_attempts".to_owned()], reevaluate: false };
        let (_, mask, backlog) = change.read(&SubscriptionSettings::default()).unwrap();
        assert_eq!(mask, ["ack_deadline", "labels", "filter_policy", "max_attempts"]);
        assert_eq!(backlog, FilterBacklog::Unspecified);
    }
}

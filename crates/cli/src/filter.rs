//! `filter test`: which messages a policy matches, and which clauses fail.

use clap::{Args, Subcommand};
use fanfare_client::proto::{
    FailedClause, FilterVerdict, NewMessage, TestFilterRequest, TestFilterResponse,
    test_filter_request::{Policy, Subject},
};

use crate::{
    Error, Session,
    output::{Table, printable},
    publish::from_json,
    subscription::{Scope, filter_policy},
    topic::ago,
    value,
};

#[derive(Debug, Args)]
pub(crate) struct Filter {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Tell which messages a filter policy matches, and which clauses fail. Changes nothing.
    ///
    /// The policy is JSON, a file that has it, or with --subscription that of a subscription. Ends with code 8 if a single message does not
    /// match.
    #[command(after_help = "Examples:
  fanfare filter test '{\"type\": [\"order.created\"]}' --attr type=order.created
  fanfare filter test policy.json --message '{\"json\": {\"total\": 99}, \"attributes\": {\"total\": 99}}'
  fanfare filter test --subscription refunds --last 100
  fanfare filter test '{\"total\": [{\"numeric\": [\">\", 100]}]}' --scope body --topic orders --last 10")]
    Test(Box<Test>),
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("whose").required(true).args(["policy", "subscription"]))]
#[command(group = clap::ArgGroup::new("on_what").required(true).args(["attr", "message", "message_id", "last"]))]
struct Test {
    /// The policy: its JSON, or a file that has it.
    #[arg(value_name = "JSON|FILE")]
    policy: Option<String>,
    /// Use the policy of this subscription.
    #[arg(long, value_name = "SUBSCRIPTION")]
    subscription: Option<String>,
    /// What of a message the policy is applied to [default: attributes].
    #[arg(long, requires = "policy")]
    scope: Option<Scope>,
    /// On a message with this attribute; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = value::pair)]
    attr: Vec<(String, String)>,
    /// On this message, as a line of `publish --json-lines`.
    #[arg(long, value_name = "JSON")]
    message: Option<String>,
    /// On the stored message with this ID.
    #[arg(long, value_name = "ID")]
    message_id: Option<String>,
    /// On the newest messages of a topic: how many, 1 to 1000.
    #[arg(long, value_name = "NUMBER")]
    last: Option<u32>,
    /// The topic of --last [default: that of the subscription].
    #[arg(long, value_name = "TOPIC", requires = "last", default_value = "", hide_default_value = true)]
    topic: String,
}

impl Test {
    fn policy(&self, session: &Session) -> Result<Policy, Error> {
        match (&self.policy, &self.subscription) {
            (Some(given), _) => Ok(Policy::FilterPolicy(filter_policy(given, self.scope)?)),
            (None, name) => {
                Ok(Policy::Subscription(session.names.subscription(name.as_deref().unwrap_or_default())))
            }
        }
    }

    fn subject(&self) -> Result<Subject, Error> {
        if let Some(number) = self.last {
            return Ok(Subject::Last(number));
        }
        if let Some(id) = &self.message_id {
            return Ok(Subject::MessageId(id.clone()));
        }
        let message = match &self.message {
            Some(json) => from_json(json).map_err(|why| Error::Usage(format!("--message: {why}")))?,
            None => NewMessage { attributes: self.attr.iter().cloned().collect(), ..NewMessage::default() },
        };
        Ok(Subject::Message(message))
    }
}

pub(crate) async fn run(command: Filter, session: Session) -> Result<(), Error> {
    let Action::Test(test) = command.action;
    let request = TestFilterRequest {
        topic: session.names.topic(&test.topic),
        policy: Some(test.policy(&session)?),
        subject: Some(test.subject()?),
    };
    let answer = session.client.subscriptions().test_filter(request).await?;
    let is_one = test.last.is_none();
    session.out.one("TestFilterResponse", &answer, |answer| match is_one {
        true => answer.verdicts.iter().map(verdict).collect::<Vec<_>>().join("\n"),
        false => table(answer),
    })?;
    match is_one && answer.matched == 0 {
        true => Err(Error::NotAll("the message does not match".to_owned())),
        false => Ok(()),
    }
}

fn verdict(verdict: &FilterVerdict) -> String {
    if verdict.matched {
        return "matches".to_owned();
    }
    let mut lines = vec!["does not match:".to_owned()];
    lines.extend(verdict.failed.iter().map(|failed| format!("  {}", clause(failed))));
    if verdict.failed_left_out > 0 {
        lines.push(format!("  and {} more", verdict.failed_left_out));
    }
    lines.join("\n")
}

fn clause(failed: &FailedClause) -> String {
    match failed.path.as_str() {
        "" => printable(&failed.reason),
        path => printable(&format!("{path}: {}", failed.reason)),
    }
}

fn table(answer: &TestFilterResponse) -> String {
    let mut table = Table::new(&["MESSAGE", "#SEQUENCE", "PUBLISHED", "MATCHES", "BECAUSE"]);
    for verdict in &answer.verdicts {
        let first = verdict.failed.first().map(clause).unwrap_or_default();
        let more = verdict.failed.len().saturating_sub(1) as u64 + u64::from(verdict.failed_left_out);
        table.row([
            verdict.message_id.clone(),
            verdict.sequence.to_string(),
            ago(verdict.publish_time),
            crate::topic::yes(verdict.matched),
            if more > 0 { format!("{first} (and {more} more)") } else { first },
        ]);
    }
    let count = format!("{} of {} match", answer.matched, answer.verdicts.len());
    format!("{}\n{count}", table.text("the topic has no messages"))
}

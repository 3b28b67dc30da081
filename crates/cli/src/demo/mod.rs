//! `fanfare demo`: the main job, with everything that goes wrong in it, to watch.
//!
//! A thousand order events go to one topic with four subscriptions: `billing` pulls them in the order of each customer, `fraud` has a filter
//! policy, `warehouse` is pushed to by gRPC, and `mailer` is a webhook that is down at first and refuses one message for ever. At the end the
//! sum of each is checked against three sources ([`summary`]), and the way of one message is drawn ([`tree`]).
//!
//! # Invariants
//!
//! - It uses the broker as any program would, through `fanfare-client`. Whoever starts the broker ([`Place`]) is elsewhere.
//! - It never says that something adds up that was not checked, and it fails if something does not.
//!
//! # Limits
//!
//! What is not settled after [`PATIENCE`] is counted as not settled.

mod clock;
mod display;
mod events;
mod figures;
mod next;
mod publish;
mod story;
mod subscribers;
mod summary;
mod tree;
mod witness;

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use fanfare_client::{
    Client, ConnectError, admin::AdminError, publisher::PublishError, subscriber::ConsumeError,
};
use tokio::time::{MissedTickBehavior, interval};

use self::{
    display::{Display, Progress},
    events::Event,
    figures::Figures,
    publish::Answers,
    story::{POISON, Role, TOPIC},
    subscribers::Subscribers,
    summary::{Account, Facts},
    tree::Branch,
    witness::Witness,
};
pub use self::{events::Malformed, subscribers::Receivers};

/// How long everything may take in all. It takes about 12 s.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at the figures.
const LOOK: Duration = Duration::from_millis(200);

/// What can be chosen.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "Examples:
  fanfare demo
  fanfare demo --data-dir demo --exit")]
pub struct Options {
    /// Keep the broker's data and log in this directory, which must be new or empty. Default: a temporary one, removed at the end.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// End after the summary, with code 1 if it does not add up.
    #[arg(long)]
    pub exit: bool,
}

/// The broker that it is played on.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its gRPC port.
    pub grpc: SocketAddr,
    /// Its HTTP port.
    pub http: SocketAddr,
    /// Where it keeps its data.
    pub data: PathBuf,
    /// Where its log lines go.
    pub log: PathBuf,
    /// This program, as it was called.
    pub program: String,
}

/// Why it did not end as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The shipped events cannot be read. Nothing was published.
    #[error(transparent)]
    Events(#[from] Malformed),
    /// The broker's address is none. Nothing was done.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Topic or subscriptions cannot be had, or figures. What was published is there.
    #[error("the broker was asked in vain: {0}")]
    Admin(#[from] AdminError),
    /// An event was not published; those before it were.
    #[error("an event was not published: {0}")]
    Publish(#[from] PublishError),
    /// A subscriber cannot go on. Its messages are in its queue.
    #[error("a subscriber cannot go on: {0}")]
    Consume(#[from] ConsumeError),
    /// A subscriber ended though nobody had asked it to. Its messages are in its queue.
    #[error("a subscriber ended: {0}")]
    SubscriberEnded(String),
    /// A push endpoint was not asked for its consent, or gave none. Nothing was published.
    #[error("the push endpoints did not become active")]
    NoConsent,
    /// A port or the output cannot be used.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What was counted is not what should have been.
    #[error("it does not add up:\n  {}", .0.join("\n  "))]
    DoesNotAddUp(Vec<String>),
}

/// Plays it on a broker that is there or about to be, until it is over or `stop` is ready.
///
/// # Errors
/// [`Error`] says what went wrong.
pub async fn play(
    options: &Options,
    place: &Place,
    receivers: Receivers,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let witness = Arc::new(Witness::default());
    let client = Client::connect(format!("http://{}", place.grpc))?;
    let endpoints = [receivers.endpoint(Role::Warehouse)?, receivers.endpoint(Role::Mailer)?];
    let mut subscribers = Subscribers::serve(receivers, &witness);
    let outcome = {
        let told = pin!(tell(options, place, &client, endpoints, &mut subscribers, &witness));
        tokio::select! {
            told = told => told,
            () = stop => Ok(()),
        }
    };
    subscribers.stop().await;
    outcome
}

/// From the first word to the last; without `--exit` it does not end by itself.
async fn tell(
    options: &Options,
    place: &Place,
    client: &Client,
    endpoints: [Option<String>; 2],
    subscribers: &mut Subscribers,
    witness: &Arc<Witness>,
) -> Result<(), Error> {
    say(&welcome(place))?;
    let events = events::shipped()?;
    create(client, endpoints).await?;
    subscribers.pull(client, witness);
    tokio::select! {
        done = perform(client, &events, witness) => done?,
        error = subscribers.failure() => return Err(error),
    }
    if options.exit {
        return Ok(());
    }
    witness.be_loud();
    say(&format!(
        "The broker goes on serving at {}, and so do the subscribers.\n\n{}",
        place.grpc,
        next::text(place)
    ))?;
    say("\nCtrl-C ends it.\n")?;
    Err(subscribers.failure().await)
}

/// Publishes, consumes, sums up.
async fn perform(client: &Client, events: &[Event], witness: &Witness) -> Result<(), Error> {
    until_active(client).await?;
    let answers = publish_and_watch(client, events, witness).await?;
    let facts = facts(client, events, &answers, witness).await?;
    say(&format!("\n{}\n", facts.table()))?;
    let complaints = facts.complaints();
    if !complaints.is_empty() {
        return Err(Error::DoesNotAddUp(complaints));
    }
    say(&verdict(&facts))?;
    say(&drawn(&facts, events))?;
    Ok(())
}

/// To the reader, at once.
fn say(text: &str) -> io::Result<()> {
    let mut output = anstream::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

fn welcome(place: &Place) -> String {
    let Place { grpc, http, data, log, .. } = place;
    format!(
        "\
A broker is starting in this process: gRPC on {grpc}, metrics on http://{http}/metrics,
its data in {}, its log in {}.

1,000 order events are published to the topic `{TOPIC}`. Who gets them:
  billing     pulls them in the order of each customer; a payment that failed it tries twice
  fraud       pulls, with a filter policy: orders from 200 euros that are new or not paid
  warehouse   is pushed to by gRPC
  mailer      is a webhook: for {} s it is down, and one message it refuses for ever

",
        data.display(),
        log.display(),
        story::OUTAGE.as_secs()
    )
}

async fn create(client: &Client, endpoints: [Option<String>; 2]) -> Result<(), AdminError> {
    client.topics().create(TOPIC).await?;
    let [warehouse, mailer] = endpoints;
    for (role, endpoint) in Role::ALL.into_iter().zip([None, None, warehouse, mailer]) {
        client.subscriptions().create(role.name(), TOPIC).settings(role.settings(endpoint)).await?;
    }
    Ok(())
}

/// Waits until both endpoints have consented.
async fn until_active(client: &Client) -> Result<(), Error> {
    let give_up = clock::now() + PATIENCE;
    let mut looks = interval(LOOK / 4);
    while clock::now() < give_up {
        looks.tick().await;
        let figures = Figures::ask(client).await?;
        if figures[Role::Warehouse as usize].is_served() && figures[Role::Mailer as usize].is_served() {
            return Ok(());
        }
    }
    Err(Error::NoConsent)
}

/// Until everything is settled, or patience is over.
async fn publish_and_watch(client: &Client, events: &[Event], witness: &Witness) -> Result<Answers, Error> {
    let published = AtomicU64::new(0);
    let mut display = Display::new(events.len() as u64);
    let mut publishing = pin!(publish::publish(client, events, &published));
    let mut answers = None;
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let give_up = clock::now() + PATIENCE;
    loop {
        tokio::select! {
            done = &mut publishing, if answers.is_none() => answers = Some(done?),
            _ = looks.tick() => {
                let is_over = answers.is_some();
                let figures = Figures::ask(client).await?;
                let is_settled = figures.iter().all(|figures| figures.backlog == 0);
                let delivered = Role::ALL.map(|role| witness.delivered(role));
                display.show(&Progress { published: published.load(Ordering::Relaxed), delivered, figures });
                if let Some(answers) = answers.take_if(|_| is_over && (is_settled || clock::now() > give_up)) {
                    display.end();
                    return Ok(answers);
                }
            }
        }
    }
}

/// All that was counted.
async fn facts(
    client: &Client,
    events: &[Event],
    answers: &Answers,
    witness: &Witness,
) -> Result<Facts, AdminError> {
    let figures = Figures::ask(client).await?;
    let account = |(role, broker): (Role, Figures)| {
        let wanted = events.iter().filter(|event| role.wants(event)).count() as u64;
        Account { role, wanted, broker, consumer: witness.testimony(role) }
    };
    Ok(Facts {
        events: events.len() as u64,
        stored: answers.stored.len() as u64,
        published: client.server().topic_stats(TOPIC).await?.published,
        matched: answers.matched,
        accounts: Role::ALL.into_iter().zip(figures).map(account).collect(),
    })
}

fn verdict(facts: &Facts) -> String {
    let billing = &facts.accounts[Role::Billing as usize];
    format!(
        "\
It adds up: what was published is what was delivered, filtered out and dead-lettered, by the broker's
figures and by what each subscriber saw. Billing had the events of each of {} customers in their order,
through its {} retries.

",
        billing.consumer.keys(),
        billing.broker.failed_attempts
    )
}

/// The way of the message that nobody could mail.
fn drawn(facts: &Facts, events: &[Event]) -> String {
    let proto = |event: &Event| event.message.clone().into_proto();
    let poison = events.iter().map(proto).find(|message| message.deduplication_id == POISON);
    let id = poison.map(|message| message.correlation_id).unwrap_or_default();
    let branch = |account: &Account| Branch { role: account.role, consumer: account.consumer.clone() };
    let branches: Vec<_> = facts.accounts.iter().map(branch).collect();
    format!(
        "Where the messages with the correlation ID {id} went, and how long after being accepted:\n\n{}\n",
        tree::draw(&id, &branches)
    )
}

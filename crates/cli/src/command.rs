use clap::{Args, Subcommand};

use crate::{
    Error, Session, bench, common::Common, connect, context, environment::Environment, filter, info, publish,
    pull, settle, shell, stats, subscription, tail, topic,
};

/// The client commands.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
#[expect(private_interfaces, reason = "what is in a command is the command's own matter")]
pub enum Command {
    /// Create, list, change and delete topics.
    Topic(With<topic::Topic>),
    /// Create, list, change, move and delete subscriptions.
    #[command(visible_alias = "sub")]
    Subscription(With<subscription::Subscription>),
    /// Publish messages to a topic: from an argument, a file or standard input.
    Publish(With<publish::Publish>),
    /// Take messages of a subscription under a lease.
    Pull(With<pull::Pull>),
    /// Follow a topic or a subscription without taking its messages.
    Tail(With<tail::Tail>),
    /// Settle messages as done.
    Ack(With<settle::Ack>),
    /// Give messages back as failed.
    Nack(With<settle::Nack>),
    /// Hold messages for longer.
    Extend(With<settle::Extend>),
    /// Show the broker, its topics and subscriptions in figures.
    Stats(With<stats::Stats>),
    /// Put load on the broker and measure it: on topics of its own, which it deletes.
    Bench(With<bench::Bench>),
    /// Try filter policies.
    Filter(With<filter::Filter>),
    /// Show the broker: version, health and limits.
    Info(With<info::Info>),
    /// Keep the ways to several brokers under names.
    Context(With<context::Context>),
    /// Print the completions for a shell.
    Completions(shell::Completions),
    /// Print the manual page, or write all of them.
    Man(shell::Man),
}

/// A command with what all of them have.
#[derive(Debug, Args)]
pub(crate) struct With<C: Args> {
    #[command(flatten)]
    command: C,
    #[command(flatten)]
    common: Common,
}

impl<C: Args> With<C> {
    async fn run(
        self,
        environment: &Environment,
        run: impl AsyncFnOnce(C, Session) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let session = connect::session(&self.common, environment)?;
        let tried = session.endpoints.clone();
        run(self.command, session).await.map_err(|error| error.at(&tried))
    }
}

impl Command {
    pub(crate) async fn run(self, environment: &Environment, whole: clap::Command) -> Result<(), Error> {
        match self {
            Self::Topic(with) => with.run(environment, topic::run).await,
            Self::Subscription(with) => with.run(environment, subscription::run).await,
            Self::Publish(with) => with.run(environment, publish::run).await,
            Self::Pull(with) => with.run(environment, pull::run).await,
            Self::Tail(with) => with.run(environment, tail::run).await,
            Self::Ack(with) => with.run(environment, settle::ack).await,
            Self::Nack(with) => with.run(environment, settle::nack).await,
            Self::Extend(with) => with.run(environment, settle::extend).await,
            Self::Stats(with) => with.run(environment, stats::run).await,
            Self::Bench(with) => with.run(environment, bench::run).await,
            Self::Filter(with) => with.run(environment, filter::run).await,
            Self::Info(with) => with.run(environment, info::run).await,
            Self::Context(with) => context::run(with.command, &with.common, environment),
            Self::Completions(completions) => shell::completions(&completions, whole),
            Self::Man(man) => shell::man(&man, whole),
        }
    }
}

//! The consumers: two that pull, and two servers that are pushed to, as a program of its own would have them.

use std::{io, net::SocketAddr, sync::Arc};

use fanfare_client::{
    Client,
    push::{Answer, Endpoint, Pushed},
    subscriber::Verdict,
};
use parking_lot::Mutex;
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time::Instant};
use tokio_stream::wrappers::TcpListenerStream;

use super::{
    Error, clock,
    story::{OUTAGE, Outcome, Role},
    witness::Witness,
};

/// The ports of the two that are pushed to, bound before the broker starts, so that it can be told to connect to nothing else.
#[derive(Debug)]
pub struct Receivers {
    warehouse: TcpListener,
    mailer: TcpListener,
}

impl Receivers {
    /// Two free ports of this machine.
    ///
    /// # Errors
    /// The operating system has none.
    pub async fn bind() -> io::Result<Self> {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        Ok(Self { warehouse: TcpListener::bind(free).await?, mailer: TcpListener::bind(free).await? })
    }

    /// Where they are.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn addresses(&self) -> io::Result<[SocketAddr; 2]> {
        Ok([self.warehouse.local_addr()?, self.mailer.local_addr()?])
    }

    /// What a subscription is pushed to, if it is.
    pub(super) fn endpoint(&self, role: Role) -> io::Result<Option<String>> {
        Ok(match role {
            Role::Billing | Role::Fraud => None,
            Role::Warehouse => Some(format!("grpc://{}", self.warehouse.local_addr()?)),
            Role::Mailer => Some(format!("http://{}/mail", self.mailer.local_addr()?)),
        })
    }
}

/// All of them, at work.
#[derive(Debug)]
pub(super) struct Subscribers {
    tasks: JoinSet<Result<(), Error>>,
    stop: watch::Sender<bool>,
}

impl Subscribers {
    /// Starts the servers, which the broker asks for their consent when their subscriptions are created.
    pub(super) fn serve(receivers: Receivers, witness: &Arc<Witness>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(warehouse(receivers.warehouse, Arc::clone(witness), until(stopped.clone())));
        tasks.spawn(mailer(receivers.mailer, Arc::clone(witness), until(stopped)));
        Self { tasks, stop }
    }

    /// Starts those that pull.
    pub(super) fn pull(&mut self, client: &Client, witness: &Arc<Witness>) {
        for role in [Role::Billing, Role::Fraud] {
            let (client, witness) = (client.clone(), Arc::clone(witness));
            self.tasks.spawn(pull(client, role, witness, until(self.stop.subscribe())));
        }
    }

    /// Why one of them ended before it was asked to.
    pub(super) async fn failure(&mut self) -> Error {
        match self.tasks.join_next().await {
            Some(Ok(Err(error))) => error,
            other => Error::SubscriberEnded(format!("{other:?}")),
        }
    }

    /// Lets them finish what they are at. They are given no time limit here: each has its own.
    pub(super) async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn pull(
    client: Client,
    role: Role,
    witness: Arc<Witness>,
    stopped: impl Future<Output = ()>,
) -> Result<(), Error> {
    let run = client.subscriber(role.name()).run(move |message| {
        let outcome = role.outcome(&message, false);
        witness.saw(role, &message, outcome);
        std::future::ready(match outcome {
            Outcome::Taken => Verdict::Ack,
            Outcome::Failed(_) => Verdict::Nack,
        })
    });
    Ok(run.until(stopped).await?)
}

async fn warehouse(
    listener: TcpListener,
    witness: Arc<Witness>,
    stopped: impl Future<Output = ()>,
) -> Result<(), Error> {
    let endpoint = Endpoint::new(move |pushed: Pushed| {
        let outcome = Role::Warehouse.outcome(&pushed, false);
        witness.saw(Role::Warehouse, &pushed, outcome);
        std::future::ready(answer(outcome))
    });
    let server = tonic::transport::Server::builder().add_service(endpoint.grpc());
    tokio::select! {
        served = server.serve_with_incoming(TcpListenerStream::new(listener)) => {
            Err(Error::SubscriberEnded(format!("warehouse: {served:?}")))
        }
        () = stopped => Ok(()),
    }
}

async fn mailer(
    listener: TcpListener,
    witness: Arc<Witness>,
    stopped: impl Future<Output = ()>,
) -> Result<(), Error> {
    let outage = Outage::default();
    let endpoint = Endpoint::new(move |pushed: Pushed| {
        let outcome = Role::Mailer.outcome(&pushed, outage.is_on());
        witness.saw(Role::Mailer, &pushed, outcome);
        std::future::ready(answer(outcome))
    });
    let app = axum::Router::new().route_service("/mail", endpoint.webhook());
    tokio::select! {
        served = axum::serve(listener, app) => Err(Error::SubscriberEnded(format!("mailer: {served:?}"))),
        () = stopped => Ok(()),
    }
}

fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Taken => Answer::Taken,
        Outcome::Failed(_) => Answer::Retry(None),
    }
}

/// The time in which the mailer is down: it begins with the first message.
#[derive(Debug, Default)]
struct Outage(Mutex<Option<Instant>>);

impl Outage {
    fn is_on(&self) -> bool {
        let now = clock::now();
        now < *self.0.lock().get_or_insert(now) + OUTAGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_outage_begins_with_the_first_message_and_ends() {
        let outage = Outage::default();
        tokio::time::advance(OUTAGE * 2).await;
        assert!(outage.is_on());
        tokio::time::advance(OUTAGE / 2).await;
        assert!(outage.is_on());
        tokio::time::advance(OUTAGE / 2).await;
        assert!(!outage.is_on());
    }

    #[tokio::test]
    async fn only_what_is_pushed_to_has_an_endpoint_and_each_its_own_port() {
        let receivers = Receivers::bind().await.unwrap();
        let [warehouse, mailer] = receivers.addresses().unwrap();
        assert_ne!(warehouse, mailer);
        let endpoint = |role| receivers.endpoint(role).unwrap();
        assert_eq!((endpoint(Role::Billing), endpoint(Role::Fraud)), (None, None));
        assert_eq!(endpoint(Role::Warehouse), Some(format!("grpc://{warehouse}")));
        assert_eq!(endpoint(Role::Mailer), Some(format!("http://{mailer}/mail")));
    }
}

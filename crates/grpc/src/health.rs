//! `grpc.health.v1`, as the broker's health says.

use broker::HealthState;
use fanfare_proto::server;
use tokio::{sync::watch, task::JoinHandle};
use tonic::server::NamedService;
use tonic_health::{ServingStatus, server::HealthReporter};

/// Reports the broker's health to a health service, until ended.
#[derive(Debug)]
pub(crate) struct Reports {
    reporter: HealthReporter,
    task: JoinHandle<()>,
}

impl Reports {
    pub(crate) fn start(reporter: HealthReporter, health: watch::Receiver<HealthState>) -> Self {
        Self { reporter: reporter.clone(), task: tokio::spawn(follow(reporter, health)) }
    }

    /// Says a last time that nothing is served, and ends the streams of `Watch`, which would hold their connections open
    /// until the drain is cut off.
    pub(crate) async fn end(mut self) {
        self.task.abort();
        // Aborted is what it should be.
        _ = (&mut self.task).await;
        for name in HEALTH_NAMES {
            self.reporter.set_service_status(name, ServingStatus::NotServing).await;
            self.reporter.clear_service_status(name).await;
        }
    }
}

/// Reports every change until the broker is gone.
async fn follow(reporter: HealthReporter, mut health: watch::Receiver<HealthState>) {
    loop {
        let (publishing, everything_else) = statuses(&health.borrow_and_update());
        for name in HEALTH_NAMES {
            let status = if name == PUBLISHER { publishing } else { everything_else };
            reporter.set_service_status(name, status).await;
        }
        if health.changed().await.is_err() {
            return;
        }
    }
}

/// The names for which health is told; the empty one is the server as a whole.
pub const HEALTH_NAMES: [&str; 7] = [
    "",
    name::<server::admin_service_server::AdminServiceServer<()>>(),
    PUBLISHER,
    name::<server::push_service_server::PushServiceServer<()>>(),
    name::<server::subscriber_service_server::SubscriberServiceServer<()>>(),
    name::<server::subscription_service_server::SubscriptionServiceServer<()>>(),
    name::<server::topic_service_server::TopicServiceServer<()>>(),
];

const PUBLISHER: &str = name::<server::publisher_service_server::PublisherServiceServer<()>>();

const fn name<S: NamedService>() -> &'static str {
    S::NAME
}

/// Publishing, and everything else: on a full disk acks and deliveries go on.
fn statuses(state: &HealthState) -> (ServingStatus, ServingStatus) {
    match state {
        HealthState::Serving => (ServingStatus::Serving, ServingStatus::Serving),
        HealthState::OutOfSpace => (ServingStatus::NotServing, ServingStatus::Serving),
        HealthState::Draining | HealthState::Poisoned(_) => {
            (ServingStatus::NotServing, ServingStatus::NotServing)
        }
    }
}

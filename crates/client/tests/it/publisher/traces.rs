//! Which trace a message belongs to, and the spans of the publisher itself.

use std::{collections::BTreeMap, fmt, sync::Arc};

use fanfare_client::publisher::PublishFuture;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_sdk::trace::SdkTracerProvider;
use parking_lot::Mutex;
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
};

use super::{
    fake::{Act, Fake},
    support::outcome,
};

/// The fields of spans with the name `send`.
#[derive(Clone, Default)]
struct Sends(Arc<Mutex<BTreeMap<u64, BTreeMap<String, String>>>>);

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl<S: Subscriber> Layer<S> for Sends {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        if attributes.metadata().name() == "send" {
            attributes.record(&mut Fields(self.0.lock().entry(id.into_u64()).or_default()));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        if let Some(fields) = self.0.lock().get_mut(&id.into_u64()) {
            values.record(&mut Fields(fields));
        }
    }
}

impl Sends {
    /// One line a span, in the order of their beginning.
    fn told(&self, fields: &[&str]) -> Vec<String> {
        let told = |span: &BTreeMap<String, String>| {
            fields.iter().filter_map(|field| span.get(*field).cloned()).collect::<Vec<_>>().join(" ")
        };
        self.0.lock().values().map(told).collect()
    }
}

/// A span of its caller's around one publish, and the trace that it belongs to.
fn in_a_span(publish: impl FnOnce() -> PublishFuture) -> (String, PublishFuture) {
    let span = tracing::info_span!("checkout");
    let context = span.context();
    let parent = context.span().span_context().clone();
    assert!(parent.is_valid());
    (format!("00-{}-{}-01", parent.trace_id(), parent.span_id()), span.in_scope(publish))
}

#[tokio::test]
async fn a_message_carries_the_span_in_which_it_was_published_and_its_own_trace_goes_first() {
    let tracer = SdkTracerProvider::builder().build().tracer("test");
    let spans = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
    let _guard = tracing::subscriber::set_default(spans);
    let fake = Fake::start([]).await;
    let publisher = fake.client().publisher("t").build();
    let (trace, published) = in_a_span(|| publisher.publish("a"));
    outcome(published).await.unwrap();
    let own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let message = fanfare_client::proto::NewMessage {
        data: "b".into(),
        traceparent: own.to_owned(),
        ..fanfare_client::proto::NewMessage::default()
    };
    let (_, published) = in_a_span(|| publisher.publish(message));
    outcome(published).await.unwrap();
    outcome(publisher.publish("c")).await.unwrap();
    let seen = fake.seen();
    let traces: Vec<_> = seen[0].messages().map(|message| message.traceparent.as_str()).collect();
    assert_eq!(traces, [trace.as_str(), own, ""]);
}

#[tokio::test]
async fn each_request_has_a_span_that_says_how_it_ended() {
    let sends = Sends::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(sends.clone()));
    let fake = Fake::start([vec![Act::Store, Act::StoreAndBreak]]).await;
    let publisher = fake.client().publisher("t").build();
    for text in ["a", "b"] {
        outcome(publisher.publish(text)).await.unwrap();
    }
    let fields =
        ["otel.name", "otel.kind", "messaging.batch.message_count", "otel.status_code", "error.type"];
    let [good, bad] = ["send t producer 1", "send t producer 1 ERROR Unavailable"];
    assert_eq!(sends.told(&fields), [good, bad, good]);
}

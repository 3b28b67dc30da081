use std::sync::Arc;

use opentelemetry::{Context, trace::TracerProvider as _};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, Span as SdkSpan, SpanData, SpanProcessor},
};
use parking_lot::Mutex;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

/// Keeps what would be exported.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Kept {
    fn on_start(&self, _: &mut SdkSpan, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: std::time::Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// The span of handling a message with this trace, as exported.
fn exported(traceparent: &str, handle: impl FnOnce()) -> SpanData {
    let kept = Kept::default();
    let provider = SdkTracerProvider::builder().with_span_processor(kept.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let message = v1::Message {
        traceparent: traceparent.into(),
        correlation_id: "checkout-4711".into(),
        ..v1::Message::default()
    };
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        process_span("billing", &message, "the-id").in_scope(handle);
    });
    let spans = &mut *kept.0.lock();
    assert_eq!(spans.len(), 1);
    spans.remove(0)
}

fn attribute(span: &SpanData, name: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name);
    found.map(|attribute| attribute.value.to_string()).unwrap_or_default()
}

#[test]
fn a_message_is_handled_in_a_span_of_its_own_that_is_linked_to_the_publishers() {
    let span = exported("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", || {});
    let link = &span.links.links[0].span_context;
    assert_eq!(link.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(link.span_id().to_string(), "b7ad6b7169203331");
    assert!(link.is_sampled() && link.is_remote());
    assert_ne!(
        span.span_context.trace_id(),
        link.trace_id(),
        "it begins a trace, and does not go on with that one"
    );
    assert_eq!(span.name, "process billing");
    assert_eq!(span.span_kind, opentelemetry::trace::SpanKind::Consumer);
    assert_eq!(attribute(&span, "messaging.message.id"), "the-id");
    assert_eq!(attribute(&span, "messaging.message.conversation_id"), "checkout-4711");
}

#[test]
fn a_trace_that_is_none_links_to_nothing() {
    for traceparent in
        ["", "00", "00-x-y-z", "00-00000000000000000000000000000000-0000000000000000-00", "----"]
    {
        assert!(exported(traceparent, || {}).links.links.is_empty(), "{traceparent}");
    }
}

#[test]
fn a_handler_that_fails_marks_its_span() {
    let span = exported("", || failing("panic"));
    assert_eq!(attribute(&span, "error.type"), "panic");
    assert!(matches!(span.status, opentelemetry::trace::Status::Error { .. }), "{:?}", span.status);
}

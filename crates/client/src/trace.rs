//! The trace that a message belongs to: from the current span into the message, and from the message to the handler's span.

use fanfare_proto::v1;
use tracing::Span;

use crate::ServerError;

/// Puts the current span's context into a message that has none.
pub(crate) fn inject(message: &mut v1::NewMessage) {
    #[cfg(feature = "opentelemetry")]
    if message.traceparent.is_empty() {
        with::inject(message);
    }
    #[cfg(not(feature = "opentelemetry"))]
    let _ = message;
}

/// The span of one request that publishes messages, from sending it to its answer. The messages' own traces are those of their publishers.
pub(crate) fn send_span(topic: &str, messages: usize) -> Span {
    tracing::info_span!(
        parent: None,
        "send",
        otel.name = format!("send {topic}"),
        otel.kind = "producer",
        messaging.system = "fanfare",
        messaging.operation.name = "send",
        messaging.operation.r#type = "send",
        messaging.destination.name = topic,
        messaging.batch.message_count = messages,
        otel.status_code = tracing::field::Empty,
        error.r#type = tracing::field::Empty,
    )
}

/// Marks a span as that of something which failed.
pub(crate) fn failed(span: &Span, error: &ServerError) {
    let kind = match error.reason() {
        "" => format!("{:?}", error.code()),
        reason => reason.to_owned(),
    };
    span.record("otel.status_code", "ERROR").record("error.type", kind);
}

/// The span in which a message is handled: a span of its own, linked to the one that published the message.
pub(crate) fn process_span(subscription: &str, message: &v1::Message, message_id: &str) -> Span {
    let span = tracing::info_span!(
        "process",
        otel.name = format!("process {subscription}"),
        otel.kind = "consumer",
        messaging.system = "fanfare",
        messaging.operation.name = "process",
        messaging.operation.r#type = "process",
        messaging.destination.subscription.name = subscription,
        messaging.message.id = message_id,
        messaging.message.conversation_id = message.correlation_id,
        error.r#type = tracing::field::Empty,
    );
    #[cfg(feature = "opentelemetry")]
    with::link(&span, message);
    span
}

#[cfg(feature = "opentelemetry")]
mod with {
    use fanfare_proto::v1;
    use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
    use tracing::Span;
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;

    /// As in W3C Trace Context, section 3.2: version 00.
    pub(super) fn inject(message: &mut v1::NewMessage) {
        let context = Span::current().context();
        let span = context.span();
        let span = span.span_context();
        if !span.is_valid() {
            return;
        }
        let flags = span.trace_flags() & TraceFlags::SAMPLED;
        message.traceparent = format!("00-{:032x}-{:016x}-{flags:02x}", span.trace_id(), span.span_id());
        message.tracestate = span.trace_state().header();
    }

    pub(super) fn link(span: &Span, message: &v1::Message) {
        if let Some(publisher) = read(&message.traceparent, &message.tracestate) {
            span.add_link(publisher);
        }
    }

    /// What the broker stored, which it has checked.
    fn read(traceparent: &str, tracestate: &str) -> Option<SpanContext> {
        let mut parts = traceparent.split('-').skip(1);
        let trace = TraceId::from_hex(parts.next()?).ok()?;
        let span = SpanId::from_hex(parts.next()?).ok()?;
        let flags = TraceFlags::new(u8::from_str_radix(parts.next()?, 16).ok()?);
        let state = tracestate.parse::<TraceState>().unwrap_or_default();
        let context = SpanContext::new(trace, span, flags, true, state);
        context.is_valid().then_some(context)
    }
}

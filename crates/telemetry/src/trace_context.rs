use std::collections::HashMap;

use opentelemetry::{Context, propagation::TextMapPropagator, trace::TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use types::limits;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// The trace in which a message was published, as the W3C Trace Context headers say it.
///
/// It is made only of headers that the specification accepts; anything else is no trace, never an error: a publisher
/// with a broken tracer still gets its message through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    traceparent: String,
    tracestate: String,
}

impl TraceContext {
    /// Reads the two headers. A `tracestate` that is malformed or longer than [`limits::TRACESTATE_BYTES`] is left out,
    /// as the specification says; the trace goes on without it.
    pub fn parse(traceparent: &str, tracestate: &str) -> Option<Self> {
        if !whole(traceparent) {
            return None;
        }
        let tracestate = if tracestate.len() > limits::TRACESTATE_BYTES { "" } else { tracestate };
        let headers = HashMap::from([
            (TRACEPARENT.to_owned(), traceparent.to_owned()),
            (TRACESTATE.to_owned(), tracestate.to_owned()),
        ]);
        let propagator = TraceContextPropagator::new();
        let context = propagator.extract_with_context(&Context::new(), &headers);
        if !context.span().span_context().is_valid() {
            return None;
        }
        let mut canonical = HashMap::new();
        propagator.inject_context(&context, &mut canonical);
        let mut take = |name| canonical.remove(name).unwrap_or_default();
        Some(Self { traceparent: take(TRACEPARENT), tracestate: take(TRACESTATE) })
    }

    /// The header `traceparent`, in its canonical form.
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// The header `tracestate`; empty if there is none.
    pub fn tracestate(&self) -> &str {
        &self.tracestate
    }

    /// The 32 hexadecimal digits by which a tracing system knows the trace.
    pub fn trace_id(&self) -> &str {
        self.traceparent.split('-').nth(1).unwrap_or_default()
    }
}

/// Whether no digit is missing or too many, which the propagator lets pass. Versions after 00 may say more.
fn whole(traceparent: &str) -> bool {
    const VERSION_00_BYTES: usize = 55;
    match traceparent.len() {
        VERSION_00_BYTES => true,
        longer => longer > VERSION_00_BYTES && !traceparent.starts_with("00"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_trace_context_comes_back_as_it_was() {
        let context = TraceContext::parse(PARENT, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7").unwrap();
        assert_eq!(context.traceparent(), PARENT);
        assert_eq!(context.tracestate(), "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn what_the_specification_refuses_is_no_trace() {
        let zero_trace = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let zero_span = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01";
        for bad in ["", "x", zero_trace, zero_span, &PARENT[..54], &PARENT.to_uppercase(), "ff-4bf9-00f0-01"]
        {
            assert_eq!(TraceContext::parse(bad, ""), None, "{bad:?}");
        }
    }

    #[test]
    fn a_bad_tracestate_is_left_out_and_the_trace_goes_on() {
        let long = format!("k={}", "v".repeat(limits::TRACESTATE_BYTES));
        for bad in ["no equals sign", long.as_str()] {
            let context = TraceContext::parse(PARENT, bad).unwrap();
            assert_eq!((context.traceparent(), context.tracestate()), (PARENT, ""), "{bad:?}");
        }
    }
}

//! Where a publish comes from: the correlation ID and the trace that its request headers carry.

use std::{cell::RefCell, fmt, sync::Arc};

use data_encoding::HEXLOWER;
use telemetry::TraceContext;
use tonic::metadata::MetadataMap;
use types::limits;

use crate::{
    check::{self, Charset},
    refusal::Refusal,
};

/// The header with the correlation ID of a request's messages.
const CORRELATION_ID: &str = "x-correlation-id";

/// What the headers of a publish say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// For messages that have none of their own.
    pub(crate) correlation_id: Option<Box<str>>,
    /// The publisher's trace. A malformed one is none: a broken tracer must not stop messages.
    pub(crate) trace: Option<TraceContext>,
}

impl Origin {
    pub(crate) fn of(headers: &MetadataMap) -> Result<Self, Refusal> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let trace = TraceContext::parse(text("traceparent"), text("tracestate"));
        Ok(Self { correlation_id: correlation_id(headers)?, trace })
    }
}

fn correlation_id(headers: &MetadataMap) -> Result<Option<Box<str>>, Refusal> {
    let Some(value) = headers.get(CORRELATION_ID) else { return Ok(None) };
    let value =
        value.to_str().map_err(|_| Refusal::field(CORRELATION_ID, "must have visible ASCII characters"))?;
    if value.is_empty() {
        return Err(Refusal::field(CORRELATION_ID, "is empty, must have 1 to 128 characters"));
    }
    check::text(CORRELATION_ID, value, limits::CORRELATION_ID_BYTES, Charset::VisibleAscii)?;
    Ok(Some(value.into()))
}

/// Random bytes that were drawn together: each draw is a call of the system.
struct Drawn {
    bits: [u8; DRAW],
    used: usize,
}

/// Bytes of a draw: 64 correlation IDs.
const DRAW: usize = 1_024;

thread_local! {
    /// Each thread draws for itself, so that publishers do not wait for each other.
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { bits: [0; DRAW], used: DRAW }) };
}

impl Drawn {
    /// No random byte is given twice. A machine without randomness still gets its messages through; there are zeros in their IDs' stead.
    fn fill(&mut self, buffer: &mut [u8], draw: impl FnOnce(&mut [u8]) -> bool) {
        if self.used + buffer.len() > DRAW {
            if !draw(&mut self.bits) {
                return buffer.fill(0);
            }
            self.used = 0;
        }
        buffer.copy_from_slice(&self.bits[self.used..self.used + buffer.len()]);
        self.used += buffer.len();
    }
}

/// Fills a buffer with random bytes.
type Fill = dyn Fn(&mut [u8]) + Send + Sync;

/// Makes correlation IDs for messages that come without.
#[derive(Clone)]
pub struct CorrelationIds(Arc<Fill>);

impl CorrelationIds {
    /// From the machine's random source.
    pub fn random() -> Self {
        Self::from_fn(|buffer| {
            let draw = |bits: &mut [u8]| getrandom::fill(bits).is_ok();
            DRAWN.with_borrow_mut(|drawn| drawn.fill(buffer, draw));
        })
    }

    /// From a source of one's own, for tests.
    pub fn from_fn(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// 128 random bits as 32 hexadecimal digits.
    pub(crate) fn next(&self) -> Box<str> {
        let mut bits = [0; 16];
        (self.0)(&mut bits);
        HEXLOWER.encode(&bits).into()
    }
}

impl fmt::Debug for CorrelationIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CorrelationIds")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(pairs: &[(&'static str, &str)]) -> MetadataMap {
        let mut map = MetadataMap::new();
        for (name, value) in pairs {
            map.insert(*name, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn headers_give_the_correlation_id_and_the_trace() {
        let origin =
            Origin::of(&headers(&[("x-correlation-id", "order-4711"), ("traceparent", PARENT)])).unwrap();
        assert_eq!(origin.correlation_id.as_deref(), Some("order-4711"));
        assert_eq!(origin.trace.unwrap().traceparent(), PARENT);
    }

    #[test]
    fn a_malformed_trace_is_none_and_no_error() {
        let origin = Origin::of(&headers(&[("traceparent", "00-zz"), ("tracestate", "a=b")])).unwrap();
        assert_eq!(origin, Origin::default());
    }

    #[test]
    fn a_malformed_correlation_id_is_refused() {
        for bad in ["", "a b", &"x".repeat(129)] {
            assert!(Origin::of(&headers(&[("x-correlation-id", bad)])).is_err(), "{bad:?}");
        }
        assert!(Origin::of(&headers(&[("x-correlation-id", &"x".repeat(128))])).is_ok());
    }

    #[test]
    fn a_generated_correlation_id_is_32_hexadecimal_digits() {
        assert_eq!(&*CorrelationIds::from_fn(|buffer| buffer.fill(0xab)).next(), "ab".repeat(16));
        let ids = CorrelationIds::random();
        // More than one draw.
        let different: HashSet<_> = (0..1_000).map(|_| ids.next()).collect();
        assert_eq!(different.len(), 1_000);
    }

    #[test]
    fn without_randomness_an_id_is_zeros_and_never_an_earlier_one() {
        let mut drawn = Drawn { bits: [0; DRAW], used: DRAW };
        let mut next = |works: bool| {
            let mut id = [1; 16];
            drawn.fill(&mut id, |bits| {
                bits.chunks_mut(16).zip(5..).for_each(|(id, value)| id.fill(value));
                works
            });
            id
        };
        assert!((0..64).all(|index| next(true) == [index + 5; 16]));
        assert_eq!((next(false), next(false)), ([0; 16], [0; 16]));
        assert_eq!(next(true), [5; 16]);
    }
}

//! Running what handles a message: in its span, under its correlation ID, and whatever happens.

use std::{any::Any, future::Future, panic::AssertUnwindSafe};

use futures_util::FutureExt as _;
use tracing::{Instrument as _, Span};

use super::{Answer, Pushed};
use crate::{correlation, trace};

/// What the handler makes of a message.
pub(super) async fn handle<H, F>(handler: &H, pushed: Pushed) -> Answer
where
    H: Fn(Pushed) -> F,
    F: Future<Output = Answer>,
{
    let context = Context::of(&pushed);
    // The call too, not only the future: a handler may be no `async` block.
    let work = async { handler(pushed).await };
    context.run(work).await.unwrap_or(Answer::Retry(None))
}

/// Where a message is handled.
pub(super) struct Context {
    span: Span,
    correlation_id: String,
}

impl Context {
    pub(super) fn of(pushed: &Pushed) -> Self {
        Self {
            span: trace::process_span(pushed.subscription(), pushed.message(), pushed.message_id()),
            correlation_id: pushed.correlation_id().to_owned(),
        }
    }

    /// None if it panicked, which is logged.
    pub(super) async fn run<F: Future>(self, work: F) -> Option<F::Output> {
        let span = self.span.clone();
        let guarded = AssertUnwindSafe(work).catch_unwind();
        let logged = async {
            guarded.await.inspect_err(|panic| {
                Span::current().record("error.type", "panic");
                tracing::error!(panic = text(panic.as_ref()), "a handler panicked; its message comes again");
            })
        };
        let result = match self.correlation_id.as_str() {
            "" => logged.instrument(span).await,
            id => correlation::scope(id, logged.instrument(span)).await,
        };
        result.ok()
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("not a text")
}

//! What endpoints that misbehave cost the others, and how a dead one's backlog drains when it is back.
//!
//! - *Isolation*: 100 webhooks of one topic. All healthy, and then with a black hole and five slow ones, in turn: latency from publish to
//!   receipt at the 94 that are healthy in both, at a steady rate, and their throughput in bursts, of which the median counts. The ratios
//!   are what counts; they are medians of the rounds.
//! - *Recovery*: a webhook that has been taking messages at a steady rate answers 503 for a while, and has 100,000 messages in its backlog when
//!   it is back: requests while its breaker was open, and the most in any second after that.
//!
//! Broker, worker and endpoints share this process and the memory engine; connections are real. `cargo bench -p push` measures for
//! minutes; without `--bench` everything is small and run once, to see that it works.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "its figures are its output")]

mod figures;
mod isolation;
mod recovery;
mod stage;

use tokio::runtime::Builder;

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let size = if is_measured { isolation::Size::FULL } else { isolation::Size::SMALL };
    runtime.block_on(isolation::run(size));
    let size = if is_measured { recovery::Size::FULL } else { recovery::Size::SMALL };
    runtime.block_on(recovery::run(size));
}

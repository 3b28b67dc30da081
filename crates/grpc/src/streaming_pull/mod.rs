//! `StreamingPull`: deliveries out, settlements in, on one stream.
//!
//! # Invariants
//!
//! - One task a stream. It begins to lease only when flow control has room *and* there is a free place in the channel to
//!   the client, so a client that does not read holds one frame of messages in memory, beside one of confirmations.
//! - A lease that has begun goes on whatever else happens on the stream ([`leasing`]), so reads of the disk are not wasted.
//! - What was leased and never handed to the transport goes back uncounted when the client is gone.
//! - A settlement is confirmed, if asked for, once it is durable, in the order of the requests.
//! - Every delivery of a stream has a number, whether the client asked for them or not: [`flow`] knows by it what is outstanding and what
//!   goes back. What is done for one message alone is to note its sequence, size and state.
//! - The bytes of messages are shared by all who receive them: answers are pieces ([`answer`]), and go past tonic's encoder ([`handover`]).
//! - The end is always a status: OK after the client closed its side, UNAVAILABLE at shutdown, else the error.
//!
//! # Limits
//!
//! - One frame holds about [`FRAME_BYTES`] or [`FRAME_MESSAGES`] (a larger message goes alone).
//! - Requests that have come together are settled together: up to [`TOGETHER`], or about 1 MiB, or as many deliveries as one request
//!   may acknowledge (the last may go past it).
//! - One answer with results is below 1 MiB: what is more comes in several.
//! - At most [`SETTLING`] requests wait for the disk; then no further one is read.

mod answer;
mod flow;
mod handover;
mod incoming;
mod leasing;
mod opening;
mod outbound;
mod ranges;
mod requests;
mod segment;
mod session;

use std::time::Duration;

use broker::Broker;
pub(crate) use handover::{NoAnswers, OwnBody};
use tonic::{Response, Status};

use crate::intake;
use incoming::Requests;
use opening::Opening;
use session::Session;

/// Bytes of messages in one frame.
const FRAME_BYTES: u64 = 1 << 20;
/// Messages in one frame.
const FRAME_MESSAGES: usize = 1_000;
/// Requests whose settlements are not durable yet, of one stream.
const SETTLING: usize = 64;

/// Requests that are settled together when they have come together.
const TOGETHER: usize = 16;

/// Reads the first request and starts the stream's task, which ends by itself when the stream does.
pub(crate) async fn open(
    broker: &Broker,
    mut requests: Requests,
    settle_grace: Duration,
) -> Result<Response<NoAnswers>, Status> {
    let first = requests.message().await.map_err(|status| intake::refined(status, "acks"))?;
    let opening = Opening::read(broker, first).inspect_err(|refusal| refusal.log("StreamingPull", None))?;
    let (sender, deliveries) = outbound::channel();
    let session = Session::new(broker.clone(), opening, sender);
    tokio::spawn(session.run(requests, settle_grace));
    Ok(handover::answer(deliveries))
}

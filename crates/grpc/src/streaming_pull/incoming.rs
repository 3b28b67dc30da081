//! The requests of a stream, as they come.

use fanfare_proto::undecoded;
use futures_util::{FutureExt as _, StreamExt as _};
use tonic::{Status, Streaming};

/// Requests that are settled together when they have come together,
const TOGETHER: usize = super::TOGETHER;
/// and their bytes: with that many there is no further one.
const TOGETHER_BYTES: usize = 1 << 20;

/// The client's side.
pub(crate) type Requests = Streaming<undecoded::StreamingPullRequest>;

/// What comes of a read.
pub(crate) type Received = Result<undecoded::StreamingPullRequest, Status>;

/// The first, and what has come with it. Waits for nothing.
pub(crate) fn together(first: Received, requests: &mut Requests) -> Vec<Received> {
    let mut bytes = size(&first);
    let mut all = vec![first];
    while all.len() < TOGETHER && bytes < TOGETHER_BYTES {
        let Some(Some(next)) = requests.next().now_or_never() else { break };
        bytes += size(&next);
        all.push(next);
    }
    all
}

fn size(request: &Received) -> usize {
    request.as_ref().map_or(0, |request| request.bytes.len())
}

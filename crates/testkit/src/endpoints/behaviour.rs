//! What an endpoint does with a request.

use std::{io::Write, time::Duration};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

/// What an endpoint does with a request for delivery, or with the connection that it would come on.
#[derive(Debug, Clone, PartialEq)]
pub enum Behaviour {
    /// It answers.
    Answer(Reply),
    /// It answers when it is released, see [`super::Endpoint::release`].
    Hold(Reply),
    /// It answers after this time. For benchmarks: a test holds and releases.
    Slow(Duration, Reply),
    /// It does one after the other, a request each, and then begins again. (These do not nest.)
    InTurn(Vec<Behaviour>),
    /// The first attempts of each message, told by `webhook-id`, fail; what comes after them is well.
    FailFirst {
        /// How many fail.
        attempts: u32,
        /// How.
        failure: Box<Behaviour>,
        /// What it does then.
        then: Box<Behaviour>,
    },
    /// Its body never ends.
    EndlessBody,
    /// Its body begins and does not go on.
    StalledBody,
    /// Its headers never end.
    EndlessHeaders,
    /// It announces more body than it sends, and closes the connection.
    HalfAnswer,
    /// It resets the connection in the middle of its answer.
    ResetMidAnswer,
    /// It resets the connection instead of answering.
    Reset,
    /// Its answer is no HTTP.
    Garbage,
    /// It accepts connections, reads nothing and says nothing, not even of TLS.
    BlackHole,
    /// It resets connections as soon as they are there.
    ResetOnAccept,
}

impl Behaviour {
    /// It takes everything.
    pub fn ok() -> Self {
        Self::Answer(Reply::ok())
    }

    /// It answers everything with this status.
    pub fn status(status: u16) -> Self {
        Self::Answer(Reply::status(status))
    }

    /// Everything is held, and taken when it is released.
    pub fn hold() -> Self {
        Self::Hold(Reply::ok())
    }

    /// So many attempts of each message are answered with this, the next ones are taken.
    pub fn fail_first(attempts: u32, reply: Reply) -> Self {
        let (failure, then) = (Box::new(Self::Answer(reply)), Box::new(Self::ok()));
        Self::FailFirst { attempts, failure, then }
    }

    /// Up for so many requests, then down for so many, and again.
    pub fn flapping(up: usize, down: usize) -> Self {
        let ups = std::iter::repeat_n(Self::ok(), up);
        Self::InTurn(ups.chain(std::iter::repeat_n(Self::status(503), down)).collect())
    }
}

/// A well-formed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Reply {
    /// 200, without anything.
    pub fn ok() -> Self {
        Self::status(200)
    }

    /// This status, without anything.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// To another place, which a sender must not go to.
    pub fn redirect(status: u16, url: &str) -> Self {
        Self::status(status).header("location", url)
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With `Retry-After`, as seconds or as a date.
    #[must_use]
    pub fn retry_after(self, value: &str) -> Self {
        self.header("retry-after", value)
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// With so many bytes of zeros as body, compressed: about a thousandth of it on the wire.
    ///
    /// # Panics
    /// Never: memory does not refuse to be written to.
    #[must_use]
    pub fn gzip_bomb(self, bytes: usize) -> Self {
        let zeros = [0; 64 << 10];
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        let mut left = bytes;
        while left > 0 {
            let part = left.min(zeros.len());
            packed.write_all(&zeros[..part]).expect("memory takes it");
            left -= part;
        }
        let packed = packed.finish().expect("memory takes it");
        self.header("content-encoding", "gzip").body(packed)
    }
}

/// What an endpoint does when it is asked whether it wants the messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// It sends the token back as the body; to OPTIONS it says that every origin is allowed.
    Echo,
    /// It sends the token back as the member `token` of a JSON object.
    EchoJson,
    /// It answers 200 and no token: it may say so later.
    Later,
    /// It sends back a token that is none.
    Wrong,
    /// It answers this, whatever it may mean.
    Answer(Reply),
}

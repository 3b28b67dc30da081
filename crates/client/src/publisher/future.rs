use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::{PublishError, Published};

/// What becomes of a message that was given to a [`Publisher`](super::Publisher).
#[derive(Debug)]
#[must_use = "without the result nobody knows whether the message is stored"]
pub struct PublishFuture {}

impl Future for PublishFuture {
    type Output = Result<Published, PublishError>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        todo!()
    }
}

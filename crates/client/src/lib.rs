//! The client of Fanfare, a publish/subscribe broker: publish once, and every subscription gets its own durable queue of the message.
//!
//! ```no_run
//! use fanfare_client::{Client, Message};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect("http://localhost:50051")?;
//! client.topics().create("orders").await?;
//! client.subscriptions().create("billing", "orders").await?;
//!
//! let orders = client.publisher("orders").build();
//! let published = orders.publish(Message::new("order 4711").ordering_key("customer-7")).await?;
//! println!("on the disk as {}", published.message_id);
//!
//! let mut billing = client.subscriber("billing").messages();
//! if let Some(delivery) = billing.next().await {
//!     let delivery = delivery?;
//!     println!("{} says {:?}", delivery.message_id(), delivery.data());
//!     delivery.ack().await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it does for you
//!
//! - [`Publisher`](publisher::Publisher) batches over one stream, retries what is safe to retry, stores nothing twice, keeps the order of each
//!   key through failures, and holds a bounded number of messages.
//! - [A subscriber](subscriber::SubscriberBuilder) extends leases while you work, gives back what you drop, confirms settlements, connects again.
//! - `push` (feature) receives pushes in your own server, with their signatures verified.
//! - `outbox` (feature `outbox-postgres`) publishes what your own database transaction has committed, and nothing else.
//!
//! # Rules that hold everywhere
//!
//! - An error says what has become of the message. Every operation has an error type of its own.
//! - Nothing is buffered without a bound; every bound has a name in a builder.
//! - Times are [`std::time::Duration`]s. Names are full (`projects/p/topics/t`) or bare (`t`, in project `default`).

#![forbid(unsafe_code)]

pub mod admin;
mod client;
mod clock;
mod connect;
pub mod correlation;
mod error;
mod message;
#[cfg(feature = "outbox-postgres")]
pub mod outbox;
pub mod publisher;
#[cfg(feature = "push")]
pub mod push;
mod received;
mod retry;
pub mod subscriber;
mod trace;

pub use client::{Client, ClientBuilder};
pub use connect::ConnectError;
pub use error::ServerError;
/// The encoded `google.protobuf.FileDescriptorSet` of the API and all that it imports, for who turns its messages into JSON.
pub use fanfare_proto::FILE_DESCRIPTOR_SET;
/// The messages of the API as they are on the wire (package `fanfare.v1`), for settings and answers that this crate passes on as they are.
pub use fanfare_proto::v1 as proto;
pub use message::Message;
pub use received::ReceivedMessage;
pub use retry::RetryPolicy;

//! Receive pushes in your own server: webhooks by a tower service or layer, gRPC by a tonic service.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use fanfare_client::push::{Answer, Endpoint, Pushed};
//!
//! let endpoint = Endpoint::new(|pushed: Pushed| async move {
//!     println!("{} got {:?}", pushed.subscription(), pushed.data());
//!     Answer::Taken
//! })
//! .signing_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
//!
//! // In axum: Router::new().route_service("/hook", endpoint.webhook())
//! let webhook = endpoint.clone().webhook();
//! // In tonic: Server::builder().add_service(endpoint.grpc())
//! let grpc = endpoint.grpc();
//! # let _ = (webhook, grpc);
//! # Ok(()) }
//! ```

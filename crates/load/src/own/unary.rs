//! Unary calls of `Publish`, as a program makes them that has the protos and no client crate.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use fanfare_client::Client;
use fanfare_proto::v1::{NewMessage, PublishRequest, publisher_service_client::PublisherServiceClient};
use tonic::transport::{Channel, Endpoint};

use crate::{Caller, UnarySystem};

/// A broker that is called.
#[derive(Debug, Clone)]
pub struct FanfareUnary {
    client: Client,
    channels: Vec<Channel>,
}

impl FanfareUnary {
    /// The broker at this URL, by so many connections that callers get in turn.
    ///
    /// # Errors
    /// It is no URL, or nobody answers.
    pub async fn connect(endpoint: &str, connections: usize) -> Result<Self> {
        let client = Client::connect(endpoint)?;
        let mut channels = Vec::new();
        for _ in 0..connections.max(1) {
            channels.push(Endpoint::from_shared(endpoint.to_owned())?.tcp_nodelay(true).connect().await?);
        }
        Ok(Self { client, channels })
    }
}

impl UnarySystem for FanfareUnary {
    type Caller = UnaryCaller;

    async fn create(&self, topic: &str) -> Result<()> {
        self.client.topics().create(topic).await?;
        Ok(())
    }

    async fn caller(&self, topic: &str, number: usize) -> Result<UnaryCaller> {
        let channel = self.channels[number % self.channels.len()].clone();
        Ok(UnaryCaller { client: PublisherServiceClient::new(channel), topic: topic.to_owned() })
    }
}

/// Calls `Publish`.
#[derive(Debug)]
pub struct UnaryCaller {
    client: PublisherServiceClient<Channel>,
    topic: String,
}

impl Caller for UnaryCaller {
    async fn call(&mut self, body: Bytes) -> Result<()> {
        let message = NewMessage { data: body, ..NewMessage::default() };
        let request = PublishRequest { topic: self.topic.clone(), messages: vec![message] };
        let answer = self.client.publish(request).await?.into_inner();
        answer.results.first().context("the answer has no result")?;
        Ok(())
    }
}

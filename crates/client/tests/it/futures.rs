//! What tasks are spawned with: every future of the client can go to another thread and outlive its caller.

use std::time::Duration;

use fanfare_client::{
    Client, admin, proto,
    publisher::{PublishError, PublishFuture, Publisher},
    subscriber::{ConsumeError, MessageStream, SettleError, Settled, Settler, SubscriberBuilder},
};

fn goes_to_a_task<F: Future + Send + 'static>(_: F) {}

fn is_shared<T: Send + Sync + Clone + 'static>(_: &T) {}

/// Never called: it is true if it compiles.
#[expect(dead_code, reason = "it is true if it compiles")]
fn every_future_can_be_spawned(
    client: &Client,
    publisher: Publisher,
    future: PublishFuture,
    settled: Settled,
) {
    is_shared(client);
    is_shared(&publisher);
    goes_to_a_task(future);
    goes_to_a_task(publishing(publisher));
    goes_to_a_task(topics(client.topics()));
    goes_to_a_task(subscriptions(client.subscriptions()));
    goes_to_a_task(server(client.server()));
    goes_to_a_task(settled);
    goes_to_a_task(consuming(client.subscriber("s").messages()));
    goes_to_a_task(until(client.subscriber("s")));
    goes_to_a_task(forever(client.subscriber("s")));
    goes_to_a_task(settling(client.settler("s")));
    goes_to_a_task(fanfare_client::correlation::scope("c", async {}));
}

async fn publishing(publisher: Publisher) -> Result<(), PublishError> {
    publisher.enqueue("a").await?.await?;
    publisher.flush().await;
    publisher.shutdown().await;
    Ok(())
}

async fn consuming(mut messages: MessageStream) -> Result<(), ConsumeError> {
    while let Some(delivery) = messages.next().await {
        _ = delivery?.ack().await;
    }
    messages.shutdown().await;
    Ok(())
}

async fn until(builder: SubscriberBuilder) -> Result<(), ConsumeError> {
    builder.run(|_| async {}).until(async {}).await
}

async fn forever(builder: SubscriberBuilder) -> ConsumeError {
    let Err(error) = builder.run(|_| async {}).forever().await;
    error
}

async fn settling(settler: Settler) -> Result<(), SettleError> {
    settler.pull(1, Duration::ZERO).await?;
    settler.ack(Vec::new()).await?;
    settler.nack(Vec::new(), None).await?;
    settler.extend(Vec::new(), None).await?;
    Ok(())
}

async fn topics(topics: admin::Topics) -> Result<(), admin::AdminError> {
    topics.create("t").settings(proto::TopicSettings::default()).await?;
    topics.get("t").await?;
    topics.update("t", proto::TopicSettings::default(), ["x"]).await?;
    topics.list("").await?;
    topics.delete("t", true).await
}

async fn subscriptions(subscriptions: admin::Subscriptions) -> Result<(), admin::AdminError> {
    subscriptions.create("s", "t").await?;
    subscriptions.get("s").await?;
    subscriptions.update(proto::UpdateSubscriptionRequest::default()).await?;
    subscriptions.update_settings("s", proto::SubscriptionSettings::default(), ["x"]).await?;
    subscriptions.list("", "").await?;
    subscriptions.confirm("s", "token").await?;
    subscriptions.pause("s").await?;
    subscriptions.resume("s").await?;
    subscriptions.seek("s", proto::LogPlace::default()).await?;
    subscriptions.test_filter(proto::TestFilterRequest::default()).await?;
    subscriptions.delete("s").await
}

async fn server(server: admin::Server) -> Result<(), admin::AdminError> {
    server.info().await?;
    server.topic_stats("t").await?;
    server.subscription_stats("s").await?;
    Ok(())
}

//! Stopping, starting again, and putting the clock forward.

use fanfare_testkit::Broker;

use super::*;

#[tokio::test]
async fn a_lease_that_is_not_settled_ends_when_the_clock_is_put_forward() {
    let broker = Broker::start().await;
    with_billing(&broker).await;
    publish(&broker, "orders", &["a"]).await;
    let billing = broker.client().settler("billing");
    assert_eq!(billing.pull(10, Duration::ZERO).await.unwrap().len(), 1);
    broker.advance(29 * SECOND).await;
    assert_eq!(billing.pull(10, Duration::ZERO).await.unwrap().len(), 0);
    broker.advance(60 * SECOND).await;
    assert_eq!(billing.pull(10, Duration::ZERO).await.unwrap().len(), 1);
}

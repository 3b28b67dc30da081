//! What happens to deliveries when the runtime of their stream ends before them.

use std::time::Duration;

use fanfare_client::subscriber::AckError;
use tokio::runtime::{Builder, Runtime};

use super::support::{Setup, numbers, soon, take};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn a_settlement_is_unconfirmed_when_the_runtime_of_its_stream_has_ended() {
    let of_the_stream = runtime();
    let (mut setup, mut held, stream) = of_the_stream.block_on(async {
        let setup = Setup::new().await;
        setup.publish(numbers(2)).await;
        let mut stream = setup.stream();
        let held = take(&mut stream, 2).await;
        (setup, held, stream)
    });
    let elsewhere = runtime();
    elsewhere.block_on(setup.broker.stop());
    let before = held.remove(0).ack();
    of_the_stream.shutdown_timeout(Duration::from_secs(10));
    elsewhere.block_on(async {
        assert_eq!(soon(before).await, Err(AckError::Unconfirmed));
        assert_eq!(soon(held.remove(0).ack()).await, Err(AckError::Unconfirmed));
        soon(stream.shutdown()).await;
    });
}

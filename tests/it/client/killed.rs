//! `kill -9` and a restart, while a client publishes and another consumes.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use fanfare_client::{Message, publisher::Published};
use tokio::{
    net::TcpSocket,
    sync::{Semaphore, watch},
};

use super::*;
use crate::support::{Directory, Start};

const KEYS: usize = 10;
const MESSAGES: usize = 3_000;
/// Published and not consumed, at most: so both go on at every kill.
const AHEAD: usize = 200;
/// Consumed messages at which the broker is killed.
const KILLS: [usize; 3] = [300, 1_000, 2_000];

/// A port that stays the test's while no broker listens on it.
fn port() -> (TcpSocket, SocketAddr) {
    let holder = TcpSocket::new_v4().unwrap();
    holder.set_reuseaddr(true).unwrap();
    holder.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = holder.local_addr().unwrap();
    (holder, address)
}

async fn start(directory: &Directory, address: SocketAddr) -> Fanfare {
    Start::on_at(&directory.path().join("data"), address).ready().await.within(directory)
}

/// Publishes all messages, never too far ahead of the consumer; what the broker answered, by text.
async fn publish_all(client: Client, ahead: Arc<Semaphore>) -> HashMap<String, Published> {
    let publisher = client.publisher("orders").batch_messages(20).build();
    let mut published = Vec::new();
    for number in 0..MESSAGES {
        ahead.acquire().await.unwrap().forget();
        let (key, text) = (format!("key-{}", number % KEYS), format!("{} {}", number % KEYS, number / KEYS));
        let message = Message::new(text.clone()).ordering_key(key);
        published.push((text, publisher.enqueue(message).await.unwrap()));
    }
    let mut answers = HashMap::new();
    for (text, answer) in published {
        answers.insert(text, answer.await.unwrap());
    }
    answers
}

/// What a consumer has seen.
#[derive(Default)]
struct Seen {
    /// Text of each message.
    texts: HashMap<String, String>,
    confirmed: HashSet<String>,
    /// Messages that came again after their ack was confirmed.
    again: Vec<String>,
    /// Of each key, the number of the message that was seen first last.
    latest: HashMap<String, usize>,
    /// Messages that came before an earlier one of their key.
    disorder: Vec<String>,
}

impl Seen {
    fn take(&mut self, id: &str, text: &str) {
        if self.confirmed.contains(id) {
            self.again.push(text.to_owned());
        }
        if self.texts.insert(id.to_owned(), text.to_owned()).is_some() {
            return;
        }
        let (key, number) = text.split_once(' ').unwrap();
        let next = self.latest.entry(key.to_owned()).or_default();
        if *next != number.parse::<usize>().unwrap() {
            self.disorder.push(text.to_owned());
        }
        *next += 1;
    }
}

/// Consumes until all messages are confirmed.
async fn consume_all(client: Client, ahead: Arc<Semaphore>, progress: watch::Sender<usize>) -> Seen {
    let mut seen = Seen::default();
    let mut messages = client.subscriber("billing").max_outstanding_messages(100).messages();
    while seen.confirmed.len() < MESSAGES {
        let delivery = messages.next().await.unwrap().unwrap();
        let id = delivery.message_id().to_owned();
        seen.take(&id, delivery.text().unwrap());
        if delivery.ack().await.is_ok() && seen.confirmed.insert(id) {
            ahead.add_permits(1);
            progress.send_replace(seen.confirmed.len());
        }
    }
    messages.shutdown().await;
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_stored_twice_or_out_of_order_when_the_broker_is_killed() {
    let (_holder, address) = port();
    let directory: Directory = Arc::new(tempfile::tempdir().unwrap());
    let mut fanfare = start(&directory, address).await;
    orders_and_billing(&fanfare, ordered()).await;
    let ahead = Arc::new(Semaphore::new(AHEAD));
    let (progress, mut consumed) = watch::channel(0);
    let publishing = tokio::spawn(publish_all(client(address), ahead.clone()));
    let consuming = tokio::spawn(consume_all(client(address), ahead, progress));
    for kill in KILLS {
        consumed.wait_for(|consumed| *consumed >= kill).await.unwrap();
        fanfare.kill();
        fanfare = start(&directory, address).await;
    }
    let (published, seen) = (publishing.await.unwrap(), consuming.await.unwrap());
    assert_eq!(published.len(), MESSAGES);
    for (text, answer) in &published {
        assert_eq!(seen.texts.get(&answer.message_id), Some(text), "what was answered was delivered");
    }
    assert_eq!(seen.texts.len(), MESSAGES, "nothing is stored twice");
    assert_eq!((seen.again.as_slice(), seen.disorder.as_slice()), ([].as_slice(), [].as_slice()));
    assert_eq!(figures(&fanfare).await.1, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_was_under_way_when_the_broker_was_killed_still_confirms() {
    let (_holder, address) = port();
    let directory: Directory = Arc::new(tempfile::tempdir().unwrap());
    let fanfare = start(&directory, address).await;
    orders_and_billing(&fanfare, ordered()).await;
    let client = client(address);
    client.publisher("orders").build().publish(Message::new("a").ordering_key("k")).await.unwrap();
    let mut messages = client.subscriber("billing").messages();
    let delivery = messages.next().await.unwrap().unwrap();
    fanfare.kill();
    let fanfare = start(&directory, address).await;
    delivery.ack().await.unwrap();
    assert_eq!(figures(&fanfare).await, (1, 0, 1, 0));
    messages.shutdown().await;
}

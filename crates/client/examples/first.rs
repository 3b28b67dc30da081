//! The program of README.md: publishes a message, consumes it, acknowledges it.
#![expect(clippy::print_stdout, reason = "an example prints")]

use fanfare_client::{Client, Message};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = std::env::args().nth(1).unwrap_or("http://localhost:50051".to_owned());
    let client = Client::connect(broker)?;
    client.topics().create("greetings").await?;
    client.subscriptions().create("reader", "greetings").await?;

    let publisher = client.publisher("greetings").build();
    let published = publisher.publish(Message::new("hello").attribute("language", "en")).await?;
    println!("published, and on the disk, for {} subscription", published.matched_subscriptions);

    let mut reader = client.subscriber("reader").messages();
    if let Some(delivery) = reader.next().await {
        let delivery = delivery?;
        println!("received {:?}, attempt {}", delivery.text(), delivery.delivery_attempt());
        delivery.ack().await?;
        println!("acknowledged: it does not come again");
    }
    Ok(())
}

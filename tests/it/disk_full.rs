//! A disk without space: a file system of 64 MiB of its own.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;
use tempfile::TempDir;
use tonic::{Code, Status};

use crate::support::{
    Start,
    client::{self, Publisher, message, publish, publisher, pull, subscriber},
    eventually, http,
};

/// A small file system, mounted as long as it lives.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let place = tempfile::tempdir().unwrap();
        run(&["mount", "-t", "tmpfs", "-o", "size=64m", "fanfare-test"], place.path());
        Self(place)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Takes all the space that is left.
    fn fill(&self) {
        let mut file = fs::File::create(self.file("filler")).unwrap();
        let piece = vec![1; 1 << 16];
        while file.write_all(&piece).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run(&["umount", "--lazy"], self.0.path());
    }
}

/// As root, which mounting takes.
fn run(command: &[&str], path: &Path) {
    let root = fs::metadata("/proc/self").map(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0).unwrap();
    let sudo: &[&str] = if root { &[] } else { &["sudo", "--non-interactive"] };
    let words = [sudo, command].concat();
    let status = Command::new(words[0]).args(&words[1..]).arg(path).status().unwrap();
    assert!(status.success(), "{words:?}: {status}");
}

/// Publishes until there is no room: how many were acknowledged, and the refusal.
async fn publish_until_refused(sender: &mut Publisher) -> (u64, Status) {
    for number in 0..10_000 {
        if let Err(status) = publish(sender, vec![message("x".repeat(100_000), "")]).await {
            return (number, status);
        }
    }
    panic!("a disk of 64 MiB took 1 GB");
}

#[tokio::test]
async fn a_full_disk_refuses_publishes_takes_acks_and_resumes_by_itself() {
    let disk = SmallDisk::mount();
    let fanfare = Start::on(&disk.file("data"))
        .set("disk.segment_bytes=4MiB")
        .set("disk.batch_bytes=13MiB")
        .ready()
        .await;
    client::topic_and_subscription(&fanfare, &json!({}));
    disk.fill();
    let mut sender = publisher(&fanfare).await;
    let (acknowledged, refusal) = publish_until_refused(&mut sender).await;
    assert_eq!(refusal.code(), Code::ResourceExhausted, "{refusal}");
    assert_eq!(http::get(fanfare.http(), "/readyz").await.unwrap().0, 200, "consuming goes on");
    let publishing = json!({"service": "fanfare.v1.PublisherService"});
    eventually("publishing is not served", async || {
        let health = fanfare.grpcurl().ok("grpc.health.v1.Health/Check", &publishing);
        if health["status"] == "NOT_SERVING" { Ok(()) } else { Err(health) }
    })
    .await;

    let mut consumer = subscriber(&fanfare).await;
    let mut settled = 0;
    while settled < acknowledged {
        let held = pull(&mut consumer, "billing", 10, 10).await;
        assert!(!held.is_empty(), "{settled} of {acknowledged}");
        let ack_ids: Vec<_> = held.into_iter().map(|message| message.ack_id).collect();
        let acks = json!({"subscription": "billing", "ackIds": ack_ids});
        let results = fanfare.grpcurl().ok("SubscriberService/Acknowledge", &acks);
        assert!(
            results["results"].as_array().unwrap().iter().all(|one| one["outcome"] == "LEASE_OUTCOME_OK")
        );
        settled += u64::try_from(ack_ids.len()).unwrap();
    }

    fs::remove_file(disk.file("filler")).unwrap();
    eventually("publishing again", async || publish(&mut sender, vec![message("1", "")]).await).await;
    assert_eq!(pull(&mut consumer, "billing", 10, 10).await.len(), 1);
    drop(fanfare);
}

//! What a run came to, for people and for scripts.

use load::{Outcome, Percentiles};
use serde_json::{Value, json};

use super::options::Load;
use crate::output::{Table, fields};

/// A run, and where it was.
pub(super) struct Report<'a> {
    pub(super) load: &'a Load,
    pub(super) bytes: u64,
    pub(super) outcome: &'a Outcome,
    /// Version, engine and durability of the broker.
    pub(super) broker: [String; 3],
    /// Whether load and broker are on one machine, as far as the address tells.
    pub(super) is_local: bool,
}

impl Report<'_> {
    pub(super) fn text(&self) -> String {
        let Outcome { delivered, seconds, .. } = self.outcome;
        let [version, engine, durability] = &self.broker;
        let deliveries = self.outcome.deliveries_per_second();
        let delivered = if *delivered == 0 { String::new() } else { self.speed(deliveries) };
        let fields = fields(&[
            ("load", self.load.sentence()),
            ("broker", format!("{version}, engine {engine}, durability {durability}")),
            ("machine", self.machine().to_owned()),
            ("took", format!("{seconds:.2} s")),
            ("published", self.speed(self.outcome.publishes_per_second())),
            ("delivered", delivered),
            ("correct", self.correct()),
        ]);
        format!("{fields}\n\n{}", self.latencies())
    }

    fn speed(&self, rate: f64) -> String {
        let mebibytes = rate * self.bytes as f64 / f64::from(1 << 20);
        format!("{}/s, {mebibytes:.1} MiB/s", load::thousands(rate))
    }

    fn machine(&self) -> &'static str {
        match self.is_local {
            true => "this one, by its address: broker and load take from each other",
            false => "perhaps another: the broker's address is none of loopback",
        }
    }

    fn correct(&self) -> String {
        if self.load.subscriptions() == 0 {
            return "every message was acknowledged".to_owned();
        }
        self.wrong().unwrap_or_else(|| "every subscription got every message once, in order".to_owned())
    }

    /// What did not go as it should.
    pub(super) fn wrong(&self) -> Option<String> {
        self.outcome.correctness.complaint().map(|wrong| format!("of the deliveries {wrong}"))
    }

    fn latencies(&self) -> String {
        let mut table = Table::new(&["LATENCY", "#P50", "#P99", "#P99.9", "#MAX"]);
        let rows = [("publish", self.outcome.publish_latency), ("delivery", self.outcome.delivery_latency)];
        for (name, percentiles) in rows {
            if let Some(Percentiles { p50_ms, p99_ms, p999_ms, max_ms }) = percentiles {
                let cells = [p50_ms, p99_ms, p999_ms, max_ms].map(|ms| format!("{ms:.2} ms"));
                table.row([name.to_owned()].into_iter().chain(cells));
            }
        }
        table.text("nothing was measured")
    }

    pub(super) fn json(&self) -> Value {
        let Outcome { published, delivered, seconds, correctness, .. } = self.outcome;
        let [version, engine, durability] = &self.broker;
        let latency = |percentiles: Option<Percentiles>| {
            percentiles.map(|it| {
                json!({ "p50Ms": it.p50_ms, "p99Ms": it.p99_ms, "p999Ms": it.p999_ms, "maxMs": it.max_ms })
            })
        };
        json!({
            "load": self.load.name(),
            "messageBytes": self.bytes,
            "subscriptions": self.load.subscriptions(),
            "connections": self.load.size().connections,
            "broker": { "version": version, "engine": engine, "durability": durability },
            "sharesTheMachine": self.is_local,
            "seconds": seconds,
            "published": published,
            "delivered": delivered,
            "publishesPerSecond": self.outcome.publishes_per_second(),
            "deliveriesPerSecond": self.outcome.deliveries_per_second(),
            "publishLatency": latency(self.outcome.publish_latency),
            "deliveryLatency": latency(self.outcome.delivery_latency),
            "missing": correctness.missing,
            "duplicate": correctness.duplicate,
            "outOfOrder": correctness.out_of_order,
            "foreign": correctness.foreign,
        })
    }
}

/// Whether these are addresses of this machine, as far as they tell.
pub(super) fn is_local(endpoints: &[String]) -> bool {
    let host = |url: &String| {
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        authority.rsplit_once(':').map_or(authority, |(host, _)| host).to_owned()
    };
    let is_here = |host: String| {
        let is_loopback = |address: std::net::IpAddr| address.is_loopback();
        host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(is_loopback)
    };
    endpoints.iter().map(host).all(is_here)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use load::Correctness;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        bench: super::super::Bench,
    }

    fn load(words: &[&str]) -> Load {
        Line::try_parse_from(["bench"].iter().chain(words)).unwrap().bench.load
    }

    fn outcome() -> Outcome {
        let latency = Percentiles { p50_ms: 0.4, p99_ms: 1.25, p999_ms: 12.0, max_ms: 123.456 };
        Outcome {
            published: 10_000,
            delivered: 20_000,
            seconds: 0.01,
            publish_latency: Some(latency),
            delivery_latency: Some(latency),
            correctness: Correctness::default(),
        }
    }

    fn report<'a>(load: &'a Load, outcome: &'a Outcome) -> Report<'a> {
        let broker = ["1.2.3", "disk", "fsync"].map(str::to_owned);
        Report { load, bytes: 1_024, outcome, broker, is_local: true }
    }

    #[test]
    fn a_report_says_what_was_measured_and_where() {
        let (load, outcome) = (load(&["fan-out", "--subscriptions", "2"]), outcome());
        let text = anstream::adapter::strip_str(&report(&load, &outcome).text()).to_string();
        let expected = "\
load       100000 messages of 1 KiB to 2 subscriptions, 1000 outstanding, 4 connections
broker     1.2.3, engine disk, durability fsync
machine    this one, by its address: broker and load take from each other
took       0.01 s
published  1,000,000/s, 976.6 MiB/s
delivered  2,000,000/s, 1953.1 MiB/s
correct    every subscription got every message once, in order

LATENCY       P50      P99     P99.9        MAX
publish   0.40 ms  1.25 ms  12.00 ms  123.46 ms
delivery  0.40 ms  1.25 ms  12.00 ms  123.46 ms";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_went_wrong_is_counted() {
        let correctness = Correctness { missing: 0, duplicate: 2, out_of_order: 1, foreign: 0 };
        let (load, outcome) = (load(&["fan-out"]), Outcome { correctness, ..outcome() });
        let report = report(&load, &outcome);
        let wrong = "of the deliveries 2 came again, 1 came out of order";
        assert_eq!(report.wrong().as_deref(), Some(wrong));
        assert!(report.text().contains(wrong));
        assert_eq!((&report.json()["duplicate"], &report.json()["missing"]), (&json!(2), &json!(0)));
    }

    #[test]
    fn an_address_that_is_no_loopback_is_not_said_to_be_elsewhere() {
        let (load, outcome) = (load(&["publish"]), outcome());
        let text = Report { is_local: false, ..report(&load, &outcome) }.text();
        assert!(text.contains("perhaps another") && !text.contains("this one"), "{text}");
    }

    #[test]
    fn a_publish_has_no_line_of_deliveries() {
        let outcome = Outcome { delivered: 0, delivery_latency: None, ..outcome() };
        let load = load(&["publish"]);
        let text = report(&load, &outcome).text();
        assert!(!text.contains("delivered") && !text.contains("delivery"), "{text}");
        assert_eq!(report(&load, &outcome).json()["deliveryLatency"], Value::Null);
    }

    #[test]
    fn loopback_is_this_machine_and_names_are_not() {
        let is_local = |url: &str| is_local(&[url.to_owned()]);
        for here in ["http://localhost:50051", "https://127.0.0.2:1", "http://[::1]:50051"] {
            assert!(is_local(here), "{here}");
        }
        for elsewhere in ["http://broker:50051", "http://10.0.0.1:50051", "https://[2001:db8::1]:1"] {
            assert!(!is_local(elsewhere), "{elsewhere}");
        }
    }
}

//! scratch
#![allow(missing_docs)]
use load::{
    Fanfare,
    workload::{FanOut, Publish},
};
fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let connections: usize = std::env::var("CONNECTIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(4);
        let clients = (0..connections)
            .map(|_| fanfare_client::Client::connect(args[1].clone()))
            .collect::<Result<_, _>>()?;
        let system = Fanfare::new(clients);
        let n: usize = args[2].parse()?;
        let messages: u64 = args[3].parse()?;
        let topic = args[4].clone();
        let pid: u32 = args[5].parse()?;
        let before = cpu(pid);
        let me = cpu(std::process::id());
        let outcome = if n == 0 {
            Publish { messages, bytes: 1024, outstanding: 1000 }.run(&system, &topic).await?
        } else {
            FanOut { messages, bytes: 1024, outstanding: 1000, subscriptions: n }.run(&system, &topic).await?
        };
        let total = if n == 0 { outcome.published } else { outcome.delivered } as f64;
        eprintln!(
            "N={n} rate {:.0}/s server cpu/M {:.2} client cpu/M {:.2} pub p50 {:?} correct {:?}",
            total / outcome.seconds,
            (cpu(pid) - before) * 1e6 / total,
            (cpu(std::process::id()) - me) * 1e6 / total,
            outcome.publish_latency.map(|l| (l.p50_ms, l.p99_ms)),
            outcome.correctness.is_perfect()
        );
        anyhow::Ok(())
    })
}
fn cpu(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let rest: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    (rest[11].parse::<f64>().unwrap() + rest[12].parse::<f64>().unwrap()) / 100.0
}

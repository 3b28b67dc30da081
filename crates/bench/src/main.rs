//! scratch
#![allow(missing_docs)]
use load::{
    Fanfare,
    workload::{FanOut, Publish},
};
fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if args[1] == fanfare_bench::systems::BARE_COMMAND {
        return runtime.block_on(fanfare_bench::systems::serve_bare(args[2].parse()?));
    }
    if args[1] == "system" {
        return runtime.block_on(system(&args[2..]));
    }
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

async fn system(args: &[String]) -> anyhow::Result<()> {
    use fanfare_bench::systems::{Tools, start};
    use load::Workload;
    let kind = args[0].parse()?;
    let dir = tempfile::tempdir_in(std::env::var("BENCH_DIR").unwrap_or(".".into()))?;
    let tools = Tools::find()?;
    eprintln!("{}", tools.version(kind).await?);
    let running = start(kind, &tools, dir.path()).await?;
    for (i, spec) in args[1..].iter().enumerate() {
        let parts: Vec<u64> = spec.split(':').map(|part| part.parse().unwrap()).collect();
        let before = running.usage()?;
        let me = cpu(std::process::id());
        let outcome = if parts.len() == 3 {
            let workload = load::workload::UnaryPublish {
                messages: parts[1],
                bytes: 1024,
                concurrent: parts[2] as usize,
            };
            running.run_unary(&workload, &format!("t{i}")).await?
        } else if parts[0] == 0 {
            let workload = Publish { messages: parts[1], bytes: 1024, outstanding: 1000 };
            running.run(&Workload::Publish(workload), &format!("t{i}")).await?
        } else if parts[0] == 999 {
            let workload = load::workload::Drain { messages: parts[1], bytes: 1024, outstanding: 1000 };
            running.run(&Workload::Drain(workload), &format!("t{i}")).await?
        } else if parts[0] == 998 {
            let workload = load::workload::ManyTopics {
                topics: parts[1] as usize,
                bytes: 1024,
                seconds: 3,
                warm_up_seconds: 1,
            };
            running.run(&Workload::ManyTopics(workload), &format!("t{i}")).await?
        } else {
            let workload = FanOut {
                messages: parts[1],
                bytes: 1024,
                outstanding: 1000,
                subscriptions: parts[0] as usize,
            };
            running.run(&Workload::FanOut(workload), &format!("t{i}")).await?
        };
        let used = running.usage()? - before;
        let total = outcome.delivered.max(if parts[0] == 0 { outcome.published } else { 0 }).max(1) as f64;
        eprintln!(
            "{kind} {spec} rate {:.0}/s server cpu/M {:.2} client cpu/M {:.2} flushes/msg {:.3} rss {} MiB pub {:?} del {:?} {:?}",
            total / outcome.seconds,
            used.cpu_seconds * 1e6 / total,
            (cpu(std::process::id()) - me) * 1e6 / total,
            used.flushes as f64 / outcome.published.max(1) as f64,
            used.peak_rss_bytes >> 20,
            outcome.publish_latency.map(|l| (l.p50_ms, l.p99_ms)),
            outcome.delivery_latency.map(|l| (l.p50_ms, l.p99_ms)),
            outcome.correctness
        );
    }
    running.stop().await
}

//! A server under test: started in a directory of its own, measured from outside, stopped.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

/// Until a server takes connections.
const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// Until it has stopped.
const STOPS_WITHIN: Duration = Duration::from_secs(30);
/// Clock ticks a second in `/proc/PID/stat`: `USER_HZ`, which is 100 on every Linux of today (proc(5)).
const TICKS: f64 = 100.0;
/// Where Linux tells how often each disk was flushed.
const DISKS: &str = "/proc/diskstats";

/// A running server and its children. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pid: u32,
}

/// What a server has used since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// User and system time of all its processes.
    pub cpu_seconds: f64,
    /// Bytes it has caused to be written to the disk.
    pub written_bytes: u64,
    /// Flush requests that the machine's disks have completed, whoever asked for them: one an fsync that was needed, on a quiet machine.
    pub flushes: u64,
    /// The most memory that it has held at once, summed over its processes.
    pub peak_rss_bytes: u64,
}

impl Process {
    /// Starts it with its output in `log`, and waits until it takes connections.
    ///
    /// # Errors
    /// It ended, or does not listen within a minute; with the end of its output.
    pub async fn start(command: &mut Command, listens: SocketAddr, log: &Path) -> Result<Self> {
        let output = fs::File::create(log)?;
        let errors = output.try_clone()?;
        let program = command.as_std().get_program().to_owned();
        command.stdin(Stdio::null()).stdout(output).stderr(errors).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("{} cannot be started", program.display()))?;
        let pid = child.id().context("it has ended already")?;
        let mut process = Self { child, pid };
        if let Err(error) = process.listening(listens).await {
            let said = fs::read_to_string(log).unwrap_or_default();
            let tail: Vec<_> = said.lines().rev().take(20).collect();
            let tail: Vec<_> = tail.into_iter().rev().collect();
            bail!("{}: {error}\n{}", program.display(), tail.join("\n"));
        }
        Ok(process)
    }

    async fn listening(&mut self, address: SocketAddr) -> Result<()> {
        let connects = async {
            loop {
                if let Some(status) = self.child.try_wait()? {
                    bail!("it ended with {status}");
                }
                if TcpStream::connect(address).await.is_ok() {
                    return Ok(());
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(STARTS_WITHIN, connects).await.context("it does not listen")?
    }

    /// Its process, of which the others are children.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it has used so far.
    ///
    /// # Errors
    /// It has ended.
    pub fn usage(&self) -> Result<Usage> {
        let mut usage = Usage { flushes: flushes()?, ..Usage::default() };
        for pid in family(self.pid) {
            usage.cpu_seconds += cpu_seconds(pid).unwrap_or_default();
            usage.written_bytes += field(&format!("/proc/{pid}/io"), "write_bytes:").unwrap_or_default();
            usage.peak_rss_bytes +=
                field(&format!("/proc/{pid}/status"), "VmHWM:").unwrap_or_default() * 1_024;
        }
        if usage.cpu_seconds == 0.0 && fs::metadata(format!("/proc/{}", self.pid)).is_err() {
            bail!("the server has ended");
        }
        Ok(usage)
    }

    /// Asks it to stop (SIGTERM) and waits for it; kills it if it does not.
    pub async fn stop(mut self) -> Result<()> {
        Command::new("kill").arg(self.pid.to_string()).status().await?;
        if timeout(STOPS_WITHIN, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }

    /// Kills it, as a crash would (SIGKILL).
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

impl std::ops::Sub for Usage {
    type Output = Self;

    /// What was used between two looks; the peak is that of the later one.
    fn sub(self, before: Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds - before.cpu_seconds,
            written_bytes: self.written_bytes.saturating_sub(before.written_bytes),
            flushes: self.flushes.saturating_sub(before.flushes),
            peak_rss_bytes: self.peak_rss_bytes,
        }
    }
}

/// A loopback address that nobody listens on.
///
/// # Errors
/// There is none.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A process and its children, and theirs.
fn family(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next) {
        let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
        let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        let children: Vec<u32> = children
            .flat_map(|line| line.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
            .collect();
        found.extend(children);
        next += 1;
    }
    found
}

pub(crate) fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, which may hold spaces: utime and stime are the 12th and 13th (proc(5)).
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

/// The first number of the line that begins with `name`.
fn field(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Field 16 after the name, since Linux 5.5 (Documentation/admin-guide/iostats.rst); whole disks only, which have no number at the end.
fn flushes() -> Result<u64> {
    let text = fs::read_to_string(DISKS)?;
    let of_line = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let name = fields.get(2)?;
        let is_disk = fs::metadata(format!("/sys/block/{name}")).is_ok();
        is_disk.then(|| fields.get(18).and_then(|count| count.parse::<u64>().ok())).flatten()
    };
    Ok(text.lines().filter_map(of_line).sum())
}

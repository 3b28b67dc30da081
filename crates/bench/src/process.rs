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
pub(crate) struct Process {
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
    pub(crate) async fn start(command: &mut Command, listens: SocketAddr, log: &Path) -> Result<Self> {
        let output = fs::File::create(log)?;
        let errors = output.try_clone()?;
        let program = command.as_std().get_program().to_owned();
        command.stdin(Stdio::null()).stdout(output).stderr(errors).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("{} cannot be started", program.display()))?;
        let pid = child.id().context("it has ended already")?;
        let mut process = Self { child, pid };
        if let Err(error) = process.listening(listens).await {
            let said = fs::read(log).unwrap_or_default();
            bail!("{}: {error}\n{}", program.display(), tail(&said));
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
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// What it has used so far.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn usage(&self) -> Result<Usage> {
        usage(self.pid)
    }

    /// Asks it to stop (SIGTERM) and waits for it; kills it if it does not.
    pub(crate) async fn stop(mut self) -> Result<()> {
        Command::new("kill").arg(self.pid.to_string()).status().await?;
        if timeout(STOPS_WITHIN, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }

    /// Kills it, as a crash would (SIGKILL).
    pub(crate) async fn kill(mut self) -> Result<()> {
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

/// The end of a log.
pub(crate) fn tail(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let lines: Vec<_> = said.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// What a server and its children have used so far.
///
/// # Errors
/// It has ended.
pub(crate) fn usage(server: u32) -> Result<Usage> {
    let mut usage = Usage { flushes: flushes(&fs::read_to_string(DISKS)?, is_disk), ..Usage::default() };
    for pid in family(server) {
        let read = |file| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        usage.cpu_seconds += cpu_seconds(pid).unwrap_or_default();
        usage.written_bytes += field(&read("io"), "write_bytes:").unwrap_or_default();
        usage.peak_rss_bytes += field(&read("status"), "VmHWM:").unwrap_or_default() * 1_024;
    }
    if usage.cpu_seconds == 0.0 && fs::metadata(format!("/proc/{server}")).is_err() {
        bail!("the server has ended");
    }
    Ok(usage)
}

/// What a process holds now.
pub(crate) fn rss_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(field(&status, "VmRSS:").context("it has ended")? * 1_024)
}

/// A loopback address that nobody listens on.
///
/// # Errors
/// There is none.
pub(crate) fn free_address() -> Result<SocketAddr> {
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

/// User and system time of a process.
pub(crate) fn cpu_seconds(pid: u32) -> Option<f64> {
    busy_seconds(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The same from the text of the file.
fn busy_seconds(stat: &str) -> Option<f64> {
    // After the name, which may hold spaces and brackets: utime and stime are the 12th and 13th (proc(5)).
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

/// The first number of the line that begins with `name`.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Flush requests, from `/proc/diskstats`: the 16th figure after the name, since Linux 5.5 (Documentation/admin-guide/iostats.rst). Of whole
/// disks: a partition's are in them.
fn flushes(text: &str, is_disk: impl Fn(&str) -> bool) -> u64 {
    let of_line = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let disk = fields.get(2).is_some_and(|name| is_disk(name));
        disk.then(|| fields.get(18).and_then(|count| count.parse::<u64>().ok())).flatten()
    };
    text.lines().filter_map(of_line).sum()
}

fn is_disk(name: &str) -> bool {
    fs::metadata(format!("/sys/block/{name}")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_time_is_found_behind_any_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 200 0 0 150 50 7 8 20 0 9 0 77 1000 10 18446744073709551615";
        assert_eq!(busy_seconds(stat), Some(2.0));
        for bad in ["", "42 (a", "42 (a) S 1 2 3", "42 (a) S 1 2 3 4 5 6 7 8 9 10 x y"] {
            assert_eq!(busy_seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_process_holds_memory_and_one_that_is_not_there_is_an_error() {
        assert!(rss_bytes(std::process::id()).unwrap() > 100_000);
        assert!(rss_bytes(u32::MAX).is_err() && usage(u32::MAX).is_err());
    }

    #[test]
    fn a_field_is_the_first_number_of_its_line() {
        let status = "Name:\tx\nVmPeak:\t  900 kB\nVmHWM:\t  512 kB\n";
        assert_eq!(field(status, "VmHWM:"), Some(512));
        assert_eq!(field(status, "VmSwap:"), None);
        assert_eq!(field(status, "Name:"), None);
    }

    #[test]
    fn flushes_are_summed_over_whole_disks() {
        let line =
            |name, flushes| format!(" 254 0 {name} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 {flushes} 99\n");
        let text = line("vda", 30) + &line("vda1", 20) + &line("vdb", 3) + " 7 0 old 1 2 3\n\n";
        assert_eq!(flushes(&text, |name| name != "vda1"), 33);
    }

    #[tokio::test]
    async fn a_server_that_ends_before_it_listens_is_an_error_with_what_it_said() {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo first; echo the disk is on fire >&2; exit 3"]);
        let started = Process::start(&mut command, free_address().unwrap(), &dir.path().join("log")).await;
        let error = started.unwrap_err().to_string();
        assert!(error.contains("the disk is on fire") && error.contains("3"), "{error}");
    }
}

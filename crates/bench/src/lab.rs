//! Makes runs on this machine: a fresh directory, a fresh server, its usage before and after.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context as _, Result, anyhow};
use load::{Outcome, Progress, own::ManySubscriptions};
use parking_lot::Mutex;

use crate::{
    compare::Lab,
    measure::Measured,
    own::Server,
    plan::Job,
    process::{Usage, cpu_seconds, tail, usage},
    systems::{Kind, Tools, start},
};

/// Every server begins with nothing, so one name does.
const TOPIC: &str = "bench";

/// Servers keep their data below a directory of it.
pub(crate) struct Here<'a> {
    pub(crate) tools: &'a Tools,
    pub(crate) data: &'a Path,
}

impl Lab for Here<'_> {
    async fn run(&self, kind: Kind, job: &Job) -> Result<Measured> {
        let directory = tempfile::tempdir_in(self.data).context("no directory for the server")?;
        let result = self.run_in(kind, job, directory.path()).await;
        let here = std::env::current_dir().context("no current directory")?;
        // Of what failed, what the server said may be all there is to find out why.
        result.map_err(|error| {
            anyhow!("{}", without(&with_logs(&error, directory.path()), directory.path(), &here))
        })
    }
}

impl Here<'_> {
    async fn run_in(&self, kind: Kind, job: &Job, directory: &Path) -> Result<Measured> {
        match job {
            Job::Shared(_) | Job::Unary(_) => self.compared(kind, job, directory).await,
            Job::Many(many) => self.many(many, job, directory).await,
            Job::Idle(idle) => idle.run(self.tools, directory).await,
            Job::Recovery(recovery) => recovery.run(self.tools, directory).await,
        }
    }

    async fn compared(&self, kind: Kind, job: &Job, directory: &Path) -> Result<Measured> {
        let running = start(kind, self.tools, directory).await?;
        let (progress, begun) = Begun::of(running.pid());
        let outcome = match job {
            Job::Unary(unary) => running.run_unary(unary, TOPIC, &progress).await?,
            Job::Shared(workload) => running.run(workload, TOPIC, &progress).await?,
            _ => anyhow::bail!("this is not done to every system"),
        };
        let measured = begun.measured(job, &outcome)?;
        running.stop().await?;
        Ok(measured)
    }

    async fn many(&self, many: &ManySubscriptions, job: &Job, directory: &Path) -> Result<Measured> {
        let server = Server::start(self.tools, directory).await?;
        let client = server.clients(1)?.remove(0);
        let (progress, begun) = Begun::of(server.process.pid());
        let outcome = many.run_watched(&client, TOPIC, &progress).await?;
        let measured = begun.measured(job, &outcome)?;
        server.process.stop().await?;
        Ok(measured)
    }
}

/// What a server and this process had used when the load began: what creating and connecting took is not measured with it.
struct Begun {
    pid: u32,
    look: Arc<Mutex<Option<Result<Look>>>>,
}

/// What both have used.
struct Look {
    server: Usage,
    client_cpu_seconds: f64,
}

impl Look {
    fn at(pid: u32) -> Result<Self> {
        let client_cpu_seconds = cpu_seconds(std::process::id()).unwrap_or_default();
        Ok(Self { server: usage(pid)?, client_cpu_seconds })
    }
}

impl Begun {
    /// To be told by a run's progress.
    fn of(pid: u32) -> (Arc<Progress>, Self) {
        let look = Arc::<Mutex<_>>::default();
        let begun = Self { pid, look: Arc::clone(&look) };
        (Progress::when_it_begins(move || *look.lock() = Some(Look::at(pid))), begun)
    }

    /// What has been used since, and what the run came to.
    fn measured(self, job: &Job, outcome: &Outcome) -> Result<Measured> {
        let before = self.look.lock().take().context("the load has not begun")??;
        let now = Look::at(self.pid)?;
        let client = now.client_cpu_seconds - before.client_cpu_seconds;
        Ok(Measured::of(job, outcome, now.server - before.server, client))
    }
}

/// What failed, and the end of what the servers said, but for what is told already.
fn with_logs(error: &anyhow::Error, directory: &Path) -> String {
    let mut text = format!("{error:#}");
    let mut logs: Vec<_> =
        fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    logs.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.sort();
    for log in logs {
        let said = tail(&fs::read(&log).unwrap_or_default());
        if !said.is_empty() && !text.contains(&said) {
            let name = log.file_name().unwrap_or_default().display();
            text += &format!("\n{name} ends with:\n{said}");
        }
    }
    text
}

/// The path of a run's directory is random, and that of the current one is somebody's.
fn without(text: &str, directory: &Path, here: &Path) -> String {
    let hide = |text: &str, path: &Path, name: &str| text.replace(&*path.to_string_lossy(), name);
    hide(&hide(text, directory, "DIR"), here, ".")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use load::{
        Workload,
        workload::{Publish, UnaryPublish},
    };

    use super::*;
    use crate::metric::Metric;

    #[test]
    fn of_what_failed_the_last_20_lines_of_each_log_are_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut lines = String::new();
        (0..30).for_each(|line| writeln!(lines, "line {line}.").unwrap());
        fs::write(directory.path().join("nats.log"), &lines).unwrap();
        fs::write(directory.path().join("epmd.log"), "").unwrap();
        fs::write(directory.path().join("nats.conf"), "secret").unwrap();
        let told = with_logs(&anyhow!("it hung"), directory.path());
        let (head, said) = told.split_once("\nnats.log ends with:\n").unwrap();
        assert_eq!((head, said.lines().count()), ("it hung", 20), "{told}");
        assert!(said.starts_with("line 10.") && said.ends_with("line 29."), "{said}");
        assert_eq!(with_logs(&anyhow!("{told}"), directory.path()), told);
    }

    #[tokio::test]
    async fn a_server_that_does_not_start_is_quoted_once() {
        let data = tempfile::tempdir().unwrap();
        let none = Tools::find_from(&data.path().join("none"));
        let lab = Here { tools: &none, data: data.path() };
        let publish = Publish { messages: 1, bytes: 16, outstanding: 1 };
        let job = Job::Shared(Workload::Publish(publish));
        let error = lab.run(Kind::TonicStream, &job).await.unwrap_err().to_string();
        assert!(error.contains("setpriv: ") && !error.contains("bare.log ends with"), "{error}");
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0, "its directory is gone");
    }

    #[test]
    fn what_was_used_before_the_load_begins_is_not_measured() {
        let pid = std::process::id();
        let job = Job::Unary(UnaryPublish { messages: 1, bytes: 16, concurrent: 1 });
        let outcome = Outcome { published: 1, seconds: 1.0, ..Outcome::default() };
        let (_progress, begun) = Begun::of(pid);
        assert!(begun.measured(&job, &outcome).is_err(), "it has not begun");
        // As if both had used less than nothing by then, which shows in what they used since.
        let (_progress, begun) = Begun::of(pid);
        let server = Usage { cpu_seconds: -7_000.0, ..Usage::default() };
        *begun.look.lock() = Some(Ok(Look { server, client_cpu_seconds: -5_000.0 }));
        let figures = begun.measured(&job, &outcome).unwrap().figures;
        assert!((7e9..8e9).contains(&figures[&Metric::ServerCpu]), "{figures:?}");
        assert!((5e9..6e9).contains(&figures[&Metric::ClientCpu]), "{figures:?}");
    }

    #[test]
    fn what_failed_is_told_without_a_path_of_the_machine() {
        let text = "/a/b/data/x1/nats.log and /a/b/target/tools/nats";
        let told = without(text, Path::new("/a/b/data/x1"), Path::new("/a/b"));
        assert_eq!(told, "DIR/nats.log and ./target/tools/nats");
    }
}

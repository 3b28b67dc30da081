//! Makes runs on this machine: a fresh directory, a fresh server, its usage before and after.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::{
    compare::Lab,
    measure::Measured,
    own::Server,
    plan::Job,
    process::cpu_seconds,
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
        // Of what failed, what the server said may be all there is to find out why: the path is for who runs it, not for the results.
        let here = std::env::current_dir().context("no current directory")?;
        result.map_err(|error| anyhow::anyhow!("{}", without(&format!("{error:#}"), directory.path(), &here)))
    }
}

impl Here<'_> {
    async fn run_in(&self, kind: Kind, job: &Job, directory: &Path) -> Result<Measured> {
        match job {
            Job::Shared(_) | Job::Unary(_) => self.compared(kind, job, directory).await,
            Job::Many(_) => self.many(job, directory).await,
            Job::Idle(idle) => idle.run(self.tools, directory).await,
            Job::Recovery(recovery) => recovery.run(self.tools, directory).await,
        }
    }

    async fn compared(&self, kind: Kind, job: &Job, directory: &Path) -> Result<Measured> {
        let running = start(kind, self.tools, directory).await?;
        let (before, client_before) = (running.usage()?, own_cpu_seconds());
        let outcome = match job {
            Job::Unary(unary) => running.run_unary(unary, TOPIC).await?,
            Job::Shared(workload) => running.run(workload, TOPIC).await?,
            _ => anyhow::bail!("this is not done to every system"),
        };
        let used = running.usage()? - before;
        let measured = Measured::of(job, &outcome, used, own_cpu_seconds() - client_before);
        running.stop().await?;
        Ok(measured)
    }

    async fn many(&self, job: &Job, directory: &Path) -> Result<Measured> {
        let Job::Many(many) = job else { anyhow::bail!("this is another workload") };
        let server = Server::start(self.tools, directory).await?;
        let client = server.clients(1)?.remove(0);
        let outcome = many.run(&client, TOPIC).await?;
        // What creating and deleting the subscriptions took is in it, so of the usage only the memory is told.
        let mut measured = Measured::of(job, &outcome, server.process.usage()?, 0.0);
        measured.figures.retain(|metric, _| metric.is_latency() || *metric == crate::Metric::PeakRss);
        server.process.stop().await?;
        Ok(measured)
    }
}

/// The path of a run's directory is random, and that of the current one is somebody's.
fn without(text: &str, directory: &Path, here: &Path) -> String {
    let hide = |text: &str, path: &Path, name: &str| text.replace(&*path.to_string_lossy(), name);
    hide(&hide(text, directory, "DIR"), here, ".")
}

fn own_cpu_seconds() -> f64 {
    cpu_seconds(std::process::id()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_told_without_a_path_of_the_machine() {
        let text = "/a/b/data/x1/nats.log and /a/b/target/tools/nats";
        let told = without(text, Path::new("/a/b/data/x1"), Path::new("/a/b"));
        assert_eq!(told, "DIR/nats.log and ./target/tools/nats");
    }
}

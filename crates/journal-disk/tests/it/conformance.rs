//! The suite that every engine runs, over the real file system and the simulated one.

use std::{path::PathBuf, sync::Arc};

use journal::{BoxFuture, Journal, conformance::Engine};
use journal_disk::{Config, DiskJournal, Durability, FileSystem, StdFs, fs::sim::SimFs};
use types::SystemClock;

use crate::support::small;

struct OnDisk {
    fs: Arc<dyn FileSystem>,
    simulated: Option<SimFs>,
    root: PathBuf,
    config: Config,
    _dir: tempfile::TempDir,
}

impl Engine for OnDisk {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Journal>> {
        Box::pin(async {
            let clock = Arc::new(SystemClock::start());
            let journal = DiskJournal::open(self.fs.clone(), &self.root, self.config.clone(), clock);
            let opened: Arc<dyn Journal> = Arc::new(journal.unwrap());
            opened
        })
    }

    fn fail_writes(&self) -> bool {
        self.simulated.as_ref().inspect(|fs| fs.fail_from_now_on()).is_some()
    }
}

fn on_disk(config: Config) -> OnDisk {
    let dir = tempfile::tempdir().unwrap();
    OnDisk { fs: Arc::new(StdFs), simulated: None, root: dir.path().to_owned(), config, _dir: dir }
}

fn simulated(config: Config) -> OnDisk {
    let (fs, dir) = (SimFs::default(), tempfile::tempdir().unwrap());
    OnDisk { fs: Arc::new(fs.clone()), simulated: Some(fs), root: "/data".into(), config, _dir: dir }
}

mod real_files {
    use super::*;
    journal::conformance_tests!(on_disk(small()));
}

mod simulated_files {
    use super::*;
    journal::conformance_tests!(simulated(small()));
}

mod answers_before_the_sync {
    use super::*;

    fn interval() -> Config {
        Config { durability: Durability::Interval(std::time::Duration::from_millis(20)), ..small() }
    }

    journal::conformance_tests!(on_disk(interval()));
}

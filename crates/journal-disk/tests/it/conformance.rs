//! The suite that every engine runs, over the real file system and the simulated one.

use std::sync::Arc;

use journal::{BoxFuture, Journal, conformance::Engine};
use journal_disk::{Config, DiskJournal, FileSystem, StdFs};
use types::SystemClock;

use crate::support::small;

struct OnDisk {
    fs: Arc<dyn FileSystem>,
    dir: tempfile::TempDir,
    config: Config,
}

impl Engine for OnDisk {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Journal>> {
        Box::pin(async {
            let clock = Arc::new(SystemClock::start());
            let opened: Arc<dyn Journal> = Arc::new(
                DiskJournal::open(self.fs.clone(), self.dir.path(), self.config.clone(), clock).unwrap(),
            );
            opened
        })
    }
}

fn on_disk(config: Config) -> OnDisk {
    OnDisk { fs: Arc::new(StdFs), dir: tempfile::tempdir().unwrap(), config }
}

mod real_files {
    use super::*;
    journal::conformance_tests!(on_disk(small()));
}

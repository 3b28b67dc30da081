//! What the simulated broker stands on: an engine whose commits are driven by hand and that loses what is not durable.

use std::sync::Arc;

use journal::{Journal, MemoryJournal};
use journal_disk::{
    DiskJournal,
    fs::sim::{Loss, SimFs},
};
use types::ManualClock;

use super::{Engine, elsewhere::Elsewhere, random::Random};

pub(crate) enum Store {
    Memory(Arc<MemoryJournal>),
    Disk { fs: SimFs, journal: Arc<DiskJournal>, clock: Arc<ManualClock> },
}

impl Store {
    pub(crate) fn new(engine: Engine, random: &mut Random, clock: &Arc<ManualClock>) -> Self {
        match engine {
            Engine::Memory => {
                let segment_bytes = random.of(&[1_000, 4_000, 16_000]);
                let config = journal::memory::Config { segment_bytes, ..journal::memory::Config::default() };
                Self::Memory(Arc::new(MemoryJournal::new(config)))
            }
            Engine::Disk => Self::on(SimFs::default(), clock),
        }
    }

    fn on(fs: SimFs, clock: &Arc<ManualClock>) -> Self {
        let config = journal_disk::Config {
            segment_bytes: 8_000,
            batch_bytes: 48 << 10,
            pending_bytes: 64 << 10,
            chunk_min_bytes: 4_096,
            chunk_max_bytes: 16_384,
            reserve_bytes: 16_384,
            ..journal_disk::Config::default()
        };
        let journal = DiskJournal::open_stepped(Arc::new(fs.clone()), "/data", config, clock.clone())
            .expect("the simulated disk opens");
        Self::Disk { fs, journal: Arc::new(journal), clock: clock.clone() }
    }

    pub(crate) fn journal(&self) -> Arc<dyn Journal> {
        match self {
            Self::Memory(journal) => journal.clone(),
            Self::Disk { journal, .. } => Arc::new(Elsewhere(journal.clone())),
        }
    }

    /// A little progress, or for once none for a while.
    pub(crate) fn work(&self, random: &mut Random) {
        match self {
            Self::Memory(journal) if random.percent(40) => journal.hold(),
            Self::Memory(journal) => journal.release(),
            Self::Disk { journal, .. } => {
                for _ in 0..random.below(4) {
                    journal.step();
                }
            }
        }
    }

    /// Everything that was accepted becomes durable.
    pub(crate) fn settle(&self) {
        match self {
            Self::Memory(journal) => journal.release(),
            Self::Disk { journal, .. } => {
                while journal.step() {}
                journal.tick();
            }
        }
    }

    /// What a power cut leaves.
    pub(crate) fn crash(&self, random: &mut Random) -> Self {
        match self {
            Self::Memory(journal) => Self::Memory(Arc::new(journal.restart())),
            Self::Disk { fs, clock, .. } => Self::on(fs.crash(loss(random)), clock),
        }
    }
}

fn loss(random: &mut Random) -> Loss {
    let seed = random.next();
    match random.below(6) {
        0 => Loss::Everything,
        1 => Loss::Nothing,
        2 => Loss::Suffix(seed),
        3 => Loss::Some(seed),
        4 => Loss::Sectors(512, seed),
        _ => Loss::Sectors(4_096, seed),
    }
}

//! Space for state records when the disk is full: a file of zeros that is given up when they need it.
//!
//! # Invariants
//!
//! - While the reserve is not whole, or space could not be taken, publishes are refused.
//! - The disk counts as having space again once the reserve could be written in full, and behind it what was missing,
//!   a step of the extensions at least. That is proof: to try again and fail would only go to and fro.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use crate::fs::{File, FileSystem, is_full, is_shortage, write_zeros};

#[derive(Debug)]
pub(crate) struct Reserve {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    bytes: u64,
    /// The least that is proven to be there.
    probe: u64,
    full: AtomicBool,
    /// The most that could not be taken since the disk is full.
    missing: AtomicU64,
    /// Giving it up and writing it take turns.
    turn: Mutex<()>,
}

impl Reserve {
    pub(crate) fn new(fs: Arc<dyn FileSystem>, path: PathBuf, bytes: u64, probe: u64) -> Self {
        let (full, missing) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { fs, path, bytes, probe, full, missing, turn: Mutex::new(()) }
    }

    /// The disk is full: publishes are refused.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::SeqCst)
    }

    /// Notes that so much could not be taken; `true` if it is news that the disk is full.
    pub(crate) fn set_full(&self, missing: u64) -> bool {
        self.missing.fetch_max(missing, Ordering::SeqCst);
        !self.full.swap(true, Ordering::SeqCst)
    }

    /// Gives the reserve's space to whoever takes it next. The disk counts as full from then on, whatever a look at it
    /// said just before.
    pub(crate) fn release(&self) -> io::Result<()> {
        let _turn = self.turn.lock();
        self.full.store(true, Ordering::SeqCst);
        if !self.fs.exists(&self.path)? {
            return Ok(());
        }
        let file = self.fs.open(&self.path)?;
        file.truncate(0)?;
        Ok(file.sync()?)
    }

    /// Writes the reserve where it is not whole. `true`: the disk has space.
    pub(crate) fn restore(&self) -> io::Result<bool> {
        let _turn = self.turn.lock();
        let missing = self.missing.load(Ordering::SeqCst);
        match self.fill().and_then(|file| self.prove(&*file, missing)) {
            Ok(()) => {
                self.missing.store(0, Ordering::SeqCst);
                self.full.store(false, Ordering::SeqCst);
                Ok(true)
            }
            Err(error) if is_shortage(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn fill(&self) -> io::Result<Arc<dyn File>> {
        let there = self.fs.exists(&self.path)?;
        let file = if there { self.fs.open(&self.path)? } else { self.fs.create(&self.path)? };
        let size = file.size()?;
        if size < self.bytes {
            take(&*file, size, self.bytes - size)?;
        }
        if size > self.bytes {
            file.truncate(self.bytes)?;
        }
        Ok(file)
    }

    /// Takes what was missing, and gives it back at once.
    fn prove(&self, file: &dyn File, missing: u64) -> io::Result<()> {
        if !self.is_full() {
            return Ok(());
        }
        take(file, self.bytes, missing.max(self.probe))?;
        file.truncate(self.bytes)?;
        Ok(file.sync()?)
    }
}

/// Writes zeros; if the disk is full, what was got is given back: it is for the logs until there is enough for all of it.
fn take(file: &dyn File, from: u64, bytes: u64) -> io::Result<()> {
    let taken = write_zeros(file, from, bytes);
    if taken.as_ref().is_err_and(is_full) {
        file.truncate(from)?;
    }
    taken
}

//! Space for state records when the disk is full: a file of zeros that is given up when they need it.
//!
//! # Invariants
//!
//! - While the reserve is not whole, or space could not be taken, publishes are refused.
//! - The disk counts as having space again once the reserve could be written in full.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;

use crate::fs::{FileSystem, is_full, write_zeros};

#[derive(Debug)]
pub(crate) struct Reserve {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    bytes: u64,
    full: AtomicBool,
    /// Giving it up and writing it take turns.
    turn: Mutex<()>,
}

impl Reserve {
    pub(crate) fn new(fs: Arc<dyn FileSystem>, path: PathBuf, bytes: u64) -> Self {
        Self { fs, path, bytes, full: AtomicBool::new(false), turn: Mutex::new(()) }
    }

    /// The disk is full: publishes are refused.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::SeqCst)
    }

    /// Notes that space could not be taken; `true` if that is news.
    pub(crate) fn set_full(&self) -> bool {
        !self.full.swap(true, Ordering::SeqCst)
    }

    /// Gives the reserve's space to whoever takes it next.
    pub(crate) fn release(&self) -> io::Result<()> {
        let _turn = self.turn.lock();
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
        match self.fill() {
            Ok(()) => {
                self.full.store(false, Ordering::SeqCst);
                Ok(true)
            }
            Err(error) if is_full(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn fill(&self) -> io::Result<()> {
        let there = self.fs.exists(&self.path)?;
        let file = if there { self.fs.open(&self.path)? } else { self.fs.create(&self.path)? };
        let size = file.size()?;
        if size < self.bytes {
            let filled = write_zeros(&*file, size, self.bytes - size);
            if filled.as_ref().is_err_and(is_full) {
                // What was got is given back: it is for the logs until there is enough for all of it.
                file.truncate(size)?;
            }
            return filled;
        }
        if size > self.bytes {
            file.truncate(self.bytes)?;
        }
        Ok(())
    }
}

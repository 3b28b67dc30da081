//! A file system in memory that loses what was not synced, for tests.
//!
//! # What it simulates
//!
//! - A crash ([`SimFs::crash`]) keeps what was synced. Of what was not, it keeps all, nothing, a beginning, some
//!   changes, or some sectors of some writes, as [`Loss`] says. That holds for names in directories too: a file
//!   that was created or renamed is not there after a crash unless its directory was synced.
//! - One call can fail ([`SimFs::fail_call`]), a write half done. A sync that fails loses what it should have
//!   synced, and the next one succeeds, as on Linux.
//! - The disk can be full ([`SimFs::set_capacity`]).
//! - Before each call that changes something an observer is called, to look at every state in which a crash can
//!   leave the disk.

mod disk;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use disk::{Change, Disk};
use parking_lot::Mutex;

use super::{File, FileSystem, LockGuard, SyncFailed};

/// What a crash takes of the changes that were not synced. The numbers are seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All of them.
    Everything,
    /// None of them.
    Nothing,
    /// Those after some point in time; the change at that point is torn.
    Suffix(u64),
    /// Any of them.
    Some(u64),
    /// Any sectors, of so many bytes, of any of them.
    Sectors(u64, u64),
}

type Observer = Arc<dyn Fn(&SimFs) + Send + Sync>;

/// See the module. A clone is the same file system.
#[derive(Clone, Default)]
pub struct SimFs {
    disk: Arc<Mutex<Disk>>,
    observer: Arc<Mutex<Option<Observer>>>,
}

impl fmt::Debug for SimFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimFs({} calls)", self.calls())
    }
}

impl SimFs {
    /// What the next process finds after a power cut now.
    #[must_use]
    pub fn crash(&self, loss: Loss) -> Self {
        Self { disk: Arc::new(Mutex::new(self.disk.lock().crash(loss))), observer: Arc::default() }
    }

    /// Calls `observer` before each call that changes something.
    pub fn observe(&self, observer: impl Fn(&Self) + Send + Sync + 'static) {
        *self.observer.lock() = Some(Arc::new(observer));
    }

    /// No observer any more.
    pub fn observe_no_more(&self) {
        *self.observer.lock() = None;
    }

    /// Calls so far that changed something or would have.
    pub fn calls(&self) -> u64 {
        self.disk.lock().calls
    }

    /// The call with that number fails; the first one has number 1.
    pub fn fail_call(&self, number: u64) {
        self.disk.lock().fails = number..number + 1;
    }

    /// The sync with that number, of a file or a directory, fails, and says that the disk is full; the first one has
    /// number 1.
    pub fn fail_sync_as_full(&self, number: u64) {
        self.disk.lock().full_sync = number;
    }

    /// Syncs so far, of files and directories.
    pub fn syncs(&self) -> u64 {
        self.disk.lock().syncs
    }

    /// Nothing can be opened or created from now on, as if the process had no descriptor left; or it can again.
    pub fn refuse_descriptors(&self, refuse: bool) {
        self.disk.lock().no_descriptors = refuse;
    }

    /// How often a file was opened or created by that name.
    pub fn descriptors(&self, path: &Path) -> u64 {
        let disk = self.disk.lock();
        disk.find(path).ok().and_then(|node| disk.opened.get(&node).copied()).unwrap_or(0)
    }

    /// Every call fails from now on.
    pub fn fail_from_now_on(&self) {
        let mut disk = self.disk.lock();
        disk.fails = disk.calls..u64::MAX;
    }

    /// All files together can have so many bytes.
    pub fn set_capacity(&self, bytes: u64) {
        self.disk.lock().capacity = bytes;
    }

    /// Bytes of all files together.
    pub fn used(&self) -> u64 {
        self.disk.lock().used()
    }

    /// Every file, with its path.
    pub fn files(&self) -> Vec<PathBuf> {
        self.disk.lock().files()
    }

    /// What a file holds.
    pub fn contents(&self, path: &Path) -> io::Result<Vec<u8>> {
        let disk = self.disk.lock();
        disk.find(path).and_then(|node| Ok(disk.file(node)?.to_vec()))
    }

    /// Damages a file, durably.
    pub fn edit(&self, path: &Path, edit: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let node = disk.find(path)?;
        disk.edit(node, edit)
    }

    /// A call that changes something: shows the state before it, counts it, and lets it fail if that was asked for.
    fn change<T>(&self, change: impl FnOnce(&mut Disk, bool) -> io::Result<T>) -> io::Result<T> {
        let observer = self.observer.lock().clone();
        if let Some(observer) = observer {
            observer(self);
        }
        let mut disk = self.disk.lock();
        disk.calls += 1;
        let fails = disk.fails.contains(&disk.calls);
        let outcome = change(&mut disk, fails);
        if fails { Err(io::Error::other("a simulated failure")) } else { outcome }
    }
}

impl FileSystem for SimFs {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        if self.exists(path)? {
            return Ok(());
        }
        self.change(|disk, fails| if fails { Ok(()) } else { disk.add_dir(path) })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let disk = self.disk.lock();
        let node = disk.find(dir)?;
        Ok(disk.dir(node)?.keys().cloned().collect())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        Ok(self.disk.lock().find(path).is_ok())
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut disk = self.disk.lock();
        disk.descriptor()?;
        let node = disk.find(path)?;
        *disk.opened.entry(node).or_default() += 1;
        Ok(Arc::new(SimFile { fs: self.clone(), node }))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.disk.lock().descriptor()?;
        let node = self.change(|disk, fails| if fails { Ok(0) } else { disk.add_file(path) })?;
        Ok(Arc::new(SimFile { fs: self.clone(), node }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        assert_eq!(from.parent(), to.parent(), "the engine renames within a directory");
        self.change(|disk, fails| {
            let dir = disk.parent(from)?;
            let (from, to) = (disk::name(from)?, disk::name(to)?);
            if fails { Ok(()) } else { disk.apply(Change::Rename { dir, from, to }) }
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(|disk, fails| if fails { Ok(()) } else { disk.unlink(path) })
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        for name in self.list(path)? {
            self.remove_file(&path.join(name))?;
        }
        self.change(|disk, fails| if fails { Ok(()) } else { disk.unlink(path) })
    }

    fn open_dir(&self, dir: &Path) -> io::Result<Arc<dyn File>> {
        let disk = self.disk.lock();
        disk.descriptor()?;
        let node = disk.find(dir)?;
        disk.dir(node)?;
        Ok(Arc::new(SimFile { fs: self.clone(), node }))
    }

    fn lock(&self, path: &Path) -> io::Result<LockGuard> {
        if !self.exists(path)? {
            self.create(path)?;
        }
        if !self.disk.lock().locked.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(LockGuard::new(Held { disk: self.disk.clone(), path: path.to_owned() }))
    }
}

struct Held {
    disk: Arc<Mutex<Disk>>,
    path: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.disk.lock().locked.remove(&self.path);
    }
}

#[derive(Debug)]
struct SimFile {
    fs: SimFs,
    node: u64,
}

impl File for SimFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.fs.disk.lock().file(self.node)?.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let disk = self.fs.disk.lock();
        let contents = disk.file(self.node)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(contents.len());
        let read = buffer.len().min(contents.len() - start);
        buffer[..read].copy_from_slice(&contents[start..start + read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.fs.change(|disk, fails| {
            let bytes = if fails { &bytes[..bytes.len() / 2] } else { bytes };
            disk.write(self.node, offset, bytes)
        })
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.fs.change(
            |disk, fails| {
                if fails { Ok(()) } else { disk.apply(Change::Truncate { file: self.node, size }) }
            },
        )
    }

    fn sync(&self) -> Result<(), SyncFailed> {
        Ok(self.fs.change(|disk, fails| disk.sync(self.node, fails))?)
    }
}

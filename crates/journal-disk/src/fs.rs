//! The seam to the operating system. *Only* [`StdFs`] touches it; the simulated one loses what was not synced.

#[cfg(feature = "testing")]
pub mod sim;
mod std_fs;

use std::{any::Any, fmt, io, path::Path, sync::Arc};

pub use std_fs::StdFs;

/// What the engine asks of a file system.
pub trait FileSystem: fmt::Debug + Send + Sync + 'static {
    /// Makes a directory; one that exists is fine. Durable after a sync of its parent.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Whether there is a file or directory.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Opens a file that exists, for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Makes an empty file, in place of one that exists.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Gives a file or directory another name in the same directory, in place of a file that has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory and everything in it.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Opens a directory, for its sync, which makes the names in it durable.
    fn open_dir(&self, dir: &Path) -> io::Result<Arc<dyn File>>;

    /// Takes a file's exclusive lock, making the file if there is none, until what it returns is dropped.
    /// [`io::ErrorKind::WouldBlock`] at once if another holds it.
    fn lock(&self, path: &Path) -> io::Result<LockGuard>;
}

/// An open file.
pub trait File: fmt::Debug + Send + Sync {
    /// Its size.
    fn size(&self) -> io::Result<u64>;

    /// Reads as much as there is, up to the whole buffer; returns how much.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of it or fails; a part may be written then.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts the file off.
    fn truncate(&self, size: u64) -> io::Result<()>;

    /// Makes contents and size durable.
    fn sync(&self) -> Result<(), SyncFailed>;
}

/// A sync failed: what was written may be gone, though it is still seen. Whatever the cause was, a full disk too, it is
/// final, so that as an [`io::Error`] it is of no kind that anyone waits out.
#[derive(Debug)]
pub struct SyncFailed(io::Error);

impl fmt::Display for SyncFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sync: {}", self.0)
    }
}

impl std::error::Error for SyncFailed {}

impl From<io::Error> for SyncFailed {
    fn from(cause: io::Error) -> Self {
        Self(cause)
    }
}

impl From<SyncFailed> for io::Error {
    fn from(failed: SyncFailed) -> Self {
        Self::other(failed)
    }
}

/// A lock, held until dropped.
#[derive(Debug)]
#[must_use = "the lock is held as long as this lives"]
pub struct LockGuard(#[expect(dead_code, reason = "lives for its drop")] Box<dyn Any + Send + Sync>);

impl LockGuard {
    /// Wraps whatever releases the lock when it is dropped.
    pub fn new(held: impl Any + Send + Sync) -> Self {
        Self(Box::new(held))
    }
}

/// The disk, a quota or a file size limit is exhausted: nothing is broken. Never of a sync, see [`SyncFailed`].
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// The process or the system has no file descriptor left: nothing is broken, and nothing was done.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

/// What a file or a directory needs may be there later.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    is_full(error) || is_out_of_descriptors(error)
}

/// Makes the names in a directory durable. Where names change, the directory is better opened before.
pub(crate) fn sync_dir(fs: &dyn FileSystem, dir: &Path) -> io::Result<()> {
    Ok(fs.open_dir(dir)?.sync()?)
}

/// Writes zeros and makes them durable, so that later writes there need no space.
pub(crate) fn write_zeros(file: &dyn File, from: u64, bytes: u64) -> io::Result<()> {
    static ZEROS: [u8; 256 << 10] = [0; 256 << 10];
    let end = from + bytes;
    let mut at = from;
    while at < end {
        let step = usize::try_from(end - at).unwrap_or(usize::MAX).min(ZEROS.len());
        file.write_at(&ZEROS[..step], at)?;
        at += step as u64;
    }
    Ok(file.sync()?)
}

/// Makes a file under its final name in one step: afterwards, or after a crash, it is whole or not there.
pub(crate) fn publish_file(
    fs: &dyn FileSystem,
    path: &Path,
    fill: impl FnOnce(&dyn File) -> io::Result<()>,
) -> io::Result<Arc<dyn File>> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY);
    let temporary = Path::new(&temporary);
    // Before the name is given, so that nothing can be missing for its sync.
    let names = fs.open_dir(path.parent().unwrap_or(path))?;
    let publish = || {
        let file = fs.create(temporary)?;
        fill(&*file)?;
        file.sync()?;
        fs.rename(temporary, path)?;
        Ok(file)
    };
    let file = publish().inspect_err(|error| {
        // A full disk must get its space back; after any other error the next start cleans up.
        if is_full(error) {
            let _ = fs.remove_file(temporary);
        }
    })?;
    names.sync()?;
    Ok(file)
}

/// Ends the names of what is not finished; removed at the next start.
pub(crate) const TEMPORARY: &str = ".tmp";

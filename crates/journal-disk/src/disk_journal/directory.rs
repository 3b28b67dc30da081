//! The data directory: its lock, its version, and which logs are in it.

use std::{io, path::Path};

use journal::JournalError;
use types::LogId;

use crate::{
    engine::Engine,
    format::{DIRECTORY_HEADER, Unreadable, VERSION, decode_directory, encode_directory},
    fs::{FileSystem, LockGuard, TEMPORARY, publish_file, sync_dir},
    names,
    recovery::read_failed,
};

/// Locks the directory and checks its version, or makes it. Removes what an earlier process left unfinished.
pub(super) fn open(fs: &dyn FileSystem, root: &Path) -> Result<LockGuard, JournalError> {
    make(fs, root).map_err(read_failed)?;
    let lock = fs.lock(&root.join(names::LOCK)).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => JournalError::Locked(root.display().to_string().into()),
        _ => read_failed(error),
    })?;
    let logs = root.join(names::LOGS);
    if fs.exists(&root.join(names::FORMAT)).map_err(read_failed)? {
        check(fs, &root.join(names::FORMAT))?;
    } else if fs.exists(&logs).map_err(read_failed)? && !fs.list(&logs).map_err(read_failed)?.is_empty() {
        return Err(damaged(&root.join(names::FORMAT), "it is missing, though there are logs"));
    }
    prepare(fs, root, &logs).map_err(read_failed)?;
    Ok(lock)
}

/// Makes the directory where there is none, and its name durable: an earlier process may not have got that far.
fn make(fs: &dyn FileSystem, root: &Path) -> io::Result<()> {
    let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !fs.exists(root)? {
        if !fs.exists(parent)? {
            make(fs, parent)?;
        }
        fs.create_dir(root)?;
    }
    match sync_dir(fs, parent) {
        // Then this user cannot have made it either.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

fn check(fs: &dyn FileSystem, path: &Path) -> Result<(), JournalError> {
    let mut bytes = [0; DIRECTORY_HEADER];
    let read = fs.open(path).and_then(|file| file.read_at(&mut bytes, 0)).map_err(read_failed)?;
    decode_directory(&bytes[..read]).map_err(|unreadable| match unreadable {
        Unreadable::Damaged => damaged(path, "it is damaged; the logs may be whole"),
        Unreadable::Newer(found) => {
            JournalError::NewerFormat { file: path.display().to_string().into(), found, known: VERSION }
        }
    })
}

fn prepare(fs: &dyn FileSystem, root: &Path, logs: &Path) -> io::Result<()> {
    fs.create_dir(logs)?;
    sync_dir(fs, root)?;
    let format = root.join(names::FORMAT);
    if !fs.exists(&format)? {
        publish_file(fs, &format, |file| file.write_at(&encode_directory(), 0))?;
    }
    for name in fs.list(logs)? {
        if name.ends_with(TEMPORARY) || name.ends_with(names::TRASH) {
            fs.remove_dir(&logs.join(name))?;
        }
    }
    sync_dir(fs, logs)
}

/// The logs that exist, in the order of their identifiers.
pub(super) fn logs(engine: &Engine) -> Result<Vec<LogId>, JournalError> {
    let names = engine.fs.list(&engine.logs_dir()).map_err(read_failed)?;
    let mut logs: Vec<_> = names.iter().filter_map(|name| names::parse_log(name)).collect();
    logs.sort_unstable();
    Ok(logs)
}

/// Removes a log: once it has lost its name, durably, it does not exist; the rest is cleaning up.
pub(super) fn remove_log(engine: &Engine, log: LogId) -> Result<(), JournalError> {
    let dir = engine.log_dir(log);
    let logs = engine.logs_dir();
    let trash = logs.join(names::log(log) + names::TRASH);
    let remove = || {
        if !engine.fs.exists(&dir)? {
            return Ok(());
        }
        let parent = engine.fs.open_dir(&logs)?;
        if engine.fs.exists(&trash)? {
            engine.fs.remove_dir(&trash)?;
        }
        engine.fs.rename(&dir, &trash)?;
        parent.sync()?;
        engine.fs.remove_dir(&trash)
    };
    remove().map_err(|error| engine.failed("removal of a log", &error))?;
    engine.jobs.nudge();
    Ok(())
}

fn damaged(path: &Path, what: &str) -> JournalError {
    JournalError::Damaged { file: path.display().to_string().into(), what: what.into() }
}

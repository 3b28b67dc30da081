//! What a figure depends on, of the machine: nothing that tells whose it is.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

/// Where a comparison was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// As the processor calls itself.
    pub(crate) cpu: String,
    /// Threads that run at the same time.
    pub(crate) cores: usize,
    /// Whole mebibytes.
    pub(crate) memory_mib: u64,
    /// Its release.
    pub(crate) kernel: String,
    /// Below the servers' data.
    pub(crate) file_system: String,
}

impl Machine {
    /// This one; servers keep their data below `data`. What cannot be found out is called unknown.
    pub(crate) fn here(data: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
        Self {
            cpu: or_unknown(value_of(&read("/proc/cpuinfo"), "model name")),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: memory_mib(&read("/proc/meminfo")),
            kernel: or_unknown(Some(read("/proc/sys/kernel/osrelease").trim().to_owned())),
            file_system: or_unknown(file_system(&read("/proc/self/mountinfo"), &data)),
        }
    }

    /// Whether what is "written to disk" here is in memory only, so that an fsync costs nothing.
    pub(crate) fn is_in_memory(&self) -> bool {
        matches!(self.file_system.as_str(), "tmpfs" | "ramfs")
    }
}

fn or_unknown(found: Option<String>) -> String {
    found.filter(|found| !found.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

/// What comes after the colon in the first line that begins with this.
fn value_of(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory_mib(meminfo: &str) -> u64 {
    let kib = value_of(meminfo, "MemTotal").and_then(|value| value.split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1_024
}

/// The type of the mount that a path is on: the longest mount point above it (proc(5), mountinfo). The later of equal ones hides the earlier.
fn file_system(mountinfo: &str, path: &Path) -> Option<String> {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        Some((before.split(' ').nth(4)?, after.split(' ').next()?))
    });
    let above = mounts.filter(|(point, _)| path.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
        30 22 0:25 / /tmp rw,nosuid - tmpfs tmpfs rw\n\
        31 30 0:26 / /tmp/deep rw shared:9 - xfs /dev/vdb rw\n";

    #[test]
    fn the_file_system_is_that_of_the_longest_mount_point_above() {
        let of = |path: &str| file_system(MOUNTS, Path::new(path)).unwrap();
        assert_eq!(of("/var/lib"), "ext4");
        assert_eq!(of("/tmp/data"), "tmpfs");
        assert_eq!(of("/tmp/deep/data"), "xfs");
        assert_eq!(of("/tmpfile"), "ext4");
    }

    #[test]
    fn memory_is_told_in_mebibytes_and_a_file_without_it_is_none() {
        assert_eq!(memory_mib("MemTotal:       24576000 kB\nMemFree: 1 kB\n"), 24_000);
        assert_eq!(memory_mib("nothing"), 0);
    }

    #[test]
    fn this_machine_has_a_processor_a_kernel_and_a_file_system() {
        let machine = Machine::here(Path::new("."));
        assert!(machine.cores > 0 && machine.memory_mib > 0);
        assert_ne!(machine.kernel, "unknown");
        assert_ne!(machine.file_system, "unknown");
    }

    #[test]
    fn memory_that_plays_a_disk_is_recognised() {
        let machine = |kind: &str| Machine { file_system: kind.to_owned(), ..Machine::here(Path::new(".")) };
        assert!(machine("tmpfs").is_in_memory());
        assert!(!machine("ext4").is_in_memory());
    }
}

//! What files and directories are called.

use types::{LogId, Position};

/// The data directory's header.
pub(crate) const FORMAT: &str = "FORMAT";
/// Held locked by the process that owns the directory.
pub(crate) const LOCK: &str = "LOCK";
/// Space that a full disk leaves to state records.
pub(crate) const RESERVE: &str = "RESERVE";
/// Has a directory for each log.
pub(crate) const LOGS: &str = "logs";
/// Ends the name of a log that is being removed.
pub(crate) const TRASH: &str = ".trash";

const SEGMENT: &str = ".seg";
const CHECKPOINT: &str = ".ckpt";

pub(crate) fn log(log: LogId) -> String {
    format!("{:016x}", log.0)
}

pub(crate) fn parse_log(name: &str) -> Option<LogId> {
    let id = u64::from_str_radix(name, 16).ok()?;
    (log(LogId(id)) == name).then_some(LogId(id))
}

pub(crate) fn segment(first: Position) -> String {
    format!("{first:020}{SEGMENT}")
}

pub(crate) fn parse_segment(name: &str) -> Option<Position> {
    parse(name, SEGMENT)
}

pub(crate) fn checkpoint(generation: u64) -> String {
    format!("{generation:020}{CHECKPOINT}")
}

pub(crate) fn parse_checkpoint(name: &str) -> Option<u64> {
    parse(name, CHECKPOINT)
}

fn parse(name: &str, suffix: &str) -> Option<u64> {
    let number = name.strip_suffix(suffix)?;
    if number.len() == 20 { number.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_sort_as_their_numbers_do() {
        for number in [0, 1, 9, 10, u64::MAX] {
            assert_eq!(parse_log(&log(LogId(number))), Some(LogId(number)));
            assert_eq!(parse_segment(&segment(number)), Some(number));
            assert_eq!(parse_checkpoint(&checkpoint(number)), Some(number));
        }
        assert!(segment(9) < segment(10) && log(LogId(9)) < log(LogId(10)));
        assert_eq!(parse_segment("00000000000000000001.seg.tmp"), None);
        assert_eq!(parse_log("0000000000000001.trash"), None);
    }
}

//! What a broker logs, line by line as it comes.

use std::{
    io::{BufRead, BufReader, Read},
    sync::Arc,
    thread,
};

use parking_lot::{Condvar, Mutex};
use serde_json::Value;

/// Time for a line that has to come.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// The lines so far, JSON or not, and whether there can be more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<Value>,
    ended: bool,
}

impl Log {
    /// Reads it on a thread of its own, until it ends.
    pub(crate) fn follow(stderr: impl Read + Send + 'static) -> Self {
        let log = Self::default();
        let writer = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                writer.change(|lines| lines.lines.push(value));
            }
            writer.change(|lines| lines.ended = true);
        });
        log
    }

    fn change(&self, change: impl FnOnce(&mut Lines)) {
        change(&mut self.0.0.lock());
        self.0.1.notify_all();
    }

    /// The first line that is wanted, which is waited for.
    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait_for_some(what, 1, wanted).remove(0)
    }

    /// The first so many lines that are wanted, which are waited for.
    pub(crate) fn wait_for_some(
        &self,
        what: &str,
        count: usize,
        wanted: impl Fn(&Value) -> bool,
    ) -> Vec<Value> {
        let (lines, changed) = &*self.0;
        let mut lines = lines.lock();
        loop {
            let found: Vec<&Value> = lines.lines.iter().filter(|line| wanted(line)).take(count).collect();
            if found.len() == count {
                return found.into_iter().cloned().collect();
            }
            assert!(!lines.ended, "{what}: not in the whole log: {:#?}", lines.lines);
            let late = changed.wait_for(&mut lines, PATIENCE).timed_out();
            assert!(!late, "{what}: not in the log so far: {:#?}", lines.lines);
        }
    }

    /// The lines so far.
    pub(crate) fn so_far(&self) -> Vec<Value> {
        self.0.0.lock().lines.clone()
    }

    /// The line with this message, which is waited for.
    pub(crate) fn wait_for_message(&self, message: &str) -> Value {
        self.wait_for(message, |line| text(line).contains(message))
    }

    /// Every line, once there can be no more.
    pub(crate) fn whole(&self) -> Vec<Value> {
        let (lines, changed) = &*self.0;
        let mut lines = lines.lock();
        changed.wait_while_for(&mut lines, |lines| !lines.ended, PATIENCE);
        lines.lines.clone()
    }
}

/// What a line says.
pub(crate) fn text(line: &Value) -> &str {
    line["message"].as_str().or(line.as_str()).unwrap_or_default()
}

/// Whether it is the broker's own complaint, or no log line at all, as that of a panic.
pub(crate) fn is_error(line: &Value) -> bool {
    line["level"] == "ERROR" || line.is_string()
}

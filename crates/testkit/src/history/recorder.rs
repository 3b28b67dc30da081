use super::{Call, Entry, Event, Invoked};

/// Collects a history.
#[derive(Debug, Default)]
pub struct Recorder {
    entries: Vec<Entry>,
    calls: Call,
}

impl Recorder {
    /// Adds an event.
    pub fn record(&mut self, at: u64, event: Event) {
        self.entries.push(Entry { line: self.entries.len() as u64 + 1, at, event });
    }

    /// Adds the beginning of a call and numbers it.
    pub fn invoke(&mut self, at: u64, request: Invoked) -> Call {
        self.calls += 1;
        self.record(at, Event::Invoked { call: self.calls, request });
        self.calls
    }

    /// The number that the next call gets.
    pub fn next_call(&self) -> Call {
        self.calls + 1
    }

    /// What was recorded.
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }
}

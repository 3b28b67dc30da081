use std::time::Duration;

const SECONDS: usize = 10;

/// How the attempts of the last 10 s went, by the second.
#[derive(Debug, Clone, Default)]
pub(crate) struct Window {
    /// At the second modulo their number: which second, successes, failures.
    cells: [(u64, u32, u32); SECONDS],
}

impl Window {
    /// Counts.
    pub(crate) fn add(&mut self, now: Duration, ok: u32, failed: u32) {
        let second = now.as_secs();
        let cell = &mut self.cells[index(second)];
        if cell.0 != second {
            *cell = (second, 0, 0);
        }
        cell.1 = cell.1.saturating_add(ok);
        cell.2 = cell.2.saturating_add(failed);
    }

    /// Successes and failures of the last 10 s.
    pub(crate) fn sums(&self, now: Duration) -> (u32, u32) {
        let current = now.as_secs();
        let recent =
            self.cells.iter().filter(|(second, ..)| second + SECONDS as u64 > current && *second <= current);
        recent.fold((0, 0), |(ok, failed), cell| (ok.saturating_add(cell.1), failed.saturating_add(cell.2)))
    }
}

fn index(second: u64) -> usize {
    usize::try_from(second % SECONDS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_ten_seconds_is_forgotten() {
        let mut window = Window::default();
        (0..15).for_each(|second| window.add(Duration::from_secs(second), 1, 2));
        assert_eq!(window.sums(Duration::from_secs(14)), (10, 20));
        assert_eq!(window.sums(Duration::from_secs(20)), (4, 8));
        assert_eq!(window.sums(Duration::from_secs(60)), (0, 0));
    }
}

//! A run's deadline.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// What is kept back of Lambda's time, to commit and report: longer than one statement may take.
const RESERVE: Duration = Duration::from_secs(25);

/// More than any function is given, and less than the time since 1970.
const A_DAY: Duration = Duration::from_hours(24);

/// Until when a run may begin another piece of work.
#[derive(Clone)]
pub struct Deadline(Arc<dyn Fn() -> bool + Send + Sync>);

impl Deadline {
    /// Well before Lambda ends the function at `end`.
    ///
    /// An end that is long past can't be meant: `cargo lambda watch` sends how long it gives, where Lambda sends when
    /// it ends (in milliseconds since 1970 both).
    #[must_use]
    pub fn before(end: SystemTime) -> Self {
        let now = SystemTime::now();
        let given = end.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let end = if given < A_DAY { now + given } else { end };
        Self::when(move || SystemTime::now() + RESERVE >= end)
    }

    /// As soon as `passed` says so.
    #[must_use]
    pub fn when(passed: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(passed))
    }

    /// Whether to leave the rest to the next run.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        (self.0)()
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deadline").field(&self.has_passed()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_passes_while_there_is_time_to_commit() {
        let ends_in = |seconds| Deadline::before(SystemTime::now() + Duration::from_secs(seconds));
        assert!(!ends_in(60).has_passed());
        assert!(ends_in(20).has_passed());
        assert!(Deadline::before(SystemTime::now() - Duration::from_secs(1)).has_passed());
    }

    #[test]
    fn what_the_emulator_sends_is_a_length_of_time() {
        assert!(!Deadline::before(SystemTime::UNIX_EPOCH + Duration::from_mins(10)).has_passed());
        assert!(Deadline::before(SystemTime::UNIX_EPOCH + Duration::from_secs(3)).has_passed());
    }
}

//! How long a run may go on.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// What is kept back of Lambda's time, to commit and report: longer than one statement may take.
const RESERVE: Duration = Duration::from_secs(25);

/// Until when a run may begin another piece of work.
#[derive(Clone)]
pub struct Deadline(Arc<dyn Fn() -> bool + Send + Sync>);

impl Deadline {
    /// Well before Lambda ends the function at `end`.
    #[must_use]
    pub fn before(end: SystemTime) -> Self {
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

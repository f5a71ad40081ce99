//! A run's clock: it starts at the time that the event names, and runs on from there.

use std::{fmt, pin::Pin, sync::Arc};

use jiff::Timestamp;

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A clock to read and to wait by.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    sleep_until: Arc<dyn Fn(Timestamp) -> Sleep + Send + Sync>,
}

impl Clock {
    /// A clock that shows `start` now.
    #[must_use]
    pub fn from(start: Timestamp) -> Self {
        let begun = tokio::time::Instant::now();
        Self::new(
            move || start + begun.elapsed(),
            move |at| {
                let wait = at.duration_since(start).unsigned_abs();
                Box::pin(tokio::time::sleep_until(begun + wait))
            },
        )
    }

    /// A clock of one's own making.
    #[must_use]
    pub fn new(
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        sleep_until: impl Fn(Timestamp) -> Sleep + Send + Sync + 'static,
    ) -> Self {
        Self { now: Arc::new(now), sleep_until: Arc::new(sleep_until) }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Waits until it shows `at`.
    pub async fn sleep_until(&self, at: Timestamp) {
        if at > self.now() {
            (self.sleep_until)(at).await;
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

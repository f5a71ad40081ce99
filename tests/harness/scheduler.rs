//! The schedules, as the function `jobs` knows them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use jiff::Timestamp;
use jobs::{Answer, Deadline, Event, Jobs};
use runtime::{aws::SdkConfig, lambda::Fatal, secrets::Secrets};
use serde_json::{Value, json};

use super::Config;

/// One environment of the function `jobs`.
pub struct Scheduler {
    jobs: Jobs,
}

impl Scheduler {
    pub fn new(config: &Config, aws: &SdkConfig) -> Self {
        Self { jobs: Jobs::new(&config.jobs(), &Secrets::new(aws, &config.environment), aws) }
    }

    /// Sends an event, and waits as long as it takes.
    pub async fn run(&self, event: Value) -> Result<Answer, Fatal> {
        let event: Event = serde_json::from_value(event)?;
        self.jobs.run(event, Deadline::when(|| false)).await
    }

    /// Runs one job as if it were `now`.
    pub async fn at(&self, job: &str, now: Timestamp) -> Answer {
        self.run(json!({"job": job, "now": now})).await.unwrap()
    }

    /// The same, with time for no more than `pieces` of work.
    pub async fn cut_off_after(&self, pieces: usize, job: &str, now: Timestamp) -> Answer {
        let asked = Arc::new(AtomicUsize::new(0));
        let deadline = Deadline::when(move || asked.fetch_add(1, Ordering::Relaxed) >= pieces);
        let event = serde_json::from_value(json!({"job": job, "now": now})).unwrap();
        self.jobs.run(event, deadline).await.unwrap()
    }
}

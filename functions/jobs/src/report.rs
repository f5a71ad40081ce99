//! What a run did: numbers by name, and whether it came to the end.

use std::{collections::BTreeMap, time::Duration};

use domain::error::Error;
use jiff::Timestamp;
use runtime::{Chain, lambda::Fatal, metrics::Measurement};
use serde::Serialize;

use crate::JobName;

/// What a run did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Counts by name.
    pub counts: BTreeMap<&'static str, u64>,
    /// Whether the deadline left something to the next run.
    pub cut_off: bool,
    /// For how many agencies the job failed.
    pub failed_agencies: u64,
}

impl Report {
    /// Adds `count` to what is called `name`. Zero is reported too.
    pub fn count(&mut self, name: &'static str, count: u64) {
        *self.counts.entry(name).or_default() += count;
    }

    /// Adds what another part of the run did.
    pub fn add(&mut self, other: Self) {
        for (name, count) in other.counts {
            self.count(name, count);
        }
        self.cut_off |= other.cut_off;
        self.failed_agencies += other.failed_agencies;
    }
}

/// The answer to the invoker.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The job that ran.
    pub job: &'static str,
    /// The time it went by.
    pub now: Timestamp,
    /// The run's report.
    #[serde(flatten)]
    pub report: Report,
}

impl Answer {
    pub(crate) fn new(job: JobName, now: Timestamp, report: Result<Report, Error>) -> Result<Self, Fatal> {
        let job = job.into();
        match report {
            Ok(report) => Ok(Self { job, now, report }),
            Err(error) => {
                tracing::error!(job, %now, error = %Chain::of(&error), "job failed");
                Err(error.into())
            }
        }
    }

    /// Tells the log what was done, and CloudWatch how much.
    pub(crate) fn log(&self, duration: Duration) {
        let Self { job, now, report } = self;
        let counts = serde_json::to_string(&report.counts).unwrap_or_default();
        tracing::info!(job, %now, counts, cut_off = report.cut_off, failed_agencies = report.failed_agencies,
            "job done");
        Measurement::Job { job, items: report.counts.values().sum(), duration }.record();
    }

    /// A run that failed anywhere is a failed run, so that the alarms on errors see it and the schedule repeats it.
    pub(crate) fn into_result(self) -> Result<Self, Fatal> {
        match self.report.failed_agencies {
            0 => Ok(self),
            failed => Err(format!("the job {} failed for {failed} agencies", self.job).into()),
        }
    }
}

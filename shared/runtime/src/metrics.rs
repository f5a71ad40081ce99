//! CloudWatch's metrics: every one there is, and the line of the log that carries it.
//!
//! CloudWatch takes metrics out of log lines in its embedded metric format, so that measuring costs no call. The
//! crates for it keep a process-wide registry of metrics named by strings; here a metric can't be misspelled, lack a
//! dimension, or carry an id as one, and what is left of the format is [`Measurement::embedded`].

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

/// Where all of them are found. AWS's own namespaces begin with `AWS/`.
pub const NAMESPACE: &str = "BerthCare/API";

/// The field of a log event that holds a measurement's members; the log writes them beside its own.
pub(crate) const FIELD: &str = "measured";

/// Every metric. Alarms and dashboards name no other; a test reads both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::VariantArray)]
pub enum Metric {
    /// Requests and events answered: 1 for each.
    RequestCount,
    /// Those that failed with a server error: 0 or 1 for each, so that the average is the rate.
    ErrorCount,
    /// From the event's arrival in the function to its answer.
    #[strum(serialize = "APILatency")]
    ApiLatency,
    /// Rows that a pull brought or a push carried.
    SyncRecords,
    /// How long a pull or a push took.
    SyncDuration,
    /// True conflicts that a push met.
    SyncConflicts,
    /// Records of a push that were refused.
    SyncRejected,
    /// Messages that wait to be sent.
    OutboxDepth,
    /// How long the one that waits longest has been due.
    OutboxAge,
    /// From an alert to its first call.
    AlertTimeToCall,
    /// The age of the oldest alert that nobody has acknowledged; 0 where there is none.
    AlertUnacknowledged,
    /// Requests and incidents in the registers of privacy that are open past their due date.
    PrivacyOverdue,
    /// Things that a run of a job dealt with.
    JobItems,
    /// How long the run took.
    JobDuration,
}

/// A dimension of a metric. Never an id: each value costs as a metric of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
pub enum Dimension {
    /// The Lambda function, as its package is called.
    Function,
    /// Method and path template, as `GET /v1/visits/{id}`; for an event, `EVENT` and its name.
    Route,
    /// The version of the function: what takes a release back looks at the new one alone.
    Version,
    /// The hundreds of the answer's status, as `2xx`; an event's too, since it ends in a status.
    StatusClass,
    /// A scheduled job's name.
    Job,
}

/// CloudWatch's names of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds, as CloudWatch names the unit.
    Seconds,
}

impl Metric {
    /// As CloudWatch, alarms and dashboards call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What its numbers are.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::RequestCount
            | Self::ErrorCount
            | Self::SyncRecords
            | Self::SyncConflicts
            | Self::SyncRejected
            | Self::OutboxDepth
            | Self::PrivacyOverdue
            | Self::JobItems => Unit::Count,
            Self::ApiLatency | Self::SyncDuration | Self::JobDuration => Unit::Milliseconds,
            Self::OutboxAge | Self::AlertTimeToCall | Self::AlertUnacknowledged => Unit::Seconds,
        }
    }

    /// Its sets of dimensions; each set is a metric of its own.
    #[must_use]
    pub const fn dimensions(self) -> &'static [&'static [Dimension]] {
        match self {
            Self::RequestCount => {
                &[&[Dimension::Function, Dimension::Route], &[Dimension::Function, Dimension::StatusClass]]
            }
            Self::ErrorCount => &[&[Dimension::Function, Dimension::Route], &[Dimension::Function, Dimension::Version]],
            Self::ApiLatency => &[&[Dimension::Function, Dimension::Route]],
            Self::JobItems | Self::JobDuration => &[&[Dimension::Job]],
            _ => &[&[]],
        }
    }
}

/// Something measured: the metrics that belong together, with the values of their dimensions.
#[derive(Clone, Copy, Debug)]
pub enum Measurement<'a> {
    /// One request or event, answered. The layer around every function records it.
    Invocation {
        /// The Lambda function that answered.
        function: &'a str,
        /// Its version, as Lambda counts them.
        version: &'a str,
        /// See [`Dimension::Route`].
        route: &'a str,
        /// How long it took.
        latency: Duration,
        /// The status of the answer; 500 and above are server errors.
        status: u16,
    },
    /// One pull or push.
    Sync {
        /// Rows sent or received.
        records: usize,
        /// Columns that two people wrote between pulls.
        conflicts: usize,
        /// Records that were refused.
        rejected: usize,
        /// How long it took.
        duration: Duration,
    },
    /// The outbox, as its sender finds it.
    Outbox {
        /// How many messages wait.
        depth: u64,
        /// How long the one that waits longest has been due.
        age: Duration,
    },
    /// An alert whose first call was placed.
    AlertCalled {
        /// How long after the alert.
        after: Duration,
    },
    /// The alerts that nobody has acknowledged.
    AlertsUnacknowledged {
        /// The age of the oldest; zero where there is none.
        oldest: Duration,
    },
    /// The registers of privacy, all agencies' together.
    PrivacyOverdue {
        /// How many open entries are past their due date.
        entries: u64,
    },
    /// One run of a scheduled job.
    Job {
        /// The name of the job.
        job: &'a str,
        /// How many things it dealt with.
        items: u64,
        /// How long it took.
        duration: Duration,
    },
}

impl Measurement<'_> {
    /// Sends this to CloudWatch, as a line of the log.
    pub fn record(&self) {
        tracing::info!(measured = %self.embedded(), "metrics");
    }

    /// The values, by metric.
    #[expect(clippy::cast_precision_loss, reason = "2^53 of anything is more than there is")]
    fn values(&self) -> Vec<(Metric, f64)> {
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
        match *self {
            Self::Invocation { latency, status, .. } => vec![
                (Metric::RequestCount, 1.0),
                (Metric::ErrorCount, f64::from(u8::from(status >= 500))),
                (Metric::ApiLatency, milliseconds(latency)),
            ],
            Self::Sync { records, conflicts, rejected, duration } => vec![
                (Metric::SyncRecords, records as f64),
                (Metric::SyncConflicts, conflicts as f64),
                (Metric::SyncRejected, rejected as f64),
                (Metric::SyncDuration, milliseconds(duration)),
            ],
            Self::Outbox { depth, age } => {
                vec![(Metric::OutboxDepth, depth as f64), (Metric::OutboxAge, age.as_secs_f64())]
            }
            Self::AlertCalled { after } => vec![(Metric::AlertTimeToCall, after.as_secs_f64())],
            Self::AlertsUnacknowledged { oldest } => vec![(Metric::AlertUnacknowledged, oldest.as_secs_f64())],
            Self::PrivacyOverdue { entries } => vec![(Metric::PrivacyOverdue, entries as f64)],
            Self::Job { items, duration, .. } => {
                vec![(Metric::JobItems, items as f64), (Metric::JobDuration, milliseconds(duration))]
            }
        }
    }

    /// The values of the dimensions.
    fn dimensions(&self) -> Vec<(Dimension, &str)> {
        match *self {
            Self::Invocation { function, version, route, status, .. } => vec![
                (Dimension::Function, function),
                (Dimension::Version, version),
                (Dimension::Route, route),
                (Dimension::StatusClass, status_class(status)),
            ],
            Self::Job { job, .. } => vec![(Dimension::Job, job)],
            Self::Sync { .. }
            | Self::Outbox { .. }
            | Self::AlertCalled { .. }
            | Self::AlertsUnacknowledged { .. }
            | Self::PrivacyOverdue { .. } => Vec::new(),
        }
    }

    /// CloudWatch's embedded metric format: a directive for each metric under `_aws` that names top-level members as
    /// dimensions and metrics.
    #[must_use]
    pub fn embedded(&self) -> Value {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let (dimensions, values) = (self.dimensions(), self.values());
        let directives: Vec<Value> = values
            .iter()
            .map(|(metric, _)| {
                let sets: Vec<Vec<&str>> =
                    metric.dimensions().iter().map(|set| set.iter().map(Into::into).collect()).collect();
                let metrics = [json!({"Name": metric.name(), "Unit": <&str>::from(metric.unit())})];
                json!({"Namespace": NAMESPACE, "Dimensions": sets, "Metrics": metrics})
            })
            .collect();
        let mut members = Map::new();
        members.insert("_aws".into(), json!({"Timestamp": u64::try_from(now).ok(), "CloudWatchMetrics": directives}));
        members.extend(dimensions.into_iter().map(|(name, value)| (<&str>::from(name).into(), value.into())));
        members.extend(values.into_iter().map(|(metric, value)| (metric.name().into(), value.into())));
        Value::Object(members)
    }
}

/// See [`Dimension::StatusClass`].
const fn status_class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

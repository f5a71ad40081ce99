//! `jobs`: what runs by the clock. A schedule sends an [`Event`] that names the job; each job is a file of its own
//! beside this one.
//!
//! What every job keeps to:
//!
//! - It may run twice at once, and be repeated at any time: what is done already is known from what is stored.
//! - It works agency by agency, in transactions that are short, and asks between them whether there is time left. What
//!   it leaves, the next run finds.
//! - "Now" is the event's, so that a day can be replayed. What is removed for good must be old by the database's clock
//!   too (`app.delete_expired_rows`), whatever the event says.

mod agencies;
mod anchors;
mod audit;
mod care_team_grants;
mod clean_up;
mod clock;
mod config;
mod deadline;
mod dispatch;
mod escalate;
mod expo;
mod family_sms;
mod http_client;
mod late_visits;
mod orphaned_uploads;
mod privacy_due;
mod receipts;
mod report;
mod retention;
mod sender;
mod serve;
mod twilio;
pub mod uploads;

use std::time::Instant;

use anchors::Anchors;
pub use clock::Clock;
pub use config::{Config, Providers};
pub use deadline::Deadline;
use domain::error::Error;
pub use domain::jobs::JobName;
use jiff::{SignedDuration, Timestamp};
pub use report::{Answer, Report};
use runtime::{
    aws::SdkConfig,
    lambda::Fatal,
    objects::Objects,
    secrets::{SecretName, Secrets},
};
use sender::Senders;
use serde::Deserialize;
pub use serve::serve;
use store::Db;

/// By how much an event's time may be ahead of ours.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(1);

/// An event that comes later than this, after all retries of its schedule, replays a time that is over.
const REPLAYED_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Nothing that is queued is of use for longer.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// What a schedule sends.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The job to run.
    pub job: JobName,
    /// As if it were this time; the present where absent.
    pub now: Option<Timestamp>,
    /// Whether to send what is about alerts, and nothing else.
    #[serde(default)]
    pub urgent: bool,
    /// Whether the retention only counts what would go, and changes nothing.
    #[serde(default)]
    pub dry_run: bool,
}

impl Event {
    /// The time to go by.
    ///
    /// # Errors
    /// Where it is to come, and what the job writes would hold up the present until then: turns and leases of the
    /// outbox, steps of alerts. Where it is past, and what was of use then would be sent now.
    fn time(&self) -> Result<Timestamp, Fatal> {
        let present = Timestamp::now();
        let now = self.now.unwrap_or(present);
        if matches!(self.job, JobName::Dispatch | JobName::Escalate) && now > present + CLOCKS_DIFFER {
            return Err(format!("the job {} can't run ahead of time", <&str>::from(self.job)).into());
        }
        if self.job == JobName::Dispatch && now < present - CLOCKS_DIFFER {
            return Err("the job dispatch can't run behind the time".into());
        }
        Ok(now)
    }
}

/// One run of a job.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// The time to go by.
    pub(crate) now: Timestamp,
    /// The clock, for what depends on the time that passes meanwhile.
    pub(crate) clock: Clock,
    /// The time by which the run has to end.
    pub(crate) deadline: Deadline,
    /// Whether to send what is about alerts, and nothing else.
    pub(crate) urgent: bool,
    /// Whether to count what would be removed, and change nothing.
    pub(crate) counts_only: bool,
}

impl Run {
    /// Until when what is queued may be of use. A day that is replayed is over: nobody is told of it today.
    pub(crate) fn until(&self) -> Timestamp {
        let is_past = self.now < Timestamp::now() - REPLAYED_AFTER;
        if is_past { self.now } else { self.now + A_DAY }
    }
}

/// What the function holds for as long as its environment lives.
#[derive(Clone)]
pub struct Jobs {
    db: Db,
    senders: Senders,
    anchors: Anchors,
    photos: Objects,
    documents: Objects,
}

impl Jobs {
    /// Wires the jobs; nothing is sent before [`Jobs::warm_up`] or the first event.
    #[must_use]
    pub fn new(config: &Config, secrets: &Secrets, aws: &SdkConfig) -> Self {
        Self {
            db: config.database.connect_as(SecretName::JobsDatabase, secrets),
            senders: Senders::new(&config.providers, secrets),
            anchors: Anchors::new(aws, &config.anchors_bucket.0),
            photos: Objects::new(aws, &config.photos_bucket.0),
            documents: Objects::new(aws, &config.documents_bucket.0),
        }
    }

    /// Connects to the database while Lambda still gives the full CPU.
    pub async fn warm_up(&self) {
        self.db.warm_up().await;
    }

    /// Does what `event` asks for until `deadline`, and says on one log line what that was.
    ///
    /// # Errors
    /// When the job failed for any agency; it was tried for the others all the same.
    pub async fn run(&self, event: Event, deadline: Deadline) -> Result<Answer, Fatal> {
        let now = event.time()?;
        let clock = Clock::from(now);
        // The event's time to the microsecond: what was due then is due in a replay, too.
        let (urgent, counts_only) = (event.urgent, event.dry_run);
        let run = Run { now, clock: clock.clone(), deadline: deadline.clone(), urgent, counts_only };
        let answer = self.report(event.job, &run).await?;
        // A coordinator should know at once, whatever failed for somebody else. What a replay queued is left to a run
        // by the present's clock.
        let tells_coordinators = matches!(event.job, JobName::Escalate | JobName::LateVisits);
        if tells_coordinators && event.now.is_none() && answer.report.counts.values().any(|count| *count > 0) {
            match event.job {
                // An alert's call waits for nothing else.
                JobName::Escalate => self.run_urgent_by(clock, deadline).await?,
                _ => self.run_by(clock, JobName::Dispatch, deadline).await?,
            };
        }
        answer.into_result()
    }

    /// [`Jobs::run`] by another clock than the machine's.
    ///
    /// # Errors
    /// As [`Jobs::run`].
    pub async fn run_by(&self, clock: Clock, job: JobName, deadline: Deadline) -> Result<Answer, Fatal> {
        self.report(job, &Run { now: clock.now(), clock, deadline, urgent: false, counts_only: false })
            .await?
            .into_result()
    }

    /// Sends what is about alerts, by another clock than the machine's.
    ///
    /// # Errors
    /// As [`Jobs::run`].
    pub async fn run_urgent_by(&self, clock: Clock, deadline: Deadline) -> Result<Answer, Fatal> {
        let run = Run { now: clock.now(), clock, deadline, urgent: true, counts_only: false };
        self.report(JobName::Dispatch, &run).await?.into_result()
    }

    async fn report(&self, job: JobName, run: &Run) -> Result<Answer, Fatal> {
        let started = Instant::now();
        let outcome = self.work(job, run).await;
        let answer = Answer::new(job, run.now, outcome)?;
        answer.log(started.elapsed());
        Ok(answer)
    }

    async fn work(&self, job: JobName, run: &Run) -> Result<Report, Error> {
        match job {
            JobName::AuditSeal => audit::seal(self, run).await,
            JobName::AuditAnchor => audit::anchor(self, run).await,
            JobName::AuditVerify => audit::verify(self, run).await,
            JobName::CareTeamGrants => care_team_grants::run(self, run).await,
            JobName::CleanUp => clean_up::run(self, run).await,
            JobName::Dispatch => {
                let sender = self.senders.sender(&self.db).await?;
                // What three lanes hold while they send is large.
                Box::pin(dispatch::run(&sender, run)).await
            }
            JobName::Escalate => escalate::run(self, run).await,
            JobName::FamilySms => family_sms::run(self, run).await,
            JobName::LateVisits => late_visits::run(self, run).await,
            JobName::OrphanedUploads => orphaned_uploads::run(self, run).await,
            JobName::PrivacyDue => privacy_due::run(self, run).await,
            JobName::Receipts => receipts::run(&self.db, &self.senders.expo()?, &run.clock, &run.deadline).await,
            JobName::Retention => retention::run(self, run).await,
        }
    }
}

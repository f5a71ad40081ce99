//! An application whose messages are sent to providers that fail as they are told to.

use std::collections::HashMap;

use app::DatabaseSource;
use domain::{
    identity::JobIdentity,
    messages::{DailyVisit, Locale, Template},
};
use jiff::SignedDuration;
use jobs::{Answer, Deadline, JobName, Jobs};
use runtime::{lambda::Fatal, secrets::Secrets};
use secrecy::SecretString;
use store::{
    Db,
    tables::{
        consents::{self, ConsentFields, ConsentKind},
        messages::{self, Channel, Message},
    },
};
use uuid::Uuid;

use super::{
    Config, TestApp, as_role,
    fixtures::{AGENCY_A, ALMA, COORDINATOR, FAMILY, consent_fields},
    providers::FakeProviders,
};

pub const AGENCY: JobIdentity = JobIdentity { agency_id: AGENCY_A };

pub struct TestOutbox {
    pub app: TestApp,
    pub fake: FakeProviders,
    pub db: Db,
    /// As `auth` signs in, which asks whether a dispatcher works.
    pub auth: Db,
    config: Config,
    /// An environment that has lived for a while.
    jobs: Jobs,
}

impl TestOutbox {
    pub async fn new() -> Self {
        let app = TestApp::new().await;
        let fake = FakeProviders::start().await;
        let config = fake.config(&app).await;
        let signed_in_as = |role| {
            let url = SecretString::from(as_role(&app.database.app_url(), role));
            Db::new(DatabaseSource::Url(url), config.statement_mode)
        };
        let (db, auth) = (signed_in_as("berthcare_jobs"), signed_in_as("berthcare_auth"));
        let jobs = Jobs::new(&config.jobs(), &Secrets::new(&app.aws, &config.environment), &app.aws);
        let outbox = Self { app, fake, db, auth, config, jobs };
        outbox.consent(true).await;
        outbox
    }

    /// Alma's family member wants the daily SMS, or no longer.
    pub async fn consent(&self, granted: bool) {
        let mut tx = self.db.write_unsynced(&AGENCY).await.unwrap();
        let consent = ConsentFields { user_id: Some(FAMILY.id), ..consent_fields(ConsentKind::Sms, granted) };
        consents::insert(&mut tx, ALMA, Uuid::now_v7(), &consent).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// A push message's phone is one on which its recipient is signed in, unless a test has made it another.
    pub async fn queue(&self, queued: &[Message]) {
        for message in queued.iter().filter(|message| message.channel == Channel::Push) {
            let sql = format!(
                "insert into devices (id, agency_id, user_id, name, platform, app_version, session_id, push_token)
                 select gen_random_uuid(), '{AGENCY_A}', '{user}', 'Phone', 'ios', '1.0.0', gen_random_uuid(), '{token}'
                 where not exists (select from devices where push_token = '{token}')",
                user = message.recipient_id,
                token = message.address
            );
            self.app.database.superuser().await.batch_execute(&sql).await.unwrap();
        }
        let mut tx = self.db.write_unsynced(&AGENCY).await.unwrap();
        messages::enqueue_all(&mut tx, queued).await.unwrap();
        tx.commit().await.unwrap();
        // The fake's clock doesn't move by itself, and what was queued after it began is due all the same.
        self.fake.clock.advance_to(jiff::Timestamp::now() + SignedDuration::from_secs(1));
    }

    /// A new environment of `jobs`, as Lambda starts one.
    pub fn environment(&self) -> Jobs {
        Jobs::new(&self.config.jobs(), &Secrets::new(&self.app.aws, &self.config.environment), &self.app.aws)
    }

    /// Sends what is due, by the fake's clock, without a deadline.
    pub async fn dispatch(&self) -> Answer {
        self.run(&self.jobs, JobName::Dispatch, Deadline::when(|| false)).await.unwrap()
    }

    /// Sends what is due about alerts, as the function `urgent` does.
    pub async fn dispatch_urgent(&self) -> Answer {
        self.jobs.run_urgent_by(self.fake.clock.clock(), Deadline::when(|| false)).await.unwrap()
    }

    pub async fn run(&self, jobs: &Jobs, job: JobName, deadline: Deadline) -> Result<Answer, Fatal> {
        jobs.run_by(self.fake.clock.clock(), job, deadline).await
    }

    /// Lets so much time pass and sends what is due then.
    pub async fn dispatch_after(&self, by: SignedDuration) -> Answer {
        self.fake.clock.advance(by);
        self.dispatch().await
    }

    /// Status and reason of the message with this key.
    pub async fn outcome(&self, key: &str) -> (String, Option<String>) {
        let sql = format!("select status::text, failure from messages where dedupe_key = '{key}'");
        let row = self.app.database.superuser().await.query_typed(&sql, &[]).await.unwrap().remove(0);
        (row.get(0), row.get(1))
    }

    pub async fn status(&self, key: &str) -> String {
        self.outcome(key).await.0
    }
}

fn message(key: &str, to: &str, channel: Channel, recipient_id: Uuid, template: Template) -> Message {
    Message {
        recipient_id,
        address: to.into(),
        channel,
        locale: Locale::EnCa,
        template,
        dedupe_key: key.into(),
        alert_id: None,
        visit_id: None,
        client_id: Some(ALMA),
        occasion: None,
    }
}

/// The daily SMS; at most once.
pub fn family_sms(key: &str, to: &str) -> Message {
    let visits = vec![DailyVisit { caregiver: "Amara".into(), at: jiff::civil::time(9, 5, 0, 0) }];
    let template = Template::FamilyDaily { client: "Alma".into(), visits, to_come: 0 };
    message(key, to, Channel::Sms, FAMILY.id, template)
}

/// A call about an alert; at least once.
pub fn alert_call(key: &str, to: &str) -> Message {
    message(key, to, Channel::Voice, COORDINATOR.id, Template::AlertCall { caregiver: "Amara".into() })
}

/// The same as an SMS; at least once.
pub fn alert_sms(key: &str, to: &str) -> Message {
    message(key, to, Channel::Sms, COORDINATOR.id, Template::AlertSms { caregiver: "Amara".into() })
}

pub fn push(key: &str, token: &str) -> Message {
    message(key, token, Channel::Push, COORDINATOR.id, Template::AlertPush {})
}

/// What a run counted, by name.
pub fn counts(answer: &Answer) -> HashMap<&'static str, u64> {
    answer.report.counts.iter().map(|(name, count)| (*name, *count)).collect()
}

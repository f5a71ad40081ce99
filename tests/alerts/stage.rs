//! An alert and its escalation chain, by a clock that the test moves.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use axum::Router;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::harness::{
    Answer, Scheduler, TestApp,
    fixtures::{AGENCY_A, ALMA, COORDINATOR, NURSE, OTHER_ADMIN, OTHER_COORDINATOR, Person},
    twilio::Webhook,
};

/// Alma's coordinator speaks English, the next one French.
pub struct Stage {
    pub app: TestApp,
    pub seconds: Arc<AtomicI64>,
    pub webhooks: Router,
    pub jobs: Scheduler,
    pub alert: Uuid,
}

/// A call as the outbox has it.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    pub id: Uuid,
    pub callee: Uuid,
    pub locale: String,
}

/// An alert's row.
#[derive(Debug, PartialEq, Eq)]
pub struct AlertState {
    pub status: String,
    pub level: i32,
    pub acknowledged_by: Option<Uuid>,
}

impl Stage {
    pub async fn new() -> Self {
        let app = TestApp::new().await;
        // On duty: signed in. The French one was seen after the English one, who is Alma's own.
        let alert = Uuid::now_v7();
        let setting = format!(
            "update users set first_name = 'Amara' where id = '{nurse}';
             update users set locale = 'fr-CA' where id in ('{other}', '{admin}');
             update clients set coordinator_id = '{coordinator}' where id = '{ALMA}';
             insert into alerts (id, agency_id, client_id, raised_by, severity, reason, message)
             values ('{alert}', '{AGENCY_A}', '{ALMA}', '{nurse}', 'high', 'fall', 'She is on the floor')",
            nurse = NURSE.id,
            other = OTHER_COORDINATOR.id,
            admin = OTHER_ADMIN.id,
            coordinator = COORDINATOR.id,
        );
        let device = app.sign_in(&OTHER_COORDINATOR).await.device_id;
        app.database.write(AGENCY_A, &setting).await;
        let token = format!("update devices set push_token = 'ExponentPushToken[x]' where id = '{device}'");
        app.database.superuser().await.batch_execute(&token).await.unwrap();
        // Far enough back for an hour of the test to pass before the present.
        let seconds = Arc::new(AtomicI64::new(Timestamp::now().as_second() - 24 * 60 * 60));
        let clock = Arc::clone(&seconds);
        let webhooks = app.webhooks_by(move || Timestamp::from_second(clock.load(Ordering::Relaxed)).unwrap());
        let jobs = app.jobs();
        Self { app, seconds, webhooks, jobs, alert }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_second(self.seconds.load(Ordering::Relaxed)).unwrap()
    }

    pub fn after(&self, time: SignedDuration) {
        self.seconds.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    /// The minute job comes.
    pub async fn minute(&self) {
        self.jobs.at("escalate", self.now()).await;
    }

    pub async fn state(&self) -> AlertState {
        let sql =
            format!("select status::text, escalation_level, acknowledged_by from alerts where id = '{}'", self.alert);
        let row = &self.app.database.superuser().await.query_typed(&sql, &[]).await.unwrap()[0];
        AlertState { status: row.get(0), level: row.get(1), acknowledged_by: row.get(2) }
    }

    pub async fn is_at(&self, status: &str, level: i32) {
        let state = self.state().await;
        assert_eq!((state.status.as_str(), state.level), (status, level), "{state:?}");
    }

    /// The newest call, which must be to `callee`, and is now in Twilio's hands.
    pub async fn call_to(&self, callee: &Person) -> Call {
        let sql =
            "select id, recipient_id, locale from messages where channel = 'voice' order by created_at desc limit 1";
        let row = &self.app.database.superuser().await.query_typed(sql, &[]).await.unwrap()[0];
        let call = Call { id: row.get(0), callee: row.get(1), locale: row.get(2) };
        assert_eq!(call.callee, callee.id);
        let handed_over = format!(
            "update messages set status = 'sending', attempts = 1, attempted_at = now() where id = '{}'",
            call.id
        );
        self.app.database.superuser().await.batch_execute(&handed_over).await.unwrap();
        call
    }

    /// How many messages there are by channel, template, recipient and status.
    pub async fn sent(&self, condition: &str) -> i64 {
        self.app.database.count(&format!("select count(*) from messages where {condition}")).await
    }

    /// Somebody picks up: what they hear.
    pub async fn pick_up(&self, call: &Call) -> String {
        let path = format!("voice/webhook?message={}", call.id);
        let form = [("CallSid", "CA1"), ("CallStatus", "in-progress"), ("To", "+14165550002"), ("NewOne", "x")];
        let answer = Webhook::to(&path, &form).send(self.webhooks.clone()).await;
        said(&answer)
    }

    /// They press a key, or none: what they hear then.
    pub async fn press(&self, heard: &str, digits: &str) -> String {
        let action = heard.split("action=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
        let form = [("CallSid", "CA1"), ("CallStatus", "in-progress"), ("Digits", digits)];
        said(&Webhook::to_address(&action, &form).send(self.webhooks.clone()).await)
    }

    /// They press a key for a question that was asked some time ago.
    pub async fn press_late(&self, call: &Call, digits: &str) -> String {
        let path = format!("voice/webhook?message={}&asked=1", call.id);
        said(&Webhook::to(&path, &[("CallSid", "CA1"), ("Digits", digits)]).send(self.webhooks.clone()).await)
    }

    /// Twilio tells how a call goes.
    pub async fn status(&self, call: &Call, status: &str) {
        let path = format!("voice/status?message={}", call.id);
        let sid = format!("CA{}", call.id.simple());
        let form = [("CallSid", sid.as_str()), ("CallStatus", status), ("SequenceNumber", "0")];
        Webhook::to(&path, &form).send(self.webhooks.clone()).await.expect(204);
    }
}

pub fn said(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/xml; charset=utf-8"));
    String::from_utf8(answer.body.clone()).unwrap()
}

pub fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

//! The outbox as writers see it: one message per key, cancelled with its cause, moved forward by what is reported.

use std::time::{Duration, Instant};

use app::DatabaseSource;
use aws_config::BehaviorVersion;
use domain::{
    identity::JobIdentity,
    messages::{Locale, Template},
};
use jiff::Timestamp;
use runtime::jobs::JobsInvoker;
use serde_json::{Value, json};
use store::{
    Db,
    tables::messages::{self, Channel, Message, MessageStatus, Report, Reported},
};
use uuid::Uuid;

use crate::harness::{
    TestApp, as_role,
    fake_lambda::FakeLambda,
    fixtures::{AGENCY_A, COORDINATOR, NURSES_VISIT},
};

const JOB: JobIdentity = JobIdentity { agency_id: AGENCY_A };

fn db(app: &TestApp) -> Db {
    Db::new(DatabaseSource::Url(as_role(&app.database.app_url(), "berthcare_jobs").into()), app.config.statement_mode)
}

fn code(key: &str) -> Message {
    Message {
        recipient_id: COORDINATOR.id,
        address: "+14165550102".into(),
        channel: Channel::Sms,
        locale: Locale::FrCa,
        template: Template::OneTimeCode { code: "48151623".into() },
        dedupe_key: key.into(),
        alert_id: None,
        visit_id: None,
        client_id: None,
        occasion: None,
    }
}

async fn queue(db: &Db, queued: &[Message]) {
    let mut tx = db.write_unsynced(&JOB).await.unwrap();
    messages::enqueue_all(&mut tx, queued).await.unwrap();
    tx.commit().await.unwrap();
}

async fn statuses(app: &TestApp) -> Vec<(String, String)> {
    let rows = app
        .database
        .superuser()
        .await
        .query_typed("select dedupe_key, status::text from messages order by dedupe_key", &[])
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn one(app: &TestApp, column: &str) -> Value {
    let sql = format!("select to_jsonb({column}) from messages");
    app.database.superuser().await.query_typed(&sql, &[]).await.unwrap()[0].get(0)
}

#[tokio::test]
async fn messages_with_the_same_key_are_deduplicated() {
    let app = TestApp::new().await;
    let db = db(&app);
    let thousands: Vec<_> = (0..3000).map(|n| code(&format!("code {}", n % 1500))).collect();
    queue(&db, &thousands).await;
    queue(&db, &[code("code 7"), code("one more")]).await;
    assert_eq!(app.database.count("select count(*) from messages").await, 1501);
}

#[tokio::test]
async fn a_message_expires_as_its_template_says() {
    let app = TestApp::new().await;
    queue(&db(&app), &[code("code")]).await;
    assert_eq!(one(&app, "extract(epoch from expires_at - created_at)::int").await, 86_400);
    assert_eq!(one(&app, "urgency").await, 2);
    assert_eq!(one(&app, "template").await, "one_time_code");
    assert_eq!(one(&app, "template_values").await, serde_json::json!({"code": "48151623"}));
}

#[tokio::test]
async fn pending_messages_are_cancelled_with_their_cause() {
    let app = TestApp::new().await;
    let db = db(&app);
    let late = |key: &str| Message { visit_id: Some(NURSES_VISIT), ..code(key) };
    queue(&db, &[late("first"), late("second"), code("of something else")]).await;
    let owner = app.database.superuser().await;
    owner.batch_execute("update messages set status = 'sent' where dedupe_key = 'first'").await.unwrap();

    let mut tx = db.write_unsynced(&JOB).await.unwrap();
    assert_eq!(messages::cancel_for_visit(&mut tx, NURSES_VISIT).await.unwrap(), 1);
    assert_eq!(messages::cancel_for_alert(&mut tx, NURSES_VISIT).await.unwrap(), 0);
    tx.commit().await.unwrap();
    let expected = [("first", "sent"), ("of something else", "pending"), ("second", "cancelled")];
    assert_eq!(statuses(&app).await, expected.map(|(key, status)| (key.to_owned(), status.to_owned())));
}

struct Attempted {
    app: TestApp,
    db: Db,
    id: Uuid,
}

impl Attempted {
    async fn new() -> Self {
        Self::of(Message { template: Template::AlertUnanswered {}, ..code("message") }).await
    }

    /// A message in the middle of being sent.
    async fn of(message: Message) -> Self {
        let app = TestApp::new().await;
        let db = db(&app);
        queue(&db, &[message]).await;
        let owner = app.database.superuser().await;
        owner
            .batch_execute("update messages set status = 'sending', attempts = 1, attempted_at = now()")
            .await
            .unwrap();
        let id = owner.query_typed("select id from messages", &[]).await.unwrap()[0].get(0);
        Self { app, db, id }
    }

    async fn report(&self, sid: &str, report: Report) -> Reported {
        let mut tx = self.db.write_unsynced(&JOB).await.unwrap();
        let told = messages::report(&mut tx, self.id, sid, &report, Timestamp::now()).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        told
    }
}

#[tokio::test]
async fn reports_move_a_message_forward_only() {
    let attempted = Attempted::new().await;
    // Before the answer to the request itself: the message learns its id here.
    let told = attempted.report("SM1", Report::Delivered).await;
    assert!(told.moved);
    assert_eq!((told.status, told.channel), (MessageStatus::Delivered, Channel::Sms));
    assert_eq!(one(&attempted.app, "provider_sid").await, "SM1");
    for late in [Report::Delivered, Report::Accepted, Report::Failed { code: Some(30003) }] {
        let told = attempted.report("SM1", late).await;
        assert!(!told.moved);
        assert_eq!(told.status, MessageStatus::Delivered);
    }
    assert!(!attempted.report("SM2", Report::Failed { code: None }).await.moved, "another message's id");
    let mut tx = attempted.db.write_unsynced(&JOB).await.unwrap();
    let nobodys = messages::report(&mut tx, Uuid::now_v7(), "SM3", &Report::Accepted, Timestamp::now()).await;
    assert!(nobodys.unwrap().is_none());
}

#[tokio::test]
async fn a_phone_that_cant_be_reached_is_tried_again_later() {
    let attempted = Attempted::new().await;
    assert!(attempted.report("SM1", Report::Accepted).await.moved);
    let told = attempted.report("SM1", Report::Failed { code: Some(30003) }).await;
    assert_eq!((told.moved, told.status), (true, MessageStatus::Pending));
    assert_eq!(one(&attempted.app, "next_attempt_at > now() + interval '14 minutes'").await, true);
    assert_eq!(one(&attempted.app, "failure").await, "twilio 30003");
    // What is still reported of the former attempt says nothing of the next.
    for late in [Report::Failed { code: Some(30003) }, Report::Delivered] {
        assert!(!attempted.report("SM1", late).await.moved);
    }
    let told = attempted.report("SM2", Report::Failed { code: Some(30005) }).await;
    assert_eq!((told.moved, told.status), (true, MessageStatus::Failed));

    // Not beyond its use.
    let attempted = Attempted::new().await;
    let owner = attempted.app.database.superuser().await;
    owner.batch_execute("update messages set expires_at = now() + 10 * interval '1 minute'").await.unwrap();
    assert_eq!(attempted.report("SM1", Report::Failed { code: Some(30003) }).await.status, MessageStatus::Failed);
}

#[tokio::test]
async fn jobs_is_invoked_without_waiting_for_what_it_does() {
    let mut lambda = FakeLambda::start().await;
    let aws = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(&lambda.url).load().await;
    JobsInvoker::new(&aws, &runtime::config::JobsFunction("berthcare-test-jobs".into())).dispatch().await;
    let invoked = lambda.take();
    assert_eq!((invoked[0].function.as_str(), invoked[0].kind.as_str()), ("berthcare-test-jobs", "Event"));
    let event: jobs::Event = serde_json::from_str(&invoked[0].event).unwrap();
    assert_eq!(event.job, jobs::JobName::Dispatch);

    // Nobody there: whoever wrote to the outbox is not held up by it.
    let nowhere = aws_config::defaults(BehaviorVersion::latest()).endpoint_url("http://127.0.0.1:1").load().await;
    JobsInvoker::new(&nowhere, &runtime::config::JobsFunction("berthcare-test-jobs".into())).dispatch().await;
}

#[tokio::test]
async fn alerts_are_invoked_by_a_path_of_their_own() {
    let mut lambda = FakeLambda::start().await;
    let aws = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(&lambda.url).load().await;
    for (function, urgent) in [("berthcare-test-jobs:live", "berthcare-test-urgent:live"), ("jobs", "urgent")] {
        let invoker = JobsInvoker::new(&aws, &runtime::config::JobsFunction(function.into()));
        invoker.escalate().await;
        invoker.dispatch_urgent().await;
        invoker.dispatch().await;
        let asked = lambda.take();
        let functions: Vec<_> = asked.iter().map(|one| one.function.replace("%3A", ":")).collect();
        assert_eq!(functions, [urgent, urgent, function]);
        assert_eq!(asked[1].event, json!({"job": "dispatch", "urgent": true}).to_string());
    }
}

#[tokio::test]
async fn invoking_jobs_holds_an_answer_no_longer_than_300_ms() {
    // It takes connections, and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let aws = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(url).load().await;
    let invoker = JobsInvoker::new(&aws, &runtime::config::JobsFunction("jobs".into()));
    let begun = Instant::now();
    invoker.escalate().await;
    let held = begun.elapsed();
    assert!(held >= Duration::from_millis(250) && held < Duration::from_millis(900), "{held:?}");
}

#[tokio::test]
async fn a_code_is_forgotten_once_it_is_sent() {
    for (status, values) in [
        ("sending", serde_json::json!({"code": "48151623"})),
        ("sent", serde_json::json!({})),
        ("cancelled", serde_json::json!({})),
        ("dead", serde_json::json!({})),
    ] {
        let attempted = Attempted::of(code("code")).await;
        let change = format!("update messages set status = '{status}'");
        attempted.app.database.superuser().await.batch_execute(&change).await.unwrap();
        assert_eq!(one(&attempted.app, "template_values").await, values, "{status}");
    }
    // A phone out of reach: what is forgotten isn't sent again, although its time isn't over.
    let attempted = Attempted::of(code("code")).await;
    assert_eq!(attempted.report("SM1", Report::Accepted).await.status, MessageStatus::Sent);
    let report = Report::Failed { code: Some(30003) };
    assert_eq!(attempted.report("SM1", report).await.status, MessageStatus::Failed);
}

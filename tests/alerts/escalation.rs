//! An alert's way to a person, by the clock: every time is the test's.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use axum::Router;
use domain::messages::{Promise, Template};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::harness::{
    Answer, Scheduler, TestApp,
    fixtures::{ADMIN, AGENCY_A, ALMA, COORDINATOR, FAMILY, NURSE, OTHER_ADMIN, OTHER_COORDINATOR, Person},
    log::Captured,
    twilio::Webhook,
    until,
};

/// Alma's coordinator speaks English, the next one French.
struct Stage {
    app: TestApp,
    seconds: Arc<AtomicI64>,
    webhooks: Router,
    jobs: Scheduler,
    alert: Uuid,
}

/// A call as the outbox has it.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    id: Uuid,
    callee: Uuid,
    locale: String,
}

/// An alert's row.
#[derive(Debug, PartialEq, Eq)]
struct Standing {
    status: String,
    level: i32,
    acknowledged_by: Option<Uuid>,
}

impl Stage {
    async fn new() -> Self {
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

    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.seconds.load(Ordering::Relaxed)).unwrap()
    }

    fn after(&self, time: SignedDuration) {
        self.seconds.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    /// The minute job comes.
    async fn minute(&self) {
        self.jobs.at("escalate", self.now()).await;
    }

    async fn standing(&self) -> Standing {
        let sql =
            format!("select status::text, escalation_level, acknowledged_by from alerts where id = '{}'", self.alert);
        let row = &self.app.database.superuser().await.query_typed(&sql, &[]).await.unwrap()[0];
        Standing { status: row.get(0), level: row.get(1), acknowledged_by: row.get(2) }
    }

    async fn is_at(&self, status: &str, level: i32) {
        let standing = self.standing().await;
        assert_eq!((standing.status.as_str(), standing.level), (status, level), "{standing:?}");
    }

    /// The newest call, which must be to `callee`, and is now in Twilio's hands.
    async fn call_to(&self, callee: &Person) -> Call {
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
    async fn sent(&self, condition: &str) -> i64 {
        self.app.database.count(&format!("select count(*) from messages where {condition}")).await
    }

    /// Somebody picks up: what they hear.
    async fn pick_up(&self, call: &Call) -> String {
        let path = format!("voice/webhook?message={}", call.id);
        let form = [("CallSid", "CA1"), ("CallStatus", "in-progress"), ("To", "+14165550002"), ("NewOne", "x")];
        let answer = Webhook::to(&path, &form).send(self.webhooks.clone()).await;
        said(&answer)
    }

    /// They press a key, or none: what they hear then.
    async fn press(&self, heard: &str, digits: &str) -> String {
        let action = heard.split("action=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
        let form = [("CallSid", "CA1"), ("CallStatus", "in-progress"), ("Digits", digits)];
        said(&Webhook::to_address(&action, &form).send(self.webhooks.clone()).await)
    }

    /// They press a key for a question that was asked some time ago.
    async fn press_late(&self, call: &Call, digits: &str) -> String {
        let path = format!("voice/webhook?message={}&asked=1", call.id);
        said(&Webhook::to(&path, &[("CallSid", "CA1"), ("Digits", digits)]).send(self.webhooks.clone()).await)
    }

    /// Twilio tells how a call goes.
    async fn status(&self, call: &Call, status: &str) {
        let path = format!("voice/status?message={}", call.id);
        let sid = format!("CA{}", call.id.simple());
        let form = [("CallSid", sid.as_str()), ("CallStatus", status), ("SequenceNumber", "0")];
        Webhook::to(&path, &form).send(self.webhooks.clone()).await.expect(204);
    }
}

fn said(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/xml; charset=utf-8"));
    String::from_utf8(answer.body.clone()).unwrap()
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn an_alert_walks_from_the_coordinator_to_the_next_to_all_and_is_never_silently_lost() {
    let stage = Stage::new().await;
    stage.is_at("open", 0).await;
    stage.minute().await;
    stage.is_at("calling", 1).await;

    // It rings, and that is news: another minute.
    let first = stage.call_to(&COORDINATOR).await;
    assert_eq!(first.locale, "en-CA");
    stage.after(seconds(50));
    stage.status(&first, "ringing").await;
    stage.after(seconds(50));
    stage.minute().await;
    stage.is_at("calling", 1).await;
    let heard = stage.pick_up(&first).await;
    assert!(heard.contains("<Say language=\"en-US\">") && heard.contains("Amara asks for help"), "{heard}");
    for secret in ["floor", "fall", "Alma", "Élie"] {
        assert!(!heard.contains(secret), "{heard}");
    }

    // A voicemail took it: the call was answered and ended, and no key was pressed.
    stage.status(&first, "completed").await;
    stage.is_at("calling", 2).await;
    let second = stage.call_to(&OTHER_COORDINATOR).await;
    assert_eq!(second.locale, "fr-CA");
    let heard = stage.pick_up(&second).await;
    assert!(heard.contains("<Say language=\"fr-CA\" voice=\"Polly.Gabrielle-Neural\">"), "{heard}");
    assert!(heard.contains("Amara demande de l&apos;aide"), "{heard}");
    assert!(heard.contains("numDigits=\"1\" timeout=\"10\" actionOnEmptyResult=\"true\""), "{heard}");

    // Nothing more is heard of that call.
    stage.after(seconds(59));
    stage.minute().await;
    stage.is_at("calling", 2).await;
    stage.after(seconds(2));
    stage.minute().await;
    stage.is_at("calling", 3).await;
    // Both coordinators by SMS, and by push where somebody is signed in; admins only from the second round on.
    assert_eq!(stage.sent("channel = 'sms' and template = 'alert_sms'").await, 2);
    let push = format!("channel = 'push' and recipient_id = '{}'", OTHER_COORDINATOR.id);
    assert_eq!(stage.sent(&push).await, 1);
    stage.minute().await;
    stage.is_at("calling", 3).await;

    for (level, told) in [(4, 6), (5, 10), (6, 14), (7, 18), (8, 22)] {
        stage.after(SignedDuration::from_mins(5));
        stage.minute().await;
        stage.is_at("calling", level).await;
        assert_eq!(stage.sent("channel = 'sms' and template = 'alert_sms'").await, told, "coordinators and admins");
    }
    let french = format!("recipient_id in ('{}', '{}') and locale <> 'fr-CA'", OTHER_COORDINATOR.id, OTHER_ADMIN.id);
    assert_eq!(stage.sent(&french).await, 0);

    // Nobody: whoever asked is told so, once.
    stage.after(SignedDuration::from_mins(5));
    stage.minute().await;
    stage.is_at("expired", 8).await;
    stage.after(SignedDuration::from_mins(5));
    stage.minute().await;
    let told = format!("template = 'alert_unanswered' and channel = 'sms' and recipient_id = '{}'", NURSE.id);
    assert_eq!(stage.sent(&told).await, 1);
    assert_eq!(stage.app.database.count("select count(*) from audit_log where action = 'alert.expire'").await, 1);
    // And it can still be taken.
    let heard = stage.pick_up(&second).await;
    stage.press(&heard, "1").await;
    stage.is_at("acknowledged", 8).await;
}

#[tokio::test]
async fn how_long_an_alert_has_waited_for_a_person_is_told_each_minute() {
    let stage = Stage::new().await;
    let captured = Captured::start();
    let waited = async |minutes: i64| {
        let created = stage.now() - SignedDuration::from_mins(minutes);
        let sql = format!(
            "alter table alerts disable trigger user; update alerts set created_at = '{created}'; alter table alerts enable trigger user"
        );
        stage.app.database.superuser().await.batch_execute(&sql).await.unwrap();
        stage.minute().await;
        captured.lines().iter().rev().find_map(|line| line["AlertUnacknowledged"].as_f64())
    };
    assert_eq!(waited(1).await, Some(60.0));
    // Nobody there to be called: that its calls have ended doesn't end the wait, for a day.
    let owner = stage.app.database.superuser().await;
    owner.batch_execute("update users set status = 'suspended' where role in ('coordinator', 'admin')").await.unwrap();
    stage.after(seconds(61));
    assert_eq!(waited(11).await, Some(660.0));
    stage.is_at("expired", 1).await;
    assert_eq!(waited(12).await, Some(720.0));
    assert_eq!(waited(24 * 60 + 1).await, Some(0.0));
    assert_eq!(waited(13).await, Some(780.0));
    let taken =
        format!("update alerts set status = 'acknowledged', acknowledged_by = '{}', acknowledged_at = now()", ADMIN.id);
    stage.app.database.write(AGENCY_A, &taken).await;
    assert_eq!(waited(14).await, Some(0.0));
}

#[tokio::test]
async fn one_takes_it_and_everything_stops() {
    let stage = Stage::new().await;
    stage.minute().await;
    let call = stage.call_to(&COORDINATOR).await;
    let heard = stage.pick_up(&call).await;
    let told = stage.press(&heard, "1").await;
    assert!(told.contains("It is yours now") && told.ends_with("<Hangup/></Response>"), "{told}");
    let acknowledged = Standing { status: "acknowledged".into(), level: 1, acknowledged_by: Some(COORDINATOR.id) };
    assert_eq!(stage.standing().await, acknowledged);
    // The key again, the call's end, and an hour: nothing more.
    assert!(stage.press(&heard, "1").await.contains("It is yours now"));
    stage.status(&call, "completed").await;
    stage.after(SignedDuration::from_hours(1));
    stage.minute().await;
    assert_eq!(stage.standing().await, acknowledged);
    assert_eq!(stage.sent("true").await, 1);
    let heard = stage.pick_up(&call).await;
    assert!(heard.contains("It is yours now") && !heard.contains("Gather"), "{heard}");
    let heard = stage.press_late(&call, "2").await;
    assert!(heard.contains("It is yours now"), "nobody else is called: {heard}");
}

#[tokio::test]
async fn the_phone_of_a_deleted_alert_says_that_nobody_is_needed() {
    let stage = Stage::new().await;
    stage.minute().await;
    let call = stage.call_to(&COORDINATOR).await;
    let heard = stage.pick_up(&call).await;
    let deleted = format!("update alerts set deleted_at = now() where id = '{}'", stage.alert);
    stage.app.database.write(AGENCY_A, &deleted).await;
    for heard in [stage.press(&heard, "1").await, stage.press(&heard, "2").await, stage.pick_up(&call).await] {
        assert!(heard.contains("Somebody else has taken care of this already"), "{heard}");
    }
    assert_eq!(stage.standing().await.acknowledged_by, None);
}

#[tokio::test]
async fn a_pressed_1_never_loses_to_news_of_the_call() {
    let stage = Stage::new().await;
    stage.minute().await;
    let call = stage.call_to(&COORDINATOR).await;
    let heard = stage.pick_up(&call).await;
    // Both wait for the chain, the key first.
    let mut owner = stage.app.database.superuser().await;
    let watch = stage.app.database.superuser().await;
    let waiting = async |count: i64| {
        until("the wait", async || {
            let sql =
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
            let row = &watch.query_typed(sql, &[]).await.unwrap()[0];
            row.get::<_, i64>(0) == count
        })
        .await;
    };
    let held = owner.transaction().await.unwrap();
    held.batch_execute("select from escalations for update").await.unwrap();
    let another = stage.app.webhooks_by(Timestamp::now);
    let told = async {
        waiting(1).await;
        let form = [("CallSid", "CA1"), ("CallStatus", "in-progress")];
        let news = Webhook::to(&format!("voice/status?message={}", call.id), &form);
        let release = async {
            waiting(2).await;
            held.commit().await.unwrap();
        };
        tokio::join!(news.send(another), release).0
    };
    let (pressed, told) = tokio::join!(stage.press(&heard, "1"), told);
    assert!(pressed.contains("It is yours now"), "{pressed}");
    assert_eq!(told.status, 204);
    assert_eq!(stage.standing().await.acknowledged_by, Some(COORDINATOR.id));
}

#[tokio::test]
async fn a_familys_wish_to_be_called_walks_as_far_and_ends_in_words_of_its_own() {
    let stage = Stage::new().await;
    let asked = format!("update alerts set raised_by = '{}', reason = 'family_call', severity = 'medium'", FAMILY.id);
    stage.app.database.write(AGENCY_A, &asked).await;
    stage.minute().await;
    for callee in [&COORDINATOR, &OTHER_COORDINATOR] {
        let call = stage.call_to(callee).await;
        stage.status(&call, "no-answer").await;
    }
    assert_eq!(stage.sent("channel = 'voice' and template = 'family_call'").await, 2);
    stage.is_at("calling", 3).await;
    assert_eq!(stage.sent("template = 'family_call_sms'").await, 2);
    for level in [4, 5, 6, 7, 8] {
        stage.after(SignedDuration::from_mins(5));
        stage.minute().await;
        stage.is_at("calling", level).await;
    }
    stage.after(SignedDuration::from_mins(5));
    stage.minute().await;
    stage.is_at("expired", 8).await;
    let told = format!("recipient_id = '{}' and template = 'family_call_unanswered'", FAMILY.id);
    assert_eq!((stage.sent(&told).await, stage.sent("template = 'alert_unanswered'").await), (1, 0));
    assert_eq!(Template::FamilyCallUnanswered {}.promise(), Promise::AtMostOnce);
}

#[tokio::test]
async fn two_passes_it_on_once() {
    let stage = Stage::new().await;
    stage.minute().await;
    let first = stage.call_to(&COORDINATOR).await;
    let heard = stage.pick_up(&first).await;
    for _ in 0..2 {
        let told = stage.press(&heard, "2").await;
        assert!(told.contains("The alert goes on to the others"), "{told}");
        stage.is_at("calling", 2).await;
    }
    // The end of the call that was passed on moves nothing again.
    stage.status(&first, "completed").await;
    stage.is_at("calling", 2).await;
    let second = stage.call_to(&OTHER_COORDINATOR).await;
    let heard = stage.pick_up(&second).await;
    assert!(stage.press(&heard, "2").await.contains("L&apos;alerte passe aux autres"));
    stage.is_at("calling", 3).await;
    // Who passed it on can still press 1, while nobody else has.
    let heard = stage.pick_up(&first).await;
    stage.press(&heard, "1").await;
    assert_eq!(stage.standing().await.acknowledged_by, Some(COORDINATOR.id));
    for heard in [stage.pick_up(&second).await, stage.press_late(&second, "2").await] {
        assert!(heard.contains("Quelqu&apos;un d&apos;autre s&apos;en est déjà chargé"), "{heard}");
    }
}

#[tokio::test]
async fn another_key_or_none_is_asked_again_and_then_the_call_ends() {
    let stage = Stage::new().await;
    stage.minute().await;
    let call = stage.call_to(&COORDINATOR).await;
    let heard = stage.pick_up(&call).await;
    assert!(heard.contains("#rc=3&amp;rp=ct,rt,5xx\""), "Twilio posts a key again that we didn't take: {heard}");
    // Asking three times takes longer than a call may go on without news: being asked is news.
    stage.after(seconds(25));
    let heard = stage.press(&heard, "").await;
    stage.after(seconds(25));
    let heard = stage.press(&heard, "9").await;
    assert!(heard.contains("<Gather"), "{heard}");
    stage.after(seconds(25));
    stage.minute().await;
    stage.is_at("calling", 1).await;
    assert!(stage.press(&heard, "#").await.ends_with("<Response><Hangup/></Response>"));
    stage.is_at("calling", 1).await;
    stage.status(&call, "completed").await;
    stage.is_at("calling", 2).await;
}

#[tokio::test]
async fn a_call_that_rings_out_or_can_t_be_placed_moves_on_at_once() {
    for status in ["busy", "no-answer", "failed", "canceled"] {
        let stage = Stage::new().await;
        stage.minute().await;
        let call = stage.call_to(&COORDINATOR).await;
        stage.status(&call, status).await;
        stage.is_at("calling", 2).await;
        assert_eq!(stage.sent("channel = 'voice' and status = 'failed'").await, 1, "{status}");
    }
    // One that Twilio never took, as with a number that doesn't exist.
    let stage = Stage::new().await;
    stage.minute().await;
    let dead = "update messages set status = 'dead', next_attempt_at = null where channel = 'voice'";
    stage.app.database.superuser().await.batch_execute(dead).await.unwrap();
    stage.minute().await;
    stage.is_at("calling", 2).await;
}

#[tokio::test]
async fn events_twice_and_out_of_order_move_it_once() {
    let stage = Stage::new().await;
    stage.minute().await;
    let first = stage.call_to(&COORDINATOR).await;
    for status in ["completed", "ringing", "completed", "initiated", "in-progress", "no-answer", "something-new"] {
        stage.status(&first, status).await;
        stage.is_at("calling", 2).await;
    }
    assert_eq!(stage.sent("channel = 'voice'").await, 2);
    assert_eq!(stage.sent(&format!("id = '{}' and status = 'delivered'", first.id)).await, 1);
    // News of the former call is none of the present one.
    stage.after(seconds(55));
    stage.status(&first, "ringing").await;
    stage.after(seconds(6));
    stage.minute().await;
    stage.is_at("calling", 3).await;
}

#[tokio::test]
async fn of_an_end_and_a_key_at_once_one_counts() {
    for _ in 0..6 {
        let stage = Stage::new().await;
        stage.minute().await;
        let call = stage.call_to(&COORDINATOR).await;
        let heard = stage.pick_up(&call).await;
        let other = stage.app.jobs();
        let later = stage.now() + seconds(120);
        tokio::join!(stage.press(&heard, "1"), stage.status(&call, "completed"), other.at("escalate", later));
        let standing = stage.standing().await;
        assert_eq!(standing.status, "acknowledged");
        assert!(standing.level <= 3);
        assert_eq!(stage.sent("status in ('pending', 'sending')").await, 0);
        let level = standing.level;
        stage.after(SignedDuration::from_hours(1));
        stage.minute().await;
        assert_eq!(stage.standing().await.level, level);
    }
}

#[tokio::test]
async fn who_is_away_is_passed_over_and_where_nobody_is_left_the_asker_knows_at_once() {
    let stage = Stage::new().await;
    let owner = stage.app.database.superuser().await;
    let away = format!("update users set status = 'suspended' where id = '{}'", COORDINATOR.id);
    owner.batch_execute(&away).await.unwrap();
    stage.minute().await;
    stage.call_to(&OTHER_COORDINATOR).await;

    let stage = Stage::new().await;
    let owner = stage.app.database.superuser().await;
    let all = "update users set status = 'suspended' where role in ('coordinator', 'admin')";
    owner.batch_execute(all).await.unwrap();
    stage.minute().await;
    stage.is_at("expired", 0).await;
    assert_eq!(stage.sent("template = 'alert_unanswered'").await, 1);

    // Without coordinators it is the admins' turn.
    let stage = Stage::new().await;
    let owner = stage.app.database.superuser().await;
    owner.batch_execute("update users set status = 'suspended' where role = 'coordinator'").await.unwrap();
    stage.minute().await;
    let call = stage.call_to(&ADMIN).await;
    stage.status(&call, "busy").await;
    stage.call_to(&OTHER_ADMIN).await;
}

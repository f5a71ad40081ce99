//! The outbox as it is emptied: what the providers are asked, in which order, how fast, and what becomes of it.

use std::collections::HashMap;

use jiff::SignedDuration;
use jobs::{Deadline, Job};
use serde_json::json;
use store::tables::messages::{self, Message};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::harness::{
    fixtures::{AGENCY_A, ALMA, COORDINATOR},
    outbox::{AGENCY, TestOutbox, alert_call, alert_sms, family_sms, push},
    providers::{Fault, SimulatedClock},
};

const TO: &str = "+14165550190";

fn said(answer: &jobs::Answer) -> HashMap<&'static str, u64> {
    answer.report.counts.iter().map(|(name, count)| (*name, *count)).collect()
}

#[tokio::test]
async fn twilio_is_asked_as_it_wants_to_be() {
    let outbox = TestOutbox::new().await;
    outbox.queue(&[alert_call("call", TO), family_sms("sms", TO)]).await;
    assert_eq!(said(&outbox.dispatch().await), HashMap::from([("sent", 2)]));
    let accepted = outbox.fake.accepted();
    let by_kind = |kind: &str| accepted.iter().find(|one| one.sid.starts_with(kind)).unwrap();
    let owner = outbox.app.database.superuser().await;
    let rows = owner.query_typed("select dedupe_key, id::text, provider_sid from messages", &[]).await.unwrap();
    let stored: HashMap<String, (String, String)> =
        rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();

    let (call, (id, sid)) = (by_kind("CA"), &stored["call"]);
    assert_eq!(&call.sid, sid);
    let query = format!("?token=ours+%26+%2B&message={id}#rc=3&rp=ct,rt,5xx");
    for (name, value) in [
        ("To", TO),
        ("From", "+16475550001"),
        ("Url", &format!("https://api.test/v1/voice/webhook{query}")),
        ("Method", "POST"),
        ("StatusCallback", &format!("https://api.test/v1/voice/status{query}")),
        ("StatusCallbackMethod", "POST"),
        ("StatusCallbackEvent", "initiated ringing answered completed"),
        ("Timeout", "25"),
    ] {
        assert_eq!(call.form[name], value, "{name}");
    }
    let (sms, (id, sid)) = (by_kind("SM"), &stored["sms"]);
    assert_eq!(&sms.sid, sid);
    assert_eq!(sms.form["From"], "+16475550002");
    assert_eq!(
        sms.form["Body"],
        "BerthCare: 1 visit to Alma today: Amara 9:05 am. Reply CALL to be called, STOP to end."
    );
    let reports = format!("https://api.test/v1/sms/status?token=ours+%26+%2B&message={id}#rc=3&rp=ct,rt,5xx");
    assert_eq!(sms.form["StatusCallback"], reports);
    // The key, not the account's token.
    assert_eq!(outbox.fake.authorization(), "Basic U0sxOnM=");
    assert_eq!((outbox.status("call").await, outbox.status("sms").await), ("sent".into(), "sent".into()));
    // And no second time.
    assert_eq!(said(&outbox.dispatch_after(SignedDuration::from_hours(1)).await), HashMap::new());
    assert_eq!(outbox.fake.accepted().len(), 2);
}

#[tokio::test]
async fn alerts_go_first_and_nothing_faster_than_its_rate() {
    let outbox = TestOutbox::new().await;
    let mut queued: Vec<_> = (0..6).map(|n| family_sms(&format!("family {n}"), &format!("+1416555100{n}"))).collect();
    queued.push(alert_sms("alert", TO));
    outbox.queue(&queued).await;
    outbox.dispatch().await;
    let accepted = outbox.fake.accepted();
    assert_eq!(accepted.len(), 7);
    assert_eq!(accepted[0].to, TO);
    let turns = outbox
        .app
        .database
        .count("select count(*) from messages a, messages b where a.id < b.id and abs(extract(epoch from a.attempted_at - b.attempted_at)) < 1")
        .await;
    assert_eq!(turns, 0, "closer together than a second");
}

#[tokio::test]
async fn what_can_never_arrive_is_given_up_at_once_and_what_may_later_is_tried_again() {
    let outbox = TestOutbox::new().await;
    for code in [21211, 21214, 21610, 21614, 21408] {
        let key = code.to_string();
        outbox.fake.fail(Fault::Refused(code));
        outbox.queue(&[alert_sms(&key, TO)]).await;
        outbox.dispatch().await;
        assert_eq!(outbox.outcome(&key).await, ("dead".into(), Some(format!("twilio {code}"))));
    }
    for (key, fault) in [("429", Fault::TooMany), ("500", Fault::Broken), ("our mistake", Fault::Refused(21606))] {
        outbox.fake.fail(fault);
        outbox.queue(&[family_sms(key, TO)]).await;
        let said = said(&outbox.dispatch_after(SignedDuration::from_secs(1)).await);
        // A second attempt is due within the patience of the same run.
        assert_eq!(said, HashMap::from([("retried", 1), ("sent", 1)]), "{key}");
        assert_eq!(outbox.status(key).await, "sent");
    }
    assert_eq!(outbox.fake.looked_up(), 0, "an error in Twilio's own words leaves no doubt");
}

#[tokio::test]
async fn what_fails_for_a_day_is_given_up_with_its_reason() {
    let outbox = TestOutbox::new().await;
    outbox.queue(&[alert_sms("alert", TO), family_sms("family", "+14165550191")]).await;
    let mut runs = 0;
    while outbox.app.database.count("select count(*) from messages where status <> 'dead'").await > 0 {
        for _ in 0..20 {
            outbox.fake.fail(Fault::TooMany);
        }
        outbox.dispatch_after(SignedDuration::from_hours(1)).await;
        runs += 1;
        assert!(runs < 30, "still trying after a day");
    }
    assert!(outbox.outcome("alert").await.1.unwrap().contains("twilio 20429"));
    // Of no use after four hours: a family is not told at night of the day before.
    let sql = "select max(next_attempt_at) is null and max(attempted_at) < now() + interval '5 hours'
               from messages where dedupe_key = 'family'";
    let given_up: bool = outbox.app.database.superuser().await.query_typed(sql, &[]).await.unwrap()[0].get(0);
    assert!(given_up);
    assert!(runs > 20, "given up after {runs} hours");
    assert!(outbox.fake.accepted().is_empty());
}

#[tokio::test]
async fn who_opted_out_since_is_not_sent_to() {
    let outbox = TestOutbox::new().await;
    outbox.queue(&[family_sms("family", TO), alert_sms("alert", TO)]).await;
    outbox.consent(false).await;
    outbox.dispatch().await;
    assert_eq!(outbox.outcome("family").await, ("cancelled".into(), Some("no consent to it".into())));
    assert_eq!(outbox.status("alert").await, "sent", "consent is asked for the daily SMS only");
    outbox.consent(true).await;
    // The client may take back theirs as well.
    let sharing = async |granted: bool| {
        let sql = format!(
            "insert into consents (id, agency_id, client_id, kind, granted, method)
             values (app.uuid7(), '{AGENCY_A}', '{ALMA}', 'family_sharing', {granted}, 'test')"
        );
        outbox.app.database.write(AGENCY_A, &sql).await;
    };
    outbox.queue(&[family_sms("not shared", TO)]).await;
    sharing(false).await;
    outbox.dispatch().await;
    assert_eq!(outbox.outcome("not shared").await, ("cancelled".into(), Some("no consent to it".into())));
    sharing(true).await;
    outbox.queue(&[family_sms("family again", TO)]).await;
    outbox.dispatch().await;
    assert_eq!(outbox.status("family again").await, "sent");
}

#[tokio::test]
async fn a_run_that_is_cut_off_leaves_the_rest_to_the_next() {
    let outbox = TestOutbox::new().await;
    let queued: Vec<_> = (0..5).map(|n| family_sms(&format!("family {n}"), &format!("+1416555100{n}"))).collect();
    outbox.queue(&queued).await;
    let (clock, end) = (outbox.fake.clock.clone(), outbox.fake.clock.now() + SignedDuration::from_millis(1500));
    let deadline = Deadline::when(move || clock.now() >= end);
    let answer = outbox.run(&outbox.environment(), Job::Dispatch, deadline).await.unwrap();
    assert!(answer.report.cut_off);
    assert_eq!(said(&answer), HashMap::from([("sent", 2)]));
    assert_eq!(said(&outbox.dispatch_after(SignedDuration::from_secs(1)).await), HashMap::from([("sent", 3)]));
    assert_eq!(outbox.fake.accepted().len(), 5);
}

#[tokio::test]
async fn two_dispatchers_at_once_send_each_message_once_and_keep_the_rate() {
    let outbox = TestOutbox::new().await;
    let queued: Vec<_> = (0..24)
        .map(|n| {
            if n % 2 == 0 {
                family_sms(&format!("{n}"), &format!("+141655520{n:02}"))
            } else {
                alert_call(&format!("{n}"), &format!("+141655520{n:02}"))
            }
        })
        .collect();
    outbox.queue(&queued).await;
    let (one, other, third) = (outbox.environment(), outbox.environment(), outbox.environment());
    let never = || Deadline::when(|| false);
    let (a, b, c) = tokio::join!(
        outbox.run(&one, Job::Dispatch, never()),
        outbox.run(&other, Job::Dispatch, never()),
        outbox.run(&third, Job::Dispatch, never())
    );
    let sent: u64 = [a, b, c].iter().map(|run| said(run.as_ref().unwrap()).get("sent").copied().unwrap_or(0)).sum();
    assert_eq!(sent, 24);
    for n in 0..24 {
        assert_eq!(outbox.fake.accepted_for(&format!("+141655520{n:02}")), 1, "{n}");
    }
    let close = "select count(*) from messages a, messages b
                 where a.id < b.id and a.channel = b.channel
                   and abs(extract(epoch from a.attempted_at - b.attempted_at)) < 1";
    assert_eq!(outbox.app.database.count(close).await, 0);
}

#[tokio::test]
async fn pushes_go_in_batches_say_nothing_and_forget_dead_tokens() {
    let outbox = TestOutbox::new().await;
    let coordinator = outbox.app.coordinator().await;
    let owner = outbox.app.database.superuser().await;
    let sql = format!("update devices set push_token = 'ExponentPushToken[7]' where id = '{}'", coordinator.device_id);
    owner.batch_execute(&sql).await.unwrap();
    outbox.fake.unregister("ExponentPushToken[7]");
    let queued: Vec<Message> = (0..103).map(|n| push(&format!("{n}"), &format!("ExponentPushToken[{n}]"))).collect();
    outbox.queue(&queued).await;
    let answer = outbox.dispatch().await;
    assert_eq!(said(&answer), HashMap::from([("sent", 102), ("dead", 1), ("tokens_forgotten", 1)]));
    let pushed = outbox.fake.pushed();
    assert_eq!(pushed.iter().map(Vec::len).collect::<Vec<_>>(), [100, 3]);
    let first = pushed[0][0].as_object().unwrap();
    assert_eq!(first["title"], "Open BerthCare");
    assert_eq!(first.keys().collect::<Vec<_>>(), ["data", "priority", "sound", "title", "to"]);
    assert!(first["data"]["id"].is_string() && first["data"].as_object().unwrap().len() == 1);
    let kept = format!("select count(*) from devices where user_id = '{}' and push_token is not null", COORDINATOR.id);
    assert_eq!(outbox.app.database.count(&kept).await, 0);

    // Receipts, a quarter of an hour later.
    let run = async || outbox.run(&outbox.environment(), Job::Receipts, Deadline::when(|| false)).await.unwrap();
    assert_eq!(said(&run().await), HashMap::new());
    owner.batch_execute(&sql.replace("[7]", "[1]")).await.unwrap();
    for n in 0..100 {
        outbox.fake.give_receipt(&format!("ticket-0-{n}"), json!({"status": "ok"}));
    }
    let gone = json!({"status": "error", "message": "gone", "details": {"error": "DeviceNotRegistered"}});
    let sql = "select provider_sid from messages where recipient = 'ExponentPushToken[1]'";
    let ticket: String = owner.query_typed(sql, &[]).await.unwrap()[0].get(0);
    outbox.fake.give_receipt(&ticket, gone);
    outbox.fake.clock.advance(SignedDuration::from_mins(15));
    let told = said(&run().await);
    assert_eq!(told["delivered"] + told["tokens_forgotten"] + told["not_yet"], 102);
    assert_eq!(told["tokens_forgotten"], 1);
    assert_eq!(outbox.status("1").await, "failed");
    assert_eq!(outbox.app.database.count(&kept).await, 0);
    // The others' receipts never come; after a day nobody asks any more.
    outbox.fake.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(said(&run().await), HashMap::from([("never_told", told["not_yet"])]));
    assert_eq!(said(&run().await), HashMap::new());
}

#[tokio::test]
async fn whatever_fails_at_expo_a_push_arrives_once_it_can() {
    for fault in [Fault::TooMany, Fault::Broken, Fault::LostAfter] {
        let outbox = TestOutbox::new().await;
        outbox.fake.fail_push(fault);
        outbox.queue(&[push("one", "ExponentPushToken[1]"), push("other", "ExponentPushToken[2]")]).await;
        assert_eq!(said(&outbox.dispatch().await), HashMap::from([("retried", 2), ("sent", 2)]));
    }
}

#[tokio::test]
async fn what_expo_says_of_one_message_concerns_no_other() {
    let outbox = TestOutbox::new().await;
    let codes = ["MessageRateExceeded", "ExpoError", "ProviderError", "InvalidCredentials", "MessageTooBig"];
    let mut queued = vec![push("fine", "ExponentPushToken[fine]")];
    for code in codes {
        let token = format!("ExponentPushToken[{code}]");
        outbox.fake.reject(&token, code);
        queued.push(push(code, &token));
    }
    outbox.queue(&queued).await;
    assert_eq!(said(&outbox.dispatch().await), HashMap::from([("retried", 4), ("sent", 5), ("dead", 1)]));
    assert_eq!(outbox.outcome("MessageTooBig").await, ("dead".into(), Some("MessageTooBig".into())));
}

#[tokio::test]
async fn of_two_runs_at_once_one_asks_for_a_receipt() {
    let outbox = TestOutbox::new().await;
    let queued: Vec<_> = (0..20).map(|n| push(&format!("{n}"), &format!("ExponentPushToken[{n}]"))).collect();
    outbox.queue(&queued).await;
    outbox.dispatch().await;
    for n in 0..20 {
        outbox.fake.give_receipt(&format!("ticket-0-{n}"), json!({"status": "ok"}));
    }
    outbox.fake.clock.advance(SignedDuration::from_mins(15));
    let (one, other) = (outbox.environment(), outbox.environment());
    let run = async |jobs| outbox.run(jobs, Job::Receipts, Deadline::when(|| false)).await.unwrap();
    let (one, other) = tokio::join!(run(&one), run(&other));
    let delivered = |run: &jobs::Answer| said(run).get("delivered").copied().unwrap_or(0);
    assert_eq!(delivered(&one) + delivered(&other), 20);
    assert_eq!(outbox.fake.asked_for().len(), 20, "each once");
}

#[tokio::test]
async fn what_was_cancelled_while_it_waited_is_never_sent() {
    let outbox = TestOutbox::new().await;
    let visit = crate::harness::fixtures::NURSES_VISIT;
    outbox.queue(&[Message { visit_id: Some(visit), ..alert_sms("late", TO) }]).await;
    let mut tx = outbox.db.write_unsynced(&AGENCY).await.unwrap();
    messages::cancel_for_visit(&mut tx, visit).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(said(&outbox.dispatch().await), HashMap::new());
    assert!(outbox.fake.accepted().is_empty());
}

/// Somebody takes the alert that the call is about.
async fn taken(outbox: &TestOutbox) {
    let mut tx = outbox.db.write_unsynced(&AGENCY).await.unwrap();
    messages::cancel_for_alert(&mut tx, ALERT).await.unwrap();
    tx.commit().await.unwrap();
}

const ALERT: Uuid = Uuid::from_u128(0xa1);

async fn call_about_an_alert() -> TestOutbox {
    let outbox = TestOutbox::new().await;
    let alert = format!(
        "insert into alerts (id, agency_id, client_id, severity, reason) values ('{ALERT}', '{AGENCY_A}', '{ALMA}', 'high', 'fall')"
    );
    outbox.app.database.write(AGENCY_A, &alert).await;
    outbox.queue(&[Message { alert_id: Some(ALERT), ..alert_call("call", TO) }]).await;
    outbox
}

#[tokio::test]
async fn the_next_person_is_called_at_once_where_a_number_can_t_be() {
    let outbox = TestOutbox::new().await;
    let alert = format!(
        "update clients set coordinator_id = '{}' where id = '{ALMA}';
         insert into alerts (id, agency_id, client_id, severity, reason) values ('{ALERT}', '{AGENCY_A}', '{ALMA}', 'high', 'fall')",
        COORDINATOR.id
    );
    outbox.app.database.write(AGENCY_A, &alert).await;
    outbox.run(&outbox.environment(), Job::Escalate, Deadline::when(|| false)).await.unwrap();
    outbox.fake.fail(Fault::Refused(21211));
    outbox.fake.clock.advance_to(jiff::Timestamp::now() + SignedDuration::from_secs(1));
    assert_eq!(said(&outbox.dispatch().await), HashMap::from([("dead", 1), ("sent", 1)]));
    let called = outbox.fake.accepted();
    assert_eq!(called.len(), 1);
    assert_ne!(called[0].to, "+14165550002", "the client's own coordinator has no such number");
}

#[tokio::test]
async fn a_phone_stops_ringing_when_somebody_else_has_taken_the_alert() {
    let outbox = call_about_an_alert().await;
    outbox.dispatch().await;
    taken(&outbox).await;
    // Asked again where that fails, and not any more where it is done.
    outbox.fake.fail(Fault::Broken);
    assert_eq!(said(&outbox.dispatch().await).get("hung_up"), None);
    assert_eq!(said(&outbox.dispatch_after(SignedDuration::from_secs(6)).await)["hung_up"], 1);
    assert_eq!(outbox.fake.stopped(), [outbox.fake.accepted()[0].sid.clone()]);
    assert_eq!(said(&outbox.dispatch_after(SignedDuration::from_mins(1)).await).get("hung_up"), None);
    assert_eq!(outbox.fake.stopped().len(), 1);
}

#[tokio::test]
async fn a_call_that_somebody_has_picked_up_is_left_alone() {
    let outbox = call_about_an_alert().await;
    outbox.dispatch().await;
    taken(&outbox).await;
    outbox.fake.fail(Fault::Refused(21220));
    assert_eq!(said(&outbox.dispatch().await)["hung_up"], 1);
    assert_eq!(said(&outbox.dispatch_after(SignedDuration::from_mins(1)).await).get("hung_up"), None);
    assert!(outbox.fake.stopped().is_empty());
}

#[tokio::test]
async fn nobody_asks_for_long_about_a_call_that_rings_no_more() {
    let outbox = call_about_an_alert().await;
    outbox.dispatch().await;
    taken(&outbox).await;
    outbox.fake.clock.advance(SignedDuration::from_mins(3));
    outbox.fake.fail(Fault::Broken);
    outbox.dispatch().await;
    assert_eq!(said(&outbox.dispatch_after(SignedDuration::from_mins(1)).await).get("hung_up"), None);
}

#[tokio::test]
async fn a_call_that_is_placed_while_somebody_takes_the_alert_stops_too() {
    let outbox = call_about_an_alert().await;
    let (sender, held) = oneshot::channel();
    outbox.fake.fail(Fault::Held(sender));
    let (answer, ()) = tokio::join!(outbox.dispatch(), async {
        let held = held.await.unwrap();
        taken(&outbox).await;
        held.answer.send(()).unwrap();
    });
    assert_eq!(said(&answer)["hung_up"], 1);
    assert_eq!(outbox.status("call").await, "cancelled");
    assert_eq!(outbox.fake.stopped(), [outbox.fake.accepted()[0].sid.clone()]);
}

#[tokio::test]
async fn a_text_of_a_later_release_is_given_up_and_holds_up_nothing() {
    let outbox = TestOutbox::new().await;
    outbox.queue(&[alert_sms("unknown", TO), alert_sms("known", TO)]).await;
    let owner = outbox.app.database.superuser().await;
    owner.batch_execute("update messages set template = 'of_tomorrow' where dedupe_key = 'unknown'").await.unwrap();
    outbox.dispatch().await;
    assert_eq!((outbox.status("unknown").await, outbox.status("known").await), ("dead".into(), "sent".into()));
}

#[tokio::test]
async fn without_twilio_nothing_is_lost_and_the_backlog_is_told() {
    let outbox = TestOutbox::new().await;
    outbox.queue(&[alert_sms("alert", TO)]).await;
    let config = outbox.fake.out_of_reach().config(&outbox.app).await;
    let secrets = runtime::secrets::Secrets::new(&outbox.app.aws, &config.environment);
    let jobs = jobs::Jobs::new(&config.jobs(), &secrets, &outbox.app.aws);
    let clock: SimulatedClock = outbox.fake.clock.clone();
    let end = clock.now() + SignedDuration::from_secs(40);
    let answer = outbox.run(&jobs, Job::Dispatch, Deadline::when(move || clock.now() >= end)).await.unwrap();
    assert!(said(&answer)["retried"] >= 3);
    let backlog =
        store::tables::sending::backlog(&outbox.db, outbox.fake.clock.now() + SignedDuration::from_hours(1)).await;
    let backlog = backlog.unwrap();
    assert_eq!(backlog.depth, 1);
    assert!((3000.0..=3600.0).contains(&backlog.age_seconds), "{backlog:?}");
    outbox.dispatch_after(SignedDuration::from_mins(1)).await;
    assert_eq!(outbox.status("alert").await, "sent");
}

//! The outbox as it is emptied: what the providers are asked, in which order, how fast, and what becomes of it.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use jobs::{Deadline, JobName};
use serde_json::json;
use store::tables::{
    messages::{self, Message},
    sending,
};

use crate::harness::{
    fixtures::{AGENCY_A, ALMA},
    outbox::{AGENCY, TestOutbox, alert_call, alert_sms, counts, family_sms},
    providers::{Fault, SimulatedClock},
};

const TO: &str = "+14165550190";

#[tokio::test]
async fn requests_to_twilio_are_well_formed() {
    let outbox = TestOutbox::new().await;
    outbox.queue(&[alert_call("call", TO), family_sms("sms", TO)]).await;
    assert_eq!(counts(&outbox.dispatch().await), HashMap::from([("sent", 2)]));
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
    assert_eq!(counts(&outbox.dispatch_after(SignedDuration::from_hours(1)).await), HashMap::new());
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
        .count(
            "select count(*) from messages a, messages b where a.id < b.id and abs(extract(epoch
                from a.attempted_at - b.attempted_at)) < 1",
        )
        .await;
    assert_eq!(turns, 0, "closer together than a second");
}

#[tokio::test]
async fn permanent_errors_are_final_and_temporary_ones_retried() {
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
        let told = counts(&outbox.dispatch_after(SignedDuration::from_secs(1)).await);
        // A second attempt is due within the patience of the same run.
        assert_eq!(told, HashMap::from([("retried", 1), ("sent", 1)]), "{key}");
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
    assert_eq!(outbox.outcome("family").await, ("cancelled".into(), Some("the recipient has not consented".into())));
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
    assert_eq!(
        outbox.outcome("not shared").await,
        ("cancelled".into(), Some("the recipient has not consented".into()))
    );
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
    let answer = outbox.run(&outbox.environment(), JobName::Dispatch, deadline).await.unwrap();
    assert!(answer.report.cut_off);
    assert_eq!(counts(&answer), HashMap::from([("sent", 2)]));
    assert_eq!(counts(&outbox.dispatch_after(SignedDuration::from_secs(1)).await), HashMap::from([("sent", 3)]));
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
        outbox.run(&one, JobName::Dispatch, never()),
        outbox.run(&other, JobName::Dispatch, never()),
        outbox.run(&third, JobName::Dispatch, never())
    );
    let sent: u64 = [a, b, c].iter().map(|run| counts(run.as_ref().unwrap()).get("sent").copied().unwrap_or(0)).sum();
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
async fn what_was_cancelled_while_it_waited_is_never_sent() {
    let outbox = TestOutbox::new().await;
    let visit = crate::harness::fixtures::NURSES_VISIT;
    outbox.queue(&[Message { visit_id: Some(visit), ..alert_sms("late", TO) }]).await;
    let mut tx = outbox.db.write_unsynced(&AGENCY).await.unwrap();
    messages::cancel_for_visit(&mut tx, visit).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(counts(&outbox.dispatch().await), HashMap::new());
    assert!(outbox.fake.accepted().is_empty());
}

#[tokio::test]
async fn an_unknown_template_is_given_up_and_blocks_nothing() {
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
    let answer = outbox.run(&jobs, JobName::Dispatch, Deadline::when(move || clock.now() >= end)).await.unwrap();
    assert!(counts(&answer)["retried"] >= 3);
    let backlog =
        store::tables::sending::backlog(&outbox.db, outbox.fake.clock.now() + SignedDuration::from_hours(1)).await;
    let backlog = backlog.unwrap();
    assert_eq!(backlog.depth, 1);
    assert!((3000.0..=3600.0).contains(&backlog.age_seconds), "{backlog:?}");
    outbox.dispatch_after(SignedDuration::from_mins(1)).await;
    assert_eq!(outbox.status("alert").await, "sent");
}

#[tokio::test]
async fn a_number_that_opted_out_at_the_network_gets_no_more_and_the_coordinator_knows() {
    let outbox = TestOutbox::new().await;
    let number = "+14165550005";
    outbox.fake.fail(Fault::Refused(21610));
    outbox.queue(&[family_sms("refused", number)]).await;
    outbox.dispatch().await;
    assert_eq!(outbox.outcome("refused").await, ("dead".into(), Some("twilio 21610".into())));
    outbox.queue(&[family_sms("next", number)]).await;
    outbox.dispatch().await;
    assert_eq!(outbox.outcome("next").await, ("cancelled".into(), Some("the recipient has not consented".into())));
    let replies = outbox.app.coordinator().await.get("/v1/replies?intent=stop").await.expect(200);
    assert_eq!(replies["items"].as_array().unwrap().len(), 1, "{replies}");
    assert_eq!((&replies["items"][0]["sender"], &replies["items"][0]["client_id"]), (&json!(number), &json!(ALMA)));
}

#[tokio::test]
async fn an_event_that_names_yesterday_evening_sends_nothing_today() {
    let outbox = TestOutbox::new().await;
    outbox.queue(&[alert_sms("waiting", TO)]).await;
    let yesterday = Timestamp::now() - SignedDuration::from_hours(18);
    let event = json!({"job": "dispatch", "now": yesterday});
    outbox.app.jobs().run(event).await.unwrap_err();
    assert!(outbox.fake.accepted().is_empty());
    // Visits that were late then are noted, and nobody is told today.
    outbox.app.add_visits(1, ("notes", "'x'")).await;
    let late =
        "update visits set scheduled_start = now() - interval '20 hours', scheduled_end = now() - interval '19 hours'
                where notes = 'x'";
    outbox.app.database.write(AGENCY_A, &format!("select app.reserve_change_numbers(1); {late}")).await;
    outbox.app.jobs().at("late-visits", yesterday).await;
    let queued = outbox.app.database.count("select count(*) from messages where template like 'visit_%'").await;
    assert!(queued > 0, "the visit was not late then");
    outbox.dispatch().await;
    let sent = outbox.fake.accepted().len();
    assert_eq!(sent, 1, "only what was waiting");
}

#[tokio::test]
async fn a_run_for_alerts_sends_nothing_else() {
    let outbox = TestOutbox::new().await;
    outbox.queue(&[family_sms("family", TO), alert_sms("alert", TO), alert_call("call", TO)]).await;
    outbox.dispatch_urgent().await;
    assert_eq!([outbox.status("alert").await, outbox.status("call").await], ["sent", "sent"]);
    assert_eq!(outbox.status("family").await, "pending");
    outbox.dispatch().await;
    assert_eq!(outbox.status("family").await, "sent");
}

/// An invitation asks it to look again. That is all that it does then: only where none is at work one is invoked.
#[tokio::test]
async fn a_dispatcher_at_work_is_asked_to_look_again() {
    let outbox = TestOutbox::new().await;
    let admin = outbox.app.admin().await;
    let invite = async |n: usize| {
        let body = json!({"email": format!("new{n}@a.test"), "phone": format!("+1416555{:04}", 8000 + n),
            "first_name": "New", "last_name": "Person", "role": "care_aide"});
        admin.post("/v1/users", &body).await.expect(201);
    };
    assert!(sending::none_at_work(&outbox.auth).await.unwrap());
    invite(0).await;
    assert!(!sending::dispatcher_ends(&outbox.db).await.unwrap(), "nobody was there to be asked");
    sending::dispatcher_works(&outbox.db, 60).await.unwrap();
    for n in 1..5 {
        invite(n).await;
    }
    assert!(!sending::none_at_work(&outbox.auth).await.unwrap());
    assert!(sending::dispatcher_ends(&outbox.db).await.unwrap(), "it was asked, and goes on");
    assert!(!sending::dispatcher_ends(&outbox.db).await.unwrap());
    assert!(sending::none_at_work(&outbox.auth).await.unwrap(), "it has ended");
    // One that died is not waited for.
    sending::dispatcher_works(&outbox.db, -1).await.unwrap();
    assert!(sending::none_at_work(&outbox.auth).await.unwrap());
    // A run says that it has ended.
    outbox.fake.clock.advance_to(Timestamp::now() + SignedDuration::from_secs(1));
    outbox.dispatch().await;
    assert_eq!(outbox.app.database.count("select count(*) from messages where status <> 'sent'").await, 0);
    assert!(sending::none_at_work(&outbox.auth).await.unwrap());
}

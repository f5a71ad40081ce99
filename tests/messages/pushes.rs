//! Push messages: in batches, without a word of what they are about, and once.

use std::collections::HashMap;

use jiff::SignedDuration;
use jobs::{Deadline, JobName};
use serde_json::json;
use store::tables::messages::Message;

use crate::harness::{
    fixtures::{AIDE, COORDINATOR},
    outbox::{TestOutbox, counts, push},
    providers::Fault,
};

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
    assert_eq!(counts(&answer), HashMap::from([("sent", 102), ("dead", 1), ("tokens_forgotten", 1)]));
    let pushed = outbox.fake.pushed();
    assert_eq!(pushed.iter().map(Vec::len).collect::<Vec<_>>(), [100, 3]);
    let first = pushed[0][0].as_object().unwrap();
    assert_eq!(first["title"], "Open BerthCare");
    assert_eq!(first.keys().collect::<Vec<_>>(), ["data", "priority", "sound", "title", "to"]);
    assert!(first["data"]["id"].is_string() && first["data"].as_object().unwrap().len() == 1);
    let kept = format!(
        "select count(*) from devices where user_id = '{}'
           and push_token in ('ExponentPushToken[7]', 'ExponentPushToken[1]')",
        COORDINATOR.id
    );
    assert_eq!(outbox.app.database.count(&kept).await, 1);

    // Receipts, a quarter of an hour later.
    let run = async || outbox.run(&outbox.environment(), JobName::Receipts, Deadline::when(|| false)).await.unwrap();
    assert_eq!(counts(&run().await), HashMap::new());
    for n in 0..100 {
        outbox.fake.give_receipt(&format!("ticket-0-{n}"), json!({"status": "ok"}));
    }
    let gone = json!({"status": "error", "message": "gone", "details": {"error": "DeviceNotRegistered"}});
    let sql = "select provider_sid from messages where recipient = 'ExponentPushToken[1]'";
    let ticket: String = owner.query_typed(sql, &[]).await.unwrap()[0].get(0);
    outbox.fake.give_receipt(&ticket, gone);
    outbox.fake.clock.advance(SignedDuration::from_mins(15));
    let told = counts(&run().await);
    assert_eq!(told["delivered"] + told["tokens_forgotten"] + told["not_yet"], 102);
    assert_eq!(told["tokens_forgotten"], 1);
    assert_eq!(outbox.status("1").await, "failed");
    assert_eq!(outbox.app.database.count(&kept).await, 0);
    // The others' receipts never come; after a day nobody asks any more.
    outbox.fake.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(counts(&run().await), HashMap::from([("never_told", told["not_yet"])]));
    assert_eq!(counts(&run().await), HashMap::new());
}

#[tokio::test]
async fn whatever_fails_at_expo_a_push_arrives_once_it_can() {
    for fault in [Fault::TooMany, Fault::Broken, Fault::LostAfter] {
        let outbox = TestOutbox::new().await;
        outbox.fake.fail_push(fault);
        outbox.queue(&[push("one", "ExponentPushToken[1]"), push("other", "ExponentPushToken[2]")]).await;
        assert_eq!(counts(&outbox.dispatch().await), HashMap::from([("retried", 2), ("sent", 2)]));
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
    assert_eq!(counts(&outbox.dispatch().await), HashMap::from([("retried", 4), ("sent", 5), ("dead", 1)]));
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
    let run = async |jobs| outbox.run(jobs, JobName::Receipts, Deadline::when(|| false)).await.unwrap();
    let (one, other) = tokio::join!(run(&one), run(&other));
    let delivered = |run: &jobs::Answer| counts(run).get("delivered").copied().unwrap_or(0);
    assert_eq!(delivered(&one) + delivered(&other), 20);
    assert_eq!(outbox.fake.asked_for().len(), 20, "each once");
}

#[tokio::test]
async fn a_token_of_another_project_holds_up_nobody_else() {
    let outbox = TestOutbox::new().await;
    outbox.fake.refuse_batches_with("ExponentPushToken[41]");
    let queued: Vec<_> = (0..100).map(|n| push(&format!("{n}"), &format!("ExponentPushToken[{n}]"))).collect();
    outbox.queue(&queued).await;
    assert_eq!(counts(&outbox.dispatch().await), HashMap::from([("sent", 99), ("dead", 1)]));
    assert_eq!(outbox.status("41").await, "dead");
    let mut pushed: Vec<_> = outbox.fake.pushed().concat();
    pushed.sort_by_key(|message| message["to"].to_string());
    pushed.dedup();
    assert_eq!(pushed.len(), 99, "each once");
}

#[tokio::test]
async fn what_was_queued_for_a_phone_goes_to_nobody_else() {
    for change in [
        "session_id = null",
        "session_id = null, push_token = null",
        "revoked_at = now()",
        "push_token = null",
        "user_id = (select id from users where email = 'aide@a.test')",
    ] {
        let outbox = TestOutbox::new().await;
        outbox.queue(&[push("kept", "ExponentPushToken[kept]"), push("gone", "ExponentPushToken[gone]")]).await;
        let owner = outbox.app.database.superuser().await;
        let sql = format!("update devices set {change} where push_token = 'ExponentPushToken[gone]'");
        let sql = sql.replace("aide@a.test", AIDE.email);
        owner.batch_execute(&sql).await.unwrap();
        outbox.dispatch().await;
        assert_eq!(outbox.status("kept").await, "sent", "{change}");
        let why = "the phone was signed out, cut off or handed over";
        assert_eq!(outbox.outcome("gone").await, ("cancelled".into(), Some(why.into())), "{change}");
        assert_eq!(outbox.fake.pushed().concat().len(), 1, "{change}");
    }
    // Nor to somebody who was suspended, or removed, since.
    for change in ["status = 'suspended'", "deleted_at = now()"] {
        let outbox = TestOutbox::new().await;
        outbox.queue(&[push("gone", "ExponentPushToken[gone]")]).await;
        let sql = format!("update users set {change} where id = '{}'", COORDINATOR.id);
        outbox.app.database.superuser().await.batch_execute(&sql).await.unwrap();
        outbox.dispatch().await;
        assert_eq!(outbox.status("gone").await, "cancelled", "{change}");
    }
}

#[tokio::test]
async fn a_receipt_that_says_later_is_sent_again_and_one_about_our_account_alarms() {
    let outbox = TestOutbox::new().await;
    outbox.queue(&[push("one", "ExponentPushToken[1]")]).await;
    outbox.dispatch().await;
    let receipt = |code: &str| json!({"status": "error", "message": "no", "details": {"error": code}});
    for (turn, code) in
        ["MessageRateExceeded", "ProviderError", "InvalidCredentials", "MismatchSenderId"].iter().enumerate()
    {
        outbox.fake.give_receipt(&format!("ticket-{turn}-0"), receipt(code));
        outbox.fake.clock.advance(SignedDuration::from_mins(15));
        let run = outbox.run(&outbox.environment(), JobName::Receipts, Deadline::when(|| false)).await;
        assert_eq!(run.is_err(), turn > 1, "{code}: an alarm is raised by a run that fails");
        assert_eq!(outbox.outcome("one").await, ("pending".into(), Some((*code).into())));
        outbox.dispatch_after(SignedDuration::from_mins(1)).await;
        assert_eq!(outbox.status("one").await, "sent", "{code}");
    }
    // What is of no use any more is not.
    outbox.fake.give_receipt("ticket-4-0", receipt("MessageRateExceeded"));
    outbox.fake.clock.advance(SignedDuration::from_hours(24));
    outbox.run(&outbox.environment(), JobName::Receipts, Deadline::when(|| false)).await.unwrap();
    assert_eq!(outbox.outcome("one").await, ("failed".into(), Some("MessageRateExceeded".into())));
}

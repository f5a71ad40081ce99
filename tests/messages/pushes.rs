//! Push messages: in batches, without a word of what they are about, and once.

use std::collections::HashMap;

use jiff::SignedDuration;
use jobs::{Deadline, JobName};
use serde_json::json;
use store::tables::messages::Message;

use crate::harness::{
    fixtures::COORDINATOR,
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
    let kept = format!("select count(*) from devices where user_id = '{}' and push_token is not null", COORDINATOR.id);
    assert_eq!(outbox.app.database.count(&kept).await, 0);

    // Receipts, a quarter of an hour later.
    let run = async || outbox.run(&outbox.environment(), JobName::Receipts, Deadline::when(|| false)).await.unwrap();
    assert_eq!(counts(&run().await), HashMap::new());
    owner.batch_execute(&sql.replace("[7]", "[1]")).await.unwrap();
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

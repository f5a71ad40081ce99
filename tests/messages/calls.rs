//! Calls about an alert that nobody needs any more, and numbers that can't be called.

use std::collections::HashMap;

use jiff::SignedDuration;
use jobs::{Deadline, JobName};
use store::tables::messages::{self, Message};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::harness::{
    fixtures::{AGENCY_A, ALMA, COORDINATOR},
    outbox::{AGENCY, TestOutbox, alert_call, counts},
    providers::Fault,
};

const TO: &str = "+14165550190";

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
        "insert into alerts (id, agency_id, client_id, severity, reason)
         values ('{ALERT}', '{AGENCY_A}', '{ALMA}', 'high', 'fall')"
    );
    outbox.app.database.write(AGENCY_A, &alert).await;
    outbox.queue(&[Message { alert_id: Some(ALERT), ..alert_call("call", TO) }]).await;
    outbox
}

#[tokio::test]
async fn the_next_person_is_called_at_once_where_a_number_can_t_be() {
    for code in [21211, 21214, 21215, 21216, 21217, 21219, 13224, 13227] {
        let outbox = TestOutbox::new().await;
        let alert = format!(
            "update clients set coordinator_id = '{}' where id = '{ALMA}';
             insert into alerts (id, agency_id, client_id, severity, reason)
               values ('{ALERT}', '{AGENCY_A}', '{ALMA}', 'high', 'fall')",
            COORDINATOR.id
        );
        outbox.app.database.write(AGENCY_A, &alert).await;
        outbox.run(&outbox.environment(), JobName::Escalate, Deadline::when(|| false)).await.unwrap();
        outbox.fake.fail(Fault::Refused(code));
        outbox.fake.clock.advance_to(jiff::Timestamp::now() + SignedDuration::from_secs(1));
        assert_eq!(counts(&outbox.dispatch().await), HashMap::from([("dead", 1), ("sent", 1)]), "{code}");
        let called = outbox.fake.accepted();
        assert_eq!(called.len(), 1);
        assert_ne!(called[0].to, "+14165550002", "the client's own coordinator has no such number");
    }
}

#[tokio::test]
async fn a_phone_stops_ringing_when_somebody_else_has_taken_the_alert() {
    let outbox = call_about_an_alert().await;
    outbox.dispatch().await;
    taken(&outbox).await;
    // Asked again where that fails, and not any more where it is done.
    outbox.fake.fail(Fault::Broken);
    assert_eq!(counts(&outbox.dispatch().await).get("hung_up"), None);
    assert_eq!(counts(&outbox.dispatch_after(SignedDuration::from_secs(6)).await)["hung_up"], 1);
    assert_eq!(outbox.fake.stopped(), [outbox.fake.accepted()[0].sid.clone()]);
    assert_eq!(counts(&outbox.dispatch_after(SignedDuration::from_mins(1)).await).get("hung_up"), None);
    assert_eq!(outbox.fake.stopped().len(), 1);
}

#[tokio::test]
async fn a_call_that_somebody_has_picked_up_is_left_alone() {
    let outbox = call_about_an_alert().await;
    outbox.dispatch().await;
    taken(&outbox).await;
    outbox.fake.fail(Fault::Refused(21220));
    assert_eq!(counts(&outbox.dispatch().await)["hung_up"], 1);
    assert_eq!(counts(&outbox.dispatch_after(SignedDuration::from_mins(1)).await).get("hung_up"), None);
    assert!(outbox.fake.stopped().is_empty());
}

#[tokio::test]
async fn a_call_that_has_ended_is_no_longer_stopped() {
    let outbox = call_about_an_alert().await;
    outbox.dispatch().await;
    taken(&outbox).await;
    outbox.fake.clock.advance(SignedDuration::from_mins(3));
    outbox.fake.fail(Fault::Broken);
    outbox.dispatch().await;
    assert_eq!(counts(&outbox.dispatch_after(SignedDuration::from_mins(1)).await).get("hung_up"), None);
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
    assert_eq!(counts(&answer)["hung_up"], 1);
    assert_eq!(outbox.status("call").await, "cancelled");
    assert_eq!(outbox.fake.stopped(), [outbox.fake.accepted()[0].sid.clone()]);
}

//! Whose call is placed first where many wait: caregivers before families, the most severe first, no agency behind
//! another's flood, then the oldest. The providers take one call a second.

use jiff::Timestamp;
use jobs::{Deadline, JobName};
use store::tables::clients;
use uuid::Uuid;

use crate::harness::{
    fixtures::{AGENCY_A, AGENCY_B, FAMILY, NURSE, NURSE_B, Person, client},
    outbox::TestOutbox,
};

/// An alert on a client of its own, raised by this person.
async fn raised(outbox: &TestOutbox, by: &Person, severity: &str) -> Uuid {
    let (client_id, alert) = (Uuid::now_v7(), Uuid::now_v7());
    let job = domain::identity::JobIdentity { agency_id: by.agency };
    let mut tx = outbox.db.write(&job).await.unwrap();
    clients::insert(&mut tx, client_id, &client("Client", "Of Many")).await.unwrap();
    tx.commit().await.unwrap();
    let sql = format!(
        "insert into alerts (id, agency_id, client_id, raised_by, severity, reason)
         values ('{alert}', '{}', '{client_id}', '{}', '{severity}', 'reason')",
        by.agency, by.id
    );
    outbox.app.database.write(by.agency, &sql).await;
    alert
}

/// The first step of every chain: its call is queued.
async fn queue_calls(outbox: &TestOutbox) {
    outbox.app.jobs().at("escalate", Timestamp::now()).await;
    outbox.fake.clock.advance_to(Timestamp::now() + jiff::SignedDuration::from_secs(1));
}

/// The alerts that were called about, in the order of their turns, which are a second apart.
async fn called(outbox: &TestOutbox) -> Vec<Uuid> {
    let sql = "select alert_id, attempted_at from messages where channel = 'voice' and status = 'sent'
               order by attempted_at";
    let rows = outbox.app.database.superuser().await.query_typed(sql, &[]).await.unwrap();
    assert_eq!(rows.len(), outbox.fake.accepted().len(), "as many as the provider took");
    let at: Vec<Timestamp> = rows.iter().map(|row| row.get(1)).collect();
    assert!(at.windows(2).all(|two| two[1].duration_since(two[0]).as_millis() >= 1000), "{at:?}");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_critical_alert_of_another_agency_is_called_before_twelve_low_ones_that_wait() {
    let outbox = TestOutbox::new().await;
    for _ in 0..12 {
        raised(&outbox, &NURSE, "low").await;
    }
    queue_calls(&outbox).await;
    // The flood is on its way already.
    let fake = outbox.fake.clone();
    let after_three = Deadline::when(move || fake.accepted().len() >= 3);
    outbox.run(&outbox.environment(), JobName::Dispatch, after_three).await.unwrap();
    let before = called(&outbox).await.len();
    assert!((3..12).contains(&before), "{before}");
    let critical = raised(&outbox, &NURSE_B, "critical").await;
    queue_calls(&outbox).await;
    outbox.dispatch_urgent().await;
    let order = called(&outbox).await;
    assert_eq!((order.len(), order[before]), (13, critical));
}

#[tokio::test]
async fn of_one_severity_no_agency_waits_for_anothers_flood() {
    let outbox = TestOutbox::new().await;
    for _ in 0..6 {
        raised(&outbox, &NURSE, "high").await;
    }
    for _ in 0..2 {
        raised(&outbox, &NURSE_B, "high").await;
    }
    queue_calls(&outbox).await;
    outbox.dispatch_urgent().await;
    let mut agencies = Vec::new();
    for alert in called(&outbox).await {
        let of_a = format!("select count(*) from alerts where id = '{alert}' and agency_id = '{AGENCY_A}'");
        agencies.push(if outbox.app.database.count(&of_a).await == 1 { "A" } else { "B" });
    }
    assert_eq!(agencies, ["A", "B", "A", "B", "A", "A", "A", "A"]);
    assert_ne!(AGENCY_A, AGENCY_B);
}

#[tokio::test]
async fn the_most_severe_is_called_first_and_then_the_oldest() {
    let outbox = TestOutbox::new().await;
    let mut alerts = Vec::new();
    for severity in ["low", "medium", "critical", "low", "high", "critical"] {
        alerts.push(raised(&outbox, &NURSE, severity).await);
        queue_calls(&outbox).await;
    }
    outbox.dispatch_urgent().await;
    let order = called(&outbox).await;
    assert_eq!(order, [2, 5, 4, 1, 0, 3].map(|place| alerts[place]));
}

#[tokio::test]
async fn a_caregivers_alert_is_called_before_thirty_families_that_ask_for_a_call() {
    let outbox = TestOutbox::new().await;
    for _ in 0..30 {
        raised(&outbox, &FAMILY, "medium").await;
    }
    queue_calls(&outbox).await;
    let alert = raised(&outbox, &NURSE, "low").await;
    queue_calls(&outbox).await;
    outbox.dispatch_urgent().await;
    let order = called(&outbox).await;
    assert_eq!((order.len(), order[0]), (31, alert), "families are called for by the same path, and after caregivers");
}

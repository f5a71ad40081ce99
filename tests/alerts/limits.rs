//! How many alerts a person may raise: as many as they could mean.

use domain::limits::ALERTS_PER_WINDOW;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{ALMA, NURSE},
    phone::Phone,
};

fn alert() -> Value {
    json!({"id": Uuid::now_v7(), "client_id": ALMA, "severity": "low", "reason": "question"})
}

fn pushed(count: usize) -> Value {
    let now = jiff::Timestamp::now().as_millisecond();
    let rows: Vec<_> = (0..count)
        .map(|_| {
            json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "client_id": ALMA, "visit_id": null,
                "severity": "low", "reason": "question", "message": null, "created_at": now, "updated_at": now})
        })
        .collect();
    json!({"alerts": {"created": rows, "updated": [], "deleted": []}})
}

/// An hour passes.
async fn an_hour_later(app: &TestApp) {
    let earlier = "alter table alerts disable trigger user;
        update alerts set created_at = created_at - interval '61 minutes';
        alter table alerts enable trigger user";
    app.database.superuser().await.batch_execute(earlier).await.unwrap();
}

#[tokio::test]
async fn more_alerts_than_a_person_could_mean_are_refused_for_an_hour() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let first = alert();
    nurse.post("/v1/alerts", &first).await.expect(201);
    for _ in 1..ALERTS_PER_WINDOW {
        nurse.post("/v1/alerts", &alert()).await.expect(201);
    }
    let refused = nurse.post("/v1/alerts", &alert()).await;
    assert_eq!(refused.problem(429), "too-many-alerts");
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&wait), "{wait}");
    // Sent again, the first is what it was; others may raise theirs, and the same nurse an hour later.
    nurse.post("/v1/alerts", &first).await.expect(201);
    app.aide().await.post("/v1/alerts", &alert()).await.expect(201);
    an_hour_later(&app).await;
    nurse.post("/v1/alerts", &alert()).await.expect(201);
}

#[tokio::test]
async fn a_phones_alerts_beyond_that_are_kept_in_quarantine_and_taken_when_they_come_again() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    phone.pull(None).await;
    let push = pushed(ALERTS_PER_WINDOW + 2);
    let answer = phone.push(push.clone()).await.expect(200);
    assert_eq!(answer["applied"], ALERTS_PER_WINDOW);
    let stays: Vec<_> = answer["experimentalRejectedIds"]["alerts"].as_array().unwrap().clone();
    assert_eq!(stays.len(), 2, "they stay on the phone: {answer}");
    let reason = answer["rejected"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("20 alerts within an hour"), "{reason}");
    let of_nurse = format!("select count(*) from alerts where raised_by = '{}'", NURSE.id);
    assert_eq!(app.database.count(&of_nurse).await, i64::try_from(ALERTS_PER_WINDOW).unwrap());
    assert_eq!(app.database.count("select count(*) from sync_quarantine where table_name = 'alerts'").await, 2);
    // REST counts what came by sync.
    assert_eq!(phone.client.post("/v1/alerts", &alert()).await.problem(429), "too-many-alerts");
    an_hour_later(&app).await;
    let again = phone.push(push).await.expect(200);
    assert_eq!((&again["applied"], &again["rejected"]), (&json!(2), &json!([])));
}

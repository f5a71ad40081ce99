//! How often each hot path crosses the wire to the database and back, and how many statements it executes there. Each
//! round trip costs a millisecond in AWS, each statement is planned: a change that needs more of either says so here.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{NURSE, NURSES_VISIT, PASSWORD},
    phone::Phone,
    round_trips::RoundTrips,
};

/// Path, the most round trips, and the most statements with those of transaction control.
const MOST: &[(&str, usize, usize)] = &[
    ("a nurse's day", 1, 1),
    ("one visit", 1, 1),
    ("check-in", 2, 2),
    ("first sync", 2, 2),
    ("pull of nothing", 1, 1),
    ("push of 1", 2, 2),
    ("pull after a push", 2, 2),
    ("push of 50", 2, 2),
    ("sign-in", 3, 6),
];

fn new_tasks(count: usize) -> Value {
    let now = jiff::Timestamp::now().as_millisecond();
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "visit_id": NURSES_VISIT,
                "task_type": "meals", "title": "Breakfast", "completed": true, "completed_at": now, "outcome": null,
                "data": null, "created_at": now, "updated_at": now})
        })
        .collect();
    json!({"visit_tasks": {"created": tasks, "updated": [], "deleted": []}})
}

#[tokio::test]
async fn each_path_takes_no_more_round_trips_and_statements_than_the_table_says() {
    let app = TestApp::new().await;
    let (round_trips, url) = RoundTrips::before(&app.database).await;
    let functions = app.with_database(url);
    let nurse = app.nurse().await.through(functions.clone());
    // Each function connects before anything is counted.
    nurse.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    nurse.get("/v1/sync/status").await.expect(200);
    nurse.get("/v1/auth/me").await.expect(200);
    round_trips.count();

    let mut counted = Vec::new();
    let mut count = |path: &'static str| {
        let (trips, statements) = round_trips.counts();
        counted.push((path, trips, statements));
    };
    let day = format!("/v1/visits?from=2026-01-01T00:00:00Z&to=2126-01-01T00:00:00Z&user_id={}", NURSE.id);
    nurse.get(&day).await.expect(200);
    count("a nurse's day");
    nurse.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    count("one visit");
    let here = json!({"latitude": 43.65, "longitude": -79.38, "accuracy_m": 8.5, "at": jiff::Timestamp::now()});
    nurse.post(&format!("/v1/visits/{NURSES_VISIT}/check-in"), &here).await.expect(200);
    count("check-in");
    let mut phone = Phone::of(nurse.clone());
    phone.pull(Some(0)).await;
    count("first sync");
    phone.pull(Some(0)).await;
    count("pull of nothing");
    phone.push(new_tasks(1)).await.expect(200);
    count("push of 1");
    phone.pull(Some(0)).await;
    count("pull after a push");
    phone.push(new_tasks(50)).await.expect(200);
    count("push of 50");
    nurse.login(NURSE.email, PASSWORD).await.expect(200);
    count("sign-in");
    assert_eq!(counted.len(), MOST.len());
    let more: Vec<_> = counted
        .iter()
        .zip(MOST)
        .filter(|((path, trips, statements), most)| *path != most.0 || *trips > most.1 || *statements > most.2)
        .collect();
    assert!(more.is_empty(), "counted beside the most: {more:?}");
    println!("Where it is fewer, lower the table: {counted:?}");
}

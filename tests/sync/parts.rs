//! A push that is larger than Lambda takes is sent in parts: what they bring was all written before the first of them
//! was answered.

use serde_json::{Value, json};

use crate::harness::{
    TestApp,
    fixtures::{NURSES_MEALS, NURSES_VISIT},
    phone::{Phone, edited, row, updated},
};

async fn push(phone: &Phone, has_more: bool, changes: Value) -> Value {
    let path = format!("/v1/sync?last_pulled_at={}&has_more={has_more}", phone.cursor.unwrap());
    phone.client.post(&path, &json!({"changes": changes})).await.expect(200)
}

/// What a nurse wrote offline while a coordinator wrote the same two columns, and pulled on top of it.
async fn written_meanwhile(app: &TestApp) -> (Phone, [Value; 2]) {
    let mut phone = Phone::of(app.nurse().await);
    let pulled = phone.pull(Some(0)).await;
    let coordinator = app.coordinator().await;
    let visit = format!("/v1/visits/{NURSES_VISIT}");
    coordinator.patch(&visit, &json!({"notes": "Of the office"})).await.expect(200);
    let task = format!("{visit}/tasks/{NURSES_MEALS}");
    coordinator.patch(&task, &json!({"outcome": "Of the office"})).await.expect(200);
    phone.pull(Some(2)).await;
    let notes = edited(row(&pulled, "visits", NURSES_VISIT), &[("notes", json!("Of the nurse"))]);
    let outcome = edited(row(&pulled, "visit_tasks", NURSES_MEALS), &[("outcome", json!("Of the nurse"))]);
    (phone, [updated("visits", &[notes]), updated("visit_tasks", &[outcome])])
}

#[tokio::test]
async fn each_part_is_judged_on_the_cursor_that_all_of_the_work_began_on() {
    let app = TestApp::new().await;
    let (phone, [first, second]) = written_meanwhile(&app).await;
    assert_eq!(push(&phone, true, first.clone()).await["conflicts"], 1);
    // The answer was lost, and it comes again.
    assert_eq!(push(&phone, true, first).await["unchanged"], 1);
    assert_eq!(push(&phone, false, second).await["conflicts"], 1);
    assert_eq!(app.database.count("select count(*) from sync_conflicts").await, 2);
    // What is written now is written with both before one's eyes.
    assert_eq!(app.database.count("select count(*) from devices where work_base = pushed_at").await, 1);
}

#[tokio::test]
async fn a_phone_that_starts_again_is_replaced_once_its_last_part_is_in() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let pulled = phone.pull(Some(0)).await;
    let epoch = "update agency_counters set epoch = epoch + 1";
    app.database.superuser().await.batch_execute(epoch).await.unwrap();
    assert_eq!(phone.pull(Some(2)).await["has_more"], true);
    let edit = |text: &str| edited(row(&pulled, "visits", NURSES_VISIT), &[("notes", json!(text))]);
    push(&phone, true, updated("visits", &[edit("one")])).await;
    let asked = phone.pull(Some(1)).await;
    assert_eq!((&asked["has_more"], asked.get("experimentalStrategy")), (&json!(true), None), "{asked}");
    push(&phone, false, updated("visits", &[edit("two")])).await;
    assert_eq!(phone.pull(Some(1)).await["experimentalStrategy"], "replacement");
}

//! A phone sends values again that nobody means anew: a row that it still holds as created, a column that it gave last.
//! They bring no old value back, and after any push the phone's row equals the server's by its next pull.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Client, TestApp,
    fixtures::{CHLOE, NURSES_VISIT},
    phone::{Phone, edited, ids, row, updated},
};

/// A task as the phone made it; `changed` are the columns that were edited since.
fn created(id: Uuid, title: &str, outcome: &str, changed: &str) -> Value {
    let at = 1_795_000_000_000_i64;
    json!({"visit_tasks": {"created": [{"id": id, "_status": "created", "_changed": changed, "visit_id": NURSES_VISIT,
        "task_type": "meals", "title": title, "completed": false, "completed_at": null, "outcome": outcome,
        "data": null, "created_at": at, "updated_at": at}], "updated": [], "deleted": []}})
}

async fn task(coordinator: &Client, id: Uuid) -> Value {
    let tasks = coordinator.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200)["tasks"].clone();
    tasks.as_array().unwrap().iter().find(|task| task["id"] == id.to_string()).unwrap().clone()
}

async fn conflicts(app: &TestApp) -> i64 {
    app.database.count("select count(*) from sync_conflicts").await
}

#[tokio::test]
async fn a_row_still_in_created_brings_no_old_value_back() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    phone.pull(Some(0)).await;
    let id = Uuid::now_v7();
    // Its answer is lost, and the portal goes on.
    phone.push(created(id, "Lunch", "Soup", "")).await.expect(200);
    let portal = json!({"title": "Supper", "completed": true});
    coordinator.patch(&format!("/v1/visits/{NURSES_VISIT}/tasks/{id}"), &portal).await.expect(200);

    // The nurse writes on, before any pull.
    let told = phone.push(created(id, "Lunch", "Soup and bread", "outcome")).await.expect(200);
    assert_eq!((&told["applied"], &told["conflicts"]), (&json!(1), &json!(0)), "{told}");
    let stands = task(&coordinator, id).await;
    let seen = (&stands["title"], &stands["completed"], &stands["outcome"]);
    assert_eq!(seen, (&json!("Supper"), &json!(true), &json!("Soup and bread")));

    // A pull lays the server's row under it, and it still is in created when the portal changes it again.
    phone.pull(Some(1)).await;
    let portal = json!({"title": "Late supper"});
    coordinator.patch(&format!("/v1/visits/{NURSES_VISIT}/tasks/{id}"), &portal).await.expect(200);
    let told = phone.push(created(id, "Supper", "Soup, bread and tea", "outcome")).await.expect(200);
    assert_eq!(told["conflicts"], 0, "{told}");
    let stands = task(&coordinator, id).await;
    assert_eq!((&stands["title"], &stands["outcome"]), (&json!("Late supper"), &json!("Soup, bread and tea")));
    assert_eq!(row(&phone.pull(Some(0)).await, "visit_tasks", id)["title"], "Late supper");
}

#[tokio::test]
async fn a_value_that_the_phone_gave_last_is_no_edit() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    let visit = row(&phone.pull(Some(0)).await, "visits", NURSES_VISIT);
    let push = |columns: &[(&str, Value)]| updated("visits", &[edited(visit.clone(), columns)]);
    phone.push(push(&[("notes", json!("one"))])).await.expect(200);
    coordinator.patch(&format!("/v1/visits/{NURSES_VISIT}"), &json!({"notes": "two"})).await.expect(200);
    phone.pull(None).await;
    let told = phone.push(push(&[("notes", json!("one")), ("family_note", json!("nine"))])).await.expect(200);
    assert_eq!((&told["conflicts"], conflicts(&app).await), (&json!(0), 0), "{told}");
    let stands = coordinator.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    assert_eq!((&stands["notes"], &stands["family_note"]), (&json!("two"), &json!("nine")));

    // What the nurse writes over it before she has seen it is a conflict.
    let told = phone.push(push(&[("notes", json!("three"))])).await.expect(200);
    assert_eq!(told["conflicts"], 1, "{told}");
}

#[tokio::test]
async fn a_value_written_again_after_another_was_seen_is_an_edit() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    let visit = row(&phone.pull(Some(0)).await, "visits", NURSES_VISIT);
    let notes = |notes: &str| updated("visits", &[edited(visit.clone(), &[("notes", json!(notes))])]);
    phone.push(notes("one")).await.expect(200);
    coordinator.patch(&format!("/v1/visits/{NURSES_VISIT}"), &json!({"notes": "two"})).await.expect(200);
    phone.pull(Some(0)).await;
    phone.pull(Some(1)).await;
    let mut again = notes("one");
    again["visits"]["updated"][0]["updated_at"] = json!(1_795_000_999_000_i64);
    phone.push(again).await.expect(200);
    assert_eq!(coordinator.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200)["notes"], "one");
}

#[tokio::test]
async fn after_a_replay_the_next_pull_brings_the_servers_own_times() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(Some(0)).await;
    let push = updated("visits", &[edited(row(&first, "visits", NURSES_VISIT), &[("notes", json!("one"))])]);
    // The answer is lost; a pull comes first, under what is dirty still, and then the same push.
    phone.push(push.clone()).await.expect(200);
    phone.pull(Some(1)).await;
    assert_eq!(phone.push(push.clone()).await.expect(200)["unchanged"], 1);
    let pulled = row(&phone.pull(Some(0)).await, "visits", NURSES_VISIT);
    assert_ne!(pulled["updated_at"], push["visits"]["updated"][0]["updated_at"]);
    assert_eq!(pulled["notes"], "one");
    // Equal by now, so that nothing comes again.
    assert_eq!(ids(&phone.pull(Some(0)).await, "visits", "updated"), Vec::<String>::new());
}

#[tokio::test]
async fn a_record_made_again_under_a_deleted_id_is_deleted_again() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let id = Uuid::now_v7();
    phone.pull(Some(0)).await;
    phone.push(created(id, "Lunch", "Soup", "")).await.expect(200);
    phone.push(json!({"visit_tasks": {"created": [], "updated": [], "deleted": [id]}})).await.expect(200);
    for _ in 0..3 {
        phone.pull(Some(0)).await;
    }
    phone.push(created(id, "Lunch again", "Soup", "")).await.expect(200);
    phone.pull(Some(0)).await;
    assert_eq!(ids(&phone.pull(Some(0)).await, "visit_tasks", "deleted"), [id.to_string()]);
}

#[tokio::test]
async fn what_others_have_is_told_like_what_nobody_has() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    phone.pull(Some(0)).await;
    let told_of = async |id: Uuid| {
        let partial = json!({"id": id, "_status": "updated", "_changed": "phone", "phone": "+14165550100"});
        let update = phone.push(updated("clients", &[partial])).await.expect(200);
        let deletion = json!({"clients": {"created": [], "updated": [], "deleted": [id]}});
        let deletion = phone.push(deletion).await.expect(200);
        (update["rejected"][0]["reason"].clone(), deletion["rejected"].clone(), deletion["unchanged"].clone())
    };
    let (of_others, of_nobody) = (told_of(CHLOE).await, told_of(Uuid::now_v7()).await);
    assert_eq!(of_others, of_nobody);
    assert!(of_others.0.as_str().unwrap().contains("is required"), "{of_others:?}");
    assert_eq!(
        app.database.count(&format!("select count(*) from clients where id = '{CHLOE}' and deleted_at is null")).await,
        1
    );
}

#[tokio::test]
async fn a_malformed_cursor_is_refused_and_not_a_new_start() {
    let app = TestApp::new().await;
    let phone = Phone::of(app.nurse().await);
    for cursor in ["abc", "-1", "1.5", "9007199254740992", "%00", "1e3"] {
        let pull = phone.client.get(&format!("/v1/sync?last_pulled_at={cursor}&schema_version=2&migration=null")).await;
        assert_eq!(pull.faults(), ["last_pulled_at"], "{cursor}");
        let push = phone.client.post(&format!("/v1/sync?last_pulled_at={cursor}"), &json!({"changes": {}})).await;
        assert_eq!(push.faults(), ["last_pulled_at"], "{cursor}");
    }
    for cursor in ["", "0", "null", "undefined"] {
        let path = format!("/v1/sync?last_pulled_at={cursor}&schema_version=2&migration=null");
        phone.client.get(&path).await.expect(200);
    }
}

#[tokio::test]
async fn a_cursor_that_the_device_was_never_given_is_not_served() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    phone.pull(Some(0)).await;
    let given = phone.cursor.unwrap();
    // The agency has gone on since, so that the number exists.
    app.coordinator().await.patch(&format!("/v1/visits/{NURSES_VISIT}"), &json!({"notes": "two"})).await.expect(200);
    phone.cursor = Some(given + 1);
    // First it may send what waits, then it starts again.
    phone.pull(Some(0)).await;
    let answer = phone.pull(Some(0)).await;
    assert_eq!(answer["experimentalStrategy"], "replacement", "{answer}");
}

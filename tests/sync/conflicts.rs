//! How a person settles a conflict: what they keep is what the record has then, and nothing newer is lost to it.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Answer, Client, TestApp,
    fixtures::{ALMA, NURSE, NURSE_OF_ALMA, NURSES_MEALS, NURSES_VISIT},
    phone::{Phone, edited, row, updated},
};

async fn conflicts(coordinator: &Client, status: &str) -> Vec<Value> {
    let page = coordinator.get(&format!("/v1/conflicts?status={status}")).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

async fn on(coordinator: &Client, status: &str, column: &str) -> Value {
    let of_column: Vec<_> =
        conflicts(coordinator, status).await.into_iter().filter(|conflict| conflict["column"] == column).collect();
    assert_eq!(of_column.len(), 1, "{of_column:?}");
    of_column[0].clone()
}

async fn keep(coordinator: &Client, conflict: &Value, keep: &str) -> Answer {
    let path = format!("/v1/conflicts/{}/resolve", conflict["id"].as_str().unwrap());
    coordinator.post(&path, &json!({"keep": keep})).await
}

async fn visit(coordinator: &Client) -> Value {
    coordinator.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200)
}

#[tokio::test]
async fn a_conflict_on_a_deleted_record_keeps_the_deletion() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    phone.pull(Some(0)).await;
    let task = format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_MEALS}");
    coordinator.patch(&task, &json!({"outcome": "Ate half", "title": "Supper"})).await.expect(200);
    phone.pull(Some(1)).await;
    let gone = json!({"visit_tasks": {"created": [], "updated": [], "deleted": [NURSES_MEALS]}});
    assert_eq!(phone.push(gone).await.expect(200)["applied"], 1);

    let (outcome, title) =
        (on(&coordinator, "needs_review", "outcome").await, on(&coordinator, "needs_review", "title").await);
    assert_eq!((&outcome["stored_side"], &outcome["server_value"]), (&json!("deleted"), &json!("Ate half")));
    assert_eq!(keep(&coordinator, &outcome, "server").await.problem(409), "final");
    assert_eq!(keep(&coordinator, &outcome, "device").await.expect(200)["kept"], "device");
    assert_eq!(keep(&coordinator, &title, "current").await.expect(200)["kept"], "current");
}

#[tokio::test]
async fn a_newer_edit_is_not_overwritten_unseen() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    let first = phone.pull(Some(0)).await;
    let path = format!("/v1/visits/{NURSES_VISIT}");
    coordinator.patch(&path, &json!({"notes": "From the office"})).await.expect(200);
    phone.pull(Some(1)).await;
    let note = edited(row(&first, "visits", NURSES_VISIT), &[("notes", json!("From the bedside"))]);
    phone.push(updated("visits", &[note])).await.expect(200);
    let conflict = on(&coordinator, "auto_resolved", "notes").await;
    assert_eq!(conflict["stored_side"], "device");

    coordinator.patch(&path, &json!({"notes": "Newer than both"})).await.expect(200);
    for side in ["server", "device"] {
        assert_eq!(keep(&coordinator, &conflict, side).await.problem(409), "stale");
    }
    assert_eq!(visit(&coordinator).await["notes"], "Newer than both");
    // While it has one of them, the other can be kept.
    coordinator.patch(&path, &json!({"notes": "From the bedside"})).await.expect(200);
    keep(&coordinator, &conflict, "server").await.expect(200);
    assert_eq!(visit(&coordinator).await["notes"], "From the office");
}

#[tokio::test]
async fn an_impossible_transition_in_a_resolution_is_a_409() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    let first = phone.pull(Some(0)).await;
    coordinator.post(&format!("/v1/visits/{NURSES_VISIT}/cancel"), &json!({"reason": "Away"})).await.expect(200);
    let seen = phone.pull(Some(0)).await;
    // She sees that it was cancelled, and plans it again.
    phone.pull(Some(1)).await;
    let again =
        edited(row(&seen, "visits", NURSES_VISIT), &[("status", json!("scheduled")), ("cancel_reason", json!(null))]);
    let told = phone.push(updated("visits", &[again])).await.expect(200);
    assert_eq!(told["rejected"], json!([]), "{told}");
    let conflict = on(&coordinator, "needs_review", "status").await;
    assert_eq!(keep(&coordinator, &conflict, "device").await.problem(409), "final");
    assert_eq!(visit(&coordinator).await["status"], "cancelled");
    for column in ["status", "cancel_reason"] {
        let conflict = on(&coordinator, "needs_review", column).await;
        keep(&coordinator, &conflict, "server").await.expect(200);
    }

    // Or she didn't know, and went there: one conflict for each column, and none that says that hers had won.
    phone.pull(Some(0)).await;
    let mut basement = Phone::of(app.nurse().await);
    basement.pull(Some(0)).await;
    let start = row(&first, "visits", NURSES_VISIT)["scheduled_start"].clone();
    let came =
        edited(row(&first, "visits", NURSES_VISIT), &[("actual_start", start), ("status", json!("in_progress"))]);
    basement.push(updated("visits", &[came])).await.expect(200);
    assert_eq!(conflicts(&coordinator, "auto_resolved").await, [] as [Value; 0]);
    let status = on(&coordinator, "needs_review", "status").await;
    let came = on(&coordinator, "needs_review", "actual_start").await;
    keep(&coordinator, &came, "device").await.expect(200);
    assert_eq!(visit(&coordinator).await["status"], "in_progress");
    // With a check-in on record it can't be cancelled any more.
    assert_eq!(keep(&coordinator, &status, "server").await.problem(409), "final");
    assert_eq!(keep(&coordinator, &status, "device").await.expect(200)["kept"], "device");
    assert_eq!(conflicts(&coordinator, "needs_review").await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_status_that_others_moved_is_one_conflict() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    let first = phone.pull(Some(0)).await;
    coordinator.post(&format!("/v1/visits/{NURSES_VISIT}/cancel"), &json!({"reason": "Away"})).await.expect(200);
    phone.pull(Some(1)).await;
    let start = row(&first, "visits", NURSES_VISIT)["scheduled_start"].clone();
    let came =
        edited(row(&first, "visits", NURSES_VISIT), &[("actual_start", start), ("status", json!("in_progress"))]);
    phone.push(updated("visits", &[came])).await.expect(200);
    assert_eq!(conflicts(&coordinator, "auto_resolved").await, [] as [Value; 0]);
    let status = on(&coordinator, "needs_review", "status").await;
    assert!(status["server_user_id"].is_string(), "{status}");
}

#[tokio::test]
async fn a_conflict_without_a_client_is_kept_too() {
    let app = TestApp::new().await;
    let (mut phone, mut tablet) = (Phone::of(app.nurse().await), Phone::of(app.nurse().await));
    let photo = Uuid::now_v7();
    let row = json!({"id": photo, "_status": "created", "_changed": "", "user_id": NURSE.id, "kind": "profile",
        "shared_with_family": false, "content_type": "image/jpeg", "bytes": 10, "sha256": "0".repeat(64),
            "caption": "Me"});
    phone.pull(Some(0)).await;
    let created = json!({"photos": {"created": [row], "updated": [], "deleted": []}});
    assert_eq!(phone.push(created).await.expect(200)["applied"], 1);
    for device in [&mut phone, &mut tablet] {
        device.pull(Some(0)).await;
    }
    let caption = |text: &str| updated("photos", &[edited(row.clone(), &[("caption", json!(text))])]);
    tablet.push(caption("On holiday")).await.expect(200);
    phone.pull(Some(1)).await;
    assert_eq!(phone.push(caption("At work")).await.expect(200)["conflicts"], 1);
    let coordinator = app.coordinator().await;
    let conflict = on(&coordinator, "auto_resolved", "caption").await;
    assert_eq!((&conflict["client_id"], &conflict["server_value"]), (&json!(null), &json!("On holiday")));
}

#[tokio::test]
async fn a_visit_that_took_place_after_all_brings_nobody_back_to_a_care_team() {
    let app = TestApp::new().await;
    let (coordinator, mut phone) = (app.coordinator().await, Phone::of(app.nurse().await));
    let first = phone.pull(Some(0)).await;
    coordinator.post(&format!("/v1/visits/{NURSES_VISIT}/cancel"), &json!({"reason": "Away"})).await.expect(200);
    phone.pull(Some(1)).await;
    let seen = row(&first, "visits", NURSES_VISIT);
    let start = seen["scheduled_start"].clone();
    let came = edited(seen, &[("actual_start", start), ("status", json!("in_progress"))]);
    phone.push(updated("visits", &[came])).await.expect(200);
    coordinator.delete(&format!("/v1/clients/{ALMA}/care-team/{NURSE_OF_ALMA}")).await.expect(200);
    keep(&coordinator, &on(&coordinator, "needs_review", "actual_start").await, "device").await.expect(200);
    assert_eq!(visit(&coordinator).await["status"], "in_progress");
    phone.client.get(&format!("/v1/clients/{ALMA}")).await.expect(404);
}

//! What a phone is told when it may see more or less, though no row changed.

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{ALMA, BERNARD, NURSE, OTHER_COORDINATOR, PASSWORD},
    phone::{Phone, edited, ids, row, updated},
};

#[tokio::test]
async fn a_changed_role_resets_the_phone_without_losing_unsent_work() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let mut phone = Phone::of(app.sign_in(&OTHER_COORDINATOR).await);
    let first = phone.pull(None).await;
    assert!(ids(&first, "clients", "created").contains(&BERNARD.to_string()));
    let team = json!({"user_id": OTHER_COORDINATOR.id, "relation": "nurse", "starts_on": "2026-01-01"});
    let role = format!("/v1/users/{}", OTHER_COORDINATOR.id);
    admin.patch(&role, &json!({"role": "nurse"})).await.expect(200);
    admin.post(&format!("/v1/clients/{ALMA}/care-team"), &team).await.expect(201);
    // Their token tells of the former role.
    let tokens = phone.client.login(OTHER_COORDINATOR.email, PASSWORD).await.expect(200);
    phone.client.access_token = tokens["access_token"].as_str().map(ToOwned::to_owned);

    let cursor = phone.cursor;
    let answer = phone.pull(Some(1)).await;
    assert_eq!((phone.cursor, &answer["has_more"]), (cursor, &json!(true)), "{answer}");
    phone.push(json!({})).await.expect(200);
    let answer = phone.pull(Some(0)).await;
    assert_eq!(answer["experimentalStrategy"], "replacement");
    assert_eq!(ids(&answer, "clients", "updated"), [ALMA.to_string()]);
    // And goes on from there.
    let answer = phone.pull(Some(0)).await;
    assert_eq!((answer.get("experimentalStrategy"), answer.get("has_more")), (None, None));
}

#[tokio::test]
async fn a_photo_that_came_before_its_visit_comes_to_the_others_with_it() {
    let app = TestApp::new().await;
    let (nurse, mut aides) = (Phone::of(app.nurse().await), Phone::of(app.aide().await));
    aides.pull(None).await;
    let (visit, photo) = (Uuid::now_v7(), Uuid::now_v7());
    let now = Timestamp::now().as_millisecond();
    let of_visit = json!({"id": photo, "_status": "created", "_changed": "", "client_id": null, "visit_id": visit,
        "user_id": null, "kind": "photo", "content_type": "image/jpeg", "bytes": 1000, "sha256": "ab".repeat(32),
        "taken_at": now, "caption": "Left heel", "shared_with_family": false, "status": "pending"});
    let created = json!({"photos": {"created": [of_visit], "updated": [], "deleted": []}});
    assert_eq!(nurse.push(created).await.expect(200)["rejected"], json!([]));
    assert_eq!(ids(&aides.pull(Some(0)).await, "photos", "updated"), [""; 0]);
    let planned = json!({"id": visit, "_status": "created", "_changed": "", "client_id": ALMA, "user_id": NURSE.id,
        "scheduled_start": now, "scheduled_end": now + 3_600_000, "status": "scheduled"});
    let created = json!({"visits": {"created": [planned], "updated": [], "deleted": []}});
    assert_eq!(nurse.push(created).await.expect(200)["rejected"], json!([]));
    let answer = aides.pull(Some(0)).await;
    assert_eq!(ids(&answer, "visits", "updated"), [visit.to_string()]);
    assert_eq!(ids(&answer, "photos", "updated"), [photo.to_string()]);
    // Shown is not changed: what its author writes next is no conflict.
    let caption = edited(row(&answer, "photos", photo), &[("caption", json!("Right heel"))]);
    let told = nurse.push(updated("photos", &[caption])).await.expect(200);
    assert_eq!((&told["applied"], &told["conflicts"]), (&json!(1), &json!(0)), "{told}");
}

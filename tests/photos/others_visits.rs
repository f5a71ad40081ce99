//! Photos that name a visit out of their author's sight: told like those of a visit that nobody has, and attached to
//! none.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    requests::{bring, declared, stored_keys},
    sync_pushes::{push, pushed},
};
use crate::harness::{
    Client, TestApp, files,
    fixtures::{AGENCY_A, ALMA, BERNARD, NURSE, NURSE_OF_ALMA, NURSES_VISIT, OTHER_NURSE, OTHER_NURSES_VISIT, VISIT_B},
    phone::{Phone, ids},
};

/// All that a caregiver is told of a photo of this visit, from its declaration to its end, without ids and times.
async fn life_of_a_photo(client: &Client, visit: Uuid, kind: &str) -> Vec<String> {
    let (file, content_type) = match kind {
        "signature" => (files::png(40, 20, 1), "image/png"),
        _ => (files::jpeg(40, 20, 1), "image/jpeg"),
    };
    let body = declared(Uuid::now_v7(), ("visit_id", visit), kind, content_type, &file);
    let id = body["id"].as_str().unwrap();
    let path = format!("/v1/photos/{id}");
    let by_visit = format!("/v1/photos?visit_id={visit}");
    let mut told = vec![bring(client, &body, &file).await];
    told.push(client.get(&path).await.expect(200));
    told.push(client.get(&by_visit).await.expect(200));
    told.push(client.patch(&path, &json!({"caption": "Left heel"})).await.expect(200));
    told.push(push(client, &[pushed(&body)]).await);
    let deletion = json!({"changes": {"photos": {"created": [], "updated": [], "deleted": [id]}}});
    told.push(client.post("/v1/sync", &deletion).await.expect(200));
    told.push(json!(client.get(&path).await.status));
    told.push(json!(client.get(&by_visit).await.status));
    // And by a push first.
    let body = declared(Uuid::now_v7(), ("visit_id", visit), kind, content_type, &file);
    let other = body["id"].as_str().unwrap();
    told.push(push(client, &[pushed(&body)]).await);
    told.push(bring(client, &body, &file).await);
    told.push(json!(client.delete(&format!("/v1/photos/{other}")).await.status));
    told.into_iter().map(|answer| without_ids(answer, &[id, other, &visit.to_string()])).collect()
}

fn without_ids(mut answer: Value, ids: &[&str]) -> String {
    fn clear(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| !matches!(name.as_str(), "created_at" | "updated_at" | "expires_at" | "url"));
                fields.values_mut().for_each(clear);
            }
            Value::Array(items) => items.iter_mut().for_each(clear),
            _ => {}
        }
    }
    clear(&mut answer);
    ids.iter().fold(answer.to_string(), |text, id| text.replace(id, "it"))
}

#[tokio::test]
async fn a_photo_of_a_visit_out_of_sight_is_told_like_one_of_a_visit_that_nobody_has() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let completed = format!(
        "update visits set status = 'completed', actual_start = now(), actual_end = now()
         where id = '{OTHER_NURSES_VISIT}'"
    );
    for kind in ["photo", "signature"] {
        let of_nobody = life_of_a_photo(&nurse, Uuid::now_v7(), kind).await;
        for visit in [OTHER_NURSES_VISIT, VISIT_B] {
            assert_eq!(life_of_a_photo(&nurse, visit, kind).await, of_nobody, "{kind} of {visit}");
        }
    }
    app.database.write(AGENCY_A, &completed).await;
    let of_nobody = life_of_a_photo(&nurse, Uuid::now_v7(), "signature").await;
    assert_eq!(life_of_a_photo(&nurse, OTHER_NURSES_VISIT, "signature").await, of_nobody);
}

/// What others see of the other nurse's visit and its client.
async fn seen_by_others(app: &TestApp) -> String {
    let mut seen = Vec::new();
    for client in [app.sign_in(&OTHER_NURSE).await, app.coordinator().await, app.admin().await] {
        for path in [
            format!("/v1/photos?visit_id={OTHER_NURSES_VISIT}"),
            format!("/v1/photos?client_id={BERNARD}"),
            format!("/v1/clients/{BERNARD}/timeline"),
        ] {
            seen.push(client.get(&path).await.expect(200));
        }
        let mut phone = Phone::of(client);
        let pulled = phone.pull(Some(0)).await;
        seen.push(json!(ids(&pulled, "photos", "created")));
        seen.push(json!(ids(&pulled, "photos", "updated")));
    }
    json!(seen).to_string()
}

#[tokio::test]
async fn a_photo_of_a_visit_out_of_sight_is_nobodys_but_its_authors() {
    let app = TestApp::new().await;
    let (nurse, other) = (app.nurse().await, app.sign_in(&OTHER_NURSE).await);
    let file = files::png(40, 20, 1);
    let signature = || declared(Uuid::now_v7(), ("visit_id", OTHER_NURSES_VISIT), "signature", "image/png", &file);
    let real = bring(&other, &signature(), &file).await;
    assert_eq!((&real["status"], &real["client_id"]), (&json!("stored"), &json!(BERNARD)));
    let before = seen_by_others(&app).await;
    let keys = stored_keys(&app).await;

    let forged = signature();
    assert_eq!(bring(&nurse, &forged, &file).await["client_id"], json!(null));
    push(&nurse, &[pushed(&signature())]).await;
    let photo = files::jpeg(40, 20, 1);
    let body = declared(Uuid::now_v7(), ("visit_id", OTHER_NURSES_VISIT), "photo", "image/jpeg", &photo);
    bring(&nurse, &body, &photo).await;

    assert_eq!(seen_by_others(&app).await, before);
    let path = format!("/v1/photos/{}", forged["id"].as_str().unwrap());
    for client in [&other, &app.coordinator().await, &app.admin().await] {
        client.get(&path).await.expect(404);
    }
    // The visit's signature is where it was, and nothing was written over it.
    let signatures = |keys: &[String]| keys.iter().filter(|key| key.contains("/signature")).count();
    assert_eq!(signatures(&stored_keys(&app).await), signatures(&keys));
}

#[tokio::test]
async fn a_photo_that_came_first_is_attached_only_to_a_visit_of_its_authors() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let file = files::png(40, 20, 1);
    let start = Timestamp::now() + 24.hours();
    let (other, mine) = (Uuid::now_v7(), Uuid::now_v7());
    for (visit, client, user, attached) in
        [(other, BERNARD, OTHER_NURSE.id, json!(null)), (mine, ALMA, NURSE.id, json!(ALMA))]
    {
        let body = declared(Uuid::now_v7(), ("visit_id", visit), "signature", "image/png", &file);
        bring(&nurse, &body, &file).await;
        let path = format!("/v1/photos/{}", body["id"].as_str().unwrap());
        coordinator.get(&path).await.expect(404);
        let planned = json!({"id": visit, "client_id": client, "user_id": user, "scheduled_start": start,
            "scheduled_end": start + 30.minutes()});
        coordinator.post("/v1/visits", &planned).await.expect(201);
        assert_eq!(nurse.get(&path).await.expect(200)["client_id"], attached);
        coordinator.get(&path).await.expect(if attached.is_null() { 404 } else { 200 });
    }
}

#[tokio::test]
async fn a_photo_of_a_visit_is_refused_to_who_was_taken_off_its_team() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    app.coordinator().await.delete(&format!("/v1/clients/{ALMA}/care-team/{NURSE_OF_ALMA}")).await.expect(200);
    let file = files::jpeg(40, 20, 1);
    let body = declared(Uuid::now_v7(), ("visit_id", NURSES_VISIT), "photo", "image/jpeg", &file);
    assert_eq!(nurse.post("/v1/photos", &body).await.faults(), ["#/visit_id"]);
}

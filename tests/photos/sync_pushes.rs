//! Photos whose records come by a phone's push: before their visit, after the upload, or in another's name.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use uuid::Uuid;

use super::requests::{bring, declared, photo};
use crate::harness::{
    Client, TestApp, files,
    fixtures::{AGENCY_A, AIDES_VISIT, ALMA, BERNARD, NURSE, NURSES_VISIT},
};

/// A record as a phone pushes it.
pub fn pushed(body: &Value) -> Value {
    let mut row = body.clone();
    for (name, value) in [
        ("client_id", json!(null)),
        ("visit_id", json!(null)),
        ("user_id", json!(null)),
        ("shared_with_family", json!(false)),
        ("status", json!("pending")),
        ("taken_at", json!(null)),
        ("caption", json!(null)),
        ("created_at", json!(1)),
        ("updated_at", json!(1)),
        ("_status", json!("created")),
        ("_changed", json!("")),
    ] {
        if row.get(name).is_none() {
            row[name] = value;
        }
    }
    row
}

pub async fn push(client: &Client, rows: &[Value]) -> Value {
    let changes = json!({"changes": {"photos": {"created": rows, "updated": [], "deleted": []}}});
    client.post("/v1/sync", &changes).await.expect(200)
}

#[tokio::test]
async fn a_phone_may_push_the_record_before_or_after() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let file = files::jpeg(80, 60, 1);

    let before = photo(Uuid::now_v7(), &file);
    assert_eq!(push(&nurse, &[pushed(&before)]).await["applied"], 1);
    assert_eq!(bring(&nurse, &before, &file).await["status"], "stored");
    // Once more, with the same answer: a push that the phone repeats.
    assert_eq!(push(&nurse, &[pushed(&before)]).await["unchanged"], 1);
    assert_eq!(nurse.post("/v1/photos", &before).await.expect(201)["photo"]["status"], "stored");

    let after = photo(Uuid::now_v7(), &file);
    assert_eq!(bring(&nurse, &after, &file).await["status"], "stored");
    let told = push(&nurse, &[pushed(&after)]).await;
    assert_eq!((&told["unchanged"], &told["rejected"]), (&json!(1), &json!([])), "{told}");
    for body in [&before, &after] {
        let id = body["id"].as_str().unwrap();
        assert_eq!(nurse.get(&format!("/v1/photos/{id}")).await.expect(200)["status"], "stored");
    }

    // Pushed as something else, it is something else.
    let third = photo(Uuid::now_v7(), &file);
    push(&nurse, &[pushed(&third)]).await;
    let mut other = third.clone();
    other["bytes"] = json!(9);
    assert_eq!(nurse.post("/v1/photos", &other).await.problem(409), "id-taken");
    nurse.post("/v1/photos", &third).await.expect(201);
}

#[tokio::test]
async fn a_push_is_judged_as_its_path_would_and_never_fails_as_a_whole() {
    let app = TestApp::new().await;
    let (nurse, aide) = (app.nurse().await, app.aide().await);
    let file = files::jpeg(80, 60, 1);
    let of = |owner, kind, content_type| pushed(&declared(Uuid::now_v7(), owner, kind, content_type, &file));
    let mut empty = of(("client_id", ALMA), "photo", "image/jpeg");
    empty["bytes"] = json!(0);
    let mut large = of(("client_id", ALMA), "photo", "image/jpeg");
    large["bytes"] = json!(16 << 20);
    let good = of(("visit_id", NURSES_VISIT), "signature", "image/png");
    let bad = [
        empty,
        large,
        of(("visit_id", AIDES_VISIT), "signature", "image/png"),
        of(("client_id", BERNARD), "photo", "image/jpeg"),
        of(("client_id", ALMA), "photo", "text/html"),
        of(("client_id", ALMA), "signature", "image/png"),
        of(("visit_id", NURSES_VISIT), "document", "application/pdf"),
        of(("visit_id", NURSES_VISIT), "profile", "image/jpeg"),
        of(("user_id", crate::harness::fixtures::AIDE.id), "profile", "image/jpeg"),
    ];
    let told = push(&nurse, &[&bad[..], &[good]].concat()).await;
    assert_eq!(told["applied"], 1, "{told}");
    assert_eq!(told["rejected"].as_array().unwrap().len(), bad.len(), "{told}");
    let of_nurse = of(("visit_id", NURSES_VISIT), "signature", "image/png");
    let document = of(("client_id", ALMA), "document", "application/pdf");
    let told = push(&aide, &[of_nurse, document, of(("visit_id", NURSES_VISIT), "photo", "image/jpeg")]).await;
    assert_eq!((&told["applied"], told["rejected"].as_array().unwrap().len()), (&json!(1), 2), "{told}");
}

#[tokio::test]
async fn a_photo_may_come_before_its_visit() {
    let app = TestApp::new().await;
    let (nurse, aide) = (app.nurse().await, app.aide().await);
    let (id, visit, file) = (Uuid::now_v7(), Uuid::now_v7(), files::jpeg(80, 60, 1));
    let body = declared(id, ("visit_id", visit), "photo", "image/jpeg", &file);
    let stored = bring(&nurse, &body, &file).await;
    assert_eq!((&stored["status"], &stored["client_id"]), (&json!("stored"), &json!(null)));
    let path = format!("/v1/photos/{id}");
    nurse.get(&path).await.expect(200);
    aide.get(&path).await.expect(404);

    let start = Timestamp::now() + 24.hours();
    let planned = json!({"id": visit, "client_id": ALMA, "user_id": NURSE.id, "scheduled_start": start,
        "scheduled_end": start + 30.minutes()});
    nurse.post("/v1/visits", &planned).await.expect(201);
    assert_eq!(aide.get(&path).await.expect(200)["client_id"], json!(ALMA));
    let list = nurse.get(&format!("/v1/photos?client_id={ALMA}")).await.expect(200);
    assert_eq!(list["items"][0]["id"], json!(id));
}

#[tokio::test]
async fn what_was_taken_before_the_client_was_taken_away_still_arrives() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let file = files::jpeg(80, 60, 1);
    let body = declared(Uuid::now_v7(), ("client_id", ALMA), "photo", "image/jpeg", &file);
    nurse.post("/v1/photos", &body).await.expect(201);
    let gone = format!("update care_team set deleted_at = now() where user_id = '{}'", NURSE.id);
    app.database.write(AGENCY_A, &gone).await;
    nurse.get(&format!("/v1/clients/{ALMA}")).await.expect(404);

    assert_eq!(bring(&nurse, &body, &file).await["status"], "stored");
    // It is in Alma's record, which is not the nurse's any more.
    nurse.get(&format!("/v1/photos/{}", body["id"].as_str().unwrap())).await.expect(404);
    let mut another = body.clone();
    another["id"] = json!(Uuid::now_v7());
    assert_eq!(nurse.post("/v1/photos", &another).await.faults(), ["#/client_id"]);
}

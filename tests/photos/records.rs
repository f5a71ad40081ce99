//! A photo's record: lists, faults of a declaration, changes, and the audit log.

use serde_json::{Value, json};
use uuid::Uuid;

use super::requests::{bring, complete, declared, photo};
use crate::harness::{
    TestApp, files,
    fixtures::{AIDES_VISIT, ALMA, BERNARD, NURSE, NURSES_VISIT},
};

#[tokio::test]
async fn lists_are_the_clients_or_the_visits_in_pages() {
    let app = TestApp::new().await;
    let (nurse, aide) = (app.nurse().await, app.aide().await);
    let file = files::jpeg(20, 10, 1);
    let mut ids = Vec::new();
    for (minute, owner) in
        [("visit_id", NURSES_VISIT), ("client_id", ALMA), ("visit_id", NURSES_VISIT)].into_iter().enumerate()
    {
        let mut body = declared(Uuid::now_v7(), owner, "photo", "image/jpeg", &file);
        body["taken_at"] = json!(format!("2026-11-20T14:0{minute}:00Z"));
        nurse.post("/v1/photos", &body).await.expect(201);
        ids.insert(0, body["id"].as_str().unwrap().to_owned());
    }
    let of = |answer: &Value| -> Vec<String> {
        answer["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let path = format!("/v1/photos?client_id={ALMA}&limit=2");
    let page = aide.get(&path).await.expect(200);
    assert_eq!(of(&page), ids[..2]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = aide.get(&format!("{path}&cursor={cursor}")).await.expect(200);
    assert_eq!((of(&page), &page["next_cursor"]), (ids[2..].to_vec(), &json!(null)));
    let page = aide.get(&format!("/v1/photos?visit_id={NURSES_VISIT}")).await.expect(200);
    assert_eq!(of(&page), [ids[0].clone(), ids[2].clone()]);
    for item in page["items"].as_array().unwrap() {
        assert_eq!(item["download"], json!(null));
    }
    assert_eq!(nurse.get("/v1/photos").await.faults(), ["client_id", "user_id", "visit_id"]);
    for path in ["client_id", "visit_id"] {
        nurse.get(&format!("/v1/photos?{path}={}", Uuid::now_v7())).await.expect(404);
    }
}

#[tokio::test]
async fn every_fault_of_a_declaration_is_named() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let file = files::jpeg(20, 10, 1);
    let good = photo(Uuid::now_v7(), &file);
    let with = |changes: &[(&str, Value)]| {
        let mut body = good.clone();
        for (name, value) in changes {
            body[*name] = value.clone();
        }
        body
    };
    for (body, places) in [
        (with(&[("client_id", json!(ALMA))]), vec!["#/client_id", "#/user_id", "#/visit_id"]),
        (with(&[("visit_id", json!(null))]), vec!["#/client_id", "#/user_id", "#/visit_id"]),
        (
            with(&[
                ("visit_id", json!(AIDES_VISIT)),
                ("kind", json!("signature")),
                ("content_type", json!("image/png")),
            ]),
            vec!["#/visit_id"],
        ),
        (with(&[("visit_id", json!(null)), ("client_id", json!(BERNARD))]), vec!["#/client_id"]),
        (with(&[("visit_id", json!(null)), ("client_id", json!(Uuid::now_v7()))]), vec!["#/client_id"]),
        (with(&[("visit_id", json!(null)), ("user_id", json!(NURSE.id))]), vec!["#/user_id"]),
        (with(&[("content_type", json!("image/svg+xml"))]), vec!["#/content_type"]),
        (with(&[("content_type", json!("application/pdf"))]), vec!["#/content_type"]),
        (with(&[("kind", json!("signature"))]), vec!["#/content_type"]),
        (with(&[("kind", json!("profile"))]), vec!["#/kind"]),
        (with(&[("kind", json!("document"))]), vec!["#/content_type", "#/kind"]),
        (with(&[("bytes", json!(0))]), vec!["#/bytes"]),
        (with(&[("bytes", json!((15 << 20) + 1))]), vec!["#/bytes"]),
        (with(&[("sha256", json!("abc"))]), vec!["#/sha256"]),
        (with(&[("replaces", json!(Uuid::now_v7()))]), vec!["#/replaces"]),
        (
            with(&[("caption", json!("x".repeat(501))), ("object_key", json!("../x"))]),
            vec!["#/caption", "#/object_key"],
        ),
        (
            with(&[
                ("kind", json!("signature")),
                ("content_type", json!("image/png")),
                ("shared_with_family", json!(true)),
            ]),
            vec!["#/shared_with_family"],
        ),
    ] {
        assert_eq!(nurse.post("/v1/photos", &body).await.faults(), places, "{body}");
    }
    nurse.post("/v1/photos", &good).await.expect(201);
    assert_eq!(nurse.get("/v1/photos/7").await.faults(), ["id"]);
    assert_eq!(nurse.get(&format!("/v1/photos/{}?size=huge", Uuid::now_v7())).await.faults(), ["size"]);
    complete(&nurse, &json!({"id": Uuid::now_v7()})).await.expect(404);
}

#[tokio::test]
async fn a_photo_changes_only_with_a_current_etag() {
    let app = TestApp::new().await;
    let (nurse, aide) = (app.nurse().await, app.aide().await);
    let file = files::jpeg(20, 10, 1);
    let body = photo(Uuid::now_v7(), &file);
    bring(&nurse, &body, &file).await;
    let path = format!("/v1/photos/{}", body["id"].as_str().unwrap());
    let read = nurse.get(&path).await;
    let tag = read.header("etag").unwrap().to_owned();
    assert_eq!(nurse.send("GET", &path, None, &[("if-none-match", &tag)]).await.status, 304);
    let changed = nurse.send("PATCH", &path, Some(&json!({"caption": "Heel"})), &[("if-match", &tag)]).await;
    assert_eq!(changed.expect(200)["caption"], "Heel");
    nurse.send("PATCH", &path, Some(&json!({"caption": "Toe"})), &[("if-match", &tag)]).await.expect(412);
    for body in [json!({"status": "stored"}), json!({"object_key": "x"}), json!({"sha256": "x"})] {
        nurse.patch(&path, &body).await.expect(422);
    }
    aide.patch(&path, &json!({"caption": "Mine"})).await.expect(403);
    aide.delete(&path).await.expect(403);
    nurse.delete(&path).await.expect(204);
    for answer in [nurse.get(&path).await, nurse.delete(&path).await, complete(&nurse, &body).await] {
        answer.expect(404);
    }
    nurse.post("/v1/photos", &body).await.expect(404);
}

#[tokio::test]
async fn each_look_and_each_download_is_on_record() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let file = files::jpeg(20, 10, 1);
    let body = photo(Uuid::now_v7(), &file);
    bring(&nurse, &body, &file).await;
    let path = format!("/v1/photos/{}", body["id"].as_str().unwrap());
    for path in [path.clone(), format!("{path}?size=thumb"), format!("/v1/photos?visit_id={NURSES_VISIT}")] {
        let answer = nurse.get(&path).await;
        answer.expect(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    nurse.patch(&path, &json!({"shared_with_family": true})).await.expect(200);
    nurse.delete(&path).await.expect(204);
    let client = app.database.superuser().await;
    let rows = client
        .query_typed("select action, actor_id, client_id from audit_log where resource = 'photo' order by at, id", &[])
        .await
        .unwrap();
    let by_nurse = |row: &tokio_postgres::Row| row.get::<_, Option<Uuid>>(1) == Some(NURSE.id);
    let found: Vec<(String, bool)> = rows.iter().map(|row| (row.get(0), by_nurse(row))).collect();
    let expected = [
        ("photo.create", true),
        ("photo.complete", true),
        // By the function itself, whoever asked.
        ("photo.store", false),
        ("photo.read", true),
        ("photo.read_thumbnail", true),
        ("photo.list", true),
        ("photo.update", true),
        ("photo.delete", true),
    ];
    assert_eq!(found, expected.map(|(action, by)| (action.to_owned(), by)));
    assert!(rows.iter().all(|row| row.get::<_, Option<Uuid>>(2) == Some(ALMA)));
    // No look without its row.
    client
        .batch_execute(
            "create function app.full() returns trigger language plpgsql as
               'begin raise exception ''the audit log is full''; end';
             create trigger full_up before insert on audit_log for each row execute function app.full()",
        )
        .await
        .unwrap();
    let other = photo(Uuid::now_v7(), &file);
    nurse.post("/v1/photos", &other).await.expect(500);
    assert_eq!(app.database.count("select count(*) from photos where status = 'pending'").await, 0);
}

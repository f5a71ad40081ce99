//! What is particular to signatures, profile pictures and documents.

use image::ImageFormat;
use jiff::{Timestamp, ToSpan};
use serde_json::json;
use uuid::Uuid;

use super::requests::{bring, complete, declared, fetch, send};
use crate::harness::{
    TestApp, files,
    fixtures::{ALMA, BERNARD, NURSE, NURSES_VISIT},
};

#[tokio::test]
async fn a_signature_can_be_given_anew_until_its_visit_is_completed() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let sign = async |seed: u8| {
        let file = files::signature(seed);
        let body = declared(Uuid::now_v7(), ("visit_id", NURSES_VISIT), "signature", "image/png", &file);
        let signed = bring(&nurse, &body, &file).await;
        (format!("/v1/photos/{}", body["id"].as_str().unwrap()), signed)
    };
    let (first, signed) = sign(1).await;
    assert_eq!(signed["status"], "stored");
    let url = nurse.get(&first).await.expect(200)["download"]["url"].as_str().unwrap().to_owned();
    assert!(url.contains(&format!("/visits/{NURSES_VISIT}/signature.png?")), "{url}");
    let (second, _) = sign(2).await;
    nurse.get(&first).await.expect(404);

    let at = |minutes: i64| json!({"at": Timestamp::now() - minutes.minutes()});
    nurse.post(&format!("/v1/visits/{NURSES_VISIT}/check-in"), &at(9)).await.expect(200);
    nurse.post(&format!("/v1/visits/{NURSES_VISIT}/check-out"), &at(1)).await.expect(200);
    let (_, third) = sign(3).await;
    assert_eq!(third["rejected_because"], "the visit is signed and completed");
    for who in [&nurse, &coordinator] {
        assert_eq!(who.delete(&second).await.problem(409), "final");
        assert_eq!(who.patch(&second, &json!({"caption": "Somebody else"})).await.problem(409), "final");
    }
    // Not by a push either, which goes on for the rest.
    let id = second.rsplit('/').next().unwrap();
    let changes = json!({"changes": {"photos": {"created": [], "updated": [], "deleted": [id]}}});
    let told = nurse.post("/v1/sync", &changes).await.expect(200);
    assert_eq!(told["rejected"][0]["reason"], "the visit is signed and completed");
    // What is given out is what was signed, byte by byte, though the key was written three times.
    let image = fetch(&nurse.get(&second).await.expect(200)).await.bytes().await.unwrap();
    let decoded = |file: &[u8]| image::load_from_memory_with_format(file, ImageFormat::Png).unwrap().to_rgba8();
    assert_eq!(decoded(&image), decoded(&files::signature(2)));
    let list = nurse.get(&format!("/v1/photos?visit_id={NURSES_VISIT}&kind=signature&status=stored")).await.expect(200);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_signature_may_arrive_after_its_visit_was_completed() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let at = |minutes: i64| json!({"at": Timestamp::now() - minutes.minutes()});
    nurse.post(&format!("/v1/visits/{NURSES_VISIT}/check-in"), &at(9)).await.expect(200);
    nurse.post(&format!("/v1/visits/{NURSES_VISIT}/check-out"), &at(1)).await.expect(200);
    let file = files::signature(1);
    let body = declared(Uuid::now_v7(), ("visit_id", NURSES_VISIT), "signature", "image/png", &file);
    assert_eq!(bring(&nurse, &body, &file).await["status"], "stored");
}

#[tokio::test]
async fn the_newest_profile_picture_counts() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    for owner in [("client_id", ALMA), ("user_id", NURSE.id)] {
        let mut last = Uuid::nil();
        for width in [50, 60] {
            last = Uuid::now_v7();
            let file = files::webp(width, 40, 1);
            let body = declared(last, owner, "profile", "image/webp", &file);
            assert_eq!(bring(&nurse, &body, &file).await["status"], "stored");
        }
        let (field, of) = owner;
        let found = nurse.get(&format!("/v1/photos?{field}={of}&kind=profile")).await.expect(200);
        assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found}");
        assert_eq!(found["items"][0]["id"], json!(last));
        let read = nurse.get(&format!("/v1/photos/{last}")).await.expect(200);
        let url = read["download"]["url"].as_str().unwrap();
        let folder = if field == "client_id" { "clients" } else { "users" };
        assert!(url.contains(&format!("/{folder}/{of}/profile.jpg?")), "{url}");
        let image = image::load_from_memory(&fetch(&read).await.bytes().await.unwrap()).unwrap();
        assert_eq!(image.width(), 60);
    }
}

#[tokio::test]
async fn documents_have_versions() {
    let app = TestApp::new().await;
    let (nurse, coordinator, aide) = (app.nurse().await, app.coordinator().await, app.aide().await);
    let file = files::pdf();
    let first = declared(Uuid::now_v7(), ("client_id", ALMA), "document", "application/pdf", &file);
    assert_eq!(bring(&nurse, &first, &file).await["version"], 1);
    let mut second = declared(Uuid::now_v7(), ("client_id", ALMA), "document", "application/pdf", &file);
    second["replaces"] = first["id"].clone();
    let list = async |query: &str| {
        let list = nurse.get(&format!("/v1/photos?client_id={ALMA}&kind=document{query}")).await.expect(200);
        list["items"].as_array().unwrap().iter().map(|item| item["version"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    let declared_only = coordinator.post("/v1/photos", &second).await.expect(201);
    assert_eq!(declared_only["photo"]["version"], 2);
    assert_eq!(list("&status=stored").await, [1], "until the second has arrived, the first is the newest");
    send(&declared_only, &file).await;
    assert_eq!(complete(&coordinator, &second).await.expect(200)["version"], 2);
    assert_eq!(list("").await, [2]);
    assert_eq!(list("&all_versions=true").await, [2, 1]);

    let read = nurse.get(&format!("/v1/photos/{}", second["id"].as_str().unwrap())).await.expect(200);
    let url = read["download"]["url"].as_str().unwrap();
    let key = format!("{}/care-plans/{ALMA}/{}.pdf?", app.config.documents_bucket, second["id"].as_str().unwrap());
    assert!(url.contains(&key), "{url}");
    let response = fetch(&read).await;
    assert_eq!(response.headers()["content-type"], "application/pdf");
    assert_eq!(response.bytes().await.unwrap(), file);

    let mut branch = declared(Uuid::now_v7(), ("client_id", ALMA), "document", "application/pdf", &file);
    branch["replaces"] = first["id"].clone();
    assert_eq!(coordinator.post("/v1/photos", &branch).await.problem(409), "final");
    branch["id"] = json!(Uuid::now_v7());
    branch["client_id"] = json!(BERNARD);
    assert_eq!(coordinator.post("/v1/photos", &branch).await.faults(), ["#/replaces"]);
    // Care plans are not the aide's.
    aide.get(&format!("/v1/photos/{}", first["id"].as_str().unwrap())).await.expect(404);
    let mut aides = first.clone();
    aides["id"] = json!(Uuid::now_v7());
    assert_eq!(aide.post("/v1/photos", &aides).await.faults(), ["#/client_id"]);
}

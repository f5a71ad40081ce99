//! Which photos a family sees: shared ones, drawn anew, while the client consents.

use serde_json::json;
use uuid::Uuid;

use super::requests::{bring, complete, declared, fetch};
use crate::harness::{
    TestApp, files,
    fixtures::{ALMA, consent},
};

#[tokio::test]
async fn a_family_sees_what_is_shared_while_the_client_consents() {
    let app = TestApp::new().await;
    let (nurse, coordinator, family) = (app.nurse().await, app.coordinator().await, app.family().await);
    let file = files::jpeg(80, 60, 1);
    let body = declared(Uuid::now_v7(), ("client_id", ALMA), "photo", "image/jpeg", &file);
    bring(&nurse, &body, &file).await;
    let path = format!("/v1/photos/{}", body["id"].as_str().unwrap());
    let record = async |kind: &str, granted: bool| {
        coordinator.post(&format!("/v1/clients/{ALMA}/consents"), &consent(kind, granted)).await.expect(201);
    };
    let shown = async |what: &str, expected: bool| {
        assert_eq!(family.get(&path).await.status, if expected { 200 } else { 404 }, "{what}");
        let thumb = family.get(&format!("{path}?size=thumb")).await;
        assert_eq!(thumb.status, if expected { 200 } else { 404 }, "{what}");
        let list = family.get(&format!("/v1/photos?client_id={ALMA}")).await;
        let listed = list.json()["items"].as_array().map_or(0, Vec::len);
        assert_eq!(listed, usize::from(expected), "{what}: {list:?}");
        assert_eq!(nurse.get(&path).await.expect(200)["shown_to_family"], expected, "{what}");
        // The client's family view and what coordinators see of it say the same.
        for who in [&family, &coordinator] {
            let view = who.get(&format!("/v1/family/clients/{ALMA}")).await;
            let photos = view.json()["photos"].as_array().map_or(0, Vec::len);
            assert_eq!(photos, usize::from(expected), "{what}: {view:?}");
        }
    };
    shown("neither shared nor consented", false).await;
    record("photos", true).await;
    shown("not shared", false).await;
    nurse.patch(&path, &json!({"shared_with_family": true, "caption": "First walk"})).await.expect(200);
    shown("shared", true).await;
    record("photos", false).await;
    shown("consent to photos withdrawn", false).await;
    record("photos", true).await;
    record("family_sharing", false).await;
    shown("consent to sharing withdrawn", false).await;
    record("family_sharing", true).await;
    shown("all given again", true).await;

    let read = family.get(&path).await.expect(200);
    for hidden in ["created_by", "sha256"] {
        assert_eq!(read.get(hidden), None, "{hidden}");
    }
    assert_eq!(fetch(&read).await.status(), 200);
    for refused in [
        family.patch(&path, &json!({"caption": "Mine"})).await,
        family.delete(&path).await,
        family.post("/v1/photos", &body).await,
        complete(&family, &body).await,
    ] {
        assert_eq!(refused.problem(403), "forbidden");
    }
    coordinator.patch(&path, &json!({"shared_with_family": false})).await.expect(200);
    shown("no longer shared", false).await;
}

#[tokio::test]
async fn a_photo_not_redrawn_is_never_shown_to_family() {
    let app = TestApp::new().await;
    let (nurse, coordinator, family) = (app.nurse().await, app.coordinator().await, app.family().await);
    coordinator.post(&format!("/v1/clients/{ALMA}/consents"), &consent("photos", true)).await.expect(201);
    let file = files::heic(4032, 3024);
    let mut body = declared(Uuid::now_v7(), ("client_id", ALMA), "photo", "image/heic", &file);
    body["shared_with_family"] = json!(true);
    let stored = bring(&nurse, &body, &file).await;
    assert_eq!((&stored["status"], &stored["has_thumbnail"]), (&json!("stored"), &json!(false)));
    assert_eq!((&stored["shared_with_family"], &stored["shown_to_family"]), (&json!(true), &json!(false)));
    let path = format!("/v1/photos/{}", body["id"].as_str().unwrap());
    family.get(&path).await.expect(404);
    assert_eq!(family.get(&format!("/v1/photos?client_id={ALMA}")).await.expect(200)["items"], json!([]));
    // Staff get it, without its place; a thumbnail there is none.
    let read = nurse.get(&path).await.expect(200);
    assert!(read["download"]["url"].as_str().unwrap().contains(".heic?"), "{read}");
    let copy = fetch(&read).await.bytes().await.unwrap();
    assert!(!copy.windows(24).any(|window| window == files::place()));
    assert_eq!(nurse.get(&format!("{path}?size=thumb")).await.expect(200)["download"], json!(null));
}

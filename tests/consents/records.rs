//! What is kept of a consent: what for, by which wording, who gave it and how.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{ALMA, FAMILY, consent},
};

fn path() -> String {
    format!("/v1/clients/{ALMA}/consents")
}

#[tokio::test]
async fn a_consent_says_what_for_by_which_wording_and_who_gave_it() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let id = Uuid::now_v7();
    let given = json!({"id": id, "kind": "photos", "granted": true, "purpose": "To see how the wound heals",
        "text_version": "2026-09", "method": "signed form",
        "given_by": {"who": "substitute", "name": "Paul Tremblay", "relation": "son, power of attorney"}});
    let recorded = coordinator.post(&path(), &given).await.expect(201);
    for (name, value) in given.as_object().unwrap() {
        assert_eq!(&recorded[name], value, "{name}");
    }
    assert_eq!(coordinator.post(&path(), &given).await.expect(201), recorded);
    // A withdrawal is another row, and needs no purpose.
    let withdrawn = json!({"kind": "photos", "granted": false, "method": "by phone", "given_by": {"who": "client"}});
    coordinator.post(&path(), &withdrawn).await.expect(201);
    let listed = app.nurse().await.get(&path()).await.expect(200);
    let photos: Vec<_> = listed["items"].as_array().unwrap().iter().filter(|c| c["kind"] == "photos").collect();
    assert_eq!(photos.iter().map(|c| c["granted"].clone()).collect::<Vec<_>>(), [false, true], "newest first");
    assert_eq!(*photos[1], recorded);
}

#[tokio::test]
async fn a_consent_without_purpose_wording_or_giver_is_refused_with_every_fault() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let with = |name: &str, value: Value| {
        let mut body = consent("photos", true);
        body[name] = value;
        body
    };
    for (body, faults) in [
        (json!({"kind": "photos", "granted": true, "method": "x"}), &["#/given_by"][..]),
        (
            json!({"kind": "photos", "granted": true, "method": "x", "given_by": {"who": "client"}}),
            &["#/purpose", "#/text_version"],
        ),
        (with("given_by", json!({"who": "substitute"})), &["#/given_by/name", "#/given_by/relation"]),
        (with("given_by", json!({"who": "client", "name": "Paul"})), &["#/given_by/name"]),
        (with("given_by", json!({"who": "family_member"})), &["#/user_id"]),
        (with("given_by", json!({"who": "nobody"})), &["#/given_by/who"]),
    ] {
        assert_eq!(coordinator.post(&path(), &body).await.faults(), faults, "{body}");
    }
}

#[tokio::test]
async fn what_a_family_member_writes_back_is_recorded_as_theirs() {
    let app = TestApp::new().await;
    let stop = format!(
        "select app.record_sms_consent((select phone from users where id = '{}'), false, 'SMS: stop')",
        FAMILY.id
    );
    app.database.superuser().await.batch_execute(&stop).await.unwrap();
    let listed = app.coordinator().await.get(&path()).await.expect(200);
    let sms = listed["items"].as_array().unwrap().iter().find(|c| c["kind"] == "sms").unwrap();
    assert_eq!(sms["given_by"]["who"], "family_member");
    assert_eq!((&sms["granted"], &sms["user_id"]), (&json!(false), &json!(FAMILY.id)));
}

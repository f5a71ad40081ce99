//! Whom a breach concerns, by the audit log, and the letter that they get.

use std::collections::BTreeSet;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Client, TestApp,
    fixtures::{AIDE, ALMA, BERNARD, CHLOE, NURSE, OTHER_NURSE},
};

async fn names(admin: &Client, path: &str) -> BTreeSet<String> {
    let list = admin.get(path).await.expect(200);
    list["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

fn set<const N: usize>(ids: [Uuid; N]) -> BTreeSet<String> {
    ids.map(|id| id.to_string()).into()
}

async fn breach(admin: &Client, of: Value) -> String {
    let mut body = json!({"description": "A phone was stolen.", "found_at": Timestamp::now()});
    for (field, value) in of.as_object().unwrap() {
        body[field] = value.clone();
    }
    let id = admin.post("/v1/privacy/incidents", &body).await.expect(201)["id"].as_str().unwrap().to_owned();
    format!("/v1/privacy/incidents/{id}")
}

#[tokio::test]
async fn the_affected_are_found_by_time_actor_and_device() {
    let app = TestApp::new().await;
    let before = Timestamp::now();
    let (admin, nurse, lost) = (app.admin().await, app.nurse().await, app.nurse().await);
    let coordinator = app.coordinator().await;
    nurse.get(&format!("/v1/clients/{ALMA}")).await.expect(200);
    lost.get(&format!("/v1/clients/{ALMA}")).await.expect(200);
    coordinator.get(&format!("/v1/clients/{BERNARD}")).await.expect(200);
    coordinator.get(&format!("/v1/users/{}", AIDE.id)).await.expect(200);
    let between = Timestamp::now();
    coordinator.get(&format!("/v1/clients/{CHLOE}")).await.expect(200);

    // As the incident itself says.
    let by_device = breach(&admin, json!({"device_id": lost.device_id})).await;
    assert_eq!(names(&admin, &format!("{by_device}/affected")).await, set([ALMA]));
    let coordinators = crate::harness::fixtures::COORDINATOR.id;
    let by_user = breach(&admin, json!({"user_id": coordinators})).await;
    assert_eq!(names(&admin, &format!("{by_user}/affected")).await, set([BERNARD, CHLOE, AIDE.id]));
    assert_eq!(names(&admin, &format!("{by_user}/affected?to={between}")).await, set([BERNARD, AIDE.id]));
    assert_eq!(names(&admin, &format!("{by_user}/affected?from={between}")).await, set([CHLOE]));
    // As somebody asks instead.
    let other = format!("{by_user}/affected?actor_id={}", NURSE.id);
    assert_eq!(names(&admin, &other).await, set([ALMA]));
    assert_eq!(names(&admin, &format!("{by_user}/affected?actor_id={}", OTHER_NURSE.id)).await, set([]));
    let in_that_time = breach(&admin, json!({"happened_from": before, "happened_until": between})).await;
    let everybody = names(&admin, &format!("{in_that_time}/affected")).await;
    assert!(everybody.is_superset(&set([ALMA, BERNARD, AIDE.id])) && !everybody.contains(&CHLOE.to_string()));
    let unknown = breach(&admin, json!({})).await;
    assert_eq!(admin.get(&format!("{unknown}/affected")).await.faults(), ["from"]);

    let all = admin.get(&format!("{by_user}/affected")).await.expect(200);
    assert_eq!(Value::Array(admin.all_pages(&format!("{by_user}/affected?limit=1")).await), all["items"]);
    let first = &all["items"][0];
    assert_eq!((&first["kind"], &first["lines"]), (&json!("client"), &json!(1)));
    let shown = format!(
        "select count(*) from audit_log where action = 'privacy_incident.affected' and client_id = '{BERNARD}'"
    );
    assert!(app.database.count(&shown).await > 0);
}

#[tokio::test]
async fn a_letter_is_drafted_in_the_language_of_whoever_is_affected() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let path = breach(&admin, json!({"happened_from": Timestamp::now() - 48.hours()})).await;
    let french = admin.get(&format!("{path}/notice?locale=fr-CA")).await.expect(200);
    assert_eq!(french["missing"], json!(["information", "steps_taken", "steps_advised"]));
    let steps = json!({"information": "Names and visits", "steps_taken": "Cut off", "steps_advised": "Be careful"});
    admin.patch(&path, &steps).await.expect(200);
    let english = admin.get(&format!("{path}/notice?locale=en-CA")).await.expect(200);
    let text = english["body"].as_str().unwrap();
    for part in ["Agency A", "A phone was stolen.", "Names and visits", "Cut off", "Be careful", "admin@a.test"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(english["missing"], json!([]));
    assert_ne!(english["subject"], french["subject"]);
    assert_eq!(admin.get(&format!("{path}/notice?locale=de-DE")).await.faults(), ["locale"]);
    let drafted = "select count(*) from audit_log where action = 'privacy_incident.notice'";
    assert_eq!(app.database.count(drafted).await, 2);
}

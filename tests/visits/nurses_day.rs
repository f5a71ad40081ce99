//! The main job: a nurse's day, while the coordinator plans and watches and a family member reads along.

use jiff::{Timestamp, ToSpan};
use serde_json::json;

use crate::harness::{
    TestApp,
    fixtures::{ALMA, NURSE, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS},
};

#[tokio::test]
async fn a_nurse_works_a_visit_and_everybody_sees_it() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;

    let me = nurse.get("/v1/auth/me").await.expect(200);
    assert_eq!(me["email"], NURSE.email);

    let from = Timestamp::now() - 1.hours();
    let to = Timestamp::now() + 12.hours();
    let visits = nurse.get(&format!("/v1/visits?from={from}&to={to}&user_id={}", NURSE.id)).await.expect(200);
    assert_eq!(visits["items"].as_array().unwrap().len(), 1, "{visits}");
    let visit = &visits["items"][0];
    assert_eq!(visit["id"], NURSES_VISIT.to_string());
    assert_eq!(visit["client"]["first_name"], "Alma");
    assert_eq!(visit["status"], "scheduled");
    assert_eq!(visit["tasks"].as_array().unwrap().len(), 2);

    let client = nurse.get(&format!("/v1/clients/{ALMA}")).await.expect(200);
    assert_eq!(client["risks"], json!(["dog"]));
    assert!(client["care_plan"].is_object());

    let at = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap();
    let here = json!({"latitude": 43.6501, "longitude": -79.3801, "accuracy_m": 8.5, "at": at});
    let visit = nurse.post(&format!("/v1/visits/{NURSES_VISIT}/check-in"), &here).await.expect(200);
    assert_eq!(visit["status"], "in_progress");
    assert_eq!(visit["actual_start"], at.to_string());
    let distance = visit["check_in"]["distance_m"].as_f64().unwrap();
    assert!((13.0..15.0).contains(&distance), "{distance}");
    assert_eq!(visit["flags"], json!([]));

    let vitals = json!({"completed": true, "data": {
        "blood_pressure": {"systolic": 128, "diastolic": 78, "unit": "mmHg"},
        "heart_rate": {"value": 135, "unit": "bpm"}}});
    let task = nurse.patch(&format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_VITALS}"), &vitals).await.expect(200);
    assert_eq!(task["completed"], true);
    assert!(task["completed_at"].is_string());
    assert_eq!(task["abnormal_flags"], json!(["/heart_rate/value"]));
    nurse
        .patch(&format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_MEALS}"), &json!({"completed": true}))
        .await
        .expect(200);
    let note = json!({"notes": "BP fine, pulse high; called Dr. Roy", "family_note": "A good morning."});
    nurse.patch(&format!("/v1/visits/{NURSES_VISIT}"), &note).await.expect(200);

    let gone = json!({"latitude": 43.6501, "longitude": -79.3801, "accuracy_m": 8.5, "at": at});
    let visit = nurse.post(&format!("/v1/visits/{NURSES_VISIT}/check-out"), &gone).await.expect(200);
    assert_eq!(visit["status"], "completed");

    let coordinator = app.coordinator().await;
    let seen = coordinator.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    assert_eq!(seen["notes"], "BP fine, pulse high; called Dr. Roy");
    let timeline = coordinator.get(&format!("/v1/clients/{ALMA}/timeline")).await.expect(200);
    let kinds: Vec<_> = timeline["items"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == json!("task")).count(), 2, "{timeline}");
    assert_eq!(kinds.iter().filter(|kind| **kind == json!("visit")).count(), 2, "{timeline}");

    let family = app.family().await;
    let view = family.get(&format!("/v1/family/clients/{ALMA}")).await.expect(200);
    let visit = view["visits"].as_array().unwrap().iter().find(|v| v["id"] == NURSES_VISIT.to_string()).unwrap();
    assert_eq!(visit["family_note"], "A good morning.");
    assert_eq!(visit["tasks_done"], json!(["Do vitals", "Do meals"]));
    assert_eq!(visit["caregiver_first_name"], "First");
    let text = view.to_string();
    assert!(!text.contains("pulse high") && !text.contains("systolic"), "clinical data reached the family: {text}");
}

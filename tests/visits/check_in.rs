//! Checking in: early, far from home, without a location, and after the visit was held to be missed.

use jiff::Timestamp;
use serde_json::json;
use tokio_postgres::types::Type;

use crate::harness::{
    TestApp,
    fixtures::{NURSE, NURSES_VISIT},
};

#[tokio::test]
async fn a_check_in_far_from_home_or_ahead_of_time_is_flagged_not_refused() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let ahead = Timestamp::from_second(Timestamp::now().as_second() + 3600).unwrap();
    let far = json!({"latitude": 43.70, "longitude": -79.38, "accuracy_m": 2500.0, "at": ahead});
    let path = format!("/v1/visits/{NURSES_VISIT}");
    let visit = nurse.post(&format!("{path}/check-in"), &far).await.expect(200);
    assert_eq!(visit["flags"], json!(["far_from_home", "clock_ahead"]));
    let distance = visit["check_in"]["distance_m"].as_f64().unwrap();
    assert!((5555.0..5565.0).contains(&distance), "a twentieth of a degree of latitude: {distance}");
    // Kept as it came, shown no later than it came.
    assert_eq!(visit["actual_start"], visit["check_in"]["received_at"]);
    let kept = app.database.superuser().await;
    let kept = kept
        .query_typed("select actual_start from visits where id = $1", &[(&NURSES_VISIT, Type::UUID)])
        .await
        .unwrap();
    assert_eq!(kept[0].get::<_, Timestamp>(0), ahead);
    let audited = "select count(*) from audit_log where action = 'visit.check_in'
        and details -> 'flags' = '[\"far_from_home\", \"clock_ahead\"]'";
    assert_eq!(app.database.count(audited).await, 1);
}

#[tokio::test]
async fn check_in_works_without_a_location() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let visit =
        nurse.post(&format!("/v1/visits/{NURSES_VISIT}/check-in"), &json!({"at": Timestamp::now()})).await.expect(200);
    assert_eq!(visit["status"], "in_progress");
    assert_eq!(visit["check_in"]["distance_m"], json!(null));
    assert_eq!(visit["flags"], json!([]));
}

#[tokio::test]
async fn check_in_overrides_missed() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let database = app.database.superuser().await;
    database
        .batch_execute(&format!(
            "begin; select app.act_as_job('{}'); select app.reserve_change_numbers(1);
             update visits set status = 'missed' where id = '{NURSES_VISIT}'; commit",
            NURSE.agency
        ))
        .await
        .unwrap();
    let path = format!("/v1/visits/{NURSES_VISIT}");
    assert_eq!(nurse.get(&path).await.expect(200)["status"], "missed");
    let answer = nurse.post(&format!("{path}/check-out"), &json!({"at": Timestamp::now()})).await;
    assert_eq!(answer.problem(409), "visit-status");
    let visit = nurse.post(&format!("{path}/check-in"), &json!({"at": Timestamp::now()})).await.expect(200);
    assert_eq!(visit["status"], "in_progress");
}

//! Checking in: early, far from home, without a location, and after the visit was held to be missed.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio_postgres::types::Type;

use crate::harness::{
    TestApp,
    fixtures::{NURSE, NURSES_VISIT},
    phone::{Phone, edited, row, updated},
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
    assert_eq!(visit["flags"], json!(["no_location"]));
}

const HOME: &str = r#"{"latitude": 43.65, "longitude": -79.38, "accuracy_m": 10.0}"#;

fn at(place: &str, at: Timestamp) -> Value {
    let mut body: Value = serde_json::from_str(place).unwrap();
    body["at"] = json!(at);
    body
}

#[tokio::test]
async fn a_clock_that_is_a_day_or_years_behind_is_flagged() {
    for (behind, flagged) in [
        (0, false),
        (12 * 60, false),
        (23 * 60 + 54, false),
        (23 * 60 + 56, true),
        (24 * 60, true),
        (5 * 365 * 24 * 60, true),
    ] {
        let app = TestApp::new().await;
        let nurse = app.nurse().await;
        let then = Timestamp::now() - SignedDuration::from_mins(behind);
        let path = format!("/v1/visits/{NURSES_VISIT}");
        let came = nurse.post(&format!("{path}/check-in"), &at(HOME, then)).await.expect(200);
        let is_flagged = |visit: &Value| visit["flags"].as_array().unwrap().contains(&json!("backdated"));
        assert_eq!(is_flagged(&came), flagged, "{behind} minutes: {came}");
        let went = nurse.post(&format!("{path}/check-out"), &at(HOME, then)).await.expect(200);
        assert_eq!(is_flagged(&went), flagged, "{behind} minutes");
        assert_eq!(
            went["actual_start"],
            json!(Timestamp::from_microsecond(then.as_microsecond()).unwrap()),
            "as it was stated"
        );
    }
}

#[tokio::test]
async fn a_clock_put_right_between_coming_and_leaving_is_flagged_and_checks_out() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let path = format!("/v1/visits/{NURSES_VISIT}");
    let ahead = Timestamp::now() + SignedDuration::from_hours(3);
    nurse.post(&format!("{path}/check-in"), &at(HOME, ahead)).await.expect(200);
    let leaving = at(HOME, Timestamp::now());
    let left = nurse.post(&format!("{path}/check-out"), &leaving).await.expect(200);
    assert_eq!(left["status"], "completed");
    for flag in ["clock_ahead", "impossible_order"] {
        assert!(left["flags"].as_array().unwrap().contains(&json!(flag)), "{left}");
    }
    assert!(left["actual_start"].as_str() <= left["actual_end"].as_str(), "shown in an order that may be");
    // Sent again, the same.
    assert_eq!(nurse.post(&format!("{path}/check-out"), &leaving).await.expect(200)["flags"], left["flags"]);
    let audited =
        "select count(*) from audit_log where action = 'visit.check_out' and details -> 'flags' ? 'impossible_order'";
    assert_eq!(app.database.count(audited).await, 1);
}

#[tokio::test]
async fn what_a_phone_brings_of_a_clock_put_right_is_kept_and_flagged() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(None).await;
    let hours = |hours: i64| json!((Timestamp::now() + SignedDuration::from_hours(hours)).as_millisecond());
    let columns = [("status", json!("completed")), ("actual_start", hours(-1)), ("actual_end", hours(-2))];
    let visit = edited(row(&first, "visits", NURSES_VISIT), &columns);
    let told = phone.push(updated("visits", &[visit])).await.expect(200);
    assert_eq!((&told["applied"], &told["rejected"]), (&json!(1), &json!([])), "{told}");
    let kept = app.coordinator().await.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    assert_eq!(kept["status"], "completed");
    assert_eq!(kept["flags"], json!(["no_location", "impossible_order"]));
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

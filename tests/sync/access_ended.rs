//! What a phone did before its user's access to a client ended: taken for seven days, and marked; then not any more.

use domain::limits::WORK_TAKEN_AFTER_ACCESS_ENDED;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{ALMA, NURSE, NURSE_OF_ALMA, NURSES_MEALS, NURSES_VISIT},
    phone::{Phone, edited, row, updated},
};

/// As if the nurse's grants of Alma had ended otherwise.
async fn rewrite_grants(app: &TestApp, set: &str) {
    let sql = format!(
        "set session_replication_role = replica;
         update care_team set starts_on = '2026-01-01', {set} where client_id = '{ALMA}' and user_id = '{}'",
        NURSE.id
    );
    app.database.superuser().await.batch_execute(&sql).await.unwrap();
}

/// A phone with unsent work, whose user a coordinator has just taken off Alma's team; with what it had pulled.
async fn taken_off(app: &TestApp) -> (Phone, Value) {
    let mut phone = Phone::of(app.nurse().await);
    let pulled = phone.pull(Some(0)).await;
    let membership = format!("/v1/clients/{ALMA}/care-team/{NURSE_OF_ALMA}");
    app.coordinator().await.delete(&membership).await.expect(200);
    phone.pull(Some(1)).await;
    (phone, pulled)
}

async fn push_outcome(phone: &Phone, pulled: &Value, outcome: &str) -> Value {
    let meals = edited(row(pulled, "visit_tasks", NURSES_MEALS), &[("outcome", json!(outcome))]);
    phone.push(updated("visit_tasks", &[meals])).await.expect(200)
}

#[tokio::test]
async fn what_was_done_before_access_ended_is_taken_and_marked() {
    let app = TestApp::new().await;
    let (phone, pulled) = taken_off(&app).await;
    assert_eq!(push_outcome(&phone, &pulled, "ate all of it").await["applied"], 1);
    let alert = json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "client_id": ALMA,
        "visit_id": NURSES_VISIT, "severity": "low", "reason": "She fell"});
    let told = phone.push(json!({"alerts": {"created": [alert], "updated": [], "deleted": []}})).await.expect(200);
    assert_eq!(told["applied"], 1, "{told}");
    let marked = "select count(*) from audit_log
        where action in ('visit_task.update', 'alert.create') and details @> '{\"after_access_ended\": true}'";
    assert_eq!(app.database.count(marked).await, 2);
    let visit = app.coordinator().await.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    assert_eq!(visit["flags"], json!(["after_access_ended"]));
}

#[tokio::test]
async fn what_is_sent_by_somebody_on_the_team_is_not_marked() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let pulled = phone.pull(Some(0)).await;
    assert_eq!(push_outcome(&phone, &pulled, "ate all of it").await["applied"], 1);
    let marked = "select count(*) from audit_log where details ? 'after_access_ended'";
    assert_eq!(app.database.count(marked).await, 0);
    let visit = app.coordinator().await.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    assert_eq!(visit["flags"], json!([]));
}

#[tokio::test]
async fn seven_days_after_access_ended_work_goes_into_quarantine() {
    let app = TestApp::new().await;
    let (phone, pulled) = taken_off(&app).await;
    let limit = WORK_TAKEN_AFTER_ACCESS_ENDED.as_secs();
    let day = "(now() at time zone 'America/Toronto')::date";
    for (ended, taken) in [
        // A minute for the test itself.
        (format!("deleted_at = now() - make_interval(secs => {})", limit - 60), true),
        (format!("deleted_at = now() - make_interval(secs => {limit})"), false),
        // The end of the day that was seven or eight days ago.
        (format!("deleted_at = null, ends_on = {day} - 7"), true),
        (format!("deleted_at = null, ends_on = {day} - 8"), false),
    ] {
        rewrite_grants(&app, &ended).await;
        let told = push_outcome(&phone, &pulled, &ended).await;
        let refused = told["rejected"].as_array().unwrap();
        assert_eq!(
            (&told["applied"], refused.len()),
            (&json!(u8::from(taken)), usize::from(!taken)),
            "{ended}: {told}"
        );
        if let [refused] = &refused[..] {
            assert!(refused["reason"].as_str().unwrap().starts_with("your access to this client ended"), "{refused}");
        }
    }
    // A deletion is not lost either.
    let changes = json!({"visit_tasks": {"created": [], "updated": [], "deleted": [NURSES_MEALS]}});
    let told = phone.push(changes).await.expect(200);
    assert_eq!(told["rejected"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["experimentalRejectedIds"], json!({}));
    let quarantined = "select count(*) from sync_quarantine where reason like 'your access to this client ended%'";
    assert_eq!(app.database.count(quarantined).await, 3);
}

#[tokio::test]
async fn work_is_taken_up_to_the_limit_itself_and_not_after_it() {
    let app = TestApp::new().await;
    let limit = WORK_TAKEN_AFTER_ACCESS_ENDED.as_micros();
    for (micros, taken) in [(limit, 1), (limit + 1, 0)] {
        let sql = format!("select count(*) where app.is_work_still_taken(now() - {micros} * interval '1 microsecond')");
        assert_eq!(app.database.count(&sql).await, taken, "{micros}");
    }
}

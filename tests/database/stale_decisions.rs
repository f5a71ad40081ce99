//! What was decided on what has changed since is not written: whoever decided looks again.

use serde_json::json;

use super::catalog::{code, number, texts};
use crate::harness::{
    TestApp,
    fixtures::{NURSE, NURSES_VISIT},
    phone::Phone,
};

const STALE: Option<&str> = Some("BC409");

/// What functions that take their caller on by themselves begin with.
async fn nurse(app: &TestApp, device_id: uuid::Uuid) -> String {
    let sql = format!("select session_id::text from devices where id = '{device_id}'");
    let session = texts(&app.database.superuser().await, &sql).await.pop_first().unwrap();
    format!("'{}', '{device_id}', '{session}', 'nurse', null, null", NURSE.id)
}

#[tokio::test]
async fn a_check_in_decided_on_an_older_visit_is_not_written() {
    let app = TestApp::new().await;
    let caller = nurse(&app, app.nurse().await.device_id).await;
    let (owner, application) = (app.database.superuser().await, app.database.connect_as("berthcare_app").await);
    let number_of_visit = format!("select change_number from visits where id = '{NURSES_VISIT}'");
    let record = |seen: i64| {
        format!(
            "select app.record_attendance({caller}, 'visit.check_in', '{NURSES_VISIT}', {seen}, now(), null, null, null,
               null, now(), '{{}}')"
        )
    };
    let audited = "select count(*) from audit_log where action = 'visit.check_in'";

    let seen = number(&owner, &number_of_visit).await;
    let visit = format!("/v1/visits/{NURSES_VISIT}");
    app.coordinator().await.patch(&visit, &json!({"notes": "From the office"})).await.expect(200);
    assert_eq!(code(&application, &record(seen)).await.as_deref(), STALE);
    assert_eq!(number(&owner, audited).await, 0);

    let seen = number(&owner, &number_of_visit).await;
    assert_eq!(code(&application, &record(seen)).await, None);
    assert_eq!(number(&owner, audited).await, 1);
    assert_eq!(code(&application, &record(seen)).await.as_deref(), STALE);
}

#[tokio::test]
async fn a_pull_that_another_of_its_device_overtook_is_not_remembered() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    phone.pull(Some(0)).await;
    let caller = nurse(&app, phone.client.device_id).await;
    let (owner, application) = (app.database.superuser().await, app.database.connect_as("berthcare_app").await);
    let as_of = format!("select updated_at::text from devices where id = '{}'", phone.client.device_id);
    let state = r#"{"pulled_from": 1, "pulled_to": 1, "pulled_clean": true, "tombstones_sent": 0,
        "tombstones_sent_with": 0, "tombstones_received": 0}"#;
    let remember = |as_of: &str| format!("select app.record_pull({caller}, '{as_of}', '{state}', '{{}}')");

    let seen = texts(&owner, &as_of).await.pop_first().unwrap();
    phone.pull(Some(3)).await;
    assert_eq!(code(&application, &remember(&seen)).await.as_deref(), STALE);
    let seen = texts(&owner, &as_of).await.pop_first().unwrap();
    assert_eq!(code(&application, &remember(&seen)).await, None);
}

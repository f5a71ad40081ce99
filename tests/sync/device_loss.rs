//! What a phone that was cut off took with it.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{ADMIN_B, ALMA, NURSE, NURSES_VISIT, OTHER_NURSE},
    phone::Phone,
};

#[tokio::test]
async fn visits_since_a_lost_phone_was_heard_of_are_named_with_what_their_chart_lacks() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    phone.pull(Some(3)).await;
    let device = phone.client.device_id;
    let coordinator = app.coordinator().await;
    let plan = async |person: Uuid, hours_ago: i64| {
        let start = Timestamp::now() - hours_ago.hours();
        let visit = json!({"id": Uuid::now_v7(), "user_id": person, "client_id": ALMA, "scheduled_start": start,
            "scheduled_end": start + 30.minutes(), "allow_overlap": true});
        coordinator.post("/v1/visits", &visit).await.expect(201);
        visit["id"].as_str().unwrap().to_owned()
    };
    let (before, bare, done) = (plan(NURSE.id, 9).await, plan(NURSE.id, 4).await, plan(NURSE.id, 3).await);
    let (_others, after) = (plan(OTHER_NURSE.id, 3).await, plan(NURSE.id, -30).await);
    let here = |hours: i64| json!({"at": Timestamp::now() - hours.hours()});
    let another = app.nurse().await;
    another.post(&format!("/v1/visits/{done}/check-in"), &here(3)).await.expect(200);
    another.post(&format!("/v1/visits/{done}/check-out"), &here(2)).await.expect(200);
    let heard = format!("update devices set last_sync_at = now() - interval '6 hours' where id = '{device}'");
    app.database.superuser().await.batch_execute(&heard).await.unwrap();
    app.admin().await.delete(&format!("/v1/users/{}/devices/{device}", NURSE.id)).await.expect(204);

    let path = format!("/v1/devices/{device}/loss");
    let loss = coordinator.get(&path).await.expect(200);
    assert_eq!((&loss["user_id"], &loss["pending_count"]), (&json!(NURSE.id), &json!(3)), "{loss}");
    assert!(loss["revoked_at"].is_string() && loss["last_sync_at"].is_string(), "{loss}");
    let visits = loss["visits"].as_array().unwrap();
    let lacks = |id: &str| visits.iter().find(|visit| visit["id"] == id).map(|visit| visit["lacks"].clone());
    assert_eq!(lacks(&bare), Some(json!(["check_in", "check_out", "notes"])), "{loss}");
    assert_eq!(lacks(&done), Some(json!(["notes"])), "{loss}");
    assert_eq!((lacks(&before), lacks(&after)), (None, None), "{loss}");
    let known = |id: &Value| *id == json!(bare) || *id == json!(done) || *id == json!(NURSES_VISIT);
    assert!(visits.iter().all(|visit| known(&visit["id"])), "{loss}");
    app.sign_in(&ADMIN_B).await.get(&path).await.expect(404);
    let audited = format!("select count(*) from audit_log where action = 'device.loss' and resource_id = '{device}'");
    assert_eq!(app.database.count(&audited).await, 1);
}

//! How sessions end: by signing out, by a new password, and with their user, device or role; on every path and at once.

use serde_json::json;
use uuid::Uuid;

use crate::harness::{
    Client, TestApp,
    fixtures::{ADMIN, AIDE, COORDINATOR, NEW_PASSWORD, NURSE, PASSWORD},
};

#[tokio::test]
async fn signing_out_ends_this_session_and_no_other() {
    let app = TestApp::new().await;
    let (phone, browser) = (app.nurse().await, app.nurse().await);
    assert_eq!(phone.send("POST", "/v1/auth/logout", None, &[]).await.status, 204);
    phone.must_be_out().await;
    browser.get("/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session_of_mine() {
    let app = TestApp::new().await;
    let (phone, browser, colleague) = (app.nurse().await, app.nurse().await, app.aide().await);
    assert_eq!(phone.send("POST", "/v1/auth/logout-all", None, &[]).await.status, 204);
    phone.must_be_out().await;
    browser.must_be_out().await;
    colleague.get("/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_push_token_belongs_to_the_device_that_registered_it_last() {
    let app = TestApp::new().await;
    let (coordinator, nurse) = (app.coordinator().await, app.nurse().await);
    let holders = async || {
        let sql = "select d.id from devices d where d.push_token is not null order by d.push_token";
        let rows = app.database.superuser().await.query_typed(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect::<Vec<Uuid>>()
    };
    let token = |name: &str| json!({"push_token": format!("ExponentPushToken[{name}]")});
    for _ in 0..2 {
        assert_eq!(coordinator.put("/v1/auth/push-token", &token("a")).await.status, 204);
    }
    assert_eq!(nurse.put("/v1/auth/push-token", &token("b")).await.status, 204);
    assert_eq!(holders().await, [coordinator.device_id, nurse.device_id]);
    // The app that was the coordinator's is the nurse's now.
    assert_eq!(nurse.put("/v1/auth/push-token", &token("a")).await.status, 204);
    assert_eq!(holders().await, [nurse.device_id]);
    assert_eq!(nurse.delete("/v1/auth/push-token").await.status, 204);
    assert!(holders().await.is_empty());
    let answer = nurse.put("/v1/auth/push-token", &json!({"push_token": "https://elsewhere.test"})).await;
    assert_eq!(answer.problem(422), "invalid");
}

#[tokio::test]
async fn signing_in_again_on_a_device_ends_the_session_before() {
    let app = TestApp::new().await;
    let before = app.nurse().await;
    let tokens = before.login(NURSE.email, PASSWORD).await.expect(200);
    before.must_be_out().await;
    before.with_tokens(&tokens).get("/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_suspended_user_is_out_at_once_and_stays_out() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let path = format!("/v1/users/{}", NURSE.id);
    coordinator.patch(&path, &json!({"status": "suspended"})).await.expect(200);
    nurse.must_be_out().await;
    assert_eq!(nurse.login(NURSE.email, PASSWORD).await.problem(401), "bad-credentials");

    // Active again, they sign in again: what had ended stays ended.
    coordinator.patch(&path, &json!({"status": "active"})).await.expect(200);
    nurse.must_be_out().await;
    nurse.login(NURSE.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_deleted_user_is_out_at_once_and_the_address_is_free() {
    let app = TestApp::new().await;
    let (nurse, admin) = (app.nurse().await, app.admin().await);
    assert_eq!(admin.delete(&format!("/v1/users/{}", NURSE.id)).await.status, 204);
    nurse.must_be_out().await;
    assert_eq!(nurse.login(NURSE.email, PASSWORD).await.problem(401), "bad-credentials");
    admin.get(&format!("/v1/users/{}", NURSE.id)).await.expect(404);
    let successor = json!({"email": NURSE.email, "phone": "+14165550999", "first_name": "New", "last_name": "Nurse",
        "role": "nurse"});
    admin.post("/v1/users", &successor).await.expect(201);
}

#[tokio::test]
async fn a_revoked_device_is_out_at_once_and_alone() {
    let app = TestApp::new().await;
    let (phone, browser, coordinator) = (app.nurse().await, app.nurse().await, app.coordinator().await);
    let devices = format!("/v1/users/{}/devices", NURSE.id);
    let listed = coordinator.get(&devices).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert_eq!(coordinator.delete(&format!("{devices}/{}", phone.device_id)).await.status, 204);
    // The same again changes nothing.
    assert_eq!(coordinator.delete(&format!("{devices}/{}", phone.device_id)).await.status, 204);
    phone.must_be_out().await;
    assert_eq!(phone.login(NURSE.email, PASSWORD).await.problem(403), "device-revoked");
    browser.get("/v1/auth/me").await.expect(200);
    let mine = browser.get(&devices).await.expect(200);
    let lost = mine["items"].as_array().unwrap().iter().find(|d| d["id"] == phone.device_id.to_string()).unwrap();
    assert_eq!(lost["signed_in"], false);
    assert!(lost["revoked_at"].is_string());
}

#[tokio::test]
async fn a_device_belongs_to_one_person() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    assert_eq!(nurse.login(AIDE.email, PASSWORD).await.problem(409), "device-taken");
    nurse.get("/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_new_role_needs_a_new_token() {
    let app = TestApp::new().await;
    let (nurse, admin) = (app.nurse().await, app.admin().await);
    admin.patch(&format!("/v1/users/{}", NURSE.id), &json!({"role": "care_aide"})).await.expect(200);
    assert_eq!(nurse.get("/v1/auth/me").await.problem(401), "session-ended");
    let tokens = nurse.refresh().await.expect(200);
    assert_eq!(tokens["user"]["role"], "care_aide");
    nurse.with_tokens(&tokens).get("/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let app = TestApp::new().await;
    let (phone, browser) = (app.nurse().await, app.nurse().await);
    let change = |current: &str, new: &str| json!({"current_password": current, "new_password": new});
    let wrong = phone.post("/v1/auth/password", &change("not this one", NEW_PASSWORD)).await;
    assert_eq!(wrong.faults(), ["#/current_password"]);
    let short = phone.post("/v1/auth/password", &change(PASSWORD, "short")).await;
    assert_eq!(short.faults(), ["#/new_password"]);
    assert_eq!(phone.post("/v1/auth/password", &change(PASSWORD, NEW_PASSWORD)).await.status, 204);
    phone.get("/v1/auth/me").await.expect(200);
    browser.must_be_out().await;
    assert_eq!(browser.login(NURSE.email, PASSWORD).await.problem(401), "bad-credentials");
    browser.login(NURSE.email, NEW_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn every_session_ends_thirty_days_after_the_password_was_last_given() {
    let app = TestApp::new().await;
    let (phone, browser) = (app.nurse().await, app.nurse().await);
    let owner = app.database.superuser().await;
    let age = async |client: &Client, age: &str| {
        let device = client.device_id;
        let sql = format!("update devices set authenticated_at = now() - interval '{age}' where id = '{device}'");
        owner.batch_execute(&sql).await.unwrap();
    };
    age(&phone, "29 days 23 hours").await;
    phone.get("/v1/auth/me").await.expect(200);
    age(&phone, "30 days").await;
    phone.must_be_out().await;
    browser.get("/v1/auth/me").await.expect(200);
    // Whoever gives it again, for a new one or to sign in, has thirty days more.
    age(&browser, "29 days").await;
    let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    assert_eq!(browser.post("/v1/auth/password", &change).await.status, 204);
    let fresh = "select count(*) from devices where authenticated_at > now() - interval '1 minute'";
    assert_eq!(app.database.count(fresh).await, 1);
    phone.with_tokens(&phone.login(NURSE.email, NEW_PASSWORD).await.expect(200)).get("/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn nobody_changes_their_own_standing_or_somebody_above() {
    let app = TestApp::new().await;
    let (coordinator, admin) = (app.coordinator().await, app.admin().await);
    for (client, target, change) in [
        (&coordinator, &COORDINATOR, json!({"role": "admin"})),
        (&coordinator, &ADMIN, json!({"status": "suspended"})),
        (&coordinator, &NURSE, json!({"role": "coordinator"})),
        (&admin, &ADMIN, json!({"role": "nurse"})),
        (&admin, &ADMIN, json!({"status": "suspended"})),
    ] {
        let answer = client.patch(&format!("/v1/users/{}", target.id), &change).await;
        assert_eq!(answer.problem(403), "forbidden", "{change}");
    }
    assert_eq!(admin.delete(&format!("/v1/users/{}", ADMIN.id)).await.problem(403), "forbidden");
}

//! Giving the password again, before an account is moved or data is taken out.

use serde_json::{Value, json};

use super::second_factor::admins_app_shows;
use crate::harness::{
    Client, TestApp,
    fixtures::{OTHER_NURSE, PASSWORD},
};

fn auth_time(token: &str) -> i64 {
    let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(token).unwrap();
    claims["auth_time"].as_i64().unwrap()
}

impl TestApp {
    /// The same session, whose password was given so long ago.
    pub async fn aged(&self, client: &Client, age: &str) -> Client {
        let device = client.device_id;
        let sql = format!("update devices set authenticated_at = now() - interval '{age}' where id = '{device}'");
        self.database.superuser().await.batch_execute(&sql).await.unwrap();
        client.with_tokens(&client.refresh().await.expect(200))
    }
}

#[tokio::test]
async fn ten_minutes_after_the_password_it_must_be_given_again() {
    let app = TestApp::new().await;
    let (nurse, admin) = (app.nurse().await, app.admin().await);
    let fresh = app.aged(&nurse, "9 minutes").await;
    fresh.send("POST", "/v1/auth/mfa", None, &[]).await.expect(200);
    let (nurse, admin) = (app.aged(&nurse, "11 minutes").await, app.aged(&admin, "11 minutes").await);
    let others = format!("/v1/users/{}/mfa", OTHER_NURSE.id);
    for (client, method, path) in
        [(&nurse, "POST", "/v1/auth/mfa"), (&nurse, "DELETE", "/v1/auth/mfa"), (&admin, "DELETE", others.as_str())]
    {
        let answer = client.send(method, path, None, &[]).await;
        assert_eq!(answer.problem(401), "step-up-required", "{method} {path}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert_eq!(challenge, r#"Bearer error="insufficient_user_authentication", max_age="600""#);
    }
    // The session itself goes on.
    nurse.get("/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_step_up_makes_auth_time_new() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let nurse = app.aged(&nurse, "11 minutes").await;
    let wrong = nurse.post("/v1/auth/step-up", &json!({"password": "guess"})).await;
    assert_eq!(wrong.problem(401), "bad-credentials");
    let answer = nurse.post("/v1/auth/step-up", &json!({"password": PASSWORD})).await.expect(200);
    let mut stepped = nurse.clone();
    stepped.access_token = answer["access_token"].as_str().map(ToOwned::to_owned);
    let (before, after) = (nurse.access_token.as_ref().unwrap(), stepped.access_token.as_ref().unwrap());
    assert!(auth_time(after) - auth_time(before) >= 650);
    stepped.send("POST", "/v1/auth/mfa", None, &[]).await.expect(200);
    // And stays as long as the session is refreshed.
    let refreshed = stepped.with_tokens(&stepped.refresh().await.expect(200));
    assert_eq!(auth_time(refreshed.access_token.as_ref().unwrap()), auth_time(after));
    let audited = "select count(*) from audit_log where action in ('auth.step_up', 'auth.step_up_refused')";
    assert_eq!(app.database.count(audited).await, 2);
}

#[tokio::test]
async fn a_step_up_asks_for_the_second_factor_too() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let admin = app.aged(&admin, "11 minutes").await;
    let missing = admin.post("/v1/auth/step-up", &json!({"password": PASSWORD})).await;
    assert_eq!(missing.problem(401), "second-factor-required");
    let totp = json!({"password": PASSWORD, "totp": admins_app_shows(0)});
    admin.post("/v1/auth/step-up", &totp).await.expect(200);
    assert_eq!(admin.post("/v1/auth/step-up", &totp).await.problem(401), "bad-credentials");
}

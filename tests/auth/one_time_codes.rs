//! Codes by SMS: an invitation's and a forgotten password's.

use serde_json::json;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{NEW_PASSWORD, NURSE},
};

#[tokio::test]
async fn an_invitation_leads_to_a_password_once() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let invited = json!({"email": "New.Aide@a.test", "phone": "+14165550777", "first_name": "Noor",
        "last_name": "Haddad",
        "role": "care_aide", "locale": "fr-CA"});
    let user = coordinator.post("/v1/users", &invited).await.expect(201);
    assert_eq!(user["status"], "invited");
    let code = app.newest_code("+14165550777").await;
    assert_eq!(code.len(), 8);

    let newcomer = app.anonymous();
    let activate = |code: &str| json!({"email": "new.aide@a.test", "code": code, "password": NEW_PASSWORD});
    assert_eq!(newcomer.login("new.aide@a.test", NEW_PASSWORD).await.problem(401), "bad-credentials");
    let wrong = if code == "00000000" { "00000001" } else { "00000000" };
    assert_eq!(newcomer.post("/v1/auth/activate", &activate(wrong)).await.problem(401), "bad-credentials");
    assert_eq!(newcomer.post("/v1/auth/activate", &activate(&code)).await.status, 204);
    let tokens = newcomer.login("new.aide@a.test", NEW_PASSWORD).await.expect(200);
    assert_eq!(tokens["user"]["locale"], "fr-CA");
    // Once.
    assert_eq!(newcomer.post("/v1/auth/activate", &activate(&code)).await.problem(401), "bad-credentials");
}

#[tokio::test]
async fn an_invitation_and_a_forgotten_password_dont_replace_each_others_code() {
    let app = TestApp::new().await;
    let (coordinator, newcomer) = (app.coordinator().await, app.anonymous());
    let invite = async |email: &str, phone: &str| {
        let user =
            json!({"email": email, "phone": phone, "first_name": "Noor", "last_name": "Haddad", "role": "nurse"});
        coordinator.post("/v1/users", &user).await.expect(201);
        let invitation = app.newest_code(phone).await;
        newcomer.post("/v1/auth/forgot", &json!({"email": email})).await.expect(202);
        [invitation, app.newest_code(phone).await]
    };
    let activate = async |email: &str, code: &str, password: &str| {
        newcomer.post("/v1/auth/activate", &json!({"email": email, "code": code, "password": password})).await
    };
    // Whichever is used first is good; the other ends with it.
    for (email, phone, first) in [("one@a.test", "+14165550771", 0), ("two@a.test", "+14165550772", 1)] {
        let codes = invite(email, phone).await;
        assert_eq!(activate(email, &codes[first], NEW_PASSWORD).await.status, 204);
        let other = activate(email, &codes[1 - first], "another umbrella on friday").await;
        assert_eq!(other.problem(401), "bad-credentials");
        app.anonymous().login(email, NEW_PASSWORD).await.expect(200);
    }
}

#[tokio::test]
async fn a_strangers_tries_dont_use_up_somebody_elses_code() {
    let app = TestApp::new().await;
    let (owner, stranger) = (app.anonymous(), app.anonymous().at("198.51.100.7"));
    owner.post("/v1/auth/forgot", &json!({"email": NURSE.email})).await.expect(202);
    let code = app.newest_code_of(NURSE.id).await;
    let activate = |code: &str| json!({"email": NURSE.email, "code": code, "password": NEW_PASSWORD});
    let wrong = if code == "00000000" { "00000001" } else { "00000000" };
    for _ in 0..9 {
        stranger.post("/v1/auth/activate", &activate(wrong)).await.expect(401);
    }
    assert_eq!(stranger.post("/v1/auth/activate", &activate(&code)).await.problem(401), "bad-credentials");
    assert_eq!(owner.post("/v1/auth/activate", &activate(&code)).await.status, 204);
}

#[tokio::test]
async fn a_code_is_good_for_five_tries() {
    let app = TestApp::new().await;
    let client = app.anonymous();
    client.post("/v1/auth/forgot", &json!({"email": NURSE.email})).await.expect(202);
    let code = app.newest_code_of(NURSE.id).await;
    let activate = |code: &str| json!({"email": NURSE.email, "code": code, "password": NEW_PASSWORD});
    let wrong = if code == "00000000" { "00000001" } else { "00000000" };
    for _ in 0..5 {
        assert_eq!(client.post("/v1/auth/activate", &activate(wrong)).await.problem(401), "bad-credentials");
    }
    assert_eq!(client.post("/v1/auth/activate", &activate(&code)).await.problem(401), "bad-credentials");
}

#[tokio::test]
async fn a_forgotten_password_ends_all_sessions_when_it_is_replaced() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let client = app.anonymous();
    let known = client.post("/v1/auth/forgot", &json!({"email": "Nurse@A.test"})).await;
    let unknown = client.post("/v1/auth/forgot", &json!({"email": "nobody@a.test"})).await;
    assert_eq!((known.status, unknown.status), (202, 202));
    assert_eq!(known.body, unknown.body);
    assert_eq!(app.database.count("select count(*) from messages").await, 1);
    let code = app.newest_code_of(NURSE.id).await;
    let activate = json!({"email": NURSE.email, "code": code, "password": NEW_PASSWORD});
    assert_eq!(client.post("/v1/auth/activate", &activate).await.status, 204);
    nurse.must_be_out().await;
    nurse.login(NURSE.email, NEW_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_suspended_user_gets_no_code_and_no_password() {
    let app = TestApp::new().await;
    let (coordinator, client) = (app.coordinator().await, app.anonymous());
    client.post("/v1/auth/forgot", &json!({"email": NURSE.email})).await.expect(202);
    let code = app.newest_code_of(NURSE.id).await;
    coordinator.patch(&format!("/v1/users/{}", NURSE.id), &json!({"status": "suspended"})).await.expect(200);
    let activate = json!({"email": NURSE.email, "code": code, "password": NEW_PASSWORD});
    assert_eq!(client.post("/v1/auth/activate", &activate).await.problem(401), "bad-credentials");
    assert_eq!(client.login(NURSE.email, NEW_PASSWORD).await.problem(401), "bad-credentials");
    client.post("/v1/auth/forgot", &json!({"email": NURSE.email})).await.expect(202);
    assert_eq!(app.database.count("select count(*) from messages").await, 1);
}

impl TestApp {
    pub async fn newest_code(&self, phone: &str) -> String {
        let client = self.database.superuser().await;
        let rows = client
            .query_typed(
                "select template_values ->> 'code' from messages where recipient = $1 and template = 'one_time_code'
                 order by created_at desc limit 1",
                &[(&phone, Type::TEXT)],
            )
            .await
            .unwrap();
        rows[0].get(0)
    }

    pub async fn newest_code_of(&self, user_id: Uuid) -> String {
        let client = self.database.superuser().await;
        let rows =
            client.query_typed("select phone from users where id = $1", &[(&user_id, Type::UUID)]).await.unwrap();
        self.newest_code(rows[0].get(0)).await
    }
}

//! Signing in, staying signed in, and ceasing to be, on every path and at once.

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::harness::{
    Answer, Client, TestApp,
    fixtures::{ADMIN, AIDE, ALMA, COORDINATOR, NURSE, PASSWORD},
};

impl Client {
    async fn refresh(&self) -> Answer {
        self.refresh_with(&self.refresh_token, self.device_id).await
    }

    async fn refresh_with(&self, token: &str, device_id: Uuid) -> Answer {
        self.post("/v1/auth/refresh", &json!({"refresh_token": token, "device_id": device_id})).await
    }

    /// The same device after an exchange.
    fn with_tokens(&self, tokens: &Value) -> Self {
        let mut client = self.clone();
        client.access_token = tokens["access_token"].as_str().map(ToOwned::to_owned);
        client.refresh_token = tokens["refresh_token"].as_str().unwrap().to_owned();
        client
    }

    /// That this session can't do anything any more: not on any function, and not get a new token.
    async fn must_be_out(&self) {
        for path in ["/v1/auth/me", &format!("/v1/clients/{ALMA}"), "/v1/visits"] {
            assert_eq!(self.get(path).await.problem(401), "session-ended", "{path}");
        }
        let here = json!({"at": Timestamp::now()});
        let visit = crate::harness::fixtures::NURSES_VISIT;
        let answer = self.post(&format!("/v1/visits/{visit}/check-in"), &here).await;
        assert_eq!(answer.problem(401), "session-ended");
        assert_eq!(self.refresh().await.problem(401), "session-ended");
    }
}

#[tokio::test]
async fn signing_in_answers_tokens_by_oauths_names() {
    let app = TestApp::new().await;
    let answer = app.anonymous().login("NURSE@a.test", PASSWORD).await;
    let tokens = answer.expect(200);
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 900);
    assert_eq!(tokens["user"]["id"], NURSE.id.to_string());
    assert!(tokens["user"]["last_login_at"].is_string());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(app.database.count("select count(*) from audit_log where action = 'auth.login'").await, 1);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_answer_alike() {
    let app = TestApp::new().await;
    let client = app.anonymous();
    let mut answers = Vec::new();
    for (email, password) in [(NURSE.email, "wrong password"), ("nobody@a.test", PASSWORD)] {
        let answer = client.login(email, password).await;
        assert_eq!(answer.problem(401), "bad-credentials");
        let mut problem = answer.json();
        problem["instance"].take();
        let names: Vec<_> = answer.headers.keys().cloned().collect();
        answers.push((problem, names));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    let refused = "select count(*) from audit_log where action = 'auth.login_refused'";
    assert_eq!(app.database.count(refused).await, 2);
    let known = "select count(*) from audit_log where action = 'auth.login_refused' and actor_id is not null";
    assert_eq!(app.database.count(known).await, 1);
}

#[tokio::test]
async fn guessing_is_slowed_down_by_account_and_by_address() {
    let app = TestApp::new().await;
    let client = app.anonymous();
    let mut refusal = None;
    // The window may turn over once meanwhile: at most twice its size.
    for _ in 0..=20 {
        let answer = client.login("nobody@a.test", "guess").await;
        if answer.status == 429 {
            refusal = Some(answer);
            break;
        }
    }
    let refusal = refusal.expect("the account's window never filled");
    assert_eq!(refusal.problem(429), "too-many-requests");
    let seconds: u32 = refusal.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));

    let mut statuses = Vec::new();
    for n in 0..=120 {
        statuses.push(client.login(&format!("guess{n}@a.test"), "guess").await.status);
        if statuses.last() == Some(&429) {
            return;
        }
    }
    panic!("the address's window never filled: {statuses:?}");
}

#[tokio::test]
async fn a_refresh_token_is_good_for_one_exchange() {
    let app = TestApp::new().await;
    let first = app.nurse().await;
    let second = first.with_tokens(&first.refresh().await.expect(200));
    assert_ne!(first.refresh_token, second.refresh_token);
    second.get("/v1/auth/me").await.expect(200);
    let third = second.with_tokens(&second.refresh().await.expect(200));
    third.get("/v1/auth/me").await.expect(200);

    // `first` was used two exchanges ago: somebody stole it. Everything of that session ends.
    assert_eq!(first.refresh().await.problem(401), "session-ended");
    third.must_be_out().await;
    let reused = "select count(*) from audit_log where action = 'auth.refresh_reused'";
    assert_eq!(app.database.count(reused).await, 1);
}

#[tokio::test]
async fn a_lost_answer_can_be_fetched_again_on_the_same_device() {
    let app = TestApp::new().await;
    let first = app.nurse().await;
    let lost = first.refresh().await.expect(200);
    let again = first.refresh().await.expect(200);
    assert_eq!(lost["refresh_token"], again["refresh_token"]);
    first.with_tokens(&again).refresh().await.expect(200);
}

#[tokio::test]
async fn a_lost_answer_can_be_fetched_for_half_a_minute_only() {
    let app = TestApp::new().await;
    let first = app.nurse().await;
    let second = first.with_tokens(&first.refresh().await.expect(200));
    let long_ago = Timestamp::now().as_millisecond() - 30_001;
    app.change_sessions("SET rotated_at = :value", &long_ago.to_string()).await;
    assert_eq!(first.refresh().await.problem(401), "session-ended");
    second.must_be_out().await;
}

#[tokio::test]
async fn a_refresh_token_on_another_device_ends_the_session() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    assert_eq!(nurse.refresh_with(&nurse.refresh_token, Uuid::now_v7()).await.problem(401), "session-ended");
    nurse.must_be_out().await;
}

#[tokio::test]
async fn an_expired_family_is_refused_before_it_is_swept() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    app.change_sessions("SET expires_at = :value", &(Timestamp::now().as_second() - 1).to_string()).await;
    assert_eq!(nurse.refresh().await.problem(401), "session-ended");
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    for token in ["x", "AAAA", &nurse.access_token.clone().unwrap()[..100], &"A".repeat(86)] {
        let answer = nurse.refresh_with(token, nurse.device_id).await;
        assert_eq!(answer.problem(401), "session-ended", "{token}");
    }
    // None of that was anything of the family's.
    nurse.refresh().await.expect(200);
}

#[tokio::test]
async fn the_table_alone_gives_nobody_a_session() {
    let app = TestApp::new().await;
    let first = app.nurse().await;
    let second = first.with_tokens(&first.refresh().await.expect(200));
    let held = format!("{:?}", app.scan_sessions().await);
    for token in [&first.refresh_token, &second.refresh_token] {
        assert!(!held.contains(token.as_str()));
        // Nor the random part of it, as bytes or text.
        assert!(!held.contains(&token[44..]));
    }
}

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
async fn a_push_token_is_the_last_devices_that_named_it() {
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
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(coordinator.delete(&format!("{devices}/{}", phone.device_id)).await.status, 204);
    // The same again changes nothing.
    assert_eq!(coordinator.delete(&format!("{devices}/{}", phone.device_id)).await.status, 204);
    phone.must_be_out().await;
    assert_eq!(phone.login(NURSE.email, PASSWORD).await.problem(403), "device-revoked");
    browser.get("/v1/auth/me").await.expect(200);
    let mine = browser.get(&devices).await.expect(200);
    let lost = mine.as_array().unwrap().iter().find(|d| d["id"] == phone.device_id.to_string()).unwrap();
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
    let wrong = phone.post("/v1/auth/password", &change("not this one", "a new long password")).await;
    assert_eq!(wrong.faults(), ["#/current_password"]);
    let short = phone.post("/v1/auth/password", &change(PASSWORD, "short")).await;
    assert_eq!(short.faults(), ["#/new_password"]);
    assert_eq!(phone.post("/v1/auth/password", &change(PASSWORD, "a new long password")).await.status, 204);
    phone.get("/v1/auth/me").await.expect(200);
    browser.must_be_out().await;
    assert_eq!(browser.login(NURSE.email, PASSWORD).await.problem(401), "bad-credentials");
    browser.login(NURSE.email, "a new long password").await.expect(200);
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

impl TestApp {
    /// Changes the one session item in the table.
    async fn change_sessions(&self, expression: &str, value: &str) {
        use aws_sdk_dynamodb::types::AttributeValue;
        for item in self.scan_sessions().await {
            aws_sdk_dynamodb::Client::new(&self.aws)
                .update_item()
                .table_name(&self.config.ephemeral_table)
                .key("pk", item["pk"].clone())
                .key("sk", item["sk"].clone())
                .update_expression(expression)
                .expression_attribute_values(":value", AttributeValue::N(value.to_owned()))
                .send()
                .await
                .unwrap();
        }
    }

    async fn scan_sessions(&self) -> Vec<std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>> {
        let answer = aws_sdk_dynamodb::Client::new(&self.aws)
            .scan()
            .table_name(&self.config.ephemeral_table)
            .send()
            .await
            .unwrap();
        let is_session = |item: &std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>| {
            item["sk"].as_s().unwrap().starts_with("SESSION#")
        };
        answer.items.unwrap().into_iter().filter(is_session).collect()
    }
}

#[tokio::test]
async fn an_invitation_leads_to_a_password_once() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let invited = json!({"email": "New.Aide@a.test", "phone": "+14165550777", "first_name": "Noor", "last_name": "Haddad",
        "role": "care_aide", "locale": "fr-CA"});
    let user = coordinator.post("/v1/users", &invited).await.expect(201);
    assert_eq!(user["status"], "invited");
    let code = app.newest_code("+14165550777").await;
    assert_eq!(code.len(), 8);

    let newcomer = app.anonymous();
    let activate = |code: &str| json!({"email": "new.aide@a.test", "code": code, "password": "my first password"});
    assert_eq!(newcomer.login("new.aide@a.test", "my first password").await.problem(401), "bad-credentials");
    let wrong = if code == "00000000" { "00000001" } else { "00000000" };
    assert_eq!(newcomer.post("/v1/auth/activate", &activate(wrong)).await.problem(401), "bad-credentials");
    assert_eq!(newcomer.post("/v1/auth/activate", &activate(&code)).await.status, 204);
    let tokens = newcomer.login("new.aide@a.test", "my first password").await.expect(200);
    assert_eq!(tokens["user"]["locale"], "fr-CA");
    // Once.
    assert_eq!(newcomer.post("/v1/auth/activate", &activate(&code)).await.problem(401), "bad-credentials");
}

#[tokio::test]
async fn a_code_is_good_for_five_tries() {
    let app = TestApp::new().await;
    let client = app.anonymous();
    client.post("/v1/auth/forgot", &json!({"email": NURSE.email})).await.expect(202);
    let code = app.newest_code_of(NURSE.id).await;
    let activate = |code: &str| json!({"email": NURSE.email, "code": code, "password": "a brand new password"});
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
    let activate = json!({"email": NURSE.email, "code": code, "password": "a brand new password"});
    assert_eq!(client.post("/v1/auth/activate", &activate).await.status, 204);
    nurse.must_be_out().await;
    nurse.login(NURSE.email, "a brand new password").await.expect(200);
}

#[tokio::test]
async fn a_suspended_user_gets_no_code_and_no_password() {
    let app = TestApp::new().await;
    let (coordinator, client) = (app.coordinator().await, app.anonymous());
    client.post("/v1/auth/forgot", &json!({"email": NURSE.email})).await.expect(202);
    let code = app.newest_code_of(NURSE.id).await;
    coordinator.patch(&format!("/v1/users/{}", NURSE.id), &json!({"status": "suspended"})).await.expect(200);
    let activate = json!({"email": NURSE.email, "code": code, "password": "a brand new password"});
    assert_eq!(client.post("/v1/auth/activate", &activate).await.problem(401), "bad-credentials");
    assert_eq!(client.login(NURSE.email, "a brand new password").await.problem(401), "bad-credentials");
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

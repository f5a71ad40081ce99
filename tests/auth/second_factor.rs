//! The second factor: enrolling, signing in with it, losing it, and what an admin reaches without one.

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use serde_json::{Value, json};
use totp_rs::Secret;

use crate::harness::{
    Answer, Client, TestApp, app_shows,
    fixtures::{ADMIN, ALMA, COORDINATOR, NURSE, OTHER_ADMIN, PASSWORD, SEED},
};

pub fn admins_app_shows(steps: i64) -> String {
    app_shows(Secret::new(SEED.into()), steps)
}

fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

fn claims_of(tokens: &Value) -> Value {
    jsonwebtoken::dangerous::insecure_decode_claims(tokens["access_token"].as_str().unwrap()).unwrap()
}

fn with_status(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// Draws the squares of the picture and reads them as a phone's camera does.
fn scan(svg: &str) -> String {
    let numbers = |text: &str| -> Vec<usize> {
        text.split(|letter: char| !letter.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
    };
    let size = numbers(svg.split("viewBox=\"").nth(1).unwrap().split('"').next().unwrap())[2];
    let mut dark = vec![false; size * size];
    let path = svg.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
    for square in path.split('M').skip(1) {
        // `Mx yhwvhH xV y`: a corner, a width and a height.
        let [x, y, width, height] = numbers(square)[..4] else { panic!("{square} is no square") };
        for row in y..y + height {
            dark[row * size + x..row * size + x + width].fill(true);
        }
    }
    let shade = |x: usize, y: usize| if dark[y * size + x] { 0 } else { 255 };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(size, size, shade);
    image.detect_grids()[0].decode().unwrap().1
}

#[tokio::test]
async fn enrolment_answers_a_secret_its_uri_and_a_picture_that_can_be_scanned() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let enrolment = nurse.send("POST", "/v1/auth/mfa", None, &[]).await.expect(200);
    let (secret, uri) = (enrolment["secret"].as_str().unwrap(), enrolment["uri"].as_str().unwrap());
    assert_eq!(secret.len(), 32);
    assert!(uri.starts_with("otpauth://totp/BerthCare:nurse%40a.test?"), "{uri}");
    assert!(uri.contains(&format!("secret={secret}")) && uri.contains("issuer=BerthCare"), "{uri}");
    assert_eq!(scan(enrolment["qr_svg"].as_str().unwrap()), uri);
    // It doesn't count yet.
    nurse.login(NURSE.email, PASSWORD).await.expect(200);
    let seed = STANDARD.encode(Secret::try_from_base32(secret).unwrap().as_bytes());
    let in_clear =
        format!("select count(*) from second_factors where position(decode('{seed}', 'base64') in sealed_seed) > 0");
    assert_eq!(app.database.count(&in_clear).await, 0);
}

#[tokio::test]
async fn a_confirmed_second_factor_is_asked_for_at_each_sign_in() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let enrolment = nurse.send("POST", "/v1/auth/mfa", None, &[]).await.expect(200);
    let secret = Secret::try_from_base32(enrolment["secret"].as_str().unwrap()).unwrap();
    let right = app_shows(secret.clone(), -1);
    let refused = nurse.post("/v1/auth/mfa/confirm", &json!({"code": wrong(&right)})).await;
    assert_eq!(refused.faults(), ["#/code"]);
    let codes = nurse.post("/v1/auth/mfa/confirm", &json!({"code": right})).await.expect(200);
    let codes: Vec<String> = serde_json::from_value(codes["recovery_codes"].clone()).unwrap();
    assert_eq!(codes.len(), 10);
    // Once.
    nurse.post("/v1/auth/mfa/confirm", &json!({"code": right})).await.expect(409);
    nurse.send("POST", "/v1/auth/mfa", None, &[]).await.expect(409);

    let client = app.anonymous();
    assert_eq!(client.login(NURSE.email, PASSWORD).await.problem(401), "second-factor-required");
    // Not told to who doesn't know the password.
    assert_eq!(client.login(NURSE.email, "guess").await.problem(401), "bad-credentials");
    let totp = app_shows(secret, 0);
    let bad = client.login_with(NURSE.email, PASSWORD, ("totp", wrong(&totp))).await;
    assert_eq!(bad.problem(401), "bad-credentials");
    let tokens = client.login_with(NURSE.email, PASSWORD, ("totp", &totp)).await.expect(200);
    assert_eq!(claims_of(&tokens)["amr"], json!(["pwd", "otp", "mfa"]));
    let again = client.login_with(NURSE.email, PASSWORD, ("totp", &totp)).await;
    assert_eq!(again.problem(401), "bad-credentials");

    let typed = codes[3].to_uppercase().replace('-', " ");
    let tokens = client.login_with(NURSE.email, PASSWORD, ("recovery_code", &typed)).await.expect(200);
    assert_eq!(claims_of(&tokens)["amr"], json!(["pwd", "otp", "mfa"]));
    let again = client.login_with(NURSE.email, PASSWORD, ("recovery_code", &codes[3])).await;
    assert_eq!(again.problem(401), "bad-credentials");
    client.login_with(NURSE.email, PASSWORD, ("recovery_code", &codes[4])).await.expect(200);
    for action in ["auth.mfa_enrol", "auth.mfa_confirm", "auth.recovery_code_used", "auth.second_factor_refused"] {
        let audited = format!("select count(*) from audit_log where action = '{action}' and actor_id = '{}'", NURSE.id);
        assert!(app.database.count(&audited).await >= 1, "{action}");
    }
}

#[tokio::test]
async fn a_code_is_good_once_also_at_once() {
    let app = TestApp::new().await;
    for (field, value) in [("totp", admins_app_shows(0)), ("recovery_code", "recovery-code-7".into())] {
        let clients: Vec<_> = (0..4).map(|_| Client::anonymous(app.another_environment())).collect();
        join_all(clients.iter().map(|client| client.get("/v1/.well-known/jwks.json"))).await;
        let sign_ins = clients.iter().map(|client| client.login_with(ADMIN.email, PASSWORD, (field, &value)));
        let answers = join_all(sign_ins).await;
        assert_eq!(with_status(&answers, 200), 1, "{field}: {answers:?}");
        assert_eq!(with_status(&answers, 401), 3, "{field}: {answers:?}");
    }
}

#[tokio::test]
async fn a_code_older_than_one_that_was_used_is_not_good() {
    let app = TestApp::new().await;
    let client = app.anonymous();
    client.login_with(ADMIN.email, PASSWORD, ("totp", &admins_app_shows(1))).await.expect(200);
    let earlier = client.login_with(ADMIN.email, PASSWORD, ("totp", &admins_app_shows(0))).await;
    assert_eq!(earlier.problem(401), "bad-credentials");
}

#[tokio::test]
async fn wrong_codes_are_slowed_down_for_the_account_from_wherever_they_come() {
    let app = TestApp::new().await;
    let mut statuses = Vec::new();
    for n in 0..12 {
        let client = app.anonymous().at(format!("203.0.113.{n}"));
        let code = wrong(&admins_app_shows(0));
        statuses.push(client.login_with(ADMIN.email, PASSWORD, ("totp", code)).await.status);
    }
    assert_eq!(statuses[..5], [401; 5]);
    assert!(statuses[5..].contains(&429), "{statuses:?}");
    // A stranger who doesn't know the password has no part in that.
    for n in 0..12 {
        app.anonymous().at(format!("198.51.100.{n}")).login(OTHER_ADMIN.email, "guess").await.expect(401);
    }
    app.sign_in(&OTHER_ADMIN).await.get("/v1/users").await.expect(200);
}

#[tokio::test]
async fn an_admin_without_a_second_factor_reaches_enrolment_alone() {
    let app = TestApp::new().await;
    let owner = app.database.superuser().await;
    owner.batch_execute("delete from second_factors").await.unwrap();
    let admin = app.admin().await;
    for path in ["/v1/users", "/v1/clients", "/v1/visits", "/v1/alerts"] {
        assert_eq!(admin.get(path).await.problem(403), "second-factor-missing", "{path}");
    }
    admin.get("/v1/auth/me").await.expect(200);

    // In the database, too, whatever a handler forgot.
    let sql = format!("select session_id::text from devices where id = '{}'", admin.device_id);
    let session: String = owner.query_typed(&sql, &[]).await.unwrap()[0].get(0);
    let act = |function: &str| {
        let caller = format!("'{}', '{}', '{session}', 'admin', null, null", ADMIN.id, admin.device_id);
        format!("begin; select app.{function}({caller})")
    };
    let app_role = app.database.connect_as("berthcare_auth").await;
    let refused = app_role.batch_execute(&act("act_as")).await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "BC403");
    app_role.batch_execute(&format!("rollback; {}", act("act_as_own_account"))).await.unwrap();
    for (table, seen) in [("users", 1), ("clients", 0), ("visits", 0), ("alerts", 0), ("audit_log", 0)] {
        let rows = app_role.query_typed(&format!("select count(*) from {table}"), &[]).await.unwrap();
        assert_eq!(rows[0].get::<_, i64>(0), seen, "{table}");
    }
    app_role.batch_execute("rollback").await.unwrap();

    let (admin, _) = admin.enrolled().await;
    admin.get("/v1/users").await.expect(200);
    admin.get(&format!("/v1/clients/{ALMA}")).await.expect(200);
    assert_eq!(admin.send("POST", "/v1/auth/logout", None, &[]).await.status, 204);
}

#[tokio::test]
async fn an_admin_may_sign_out_without_a_second_factor() {
    let app = TestApp::new().await;
    app.database.superuser().await.batch_execute("delete from second_factors").await.unwrap();
    for path in ["/v1/auth/logout", "/v1/auth/logout-all"] {
        let admin = app.admin().await;
        assert_eq!(admin.send("POST", path, None, &[]).await.status, 204);
        assert_eq!(admin.get("/v1/auth/me").await.problem(401), "session-ended");
    }
}

#[tokio::test]
async fn a_removed_second_factor_proves_no_session_any_more() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.get("/v1/users").await.expect(200);
    assert_eq!(admin.delete("/v1/auth/mfa").await.status, 204);
    // The token still says so; the database knows better.
    assert_eq!(admin.get("/v1/users").await.problem(403), "second-factor-missing");
    admin.get("/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn another_admin_resets_a_lost_second_factor_and_nobody_their_own() {
    let app = TestApp::new().await;
    let (admin, other, coordinator) =
        (app.admin().await, app.sign_in(&OTHER_ADMIN).await, app.sign_in(&COORDINATOR).await);
    let path = format!("/v1/users/{}/mfa", OTHER_ADMIN.id);
    assert_eq!(coordinator.delete(&path).await.problem(403), "forbidden");
    assert_eq!(other.delete(&path).await.problem(403), "forbidden");
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(other.get("/v1/auth/me").await.problem(401), "session-ended");
    let other = app.sign_in(&OTHER_ADMIN).await;
    assert_eq!(other.get("/v1/users").await.problem(403), "second-factor-missing");
    let by_admin =
        format!("select count(*) from audit_log where action = 'auth.mfa_remove' and actor_id = '{}'", ADMIN.id);
    assert_eq!(app.database.count(&by_admin).await, 1);
}

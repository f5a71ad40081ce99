//! Which passwords may be set, on every path that sets one.

use serde_json::json;

use crate::harness::{
    TestApp,
    fixtures::{NEW_PASSWORD, NURSE, PASSWORD},
};

/// The paths' answers are the pointer of the field, and so is where it stands.
const REFUSED: [&str; 5] = ["password1234", "nurse@a.test", "Agency A Agency A", "+14165550003", PASSWORD];

#[tokio::test]
async fn a_password_that_is_easy_to_guess_or_in_use_is_refused_when_it_is_changed() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let change = |new: &str| json!({"current_password": PASSWORD, "new_password": new});
    for password in REFUSED {
        assert_eq!(nurse.post("/v1/auth/password", &change(password)).await.faults(), ["#/new_password"], "{password}");
    }
    assert_eq!(nurse.post("/v1/auth/password", &change(NEW_PASSWORD)).await.status, 204);
    let again = json!({"current_password": NEW_PASSWORD, "new_password": NEW_PASSWORD});
    assert_eq!(nurse.post("/v1/auth/password", &again).await.faults(), ["#/new_password"]);
}

#[tokio::test]
async fn a_code_whose_password_was_refused_is_still_good() {
    let app = TestApp::new().await;
    let client = app.anonymous();
    client.post("/v1/auth/forgot", &json!({"email": NURSE.email})).await.expect(202);
    let code = app.newest_code_of(NURSE.id).await;
    let activate = |password: &str| json!({"email": NURSE.email, "code": code, "password": password});
    for password in ["short", &"long ".repeat(60)] {
        assert_eq!(client.post("/v1/auth/activate", &activate(password)).await.faults(), ["#/password"], "{password}");
    }
    // Nobody learns without the code what is known of the user.
    let guess = json!({"email": NURSE.email, "code": "x".repeat(8), "password": REFUSED[1]});
    assert_eq!(client.post("/v1/auth/activate", &guess).await.faults(), ["#/code"]);
    for password in &REFUSED[1..] {
        assert_eq!(client.post("/v1/auth/activate", &activate(password)).await.faults(), ["#/password"], "{password}");
    }
    assert_eq!(client.post("/v1/auth/activate", &activate(NEW_PASSWORD)).await.status, 204);
}

#[tokio::test]
async fn a_password_signs_in_however_its_letters_were_typed() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let change = json!({"current_password": PASSWORD, "new_password": "cr\u{e8}me br\u{fb}l\u{e9}e à minuit"});
    assert_eq!(nurse.post("/v1/auth/password", &change).await.status, 204);
    let decomposed = "cre\u{300}me bru\u{302}le\u{301}e\u{a0}a\u{300} minuit";
    nurse.login(NURSE.email, decomposed).await.expect(200);
    nurse.login(NURSE.email, "creme brulee a minuit").await.expect(401);
    let change = json!({"current_password": decomposed, "new_password": NEW_PASSWORD});
    assert_eq!(app.sign_in_with(&NURSE, decomposed).await.post("/v1/auth/password", &change).await.status, 204);
}

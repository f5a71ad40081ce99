//! Signing in, and how guessing is slowed down.

use crate::harness::{
    TestApp,
    fixtures::{NURSE, PASSWORD},
};

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
async fn guessing_is_slowed_down_by_address() {
    let app = TestApp::new().await;
    let client = app.anonymous();
    let mut statuses = Vec::new();
    // The window may turn over once meanwhile: at most twice its size.
    for n in 0..=120 {
        statuses.push(client.login(&format!("guess{n}@a.test"), "guess").await.status);
        if statuses.last() == Some(&429) {
            return;
        }
    }
    panic!("the address's window never filled: {statuses:?}");
}

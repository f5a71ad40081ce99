//! Refresh tokens: exchanged once, on one device, and asked for again when an answer was lost.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::limits::REFRESH_GRACE_MS as GRACE_MS;
use jiff::Timestamp;
use uuid::Uuid;

use crate::harness::TestApp;

#[tokio::test]
async fn a_refresh_token_used_again_later_ends_the_session() {
    let app = TestApp::new().await;
    let first = app.nurse().await;
    let second = first.with_tokens(&first.refresh().await.expect(200));
    assert_ne!(first.refresh_token, second.refresh_token);
    second.get("/v1/auth/me").await.expect(200);
    app.age_last_use(GRACE_MS + 1).await;
    let third = second.with_tokens(&second.refresh().await.expect(200));
    third.get("/v1/auth/me").await.expect(200);

    // `first` was used long ago: somebody stole it. Everything of that session ends.
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
    app.age_last_use(GRACE_MS - 10_000).await;
    let again = first.refresh().await.expect(200);
    assert_eq!(lost["refresh_token"], again["refresh_token"]);
    first.with_tokens(&again).refresh().await.expect(200);
}

#[tokio::test]
async fn a_late_retry_after_further_exchanges_signs_nobody_out_and_makes_no_second_line() {
    let app = TestApp::new().await;
    let first = app.nurse().await;
    let mut line = vec![first.clone()];
    for _ in 0..4 {
        let last = line.last().unwrap();
        line.push(last.with_tokens(&last.refresh().await.expect(200)));
    }
    // Each of the last four used ones answers as it did, and nothing else.
    for (used, next) in line.iter().zip(&line[1..]) {
        assert_eq!(used.refresh().await.expect(200)["refresh_token"], next.refresh_token.as_str());
    }
    let newest = line.last().unwrap();
    newest.get("/v1/auth/me").await.expect(200);
    newest.refresh().await.expect(200);
    // Five exchanges ago is too long.
    assert_eq!(first.refresh().await.problem(401), "session-ended");
    newest.must_be_out().await;
}

#[tokio::test]
async fn a_lost_answer_can_be_fetched_for_two_minutes_only() {
    let app = TestApp::new().await;
    let first = app.nurse().await;
    let second = first.with_tokens(&first.refresh().await.expect(200));
    app.age_last_use(GRACE_MS + 1).await;
    assert_eq!(first.refresh().await.problem(401), "session-ended");
    second.must_be_out().await;
}

#[tokio::test]
async fn a_forged_refresh_token_changes_nothing() {
    let app = TestApp::new().await;
    let first = app.nurse().await;
    let nurse = first.with_tokens(&first.refresh().await.expect(200));
    let genuine = URL_SAFE_NO_PAD.decode(&nurse.refresh_token).unwrap();
    assert_eq!(genuine.len(), 16 + 16 + 16 + 32);
    for device_id in [nurse.device_id, Uuid::now_v7()] {
        // Whoever knows the user and the session knows no secret.
        let forged = URL_SAFE_NO_PAD.encode([&genuine[..32], &[7; 48]].concat());
        assert_eq!(nurse.refresh_with(&forged, device_id).await.problem(401), "session-ended");
    }
    nurse.get("/v1/auth/me").await.expect(200);
    let reused = "select count(*) from audit_log where action = 'auth.refresh_reused'";
    assert_eq!(app.database.count(reused).await, 0);
    nurse.refresh().await.expect(200);
}

#[tokio::test]
async fn a_session_is_refreshed_twenty_times_a_minute_at_most_from_one_place() {
    let app = TestApp::new().await;
    let mut nurse = app.nurse().await;
    // The window may turn over once meanwhile.
    for _ in 0..=40 {
        let answer = nurse.refresh().await;
        if answer.status == 429 {
            assert_eq!(answer.problem(429), "too-many-requests");
            // A stranger who knows the session's id uses up the attempts of their own place only.
            return drop(nurse.at("198.51.100.7").refresh().await.expect(200));
        }
        nurse = nurse.with_tokens(&answer.expect(200));
    }
    panic!("the window never filled");
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
async fn a_leaked_session_table_yields_no_usable_token() {
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

impl TestApp {
    /// Moves the last exchange of the one session so many milliseconds into the past.
    async fn age_last_use(&self, ms: i64) {
        let then = Timestamp::now().as_millisecond() - ms;
        self.change_sessions("SET used_1.used_at = :value", &then.to_string()).await;
    }

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

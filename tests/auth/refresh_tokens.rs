//! Refresh tokens: exchanged once, on one device, and asked for again when an answer was lost.

use jiff::Timestamp;
use uuid::Uuid;

use crate::harness::TestApp;

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

//! How a socket is opened, kept, and closed.

use serde_json::json;
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{ADMIN, AIDE, COORDINATOR, NEW_PASSWORD, NURSE, PASSWORD},
    realtime::{RealtimeStack, Socket},
    until,
};

async fn ticket_of(stack: &RealtimeStack, client: &crate::harness::Client) -> serde_json::Value {
    stack.of(client).send("POST", "/v1/realtime/ticket", None, &[]).await.expect(200)
}

#[tokio::test]
async fn a_ticket_opens_one_socket() {
    let app = TestApp::new().await;
    let stack = RealtimeStack::over(&app).await;
    let ticket = ticket_of(&stack, &app.nurse().await).await;
    let url = ticket["url"].as_str().unwrap();
    assert!(url.ends_with(&format!("?ticket={}", ticket["ticket"].as_str().unwrap())), "{url}");
    let mut socket = Socket::open(url).await.unwrap();
    assert_eq!(Socket::open(url).await.err(), Some(401));
    socket.ping().await;
    socket.until("pong").await;
}

#[tokio::test]
async fn of_several_who_use_a_ticket_at_once_one_is_let_in() {
    let app = TestApp::new().await;
    let stack = RealtimeStack::over(&app).await;
    let ticket = ticket_of(&stack, &app.nurse().await).await;
    let url = ticket["url"].as_str().unwrap();
    let opened = futures_util::future::join_all((0..5).map(|_| Socket::open(url))).await;
    assert_eq!(opened.iter().filter(|socket| socket.is_ok()).count(), 1);
}

#[tokio::test]
async fn no_ticket_or_another_opens_none() {
    let app = TestApp::new().await;
    let stack = RealtimeStack::over(&app).await;
    let base = format!("ws://{}/", stack.config.realtime);
    for query in ["", "?ticket=", "?ticket=abc", "?other=1"] {
        assert_eq!(Socket::open(&format!("{base}{query}")).await.err(), Some(401), "{query}");
    }
}

#[tokio::test]
async fn a_ticket_is_good_for_half_a_minute_and_kept_as_a_digest() {
    let app = TestApp::new().await;
    let stack = RealtimeStack::over(&app).await;
    let ticket = ticket_of(&stack, &app.nurse().await).await;
    let table = aws_sdk_dynamodb::Client::new(&app.aws);
    let items = table.scan().table_name(&app.config.ephemeral_table).send().await.unwrap().items.unwrap();
    let kept = items.iter().find(|item| item["pk"].as_s().unwrap().starts_with("TICKET#")).unwrap().clone();
    assert!(!format!("{items:?}").contains(ticket["ticket"].as_str().unwrap()));
    let expires: i64 = kept["expires_at"].as_n().unwrap().parse().unwrap();
    assert!((1..=30).contains(&(expires - jiff::Timestamp::now().as_second())));

    // Time-to-live may leave it there for two days.
    let late = aws_sdk_dynamodb::types::AttributeValue::N((jiff::Timestamp::now().as_second() - 1).to_string());
    let mut late_ticket = kept;
    late_ticket.insert("expires_at".into(), late);
    table.put_item().table_name(&app.config.ephemeral_table).set_item(Some(late_ticket)).send().await.unwrap();
    assert_eq!(Socket::open(ticket["url"].as_str().unwrap()).await.err(), Some(401));
}

#[tokio::test]
async fn a_ticket_ends_with_its_session() {
    let app = TestApp::new().await;
    let stack = RealtimeStack::over(&app).await;
    let nurse = app.nurse().await;
    let ticket = ticket_of(&stack, &nurse).await;
    assert_eq!(nurse.send("POST", "/v1/auth/logout", None, &[]).await.status, 204);
    assert_eq!(Socket::open(ticket["url"].as_str().unwrap()).await.err(), Some(401));
    let answer = nurse.send("POST", "/v1/realtime/ticket", None, &[]).await;
    assert_eq!(answer.problem(401), "session-ended");
}

#[tokio::test]
async fn what_is_no_ping_is_answered_with_what_would_be_one() {
    let app = TestApp::new().await;
    let stack = RealtimeStack::over(&app).await;
    let mut socket = stack.listen(&app.nurse().await).await;
    for said in ["", "ping", "{}", r#"{"action": "subscribe"}"#, r#"{"action": 1}"#] {
        socket.say(said).await;
        assert_eq!(socket.until("error").await["detail"], "Send {\"action\":\"ping\"}.", "{said}");
    }
    socket.ping().await;
    assert_eq!(socket.until("pong").await, json!({"type": "pong"}));
}

#[tokio::test]
async fn whatever_ends_a_session_closes_its_sockets() {
    let app = TestApp::new().await;
    let stack = RealtimeStack::over(&app).await;
    let (admin, coordinator) = (stack.of(&app.admin().await), stack.of(&app.coordinator().await));

    let nurse = stack.of(&app.nurse().await);
    let mut socket = stack.listen(&nurse).await;
    assert_eq!(nurse.send("POST", "/v1/auth/logout", None, &[]).await.status, 204);
    assert_eq!(socket.next_change().await, None, "signed out");

    let (phone, browser) = (stack.of(&app.nurse().await), stack.of(&app.nurse().await));
    let (mut of_phone, mut of_browser) = (stack.listen(&phone).await, stack.listen(&browser).await);
    let passwords = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    assert_eq!(browser.post("/v1/auth/password", &passwords).await.status, 204);
    assert_eq!(of_phone.next_change().await, None, "another password");
    of_browser.ping().await;
    of_browser.until("pong").await;

    let path = format!("/v1/users/{}/devices/{}", NURSE.id, browser.device_id);
    assert_eq!(coordinator.delete(&path).await.status, 204);
    assert_eq!(of_browser.next_change().await, None, "a device cut off");

    let mut of_aide = stack.listen(&app.aide().await).await;
    coordinator.patch(&format!("/v1/users/{}", AIDE.id), &json!({"status": "suspended"})).await.expect(200);
    assert_eq!(of_aide.next_change().await, None, "a suspended user");

    let mut of_coordinator = stack.listen(&coordinator).await;
    admin.patch(&format!("/v1/users/{}", COORDINATOR.id), &json!({"role": "nurse"})).await.expect(200);
    assert_eq!(of_coordinator.next_change().await, None, "another role");

    let mut of_admin = stack.listen(&admin).await;
    let suspended = format!("update agencies set suspended_at = now() where id = '{}'", ADMIN.agency);
    app.database.superuser().await.batch_execute(&suspended).await.unwrap();
    // Whoever wrote that is no function of ours: it is found at the next ping.
    of_admin.ping().await;
    while let Some(frame) = of_admin.next().await {
        assert!(frame["type"] == "pong" || frame["type"].as_str().unwrap().starts_with("presence."), "{frame}");
    }
}

#[tokio::test]
async fn whoever_is_gone_is_forgotten_and_then_nobody_is_told() {
    let app = TestApp::new().await;
    let stack = RealtimeStack::over(&app).await;
    let coordinator = stack.of(&app.coordinator().await);
    let socket = stack.listen(&coordinator).await;
    let listened = "select count(*) from agencies where listened_until > now()";
    assert_eq!(app.database.count(listened).await, 1);
    socket.close().await;
    until("nobody listens", async || app.database.count(listened).await == 0).await;

    // A socket that broke off is found when something is sent to it.
    let broken = stack.listen(&coordinator).await;
    let table = aws_sdk_dynamodb::Client::new(&app.aws);
    let sockets = async || {
        let scan = table.scan().table_name(&app.config.ephemeral_table).send().await.unwrap();
        scan.items().iter().filter(|item| item["pk"].as_s().unwrap().starts_with("LISTENERS#")).cloned().collect()
    };
    let on_record: Vec<_> = sockets().await;
    assert_eq!(on_record.len(), 1);
    // As if it had been opened a minute ago.
    let mut older = on_record[0].clone();
    let minute_ago = (jiff::Timestamp::now().as_second() - 60).to_string();
    older.insert("since".into(), aws_sdk_dynamodb::types::AttributeValue::N(minute_ago));
    table.put_item().table_name(&app.config.ephemeral_table).set_item(Some(older)).send().await.unwrap();
    stack.gateway.forget_all();
    let visit = crate::harness::fixtures::NURSES_VISIT;
    coordinator.patch(&format!("/v1/visits/{visit}"), &json!({"family_note": "Hello."})).await;
    let raised = json!({"id": Uuid::now_v7(), "client_id": crate::harness::fixtures::ALMA, "severity": "low",
        "reason": "other", "message": "Please call."});
    coordinator.post("/v1/alerts", &raised).await.expect(201);
    until("nobody is on record", async || sockets().await.is_empty()).await;
    until("nobody listens", async || app.database.count(listened).await == 0).await;
    drop(broken);
}

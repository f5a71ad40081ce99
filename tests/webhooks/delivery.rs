//! What Twilio says became of our messages: harmless when told twice, late or at once.

use futures_util::future::join_all;
use jiff::Timestamp;
use jobs::JobName;
use serde_json::json;

use super::events::{FAMILYS_NUMBER, NO_ANSWER, our_sms, reply, rows, sms, status_of, tell, text, wants_sms};
use crate::harness::{
    TestApp,
    fake_lambda::FakeLambda,
    fixtures::{AGENCY_A, ALMA, FAMILY},
    twilio::{SMS_NUMBER, Webhook},
};

#[tokio::test]
async fn delivery_status_only_moves_forward() {
    let app = TestApp::new().await;
    // Before the answer to our own request came: the message learns its id here.
    let id = our_sms(&app, AGENCY_A, FAMILY.id, FAMILYS_NUMBER, None).await;
    for (told, expected) in [
        ("queued", "sent"),
        ("sent", "sent"),
        ("delivered", "delivered"),
        ("sent", "delivered"),
        ("failed", "delivered"),
    ] {
        assert_eq!(tell(&app, id, "SM1", told).await, 204);
        let expected = json!({"status": expected, "provider_sid": "SM1", "failure": null});
        assert_eq!(status_of(&app, id).await, expected, "{told}");
    }
    let id = our_sms(&app, AGENCY_A, FAMILY.id, FAMILYS_NUMBER, None).await;
    let form = [("MessageSid", "SM2"), ("MessageStatus", "undelivered"), ("ErrorCode", "30005")];
    let webhook = Webhook::to(&format!("sms/status?message={id}"), &form);
    assert_eq!(webhook.send(app.functions().of_path(&webhook.path)).await.status, 204);
    assert_eq!(tell(&app, id, "SM2", "sent").await, 204);
    assert_eq!(status_of(&app, id).await["status"], "failed");
    assert_eq!(status_of(&app, id).await["failure"], "twilio 30005");
}

#[tokio::test]
async fn what_an_event_queues_is_sent_at_once() {
    let mut lambda = FakeLambda::start().await;
    let app = TestApp::new().await;
    let functions = app.with_lambda(&lambda.url).await;
    let send = async |webhook: Webhook| webhook.send(functions.of_path(&webhook.path)).await.status;
    // Asked to be called: the chain takes its first step; asked again meanwhile: nothing new.
    for expected in [vec![JobName::Escalate], vec![]] {
        assert_eq!(send(sms("SM1", FAMILYS_NUMBER, "CALL")).await, 200);
        assert_eq!(lambda.jobs(), expected);
    }
    app.jobs().at("escalate", Timestamp::now()).await;
    let call = async || {
        let call = rows(&app, "select id from messages where channel = 'voice' order by created_at desc limit 1").await;
        let id = call[0]["id"].as_str().unwrap().to_owned();
        let handed_over =
            format!("update messages set status = 'sending', attempts = 1, attempted_at = now() where id = '{id}'");
        app.database.superuser().await.batch_execute(&handed_over).await.unwrap();
        id
    };
    // Passed on, and then one that rings out: the next step's messages are sent.
    let first = call().await;
    for expected in [vec![JobName::Dispatch], vec![]] {
        let webhook = Webhook::to(&format!("voice/webhook?message={first}&asked=1"), &[("Digits", "2")]);
        assert_eq!(send(webhook).await, 200);
        assert_eq!(lambda.jobs(), expected);
    }
    let second = call().await;
    assert_ne!(first, second);
    for (status, expected) in [("ringing", vec![]), ("no-answer", vec![JobName::Dispatch]), ("no-answer", vec![])] {
        let form = [("CallSid", "CA2"), ("CallStatus", status)];
        assert_eq!(send(Webhook::to(&format!("voice/status?message={second}"), &form)).await, 204);
        assert_eq!(lambda.jobs(), expected, "{status}");
    }
}

#[tokio::test]
async fn fifty_at_once_replays_included_are_all_answered_and_each_counts_once() {
    const ENVIRONMENTS: usize = 10;
    let app = TestApp::new().await;
    let mut webhooks = Vec::new();
    let mut messages = Vec::new();
    for n in 0..10 {
        let id = our_sms(&app, AGENCY_A, FAMILY.id, FAMILYS_NUMBER, Some(ALMA)).await;
        let sid = format!("SM-ours-{n}");
        for status in ["sent", "delivered"] {
            let form = [("MessageSid", sid.as_str()), ("MessageStatus", status)];
            webhooks.push(Webhook::to(&format!("sms/status?message={id}"), &form));
        }
        messages.push(id);
    }
    for n in 0..5 {
        for body in ["CALL", "Bonjour à vous 🙂", "ARRÊT"] {
            let webhook = sms(&format!("SM-{body}-{n}"), FAMILYS_NUMBER, body);
            webhooks.extend([webhook.clone(), webhook]);
        }
    }
    assert_eq!(webhooks.len(), 50);
    let routers: Vec<_> = (0..ENVIRONMENTS).map(|_| app.another_environment().of_path("/v1/sms/webhook")).collect();
    // Connected first, as Lambda's environments are.
    let warm = sms("SM-warm", "+14165559999", "x");
    join_all(routers.iter().map(|router| warm.send(router.clone()))).await;
    let started = std::time::Instant::now();
    let answers = join_all(webhooks.iter().enumerate().map(async |(n, webhook)| {
        let answer = webhook.send(routers[n % ENVIRONMENTS].clone()).await;
        (answer.status, started.elapsed())
    }))
    .await;
    let slowest = answers.iter().map(|(_, time)| *time).max().unwrap();
    eprintln!("50 webhooks at once in {ENVIRONMENTS} environments: the slowest answer took {slowest:?}");
    assert!(answers.iter().all(|(status, _)| [200, 204].contains(status)), "{answers:?}");
    for id in messages {
        assert_eq!(status_of(&app, id).await["status"], "delivered");
    }
    assert_eq!(app.database.count("select count(*) from inbound_messages where agency_id is not null").await, 15);
    assert_eq!(app.database.count("select count(*) from consents where kind = 'sms'").await, 5);
    assert_eq!(app.database.count("select count(*) from alerts").await, 1);
}

#[tokio::test]
async fn a_status_21610_is_an_opt_out_once() {
    let app = TestApp::new().await;
    reply(&app, "SM1", FAMILYS_NUMBER, "START").await;
    assert_eq!(wants_sms(&app, ALMA).await, Some(true));
    let id = our_sms(&app, FAMILY.agency, FAMILY.id, FAMILYS_NUMBER, Some(ALMA)).await;
    let form = [("MessageSid", "SM2"), ("MessageStatus", "undelivered"), ("ErrorCode", "21610")];
    for _ in 0..2 {
        let webhook = Webhook::to(&format!("sms/status?message={id}"), &form);
        assert_eq!(webhook.send(app.functions().of_path("/v1/sms/status")).await.status, 204);
        assert_eq!(wants_sms(&app, ALMA).await, Some(false));
        assert_eq!(app.database.count("select count(*) from inbound_messages where intent = 'stop'").await, 1);
        assert_eq!(app.database.count("select count(*) from consents where kind = 'sms'").await, 2);
    }
}

#[tokio::test]
async fn an_opt_out_type_counts_whatever_the_words() {
    let app = TestApp::new().await;
    for (sid, kind, body, wanted) in
        [("SM1", "START", "Oui je veux", true), ("SM2", "STOP", "FINI", false), ("SM3", "START", "CALL", true)]
    {
        let form =
            [("MessageSid", sid), ("From", FAMILYS_NUMBER), ("To", SMS_NUMBER), ("Body", body), ("OptOutType", kind)];
        let answer = Webhook::to("sms/webhook", &form).send(app.functions().of_path("/v1/sms/webhook")).await;
        assert_eq!(text(&answer), NO_ANSWER, "Twilio has answered");
        assert_eq!(wants_sms(&app, ALMA).await, Some(wanted), "{body}");
    }
    assert_eq!(app.database.count("select count(*) from alerts").await, 0);
}

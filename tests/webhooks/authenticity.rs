//! Who is believed: Twilio, with its signature and our token. What it sends is never a fault of ours.

use futures_util::future::join_all;
use local::prepare;
use serde_json::json;
use uuid::Uuid;

use super::events::{FAMILYS_NUMBER, our_sms, rows, sms};
use crate::harness::{
    TestApp,
    fixtures::{AGENCY_A, FAMILY},
    twilio::{AUTH_TOKEN, PREVIOUS_AUTH_TOKEN, PREVIOUS_TOKEN, TOKEN, Webhook},
};

#[tokio::test]
async fn only_what_twilio_signed_and_our_token_carries_is_believed() {
    let app = TestApp::new().await;
    let router = || app.functions().of_path("/v1/sms/webhook");
    let good = sms("SM1", FAMILYS_NUMBER, "Merci à tous 🙂 ça va");
    let signature = good.signature();
    let signed = [("x-twilio-signature", signature.as_str())];

    let mut another_body = good.clone();
    another_body.form[4].1 = "STOP".into();
    let another_token =
        Webhook { path: good.path.replace(TOKEN, "another"), url: good.url.replace(TOKEN, "another"), ..good.clone() };
    let no_token =
        Webhook { path: "/v1/sms/webhook".into(), url: good.url.split('?').next().unwrap().into(), ..good.clone() };
    let unsigned_query = Webhook { path: format!("{}&x=1", good.path), ..good.clone() };
    let by_another = Webhook { auth_token: "another account's", ..good.clone() };
    let elsewhere = Webhook { path: good.path.replace("webhook?", "status?"), ..good.clone() };
    let json = json!({"MessageSid": "SM1", "From": FAMILYS_NUMBER, "Body": "STOP"}).to_string().into_bytes();
    let json_headers = [signed[0], ("content-type", "application/json")];
    let refused = [
        good.send_with(router(), &[], good.body()).await,
        good.send_with(router(), &[("x-twilio-signature", "")], good.body()).await,
        good.send_with(router(), &[("x-twilio-signature", "ÿ")], good.body()).await,
        good.send_with(router(), &signed, another_body.body()).await,
        good.send_with(router(), &signed, Vec::new()).await,
        good.send_with(router(), &signed, vec![0xff, 0, b'%', b'=', 0xfe]).await,
        good.send_with(router(), &json_headers, json).await,
        another_token.send(router()).await,
        no_token.send(router()).await,
        unsigned_query.send(router()).await,
        by_another.send(router()).await,
        elsewhere.send(app.functions().of_path("/v1/sms/status")).await,
    ];
    for answer in &refused {
        assert_eq!(answer.problem(403), "forbidden");
    }
    assert_eq!(app.database.count("select count(*) from inbound_messages").await, 0);
    let audited =
        rows(&app, "select details, host(source_ip) as ip from audit_log where action = 'webhook.refused'").await;
    assert_eq!(audited.len(), refused.len());
    let of_token: Vec<_> = audited.iter().filter(|row| row["details"]["why"] == "token").collect();
    assert_eq!(of_token.len(), 2);
    assert!(audited.iter().all(|row| row["ip"] == "192.0.2.7"));

    // The same, unaltered; and signed with the token that is being replaced, carrying ours that is.
    assert_eq!(good.send(router()).await.status, 200);
    let rotating = Webhook {
        path: good.path.replace(TOKEN, PREVIOUS_TOKEN),
        url: good.url.replace(TOKEN, PREVIOUS_TOKEN),
        auth_token: PREVIOUS_AUTH_TOKEN,
        ..good.clone()
    };
    assert_eq!(rotating.send(router()).await.status, 200);
    let kept = rows(&app, "select body, sender from inbound_messages").await;
    assert_eq!(kept, [json!({"body": "Merci à tous 🙂 ça va", "sender": FAMILYS_NUMBER})]);
}

#[tokio::test]
async fn without_twilios_token_in_its_own_secret_nobody_is_believed() {
    let app = TestApp::new().await;
    let name = format!("{}/twilio/webhooks", app.config.environment);
    let without = json!({"webhook_auth_token": TOKEN});
    prepare::secret(&app.aws, &name, &without).await.unwrap();
    let webhook = sms("SM1", FAMILYS_NUMBER, "Merci");
    // The account's secret holds the token that this is signed with, and is none of ours to read.
    assert_eq!(webhook.send(app.functions().of_path(&webhook.path)).await.problem(503), "unavailable");
    // No addresses are needed to believe anybody.
    let with = json!({"webhook_auth_token": TOKEN, "auth_token": AUTH_TOKEN});
    prepare::secret(&app.aws, &name, &with).await.unwrap();
    assert_eq!(webhook.send(app.another_environment().of_path(&webhook.path)).await.status, 200);
}

#[tokio::test]
async fn strangers_can_t_fill_the_audit_log() {
    let app = TestApp::new().await;
    let answers = join_all((0..40).map(|n| {
        let webhook = Webhook { auth_token: "guessed", ..sms(&format!("SM{n}"), FAMILYS_NUMBER, "CALL") };
        let router = app.functions().of_path("/v1/sms/webhook");
        async move { webhook.send(router).await }
    }))
    .await;
    assert!(answers.iter().all(|answer| answer.status == 403));
    let recorded = app.database.count("select count(*) from audit_log where action = 'webhook.refused'").await;
    // Two windows at most, where the minute turned meanwhile.
    assert!((20..=40).contains(&recorded), "{recorded}");
}

#[tokio::test]
async fn whatever_twilio_sends_is_never_a_fault_of_ours() {
    let app = TestApp::new().await;
    let id = our_sms(&app, AGENCY_A, FAMILY.id, FAMILYS_NUMBER, None).await;
    let nulled = our_sms(&app, AGENCY_A, FAMILY.id, FAMILYS_NUMBER, None).await;
    let lengthy = our_sms(&app, AGENCY_A, FAMILY.id, FAMILYS_NUMBER, None).await;
    let nul = "a\u{0}b";
    let (long, longer) = ("é🙂".repeat(1_000), "é".repeat(6_000));
    let unknown = Uuid::now_v7();
    for (path, form, expected) in [
        ("sms/webhook".to_owned(), vec![("MessageSid", "SM1"), ("From", FAMILYS_NUMBER), ("Body", nul)], 200),
        ("sms/webhook".into(), vec![("MessageSid", "SM2"), ("From", FAMILYS_NUMBER), ("Body", &longer)], 200),
        ("sms/webhook".into(), vec![("MessageSid", "SM3"), ("From", nul)], 200),
        ("sms/webhook".into(), vec![("MessageSid", &long), ("From", &long), ("To", &long)], 200),
        ("sms/webhook".into(), vec![("From", FAMILYS_NUMBER), ("Body", "STOP")], 422),
        ("sms/webhook".into(), vec![("MessageSid", "SM4"), ("Body", "STOP")], 422),
        ("sms/webhook".into(), vec![], 422),
        (format!("sms/status?message={id}"), vec![("MessageSid", "SM9"), ("MessageStatus", "vanished")], 204),
        (format!("sms/status?message={id}"), vec![("MessageSid", "SM9")], 204),
        (format!("sms/status?message={id}"), vec![("MessageStatus", "sent")], 422),
        (format!("sms/status?message={id}"), vec![("MessageSid", "\u{0}"), ("MessageStatus", "sent")], 422),
        (format!("sms/status?message={nulled}"), vec![("MessageSid", nul), ("MessageStatus", "sent")], 204),
        (format!("sms/status?message={lengthy}"), vec![("MessageSid", &long), ("MessageStatus", "sent")], 204),
        (format!("voice/status?message={id}"), vec![("CallSid", "c\u{0}d"), ("CallStatus", "ringing")], 204),
        (format!("voice/status?message={id}"), vec![("CallSid", &longer), ("CallStatus", "completed")], 204),
        (format!("sms/status?message={unknown}"), vec![("MessageSid", "SM9"), ("MessageStatus", "sent")], 404),
        ("sms/status?message=x".into(), vec![("MessageSid", "SM9"), ("MessageStatus", "sent")], 404),
        ("sms/status".into(), vec![("MessageSid", "SM9"), ("MessageStatus", "sent")], 404),
        (format!("voice/status?message={unknown}"), vec![("CallSid", "CA9"), ("CallStatus", "busy")], 404),
        (format!("voice/webhook?message={unknown}"), vec![("CallSid", "CA9")], 404),
        (format!("voice/webhook?message={unknown}&asked=1"), vec![("Digits", "1")], 404),
        (format!("voice/webhook?message={unknown}&asked=999"), vec![("Digits", "2")], 404),
        // An SMS is no call.
        (format!("voice/webhook?message={id}"), vec![("CallSid", "CA9")], 404),
    ] {
        let webhook = Webhook::to(&path, &form);
        let answer = webhook.send(app.functions().of_path(&webhook.path)).await;
        assert_eq!(answer.status, expected, "{path} {answer:?}");
    }
    let bodies = rows(&app, "select length(body) as n from inbound_messages order by created_at").await;
    assert_eq!(bodies, [2, 5_000, 0, 0].map(|n| json!({"n": n})));
    // Signed by Twilio, and too large all the same.
    let huge = Webhook::to("sms/webhook", &[("Body", "x".repeat(70_000).as_str())]);
    assert_eq!(huge.send(app.functions().of_path(&huge.path)).await.problem(413), "too-large");
}

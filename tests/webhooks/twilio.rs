//! What Twilio tells us: believed only with its signature and our token, harmless when told twice, late or oddly, and
//! families' replies to the right person.

use futures_util::future::join_all;
use jiff::Timestamp;
use jobs::Job;
use local::prepare;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Answer, TestApp,
    fake_lambda::FakeLambda,
    fixtures::{ADMIN_B, AGENCY_A, AGENCY_B, ALMA, BERNARD, CLIENT_B, COORDINATOR, FAMILY, NURSE},
    twilio::{AUTH_TOKEN, PREVIOUS_AUTH_TOKEN, PREVIOUS_TOKEN, SMS_NUMBER, TOKEN, Webhook},
};

const FAMILYS_NUMBER: &str = "+14165550005";

fn text(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/xml; charset=utf-8"));
    String::from_utf8(answer.body.clone()).unwrap()
}

const NO_ANSWER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>";

fn sms(sid: &str, from: &str, body: &str) -> Webhook {
    let form = [
        ("MessageSid", sid),
        ("SmsMessageSid", sid),
        ("From", from),
        ("To", SMS_NUMBER),
        ("Body", body),
        ("NumMedia", "0"),
        ("FromCity", ""),
    ];
    Webhook::to("sms/webhook", &form)
}

async fn reply(app: &TestApp, sid: &str, from: &str, body: &str) -> String {
    text(&sms(sid, from, body).send(app.functions().of_path("/v1/sms/webhook")).await)
}

async fn rows(app: &TestApp, sql: &str) -> Vec<Value> {
    let sql = format!("select to_jsonb(r) from ({sql}) r");
    app.database.superuser().await.query_typed(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// An SMS of ours, in `status`.
async fn our_sms(app: &TestApp, agency: Uuid, to: Uuid, phone: &str, client: Option<Uuid>) -> Uuid {
    let id = Uuid::now_v7();
    let client = client.map_or("null".to_owned(), |id| format!("'{id}'"));
    let sql = format!(
        "insert into messages
           (id, agency_id, channel, recipient_id, recipient, template, locale, dedupe_key, client_id, status, attempts,
            attempted_at)
         values ('{id}', '{agency}', 'sms', '{to}', '{phone}', 'family_daily', 'en-CA', '{id}', {client}, 'sending', 1, now())"
    );
    app.database.superuser().await.batch_execute(&sql).await.unwrap();
    id
}

async fn status_of(app: &TestApp, id: Uuid) -> Value {
    rows(app, &format!("select status, provider_sid, failure from messages where id = '{id}'")).await.remove(0)
}

async fn tell(app: &TestApp, id: Uuid, sid: &str, status: &str) -> u16 {
    let form = [("MessageSid", sid), ("MessageStatus", status), ("ErrorCode", ""), ("RawDlrDoneDate", "2611201405")];
    let webhook = Webhook::to(&format!("sms/status?message={id}"), &form);
    webhook.send(app.functions().of_path("/v1/sms/status")).await.status
}

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

#[tokio::test]
async fn what_became_of_an_sms_only_moves_forward() {
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

/// The newest consent of the family member to SMS about a client: whether it stands.
async fn wants_sms(app: &TestApp, client: Uuid) -> Option<bool> {
    let sql = format!(
        "select granted from consents where kind = 'sms' and client_id = '{client}' and user_id is not null
         order by recorded_at desc, id desc limit 1"
    );
    rows(app, &sql).await.first().and_then(|row| row["granted"].as_bool())
}

#[tokio::test]
async fn each_keyword_is_kept_acted_on_and_answered_where_twilio_doesn_t() {
    let app = TestApp::new().await;
    for (n, (body, intent, answer)) in [
        ("STOP", "stop", ""),
        ("Arrêt", "stop", "no more daily messages"),
        ("START", "start", ""),
        ("arret", "stop", "no more daily messages"),
        ("Commencer", "start", "a message each evening again"),
        ("HELP", "help", ""),
        ("Aide !", "help", "reply CALL to be called"),
        ("How is she today? 🙂 <b>", "note", "the care coordinator will read this"),
    ]
    .into_iter()
    .enumerate()
    {
        let sid = format!("SM{n}");
        let first = reply(&app, &sid, FAMILYS_NUMBER, body).await;
        if answer.is_empty() {
            assert_eq!(first, NO_ANSWER, "{body}");
        } else {
            assert!(first.contains("<Message>BerthCare") && first.contains(answer), "{body}: {first}");
        }
        // Twilio didn't get the answer, and asks again: the same, and nothing happens twice.
        assert_eq!(reply(&app, &sid, FAMILYS_NUMBER, body).await, first);
        let kept = format!("select intent, user_id, client_id from inbound_messages where provider_sid = '{sid}'");
        assert_eq!(rows(&app, &kept).await, [json!({"intent": intent, "user_id": FAMILY.id, "client_id": ALMA})]);
        match intent {
            "stop" => assert_eq!(wants_sms(&app, ALMA).await, Some(false), "{body}"),
            "start" => assert_eq!(wants_sms(&app, ALMA).await, Some(true), "{body}"),
            _ => {}
        }
    }
    assert_eq!(app.database.count("select count(*) from consents where kind = 'sms'").await, 5);
    let audited = "select count(*) from audit_log where action = 'consent.create' and details ->> 'by' = 'sms'";
    assert_eq!(app.database.count(audited).await, 5);
    assert_eq!(app.database.count("select count(*) from alerts").await, 0);
}

#[tokio::test]
async fn a_family_is_answered_in_its_language_and_asks_to_be_called_once() {
    let app = TestApp::new().await;
    let french = format!("update users set locale = 'fr-CA', first_name = 'Zoé' where id = '{}'", FAMILY.id);
    app.database.superuser().await.batch_execute(&french).await.unwrap();
    let coordinator = format!("update clients set coordinator_id = '{}' where id = '{ALMA}'", COORDINATOR.id);
    app.database.write(AGENCY_A, &coordinator).await;

    let first = reply(&app, "SM1", FAMILYS_NUMBER, "Rappel").await;
    assert!(first.contains("nous avons demandé à la coordination de vous appeler"), "{first}");
    assert_eq!(reply(&app, "SM1", FAMILYS_NUMBER, "Rappel").await, first);
    assert_eq!(reply(&app, "SM2", FAMILYS_NUMBER, "CALL").await, first);
    let alerts = rows(&app, "select client_id, raised_by, status, reason from alerts").await;
    let alert = json!({"client_id": ALMA, "raised_by": FAMILY.id, "status": "open", "reason": "family_call"});
    assert_eq!(alerts, [alert]);
    app.jobs().at("escalate", Timestamp::now()).await;
    let call =
        rows(&app, "select id, recipient_id, template, template_values from messages where channel = 'voice'").await;
    assert_eq!(call[0]["recipient_id"], COORDINATOR.id.to_string());
    assert_eq!(call[0]["template_values"], json!({"family": "Zoé"}));
    let path = format!("voice/webhook?message={}", call[0]["id"].as_str().unwrap());
    let heard =
        text(&Webhook::to(&path, &[("CallSid", "CA1")]).send(app.functions().of_path("/v1/voice/webhook")).await);
    assert!(heard.contains("Zoé, of a client&apos;s family, asks to be called back"), "{heard}");

    // Once somebody has seen to it, one may ask again.
    let id = app.coordinator().await.get("/v1/alerts").await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();
    app.coordinator().await.send("POST", &format!("/v1/alerts/{id}/resolve"), None, &[]).await.expect(200);
    reply(&app, "SM3", FAMILYS_NUMBER, "RAPPEL").await;
    assert_eq!(app.database.count("select count(*) from alerts").await, 2);
}

#[tokio::test]
async fn what_a_family_writes_back_a_coordinator_reads() {
    let app = TestApp::new().await;
    for (sid, words) in [("SM1", "Merci, she was happy"), ("SM2", "CALL"), ("SM3", "Until Monday then")] {
        reply(&app, sid, FAMILYS_NUMBER, words).await;
    }
    reply(&app, "SM4", "+14165559999", "Who is this?").await;
    let coordinator = app.coordinator().await;
    let words = |page: &Value| {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["body"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = coordinator.get("/v1/replies").await.expect(200);
    assert_eq!(words(&all), ["Until Monday then", "CALL", "Merci, she was happy"], "strangers' are nobody's");
    let newest = &all["items"][0];
    assert_eq!((&newest["client_id"], &newest["user_id"]), (&json!(ALMA), &json!(FAMILY.id)));
    assert_eq!((&newest["sender"], &newest["intent"]), (&json!(FAMILYS_NUMBER), &json!("note")));
    let audited = format!("select count(*) from audit_log where action = 'reply.list' and client_id = '{ALMA}'");
    assert_eq!(app.database.count(&audited).await, 3);

    let first = coordinator.get("/v1/replies?intent=note&limit=1").await.expect(200);
    assert_eq!(words(&first), ["Until Monday then"]);
    let next = format!("/v1/replies?intent=note&cursor={}", first["next_cursor"].as_str().unwrap());
    assert_eq!(words(&coordinator.get(&next).await.expect(200)), ["Merci, she was happy"]);
    let of_another = format!("/v1/replies?client_id={BERNARD}");
    assert!(words(&coordinator.get(&of_another).await.expect(200)).is_empty());
    let elsewhere = app.sign_in(&ADMIN_B).await.get("/v1/replies").await.expect(200);
    assert!(words(&elsewhere).is_empty());
}

async fn link(app: &TestApp, agency: Uuid, client: Uuid, user: Uuid) {
    let sql = format!(
        "insert into care_team (id, agency_id, client_id, user_id, relation, starts_on)
         values (gen_random_uuid(), '{agency}', '{client}', '{user}', 'family', '2026-02-01')"
    );
    app.database.write(agency, &sql).await;
}

#[tokio::test]
async fn who_has_two_clients_or_two_agencies_answers_the_newest_sms() {
    let app = TestApp::new().await;
    link(&app, AGENCY_A, BERNARD, FAMILY.id).await;
    let about = async |n: u32| {
        let sid = format!("SM{n}");
        reply(&app, &sid, FAMILYS_NUMBER, "CALL").await;
        let sql = format!("select agency_id, user_id, client_id from inbound_messages where provider_sid = '{sid}'");
        rows(&app, &sql).await.remove(0)
    };
    // Nothing was sent there yet: the first link.
    assert_eq!(about(1).await["client_id"], ALMA.to_string());
    our_sms(&app, AGENCY_A, FAMILY.id, FAMILYS_NUMBER, Some(BERNARD)).await;
    assert_eq!(about(2).await["client_id"], BERNARD.to_string());
    our_sms(&app, AGENCY_A, FAMILY.id, FAMILYS_NUMBER, Some(ALMA)).await;
    assert_eq!(about(3).await["client_id"], ALMA.to_string());

    // The same person is family in another agency too, with an account of its own.
    let other = Uuid::now_v7();
    let account = format!(
        "insert into users (id, agency_id, email, phone, first_name, last_name, role)
         values ('{other}', '{AGENCY_B}', 'family@b.test', '{FAMILYS_NUMBER}', 'F', 'B', 'family')"
    );
    app.database.superuser().await.batch_execute(&account).await.unwrap();
    link(&app, AGENCY_B, CLIENT_B, other).await;
    assert_eq!(about(4).await["agency_id"], AGENCY_A.to_string());
    our_sms(&app, AGENCY_B, other, FAMILYS_NUMBER, Some(CLIENT_B)).await;
    assert_eq!(about(5).await, json!({"agency_id": AGENCY_B, "user_id": other, "client_id": CLIENT_B}));
    assert_eq!(app.database.count(&format!("select count(*) from alerts where agency_id = '{AGENCY_B}'")).await, 1);

    // STOP is the number's, whoever it belongs to.
    reply(&app, "SM9", FAMILYS_NUMBER, "stop").await;
    for client in [ALMA, BERNARD, CLIENT_B] {
        assert_eq!(wants_sms(&app, client).await, Some(false));
    }
}

#[tokio::test]
async fn strangers_and_staff_open_no_alert() {
    let app = TestApp::new().await;
    let stranger = "+14165559999";
    assert_eq!(reply(&app, "SM1", stranger, "Who is this?").await, NO_ANSWER);
    assert_eq!(reply(&app, "SM2", stranger, "ARRET").await, NO_ANSWER);
    assert!(reply(&app, "SM3", stranger, "CALL").await.contains("know this number"));
    assert!(reply(&app, "SM4", stranger, "AIDE").await.contains("ne connaissons pas ce numéro"));
    reply(&app, "SM4", stranger, "AIDE").await;
    let kept = "select count(*) from inbound_messages where agency_id is null and user_id is null";
    assert_eq!(app.database.count(kept).await, 4);
    let nurses = format!("+1416555{:04}", NURSE.id.as_u128());
    assert!(reply(&app, "SM5", &nurses, "CALL").await.contains("the care coordinator will read this"));
    let kept = rows(&app, "select user_id, client_id from inbound_messages where provider_sid = 'SM5'").await;
    assert_eq!(kept, [json!({"user_id": NURSE.id, "client_id": null})]);
    assert_eq!(app.database.count("select count(*) from alerts").await, 0);
    assert_eq!(app.database.count("select count(*) from consents where kind = 'sms'").await, 0);
}

#[tokio::test]
async fn whose_link_has_ended_is_not_told_to_write_what_does_nothing() {
    let app = TestApp::new().await;
    let ended = format!("update care_team set deleted_at = now() where user_id = '{}'", FAMILY.id);
    app.database.write(AGENCY_A, &ended).await;
    for (sid, body) in [("SM1", "CALL"), ("SM2", "How is she?")] {
        let answer = reply(&app, sid, FAMILYS_NUMBER, body).await;
        assert!(answer.contains("call your care agency") && !answer.contains("Reply CALL"), "{answer}");
    }
    assert_eq!(app.database.count("select count(*) from alerts").await, 0);
}

#[tokio::test]
async fn a_machine_that_answers_us_is_answered_once_an_hour() {
    let app = TestApp::new().await;
    let answered = async |sid: &str, body: &str| reply(&app, sid, FAMILYS_NUMBER, body).await != NO_ANSWER;
    assert!(answered("SM1", "I am driving").await);
    assert!(!answered("SM2", "I am driving").await);
    // Replays are answered as the first time, and what is asked for is always answered.
    assert!(answered("SM1", "I am driving").await);
    assert!(!answered("SM2", "I am driving").await);
    assert!(answered("SM3", "AIDE").await);
    let kept = "select count(*) from inbound_messages where intent = 'note'";
    assert_eq!(app.database.count(kept).await, 2);
    let earlier = "alter table inbound_messages disable trigger stamp_times;
        update inbound_messages set created_at = created_at - interval '61 minutes'";
    app.database.superuser().await.batch_execute(earlier).await.unwrap();
    assert!(answered("SM4", "I have arrived").await);
}

#[tokio::test]
async fn what_an_event_queues_is_sent_at_once() {
    let mut lambda = FakeLambda::start().await;
    let app = TestApp::new().await;
    let functions = app.with_lambda(&lambda.url).await;
    let send = async |webhook: Webhook| webhook.send(functions.of_path(&webhook.path)).await.status;
    // Asked to be called: the chain takes its first step; asked again meanwhile: nothing new.
    for expected in [vec![Job::Escalate], vec![]] {
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
    for expected in [vec![Job::Dispatch], vec![]] {
        let webhook = Webhook::to(&format!("voice/webhook?message={first}&asked=1"), &[("Digits", "2")]);
        assert_eq!(send(webhook).await, 200);
        assert_eq!(lambda.jobs(), expected);
    }
    let second = call().await;
    assert_ne!(first, second);
    for (status, expected) in [("ringing", vec![]), ("no-answer", vec![Job::Dispatch]), ("no-answer", vec![])] {
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

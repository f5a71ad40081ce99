//! What families write back: keywords, calls for help, and everything else to the right person.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::events::{FAMILYS_NUMBER, NO_ANSWER, link, our_sms, reply, rows, text, wants_sms};
use crate::harness::{
    TestApp,
    fixtures::{ADMIN_B, AGENCY_A, AGENCY_B, ALMA, BERNARD, CLIENT_B, COORDINATOR, FAMILY, NURSE},
    twilio::Webhook,
};

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

#[tokio::test]
async fn a_reply_belongs_to_the_newest_sms_of_its_sender() {
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
async fn after_a_family_link_has_ended_no_keyword_is_offered() {
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

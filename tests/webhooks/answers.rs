//! What coordinators make of replies: answered by SMS where that is wanted, and closed.

use serde_json::{Value, json};

use super::events::{FAMILYS_NUMBER, reply, rows};
use crate::harness::{
    Client, TestApp,
    fixtures::{ADMIN_B, AGENCY_A, ALMA, BERNARD, COORDINATOR, FAMILY, NURSE, consent},
};

async fn listed(client: &Client, query: &str) -> Vec<Value> {
    client.get(&format!("/v1/replies{query}")).await.expect(200)["items"].as_array().unwrap().clone()
}

fn path(reply: &Value, verb: &str) -> String {
    format!("/v1/replies/{}/{verb}", reply["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_reply_is_answered_by_sms_once_and_the_outbox_forgets_the_words() {
    let app = TestApp::new().await;
    reply(&app, "SM1", FAMILYS_NUMBER, "Merci, she was happy").await;
    let coordinator = app.coordinator().await;
    let [note] = &listed(&coordinator, "").await[..] else { panic!("one reply") };
    assert_eq!((&note["status"], &note["answer"]), (&json!("open"), &json!(null)), "{note}");
    let answer = json!({"text": "Glad to hear it. Dana"});
    app.sign_in(&ADMIN_B).await.post(&path(note, "answer"), &answer).await.expect(404);
    let answered = coordinator.post(&path(note, "answer"), &answer).await.expect(200);
    assert_eq!((&answered["answer"], &answered["answered_by"]), (&answer["text"], &json!(COORDINATOR.id)));
    assert_eq!(answered["status"], "open", "whether that was all is for a person to say");
    assert_eq!(coordinator.post(&path(note, "answer"), &answer).await.expect(200), answered);
    assert_eq!(
        coordinator.post(&path(note, "answer"), &json!({"text": "Another"})).await.problem(409),
        "already-recorded"
    );
    let queued = "select channel, recipient, recipient_id, template, template_values, client_id, secret from messages";
    let sms = json!({"channel": "sms", "recipient": FAMILYS_NUMBER, "recipient_id": FAMILY.id,
        "template": "reply_answer", "template_values": answer, "client_id": ALMA, "secret": true});
    assert_eq!(rows(&app, queued).await, [sms]);
    app.database.superuser().await.batch_execute("update messages set status = 'sent'").await.unwrap();
    assert_eq!(rows(&app, "select template_values from messages").await, [json!({"template_values": {}})]);
    let audited = format!("select count(*) from audit_log where action = 'reply.answer' and client_id = '{ALMA}'");
    assert_eq!(app.database.count(&audited).await, 1);
}

#[tokio::test]
async fn nobody_is_answered_who_wants_no_sms_or_is_not_there_any_more() {
    let app = TestApp::new().await;
    reply(&app, "SM1", FAMILYS_NUMBER, "When does she come?").await;
    let coordinator = app.coordinator().await;
    let note = listed(&coordinator, "").await.remove(0);
    let words = json!({"text": "At nine"});
    let refused = async |why: &str| {
        let answer = coordinator.post(&path(&note, "answer"), &words).await.expect(409);
        assert!(answer["detail"].as_str().unwrap().contains(why), "{answer}");
    };
    reply(&app, "SM2", FAMILYS_NUMBER, "STOP").await;
    refused("No SMS is wanted").await;
    reply(&app, "SM3", FAMILYS_NUMBER, "START").await;
    for kind in ["sms", "family_sharing"] {
        coordinator.post(&format!("/v1/clients/{ALMA}/consents"), &consent(kind, false)).await.expect(201);
        refused("No SMS is wanted").await;
        coordinator.post(&format!("/v1/clients/{ALMA}/consents"), &consent(kind, true)).await.expect(201);
    }
    let moved = format!("update users set phone = '+14165550777' where id = '{}'", FAMILY.id);
    app.database.superuser().await.batch_execute(&moved).await.unwrap();
    refused("Nobody has the number").await;
    assert_eq!(app.database.count("select count(*) from messages").await, 0);
}

#[tokio::test]
async fn an_answer_has_neither_the_clients_family_name_nor_control_characters() {
    let app = TestApp::new().await;
    let named = format!("update clients set last_name = 'Lévesque-Roy' where id = '{ALMA}'");
    app.database.write(AGENCY_A, &named).await;
    reply(&app, "SM1", FAMILYS_NUMBER, "Hello").await;
    let coordinator = app.coordinator().await;
    let note = listed(&coordinator, "").await.remove(0);
    for text in ["Mrs. LEVESQUE ROY is well!", "", "  ", "a\u{7}b", "a\u{202e}b", &"x".repeat(301)] {
        let answer = coordinator.post(&path(&note, "answer"), &json!({"text": text})).await.expect(422);
        assert_eq!(answer["errors"][0]["pointer"], "#/text", "{text}: {answer}");
    }
    coordinator.post(&path(&note, "answer"), &json!({"text": "The royal one is well"})).await.expect(200);
}

#[tokio::test]
async fn open_replies_come_first_until_they_are_closed_and_keywords_need_nobody() {
    let app = TestApp::new().await;
    for (sid, words) in [("SM1", "First"), ("SM2", "CALL"), ("SM3", "Last"), ("SM4", "AIDE")] {
        reply(&app, sid, FAMILYS_NUMBER, words).await;
    }
    let coordinator = app.coordinator().await;
    let bodies = async |query: &str| {
        let items = listed(&coordinator, query).await.into_iter();
        items.map(|item| item["body"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(bodies("").await, ["Last", "CALL", "First", "AIDE"]);
    let last = listed(&coordinator, "").await.remove(0);
    app.sign_in(&ADMIN_B).await.post(&path(&last, "close"), &json!({})).await.expect(404);
    let close = async || coordinator.send("POST", &path(&last, "close"), None, &[]).await.expect(200);
    let closed = close().await;
    assert_eq!((&closed["status"], &closed["closed_by"]), (&json!("closed"), &json!(COORDINATOR.id)));
    assert_eq!(close().await, closed);
    assert_eq!(bodies("").await, ["CALL", "First", "AIDE", "Last"]);
    assert_eq!(bodies("?status=open").await, ["CALL", "First"]);
    assert_eq!(bodies("?status=closed").await, ["AIDE", "Last"]);
    assert!(bodies(&format!("?client_id={BERNARD}")).await.is_empty());
    let mut paged = Vec::new();
    for item in coordinator.all_pages("/v1/replies?limit=1").await {
        paged.push(item["body"].as_str().unwrap().to_owned());
    }
    assert_eq!(paged, ["CALL", "First", "AIDE", "Last"]);
    let audited =
        format!("select count(*) from audit_log where action = 'reply.close' and actor_id = '{}'", COORDINATOR.id);
    assert_eq!(app.database.count(&audited).await, 1);
    // A caregiver's text is one of them.
    let nurses = format!("update users set phone = '+14165550303' where id = '{}'", NURSE.id);
    app.database.superuser().await.batch_execute(&nurses).await.unwrap();
    reply(&app, "SM5", "+14165550303", "Car broke down").await;
    assert_eq!(listed(&coordinator, "").await[0]["user_id"], json!(NURSE.id));
}

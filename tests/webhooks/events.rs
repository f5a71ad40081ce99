//! Twilio's events, as these tests send them.

use serde_json::Value;
use uuid::Uuid;

use crate::harness::{
    Answer, TestApp,
    twilio::{SMS_NUMBER, Webhook},
};

pub const FAMILYS_NUMBER: &str = "+14165550005";

pub fn text(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/xml; charset=utf-8"));
    String::from_utf8(answer.body.clone()).unwrap()
}

pub const NO_ANSWER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>";

pub fn sms(sid: &str, from: &str, body: &str) -> Webhook {
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

pub async fn reply(app: &TestApp, sid: &str, from: &str, body: &str) -> String {
    text(&sms(sid, from, body).send(app.functions().of_path("/v1/sms/webhook")).await)
}

pub async fn rows(app: &TestApp, sql: &str) -> Vec<Value> {
    let sql = format!("select to_jsonb(r) from ({sql}) r");
    app.database.superuser().await.query_typed(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// An SMS of ours, in `status`.
pub async fn our_sms(app: &TestApp, agency: Uuid, to: Uuid, phone: &str, client: Option<Uuid>) -> Uuid {
    let id = Uuid::now_v7();
    let client = client.map_or("null".to_owned(), |id| format!("'{id}'"));
    let sql = format!(
        "insert into messages
           (id, agency_id, channel, recipient_id, recipient, template, locale, dedupe_key, client_id, status, attempts,
            attempted_at)
         values ('{id}', '{agency}', 'sms', '{to}', '{phone}', 'family_daily', 'en-CA', '{id}', {client}, 'sending', 1,
           now())"
    );
    app.database.superuser().await.batch_execute(&sql).await.unwrap();
    id
}

pub async fn status_of(app: &TestApp, id: Uuid) -> Value {
    rows(app, &format!("select status, provider_sid, failure from messages where id = '{id}'")).await.remove(0)
}

pub async fn tell(app: &TestApp, id: Uuid, sid: &str, status: &str) -> u16 {
    let form = [("MessageSid", sid), ("MessageStatus", status), ("ErrorCode", ""), ("RawDlrDoneDate", "2611201405")];
    let webhook = Webhook::to(&format!("sms/status?message={id}"), &form);
    webhook.send(app.functions().of_path("/v1/sms/status")).await.status
}

/// The newest consent of the family member to SMS about a client: whether it stands.
pub async fn wants_sms(app: &TestApp, client: Uuid) -> Option<bool> {
    let sql = format!(
        "select granted from consents where kind = 'sms' and client_id = '{client}' and user_id is not null
         order by recorded_at desc, id desc limit 1"
    );
    rows(app, &sql).await.first().and_then(|row| row["granted"].as_bool())
}

pub async fn link(app: &TestApp, agency: Uuid, client: Uuid, user: Uuid) {
    let sql = format!(
        "insert into care_team (id, agency_id, client_id, user_id, relation, starts_on)
         values (gen_random_uuid(), '{agency}', '{client}', '{user}', 'family', '2026-02-01')"
    );
    app.database.write(agency, &sql).await;
}

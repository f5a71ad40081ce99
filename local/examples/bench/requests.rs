//! The requests that phones make, and what counts of their answers.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    function::{Answer, Function},
    internals::{Fatal, Sent},
};

/// Somebody signed in.
pub struct Phone {
    pub token: String,
}

/// A `GET`, by nobody where there is no phone.
pub fn get<'a>(path: &'a str, phone: Option<&Phone>) -> Sent<'a> {
    Sent { method: "GET", path, source_ip: "192.0.2.1", headers: headers(phone), body: None }
}

/// A `POST` of JSON.
pub fn post<'a>(path: &'a str, phone: Option<&Phone>, body: &Value) -> Sent<'a> {
    let mut headers = headers(phone);
    headers.push(("content-type".into(), "application/json".into()));
    Sent { method: "POST", path, source_ip: "192.0.2.1", headers, body: Some(body.to_string().into_bytes()) }
}

fn headers(phone: Option<&Phone>) -> Vec<(String, String)> {
    let mut headers = vec![("accept-encoding".to_owned(), "gzip".to_owned())];
    headers.extend(phone.map(|phone| ("authorization".to_owned(), format!("Bearer {}", phone.token))));
    headers
}

/// The answer's body, where its status is this one.
pub fn expect(status: u16, answer: &Answer) -> Result<Value, Fatal> {
    let body = answer.json()?;
    if answer.status == status {
        Ok(body)
    } else {
        Err(format!("{} instead of {status}: {body}", answer.status).into())
    }
}

/// Signs in on a new device, from an address of its own: the limit for each is not what is measured.
pub async fn sign_in(auth: &Function, email: &str, password: &str) -> Result<(Answer, Phone), Fatal> {
    let device = json!({"id": Uuid::now_v7(), "name": "Phone", "platform": "ios", "app_version": "1.0.0"});
    let body = json!({"email": email, "password": password, "device": device});
    let [third, fourth, ..] = *Uuid::new_v4().as_bytes();
    let source_ip = format!("198.18.{third}.{fourth}");
    let answer = auth.send(&Sent { source_ip: &source_ip, ..post("/v1/auth/login", None, &body) }).await?;
    let token = expect(200, &answer)?["access_token"].as_str().ok_or("no token")?.to_owned();
    Ok((answer, Phone { token }))
}

/// The path of a pull with nothing waiting on the phone.
pub fn pull_path(cursor: i64) -> String {
    format!("/v1/sync?last_pulled_at={cursor}&schema_version=2&migration=null&pending=0")
}

/// Pulls one page; answers it and how many records and tombstones it brought.
pub async fn pull(sync: &Function, phone: &Phone, cursor: i64) -> Result<(Answer, Pulled), Fatal> {
    let answer = sync.send(&get(&pull_path(cursor), Some(phone))).await?;
    let page = expect(200, &answer)?;
    let lists = page["changes"].as_object().into_iter().flatten().filter_map(|(_, lists)| lists.as_object());
    let records = lists.flatten().filter_map(|(_, list)| list.as_array()).map(Vec::len).sum();
    let cursor = page["timestamp"].as_i64().ok_or("no cursor")?;
    Ok((answer, Pulled { records, cursor, has_more: page["has_more"] == true }))
}

/// What a page of a pull brought.
pub struct Pulled {
    pub records: usize,
    pub cursor: i64,
    pub has_more: bool,
}

/// Pulls until there is nothing more.
pub async fn pull_all(sync: &Function, phone: &Phone, mut cursor: i64) -> Result<i64, Fatal> {
    loop {
        let (_, page) = pull(sync, phone, cursor).await?;
        cursor = page.cursor;
        if !page.has_more {
            return Ok(cursor);
        }
    }
}

/// Pushes changes, none of which may be refused.
pub async fn push(sync: &Function, phone: &Phone, cursor: i64, changes: &Value) -> Result<Answer, Fatal> {
    let path = format!("/v1/sync?last_pulled_at={cursor}");
    let answer = sync.send(&post(&path, Some(phone), &json!({"changes": changes}))).await?;
    let told = expect(200, &answer)?;
    if told["rejected"].as_array().is_some_and(|rejected| !rejected.is_empty()) {
        return Err(format!("refused: {}", told["rejected"]).into());
    }
    Ok(answer)
}

/// New tasks as a phone pushes them.
pub fn new_tasks(visit_id: Uuid, count: usize) -> Value {
    let now = jiff::Timestamp::now().as_millisecond();
    (0..count)
        .map(|_| {
            json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "visit_id": visit_id,
                "task_type": "meals", "title": "Breakfast", "completed": true, "completed_at": now,
                "outcome": "Ate half of it.", "data": null,
                "created_at": now, "updated_at": now})
        })
        .collect()
}

/// Changes that create these tasks and nothing else.
pub fn creating(tasks: &Value) -> Value {
    json!({"visit_tasks": {"created": tasks, "updated": [], "deleted": []}})
}

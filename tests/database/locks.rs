//! One order of locks: the agency's counter, then devices in the order of their ids, then rows. Whoever waits for one
//! of them holds nothing that comes later, so that nobody waits in a circle.

use futures_util::{
    FutureExt, StreamExt, TryFutureExt,
    future::{LocalBoxFuture, join_all},
    stream,
};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use tokio_postgres::Client as Connection;
use uuid::Uuid;

use super::catalog::number;
use crate::harness::{
    Answer, Client, TestApp,
    fixtures::{
        ADMIN, AGENCY_A, AIDE, ALMA, BERNARD, NURSE, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS, OTHER_NURSE, PASSWORD,
    },
    phone::Phone,
    until,
};

/// What a transaction may hold only after the counter, or the device.
const LATER: [&str; 9] =
    ["alerts", "care_team", "clients", "devices", "messages", "photos", "users", "visit_tasks", "visits"];

/// The tables that somebody holds a row of; a foreign key's hold on what it refers to is in nobody's way.
async fn locked_tables(observer: &Connection) -> Vec<&'static str> {
    let mut held = Vec::new();
    for table in LATER {
        let sql = format!(
            "select (select count(*) from {table}) - (select count(*) from (
               select from {table} for no key update skip locked) free)"
        );
        if number(observer, &sql).await > 0 {
            held.push(table);
        }
    }
    held
}

fn charted(task: Uuid, outcome: &str) -> Value {
    let now = Timestamp::now().as_millisecond();
    json!({"visit_tasks": {"created": [], "deleted": [], "updated": [{"id": task, "_status": "updated",
        "_changed": "outcome", "visit_id": NURSES_VISIT, "task_type": "meals", "title": "Breakfast", "completed": false,
        "completed_at": null, "outcome": outcome, "data": null, "created_at": now, "updated_at": now}]}})
}

async fn another(app: &TestApp, client: &Client) -> Client {
    let client = client.through(app.another_environment());
    // Connected before anything is held.
    client.get("/v1/auth/me").await.expect(200);
    client
}

#[tokio::test]
async fn whoever_waits_for_the_counter_holds_nothing_yet() {
    let app = TestApp::new().await;
    let (nurse, coordinator, admin) = (app.nurse().await, app.coordinator().await, app.sign_in(&ADMIN).await);
    let visit = format!("/v1/visits/{NURSES_VISIT}");
    let mut phone = Phone::of(nurse.clone());
    phone.pull(Some(0)).await;
    let start = Timestamp::now() + (24 * 40).hours();
    let planned =
        json!({"client_id": ALMA, "user_id": NURSE.id, "scheduled_start": start, "scheduled_end": start + 1.hour()});
    let photo = json!({"client_id": ALMA, "kind": "photo", "content_type": "image/png", "bytes": 10,
        "sha256": "00".repeat(32)});
    let alert = json!({"client_id": ALMA, "severity": "high", "reason": "a fall"});
    let requests: [(&str, &Client, &str, String, Value); 10] = [
        ("a push", &nurse, "PUSH", String::new(), charted(NURSES_MEALS, "Ate well")),
        ("planning", &coordinator, "POST", "/v1/visits".into(), planned),
        ("a visit's change", &coordinator, "PATCH", visit.clone(), json!({"notes": "From the office"})),
        ("check-in", &nurse, "POST", format!("{visit}/check-in"), json!({"at": Timestamp::now()})),
        ("a task's change", &nurse, "PATCH", format!("{visit}/tasks/{NURSES_VITALS}"), json!({"outcome": "calm"})),
        ("a client's change", &coordinator, "PATCH", format!("/v1/clients/{BERNARD}"), json!({"risks": ["stairs"]})),
        ("an alert", &nurse, "POST", "/v1/alerts".into(), alert),
        ("a photo", &nurse, "POST", "/v1/photos".into(), photo),
        ("a user's new role", &admin, "PATCH", format!("/v1/users/{}", AIDE.id), json!({"role": "nurse"})),
        ("a task's end", &nurse, "DELETE", format!("{visit}/tasks/{NURSES_MEALS}"), Value::Null),
    ];
    let (holder, observer) = (app.database.superuser().await, app.database.superuser().await);
    let pid: i32 = holder.query_typed("select pg_backend_pid()", &[]).await.unwrap()[0].get(0);
    let waits = format!("select count(*) from pg_stat_activity where {pid} = any (pg_blocking_pids(pid))");
    let mut wrong = Vec::new();
    for (what, who, method, path, body) in requests {
        let who = another(&app, who).await;
        let hold = format!("begin; select from agency_counters where agency_id = '{AGENCY_A}' for update");
        holder.batch_execute(&hold).await.unwrap();
        let asked: LocalBoxFuture<'_, Answer> = if method == "PUSH" {
            let phone = Phone { client: who, cursor: phone.cursor };
            async move { phone.push(body).await }.boxed_local()
        } else {
            let path = path.clone();
            async move { who.send(method, &path, (!body.is_null()).then_some(&body), &[]).await }.boxed_local()
        };
        let watched = async {
            until("it waits for the counter", async || number(&observer, &waits).await > 0).await;
            let locked = locked_tables(&observer).await;
            holder.batch_execute("rollback").await.unwrap();
            locked
        };
        let (answer, locked) = tokio::join!(asked, watched);
        assert!((200..300).contains(&answer.status), "{what}: {answer:?}");
        if !locked.is_empty() {
            wrong.push((what, locked));
        }
    }
    assert!(wrong.is_empty(), "what was held while waiting for the counter: {wrong:?}");
}

#[tokio::test]
async fn whoever_waits_for_a_device_holds_no_row() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let mut phone = Phone::of(another(&app, &nurse).await);
    phone.pull(Some(0)).await;
    let (holder, observer) = (app.database.superuser().await, app.database.superuser().await);
    let pid: i32 = holder.query_typed("select pg_backend_pid()", &[]).await.unwrap()[0].get(0);
    let waits = format!("select count(*) from pg_stat_activity where {pid} = any (pg_blocking_pids(pid))");
    let hold = format!("begin; select from devices where id = '{}' for no key update", nurse.device_id);
    holder.batch_execute(&hold).await.unwrap();
    let watched = async {
        until("the push waits for its device", async || number(&observer, &waits).await > 0).await;
        let locked = locked_tables(&observer).await;
        holder.batch_execute("rollback").await.unwrap();
        locked
    };
    let (answer, locked) = tokio::join!(phone.push(charted(NURSES_MEALS, "Ate well")), watched);
    answer.expect(200);
    assert_eq!(locked, ["devices"], "the holder's own");
}

/// Where two phones take push messages.
const TOKENS: [&str; 2] = ["ExponentPushToken[one]", "ExponentPushToken[two]"];

/// Two phones on which people have changed seats: each takes the token that the other one has.
#[tokio::test]
async fn two_phones_that_exchange_push_tokens_wait_in_one_order() {
    let app = TestApp::new().await;
    let (one, other) = (app.nurse().await, app.sign_in(&OTHER_NURSE).await);
    let ends = [another(&app, &one).await, another(&app, &other).await];
    let put = |client: &Client, token: &'static str| {
        let client = client.clone();
        async move { client.put("/v1/auth/push-token", &json!({"push_token": token})).await }
    };
    for round in 0..15 {
        for (end, client) in ends.iter().enumerate() {
            put(client, TOKENS[(end + round) % 2]).await.expect(204);
        }
        let answers =
            join_all(ends.iter().enumerate().map(|(end, client)| put(client, TOKENS[(end + round + 1) % 2]))).await;
        assert!(answers.iter().all(|answer| answer.status == 204), "{answers:?}");
    }
    assert_eq!(deadlocks(&app).await, 0);
}

async fn deadlocks(app: &TestApp) -> i64 {
    app.database.count("select deadlocks from pg_stat_database where datname = current_database()").await
}

/// Nobody fails: what was overtaken too often is asked to come again.
fn sound(answers: &[Answer]) -> bool {
    answers.iter().all(|answer| answer.status < 500 || answer.status == 503)
}

#[tokio::test]
async fn sign_in_push_pull_rest_and_jobs_at_once_never_deadlock() {
    const ROUNDS: usize = 4;
    let app = TestApp::new().await;
    let (nurse, coordinator, admin) = (app.nurse().await, app.coordinator().await, app.sign_in(&ADMIN).await);
    let other = app.sign_in(&OTHER_NURSE).await;
    let visit = format!("/v1/visits/{NURSES_VISIT}");
    let mut first = Phone::of(another(&app, &nurse).await);
    first.pull(Some(0)).await;
    let cursor = first.cursor;

    // On two devices of one person, each of which ends the other's session.
    let signing_in = stream::iter(0..2).then(|_| app.sign_in(&AIDE)).collect::<Vec<_>>().await;
    let signing_in = join_all(signing_in.iter().map(|device| async {
        let device = another(&app, device).await;
        let mut answers = Vec::new();
        for _ in 0..ROUNDS {
            let tokens = device.login(AIDE.email, PASSWORD).await;
            if tokens.status == 200 {
                let change = json!({"current_password": PASSWORD, "new_password": PASSWORD});
                answers.push(device.with_tokens(&tokens.json()).post("/v1/auth/password", &change).await);
            }
            answers.push(tokens);
        }
        answers
    }));
    // Three phones of one nurse, on the same records.
    let pushing = stream::iter(0..3).then(|_| app.sign_in(&NURSE)).collect::<Vec<_>>().await;
    let app_of_phones = &app;
    let pushing = join_all(pushing.iter().enumerate().map(|(number, client)| async move {
        let mut phone = Phone { client: client.through(app_of_phones.another_environment()), cursor };
        let mut answers = Vec::new();
        for round in 0..ROUNDS {
            let task = [NURSES_MEALS, NURSES_VITALS][(number + round) % 2];
            answers.push(phone.push(charted(task, &format!("{number} {round}"))).await);
            answers.push(phone.client.get(&format!("/v1/sync?last_pulled_at={}", phone.cursor.unwrap_or(0))).await);
            phone.cursor = cursor;
        }
        answers
    }));
    let asking = async {
        let (office, carer) = (another(&app, &coordinator).await, another(&app, &other).await);
        let mut answers = Vec::new();
        for round in 0..ROUNDS {
            answers.push(office.patch(&visit, &json!({"notes": format!("{round}")})).await);
            answers.push(office.patch(&format!("/v1/clients/{ALMA}"), &json!({"risks": [format!("{round}")]})).await);
            let alert = json!({"client_id": BERNARD, "severity": "low", "reason": "dizzy"});
            answers.push(carer.post("/v1/alerts", &alert).await);
            answers.push(carer.get("/v1/sync?last_pulled_at=0").await);
        }
        answers
    };
    let managing = async {
        let admin = another(&app, &admin).await;
        let (path, mut answers) = (format!("/v1/users/{}", AIDE.id), Vec::new());
        for round in 0..ROUNDS {
            let role = ["nurse", "care_aide"][round % 2];
            answers.push(admin.patch(&path, &json!({"role": role})).await);
            let name = json!({"first_name": format!("N{round}")});
            answers.push(admin.patch(&format!("/v1/users/{}", NURSE.id), &name).await);
        }
        answers
    };
    let jobs = async {
        let jobs = app.jobs();
        let mut failed = 0;
        for _ in 0..ROUNDS / 2 {
            for job in ["late-visits", "care-team-grants", "escalate", "clean-up", "audit-seal"] {
                failed +=
                    jobs.run(json!({"job": job})).map_ok(|answer| answer.report.failed_agencies).await.unwrap_or(1);
            }
        }
        failed
    };
    let (signed_in, pushed, asked, managed, failed) = tokio::join!(signing_in, pushing, asking, managing, jobs);
    assert_eq!(deadlocks(&app).await, 0);
    assert_eq!(failed, 0, "jobs failed");
    for answers in [signed_in.concat(), pushed.concat(), asked, managed] {
        assert!(sound(&answers), "{answers:?}");
        assert!(answers.iter().any(|answer| answer.status < 300), "nothing was done: {answers:?}");
    }
}

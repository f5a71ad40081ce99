//! Two requests at once. Each goes through an environment of its own, with its own database connection, as in Lambda.

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Answer, Client, TestApp,
    fixtures::{ALMA, BERNARD, NURSE, NURSES_VISIT, OTHER_NURSE, consent},
    until,
};

const AT_ONCE: usize = 6;

/// Sends one request from each of several environments at once; `body` gives the nth its body.
async fn at_once(app: &TestApp, client: &Client, path: &str, body: impl Fn(usize) -> Value) -> Vec<Answer> {
    let clients: Vec<_> = (0..AT_ONCE).map(|_| client.through(app.another_environment())).collect();
    // Connected first, so that they really meet.
    join_all(clients.iter().map(|client| client.get(path))).await;
    let bodies: Vec<_> = (0..AT_ONCE).map(body).collect();
    join_all(clients.iter().zip(&bodies).map(|(client, body)| client.post(path, body))).await
}

fn with_status(answers: &[Answer], status: u16) -> Vec<&Answer> {
    answers.iter().filter(|answer| answer.status == status).collect()
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap() + SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn a_caregiver_is_never_booked_twice() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let start = moment(50_000);
    let answers = at_once(&app, &coordinator, "/v1/visits", |n| {
        let minutes = i64::try_from(n).unwrap() * 5;
        json!({"client_id": if n % 2 == 0 { ALMA } else { BERNARD }, "user_id": NURSE.id,
            "scheduled_start": start + SignedDuration::from_mins(minutes),
            "scheduled_end": start + SignedDuration::from_mins(minutes + 60)})
    })
    .await;
    let planned = with_status(&answers, 201);
    assert_eq!(planned.len(), 1, "{answers:?}");
    for refused in with_status(&answers, 409) {
        assert_eq!(refused.problem(409), "overlap");
        assert_eq!(refused.json()["conflicting_id"], planned[0].json()["id"]);
    }
    assert_eq!(with_status(&answers, 409).len(), AT_ONCE - 1);
}

#[tokio::test]
async fn a_visit_is_checked_in_to_once() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let path = format!("/v1/visits/{NURSES_VISIT}/check-in");
    let answers = at_once(&app, &nurse, &path, |n| json!({"at": moment(i64::try_from(n).unwrap())})).await;
    let winners = with_status(&answers, 200);
    assert_eq!(winners.len(), 1, "{answers:?}");
    for refused in with_status(&answers, 409) {
        assert_eq!(refused.problem(409), "already-recorded");
    }
    assert_eq!(with_status(&answers, 409).len(), AT_ONCE - 1);
    let log = "select count(*) from sync_log where table_name = 'visits' and 'actual_start' = any(changed_columns)";
    assert_eq!(app.database.count(log).await, 1);
}

#[tokio::test]
async fn the_same_check_in_sent_at_once_is_one() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let path = format!("/v1/visits/{NURSES_VISIT}/check-in");
    let body = json!({"at": moment(0), "latitude": 43.65, "longitude": -79.38, "accuracy_m": 5.0});
    let answers = at_once(&app, &nurse, &path, |_| body.clone()).await;
    assert_eq!(with_status(&answers, 200).len(), AT_ONCE, "{answers:?}");
    assert!(answers.windows(2).all(|pair| pair[0].json() == pair[1].json()));
    assert_eq!(app.database.count("select count(*) from audit_log where action = 'visit.check_in'").await, 1);
}

#[tokio::test]
async fn a_refresh_token_is_rotated_once() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let body = json!({"refresh_token": nurse.refresh_token, "device_id": nurse.device_id});
    let answers = at_once(&app, &nurse, "/v1/auth/refresh", |_| body.clone()).await;
    assert_eq!(with_status(&answers, 200).len(), AT_ONCE, "{answers:?}");
    let mut tokens: Vec<_> = answers.iter().map(|answer| answer.json()["refresh_token"].to_string()).collect();
    tokens.dedup();
    assert_eq!(tokens.len(), 1, "one successor for all");
    let next = json!({"refresh_token": answers[0].json()["refresh_token"], "device_id": nurse.device_id});
    nurse.post("/v1/auth/refresh", &next).await.expect(200);
}

#[tokio::test]
async fn a_create_sent_at_once_is_one() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let id = Uuid::now_v7();
    let start = moment(90_000);
    let body = json!({"id": id, "client_id": ALMA, "user_id": NURSE.id, "scheduled_start": start,
        "scheduled_end": start + SignedDuration::from_mins(30)});
    let answers = at_once(&app, &coordinator, "/v1/visits", |_| body.clone()).await;
    assert_eq!(with_status(&answers, 201).len(), AT_ONCE, "{answers:?}");
    let log = format!("select count(*) from sync_log where record_id = '{id}'");
    assert_eq!(app.database.count(&log).await, 1);
}

/// The one waits for the other, and reads as of before it was done: the answers must be equal all the same.
#[tokio::test]
async fn equal_creates_at_once_get_equal_answers_on_every_path() {
    let app = TestApp::new().await;
    let (coordinator, nurse) = (app.coordinator().await, app.nurse().await);
    let start = moment(90_000);
    let end = start + SignedDuration::from_mins(30);
    let address = json!({"street": "1 Main", "city": "Toronto", "province": "ON", "postal_code": "M5V 2T6"});
    let creates = [
        (
            &coordinator,
            "/v1/users".to_owned(),
            "users",
            json!({"email": "new@a.test", "phone": "+14165550888",
            "first_name": "New", "last_name": "Nurse", "role": "nurse"}),
        ),
        (
            &coordinator,
            "/v1/clients".into(),
            "clients",
            json!({"first_name": "Zoé", "last_name": "Roy",
            "date_of_birth": "1941-05-06", "address": address}),
        ),
        (
            &coordinator,
            "/v1/visits".into(),
            "visits",
            json!({"client_id": ALMA, "user_id": NURSE.id,
            "scheduled_start": start, "scheduled_end": end}),
        ),
        (
            &coordinator,
            format!("/v1/visits/{NURSES_VISIT}/tasks"),
            "visit_tasks",
            json!({"task_type": "vitals", "title": "Pulse"}),
        ),
        (
            &coordinator,
            format!("/v1/clients/{ALMA}/care-team"),
            "care_team",
            json!({"user_id": OTHER_NURSE.id, "relation": "nurse", "starts_on": "2026-11-01"}),
        ),
        (&coordinator, format!("/v1/clients/{ALMA}/consents"), "consents", consent("photos", true)),
        (&nurse, "/v1/alerts".into(), "alerts", json!({"client_id": ALMA, "severity": "high", "reason": "a fall"})),
        (
            &nurse,
            "/v1/photos".into(),
            "photos",
            json!({"client_id": ALMA, "kind": "photo", "content_type": "image/png",
            "bytes": 100, "sha256": "0".repeat(64)}),
        ),
    ];
    let waiting = "select count(*) from pg_stat_activity
         where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0";
    for (client, path, table, mut body) in creates {
        body["id"] = json!(Uuid::now_v7());
        let (one, other) = (client.through(app.another_environment()), client.through(app.another_environment()));
        let holder = app.database.superuser().await;
        holder.batch_execute(&format!("begin; lock table {table} in share row exclusive mode")).await.unwrap();
        let releasing = async {
            until("both creates wait", async || app.database.count(waiting).await > 1).await;
            holder.batch_execute("commit").await.unwrap();
        };
        let (one, other, ()) = tokio::join!(one.post(&path, &body), other.post(&path, &body), releasing);
        let (mut one, mut other) = (one.expect(201), other.expect(201));
        // Each is signed at its own moment.
        for answer in [&mut one, &mut other] {
            answer.as_object_mut().unwrap().remove("upload");
        }
        assert_eq!(one, other, "{path}");
    }
}

#[tokio::test]
async fn one_id_is_one_record_whatever_the_bodies() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let id = Uuid::now_v7();
    let answers = at_once(&app, &coordinator, "/v1/visits", |n| {
        let start = moment(90_000 + i64::try_from(n).unwrap() * 7200);
        json!({"id": id, "client_id": ALMA, "user_id": NURSE.id, "scheduled_start": start,
            "scheduled_end": start + SignedDuration::from_mins(30)})
    })
    .await;
    assert_eq!(with_status(&answers, 201).len(), 1, "{answers:?}");
    for refused in with_status(&answers, 409) {
        assert_eq!(refused.problem(409), "id-taken");
    }
    assert_eq!(with_status(&answers, 409).len(), AT_ONCE - 1);
}

#[tokio::test]
async fn a_one_time_code_is_used_once() {
    let app = TestApp::new().await;
    let client = app.anonymous();
    client.post("/v1/auth/forgot", &json!({"email": NURSE.email})).await.expect(202);
    let code = app.newest_code_of(NURSE.id).await;
    let answers = at_once(
        &app,
        &client,
        "/v1/auth/activate",
        |n| json!({"email": NURSE.email, "code": code, "password": format!("umbrella beneath thursday {n}")}),
    )
    .await;
    assert_eq!(with_status(&answers, 204).len(), 1, "{answers:?}");
    // The others found it used, or had no try left.
    assert_eq!(with_status(&answers, 401).len(), AT_ONCE - 1);
}

#[tokio::test]
async fn a_stale_change_never_overwrites_a_newer_one() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let path = format!("/v1/clients/{ALMA}");
    let seen = coordinator.get(&path).await;
    let tag = seen.header("etag").unwrap().to_owned();
    let clients: Vec<_> = (0..AT_ONCE).map(|_| coordinator.through(app.another_environment())).collect();
    let bodies: Vec<_> = (0..AT_ONCE).map(|n| json!({"first_name": format!("Alma {n}")})).collect();
    let headers = [("if-match", tag.as_str())];
    let changes = clients.iter().zip(&bodies).map(|(client, body)| client.send("PATCH", &path, Some(body), &headers));
    let answers = join_all(changes).await;
    assert_eq!(with_status(&answers, 200).len(), 1, "{answers:?}");
    assert_eq!(with_status(&answers, 412).len(), AT_ONCE - 1);
}

#[tokio::test]
async fn a_change_of_a_user_undoes_no_other() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let path = format!("/v1/users/{}", OTHER_NURSE.id);
    // Somebody else suspends her, and has not committed yet.
    let other = app.database.superuser().await;
    other
        .batch_execute(&format!("begin; update users set status = 'suspended' where id = '{}'", OTHER_NURSE.id))
        .await
        .unwrap();
    let renaming = async { coordinator.patch(&path, &json!({"first_name": "Renamed"})).await };
    let committing = async {
        let waiting = "select count(*) from pg_stat_activity
             where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0";
        until("the renaming waits for the suspension", async || app.database.count(waiting).await > 0).await;
        other.batch_execute("commit").await.unwrap();
    };
    let (renamed, ()) = tokio::join!(renaming, committing);
    let user = renamed.expect(200);
    assert_eq!((&user["first_name"], &user["status"]), (&json!("Renamed"), &json!("suspended")));
}

//! Push messages to caregivers about what others did: who is told of what, when, and what switches it off.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Client, TestApp,
    fixtures::{ADMIN_B, AGENCY_A, ALMA, COORDINATOR, NURSE, NURSES_VISIT, NURSES_VITALS, OTHER_NURSE, Person},
    phone::{Phone, edited, row, updated},
};

/// Signed in on a phone that takes push messages.
async fn with_phone(app: &TestApp, person: &Person) -> Client {
    let client = app.sign_in(person).await;
    let token = format!("ExponentPushToken[{}]", person.id.simple());
    client.put("/v1/auth/push-token", &json!({"push_token": token})).await.expect(204);
    client
}

/// To whom push messages of a kind wait, and whether for later; which are then forgotten.
async fn told(app: &TestApp, template: &str) -> Vec<(Uuid, bool)> {
    let owner = app.database.superuser().await;
    let sql = format!(
        "select m.recipient_id, m.next_attempt_at > now() from messages m
         where m.channel = 'push' and m.template = '{template}' and m.template_values = '{{}}'
         order by m.recipient_id"
    );
    let rows = owner.query_typed(&sql, &[]).await.unwrap();
    owner.batch_execute("delete from messages where channel = 'push'").await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Moves the agency to where it is about this hour now.
async fn at_hour(app: &TestApp, hour: i8) {
    let now = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).hour();
    // Zones of the IANA database that are named after their distance, with the sign the other way round.
    let east = (i16::from(hour) - i16::from(now)).rem_euclid(24);
    let zone = match east {
        0 => "UTC".to_owned(),
        1..=14 => format!("Etc/GMT-{east}"),
        _ => format!("Etc/GMT+{}", 24 - east),
    };
    let sql = format!("update agencies set time_zone = '{zone}' where id = '{AGENCY_A}'");
    app.database.superuser().await.batch_execute(&sql).await.unwrap();
}

fn planned(person: &Person, start: Timestamp) -> Value {
    json!({"id": Uuid::now_v7(), "user_id": person.id, "client_id": ALMA, "scheduled_start": start,
        "scheduled_end": start + 30.minutes(), "allow_overlap": true})
}

fn path(visit: &Value) -> String {
    format!("/v1/visits/{}", visit["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_caregiver_is_told_of_visits_given_moved_and_cancelled_today_or_tomorrow() {
    let app = TestApp::new().await;
    at_hour(&app, 10).await;
    let _phones = (with_phone(&app, &NURSE).await, with_phone(&app, &OTHER_NURSE).await);
    let coordinator = app.coordinator().await;
    let [nurse, other] = [NURSE.id, OTHER_NURSE.id];
    let now = [(nurse, false)];
    let visit = planned(&NURSE, Timestamp::now() + 5.hours());
    coordinator.post("/v1/visits", &visit).await.expect(201);
    assert_eq!(told(&app, "visit_push").await, now);
    coordinator.patch(&path(&visit), &json!({"notes": "Bring gloves"})).await.expect(200);
    assert_eq!(told(&app, "visit_push").await, [], "when and by whom is as it was");
    let start = Timestamp::now() + 26.hours();
    let moved = json!({"scheduled_start": start, "scheduled_end": start + 30.minutes()});
    coordinator.patch(&path(&visit), &moved).await.expect(200);
    assert_eq!(told(&app, "visit_push").await, now);
    coordinator.patch(&path(&visit), &json!({"user_id": other, "allow_overlap": true})).await.expect(200);
    assert_eq!(told(&app, "visit_push").await, [(nurse, false), (other, false)], "who had it and who has it");
    coordinator.post(&format!("{}/cancel", path(&visit)), &json!({"reason": "In hospital"})).await.expect(200);
    assert_eq!(told(&app, "visit_push").await, [(other, false)]);
    let mistaken = planned(&NURSE, Timestamp::now() + 6.hours());
    coordinator.post("/v1/visits", &mistaken).await.expect(201);
    // One is enough while it waits.
    coordinator.delete(&path(&mistaken)).await.expect(204);
    assert_eq!(told(&app, "visit_push").await, now);
    let later = planned(&NURSE, Timestamp::now() + (3 * 24).hours());
    coordinator.post("/v1/visits", &later).await.expect(201);
    coordinator.delete(&path(&later)).await.expect(204);
    assert_eq!(told(&app, "visit_push").await, [], "neither today nor tomorrow");
}

#[tokio::test]
async fn nobody_is_told_of_what_they_did_or_by_a_phone_that_takes_none() {
    let app = TestApp::new().await;
    at_hour(&app, 10).await;
    let nurse = with_phone(&app, &NURSE).await;
    let own = planned(&NURSE, Timestamp::now() + 5.hours());
    nurse.post("/v1/visits", &own).await.expect(201);
    nurse.post(&format!("{}/cancel", path(&own)), &json!({"reason": "Away"})).await.expect(200);
    let here = json!({"at": Timestamp::now()});
    nurse.post(&format!("/v1/visits/{NURSES_VISIT}/check-in"), &here).await.expect(200);
    let coordinator = app.coordinator().await;
    app.sign_in(&OTHER_NURSE).await;
    coordinator.post("/v1/visits", &planned(&OTHER_NURSE, Timestamp::now() + 5.hours())).await.expect(201);
    nurse.delete("/v1/auth/push-token").await.expect(204);
    coordinator.post("/v1/visits", &planned(&NURSE, Timestamp::now() + 6.hours())).await.expect(201);
    assert_eq!(app.database.count("select count(*) from messages where channel = 'push'").await, 0);
}

#[tokio::test]
async fn at_night_a_push_waits_for_the_morning_unless_the_visit_doesn_t() {
    let app = TestApp::new().await;
    let _phone = with_phone(&app, &NURSE).await;
    let coordinator = app.coordinator().await;
    for (hour, begins_in, later) in [(23, 14, true), (3, 10, true), (23, 2, false), (3, 4, false), (20, 12, false)] {
        at_hour(&app, hour).await;
        coordinator.post("/v1/visits", &planned(&NURSE, Timestamp::now() + begins_in.hours())).await.expect(201);
        assert_eq!(told(&app, "visit_push").await, [(NURSE.id, later)], "at {hour}, in {begins_in} hours");
    }
    at_hour(&app, 23).await;
    coordinator.post("/v1/visits", &planned(&NURSE, Timestamp::now() + 20.hours())).await.expect(201);
    let morning = format!(
        "select count(*) from messages m join agencies a on a.id = m.agency_id
         where m.channel = 'push' and (m.next_attempt_at at time zone a.time_zone)::time = '07:00'
           and m.next_attempt_at between now() and now() + interval '10 hours' and m.recipient_id = '{}'",
        NURSE.id
    );
    assert_eq!(app.database.count(&morning).await, 1);
}

#[tokio::test]
async fn whoever_raised_an_alert_is_told_at_any_hour_that_somebody_took_it() {
    let app = TestApp::new().await;
    at_hour(&app, 3).await;
    let nurse = with_phone(&app, &NURSE).await;
    let alert = json!({"id": Uuid::now_v7(), "client_id": ALMA, "severity": "high", "reason": "fall"});
    nurse.post("/v1/alerts", &alert).await.expect(201);
    assert_eq!(told(&app, "alert_taken_push").await, []);
    let of = format!("/v1/alerts/{}", alert["id"].as_str().unwrap());
    let coordinator = with_phone(&app, &COORDINATOR).await;
    for _ in 0..2 {
        coordinator.send("POST", &format!("{of}/acknowledge"), None, &[]).await.expect(200);
    }
    assert_eq!(told(&app, "alert_taken_push").await, [(NURSE.id, false)]);
    let own = json!({"id": Uuid::now_v7(), "client_id": ALMA, "severity": "high", "reason": "fall"});
    coordinator.post("/v1/alerts", &own).await.expect(201);
    let of = format!("/v1/alerts/{}", own["id"].as_str().unwrap());
    coordinator.send("POST", &format!("{of}/acknowledge"), None, &[]).await.expect(200);
    assert_eq!(told(&app, "alert_taken_push").await, [], "their own");
}

/// Two values for the notes of the nurse's visit; and the conflict.
async fn in_conflict(app: &TestApp, phone: &mut Phone, coordinator: &Client) -> Value {
    let pulled = phone.pull(Some(0)).await;
    let vitals = r#"{"heart_rate": {"value": 72, "unit": "bpm"}}"#;
    let tasks = format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_VITALS}");
    let theirs = json!({"data": {"heart_rate": {"value": 80, "unit": "bpm"}}});
    coordinator.patch(&tasks, &theirs).await.expect(200);
    let ours = edited(row(&pulled, "visit_tasks", NURSES_VITALS), &[("data", json!(vitals))]);
    phone.push(updated("visit_tasks", &[ours])).await.expect(200);
    let open = coordinator.get("/v1/conflicts").await.expect(200);
    assert_eq!(open["items"].as_array().unwrap().len(), 1, "{open}");
    let _ = app;
    open["items"][0].clone()
}

#[tokio::test]
async fn whose_value_lost_is_told_by_push_and_reads_the_word_in_the_status() {
    let app = TestApp::new().await;
    at_hour(&app, 10).await;
    let mut phone = Phone::of(with_phone(&app, &NURSE).await);
    let coordinator = app.coordinator().await;
    let conflict = in_conflict(&app, &mut phone, &coordinator).await;
    let resolve = format!("/v1/conflicts/{}/resolve", conflict["id"].as_str().unwrap());
    let decision = json!({"keep": "server", "word": "The second reading counts"});
    app.sign_in(&ADMIN_B).await.post(&resolve, &decision).await.expect(404);
    let settled = coordinator.post(&resolve, &decision).await.expect(200);
    assert_eq!((&settled["kept"], &settled["word"]), (&json!("server"), &decision["word"]), "{settled}");
    assert_eq!(coordinator.post(&resolve, &decision).await.expect(200), settled);
    assert_eq!(coordinator.post(&resolve, &json!({"keep": "server"})).await.problem(409), "already-recorded");
    assert_eq!(told(&app, "decision_push").await, [(NURSE.id, false)]);
    // In the status of that phone, and of another on which they sign in.
    for client in [phone.client.clone(), app.nurse().await] {
        let status = client.get("/v1/sync/status").await.expect(200);
        let [one] = &status["conflicts"].as_array().unwrap()[..] else { panic!("{status}") };
        let read = (&one["status"], &one["kept"], &one["word"]);
        assert_eq!(read, (&json!("resolved"), &json!("server"), &decision["word"]), "{one}");
    }
    assert_eq!(app.aide().await.get("/v1/sync/status").await.expect(200)["conflicts"], json!([]));
}

#[tokio::test]
async fn whoever_wins_is_told_where_there_is_a_word_for_them_alone() {
    for (word, expected) in [(json!(null), vec![]), (json!("Thank you"), vec![(NURSE.id, true)])] {
        let app = TestApp::new().await;
        at_hour(&app, 23).await;
        let mut phone = Phone::of(with_phone(&app, &NURSE).await);
        let coordinator = app.coordinator().await;
        let conflict = in_conflict(&app, &mut phone, &coordinator).await;
        let resolve = format!("/v1/conflicts/{}/resolve", conflict["id"].as_str().unwrap());
        coordinator.post(&resolve, &json!({"keep": "device", "word": word})).await.expect(200);
        assert_eq!(told(&app, "decision_push").await, expected, "{word}");
    }
}

#[tokio::test]
async fn whoever_sent_what_was_refused_is_told_once_it_is_settled() {
    let app = TestApp::new().await;
    at_hour(&app, 10).await;
    let mut phone = Phone::of(with_phone(&app, &NURSE).await);
    let pulled = phone.pull(Some(0)).await;
    let wrong = edited(row(&pulled, "visit_tasks", NURSES_VITALS), &[("data", json!("{"))]);
    phone.push(updated("visit_tasks", &[wrong])).await.expect(200);
    let coordinator = app.coordinator().await;
    let id = coordinator.get("/v1/refusals").await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();
    coordinator.get(&format!("/v1/refusals/{id}")).await.expect(200);
    assert_eq!(told(&app, "decision_push").await, []);
    coordinator.post(&format!("/v1/refusals/{id}/dismiss"), &json!({"reason": "Twice"})).await.expect(200);
    assert_eq!(told(&app, "decision_push").await, [(NURSE.id, false)]);
}

#[tokio::test]
async fn each_kind_of_push_can_be_switched_off_by_whom_it_would_tell() {
    let app = TestApp::new().await;
    at_hour(&app, 10).await;
    let nurse = with_phone(&app, &NURSE).await;
    let coordinator = app.coordinator().await;
    let all = json!({"visits": true, "alerts": true, "decisions": true});
    assert_eq!(nurse.get("/v1/auth/me").await.expect(200)["push_preferences"], all);
    let off = json!({"push_preferences": {"visits": false}});
    let me = nurse.patch("/v1/auth/me", &off).await.expect(200);
    assert_eq!(me["push_preferences"], json!({"visits": false, "alerts": true, "decisions": true}));
    assert_eq!(nurse.patch("/v1/auth/me", &json!({"push_preferences": {"mood": false}})).await.status, 422);
    let visit = planned(&NURSE, Timestamp::now() + 5.hours());
    coordinator.post("/v1/visits", &visit).await.expect(201);
    assert_eq!(told(&app, "visit_push").await, []);
    let alert = json!({"id": Uuid::now_v7(), "client_id": ALMA, "severity": "high", "reason": "fall"});
    nurse.post("/v1/alerts", &alert).await.expect(201);
    let take = format!("/v1/alerts/{}/acknowledge", alert["id"].as_str().unwrap());
    coordinator.send("POST", &take, None, &[]).await.expect(200);
    assert_eq!(told(&app, "alert_taken_push").await, [(NURSE.id, false)], "only visits are off");
    nurse.patch("/v1/auth/me", &json!({"push_preferences": {"visits": true}})).await.expect(200);
    coordinator.delete(&path(&visit)).await.expect(204);
    assert_eq!(told(&app, "visit_push").await, [(NURSE.id, false)]);
}

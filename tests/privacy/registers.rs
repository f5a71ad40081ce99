//! The registers of privacy: requests, breaches, holds. What the law asks of each, and that nobody else reads them.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{ADMIN, ALMA, BERNARD, NURSE},
};

fn a_request(id: Uuid) -> Value {
    json!({"id": id, "kind": "access", "client_id": ALMA, "asked_by": "Her son, with power of attorney",
        "details": "All of this year", "received_at": "2026-11-20T15:00:00Z"})
}

fn a_breach(id: Uuid) -> Value {
    json!({"id": id, "description": "A phone was stolen from a car", "found_at": "2026-11-20T15:00:00Z",
        "happened_from": "2026-11-20T11:00:00Z", "happened_until": "2026-11-20T15:10:00Z", "user_id": NURSE.id})
}

#[tokio::test]
async fn a_request_is_due_in_30_days_and_goes_from_intake_to_outcome() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let id = Uuid::now_v7();
    let created = admin.post("/v1/privacy/requests", &a_request(id)).await;
    let path = format!("/v1/privacy/requests/{id}");
    assert_eq!(created.header("location"), Some(path.as_str()));
    let request = created.expect(201);
    assert_eq!((&request["state"], &request["due_at"]), (&json!("received"), &json!("2026-12-20T15:00:00Z")));
    admin.patch(&path, &json!({"state": "in_progress"})).await.expect(200);
    // What came of it is said with the end, and what has ended stays.
    assert_eq!(admin.patch(&path, &json!({"state": "fulfilled"})).await.faults(), ["#/outcome"]);
    let done = json!({"state": "fulfilled", "outcome": "Handed over on paper"});
    let closed = admin.patch(&path, &done).await.expect(200);
    assert!(closed["closed_at"].is_string(), "{closed}");
    assert_eq!(admin.patch(&path, &json!({"state": "in_progress"})).await.problem(409), "register-state");
    // Sent again it has one effect and the same answer.
    assert_eq!(admin.patch(&path, &done).await.expect(200)["closed_at"], closed["closed_at"]);
}

#[tokio::test]
async fn a_request_is_extended_for_a_reason_by_30_days_at_most() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let id = Uuid::now_v7();
    admin.post("/v1/privacy/requests", &a_request(id)).await.expect(201);
    let path = format!("/v1/privacy/requests/{id}");
    let later = json!({"due_at": "2027-01-10T15:00:00Z"});
    assert_eq!(admin.patch(&path, &later).await.faults(), ["#/extension_reason"]);
    let much_later = json!({"due_at": "2027-01-20T15:00:00Z", "extension_reason": "Paper records in an archive"});
    assert_eq!(admin.patch(&path, &much_later).await.faults(), ["#/due_at"]);
    let reasoned = json!({"due_at": "2027-01-10T15:00:00Z", "extension_reason": "Paper records in an archive"});
    assert_eq!(admin.patch(&path, &reasoned).await.expect(200)["due_at"], "2027-01-10T15:00:00Z");
}

#[tokio::test]
async fn a_request_is_about_one_client_or_one_user() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for subjects in [json!({}), json!({"client_id": ALMA, "user_id": NURSE.id})] {
        let mut body = a_request(Uuid::now_v7());
        body["client_id"] = subjects["client_id"].clone();
        body["user_id"] = subjects["user_id"].clone();
        assert_eq!(admin.post("/v1/privacy/requests", &body).await.faults(), ["#/client_id"]);
    }
    let mut of_user = a_request(Uuid::now_v7());
    of_user["client_id"] = Value::Null;
    of_user["user_id"] = json!(NURSE.id);
    admin.post("/v1/privacy/requests", &of_user).await.expect(201);
}

#[tokio::test]
async fn a_repeated_entry_is_one_and_a_stale_change_is_refused() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let hold = |id: Uuid| json!({"id": id, "client_id": ALMA, "reason": "a proceeding"});
    for (path, body, altered, change) in [
        ("/v1/privacy/requests", a_request as fn(Uuid) -> Value, "asked_by", Some(json!({"state": "in_progress"}))),
        ("/v1/privacy/incidents", a_breach as fn(Uuid) -> Value, "description", Some(json!({"state": "contained"}))),
        ("/v1/privacy/holds", hold as fn(Uuid) -> Value, "reason", None),
    ] {
        let id = Uuid::now_v7();
        let first = admin.post(path, &body(id)).await.expect(201);
        assert_eq!(admin.post(path, &body(id)).await.expect(201), first, "{path}");
        let mut other = body(id);
        other[altered] = json!("something else");
        assert_eq!(admin.post(path, &other).await.problem(409), "id-taken", "{path}");
        let one = format!("{path}/{id}");
        let read = admin.get(&one).await;
        let tag = read.header("etag").unwrap().to_owned();
        assert_eq!(read.expect(200), first);
        assert_eq!(admin.send("GET", &one, None, &[("if-none-match", &tag)]).await.status, 304);
        if let Some(change) = change {
            admin.send("PATCH", &one, Some(&change), &[("if-match", &tag)]).await.expect(200);
            let stale = admin.send("PATCH", &one, Some(&change), &[("if-match", &tag)]).await;
            assert_eq!(stale.problem(412), "stale", "{path}");
        }
    }
}

#[tokio::test]
async fn registers_are_listed_in_pages_the_newest_first() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for n in 1..=3 {
        let mut request = a_request(Uuid::now_v7());
        request["received_at"] = json!(format!("2026-11-0{n}T12:00:00Z"));
        request["client_id"] = json!(if n == 2 { BERNARD } else { ALMA });
        admin.post("/v1/privacy/requests", &request).await.expect(201);
        let mut breach = a_breach(Uuid::now_v7());
        breach["found_at"] = json!(format!("2026-11-0{n}T12:00:00Z"));
        admin.post("/v1/privacy/incidents", &breach).await.expect(201);
        admin.post("/v1/privacy/holds", &json!({"user_id": NURSE.id, "reason": format!("{n}")})).await.expect(201);
    }
    for path in ["/v1/privacy/requests", "/v1/privacy/incidents", "/v1/privacy/holds"] {
        let whole = admin.get(path).await.expect(200);
        assert_eq!(whole["next_cursor"], Value::Null);
        let items = admin.all_pages(&format!("{path}?limit=1")).await;
        assert_eq!((items.len(), &Value::Array(items)), (3, &whole["items"]), "{path}");
    }
    let newest = admin.get("/v1/privacy/requests?limit=1").await.expect(200);
    assert_eq!(newest["items"][0]["received_at"], "2026-11-03T12:00:00Z");
    for (path, count) in [
        (format!("/v1/privacy/requests?client_id={ALMA}"), 2),
        ("/v1/privacy/requests?state=fulfilled".into(), 0),
        (format!("/v1/privacy/holds?user_id={}&active=true", NURSE.id), 3),
        ("/v1/privacy/holds?active=false".into(), 0),
        ("/v1/privacy/incidents?state=open".into(), 3),
    ] {
        assert_eq!(admin.get(&path).await.expect(200)["items"].as_array().unwrap().len(), count, "{path}");
    }
}

#[tokio::test]
async fn a_breach_is_closed_when_it_is_assessed_and_who_must_know_knows() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let id = Uuid::now_v7();
    let breach = admin.post("/v1/privacy/incidents", &a_breach(id)).await.expect(201);
    assert_eq!((&breach["state"], &breach["due_at"]), (&json!("open"), &json!("2026-11-23T15:00:00Z")));
    let path = format!("/v1/privacy/incidents/{id}");
    assert_eq!(admin.patch(&path, &json!({"state": "closed"})).await.faults(), ["#/assessment", "#/risk"]);
    let assessed = json!({"risk": "significant", "assessment": "It was not locked", "state": "closed"});
    assert_eq!(admin.patch(&path, &assessed).await.faults(), ["#/told"]);
    let told = |whom: &str| json!({"whom": whom, "name": "x", "at": "2026-11-21T10:00:00Z", "how": "by letter"});
    let mut half = assessed.clone();
    half["told"] = json!([told("commissioner"), told("other")]);
    assert_eq!(admin.patch(&path, &half).await.faults(), ["#/told"]);
    let mut all = assessed.clone();
    all["told"] = json!([told("commissioner"), told("affected")]);
    let closed = admin.patch(&path, &all).await.expect(200);
    assert_eq!((&closed["told"], closed["closed_at"].is_string()), (&all["told"], true));
    // It turns out not to be over.
    let again = admin.patch(&path, &json!({"state": "open"})).await.expect(200);
    assert_eq!((&again["state"], &again["closed_at"]), (&json!("open"), &Value::Null));
    // Where nobody is harmed, nobody need be told.
    let harmless =
        json!({"risk": "not_significant", "assessment": "Encrypted and locked", "told": [], "state": "closed"});
    admin.patch(&path, &harmless).await.expect(200);
}

#[tokio::test]
async fn the_register_of_breaches_is_kept_for_24_months_whoever_removes() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let id = Uuid::now_v7();
    admin.post("/v1/privacy/incidents", &a_breach(id)).await.expect(201);
    let owner = app.database.superuser().await;
    let remove = format!("delete from privacy_incidents where id = '{id}'");
    let set = |state: &str| {
        format!(
            "set session_replication_role = replica;
             update privacy_incidents set risk = 'not_significant', assessment = 'x', {state} where id = '{id}';
             set session_replication_role = origin"
        )
    };
    for state in ["state = 'open'", "state = 'closed', closed_at = now() - interval '23 months'"] {
        owner.batch_execute(&set(state)).await.unwrap();
        assert!(owner.batch_execute(&remove).await.is_err(), "{state}");
    }
    assert!(owner.batch_execute("truncate privacy_incidents").await.is_err());
    owner.batch_execute(&set("closed_at = now() - interval '25 months'")).await.unwrap();
    owner.batch_execute(&remove).await.unwrap();
}

#[tokio::test]
async fn a_hold_is_placed_and_lifted_with_a_fresh_password_and_under_ones_name() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let id = Uuid::now_v7();
    let hold = json!({"id": id, "client_id": ALMA, "reason": "A proceeding, file CV-26-001"});
    let tired = app.aged(&admin, "11 minutes").await;
    assert_eq!(tired.post("/v1/privacy/holds", &hold).await.problem(401), "step-up-required");
    let admin = app.admin().await;
    let placed = admin.post("/v1/privacy/holds", &hold).await.expect(201);
    assert_eq!((&placed["placed_by"], &placed["lifted_at"]), (&json!(ADMIN.id), &Value::Null));
    let lift = format!("/v1/privacy/holds/{id}/lift");
    let why = json!({"reason": "It has ended"});
    assert_eq!(tired.post(&lift, &why).await.problem(401), "step-up-required");
    tired.get("/v1/privacy/holds").await.expect(200);
    let lifted = admin.post(&lift, &why).await.expect(200);
    assert_eq!((&lifted["lifted_by"], lifted["lifted_at"].is_string()), (&json!(ADMIN.id), true));
    assert_eq!(admin.post(&lift, &why).await.expect(200), lifted);
    assert_eq!(admin.post(&lift, &json!({"reason": "Another"})).await.problem(409), "already-recorded");
    // Not even whoever owns the tables changes or removes one.
    let owner = app.database.superuser().await;
    for sql in ["update legal_holds set reason = 'x'", "delete from legal_holds", "truncate legal_holds"] {
        assert!(owner.batch_execute(sql).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn every_step_in_a_register_is_on_record_by_its_name() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let [request, breach, hold] = [0; 3].map(|_| Uuid::now_v7());
    admin.post("/v1/privacy/requests", &a_request(request)).await.expect(201);
    admin.get(&format!("/v1/privacy/requests/{request}")).await.expect(200);
    admin.get("/v1/privacy/requests").await.expect(200);
    admin.patch(&format!("/v1/privacy/requests/{request}"), &json!({"state": "withdrawn"})).await.expect(200);
    admin.post("/v1/privacy/incidents", &a_breach(breach)).await.expect(201);
    admin.get(&format!("/v1/privacy/incidents/{breach}")).await.expect(200);
    admin.get("/v1/privacy/incidents").await.expect(200);
    admin.patch(&format!("/v1/privacy/incidents/{breach}"), &json!({"state": "contained"})).await.expect(200);
    let placed = json!({"id": hold, "client_id": ALMA, "reason": "a proceeding"});
    admin.post("/v1/privacy/holds", &placed).await.expect(201);
    admin.get(&format!("/v1/privacy/holds/{hold}")).await.expect(200);
    admin.get("/v1/privacy/holds").await.expect(200);
    admin.post(&format!("/v1/privacy/holds/{hold}/lift"), &json!({"reason": "ended"})).await.expect(200);
    for (action, resource, id, client) in [
        ("privacy_request.create", "privacy_request", request, true),
        ("privacy_request.read", "privacy_request", request, true),
        ("privacy_request.list", "privacy_request", request, true),
        ("privacy_request.update", "privacy_request", request, true),
        ("privacy_incident.create", "privacy_incident", breach, false),
        ("privacy_incident.read", "privacy_incident", breach, false),
        ("privacy_incident.list", "privacy_incident", breach, false),
        ("privacy_incident.update", "privacy_incident", breach, false),
        ("legal_hold.place", "legal_hold", hold, true),
        ("legal_hold.read", "legal_hold", hold, true),
        ("legal_hold.list", "legal_hold", hold, true),
        ("legal_hold.lift", "legal_hold", hold, true),
    ] {
        let of = if client { format!("= '{ALMA}'") } else { "is null".to_owned() };
        let sql = format!(
            "select count(*) from audit_log where action = '{action}' and resource = '{resource}'
               and resource_id = '{id}' and actor_id = '{}' and client_id {of}",
            ADMIN.id
        );
        assert_eq!(app.database.count(&sql).await, 1, "{action}");
    }
    let told = "select count(*) from audit_log where action = 'privacy_request.update'
         and details -> 'state' = '[\"received\", \"withdrawn\"]'";
    assert_eq!(app.database.count(told).await, 1);
}

#[tokio::test]
async fn what_an_entry_says_is_checked_as_a_whole() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let mut backwards = a_breach(Uuid::now_v7());
    backwards["happened_until"] = json!("2026-11-20T10:00:00Z");
    assert_eq!(admin.post("/v1/privacy/incidents", &backwards).await.faults(), ["#/happened_until"]);
    let mut ancient = a_request(Uuid::now_v7());
    ancient["received_at"] = json!("1066-10-14T09:00:00Z");
    assert_eq!(admin.post("/v1/privacy/requests", &ancient).await.faults(), ["#/received_at"]);
    let mut foreign = a_breach(Uuid::now_v7());
    foreign["device_id"] = json!(Uuid::now_v7());
    assert_eq!(admin.post("/v1/privacy/incidents", &foreign).await.faults(), ["#/device_id"]);
    let future = Timestamp::now() + (24 * 365 * 300).hours();
    assert_eq!(
        admin.post("/v1/privacy/incidents", &json!({"description": "x", "found_at": future})).await.faults(),
        ["#/found_at"]
    );
}

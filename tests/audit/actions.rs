//! Every audited action by name: who did it, to what, and whose care it concerns.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use domain::access_words;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{
        ADMIN, AGENCY_A, AIDE, ALMA, COORDINATOR, FAMILY, NURSE, NURSES_VISIT, NURSES_VITALS, OTHER_COORDINATOR,
        OTHER_NURSE, PASSWORD, Person,
    },
    phone::{Phone, edited, row, updated},
};

/// Which kinds of things actions are done to.
const NOUNS: [&str; 28] = [
    "access",
    "access_log",
    "agency",
    "alert",
    "audit",
    "auth",
    "care_plan",
    "care_team",
    "client",
    "conflict",
    "consent",
    "device",
    "family",
    "history",
    "legal_hold",
    "photo",
    "privacy_incident",
    "privacy_request",
    "record",
    "refusal",
    "reply",
    "retention",
    "sync",
    "timeline",
    "user",
    "visit",
    "visit_task",
    "webhook",
];

/// The actions that stand in quotes in the files below a folder of the workspace.
fn actions_in(folder: &str, ending: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut folders = vec![root];
    let mut found = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                let text = fs::read_to_string(&path).unwrap();
                found.extend(text.split(['"', '\'']).filter(|part| is_action(part)).map(ToOwned::to_owned));
            }
        }
    }
    found
}

fn is_action(text: &str) -> bool {
    let of_words = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    text.split_once('.').is_some_and(|(noun, verb)| NOUNS.contains(&noun) && of_words(verb))
}

#[test]
fn every_action_of_the_code_is_named_in_a_test() {
    let mut code = actions_in("shared/store/src", ".rs");
    code.extend(actions_in("functions", ".rs"));
    code.extend(actions_in("shared/schema/code", ".sql"));
    assert!(code.len() > 70, "{code:?}");
    let tests = actions_in("tests", ".rs");
    let unnamed: Vec<_> = code.difference(&tests).collect();
    assert!(unnamed.is_empty(), "no test names {unnamed:?}");
}

/// What is on record: action, kind of thing, its id, actor and client.
type Entry = (String, String, Option<Uuid>, Option<Uuid>, Option<Uuid>);

async fn on_record(app: &TestApp) -> Vec<Entry> {
    let sql = "select action, resource, resource_id, actor_id, client_id from audit_log order by at, id";
    let rows = app.database.superuser().await.query_typed(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4))).collect()
}

/// The same, as a test expects it: action, kind of thing, its id where it is known, actor and client.
type Expected<'a> = (&'a str, &'a str, Option<Uuid>, &'a Person, Option<Uuid>);

#[track_caller]
fn must_hold(entries: &[Entry], expected: &[Expected<'_>]) {
    let mut by_action: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        by_action.entry(&entry.0).or_default().push(entry);
    }
    let missing: Vec<_> = expected
        .iter()
        .filter(|(action, resource, id, actor, client)| {
            !entries.iter().any(|(a, r, i, by, of)| {
                a == action && r == resource && (id.is_none() || i == id) && *by == Some(actor.id) && of == client
            })
        })
        .map(|expected| format!("{}: {:?}", expected.0, by_action.get(expected.0)))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[tokio::test]
async fn what_is_done_in_care_is_on_record_by_its_name() {
    let app = TestApp::new().await;
    let (admin, coordinator, nurse, family) =
        (app.admin().await, app.coordinator().await, app.nurse().await, app.family().await);
    let [client, member, visit, gone, task, alert, conflict] = [0; 7].map(|_| Uuid::now_v7());
    let of_alma = format!("/v1/clients/{ALMA}");
    coordinator
        .post(
            "/v1/clients",
            &json!({"id": client, "first_name": "Dana", "last_name": "Roy", "date_of_birth": "1950-05-05",
                "address": {"street": "2 Main", "city": "Toronto", "province": "ON", "postal_code": "M5V 2T6"}}),
        )
        .await
        .expect(201);
    coordinator.put(&format!("{of_alma}/care-plan"), &json!({"summary": "x"})).await.expect(200);
    let team = format!("{of_alma}/care-team");
    let new = json!({"id": member, "user_id": OTHER_NURSE.id, "relation": "nurse", "starts_on": "2026-01-01"});
    coordinator.post(&team, &new).await.expect(201);
    coordinator.get(&team).await.expect(200);
    coordinator.patch(&format!("{team}/{member}"), &json!({"ends_on": "2100-01-01"})).await.expect(200);
    coordinator.delete(&format!("{team}/{member}")).await.expect(200);
    coordinator.get(&format!("{of_alma}/consents")).await.expect(200);
    for id in [visit, gone] {
        let body = json!({"id": id, "client_id": ALMA, "user_id": AIDE.id, "allow_overlap": true,
            "scheduled_start": "2100-01-01T10:00:00Z", "scheduled_end": "2100-01-01T11:00:00Z"});
        coordinator.post("/v1/visits", &body).await.expect(201);
    }
    let later = json!({"scheduled_end": "2100-01-01T11:30:00Z", "allow_overlap": true});
    coordinator.patch(&format!("/v1/visits/{visit}"), &later).await.expect(200);
    coordinator.post(&format!("/v1/visits/{visit}/cancel"), &json!({"reason": "x"})).await.expect(200);
    assert_eq!(coordinator.delete(&format!("/v1/visits/{gone}")).await.status, 204);
    let of_visit = format!("/v1/visits/{NURSES_VISIT}");
    let at = json!({"at": jiff::Timestamp::now()});
    nurse.post(&format!("{of_visit}/check-in"), &at).await.expect(200);
    let new = json!({"id": task, "task_type": "meals", "title": "Tea"});
    nurse.post(&format!("{of_visit}/tasks"), &new).await.expect(201);
    nurse.patch(&format!("{of_visit}/tasks/{NURSES_VITALS}"), &json!({"completed": true})).await.expect(200);
    assert_eq!(nurse.delete(&format!("{of_visit}/tasks/{task}")).await.status, 204);
    nurse.post(&format!("{of_visit}/check-out"), &at).await.expect(200);
    let new = json!({"id": alert, "client_id": ALMA, "severity": "high", "reason": "fall", "message": "x"});
    nurse.post("/v1/alerts", &new).await.expect(201);
    coordinator.get(&format!("/v1/alerts/{alert}")).await.expect(200);
    let mut phone = Phone::of(app.sign_in(&OTHER_COORDINATOR).await);
    phone.pull(None).await;
    let mut phone = Phone::of(app.sign_in(&NURSE).await);
    let said_more = edited(row(&phone.pull(None).await, "alerts", alert), &[("message", json!("y"))]);
    phone.push(updated("alerts", &[said_more])).await.expect(200);
    coordinator.post(&format!("/v1/alerts/{alert}/acknowledge"), &Value::Null).await;
    coordinator.post(&format!("/v1/alerts/{alert}/resolve"), &Value::Null).await;
    let open = format!(
        "insert into sync_conflicts (id, agency_id, client_id, table_name, record_id, column_name, stored_side, status)
         values ('{conflict}', '{AGENCY_A}', '{ALMA}', 'clients', '{ALMA}', 'phone', 'server', 'needs_review')"
    );
    app.database.write(AGENCY_A, &open).await;
    coordinator.post(&format!("/v1/conflicts/{conflict}/resolve"), &json!({"keep": "current"})).await.expect(200);
    family.get("/v1/family/clients").await.expect(200);
    family.get(&format!("/v1/family/clients/{ALMA}")).await.expect(200);
    assert_eq!(admin.delete(&format!("/v1/clients/{client}")).await.status, 204);
    let (own, almas) = (Some(client), Some(ALMA));
    must_hold(
        &on_record(&app).await,
        &[
            ("client.create", "client", own, &COORDINATOR, own),
            ("client.delete", "client", own, &ADMIN, own),
            ("care_plan.write", "client", almas, &COORDINATOR, almas),
            ("care_team.create", "care_team", Some(member), &COORDINATOR, almas),
            ("care_team.read", "care_team", None, &COORDINATOR, almas),
            ("care_team.update", "care_team", Some(member), &COORDINATOR, almas),
            ("care_team.delete", "care_team", Some(member), &COORDINATOR, almas),
            ("consent.read", "consent", None, &COORDINATOR, almas),
            ("visit.create", "visit", Some(visit), &COORDINATOR, almas),
            ("visit.update", "visit", Some(visit), &COORDINATOR, almas),
            ("visit.cancel", "visit", Some(visit), &COORDINATOR, almas),
            ("visit.delete", "visit", Some(gone), &COORDINATOR, almas),
            ("visit.check_in", "visit", Some(NURSES_VISIT), &NURSE, almas),
            ("visit.check_out", "visit", Some(NURSES_VISIT), &NURSE, almas),
            ("visit_task.create", "visit_task", Some(task), &NURSE, almas),
            ("visit_task.update", "visit_task", Some(NURSES_VITALS), &NURSE, almas),
            ("visit_task.delete", "visit_task", Some(task), &NURSE, almas),
            ("alert.create", "alert", Some(alert), &NURSE, almas),
            ("alert.read", "alert", Some(alert), &COORDINATOR, almas),
            ("alert.update", "alert", Some(alert), &NURSE, almas),
            ("alert.resolve", "alert", Some(alert), &COORDINATOR, almas),
            ("sync.pull", "client", None, &OTHER_COORDINATOR, almas),
            ("conflict.resolve", "sync_conflict", Some(conflict), &COORDINATOR, almas),
            ("family.list", "client", None, &FAMILY, almas),
            ("family.read", "client", None, &FAMILY, almas),
        ],
    );
}

#[tokio::test]
async fn what_is_done_to_accounts_is_on_record_by_its_name() {
    let app = TestApp::new().await;
    let (admin, nurse) = (app.admin().await, app.nurse().await);
    let user = Uuid::now_v7();
    let new = json!({"id": user, "email": "new@a.test", "phone": "+14165550177", "first_name": "Noa",
        "last_name": "Roy", "role": "nurse"});
    admin.post("/v1/users", &new).await.expect(201);
    admin.patch(&format!("/v1/users/{user}"), &json!({"first_name": "Nora"})).await.expect(200);
    assert_eq!(admin.delete(&format!("/v1/users/{user}")).await.status, 204);
    let token = json!({"push_token": "ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]"});
    assert_eq!(nurse.put("/v1/auth/push-token", &token).await.status, 204);
    assert_eq!(nurse.delete("/v1/auth/push-token").await.status, 204);
    let other_phone = app.nurse().await;
    let revoked = format!("/v1/users/{}/devices/{}", NURSE.id, other_phone.device_id);
    assert_eq!(nurse.delete(&revoked).await.status, 204);
    assert_eq!(nurse.send("POST", "/v1/auth/logout", None, &[]).await.status, 204);
    let nurse_again = app.nurse().await;
    assert_eq!(nurse_again.send("POST", "/v1/auth/logout-all", None, &[]).await.status, 204);
    must_hold(
        &on_record(&app).await,
        &[
            ("user.create", "user", Some(user), &ADMIN, None),
            ("user.update", "user", Some(user), &ADMIN, None),
            ("user.delete", "user", Some(user), &ADMIN, None),
            ("device.take_pushes", "device", Some(nurse.device_id), &NURSE, None),
            ("device.take_no_pushes", "device", Some(nurse.device_id), &NURSE, None),
            ("device.revoke", "device", Some(other_phone.device_id), &NURSE, None),
            ("auth.logout", "device", Some(nurse.device_id), &NURSE, None),
            ("auth.logout_all", "user", Some(NURSE.id), &NURSE, None),
        ],
    );
}

#[tokio::test]
async fn what_is_done_with_passwords_is_on_record_by_its_name() {
    let app = TestApp::new().await;
    let anonymous = app.anonymous();
    anonymous.post("/v1/auth/forgot", &json!({"email": AIDE.email})).await.expect(202);
    let code = app.newest_code_of(AIDE.id).await;
    let activate = |code: &str| json!({"email": AIDE.email, "code": code, "password": "a quite new passphrase"});
    let wrong = if code == "00000000" { "00000001" } else { "00000000" };
    anonymous.post("/v1/auth/activate", &activate(wrong)).await.expect(401);
    assert_eq!(anonymous.post("/v1/auth/activate", &activate(&code)).await.status, 204);
    let nurse = app.nurse().await;
    let change = json!({"current_password": PASSWORD, "new_password": "another quite new passphrase"});
    assert_eq!(nurse.post("/v1/auth/password", &change).await.status, 204);
    must_hold(
        &on_record(&app).await,
        &[
            ("auth.code_requested", "session", None, &AIDE, None),
            ("auth.code_refused", "session", None, &AIDE, None),
            ("auth.password_set", "user", Some(AIDE.id), &AIDE, None),
            ("auth.password_changed", "user", Some(NURSE.id), &NURSE, None),
        ],
    );
}

#[test]
fn families_have_a_word_for_whatever_is_done_to_a_client() {
    // What stands on the log without a client, or is the agency's own.
    const OTHERS: [&str; 8] =
        ["access_log", "agency", "audit", "auth", "legal_hold", "privacy_incident", "privacy_request", "retention"];
    for noun in NOUNS {
        let known = access_words::is_known(noun) || OTHERS.contains(&noun) || noun == "user";
        assert!(known, "families have no word for {noun}");
    }
}

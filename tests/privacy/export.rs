//! Everything held on a client, taken out by whoever may.

use domain::answer::ANSWER_BYTES;
use jsonschema::Validator;
use serde_json::{Value, json};
use store::reads::export::{ExportedConsent, ExportedVisit, Pages};
use uuid::Uuid;

use crate::harness::{
    Answer, Client, TestApp, as_role,
    fixtures::{AIDE, ALMA, CHLOE, CLIENT_B, COORDINATOR, FAMILY, NURSE, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS},
};

const FHIR: &str = "application/fhir+json";

pub fn path(client: Uuid) -> String {
    format!("/v1/clients/{client}/export")
}

pub async fn as_fhir(caller: &Client, client: Uuid) -> Answer {
    caller.send("GET", &path(client), None, &[("accept", FHIR)]).await
}

/// The ids of one kind of records, sorted.
fn ids(export: &Value, kind: &str) -> Vec<String> {
    let mut ids: Vec<_> = export[kind].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().into()).collect();
    ids.sort();
    ids
}

/// What the document says of the JSON that an export is.
fn documented() -> Validator {
    let whole = local::document::whole().unwrap();
    let schema = json!({"$ref": "#/components/schemas/ClientExport", "components": whole["components"]});
    jsonschema::draft202012::new(&schema).unwrap()
}

#[tokio::test]
async fn an_export_has_every_record_of_the_client_and_no_other() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    coordinator.put(&format!("/v1/clients/{ALMA}/care-plan"), &json!({"summary": "Hip"})).await.expect(200);
    coordinator.put(&format!("/v1/clients/{ALMA}/care-plan"), &json!({"summary": "Hip, better"})).await.expect(200);
    let note = json!({"notes": "Pulse high"});
    nurse.patch(&format!("/v1/visits/{NURSES_VISIT}"), &note).await.expect(200);
    nurse.patch(&format!("/v1/visits/{NURSES_VISIT}"), &json!({"notes": "Calm"})).await.expect(200);
    nurse.delete(&format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_MEALS}")).await.expect(204);
    let alert = json!({"client_id": ALMA, "severity": "critical", "reason": "fall"});
    nurse.post("/v1/alerts", &alert).await.expect(201);

    let export = coordinator.get(&path(ALMA)).await.expect(200);
    let faults: Vec<_> = documented().iter_errors(&export).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    assert_eq!(export["client"]["id"], json!(ALMA));
    for (kind, table) in [
        ("care_team", "care_team where client_id"),
        ("consents", "consents where client_id"),
        ("visits", "visits where client_id"),
        ("tasks", "visit_tasks where client_id"),
        ("alerts", "alerts where client_id"),
        ("messages", "messages where client_id"),
    ] {
        let count = app.database.count(&format!("select count(*) from {table} = '{ALMA}'")).await;
        assert_eq!(ids(&export, kind).len(), usize::try_from(count).unwrap(), "{kind}");
    }
    // What was deleted is held still.
    let tasks = export["tasks"].as_array().unwrap();
    let meals = tasks.iter().find(|task| task["id"] == json!(NURSES_MEALS)).unwrap();
    assert!(meals["deleted_at"].is_string());
    let plans = export["care_plans"].as_array().unwrap();
    assert_eq!(plans.iter().map(|plan| &plan["in_force"]).collect::<Vec<_>>(), [&json!(false), &json!(true)]);
    let before = export["chart_revisions"].as_array().unwrap().iter().map(|it| &it["before"]);
    assert!(before.clone().any(|before| before["text"] == "Pulse high"), "{:?}", before.collect::<Vec<_>>());
    assert_eq!(export["alerts"][0]["severity"], "critical");
    // Everybody whom a record names is named.
    let people = ids(&export, "people");
    for person in [&NURSE, &AIDE, &FAMILY, &COORDINATOR] {
        assert!(people.contains(&person.id.to_string()), "{}", person.email);
    }
    // And who looked: the coordinator has read nothing yet, the nurse has changed a visit.
    let actions: Vec<_> = export["audit_entries"].as_array().unwrap().iter().map(|it| &it["action"]).collect();
    assert!(actions.contains(&&json!("visit.update")), "{actions:?}");
}

#[tokio::test]
async fn pages_of_an_export_miss_nothing_and_repeat_nothing() {
    let app = TestApp::new().await;
    // More than two pages, many of them made at the same moment.
    app.add_visits(1203, ("notes", "'note ' || n")).await;
    let export = app.coordinator().await.get(&path(ALMA)).await.expect(200);
    let visits = ids(&export, "visits");
    let mut once = visits.clone();
    once.dedup();
    assert_eq!((visits.len(), once.len()), (1205, 1205));
}

#[tokio::test]
async fn an_export_is_of_one_moment() {
    let app = TestApp::new().await;
    // What commits while an export is read is not in it: seen by the store's own transaction.
    let db = store::Db::new(
        app::DatabaseSource::Url(as_role(&app.database.app_url(), "berthcare_jobs").into()),
        store::StatementMode::Typed,
    );
    let job = domain::identity::JobIdentity { agency_id: COORDINATOR.agency };
    let tx = db.snapshot(&job).await.unwrap();
    let consents: Vec<ExportedConsent> = Pages::of_client(ALMA).next(&tx).await.unwrap();
    app.add_visits(1, ("notes", "'later'")).await;
    let visits: Vec<ExportedVisit> = Pages::of_client(ALMA).next(&tx).await.unwrap();
    assert_eq!((consents.is_empty(), visits.len()), (false, 2));
    tx.commit().await.unwrap();
    assert_eq!(app.database.count(&format!("select count(*) from visits where client_id = '{ALMA}'")).await, 3);
}

#[tokio::test]
async fn an_export_is_audited_with_counts_before_it_is_given() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    coordinator.get(&path(ALMA)).await.expect(200);
    as_fhir(&coordinator, ALMA).await.expect(200);
    let rows = app
        .database
        .superuser()
        .await
        .query_typed(
            "select details, client_id, actor_id from audit_log where action = 'client.export' order by id",
            &[],
        )
        .await
        .unwrap();
    let formats: Vec<String> =
        rows.iter().map(|row| row.get::<_, Value>(0)["format"].as_str().unwrap().into()).collect();
    assert_eq!(formats, ["json", "fhir"]);
    for row in rows {
        let details: Value = row.get(0);
        assert_eq!((row.get::<_, Uuid>(1), row.get::<_, Uuid>(2)), (ALMA, COORDINATOR.id));
        assert_eq!((&details["counts"]["visits"], &details["counts"]["tasks"]), (&json!(2), &json!(4)));
    }
    // No record of it, no export.
    app.database
        .superuser()
        .await
        .batch_execute(
            "revoke insert on audit_log from berthcare_app; revoke insert (action, resource, resource_id,
            client_id, details) on audit_log from berthcare_app",
        )
        .await
        .unwrap();
    let answer = coordinator.get(&path(ALMA)).await;
    assert!(answer.status >= 400);
    assert!(!String::from_utf8_lossy(&answer.body).contains("Alma"));
}

#[tokio::test]
async fn an_export_takes_a_password_given_lately() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    as_fhir(&app.aged(&coordinator, "9 minutes").await, ALMA).await.expect(200);
    let aged = app.aged(&coordinator, "11 minutes").await;
    assert_eq!(aged.get(&path(ALMA)).await.problem(401), "step-up-required");
    assert_eq!(as_fhir(&aged, ALMA).await.problem(401), "step-up-required");
}

#[tokio::test]
async fn another_agencys_client_is_exported_to_nobody() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    assert_eq!(coordinator.get(&path(CLIENT_B)).await.problem(404), "not-found");
    assert_eq!(coordinator.get(&path(Uuid::now_v7())).await.problem(404), "not-found");
    assert_eq!(app.database.count("select count(*) from audit_log where action = 'client.export'").await, 0);
}

#[tokio::test]
async fn what_is_larger_than_an_answer_is_refused() {
    let app = TestApp::new().await;
    let rows = ANSWER_BYTES / 9000;
    app.add_visits(rows, ("notes", "repeat('x', 9000)")).await;
    let coordinator = app.coordinator().await;
    for answer in [coordinator.get(&path(ALMA)).await, as_fhir(&coordinator, ALMA).await] {
        assert_eq!(answer.problem(413), "answer-too-large");
    }
    // And the next request finds the connection as it should be.
    coordinator.get(&path(CHLOE)).await.expect(200);
}

#[tokio::test]
async fn a_deleted_clients_records_are_exported() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    coordinator.delete(&format!("/v1/clients/{CHLOE}")).await.expect(204);
    let export = coordinator.get(&path(CHLOE)).await.expect(200);
    assert!(export["client"]["deleted_at"].is_string());
}

#[tokio::test]
async fn accept_decides_the_format() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    for (accept, media_type) in [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html, application/FHIR+json;fhirVersion=4.0", FHIR),
    ] {
        let answer = coordinator.send("GET", &path(ALMA), None, &[("accept", accept)]).await;
        assert_eq!(answer.header("content-type").unwrap(), media_type, "{accept}");
        assert!(answer.header("content-disposition").unwrap().starts_with("attachment"));
        assert!(answer.header("vary").unwrap().contains("accept"), "{accept}");
    }
    let vitals = json!({"completed": true, "data": {"heart_rate": {"value": 72, "unit": "bpm"}}});
    app.nurse().await.patch(&format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_VITALS}"), &vitals).await.expect(200);
    assert_eq!(as_fhir(&coordinator, ALMA).await.expect(200)["type"], "collection");
}

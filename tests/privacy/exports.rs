//! Exports that are made after the request: asked for, made, fetched, and gone.

use std::io::{BufRead as _, Read as _};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{bundles::faults_of, export::path};
use crate::harness::{
    Client, TestApp,
    fake_lambda::FakeLambda,
    files,
    fixtures::{ALMA, CLIENT_B, COORDINATOR},
};
use crate::photos::requests::{bring, http, photo};

/// Asks for an export; the path that tells of it.
pub async fn ask(caller: &Client, client: Uuid, format: &str) -> String {
    let answer = caller.post(&format!("/v1/clients/{client}/exports"), &json!({"format": format})).await;
    let location = answer.header("location").unwrap().to_owned();
    let progress = answer.expect(202);
    assert_eq!((&progress["state"], &progress["download"]), (&json!("waiting"), &Value::Null));
    assert!(location.ends_with(progress["id"].as_str().unwrap()), "{location}");
    location
}

/// Fetches what is ready.
pub async fn fetch(caller: &Client, location: &str) -> (Value, Vec<u8>) {
    let progress = caller.get(location).await.expect(200);
    let url = progress["download"]["url"].as_str().unwrap_or_else(|| panic!("{progress}"));
    let answer = http().get(url).send().await.unwrap().error_for_status().unwrap();
    assert!(answer.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
    let bytes = answer.bytes().await.unwrap().to_vec();
    (progress, bytes)
}

/// Asks for an export, has it made, and fetches it.
pub async fn export_of(app: &TestApp, caller: &Client, client: Uuid, format: &str) -> Vec<u8> {
    let location = ask(caller, client, format).await;
    app.exports().run("a-run").await.unwrap();
    fetch(caller, &location).await.1
}

/// The files of a ZIP, by name.
pub fn unzipped(bytes: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut files = Vec::new();
    for place in 0..archive.len() {
        let mut file = archive.by_index(place).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        files.push((file.name().unwrap().to_string(), content));
    }
    files
}

pub fn file<'a>(files: &'a [(String, Vec<u8>)], name: &str) -> &'a [u8] {
    &files.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name}")).1
}

fn state(answer: &Value) -> &str {
    answer["state"].as_str().unwrap()
}

#[tokio::test]
async fn an_export_is_asked_for_made_and_fetched() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    for format in ["json", "fhir", "ndjson"] {
        let location = ask(&coordinator, ALMA, format).await;
        assert_eq!(state(&coordinator.get(&location).await.expect(200)), "waiting");
        assert_eq!(app.exports().run("a-run").await.unwrap().made, 1);
        let (progress, bytes) = fetch(&coordinator, &location).await;
        assert_eq!((state(&progress), &progress["counts"]["visits"]), ("ready", &json!(2)));
        assert_eq!(progress["bytes"], bytes.len());
        assert_eq!(progress["sha256"], hex::encode(digest(&SHA256, &bytes)));
        let lines: Vec<Value> = serde_json::Deserializer::from_slice(&bytes).into_iter().map(Result::unwrap).collect();
        match format {
            "json" => assert_eq!(lines[0]["client"]["id"], json!(ALMA)),
            "fhir" => {
                assert_eq!((&lines[0]["resourceType"], &lines[0]["type"]), (&json!("Bundle"), &json!("collection")));
            }
            _ => {
                assert_eq!(bytes.lines().count(), lines.len());
                assert!(lines.iter().any(|line| line["resourceType"] == "Encounter"));
            }
        }
    }
    // The same as what an answer brings, but for what was done meanwhile.
    let made: Value = serde_json::from_slice(&export_of(&app, &coordinator, ALMA, "json").await).unwrap();
    let answered = coordinator.get(&path(ALMA)).await.expect(200);
    for kind in answered.as_object().unwrap().keys().filter(|kind| *kind != "exported_at" && *kind != "audit_entries") {
        assert_eq!(made[kind], answered[kind], "{kind}");
    }
}

#[tokio::test]
async fn what_is_larger_than_an_answer_is_exported_as_a_file() {
    let app = TestApp::new().await;
    let rows = domain::answer::ANSWER_BYTES / 9000;
    app.add_visits(2 * rows, ("notes", "repeat('x', 9000)")).await;
    let coordinator = app.coordinator().await;
    let refused = coordinator.get(&path(ALMA)).await;
    assert!(String::from_utf8_lossy(&refused.body).contains("POST /v1/clients/{id}/exports"));
    assert_eq!(refused.problem(413), "answer-too-large");
    let bytes = export_of(&app, &coordinator, ALMA, "json").await;
    // More than one part of an upload.
    assert!(bytes.len() > runtime::objects::Multipart::PART_BYTES, "{}", bytes.len());
    let export: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(export["visits"].as_array().unwrap().len(), 2 * rows + 2);
}

#[tokio::test]
async fn an_export_asks_for_a_password_given_lately_and_is_its_requesters_alone() {
    let app = TestApp::new().await;
    let (coordinator, admin) = (app.coordinator().await, app.admin().await);
    let all = format!("/v1/clients/{ALMA}/exports");
    let aged = app.aged(&coordinator, "11 minutes").await;
    assert_eq!(aged.post(&all, &json!({"format": "json"})).await.problem(401), "step-up-required");
    let coordinator = app.coordinator().await;
    let location = ask(&coordinator, ALMA, "json").await;
    app.exports().run("a-run").await.unwrap();
    assert_eq!(app.aged(&coordinator, "11 minutes").await.get(&location).await.problem(401), "step-up-required");
    assert_eq!(admin.get(&location).await.problem(404), "not-found");
    let another = format!("/v1/clients/{CLIENT_B}/exports");
    assert_eq!(admin.post(&another, &json!({"format": "json"})).await.problem(404), "not-found");
    assert_eq!(admin.post(&all, &json!({"format": "pdf"})).await.faults(), ["#/format"]);
}

#[tokio::test]
async fn an_export_is_on_record_with_counts_and_is_a_disclosure() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let location = ask(&coordinator, ALMA, "ndjson").await;
    app.exports().run("a-run").await.unwrap();
    fetch(&coordinator, &location).await;
    let log = app.admin().await.get(&format!("/v1/clients/{ALMA}/access-log")).await.expect(200);
    let line = |action: &str| -> Value {
        let mut lines = log["items"].as_array().unwrap().iter();
        lines.find(|line| line["action"] == action).unwrap_or_else(|| panic!("{action}: {log}")).clone()
    };
    for action in ["client.export", "client.export_download"] {
        let line = line(action);
        assert_eq!(line["actor"]["id"], json!(COORDINATOR.id));
        assert_eq!(line["disclosed_to"]["id"], json!(COORDINATOR.id), "{action}");
        assert_eq!((&line["details"]["format"], &line["details"]["counts"]["visits"]), (&json!("ndjson"), &json!(2)));
        assert_eq!(line["device_id"], json!(coordinator.device_id), "{action}");
    }
    // To ask is no disclosure.
    assert_eq!(line("client.request_export")["disclosed_to"], Value::Null);
    let family = app.family().await.get(&format!("/v1/family/clients/{ALMA}/access-log")).await.expect(200);
    let said: Vec<_> = family["items"].as_array().unwrap().iter().map(|line| &line["what"]).collect();
    assert!(said.contains(&&json!("Took a copy of the record")), "{said:?}");
}

#[tokio::test]
async fn asking_invokes_exports_once_and_a_lost_invocation_is_found_by_the_schedule() {
    let app = TestApp::new().await;
    let mut lambda = FakeLambda::start().await;
    let coordinator = app.coordinator().await.through(app.with_lambda(&lambda.url).await);
    let body = json!({"id": Uuid::now_v7(), "format": "json"});
    let all = format!("/v1/clients/{ALMA}/exports");
    for _ in 0..2 {
        coordinator.post(&all, &body).await.expect(202);
    }
    let asked = lambda.take();
    assert_eq!(asked.len(), 1);
    assert_eq!((&*asked[0].function, &*asked[0].kind), ("exports", "Event"));
    let event: privacy::ExportsEvent = serde_json::from_str(&asked[0].event).unwrap();
    let recorded: Value = serde_json::from_str(include_str!("../../events/exports/exports.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&asked[0].event).unwrap(), recorded, "{event:?}");
    // The same waits still, so that another of them is refused.
    let again = coordinator.post(&all, &json!({"format": "json"})).await;
    assert_eq!(again.problem(409), "export-under-way");
    // Nobody came. The schedule does.
    assert_eq!(app.exports().run("the-schedule").await.unwrap().made, 1);
    assert_eq!(app.exports().run("the-schedule").await.unwrap().made, 0);
}

#[tokio::test]
async fn an_export_that_fails_is_begun_anew_three_times() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let location = ask(&coordinator, ALMA, "json").await;
    let broken = "alter table consents rename column purpose to purposes";
    app.database.superuser().await.batch_execute(broken).await.unwrap();
    app.exports().run("a-run").await.unwrap_err();
    assert_eq!(state(&coordinator.get(&location).await.expect(200)), "waiting");
    app.exports().run("a-run").await.unwrap_err();
    let mended = "alter table consents rename column purposes to purpose";
    app.database.superuser().await.batch_execute(mended).await.unwrap();
    app.exports().run("a-run").await.unwrap();
    assert_eq!(state(&coordinator.get(&location).await.expect(200)), "ready");
    let location = ask(&coordinator, ALMA, "fhir").await;
    app.database.superuser().await.batch_execute(broken).await.unwrap();
    for _ in 0..3 {
        app.exports().run("a-run").await.unwrap_err();
    }
    assert_eq!(app.exports().run("a-run").await.unwrap().made, 0);
    assert_eq!(state(&coordinator.get(&location).await.expect(200)), "failed");
    // Whoever made one and was never heard of again loses it; a file of theirs would be nobody's.
    app.database.superuser().await.batch_execute(mended).await.unwrap();
    let location = ask(&coordinator, ALMA, "fhir").await;
    let lost = "update client_exports set state = 'running', attempts = 1, leased_until = now() + '1 minute'
                where state = 'waiting'";
    app.database.superuser().await.batch_execute(lost).await.unwrap();
    assert_eq!(app.exports().run("a-run").await.unwrap().made, 0);
    let over = "update client_exports set leased_until = now() - interval '1 second' where state = 'running'";
    app.database.superuser().await.batch_execute(over).await.unwrap();
    assert_eq!(app.exports().run("a-run").await.unwrap().made, 1);
    assert_eq!(state(&coordinator.get(&location).await.expect(200)), "ready");
}

#[tokio::test]
async fn who_may_not_export_any_more_gets_nothing() {
    let app = TestApp::new().await;
    let (coordinator, admin) = (app.coordinator().await, app.admin().await);
    ask(&coordinator, ALMA, "json").await;
    admin.patch(&format!("/v1/users/{}", COORDINATOR.id), &json!({"status": "suspended"})).await.expect(200);
    assert_eq!(app.exports().run("a-run").await.unwrap().refused, 1);
    assert_eq!(app.database.count("select count(*) from client_exports where state = 'failed'").await, 1);
    assert_eq!(app.database.count("select count(*) from audit_log where action = 'client.export'").await, 0);
}

#[tokio::test]
async fn an_export_is_gone_after_three_days() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let location = ask(&coordinator, ALMA, "json").await;
    app.exports().run("a-run").await.unwrap();
    let (progress, _) = fetch(&coordinator, &location).await;
    let kept = "select count(*) from client_exports where expires_at = ready_at + interval '72 hours'";
    assert_eq!(app.database.count(kept).await, 1);
    let url = progress["download"]["url"].as_str().unwrap();
    assert!(url.contains("X-Amz-Expires=300"), "{url}");
    let over = "update client_exports set expires_at = now()";
    app.database.superuser().await.batch_execute(over).await.unwrap();
    // To nobody from then on, removed or not.
    assert_eq!(coordinator.get(&location).await.problem(404), "not-found");
    assert_eq!(app.exports().run("a-run").await.unwrap().removed, 1);
    // By the URL that was given before, too.
    assert!(http().get(url).send().await.unwrap().status().is_client_error());
    assert_eq!(app.database.count("select count(*) from client_exports").await, 0);
}

/// The Bundle that these lines would be.
pub fn bundle_of(lines: &[u8]) -> Value {
    let resources = serde_json::Deserializer::from_slice(lines).into_iter::<Value>().map(Result::unwrap);
    let entries: Vec<_> = resources
        .map(|resource| {
            let id = |field: &str| resource[field].as_str().unwrap().to_owned();
            let url = format!("https://berthcare.ca/fhir/{}/{}", id("resourceType"), id("id"));
            json!({"fullUrl": url, "resource": resource})
        })
        .collect();
    json!({"resourceType": "Bundle", "type": "collection", "timestamp": Timestamp::now(), "entry": entries})
}

#[tokio::test]
async fn a_zip_has_every_format_the_photos_and_the_digest_of_each_file() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let (id, picture) = (Uuid::now_v7(), files::jpeg(40, 30, 1));
    let body = photo(id, &picture);
    bring(&nurse, &body, &picture).await;
    let files = unzipped(export_of(&app, &coordinator, ALMA, "zip").await);
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    let photos: Vec<_> = names.iter().filter(|name| name.starts_with("photos/")).collect();
    assert_eq!(names[..3], ["data/export.json", "data/fhir.json", "data/fhir.ndjson"]);
    assert!(photos.len() == 1 && photos[0].contains(&id.to_string()), "{names:?}");
    assert!(image::load_from_memory(file(&files, photos[0])).is_ok());
    let export: Value = serde_json::from_slice(file(&files, "data/export.json")).unwrap();
    assert_eq!(export["photos"][0]["id"], json!(id));
    // One state of the database in all of them.
    let bundle: Value = serde_json::from_slice(file(&files, "data/fhir.json")).unwrap();
    assert_eq!(bundle["entry"], bundle_of(file(&files, "data/fhir.ndjson"))["entry"]);
    assert_eq!(bundle["timestamp"], export["exported_at"]);
    assert_eq!(faults_of(&bundle), Vec::<String>::new());
    // The list is what `sha256sum --check` reads: it names every other file.
    let sums = String::from_utf8(file(&files, "SHA256SUMS").to_vec()).unwrap();
    let expected: Vec<_> = files
        .iter()
        .filter(|(name, _)| name != "SHA256SUMS")
        .map(|(name, content)| format!("{}  {name}\n", hex::encode(digest(&SHA256, content))))
        .collect();
    assert_eq!(sums, expected.concat());
}

#[tokio::test]
async fn an_access_request_runs_from_intake_to_download() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    // Intake.
    let received = json!({"kind": "access", "client_id": ALMA, "asked_by": "Her son, with power of attorney",
        "received_at": Timestamp::now()});
    let request = admin.post("/v1/privacy/requests", &received).await.expect(201);
    let register = format!("/v1/privacy/requests/{}", request["id"].as_str().unwrap());
    admin.patch(&register, &json!({"state": "in_progress"})).await.expect(200);
    // Export.
    let location = ask(&admin, ALMA, "zip").await;
    app.exports().run("a-run").await.unwrap();
    // Download.
    let (progress, bytes) = fetch(&admin, &location).await;
    let files = unzipped(bytes);
    let export: Value = serde_json::from_slice(file(&files, "data/export.json")).unwrap();
    assert_eq!(export["client"]["id"], json!(ALMA));
    // Told, and closed in time.
    let done = json!({"state": "fulfilled", "outcome": "Handed over on a disk, read together"});
    let closed = admin.patch(&register, &done).await.expect(200);
    assert!(closed["closed_at"].as_str().unwrap() < closed["due_at"].as_str().unwrap(), "{closed}");
    // And on record, for whoever asks to whom it was disclosed.
    let log = admin.get(&format!("/v1/clients/{ALMA}/access-log")).await.expect(200);
    let disclosed = log["items"].as_array().unwrap().iter().filter(|line| line["disclosed_to"].is_object());
    let actions: Vec<_> = disclosed.map(|line| &line["action"]).collect();
    assert_eq!(actions, [&json!("client.export_download"), &json!("client.export")]);
    let of_export = log["items"].as_array().unwrap().iter().find(|line| line["action"] == "client.export").unwrap();
    assert_eq!(of_export["details"]["counts"], progress["counts"]);
}

//! The recorded events: each function takes its own, as `make invoke-<function>` sends them.

use std::{collections::BTreeSet, fs, path::Path};

use app::DatabaseSource;
use serde_json::Value;
use strum::IntoEnumIterator;

use crate::harness::{TestApp, event::invoke_event};

/// Function, name and content of every recorded event.
fn recorded() -> Vec<(String, String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
    let mut events = Vec::new();
    for function in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        for file in fs::read_dir(function.path()).unwrap().map(|entry| entry.unwrap()) {
            let event = serde_json::from_str(&fs::read_to_string(file.path()).unwrap()).unwrap();
            let [function, file] = [function.file_name(), file.file_name()].map(|name| name.into_string().unwrap());
            events.push((function, file, event));
        }
    }
    events
}

#[test]
fn every_function_has_recorded_events() {
    let recorded: BTreeSet<_> = recorded().into_iter().map(|(function, ..)| function).collect();
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    let functions: BTreeSet<_> =
        fs::read_dir(functions).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(recorded, functions);
}

#[tokio::test]
async fn each_recorded_event_is_answered_as_documented() {
    let app = TestApp::new().await;
    let document = local::document::whole().unwrap();
    for (function, file, event) in
        recorded().into_iter().filter(|(.., event)| event["requestContext"]["http"].is_object())
    {
        let at = format!("{function}/{file}");
        let context = &event["requestContext"]["http"];
        let path = context["path"].as_str().unwrap().to_owned();
        let method = context["method"].as_str().unwrap().to_lowercase();
        let name = |part: &str| if part.starts_with("0193a5b0-") { "{id}" } else { part }.to_owned();
        let documented = path.split('/').map(name).collect::<Vec<_>>().join("/");
        let answer = invoke_event(app.functions().of_path(&path), event).await;
        let status = answer["statusCode"].to_string();
        // Recorded tokens and signatures are long out of date, and the demo's people are not in a test's database.
        assert!(["200", "401", "403"].contains(&status.as_str()), "{at}: {answer}");
        let responses = &document["paths"][&documented][&method]["responses"];
        assert!(responses[&status].is_object(), "{at}: {status} is not documented");
    }
}

#[tokio::test]
async fn the_recorded_migration_finds_nothing_to_do() {
    let app = TestApp::new().await;
    let (.., event) = recorded().into_iter().find(|(function, ..)| function == "migrate").unwrap();
    let request: migrate::Request = serde_json::from_value(event).unwrap();
    let source = DatabaseSource::Url(app.database.direct_url("berthcare_migrate").into());
    assert_eq!(migrate::run(&source, request).await.unwrap().applied, [""; 0]);
}

#[tokio::test]
async fn each_job_has_a_recorded_event_and_does_it() {
    let app = TestApp::new().await;
    let mut done = BTreeSet::new();
    for (_, file, event) in recorded().into_iter().filter(|(function, ..)| function == "jobs") {
        let answer = app.jobs().run(event).await.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(format!("{}.json", answer.job), file);
        done.insert(answer.job);
    }
    assert_eq!(done, jobs::JobName::iter().map(<&str>::from).collect());
}

#[test]
fn an_event_of_an_unknown_job_is_refused() {
    for event in
        [r#"{"job": "tidy-up"}"#, r#"{"job": "clean-up", "then": 1}"#, r#"{"job": "clean-up", "now": "noon"}"#, "{}"]
    {
        assert!(serde_json::from_str::<jobs::Event>(event).is_err(), "{event}");
    }
}

#[tokio::test]
async fn the_recorded_events_of_sockets_are_of_nobody_here() {
    let app = TestApp::new().await;
    let of = |name: &str| recorded().into_iter().find(|(_, file, _)| file == name).unwrap().2;
    let connect = of("connect.json");
    assert_eq!(realtime::event_name(&connect), Some("$connect"));
    assert_eq!(app.functions().tell_realtime(connect).await.unwrap()["statusCode"], 401);
    let changed = of("changed.json");
    assert_eq!(realtime::event_name(&changed), Some("changed"));
    assert_eq!(app.functions().tell_realtime(changed).await.unwrap(), Value::Null);
}

#[tokio::test]
async fn the_recorded_upload_is_of_a_photo_that_nobody_knows_here() {
    let app = TestApp::new().await;
    let (.., mut event) = recorded().into_iter().find(|(_, file, _)| file == "uploaded.json").unwrap();
    event["Records"][0]["s3"]["bucket"]["name"] = app.config.photos_bucket.clone().into();
    // By that it is on a log line of its own; requests have theirs from the router.
    assert_eq!(photos::event_name(&event), Some("upload"));
    assert_eq!(app.functions().tell_photos(event).await.unwrap(), Value::Null);
}

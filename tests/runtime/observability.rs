//! What operators see: one line for each request, and the numbers in it.

use std::collections::BTreeSet;

use axum::Extension;
use lambda_runtime::Context;
use runtime::{
    lambda::{self, Sentry},
    metrics::{Measurement, Metric, NAMESPACE},
};
use serde_json::{Value, json};
use strum::VariantArray;

use crate::harness::{
    Functions, TestApp,
    fixtures::{ALMA, NURSE},
    log::Captured,
    sentry::FakeSentry,
    until,
};

#[tokio::test]
async fn a_request_leaves_one_line_with_its_metrics() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let log = Captured::start();
    let answer = nurse.get("/v1/visits?user_id=x").await;
    answer.expect(422);
    nurse.get("/v1/visits").await.expect(200);
    app.anonymous().get("/v1/nowhere/Marguerite").await.expect(404);

    let lines = log.lines();
    let [refused, answered, lost] = &lines[..] else { panic!("{lines:#?}") };
    assert_eq!(refused["requestId"].as_str(), answer.header("x-request-id"));
    assert_eq!(refused["statusCode"], 422);
    assert_eq!((&refused["coldStart"], &answered["coldStart"]), (&json!(true), &json!(false)));
    assert_eq!((&lost["path"], &lost["userId"]), (&json!("(none)"), &Value::Null));

    for (member, value) in [
        ("level", "INFO"),
        ("service", "visits"),
        ("environment", "test"),
        ("message", "answered"),
        ("userId", &NURSE.id.to_string()),
        ("role", "nurse"),
        ("method", "GET"),
        ("path", "/v1/visits"),
        ("Function", "visits"),
        ("Route", "GET /v1/visits"),
        ("StatusClass", "2xx"),
        ("Version", "$LATEST"),
    ] {
        assert_eq!(answered[member], value, "{answered:#}");
    }
    assert!(answered["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert!(answered["duration"].as_f64().unwrap() > 0.0);
    assert_eq!((answered["RequestCount"].as_f64(), answered["ErrorCount"].as_f64()), (Some(1.0), Some(0.0)));
    assert_eq!(answered["APILatency"], answered["duration"]);
    assert_eq!(
        answered["_aws"]["CloudWatchMetrics"],
        json!([
            {"Namespace": "BerthCare/API", "Dimensions": [["Function", "Route"], ["Function", "StatusClass"]],
                "Metrics": [{"Name": "RequestCount", "Unit": "Count"}]},
            {"Namespace": "BerthCare/API", "Dimensions": [["Function", "Route"], ["Function", "Version"]],
                "Metrics": [{"Name": "ErrorCount", "Unit": "Count"}]},
            {"Namespace": "BerthCare/API", "Dimensions": [["Function", "Route"]],
                "Metrics": [{"Name": "APILatency", "Unit": "Milliseconds"}]},
        ])
    );
}

/// One of each, so that nothing is defined that nobody can send.
fn measurements() -> Vec<Measurement<'static>> {
    let duration = std::time::Duration::from_millis(1500);
    vec![
        Measurement::Invocation {
            function: "visits",
            version: "7",
            route: "GET /v1/visits",
            latency: duration,
            status: 500,
        },
        Measurement::Sync { records: 3, conflicts: 2, rejected: 1, duration },
        Measurement::Outbox { depth: 4, age: duration },
        Measurement::AlertCalled { after: duration },
        Measurement::AlertsUnacknowledged { oldest: duration },
        Measurement::PrivacyOverdue { entries: 2 },
        Measurement::Job { job: "seal-audit", items: 5, duration },
    ]
}

#[test]
fn every_metric_is_measured_as_it_is_described() {
    let mut seen = BTreeSet::new();
    for measurement in measurements() {
        let line = measurement.embedded();
        assert!(line["_aws"]["Timestamp"].as_u64().unwrap() > 1_700_000_000_000);
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            assert_eq!(directive["Namespace"], NAMESPACE);
            let [named] = &directive["Metrics"].as_array().unwrap()[..] else { panic!("{line}") };
            let metric = Metric::VARIANTS.iter().find(|metric| metric.name() == named["Name"]).unwrap();
            assert_eq!(named["Unit"], <&str>::from(metric.unit()));
            let sets: Vec<Vec<&str>> =
                metric.dimensions().iter().map(|set| set.iter().map(Into::into).collect()).collect();
            assert_eq!(directive["Dimensions"], json!(sets), "{line}");
            assert!(sets.iter().flatten().all(|dimension| line[dimension].is_string()), "{line}");
            let value = line[metric.name()].as_f64().unwrap();
            assert!(value > 0.0, "{line}");
            seen.insert(metric.name());
        }
    }
    assert_eq!(seen, Metric::VARIANTS.iter().map(|metric| metric.name()).collect());
    assert_eq!(measurements()[2].embedded()["OutboxAge"], 1.5);
    assert_eq!(measurements()[0].embedded()["APILatency"], 1500.0);
}

#[tokio::test]
async fn metrics_arrive_at_any_log_level() {
    let log = Captured::at("error");
    tracing::info!("not heard");
    Measurement::Outbox { depth: 0, age: std::time::Duration::ZERO }.record();
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(lines[0]["OutboxDepth"], 0.0);
}

/// Something that no handler reckons with.
async fn break_the_schema(app: &TestApp) {
    app.database.superuser().await.batch_execute("alter table clients rename to gone").await.unwrap();
}

fn reporting(app: &TestApp, sentry: &Sentry) -> Functions {
    app.another_environment().each(|router| router.layer(Extension(sentry.clone())))
}

#[tokio::test]
async fn an_error_is_at_sentry_when_its_answer_is_there() {
    let app = TestApp::new().await;
    let fake = FakeSentry::start().await;
    let sentry = fake.connected();
    let nurse = app.nurse().await.through(reporting(&app, &sentry));
    let _log = Captured::with("info", sentry);
    break_the_schema(&app).await;
    let answer = nurse.get(&format!("/v1/clients/{ALMA}?name=Marguerite")).await;
    assert_eq!(answer.problem(500), "internal");

    let [event] = &fake.events()[..] else { panic!("{:?}", fake.received()) };
    assert!(event["message"].as_str().unwrap().contains("relation \"clients\" does not exist"), "{event:#}");
    assert_eq!(event["transaction"], "GET /v1/clients/{id}");
    assert_eq!(event["tags"], json!({"service": "clients", "requestId": answer.header("x-request-id")}));
    assert_eq!((&event["environment"], &event["release"]), (&json!("test"), &json!(env!("CARGO_PKG_VERSION"))));
    for absent in ["user", "request", "server_name", "breadcrumbs", "extra"] {
        assert!(event.get(absent).is_none(), "{event:#}");
    }
    let sent = fake.received().concat();
    assert!(sent.contains("sentry_key=the-public-key"), "{sent}");
    for personal in ["Marguerite", &nurse.access_token.unwrap(), NURSE.email, &NURSE.id.to_string(), "192.0.2.1"] {
        assert!(!sent.contains(personal), "{personal} in {sent}");
    }
}

#[tokio::test]
async fn one_request_in_ten_is_traced() {
    let app = TestApp::new().await;
    let fake = FakeSentry::start().await;
    let anonymous = app.anonymous().through(reporting(&app, &fake.connected()));
    for _ in 0..500 {
        anonymous.get("/v1/.well-known/openid-configuration").await.expect(200);
    }
    // 50 are expected; outside of these bounds it is one chance in a million.
    until("twenty traces", async || fake.traces().len() > 20).await;
    let traces = fake.traces();
    assert!(traces.len() < 90, "{}", traces.len());
    assert_eq!(traces[0]["transaction"], "GET /v1/.well-known/openid-configuration");
    assert_eq!(traces[0]["contexts"]["trace"]["status"], "ok");
}

#[tokio::test]
async fn a_sentry_that_is_away_costs_no_answer() {
    let app = TestApp::new().await;
    let sentry = Sentry::default();
    let nowhere = json!({"dsn": "http://key@127.0.0.1:1/42"});
    sentry.connect(&serde_json::from_value(nowhere).unwrap(), "test").unwrap();
    let nurse = app.nurse().await.through(reporting(&app, &sentry));
    let log = Captured::with("info", sentry);
    break_the_schema(&app).await;
    assert_eq!(nurse.get(&format!("/v1/clients/{ALMA}")).await.problem(500), "internal");
    assert!(log.text().contains("the report to Sentry failed"), "{}", log.text());
    assert!(!log.text().contains("key@"), "{}", log.text());
}

#[tokio::test]
async fn events_are_logged_like_requests() {
    let fake = FakeSentry::start().await;
    let sentry = fake.connected();
    let log = Captured::with("info", sentry.clone());
    let mut context = Context::default();
    context.request_id = "an-invocation".into();
    context.xray_trace_id = Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1".into());

    let seen = |cold| (cold, sentry.clone());
    let done = lambda::observe(("jobs", "clean-up"), &context, seen(true), async { Ok(7) }).await;
    assert_eq!(done.unwrap(), 7);
    let failed: Result<(), _> =
        lambda::observe(("jobs", "clean-up"), &context, seen(false), async { Err("the disk is full".into()) }).await;
    assert_eq!(failed.unwrap_err().to_string(), "the disk is full");
    let panicked: Result<(), _> =
        lambda::observe(("jobs", "clean-up"), &context, seen(false), async { panic!("of Marguerite") }).await;
    assert_eq!(panicked.unwrap_err().to_string(), "it panicked");

    let lines: Vec<Value> = log.lines().into_iter().filter(|line| line["message"] == "answered").collect();
    let [done, failed, panicked] = &lines[..] else { panic!("{lines:#?}") };
    for (member, value) in [
        ("service", "jobs"),
        ("requestId", "an-invocation"),
        ("traceId", "1-5759e988-bd862e3fe1be46a994272793"),
        ("method", "EVENT"),
        ("path", "clean-up"),
        ("Route", "EVENT clean-up"),
    ] {
        assert_eq!(done[member], value, "{done:#}");
    }
    assert_eq!(
        (&done["statusCode"], &done["ErrorCount"], &done["coldStart"]),
        (&json!(200), &json!(0.0), &json!(true))
    );
    for failure in [failed, panicked] {
        assert_eq!((&failure["statusCode"], &failure["ErrorCount"]), (&json!(500), &json!(1.0)));
    }
    let reported: Vec<_> = fake.events().iter().map(|event| event["message"].clone()).collect();
    assert_eq!(reported, ["the event failed: the disk is full", "the event failed: it panicked"]);
}

/// A panic's message may quote what it choked on; one that is written in the code can't.
#[tokio::test]
async fn panics_are_logged_without_what_they_choked_on() {
    lambda::log_panics();
    let log = Captured::start();
    let name = String::from("Zoé Roy");
    let sliced = std::panic::catch_unwind(|| name[..3].len());
    let written = std::panic::catch_unwind(|| panic!("as it is written"));
    let _ = std::panic::take_hook();
    assert!(sliced.is_err() && written.is_err());
    let lines = log.lines();
    assert!(!log.text().contains("Zo"), "{lines:#?}");
    assert!(lines[0]["at"].as_str().unwrap().contains("observability.rs"), "{lines:#?}");
    assert_eq!((&lines[0]["error"], &lines[1]["error"]), (&json!("(withheld)"), &json!("as it is written")));
    assert!(lines.iter().all(|line| line["level"] == "ERROR"));
}

#[tokio::test]
async fn a_pull_and_a_push_say_how_much_they_carried() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let log = Captured::start();
    let pulled = nurse.get("/v1/sync").await.expect(200);
    let body = json!({"changes": {"visits": {"created": [], "updated": [{"id": "not an id"}], "deleted": []}}});
    nurse.post("/v1/sync", &body).await.expect(200);

    let lists = pulled["changes"].as_object().unwrap().values().flat_map(|table| table.as_object().unwrap().values());
    let rows: usize = lists.map(|list| list.as_array().unwrap().len()).sum();
    let lines: Vec<_> = log.lines().into_iter().filter(|line| line.get("SyncRecords").is_some()).collect();
    let [pull, push] = &lines[..] else { panic!("{lines:#?}") };
    assert!(rows > 0);
    assert_eq!(pull["SyncRecords"].as_f64().map(|count| count.to_string()), Some(rows.to_string()));
    assert_eq!(
        (&push["SyncRecords"], &push["SyncRejected"], &push["SyncConflicts"]),
        (&json!(1.0), &json!(1.0), &json!(0.0))
    );
    assert!(pull["SyncDuration"].as_f64().unwrap() > 0.0 && push["requestId"].is_string());
}

//! What operators see: one line for each request, and the numbers in it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::metrics::{Measurement, Metric, NAMESPACE};
use strum::VariantArray;

use crate::harness::{World, cast::NURSE, log::Captured};

#[tokio::test]
async fn a_request_leaves_one_line_with_its_metrics() {
    let world = World::new().await;
    let nurse = world.nurse().await;
    let log = Captured::start();
    let answer = nurse.get("/v1/visits?user_id=x").await;
    answer.expect(422);
    nurse.get("/v1/visits").await.expect(200);
    world.anonymous().get("/v1/nowhere/Marguerite").await.expect(404);

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
    ] {
        assert_eq!(answered[member], value, "{answered:#}");
    }
    assert!(answered["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert!(answered["duration"].as_f64().unwrap() > 0.0);
    assert_eq!((answered["RequestCount"].as_f64(), answered["ErrorCount"].as_f64()), (Some(1.0), Some(0.0)));
    assert_eq!(answered["APILatency"], answered["duration"]);
    assert_eq!(
        answered["_aws"]["CloudWatchMetrics"],
        json!([{"Namespace": "BerthCare/API", "Dimensions": [["Function", "Route"]], "Metrics": [
            {"Name": "RequestCount", "Unit": "Count"}, {"Name": "ErrorCount", "Unit": "Count"},
            {"Name": "APILatency", "Unit": "Milliseconds"}]}])
    );
}

/// One of each, so that nothing is defined that nobody can send.
fn measurements() -> Vec<Measurement<'static>> {
    let duration = std::time::Duration::from_millis(1500);
    vec![
        Measurement::Invocation { function: "visits", route: "GET /v1/visits", latency: duration, failed: true },
        Measurement::Sync { records: 3, conflicts: 2, rejected: 1, duration },
        Measurement::Outbox { depth: 4, age: duration },
        Measurement::AlertCalled { after: duration },
        Measurement::AlertsUnacknowledged { oldest: duration },
        Measurement::Job { job: "seal-audit", items: 5, duration },
    ]
}

#[test]
fn every_metric_is_measured_as_it_is_described() {
    let mut seen = BTreeSet::new();
    for measurement in measurements() {
        let line = measurement.embedded();
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], NAMESPACE);
        assert!(line["_aws"]["Timestamp"].as_u64().unwrap() > 1_700_000_000_000);
        for named in directive["Metrics"].as_array().unwrap() {
            let metric = Metric::VARIANTS.iter().find(|metric| metric.name() == named["Name"]).unwrap();
            assert_eq!(named["Unit"], <&str>::from(metric.unit()));
            let dimensions: Vec<&str> = metric.dimensions().iter().map(Into::into).collect();
            assert_eq!(directive["Dimensions"], json!([dimensions]), "{line}");
            assert!(dimensions.iter().all(|dimension| line[dimension].is_string()), "{line}");
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

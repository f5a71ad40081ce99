//! What `/v1/sync/schema` tells of columns: their limits are REST's, and who writes them is who does. That the limits
//! are those of what a push takes is tested with `domain::sync::schema`.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{ALMA, BERNARD, NURSE, NURSES_VISIT, OTHER_NURSE, OTHER_NURSES_VISIT},
    phone::{Phone, edited, row, updated},
};

const OPENAPI: &str = include_str!("../../functions/health/openapi.json");
const NOON: i64 = 1_795_000_000_000;

async fn told() -> Value {
    TestApp::new().await.anonymous().get("/v1/sync/schema").await.expect(200)
}

fn tables(told: &Value) -> impl Iterator<Item = (&str, &Vec<Value>)> {
    let tables = told["tables"].as_array().unwrap().iter();
    tables.map(|table| (table["name"].as_str().unwrap(), table["columns"].as_array().unwrap()))
}

#[tokio::test]
async fn the_limits_of_a_column_are_those_of_rest() {
    let told = told().await;
    assert_eq!(told["push"], json!({"maxBytes": 3_000_000, "maxRecords": 20_000}));
    let schemas = serde_json::from_str::<Value>(OPENAPI).unwrap()["components"]["schemas"].take();
    let (mut compared, mut other) = (0, Vec::new());
    for (table, columns) in tables(&told) {
        let rest = match table {
            "clients" => "NewClient",
            "visits" => "NewVisit",
            "visit_tasks" => "NewTask",
            "photos" => "NewPhoto",
            _ => "NewAlert",
        };
        for column in columns {
            let name = column["name"].as_str().unwrap();
            let Some(mut field) = schemas[rest]["properties"].get(name) else { continue };
            if let Some(reference) = field["$ref"].as_str() {
                field = &schemas[reference.rsplit('/').next().unwrap()];
            }
            for word in ["maxLength", "enum", "minimum", "maximum", "pattern"] {
                let (Some(ours), Some(theirs)) = (column.get(word), field.get(word)) else { continue };
                compared += 1;
                let same = ours == theirs || ours.as_f64().is_some_and(|ours| Some(ours) == theirs.as_f64());
                if !same {
                    other.push(format!("{table}.{name}: {word} {ours}, and {theirs} over REST"));
                }
            }
        }
    }
    assert_eq!((other, compared >= 18), (Vec::<String>::new(), true), "{compared} compared");
}

/// Another value for a column, and what has to come with it.
fn another(table: &str, column: &Value) -> Value {
    let name = column["name"].as_str().unwrap();
    let mut values = match name {
        "status" | "cancel_reason" if table == "visits" => json!({"status": "cancelled", "cancel_reason": "Away"}),
        "actual_end" => json!({"actual_start": NOON, "actual_end": NOON + 60_000}),
        "check_in_latitude" | "check_in_longitude" => json!({"check_in_latitude": 43.5, "check_in_longitude": -79.5}),
        "check_out_latitude" | "check_out_longitude" => {
            json!({"check_out_latitude": 43.5, "check_out_longitude": -79.5})
        }
        "completed_at" => json!({"completed": true, "completed_at": NOON}),
        "data" => json!({"data": "{\"heart_rate\": {\"value\": 72, \"unit\": \"bpm\"}}"}),
        "client_id" => json!({"client_id": BERNARD}),
        "visit_id" => json!({"visit_id": OTHER_NURSES_VISIT}),
        "written_by" => json!({"written_by": NURSE.id}),
        _ => json!({}),
    };
    if values.get(name).is_none() {
        let words = column.get("enum").and_then(Value::as_array);
        values[name] = match (column["type"].as_str().unwrap(), column["format"].as_str(), words) {
            (.., Some(words)) => words[1].clone(),
            ("number", Some("milliseconds"), _) => json!(NOON),
            ("number", ..) => json!(7),
            ("boolean", ..) => json!(true),
            (_, Some("uuid"), _) => json!(OTHER_NURSE.id),
            (_, Some("date"), _) => json!("1940-01-01"),
            (_, Some("json" | "json-strings"), _) => json!("[]"),
            _ if column.get("pattern").is_some() => json!("f".repeat(64)),
            _ => json!("another"),
        };
    }
    values
}

/// A record of the nurse's own, to be made anew for each column.
fn new_record(table: &str) -> Map<String, Value> {
    let start = jiff::Timestamp::now().as_millisecond();
    let mut record = match table {
        "visits" => json!({"client_id": ALMA, "user_id": NURSE.id, "scheduled_start": start,
            "scheduled_end": start + 60_000, "status": "scheduled"}),
        "visit_tasks" => json!({"visit_id": NURSES_VISIT, "task_type": "other", "title": "Walk", "completed": false}),
        "photos" => json!({"client_id": ALMA, "kind": "photo", "content_type": "image/jpeg", "bytes": 1000,
            "sha256": "0".repeat(64), "shared_with_family": false}),
        _ => json!({"client_id": ALMA, "severity": "low", "reason": "fall"}),
    };
    record["id"] = json!(Uuid::now_v7());
    record["_status"] = json!("created");
    record.as_object().unwrap().clone()
}

#[tokio::test]
async fn who_writes_a_column_is_told_as_it_is() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(Some(0)).await;
    let told = phone.client.get("/v1/sync/schema").await.expect(200);
    let mut other = Vec::new();
    for (table, columns) in tables(&told) {
        for column in columns {
            let (name, writer) = (column["name"].as_str().unwrap(), column["writer"].as_str().unwrap());
            let before = if table == "clients" {
                row(&first, table, ALMA)
            } else {
                let mut record = new_record(table);
                if name == "data" {
                    record["task_type"] = json!("vitals");
                }
                let id: Uuid = record["id"].as_str().unwrap().parse().unwrap();
                let made = json!({(table): {"created": [record], "updated": [], "deleted": []}});
                let answer = phone.push(made).await.expect(200);
                assert_eq!(answer["applied"], 1, "{table}.{name} {answer}");
                row(&phone.pull(Some(0)).await, table, id)
            };
            let values = another(table, column);
            let edits: Vec<_> = values.as_object().unwrap().iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
            let answer = phone.push(updated(table, &[edited(before, &edits)])).await.expect(200);
            let is = match (answer["applied"].as_i64(), answer["rejected"].as_array().map(Vec::len)) {
                (Some(1), Some(0)) => "written",
                (Some(0), Some(1)) => "refused",
                _ => "ignored",
            };
            let expected: &[&str] = match (writer, table) {
                ("phone", _) => &["written"],
                ("phone-once", _) => &["refused"],
                (_, "clients") => &["refused", "ignored"],
                _ => &["ignored"],
            };
            if !expected.contains(&is) {
                other.push(format!("{table}.{name} is told to be {writer}'s, and {is}: {answer}"));
            }
        }
    }
    assert!(other.is_empty(), "{other:#?}");
}

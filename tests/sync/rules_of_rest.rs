//! What REST refuses, sync refuses too, and the other way round: each bad value is sent both ways.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{BERNARD, CHLOE, CLIENT_B, NURSE, NURSES_VISIT, OTHER_NURSE, OTHER_NURSES_VISIT, VISIT_B},
    phone::Phone,
};

const HOUR: i64 = 3_600_000;
/// The beginning of the year 1, and of the year 2200.
const YEAR_1: i64 = -62_135_596_800_000;
const YEAR_2200: i64 = 7_258_118_400_000;

/// Columns that hold times: milliseconds on the wire of sync, text over REST.
const TIMES: [&str; 5] = ["scheduled_start", "scheduled_end", "completed_at", "taken_at", "at"];
/// Columns that hold JSON: as text on the wire of sync.
const JSON: &str = "data";

/// A record that is sent both ways: over REST to a path, by sync to a table, with the columns that only one has.
struct Record {
    path: String,
    table: &'static str,
    fields: Value,
    only_rest: Value,
    only_sync: Value,
}

fn with(mut fields: Value, others: &Value) -> Value {
    fields.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    fields
}

impl Record {
    fn over_rest(&self, bad: &Value) -> Value {
        let mut body = with(with(self.fields.clone(), &self.only_rest), bad);
        for (name, value) in body.as_object_mut().unwrap() {
            if let (true, Some(ms)) = (TIMES.contains(&name.as_str()), value.as_i64()) {
                *value = json!(Timestamp::from_millisecond(ms).unwrap());
            }
        }
        body
    }

    fn by_sync(&self, bad: &Value) -> Value {
        let mut row = with(with(self.fields.clone(), &self.only_sync), bad);
        let columns = row.as_object_mut().unwrap();
        if let Some(data) = columns.get_mut(JSON) {
            *data = json!(data.to_string());
        }
        // A check-in is columns of its visit.
        for (here, there) in [
            ("at", "actual_start"),
            ("latitude", "check_in_latitude"),
            ("longitude", "check_in_longitude"),
            ("accuracy_m", "check_in_accuracy_m"),
        ] {
            if let Some(value) = columns.remove(here) {
                columns.insert(there.into(), value);
            }
        }
        with(row, &json!({"id": Uuid::now_v7(), "_status": "created", "_changed": ""}))
    }
}

fn visit() -> Record {
    let start = Timestamp::now().as_millisecond() + 100 * HOUR;
    Record {
        path: "/v1/visits".into(),
        table: "visits",
        fields: json!({"client_id": BERNARD, "user_id": NURSE.id, "scheduled_start": start,
            "scheduled_end": start + HOUR}),
        only_rest: json!({"allow_overlap": true}),
        only_sync: json!({"status": "scheduled"}),
    }
}

fn task(visit: Uuid) -> Record {
    Record {
        path: format!("/v1/visits/{visit}/tasks"),
        table: "visit_tasks",
        fields: json!({"task_type": "vitals", "title": "Pulse", "completed": true,
            "completed_at": Timestamp::now().as_millisecond(),
            "data": {"heart_rate": {"value": 72, "unit": "bpm"}}}),
        only_rest: json!({}),
        only_sync: json!({"visit_id": visit}),
    }
}

fn check_in() -> Record {
    let visit = visit();
    Record {
        path: format!("/v1/visits/{NURSES_VISIT}/check-in"),
        table: "visits",
        fields: json!({"at": Timestamp::now().as_millisecond(), "latitude": 43.6, "longitude": -79.4,
            "accuracy_m": 12.0}),
        only_rest: json!({}),
        only_sync: with(visit.fields, &json!({"status": "in_progress"})),
    }
}

fn alert() -> Record {
    Record {
        path: "/v1/alerts".into(),
        table: "alerts",
        fields: json!({"client_id": BERNARD, "visit_id": OTHER_NURSES_VISIT, "severity": "low", "reason": "fall"}),
        only_rest: json!({}),
        only_sync: json!({}),
    }
}

fn photo() -> Record {
    Record {
        path: "/v1/photos".into(),
        table: "photos",
        fields: json!({"client_id": BERNARD, "kind": "photo", "content_type": "image/jpeg", "bytes": 1000,
            "sha256": "0".repeat(64), "shared_with_family": false}),
        only_rest: json!({}),
        only_sync: json!({}),
    }
}

/// Each record, and what it must not say.
fn bad_values() -> Vec<(Record, Vec<Value>)> {
    let long = |length: usize| "x".repeat(length);
    let start = Timestamp::now().as_millisecond() + 100 * HOUR;
    let ends = |after: i64| json!({"scheduled_start": start, "scheduled_end": start + after});
    let is_in = |year: i64| json!({"scheduled_start": year, "scheduled_end": year + HOUR});
    let visits = vec![
        ends(0),
        ends(-HOUR),
        ends(24 * HOUR + 1),
        is_in(YEAR_1),
        is_in(YEAR_2200),
        json!({"client_id": CHLOE}),
        json!({"client_id": CLIENT_B}),
        json!({"client_id": Uuid::now_v7()}),
        json!({"client_id": null}),
        json!({"user_id": OTHER_NURSE.id}),
        json!({"notes": long(10_001)}),
        json!({"family_note": long(2_001)}),
    ];
    let tasks = vec![
        json!({"title": ""}),
        json!({"title": long(201)}),
        json!({"outcome": long(2_001)}),
        json!({"task_type": "dancing"}),
        json!({"completed_at": YEAR_1}),
        json!({"completed_at": YEAR_2200}),
        json!({"data": {"heart_rate": {"value": 301, "unit": "bpm"}}}),
        json!({"data": {"heart_rate": {"value": 72, "unit": "Hz"}}}),
        json!({"data": {"aura": "blue"}}),
        json!({"data": {}}),
    ];
    let check_ins = vec![
        json!({"at": YEAR_1}),
        json!({"at": YEAR_2200}),
        json!({"latitude": null}),
        json!({"longitude": null}),
        json!({"latitude": 90.1}),
        json!({"longitude": -180.1}),
        json!({"accuracy_m": -1.0}),
        json!({"accuracy_m": 1_000_000.5}),
    ];
    let alerts = vec![
        json!({"visit_id": NURSES_VISIT}),
        json!({"visit_id": VISIT_B}),
        json!({"visit_id": Uuid::now_v7()}),
        json!({"client_id": CHLOE}),
        json!({"client_id": CLIENT_B}),
        json!({"severity": "dire"}),
        json!({"reason": ""}),
        json!({"reason": long(101)}),
        json!({"message": long(2_001)}),
    ];
    let photos = vec![
        json!({"bytes": 0}),
        json!({"bytes": 15 * (1 << 20) + 1}),
        json!({"content_type": "application/pdf"}),
        json!({"content_type": "image/gif"}),
        json!({"sha256": "0".repeat(63)}),
        json!({"sha256": "g".repeat(64)}),
        json!({"taken_at": YEAR_1}),
        json!({"taken_at": YEAR_2200}),
        json!({"caption": long(501)}),
        json!({"visit_id": NURSES_VISIT}),
        json!({"client_id": CHLOE}),
        json!({"kind": "profile", "shared_with_family": true}),
        json!({"kind": "signature"}),
    ];
    vec![
        (visit(), visits),
        (task(NURSES_VISIT), tasks),
        (task(OTHER_NURSES_VISIT), vec![json!({})]),
        (task(VISIT_B), vec![json!({})]),
        (check_in(), check_ins),
        (alert(), alerts),
        (photo(), photos),
    ]
}

async fn nurse_of_bernard() -> (TestApp, Phone) {
    let app = TestApp::new().await;
    let member = json!({"user_id": NURSE.id, "relation": "nurse", "starts_on": "2026-01-01"});
    app.coordinator().await.post(&format!("/v1/clients/{BERNARD}/care-team"), &member).await.expect(201);
    let mut phone = Phone::of(app.nurse().await);
    phone.pull(Some(0)).await;
    (app, phone)
}

async fn push(phone: &Phone, record: &Record, bad: &Value) -> Value {
    let changes = json!({(record.table): {"created": [record.by_sync(bad)], "updated": [], "deleted": []}});
    phone.push(changes).await.expect(200)
}

#[tokio::test]
async fn what_rest_refuses_sync_refuses_too() {
    let (_app, phone) = nurse_of_bernard().await;
    let mut taken = Vec::new();
    for (record, values) in bad_values() {
        for bad in values {
            let status = phone.client.post(&record.path, &record.over_rest(&bad)).await.status;
            if ![403, 404, 422].contains(&status) {
                taken.push(format!("REST answers {status} to {} with {bad:.100}", record.path));
            }
            let told = push(&phone, &record, &bad).await;
            if (&told["applied"], &told["unchanged"]) != (&json!(0), &json!(0)) {
                taken.push(format!("sync takes {} with {bad:.100}", record.table));
            }
        }
    }
    assert!(taken.is_empty(), "{taken:#?}");
}

/// Else the test above would show nothing.
#[tokio::test]
async fn what_rest_takes_sync_takes_too() {
    let (_app, phone) = nurse_of_bernard().await;
    let nothing = json!({});
    for record in [visit(), task(NURSES_VISIT), check_in(), alert(), photo()] {
        let status = phone.client.post(&record.path, &record.over_rest(&nothing)).await.status;
        assert!([200, 201].contains(&status), "{status} {}", record.path);
        let told = push(&phone, &record, &nothing).await;
        assert_eq!(told["applied"], 1, "{} {told}", record.table);
    }
}

#[tokio::test]
async fn an_alert_tells_nobody_which_visits_of_others_there_are() {
    let (_app, phone) = nurse_of_bernard().await;
    let mut reasons = Vec::new();
    for visit in [NURSES_VISIT, VISIT_B, Uuid::now_v7()] {
        let told = push(&phone, &alert(), &json!({"visit_id": visit})).await;
        reasons.push(told["rejected"][0]["reason"].clone());
    }
    assert_eq!(reasons, ["visit_id must be a visit to this client"; 3]);
}

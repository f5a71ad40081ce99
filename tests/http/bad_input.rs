//! Whatever a client sends: a clear problem that names every fault, nothing half-done, and never a 5xx.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{AIDES_VISIT, ALMA, BERNARD, FAMILY, NURSE, NURSES_VISIT, NURSES_VITALS},
};

fn client_body() -> Value {
    json!({"first_name": "Dana", "last_name": "Roy", "date_of_birth": "1950-05-05",
        "address": {"street": "2 Main", "city": "Toronto", "province": "ON", "postal_code": "M5V 2T6"}})
}

fn visit_body() -> Value {
    json!({"client_id": ALMA, "user_id": NURSE.id, "scheduled_start": "2026-12-01T10:00:00Z",
        "scheduled_end": "2026-12-01T11:00:00Z"})
}

/// `body` with the value at `pointer` replaced, or added.
fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value;
    body
}

fn without(mut body: Value, name: &str) -> Value {
    body.as_object_mut().unwrap().remove(name);
    body
}

#[tokio::test]
async fn every_fault_of_a_body_is_named_at_once() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let body = json!({
        "id": "not-a-uuid",
        "first_name": "",
        "date_of_birth": "2026-02-30",
        "phone": "416-555-0100",
        "address": {"street": "2 Main", "city": 7, "province": "Ontario", "postal_code": "12345", "planet": "Earth"},
        "latitude": 91,
        "longitude": "west",
        "emergency_contacts": [{"name": "A", "phone": "+14165550100"}, "nobody"],
        "risks": ["dog", 3],
        "nick~name/s": "D"
    });
    let answer = coordinator.post("/v1/clients", &body).await;
    assert_eq!(
        answer.faults(),
        [
            "#/address/city",
            "#/address/planet",
            "#/address/postal_code",
            "#/address/province",
            "#/date_of_birth",
            "#/emergency_contacts/0/relationship",
            "#/emergency_contacts/1",
            "#/first_name",
            "#/id",
            "#/last_name",
            "#/latitude",
            "#/longitude",
            "#/nick~0name~1s",
            "#/phone",
            "#/risks/1",
        ]
    );
    let details = answer.json()["errors"].to_string();
    for secret in ["416-555-0100", "not-a-uuid", "Ontario"] {
        assert!(!details.contains(secret), "the answer repeats what was sent: {details}");
    }
    assert_eq!(app.database.count("select count(*) from clients where first_name = ''").await, 0);
}

#[tokio::test]
async fn each_bad_value_is_refused_where_it_stands() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let long = |n: usize| json!("x".repeat(n));
    for (body, places) in [
        (without(client_body(), "last_name"), vec!["#/last_name"]),
        (with(client_body(), "/last_name", json!(null)), vec!["#/last_name"]),
        (with(client_body(), "/last_name", json!(["Roy"])), vec!["#/last_name"]),
        (with(client_body(), "/last_name", long(101)), vec!["#/last_name"]),
        (with(client_body(), "/last_name", json!("Ro\u{0}y")), vec!["#/last_name"]),
        (with(client_body(), "/risks", json!(["a\u{0}"])), vec!["#/risks/0"]),
        (with(client_body(), "/risks", json!([""])), vec!["#/risks/0"]),
        (with(client_body(), "/risks", json!(vec!["x"; 51])), vec!["#/risks"]),
        (with(client_body(), "/date_of_birth", json!("2026-02-30")), vec!["#/date_of_birth"]),
        (with(client_body(), "/date_of_birth", json!("1950-5-5")), vec!["#/date_of_birth"]),
        (with(client_body(), "/date_of_birth", json!("2999-01-01")), vec!["#/date_of_birth"]),
        (with(client_body(), "/date_of_birth", json!("0001-01-01")), vec!["#/date_of_birth"]),
        (with(client_body(), "/latitude", json!(45)), vec!["#/longitude"]),
        (with(client_body(), "/longitude", json!(-79)), vec!["#/latitude"]),
        (
            with(with(client_body(), "/latitude", json!(91)), "/longitude", json!(-180.5)),
            vec!["#/latitude", "#/longitude"],
        ),
        (with(client_body(), "/phone", json!("+0123456789")), vec!["#/phone"]),
        (with(client_body(), "/preferred_language", json!("français")), vec!["#/preferred_language"]),
        (with(client_body(), "/coordinator_id", json!(NURSE.id)), vec!["#/coordinator_id"]),
        (with(client_body(), "/coordinator_id", json!(Uuid::now_v7())), vec!["#/coordinator_id"]),
        (json!([]), vec!["#"]),
        (json!("client"), vec!["#"]),
        (json!(null), vec!["#"]),
    ] {
        let answer = coordinator.post("/v1/clients", &body).await;
        assert_eq!(answer.faults(), places, "{body}");
    }
    coordinator.post("/v1/clients", &client_body()).await.expect(201);
}

#[tokio::test]
async fn a_visit_must_make_sense() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    for (body, places) in [
        (with(visit_body(), "/scheduled_end", json!("2026-12-01T10:00:00Z")), vec!["#/scheduled_end"]),
        (with(visit_body(), "/scheduled_end", json!("2026-12-03T10:00:00Z")), vec!["#/scheduled_end"]),
        (with(visit_body(), "/scheduled_start", json!("2026-12-01T10:00:00")), vec!["#/scheduled_start"]),
        (with(visit_body(), "/scheduled_start", json!("2026-02-30T10:00:00Z")), vec!["#/scheduled_start"]),
        (with(visit_body(), "/scheduled_start", json!(1_700_000_000)), vec!["#/scheduled_start"]),
        (with(visit_body(), "/client_id", json!(Uuid::now_v7())), vec!["#/client_id"]),
        (with(visit_body(), "/user_id", json!(FAMILY.id)), vec!["#/user_id"]),
        (with(visit_body(), "/status", json!("completed")), vec!["#/status"]),
        (with(visit_body(), "/notes", json!("x".repeat(10_001))), vec!["#/notes"]),
        (with(visit_body(), "/allow_overlap", json!("yes")), vec!["#/allow_overlap"]),
        (
            with(with(visit_body(), "/client_id", json!(Uuid::now_v7())), "/user_id", json!(Uuid::now_v7())),
            vec!["#/client_id", "#/user_id"],
        ),
    ] {
        let answer = coordinator.post("/v1/visits", &body).await;
        assert_eq!(answer.faults(), places, "{body}");
    }
    // Whatever offset it is written with, a moment is a moment; and the ends of the calendar are no reason to fall
    // over.
    for (start, end, status) in [
        ("2026-12-01T05:00:00-05:00", "2026-12-01T11:00:00Z", 201),
        ("9999-12-31T23:00:00-10:00", "9999-12-31T23:59:59-23:59", 422),
        ("0000-01-01T00:00:00Z", "0000-01-01T01:00:00Z", 422),
        ("2199-12-31T22:00:00Z", "2199-12-31T23:00:00Z", 201),
        ("9999-12-30T22:00:00Z", "9999-12-30T23:00:00Z", 422),
    ] {
        let body = with(with(visit_body(), "/scheduled_start", json!(start)), "/scheduled_end", json!(end));
        assert_eq!(coordinator.post("/v1/visits", &body).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn half_a_place_is_refused_where_the_other_half_should_be() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    for (given, missing) in [("latitude", "#/longitude"), ("longitude", "#/latitude")] {
        for verb in ["check-in", "check-out"] {
            let body = json!({"at": Timestamp::now(), given: 43.65});
            let answer = nurse.post(&format!("/v1/visits/{NURSES_VISIT}/{verb}"), &body).await;
            assert_eq!(answer.faults(), [missing], "{verb}");
        }
    }
}

#[tokio::test]
async fn vitals_out_of_range_are_refused_with_the_range() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let path = format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_VITALS}");
    let data = json!({"data": {
        "blood_pressure": {"systolic": 400, "diastolic": 78, "unit": "kPa"},
        "heart_rate": {"value": 19, "unit": "bpm"},
        "temperature": {"value": 98.6, "unit": "°F"},
        "oxygen_saturation": {"value": 101, "unit": "%"}}});
    let answer = nurse.patch(&path, &data).await;
    assert_eq!(
        answer.faults(),
        [
            "#/data/blood_pressure/systolic",
            "#/data/blood_pressure/unit",
            "#/data/heart_rate/value",
            "#/data/oxygen_saturation/value",
            "#/data/temperature/unit",
            "#/data/temperature/value",
        ]
    );
    let text = answer.json()["errors"].to_string();
    assert!(text.contains("must be between 40 and 300 mmHg"), "{text}");
    for (data, places) in [
        (json!({}), vec!["#/data"]),
        (json!({"mood": 3}), vec!["#/data/mood"]),
        (json!({"pain": {"value": 11, "unit": "/10"}}), vec!["#/data/pain/value"]),
        (json!({"pain": {"value": "much"}}), vec!["#/data/pain/unit", "#/data/pain/value"]),
        (
            json!({"blood_pressure": {"systolic": 80, "diastolic": 90, "unit": "mmHg"}}),
            vec!["#/data/blood_pressure/diastolic"],
        ),
    ] {
        assert_eq!(nurse.patch(&path, &json!({"data": data})).await.faults(), places, "{data}");
    }
    let dose = |outcome: &str| {
        json!({"task_type": "medication", "title": "Metformin", "completed": true,
        "data": {"name": "Metformin", "dose": "500 mg", "route": "oral", "outcome": outcome}})
    };
    let tasks = format!("/v1/visits/{NURSES_VISIT}/tasks");
    assert_eq!(nurse.post(&tasks, &dose("refused")).await.faults(), ["#/data/reason"]);
    assert_eq!(nurse.post(&tasks, &dose("lost")).await.faults(), ["#/data/outcome"]);
    nurse.post(&tasks, &dose("given")).await.expect(201);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_malformed() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let json_type = [("content-type", "application/json")];
    let nested = |open: &str, n: usize| open.repeat(n).into_bytes();
    for (what, body) in [
        ("nothing", Vec::new()),
        ("a broken object", b"{\"first_name\": ".to_vec()),
        ("bad UTF-8", b"{\"first_name\": \"\xff\xfe\"}".to_vec()),
        ("a lone surrogate", br#"{"first_name": "\ud800"}"#.to_vec()),
        ("a number beyond all", b"{\"latitude\": 1e999}".to_vec()),
        ("trailing text", b"{} {}".to_vec()),
        ("deep arrays", nested("[", 60_000)),
        ("deep objects", nested("{\"a\":", 12_000)),
        ("a null byte", b"\0".to_vec()),
    ] {
        let answer = coordinator.send_bytes("POST", "/v1/clients", Some(body), &json_type).await;
        assert_eq!(answer.problem(400), "malformed", "{what}");
    }
    let large = coordinator.send_bytes("POST", "/v1/clients", Some(vec![b' '; (64 << 10) + 1]), &json_type).await;
    assert_eq!(large.problem(413), "too-large");
    for declared in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let headers = [("content-type", declared)];
        let answer = coordinator.send_bytes("POST", "/v1/clients", Some(b"{}".to_vec()), &headers).await;
        assert_eq!(answer.problem(415), "unsupported-media-type", "{declared}");
    }
    let headers = [("content-type", "Application/JSON; charset=utf-8")];
    let body = client_body().to_string().into_bytes();
    assert_eq!(coordinator.send_bytes("POST", "/v1/clients", Some(body), &headers).await.status, 201);
}

#[tokio::test]
async fn every_fault_of_a_query_is_named_at_once() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let answer =
        nurse.get("/v1/visits?from=yesterday&limit=0&status=lost&client_id=7&user=me&to=2026-02-30T00:00:00Z").await;
    assert_eq!(answer.faults(), ["client_id", "from", "limit", "status", "to", "user"]);
    for (query, place) in [
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=xyz", "cursor"),
        ("cursor=bnVsbA", "cursor"),
        ("status=%00", "status"),
        ("from=%FF", "from"),
    ] {
        assert_eq!(nurse.get(&format!("/v1/visits?{query}")).await.faults(), [place], "{query}");
    }
    assert_eq!(nurse.get("/v1/clients?name=%00").await.faults(), ["name"]);
    assert_eq!(nurse.get("/v1/clients?name=").await.faults(), ["name"]);
    // Signs that SQL's patterns know mean themselves.
    assert_eq!(nurse.get("/v1/clients?name=%25").await.expect(200)["items"], json!([]));
    assert_eq!(nurse.get("/v1/clients?name=%27%3B--").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn an_invalid_id_is_named() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    for path in ["/v1/clients/7", "/v1/clients/%00", "/v1/clients/%FF", "/v1/visits/%252F", "/v1/users/x/devices"] {
        let answer = coordinator.get(path).await;
        assert_eq!(answer.status, 422, "{path}: {answer:?}");
        assert_eq!(answer.faults(), ["id"], "{path}");
    }
    let task = format!("/v1/visits/{NURSES_VISIT}/tasks/7");
    assert_eq!(coordinator.delete(&task).await.faults(), ["task_id"]);
}

#[tokio::test]
async fn a_patch_is_checked_as_a_whole_and_changes_what_it_names() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let path = format!("/v1/clients/{ALMA}");
    for (body, places) in [
        (json!({}), vec!["#"]),
        (json!({"first_name": null}), vec!["#/first_name"]),
        (json!({"id": ALMA}), vec!["#/id"]),
        (json!({"care_plan": {}}), vec!["#/care_plan"]),
        (json!({"latitude": null}), vec!["#/latitude"]),
        (json!({"date_of_birth": "2026-02-30", "risks": "dog"}), vec!["#/date_of_birth", "#/risks"]),
    ] {
        assert_eq!(coordinator.patch(&path, &body).await.faults(), places, "{body}");
    }
    let before = coordinator.get(&path).await.expect(200);
    let headers = [("content-type", "application/merge-patch+json")];
    let changed = json!({"phone": null, "risks": []});
    let after = coordinator.send("PATCH", &path, Some(&changed), &headers).await.expect(200);
    assert_eq!((&after["phone"], &after["risks"]), (&json!(null), &json!([])));
    for same in ["first_name", "last_name", "address", "latitude", "date_of_birth", "emergency_contacts"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    let moved = json!({"client_id": BERNARD});
    assert_eq!(coordinator.patch(&format!("/v1/visits/{AIDES_VISIT}"), &moved).await.faults(), ["#/client_id"]);
}

/// Values that once broke something somewhere, in every field of every body that has fields.
#[tokio::test]
async fn no_value_in_any_field_makes_a_5xx() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let document = serde_json::to_value(local::document::whole().unwrap()).unwrap();
    let nasty = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1e300),
        json!(9_223_372_036_854_775_807_i64),
        json!(18_446_744_073_709_551_615_u64),
        json!(0.1),
        json!(""),
        json!("\u{0}"),
        json!("\u{feff}\u{202e}🩺"),
        json!("x".repeat(70_000)),
        json!("2026-02-30"),
        json!("99999-01-01T00:00:00Z"),
        json!("infinity"),
        json!("00000000-0000-0000-0000-000000000000"),
        json!([]),
        json!([[[[]]]]),
        json!({}),
        json!({"a": {"b": null}}),
        json!("'; drop table users; --"),
    ];
    let mut sent = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(example) = example_of(&document, operation) else { continue };
            // Signing in and its kin count attempts; they have tests of their own.
            if path.starts_with("/v1/auth/") && path != "/v1/auth/me" {
                continue;
            }
            let path = fill(path);
            for name in example.as_object().unwrap().keys() {
                for value in &nasty {
                    let body = with(example.clone(), &format!("/{name}"), value.clone());
                    let answer = admin.send(&method.to_uppercase(), &path, Some(&body), &[]).await;
                    assert!(answer.status < 500, "{method} {path} {name} = {value}: {answer:?}");
                    sent += 1;
                }
            }
        }
    }
    assert!(sent > 500, "{sent}");
}

fn example_of(document: &Value, operation: &Value) -> Option<Value> {
    let reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str()?;
    Some(document.pointer(reference.trim_start_matches('#'))?["example"].clone())
}

pub(super) fn fill(path: &str) -> String {
    path.replace("/clients/{id}", &format!("/clients/{ALMA}"))
        .replace("/visits/{id}", &format!("/visits/{NURSES_VISIT}"))
        .replace("/users/{id}", &format!("/users/{}", NURSE.id))
        .replace("/photos/{id}", &format!("/photos/{}", Uuid::nil()))
        .replace("{task_id}", &NURSES_VITALS.to_string())
        .replace("{member_id}", &crate::harness::fixtures::NURSE_OF_ALMA.to_string())
}

//! What a hostile client sends costs it more than us: no answer grows faster than the question, on any path, and
//! nothing that it forges or makes up is a 5xx.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::bad_input::fill;
use crate::harness::{
    Client, TestApp,
    fixtures::{ALMA, NURSE, NURSES_VISIT},
    phone::Phone,
};

const KILOBYTE: usize = 1 << 10;
/// What a refusal takes at most: 50 faults, each of 200 characters and a sentence.
const LARGEST_REFUSAL: usize = 24 * KILOBYTE;

/// Each operation of the document: its method, and its path with ids that exist.
fn operations() -> Vec<(String, String, Value)> {
    let document = serde_json::to_value(local::document::whole().unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let of_path = item.as_object().unwrap().iter();
            of_path.map(|(method, operation)| (method.to_uppercase(), fill(path), operation.clone()))
        })
        .map(|(method, path, operation)| {
            let path = path
                .replace("/alerts/{id}", &format!("/alerts/{}", Uuid::nil()))
                .replace("{device_id}", &Uuid::nil().to_string())
                .replace("{file}", "index.html")
                .replace("{id}", &Uuid::nil().to_string());
            (method, path, operation)
        })
        .collect()
}

/// Bodies of about `size` bytes that mean harm.
fn bodies(size: usize) -> Vec<(&'static str, Vec<u8>)> {
    let names = |length: usize| {
        let one = |n: usize| (format!("{n}{}", "é\u{0}~".repeat(length)), json!(1));
        let all: Map<_, _> = (0..size / (length * 9 + 12)).map(one).collect();
        Value::Object(all)
    };
    let below_a_long_name = json!({"n".repeat(size / 2): vec!["\u{0}"; size / 18]});
    let nested = (0..100).fold(json!("\u{0}"), |inner, n| json!({format!("{n}{}", "x".repeat(size / 120)): inner}));
    let known = json!({"first_name": vec!["\u{0}"; size / 9], "risks": vec![json!({}); size / 9]});
    [
        ("unknown names", names(1)),
        ("long unknown names", names(100)),
        ("NULs", json!(vec!["\u{0}"; size / 9])),
        ("NULs below a long name", below_a_long_name),
        ("deep names", nested),
        ("wrong types in known fields", known),
        ("a long string", json!({"email": "\u{0}".repeat(size / 6), "data": "\"".repeat(size / 6)})),
        ("a huge array", json!(vec![1; size / 2])),
        ("tables", json!({"changes": names(20)})),
        ("lists", json!({"changes": {"t".repeat(size / 3): names(20)}})),
    ]
    .into_iter()
    .map(|(what, value)| (what, value.to_string().into_bytes()))
    .chain([
        ("deep arrays", [vec![b'['; size / 2], vec![b']'; size / 2]].concat()),
        ("no text", vec![0xff; size]),
        ("one name", format!("{{{}\"a\":1}}", "\"a\":1,".repeat(size / 6)).into_bytes()),
    ])
    .collect()
}

#[tokio::test]
async fn no_answer_grows_faster_than_the_question() {
    let app = TestApp::new().await;
    // An admin may do what others may, but push.
    let (admin, nurse) = (app.admin().await, app.nurse().await);
    let mut sent = 0;
    for (method, path, operation) in operations() {
        // What takes no body ignores it.
        if method == "GET" || operation.get("requestBody").is_none() {
            continue;
        }
        let of_form = path.contains("/sms/") || path.contains("/voice/");
        let headers =
            [("content-type", if of_form { "application/x-www-form-urlencoded" } else { "application/json" })];
        let client = if path == "/v1/sync" { &nurse } else { &admin };
        let mut smaller: Vec<usize> = Vec::new();
        for size in [4 * KILOBYTE, 60 * KILOBYTE] {
            for (index, (what, body)) in bodies(size).into_iter().enumerate() {
                let asked = body.len();
                let answer = client.send_bytes(&method, &path, Some(body), &headers).await;
                let at = format!("{method} {path}, {what} of {asked} bytes: {}", answer.status);
                assert!((400..500).contains(&answer.status) || path == "/v1/sync", "{at}: {answer:?}");
                assert!(answer.status < 500, "{at}");
                let answered = answer.body.len();
                let largest = LARGEST_REFUSAL + if path == "/v1/sync" { 2 * asked } else { 0 };
                assert!(answered <= largest, "{at}, answered with {answered}");
                match smaller.get(index) {
                    Some(before) => assert!(answered <= LARGEST_REFUSAL.max(*before) + asked, "{at}: {answered}"),
                    None => smaller.push(answered),
                }
                sent += 1;
            }
        }
    }
    assert!(sent > 500, "{sent}");
}

#[tokio::test]
async fn bodies_outside_sync_are_too_large_beyond_64_kilobytes() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let mut paths = 0;
    for (method, path, operation) in operations() {
        if operation["requestBody"]["content"].get("application/json").is_none() || path == "/v1/sync" {
            continue;
        }
        let headers = [("content-type", "application/json")];
        let answer = admin.send_bytes(&method, &path, Some(vec![b' '; 64 * KILOBYTE + 1]), &headers).await;
        // A path that isn't this role's says so first.
        if answer.status != 403 {
            assert_eq!(answer.problem(413), "too-large", "{method} {path}");
            paths += 1;
        }
    }
    assert!(paths >= 15, "{paths}");
}

#[tokio::test]
async fn a_hostile_query_is_answered_shortly() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for (method, path, _) in operations().into_iter().filter(|(method, ..)| method == "GET") {
        for query in ["%00=1&".repeat(1_000), format!("{}=%00", "%C3%A9".repeat(1_300)), "limit=1&".repeat(1_000)] {
            let answer = admin.send(&method, &format!("{path}?{query}"), None, &[]).await;
            assert!(answer.status < 500, "{path}: {answer:?}");
            if answer.status >= 400 {
                assert!(answer.body.len() <= LARGEST_REFUSAL, "{path}: {}", answer.body.len());
            }
        }
    }
}

/// Cursors that no page ever ended with.
fn forged_cursors() -> Vec<String> {
    let of = |key: Value| URL_SAFE_NO_PAD.encode(key.to_string());
    let nobody = Uuid::nil();
    let mut forged: Vec<String> = ["%00", "xyz", "%FF", "=", "bnVsbA", "W10", "%F0%9F%A9%BA"].map(Into::into).to_vec();
    forged.extend(
        [
            json!({}),
            json!("\u{0}"),
            json!(["\u{0}", "\u{0}", nobody]),
            json!(["a", "b\u{0}", nobody]),
            json!(["-009999-01-02T00:00:00Z", nobody]),
            json!(["-004800-01-02T00:00:00Z", nobody]),
            json!(["+999999-01-02T00:00:00Z", nobody]),
            json!(["99999-01-01T00:00:00Z", nobody]),
            json!(["infinity", nobody]),
            json!(["2026-02-30T00:00:00Z", nobody]),
            json!([1e300, nobody]),
            json!([-1e300]),
            json!(1e300),
            json!([["2026-02-03T00:00:00Z"], nobody]),
            json!(["2026-02-03T00:00:00Z", "\u{0}"]),
        ]
        .map(of),
    );
    forged.push(URL_SAFE_NO_PAD.encode("[".repeat(700)));
    forged.push(URL_SAFE_NO_PAD.encode("[99999999999999999999999999999999999999]"));
    forged
}

#[tokio::test]
async fn a_forged_cursor_is_refused_in_every_list() {
    let app = TestApp::new().await;
    let clients = [app.admin().await, app.coordinator().await, app.nurse().await, app.family().await];
    // Whatever kind of thing a path names, there is one under this id.
    let incident = json!({"id": ALMA, "description": "A phone was stolen.", "found_at": jiff::Timestamp::now()});
    clients[0].post("/v1/privacy/incidents", &incident).await.expect(201);
    let mut lists = 0;
    for (method, path, operation) in operations() {
        let has_cursor =
            operation["parameters"].as_array().into_iter().flatten().any(|parameter| parameter["name"] == "cursor");
        if method != "GET" || !has_cursor {
            continue;
        }
        let path = path.replace(&Uuid::nil().to_string(), &ALMA.to_string());
        let path = match path.as_str() {
            "/v1/photos" => format!("{path}?client_id={ALMA}"),
            // The agency's first number.
            "/v1/events" => format!("{path}?after={}", 1_i64 << 40),
            affected if affected.ends_with("/affected") => format!("{path}?actor_id={ALMA}"),
            _ => path,
        };
        let mut refused = 0;
        for client in &clients {
            let mine = client.get(&path).await;
            if mine.status != 200 {
                continue;
            }
            for cursor in forged_cursors() {
                let separator = if path.contains('?') { '&' } else { '?' };
                let answer = client.get(&format!("{path}{separator}cursor={cursor}")).await;
                // Where a page begins behind a name, any text is one that a page may have ended with.
                let by_name = matches!(path.as_str(), "/v1/clients" | "/v1/users" | "/v1/family/clients")
                    || path.ends_with("/who-can-see");
                if by_name && answer.status == 200 {
                    continue;
                }
                assert_eq!(answer.faults(), ["cursor"], "{path} {cursor}");
                refused += 1;
            }
        }
        assert!(refused > 0, "nobody may read {path}");
        lists += 1;
    }
    assert!(lists >= 8, "{lists}");
}

#[tokio::test]
async fn a_forged_cursor_of_sync_is_refused_or_served_as_none() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    for forged in ["abc", "%00", "-1", "1e5", "9007199254740992", "99999999999999999999", "1.5", "%F0%9F%A9%BA"] {
        for path in [format!("/v1/sync?last_pulled_at={forged}"), format!("/v1/sync?pending={forged}000000000")] {
            assert_eq!(nurse.get(&path).await.status, 422, "{path}");
        }
    }
    for absurd in ["1", "9007199254740991", "1099511627775", "8998403161718783"] {
        let answer = nurse.get(&format!("/v1/sync?last_pulled_at={absurd}&pending=0")).await;
        assert!(answer.status < 500, "{absurd}: {answer:?}");
    }
}

#[tokio::test]
async fn a_migration_names_each_table_once() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    phone.pull(None).await;
    let cursor = phone.cursor.unwrap();
    let pull = async |client: &Client, migration: Value| {
        let migration = form_urlencoded::byte_serialize(migration.to_string().as_bytes()).collect::<String>();
        client.get(&format!("/v1/sync?last_pulled_at={cursor}&schema_version=1&migration={migration}")).await
    };
    let once = pull(&phone.client, json!({"from": 0, "tables": ["visits"], "columns": []})).await.expect(200);
    let thousand = json!({"from": 0, "tables": vec!["visits"; 900], "columns": []});
    let often = pull(&phone.client, thousand).await.expect(200);
    assert_eq!(often["changes"]["visits"], once["changes"]["visits"]);
    let visits = often["changes"]["visits"].to_string();
    assert_eq!(visits.matches(&NURSES_VISIT.to_string()).count(), 1, "{visits}");
    let columns = json!({"table": "visits", "columns": vec!["notes"; 200]});
    pull(&phone.client, json!({"from": 0, "tables": [], "columns": vec![columns; 4]})).await.expect(200);
}

#[tokio::test]
async fn a_push_names_few_tables_and_lists() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let many: Map<_, _> = (0..101).map(|n| (n.to_string(), json!([]))).collect();
    assert_eq!(nurse.post("/v1/sync", &json!({"changes": many})).await.faults(), ["#/changes"]);
    assert_eq!(nurse.post("/v1/sync", &json!({"changes": {"visits": many}})).await.faults(), ["#/changes/visits"]);
    // The name of a table is copied for each of its lists, and into each fault.
    let long = "t".repeat(3 << 20);
    let lists: Map<_, _> = (0..100).map(|n| (n.to_string(), json!(1))).collect();
    let answer = nurse.post("/v1/sync", &json!({"changes": {long: lists}})).await;
    assert_eq!(answer.status, 422);
    assert!(answer.body.len() <= LARGEST_REFUSAL, "{}", answer.body.len());
}

#[tokio::test]
async fn the_quarantine_of_a_device_is_bounded() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let agency = NURSE.agency;
    app.database
        .write(
            agency,
            &format!(
                "insert into sync_quarantine (agency_id, device_id, user_id, table_name, record_id, body, body_sha256,
                   reason)
                 select '{agency}', '{}', '{}', 'visits', n::text, 'null', sha256(n::text::bytea), 'test'
                 from generate_series(1, 9998) n",
                nurse.device_id, NURSE.id
            ),
        )
        .await;
    let push = |ids: [i32; 3]| json!({"changes": {"visits": {"created": [], "updated": [], "deleted": ids}}});
    let told = nurse.post("/v1/sync", &push([1, 2, 3])).await.expect(200);
    // Refused all the same.
    assert_eq!(told["rejected"].as_array().unwrap().len(), 3, "{told}");
    assert_eq!(app.database.count("select count(*) from sync_quarantine").await, 10_000);
    nurse.post("/v1/sync", &push([4, 5, 6])).await.expect(200);
    assert_eq!(app.database.count("select count(*) from sync_quarantine").await, 10_000);
    // Another device has a share of its own.
    app.nurse().await.post("/v1/sync", &push([4, 5, 6])).await.expect(200);
    assert_eq!(app.database.count("select count(*) from sync_quarantine").await, 10_003);
}

//! No answer is larger than Lambda takes (6,291,556 bytes), compressed or not, whatever is stored or asked. What is not
//! compressed stands in it as a JSON string, where each quote takes another byte or two.

use serde_json::{Value, json};

use crate::harness::{
    Answer, Client, TestApp,
    fixtures::{ALMA, COORDINATOR},
    phone::{Phone, ids},
};

const LAMBDAS: usize = 6_291_556;
/// What grows most in JSON: 10,000 quotes.
const QUOTES: &str = "repeat('\"', 10000)";

#[track_caller]
fn must_fit(answer: &Answer, at: &str) {
    assert!(answer.on_the_wire < LAMBDAS, "{at}: {} bytes", answer.on_the_wire);
}

/// Each page fits; answers how many pages and items there are.
async fn pages(who: &Client, path: &str) -> (usize, usize) {
    let (mut next, mut count, mut items) = (path.to_owned(), 0, 0);
    loop {
        let answer = who.get(&next).await;
        must_fit(&answer, path);
        let page = answer.expect(200);
        count += 1;
        items += page["items"].as_array().unwrap().len();
        let Some(cursor) = page["next_cursor"].as_str() else { return (count, items) };
        next = format!("{path}&cursor={cursor}");
    }
}

#[tokio::test]
async fn lists_are_cut_by_bytes() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    app.add_visits(300, ("notes", QUOTES)).await;
    let (count, items) =
        pages(&coordinator, &format!("/v1/visits?limit=200&client_id={ALMA}&to=2100-01-01T00:00:00Z")).await;
    assert!(count > 2 && items >= 300, "{count} pages of {items}");

    // A plan of 60 KB, a hundred times.
    let agency = COORDINATOR.agency;
    app.database
        .write(
            agency,
            &format!(
                "select app.reserve_change_numbers(1);
                 insert into care_plan_versions (client_id, version, agency_id, plan)
                 select '{ALMA}', n, '{agency}', jsonb_build_object('summary', '', 'goals', '[]'::jsonb,
                   'allergies', '[]'::jsonb, 'medications', '[]'::jsonb,
                   'instructions', jsonb_build_array(repeat('\"', 30000)))
                 from generate_series(1001, 1100) n"
            ),
        )
        .await;
    let (count, items) = pages(&coordinator, &format!("/v1/clients/{ALMA}/care-plan/versions?limit=200")).await;
    assert!(count > 2 && items >= 100, "{count} pages of {items}");
}

#[tokio::test]
async fn a_familys_view_holds_as_much_as_fits() {
    let app = TestApp::new().await;
    app.add_visits(1_200, ("family_note", "repeat('\"', 2000)")).await;
    let answer = app.family().await.get(&format!("/v1/family/clients/{ALMA}")).await;
    must_fit(&answer, "the family's view");
    let view = answer.expect(200);
    let visits = view["visits"].as_array().unwrap();
    assert!((500..1_200).contains(&visits.len()), "{}", visits.len());
    let starts: Vec<_> = visits.iter().map(|visit| visit["scheduled_start"].as_str().unwrap()).collect();
    assert!(starts.is_sorted_by(|a, b| a >= b), "the newest are first");
}

#[tokio::test]
async fn a_pull_fits_however_its_compression_is_weighed() {
    let app = TestApp::new().await;
    app.add_visits(500, ("notes", QUOTES)).await;
    let nurse = app.nurse().await;
    for accepted in
        ["", "gzip;q=0", "br;q=0.0", "identity", "identity, gzip", "gzip;q=0.1, identity;q=1", "deflate", "GZIP"]
    {
        let (mut cursor, mut seen) = (0, Vec::new());
        loop {
            let path = format!("/v1/sync?last_pulled_at={cursor}&schema_version=2&pending=0&migration=null");
            let answer = nurse.send("GET", &path, None, &[("accept-encoding", accepted)]).await;
            must_fit(&answer, accepted);
            let page = answer.expect(200);
            seen.extend(["created", "updated"].iter().flat_map(|list| ids(&page, "visits", list)));
            cursor = page["timestamp"].as_i64().unwrap();
            if page.get("has_more").is_none() {
                break;
            }
        }
        assert!(seen.len() >= 500, "{accepted}: {} visits", seen.len());
    }
}

#[tokio::test]
async fn a_push_is_answered_shortly_whatever_it_refuses() {
    let app = TestApp::new().await;
    let phone = Phone::of(app.nurse().await);
    let hostile: Vec<Value> = (0..3_000).map(|n| json!(format!("{n}{}", "\"é".repeat(300)))).collect();
    let table = "\"".repeat(100_000);
    let answer = phone.push(json!({table: {"created": [], "updated": [], "deleted": hostile}})).await;
    must_fit(&answer, "a push");
    let told = answer.expect(200);
    assert_eq!((&told["applied"], told["experimentalRejectedIds"].as_object().unwrap().len()), (&json!(0), 0));
    assert!(!told["rejected"].as_array().unwrap().is_empty());
    assert_eq!(app.database.count("select count(*) from sync_quarantine").await, 3_000);
}

#[tokio::test]
async fn a_refusal_names_50_faults_and_short_pointers() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let fields: serde_json::Map<_, _> = (0..500).map(|n| (format!("{n}{}", "é".repeat(20)), json!(1))).collect();
    let problem = coordinator.post("/v1/clients", &Value::Object(fields)).await.expect(422);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 50);
    // Three fields are missing.
    assert_eq!(problem["detail"], "504 values are invalid. The first 50 are named.");

    let problem = coordinator.post("/v1/clients", &json!({"x".repeat(60_000): 1})).await.expect(422);
    let long = problem["errors"].as_array().unwrap().iter().find(|e| e["pointer"].as_str().unwrap().contains("xxx"));
    assert_eq!(long.unwrap()["pointer"].as_str().unwrap().chars().count(), 200);
    let answer = coordinator.get(&format!("/v1/clients?{}=1", "é".repeat(2_000))).await;
    assert!(answer.on_the_wire < 3_000, "{}", answer.on_the_wire);
    assert_eq!(answer.faults().len(), 1);
}

#[tokio::test]
async fn bodies_outside_sync_end_at_64_kilobytes() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let body = |bytes: usize| {
        let empty = json!({"summary": "", "instructions": [""]}).to_string().len();
        json!({"summary": "", "instructions": ["x".repeat(bytes - empty)]})
    };
    let path = format!("/v1/clients/{ALMA}/care-plan");
    coordinator.put(&path, &body(64 << 10)).await.expect(200);
    assert_eq!(coordinator.put(&path, &body((64 << 10) + 1)).await.problem(413), "too-large");
}

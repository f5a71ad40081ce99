//! What every path does alike: versions, conditional requests, compression, headers, pages, and paths that aren't.

use serde_json::{Value, json};

use crate::harness::{
    TestApp,
    fixtures::{AGENCY_A, ALMA, BERNARD, CHLOE, COORDINATOR, FAMILY, NURSES_MEALS, NURSES_VISIT, consent},
};

#[tokio::test]
async fn if_none_match_answers_304() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    for path in [
        "/v1/visits".to_owned(),
        "/v1/clients".to_owned(),
        format!("/v1/clients/{ALMA}"),
        format!("/v1/visits/{NURSES_VISIT}"),
        format!("/v1/clients/{ALMA}/timeline"),
        format!("/v1/clients/{ALMA}/history"),
        "/v1/auth/me".to_owned(),
    ] {
        let first = nurse.get(&path).await;
        let tag = first.header("etag").unwrap_or_else(|| panic!("{path} has no etag")).to_owned();
        let again = nurse.send("GET", &path, None, &[("if-none-match", &format!("\"other\", W/{tag}"))]).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), Some(tag.as_str()));
        let other = nurse.send("GET", &path, None, &[("if-none-match", "\"other\"")]).await;
        assert_eq!(other.status, 200, "{path}");
    }
    let path = format!("/v1/clients/{ALMA}");
    let tag = nurse.get(&path).await.header("etag").unwrap().to_owned();
    coordinator.patch(&path, &json!({"risks": ["stairs"]})).await.expect(200);
    let fresh = nurse.send("GET", &path, None, &[("if-none-match", &tag)]).await;
    assert_eq!(fresh.expect(200)["risks"], json!(["stairs"]));
}

#[tokio::test]
async fn what_was_created_is_where_the_answer_says() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let user = json!({"email": "located@a.test", "phone": "+14165550778", "first_name": "Noor", "last_name": "Haddad",
        "role": "nurse"});
    let client = json!({"first_name": "Alma", "last_name": "Ng", "date_of_birth": "1940-01-02", "address":
        {"street": "1 King Street", "city": "Toronto", "province": "ON", "postal_code": "M5H 1A1", "country": "CA"}});
    for (path, body) in [("/v1/users", user), ("/v1/clients", client)] {
        let created = coordinator.post(path, &body).await;
        let location = created.header("location").unwrap_or_else(|| panic!("{path}: no location")).to_owned();
        let id = created.expect(201)["id"].clone();
        assert_eq!(location, format!("{path}/{}", id.as_str().unwrap()));
        assert_eq!(coordinator.get(&location).await.expect(200)["id"], id);
    }
    let task = json!({"task_type": "meals", "title": "Lunch"});
    let created = app.nurse().await.post(&format!("/v1/visits/{NURSES_VISIT}/tasks"), &task).await;
    let location = created.header("location").unwrap().to_owned();
    let id = created.expect(201)["id"].as_str().unwrap().to_owned();
    assert_eq!(location, format!("/v1/visits/{NURSES_VISIT}/tasks/{id}"));
}

#[tokio::test]
async fn a_visits_version_is_that_of_its_newest_part() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let path = format!("/v1/visits/{NURSES_VISIT}");
    let tag = nurse.get(&path).await.header("etag").unwrap().to_owned();
    let task = nurse.patch(&format!("{path}/tasks/{NURSES_MEALS}"), &json!({"completed": true})).await;
    task.expect(200);
    let fresh = nurse.send("GET", &path, None, &[("if-none-match", &tag)]).await;
    assert_eq!(fresh.status, 200);
    let stale = nurse.send("PATCH", &path, Some(&json!({"notes": "x"})), &[("if-match", &tag)]).await;
    assert_eq!(stale.problem(412), "stale");
    let newest = fresh.header("etag").unwrap();
    nurse.send("PATCH", &path, Some(&json!({"notes": "x"})), &[("if-match", newest)]).await.expect(200);
}

#[tokio::test]
async fn if_match_refuses_a_stale_change() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    for (path, change) in [
        (format!("/v1/clients/{ALMA}"), json!({"risks": ["a"]})),
        (format!("/v1/visits/{NURSES_VISIT}"), json!({"notes": "a"})),
        ("/v1/auth/me".to_owned(), json!({"first_name": "Cora"})),
    ] {
        let tag = coordinator.get(&path).await.header("etag").unwrap().to_owned();
        coordinator.send("PATCH", &path, Some(&change), &[("if-match", &tag)]).await.expect(200);
        let stale = coordinator.send("PATCH", &path, Some(&change), &[("if-match", &tag)]).await;
        assert_eq!(stale.problem(412), "stale", "{path}");
        coordinator.send("PATCH", &path, Some(&change), &[("if-match", "*")]).await.expect(200);
    }
}

#[tokio::test]
async fn answers_are_compressed_when_asked() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let path = format!("/v1/visits/{NURSES_VISIT}");
    let plain = nurse.get(&path).await;
    assert_eq!(plain.header("content-encoding"), None);
    let gzip = nurse.send("GET", &path, None, &[("accept-encoding", "gzip")]).await;
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert_eq!(gzip.json(), plain.json());
    let brotli = nurse.send("GET", &path, None, &[("accept-encoding", "br")]).await;
    assert_eq!(brotli.header("content-encoding"), Some("br"));
}

#[tokio::test]
async fn a_tag_is_weak_where_the_bytes_differ_by_encoding() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let path = format!("/v1/visits/{NURSES_VISIT}");
    let strong = nurse.get(&path).await.header("etag").unwrap().to_owned();
    let gzip = nurse.send("GET", &path, None, &[("accept-encoding", "gzip")]).await;
    let weak = gzip.header("etag").unwrap();
    assert_eq!(weak, format!("W/{strong}"));
    assert_eq!(gzip.header("vary"), Some("accept-encoding"));
    let again = nurse.send("GET", &path, None, &[("if-none-match", weak), ("accept-encoding", "gzip")]).await;
    assert_eq!((again.status, again.header("vary")), (304, Some("accept-encoding")));
    nurse.send("PATCH", &path, Some(&json!({"notes": "x"})), &[("if-match", weak)]).await.expect(200);
}

#[tokio::test]
async fn every_answer_has_its_id_and_stays_out_of_caches() {
    let app = TestApp::new().await;
    let (nurse, anonymous) = (app.nurse().await, app.anonymous());
    for answer in [
        nurse.get("/v1/visits").await,
        nurse.get("/v1/clients/x").await,
        anonymous.get("/v1/visits").await,
        anonymous.get("/v1/nowhere").await,
    ] {
        assert!(!answer.header("x-request-id").unwrap().is_empty());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let policy = answer.header("content-security-policy").unwrap();
        assert_eq!(policy, "default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    for path in ["/v1/visits/nowhere/at/all", "/v1/clients/", "/v1/auth", "/v1/users/x/y/z"] {
        assert_eq!(nurse.get(path).await.problem(404), "not-found", "{path}");
    }
    for (method, path) in [("DELETE", "/v1/visits"), ("PUT", "/v1/auth/login"), ("TRACE", "/v1/clients")] {
        let answer = nurse.send(method, path, None, &[]).await;
        assert_eq!(answer.problem(405), "method-not-allowed", "{method} {path}");
        assert!(answer.header("allow").is_some(), "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn clients_are_found_by_any_part_of_their_name_without_accents() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    for (name, expected) in [
        ("elie", vec![ALMA]),
        ("ÉLIE", vec![ALMA]),
        ("alma%20e", vec![ALMA]),
        ("cote", vec![BERNARD]),
        ("C%C3%B4t", vec![BERNARD]),
        ("chloe", vec![CHLOE]),
        ("b", vec![BERNARD, CHLOE]),
        ("zz", vec![]),
    ] {
        let name = name.replace('É', "%C3%89");
        let list = coordinator.get(&format!("/v1/clients?name={name}")).await.expect(200);
        let found: Vec<_> = list["items"].as_array().unwrap().iter().map(|c| c["id"].clone()).collect();
        let mut expected: Vec<Value> = expected.iter().map(|id| json!(id)).collect();
        let mut found = found;
        expected.sort_by_key(Value::to_string);
        found.sort_by_key(Value::to_string);
        assert_eq!(found, expected, "{name}");
    }
}

#[tokio::test]
async fn pages_together_are_the_whole_list() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    for plan in ["Walk", "Walk more"] {
        coordinator.put(&format!("/v1/clients/{ALMA}/care-plan"), &json!({"summary": plan})).await.expect(200);
    }
    for kind in ["photos", "sms"] {
        coordinator.post(&format!("/v1/clients/{ALMA}/consents"), &consent(kind, true)).await.expect(201);
    }
    let family = json!({"user_id": FAMILY.id, "relation": "family", "starts_on": "2026-01-01"});
    coordinator.post(&format!("/v1/clients/{BERNARD}/care-team"), &family).await.expect(201);
    coordinator.post(&format!("/v1/clients/{BERNARD}/consents"), &consent("family_sharing", true)).await.expect(201);
    let _second_device = app.coordinator().await;
    for path in [
        "/v1/clients",
        "/v1/users",
        "/v1/visits",
        "/v1/family/clients",
        &format!("/v1/clients/{ALMA}/timeline"),
        &format!("/v1/clients/{ALMA}/history"),
        &format!("/v1/clients/{ALMA}/care-plan/versions"),
        &format!("/v1/clients/{ALMA}/care-team"),
        &format!("/v1/clients/{ALMA}/consents"),
        &format!("/v1/visits/{NURSES_VISIT}/tasks"),
        &format!("/v1/users/{}/devices", COORDINATOR.id),
    ] {
        let whole = coordinator.get(path).await.expect(200);
        assert_eq!(whole["next_cursor"], json!(null), "{path}");
        let items = coordinator.all_pages(&format!("{path}?limit=1")).await;
        assert!(items.len() > 1, "{path}");
        assert_eq!(Value::Array(items), whole["items"], "{path}");
    }
}

#[tokio::test]
async fn what_stands_at_the_same_place_is_on_one_page_each_and_on_no_other() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let same = format!(
        "update visits set scheduled_start = '2026-12-01T10:00:00Z', scheduled_end = '2026-12-01T11:00:00Z'
         where agency_id = '{AGENCY_A}';
         update clients set first_name = 'Alma', last_name = 'Roy' where agency_id = '{AGENCY_A}'"
    );
    app.database.write(AGENCY_A, &same).await;
    for path in ["/v1/visits?from=2026-12-01T10:00:00Z&to=2026-12-01T10:00:01Z", "/v1/clients?name=Roy"] {
        let whole = coordinator.get(path).await.expect(200);
        let items = coordinator.all_pages(&format!("{path}&limit=1")).await;
        assert_eq!(items.len(), 3, "{path}");
        assert_eq!(Value::Array(items), whole["items"], "{path}");
    }
}

#[tokio::test]
async fn health_reports_each_dependency() {
    let app = TestApp::new().await;
    let report = app.anonymous().get("/v1/health").await.expect(200);
    assert_eq!(report["ok"], true);
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    for dependency in ["postgresql", "dynamodb", "s3"] {
        assert_eq!(report[dependency]["ok"], true, "{report}");
        assert!(report[dependency]["latency_ms"].as_f64().unwrap() > 0.0);
    }
}

#[tokio::test]
async fn the_documentation_page_works_by_itself() {
    let app = TestApp::new().await;
    let anonymous = app.anonymous();
    let page = anonymous.get("/v1/docs").await;
    assert_eq!(page.status, 200);
    let with_slash = anonymous.get("/v1/docs/").await;
    assert_eq!((with_slash.status, &with_slash.body), (200, &page.body));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'; script-src 'self';"), "{policy}");
    let html = String::from_utf8(page.body).unwrap();
    assert!(html.contains("<base href=\"/v1/docs/\">"));
    let mut files = 0;
    for part in html.split(['"', '\'']).filter(|part| part.starts_with("./")) {
        let file = part.trim_start_matches("./");
        assert_eq!(anonymous.get(&format!("/v1/docs/{file}")).await.status, 200, "{file}");
        files += 1;
    }
    assert!(files >= 3, "{html}");
    assert!(!html.contains("http://") && !html.contains("https://"), "the page needs the internet: {html}");
    let start = anonymous.get("/v1/docs/swagger-initializer.js").await;
    assert!(String::from_utf8_lossy(&start.body).contains("/v1/openapi.json"));
    anonymous.get("/v1/docs/nothing.js").await.expect(404);
}

/// Scripts are files, since the page's policy forbids inline ones.
#[tokio::test]
async fn the_documentation_page_offers_demo_users_only_locally() {
    const SCRIPT: &str = "/v1/docs/demo-sign-in.js";
    let app = TestApp::new().await;
    let page = app.anonymous().get("/v1/docs").await;
    assert!(!String::from_utf8(page.body).unwrap().contains("demo"), "a deployed page names demo users");
    app.anonymous().get(SCRIPT).await.expect(404);

    let local = app.in_environment("local");
    let page = local.get("/v1/docs/").await;
    assert!(String::from_utf8(page.body).unwrap().contains("<script src=\"./demo-sign-in.js\"></script></body>"));
    let script = local.get(SCRIPT).await;
    assert_eq!((script.status, script.header("content-type")), (200, Some("text/javascript")));
    let script = String::from_utf8(script.body).unwrap();
    let document = local.get("/v1/openapi.json").await.json();
    assert!(document["components"]["securitySchemes"]["bearer"].is_object());
    assert!(script.contains("preauthorizeApiKey(\"bearer\""), "{script}");
}

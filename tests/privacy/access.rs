//! Who saw what: complete for officers, in words for families, and searched by admins.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::harness::{
    TestApp,
    fixtures::{ADMIN, ALMA, BERNARD, FAMILY, NURSE, NURSES_VISIT, consent},
};

fn actions(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_access_log_says_who_what_when_from_where_and_to_whom() {
    let app = TestApp::new().await;
    let (coordinator, nurse, family) = (app.coordinator().await, app.nurse().await, app.family().await);
    nurse.get(&format!("/v1/clients/{ALMA}")).await.expect(200);
    nurse.patch(&format!("/v1/visits/{NURSES_VISIT}"), &json!({"notes": "Slept well"})).await.expect(200);
    family.get(&format!("/v1/family/clients/{ALMA}")).await.expect(200);
    let path = format!("/v1/clients/{ALMA}/access-log");
    let log = coordinator.get(&path).await.expect(200);
    let lines = log["items"].as_array().unwrap();
    let line = |action: &str| lines.iter().find(|line| line["action"] == action).unwrap_or_else(|| panic!("{action}"));
    let read = line("client.read");
    assert_eq!((&read["actor"]["id"], &read["actor"]["role"]), (&json!(NURSE.id), &json!("nurse")));
    assert_eq!(read["device_id"], json!(nurse.device_id));
    assert!(read["source_ip"].is_string() && read["request_id"].is_string(), "{read}");
    assert_eq!(read["disclosed_to"], Value::Null);
    assert_eq!(line("visit.update")["resource_id"], json!(NURSES_VISIT));
    assert_eq!(line("family.read")["disclosed_to"]["id"], json!(FAMILY.id));
    assert!(!log.to_string().contains("Slept well"), "no health data: {log}");
    // Nothing of another client; and that it was read stands in it.
    assert!(lines.iter().all(|line| line["client_id"] == json!(ALMA)));
    let again = coordinator.get(&path).await.expect(200);
    assert_eq!(actions(&again)[0], "access_log.read");
    let pages =
        coordinator.all_pages(&format!("{path}?limit=1&to={}", again["items"][0]["at"].as_str().unwrap())).await;
    assert_eq!(Value::Array(pages).as_array().unwrap()[..], again["items"].as_array().unwrap()[1..]);
    let now = Timestamp::now();
    assert_eq!(actions(&coordinator.get(&format!("{path}?from={now}")).await.expect(200)), [""; 0]);
}

#[tokio::test]
async fn a_family_reads_the_access_log_in_words_and_in_its_language() {
    let app = TestApp::new().await;
    let (nurse, family, admin) = (app.nurse().await, app.family().await, app.admin().await);
    nurse.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
    admin.post("/v1/privacy/holds", &json!({"client_id": ALMA, "reason": "a proceeding"})).await.expect(201);
    admin.get(&format!("/v1/clients/{ALMA}/access-log")).await.expect(200);
    family.get(&format!("/v1/family/clients/{ALMA}")).await.expect(200);
    let path = format!("/v1/family/clients/{ALMA}/access-log");
    let log = family.get(&path).await.expect(200);
    let said: Vec<_> = log["items"].as_array().unwrap().iter().map(|l| (l["who"].clone(), l["what"].clone())).collect();
    assert_eq!(said[0], (json!("You"), json!("Looked at what the family sees")));
    assert_eq!(said[1], (json!("First, nursing"), json!("Looked at a visit")));
    // The agency's own affairs are not told, nor is anything but these words.
    let text = log.to_string();
    for hidden in ["hold", "access_log", "source_ip", "device", "admin@a.test", NURSE.email] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    let french = family.get(&format!("{path}?locale=fr-CA")).await.expect(200);
    let newest = &french["items"][0];
    assert_eq!((&newest["who"], &newest["what"]), (&json!("Vous"), &json!("A consulté ce que voit la famille")));
    let whole = family.get(&path).await.expect(200)["items"].as_array().unwrap().len();
    assert!(family.all_pages(&format!("{path}?limit=1")).await.len() > whole, "each page is on the log itself");
    let read = format!(
        "select count(*) from audit_log
         where action = 'family.access_log' and actor_id = '{}' and client_id = '{ALMA}'",
        FAMILY.id
    );
    assert!(app.database.count(&read).await > 2);
    // Coordinators see what a family reads, and there family members go unnamed.
    let seen = app.coordinator().await.get(&path).await.expect(200).to_string();
    assert!(seen.contains("Somebody of the family") && !seen.contains(FAMILY.email), "{seen}");
    admin.post(&format!("/v1/clients/{ALMA}/consents"), &consent("family_sharing", false)).await.expect(201);
    family.get(&path).await.expect(404);
}

#[tokio::test]
async fn the_audit_log_is_searched_with_a_fresh_password_and_each_search_is_on_it() {
    let app = TestApp::new().await;
    let (admin, nurse, coordinator) = (app.admin().await, app.nurse().await, app.coordinator().await);
    nurse.get(&format!("/v1/clients/{ALMA}")).await.expect(200);
    coordinator.get(&format!("/v1/clients/{BERNARD}")).await.expect(200);
    let tired = app.aged(&app.admin().await, "11 minutes").await;
    assert_eq!(tired.get("/v1/audit").await.problem(401), "step-up-required");
    assert_eq!(tired.get("/v1/audit/chain").await.problem(401), "step-up-required");
    let now = Timestamp::now();
    for (query, found) in [
        (format!("actor_id={}&action=client.read", NURSE.id), vec!["client.read"]),
        (format!("actor_id={}&action=client", NURSE.id), vec!["client.read"]),
        (format!("client_id={BERNARD}&action=client.read"), vec!["client.read"]),
        (format!("client_id={BERNARD}&action=client.read&from={now}"), vec![]),
        (format!("client_id={BERNARD}&action=client.read&to={now}"), vec!["client.read"]),
        ("action=clien".into(), vec![]),
    ] {
        assert_eq!(actions(&admin.get(&format!("/v1/audit?{query}")).await.expect(200)), found, "{query}");
    }
    assert_eq!(admin.get("/v1/audit?action=Client%25").await.faults(), ["action"]);
    let searches = format!(
        "select count(*) from audit_log where action = 'audit.search' and actor_id = '{}'
           and details ->> 'action' is not null",
        ADMIN.id
    );
    assert_eq!(app.database.count(&searches).await, 6);
    // A search for a client is a look at them.
    let log = coordinator.get(&format!("/v1/clients/{BERNARD}/access-log")).await.expect(200);
    assert!(actions(&log).contains(&"audit.search"));
    let pages = admin.all_pages("/v1/audit?limit=2&action=client.read").await;
    assert_eq!(pages.len(), 2);
}

#[tokio::test]
async fn the_chains_state_says_how_far_the_log_is_proven() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let state = async || admin.get("/v1/audit/chain").await.expect(200);
    assert_eq!(state().await["sealed_to"], Value::Null);
    let jobs = app.jobs();
    jobs.at("audit-anchor", Timestamp::now()).await;
    let anchored = state().await;
    assert!(anchored["sealed_to"].as_i64().unwrap() > 0);
    assert_eq!((&anchored["anchored_to"], &anchored["verified_to"]), (&anchored["sealed_to"], &Value::Null));
    jobs.run(json!({"job": "audit-verify"})).await.unwrap();
    let verified = state().await;
    assert_eq!((&verified["verified_to"], &verified["fault"]), (&anchored["sealed_to"], &Value::Null));
    let tamper = "set session_replication_role = replica;
         update audit_log set action = 'a.b' where id = (select audit_id from audit_chain where number = 2)";
    app.database.superuser().await.batch_execute(tamper).await.unwrap();
    jobs.run(json!({"job": "audit-verify"})).await.unwrap_err();
    let broken = state().await;
    assert!(broken["fault"].as_str().unwrap().contains("link 2"), "{broken}");
    assert_eq!(broken["verified_to"], 1);
    let asked = "select count(*) from audit_log where action = 'audit.chain'";
    assert_eq!(app.database.count(asked).await, 4);
}

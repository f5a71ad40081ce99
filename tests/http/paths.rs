//! API Gateway hands paths over decoded: each reaches the route that its bytes name, or none.

use local::gateway::{Sent, event};
use serde_json::{Value, json};

use crate::harness::{
    Answer, Client, TestApp,
    event::invoke_event,
    fixtures::{ALMA, NURSES_VISIT, NURSES_VITALS},
};

/// The coordinator's GET of a path as API Gateway names it, with more headers.
async fn get(app: &TestApp, who: &Client, raw_path: &str, headers: &[(&str, &str)]) -> Answer {
    let token = who.access_token.clone().unwrap();
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let headers = headers.chain([("authorization".into(), format!("Bearer {token}"))]).collect();
    let mut event = event(&Sent { method: "GET", path: "/", source_ip: "192.0.2.1", headers, body: None });
    event["rawPath"] = json!(raw_path);
    event["requestContext"]["http"]["path"] = json!(raw_path);
    Answer::read(&invoke_event(app.functions().of_path(raw_path), event).await)
}

#[tokio::test]
async fn no_sign_in_a_segment_leads_to_another_route() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    // What they would lead to, if they did.
    for there in [format!("/v1/clients/{ALMA}"), format!("/v1/visits/{NURSES_VISIT}/tasks")] {
        get(&app, &coordinator, &there, &[]).await.expect(200);
    }
    for path in [
        format!("/v1/clients\\{ALMA}"),
        format!("/v1/clients/x/../{ALMA}"),
        format!("/v1/clients/./{ALMA}"),
        format!("/v1/clients/%2e/{ALMA}"),
        format!("/v1/clients/x/%2E%2e/{ALMA}"),
        format!("/v1/clients/x/.%2e/{ALMA}"),
        format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_VITALS}/.."),
        format!("/v1/visits/{NURSES_VISIT}/tasks/"),
        format!("/v1/clients//{ALMA}"),
        format!("/v1/clients/{ALMA}/"),
        format!("\\v1\\clients\\{ALMA}"),
        format!("/v1/clients/{ALMA}/care-plan/versions/.."),
    ] {
        assert_eq!(get(&app, &coordinator, &path, &[]).await.problem(404), "not-found", "{path}");
    }
    // Here the segment is an id, and none of ours.
    for id in [
        format!("{ALMA}?limit=1"),
        format!("{ALMA}#top"),
        format!("{ALMA}\t"),
        format!("{ALMA}\n"),
        format!(" {ALMA}"),
        format!("{ALMA}\\care-plan"),
        format!("{NURSES_VISIT}\\tasks"),
        format!("x\\..\\{ALMA}"),
        "..".to_owned(),
        "%2e%2e".to_owned(),
        ALMA.to_string().replace('-', "%2D"),
    ] {
        let path = format!("/v1/clients/{id}");
        assert_eq!(get(&app, &coordinator, &path, &[]).await.faults(), ["id"], "{path}");
        let path = format!("/v1/visits/{id}");
        assert_eq!(get(&app, &coordinator, &path, &[]).await.faults(), ["id"], "{path}");
    }
}

#[tokio::test]
async fn no_scheme_or_host_of_a_client_makes_a_5xx() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    for hostile in
        ["", " ", "ht tp", "javascript", "https://a/..", "[::1", "a:b:c", "%", "é", "1.2.3.4.5", "//", "data:"]
    {
        for name in ["x-forwarded-proto", "host", "x-forwarded-host", "x-forwarded-for", "forwarded"] {
            let answer = get(&app, &coordinator, "/v1/clients", &[(name, hostile)]).await;
            assert_eq!(answer.status, 200, "{name}: {hostile:?}");
        }
    }
}

#[tokio::test]
async fn the_tests_gateway_decodes_paths_as_api_gateway_does() {
    let path =
        |sent| event(&Sent { method: "GET", path: sent, source_ip: "192.0.2.1", headers: Vec::new(), body: None });
    for (sent, raw) in [
        ("/v1/clients/%5C..%2f?name=%C3%A9", "/v1/clients/\\../"),
        ("/v1/clients/%252F", "/v1/clients/%2F"),
        ("/v1/clients/%C3%A9+%FF", "/v1/clients/é+\u{fffd}"),
    ] {
        let event: Value = path(sent);
        assert_eq!((&event["rawPath"], &event["requestContext"]["http"]["path"]), (&json!(raw), &json!(raw)));
    }
    assert_eq!(path("/v1/clients?name=%C3%A9")["rawQueryString"], "name=%C3%A9");
}

//! `mine=true`: the caller's own visits, whoever they are.

use serde_json::json;

use crate::harness::{
    TestApp,
    fixtures::{AIDE, AIDES_VISIT, NURSE, NURSES_VISIT},
};

#[tokio::test]
async fn mine_lists_the_callers_own_visits_alone() {
    let app = TestApp::new().await;
    for (client, own) in [(app.nurse().await, NURSES_VISIT), (app.aide().await, AIDES_VISIT)] {
        let day = "from=2026-01-01T00:00:00Z&to=2126-01-01T00:00:00Z";
        for query in ["mine=true".to_owned(), format!("mine=true&{day}"), "mine=true&status=scheduled".into()] {
            let page = client.get(&format!("/v1/visits?{query}")).await.expect(200);
            let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|visit| &visit["id"]).collect();
            assert_eq!(ids, [&json!(own)], "{query}: {page}");
        }
        assert!(client.get("/v1/visits?mine=false").await.expect(200)["items"].as_array().unwrap().len() > 1);
    }
    let nurse = app.nurse().await;
    nurse.get(&format!("/v1/visits?mine=true&user_id={}", NURSE.id)).await.expect(200);
    let answer = nurse.get(&format!("/v1/visits?mine=true&user_id={}", AIDE.id)).await.expect(422);
    assert_eq!(answer["errors"][0]["parameter"], "mine", "{answer}");
    let none = app.coordinator().await.get("/v1/visits?mine=true").await.expect(200);
    assert_eq!(none["items"], json!([]));
}

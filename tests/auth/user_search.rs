//! Users are found by parts of their name, address or number, in a role and a status.

use serde_json::json;

use crate::harness::{
    TestApp,
    fixtures::{ADMIN_B, NURSE, OTHER_NURSE},
};

#[tokio::test]
async fn users_are_found_by_name_address_number_role_and_status() {
    let app = TestApp::new().await;
    let named = format!(
        "update users set first_name = 'Zoé', last_name = 'O''Brien-Łuk', phone = '+14165557788' where id = '{}'",
        NURSE.id
    );
    app.database.superuser().await.batch_execute(&named).await.unwrap();
    let coordinator = app.coordinator().await;
    let found = async |query: &str| {
        let page = coordinator.get(&format!("/v1/users?{query}")).await.expect(200);
        page["items"].as_array().unwrap().iter().map(|user| user["id"].clone()).collect::<Vec<_>>()
    };
    let nurse = [json!(NURSE.id)];
    for query in ["search=zoe", "search=luk%20ZO", "search=obrien", "search=5557788", "search=zoe&role=nurse"] {
        assert_eq!(found(query).await, nurse, "{query}");
    }
    let nurses = found("search=nurse%40a.test").await;
    assert!(nurses.contains(&json!(NURSE.id)) && nurses.contains(&json!(OTHER_NURSE.id)), "{nurses:?}");
    for query in ["search=zoe&role=care_aide", "search=zoe&status=suspended", "search=zoe%20nobody"] {
        assert!(found(query).await.is_empty(), "{query}");
    }
    let elsewhere = app.sign_in(&ADMIN_B).await.get("/v1/users?search=zoe").await.expect(200);
    assert_eq!(elsewhere["items"], json!([]));
}

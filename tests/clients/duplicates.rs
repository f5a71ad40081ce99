//! Clients who may have been entered before: told, never refused.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Client, TestApp,
    fixtures::{ADMIN_B, CLIENT_B},
};

async fn enter(client: &Client, (first, last, born, phone): (&str, &str, &str, Value)) -> Value {
    let body = json!({"id": Uuid::now_v7(), "first_name": first, "last_name": last, "date_of_birth": born,
        "phone": phone, "address": {"street": "2 Main", "city": "Toronto", "province": "ON",
        "postal_code": "M5V 2T6"}});
    client.post("/v1/clients", &body).await.expect(201)
}

#[tokio::test]
async fn who_has_the_same_name_number_or_day_of_birth_is_told_and_nothing_is_refused() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let number = json!("+14165551234");
    let first = enter(&coordinator, ("Zoé", "O'Brien-Roy", "1931-03-04", number.clone())).await;
    assert_eq!(first["possible_duplicates"], json!([]), "{first}");
    for (entered, because) in [
        (("ZOE", "OBrien Roy", "1931-03-04", number.clone()), Some(json!(["name", "date_of_birth", "phone"]))),
        (("O'brien-roy", "Zoë", "1940-01-01", json!(null)), Some(json!(["name"]))),
        (("Anna", "Meier", "1950-01-01", number), Some(json!(["phone"]))),
        (("Zoe", "Tremblay", "1931-03-04", json!(null)), Some(json!(["date_of_birth"]))),
        (("Paul", "Tremblay", "1931-03-04", json!(null)), None),
        (("Zoe", "Smith", "1960-01-01", json!(null)), None),
    ] {
        let answer = enter(&coordinator, entered.clone()).await;
        let duplicates = answer["possible_duplicates"].as_array().unwrap();
        let found = duplicates.iter().find(|other| other["id"] == first["id"]).map(|other| other["because"].clone());
        assert_eq!(found, because, "{entered:?}: {answer}");
    }
    let elsewhere = enter(&app.sign_in(&ADMIN_B).await, ("Zoé", "O'Brien-Roy", "1931-03-04", json!(null))).await;
    assert_eq!(elsewhere["possible_duplicates"], json!([]), "another agency's clients are nobody's to know");
    assert_ne!(elsewhere["id"], json!(CLIENT_B));
}

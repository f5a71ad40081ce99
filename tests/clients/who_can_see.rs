//! Who may see a client, by which rule, until when.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Client, TestApp,
    fixtures::{
        ADMIN, ADMIN_B, AIDE, ALMA, BERNARD, COORDINATOR, FAMILY, NURSE, OTHER_ADMIN, OTHER_COORDINATOR, OTHER_NURSE,
        consent,
    },
};

async fn viewers(client: &Client, of: Uuid) -> Vec<Value> {
    client.all_pages(&format!("/v1/clients/{of}/who-can-see?limit=2")).await
}

fn ids(viewers: &[Value], rule: &str) -> Vec<Value> {
    let mut ids: Vec<_> =
        viewers.iter().filter(|viewer| viewer["rule"] == rule).map(|viewer| viewer["user_id"].clone()).collect();
    ids.sort_by_key(ToString::to_string);
    ids
}

#[tokio::test]
async fn each_person_who_may_see_a_client_is_told_by_which_rule_and_until_when() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    coordinator.post(&format!("/v1/clients/{ALMA}/consents"), &consent("family_sharing", true)).await.expect(201);
    let start = Timestamp::now() + 24.hours();
    let visit = json!({"id": Uuid::now_v7(), "user_id": OTHER_NURSE.id, "client_id": ALMA, "scheduled_start": start,
        "scheduled_end": start + 30.minutes(), "allow_overlap": true});
    coordinator.post("/v1/visits", &visit).await.expect(201);
    let all = viewers(&coordinator, ALMA).await;
    let people = [ADMIN, COORDINATOR, OTHER_COORDINATOR, OTHER_ADMIN];
    assert_eq!(ids(&all, "role"), people.map(|person| json!(person.id)), "{all:?}");
    assert_eq!(ids(&all, "scheduled"), [NURSE, AIDE, OTHER_NURSE].map(|person| json!(person.id)), "{all:?}");
    let assigned = ids(&all, "assigned");
    assert!(assigned.contains(&json!(NURSE.id)) && assigned.contains(&json!(AIDE.id)), "{all:?}");
    assert_eq!(ids(&all, "family"), [json!(FAMILY.id)], "{all:?}");
    let by_visit = all.iter().find(|viewer| viewer["rule"] == "scheduled").unwrap();
    assert!(by_visit["until"].is_string() && by_visit["since"].is_string(), "{by_visit}");

    coordinator.post(&format!("/v1/clients/{ALMA}/consents"), &consent("family_sharing", false)).await.expect(201);
    let suspended = json!({"status": "suspended"});
    coordinator.patch(&format!("/v1/users/{}", AIDE.id), &suspended).await.expect(200);
    let fewer = viewers(&coordinator, ALMA).await;
    assert_eq!(ids(&fewer, "family"), [json!(null); 0], "{fewer:?}");
    assert!(!ids(&fewer, "assigned").contains(&json!(AIDE.id)), "{fewer:?}");
    assert!(!ids(&viewers(&coordinator, BERNARD).await, "assigned").contains(&json!(NURSE.id)));
    app.sign_in(&ADMIN_B).await.get(&format!("/v1/clients/{ALMA}/who-can-see")).await.expect(404);
    let audited =
        format!("select count(*) from audit_log where action = 'client.who_can_see' and client_id = '{ALMA}'");
    assert!(app.database.count(&audited).await >= i64::try_from(all.len()).unwrap());
}

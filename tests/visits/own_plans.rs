//! Visits that caregivers plan for themselves give them nothing, and whoever is taken off a care team is off it.

use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Value, json};
use uuid::Uuid;

use super::planning::{create, noon, plan, scheduled_grant};
use crate::harness::{
    TestApp,
    fixtures::{CHLOE, NURSE, OTHER_NURSE},
    phone::Phone,
};

const IN_2199: &str = "2199-11-20T14:00:00Z";

fn on_a_phone(start: Timestamp) -> Value {
    let end = start + SignedDuration::from_mins(45);
    json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "", "client_id": CHLOE, "user_id": NURSE.id,
        "scheduled_start": start.as_millisecond(), "scheduled_end": end.as_millisecond(), "status": "scheduled"})
}

#[tokio::test]
async fn a_visit_that_caregivers_plan_for_themselves_needs_a_grant_for_its_day_and_extends_none() {
    let app = TestApp::new().await;
    let (coordinator, nurse) = (app.coordinator().await, app.nurse().await);
    let scheduled = create(&coordinator, &plan(CHLOE, NURSE.id, noon(2))).await;
    let granted = scheduled_grant(&coordinator, NURSE.id).await.unwrap();
    // The grant's last day is the sixteenth from now.
    create(&nurse, &plan(CHLOE, NURSE.id, noon(16))).await;
    for later in [noon(17), IN_2199.parse().unwrap()] {
        let refused = nurse.post("/v1/visits", &plan(CHLOE, NURSE.id, later)).await;
        assert_eq!(refused.faults(), ["#/scheduled_start"]);
    }
    let mut phone = Phone::of(app.nurse().await);
    phone.pull(Some(0)).await;
    let [within, after, in_2199] = [noon(15), noon(17), IN_2199.parse().unwrap()].map(on_a_phone);
    let changes = json!({"visits": {"created": [within, after, in_2199], "updated": [], "deleted": []}});
    let told = phone.push(changes).await.expect(200);
    assert_eq!(told["applied"], 1, "{told}");
    let reason = "scheduled_start must be at a time for which you are on the client's care team";
    let rejected = told["rejected"].as_array().unwrap();
    assert_eq!(rejected.iter().map(|refused| &refused["reason"]).collect::<Vec<_>>(), [reason; 2]);
    assert_eq!(scheduled_grant(&coordinator, NURSE.id).await.unwrap(), granted);

    // Without the coordinator's visit there is nothing that her own ones could keep.
    coordinator.post(&format!("/v1/visits/{scheduled}/cancel"), &json!({"reason": "Away"})).await.expect(200);
    nurse.get(&format!("/v1/clients/{CHLOE}")).await.expect(404);
}

#[tokio::test]
async fn a_visit_of_her_own_that_a_coordinator_moves_is_the_coordinators() {
    let app = TestApp::new().await;
    let (coordinator, nurse) = (app.coordinator().await, app.nurse().await);
    create(&coordinator, &plan(CHLOE, NURSE.id, noon(2))).await;
    let before = scheduled_grant(&coordinator, NURSE.id).await.unwrap();
    let own = create(&nurse, &plan(CHLOE, NURSE.id, noon(10))).await;
    let path = format!("/v1/visits/{own}");
    coordinator.patch(&path, &json!({"notes": "Bring the scales"})).await.expect(200);
    assert_eq!(scheduled_grant(&coordinator, NURSE.id).await.unwrap()["ends_on"], before["ends_on"]);
    let moved = plan(CHLOE, NURSE.id, noon(11));
    coordinator.patch(&path, &moved).await.expect(200);
    assert!(scheduled_grant(&coordinator, NURSE.id).await.unwrap()["ends_on"].as_str() > before["ends_on"].as_str());
}

#[tokio::test]
async fn whoever_is_taken_off_a_care_team_loses_every_grant_there_at_once() {
    let app = TestApp::new().await;
    let (coordinator, nurse) = (app.coordinator().await, app.nurse().await);
    let first = create(&coordinator, &plan(CHLOE, NURSE.id, noon(2))).await;
    let second = create(&coordinator, &plan(CHLOE, NURSE.id, noon(5))).await;
    let own = create(&nurse, &plan(CHLOE, NURSE.id, noon(7))).await;
    let cancelled = create(&coordinator, &plan(CHLOE, NURSE.id, noon(9))).await;
    coordinator.post(&format!("/v1/visits/{cancelled}/cancel"), &json!({"reason": "Away"})).await.expect(200);
    let team = format!("/v1/clients/{CHLOE}/care-team");
    let in_a_month = json!({"user_id": NURSE.id, "relation": "nurse", "starts_on": noon(30).to_string()[..10]});
    coordinator.post(&team, &in_a_month).await.expect(201);
    let grant = scheduled_grant(&coordinator, NURSE.id).await.unwrap();

    let told = coordinator.delete(&format!("{team}/{}", grant["id"].as_str().unwrap())).await.expect(200);
    let named: Vec<&str> =
        told["future_visits"].as_array().unwrap().iter().map(|visit| visit["id"].as_str().unwrap()).collect();
    assert_eq!(named, [&first, &second, &own]);
    nurse.get(&format!("/v1/clients/{CHLOE}")).await.expect(404);
    assert_eq!(coordinator.get(&team).await.expect(200)["items"], json!([]));
    let ended = "select count(*) from audit_log where action = 'care_team.delete'";
    assert_eq!(app.database.count(ended).await, 2);
    let report = app.jobs().at("care-team-grants", Timestamp::now() + (24 * 40).hours()).await.report;
    assert_eq!(report.counts["began"], 0);

    // Nor does giving her visits to others, or removing them, bring her back.
    coordinator.patch(&format!("/v1/visits/{first}"), &json!({"user_id": OTHER_NURSE.id})).await.expect(200);
    assert_eq!(coordinator.delete(&format!("/v1/visits/{own}")).await.status, 204);
    nurse.get(&format!("/v1/clients/{CHLOE}")).await.expect(404);
    // A coordinator who schedules her again does.
    create(&coordinator, &plan(CHLOE, NURSE.id, noon(12))).await;
    nurse.get(&format!("/v1/clients/{CHLOE}")).await.expect(200);
}

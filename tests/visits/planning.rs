//! Planning, and what follows from it: who sees whom, who is where, and what is flagged.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Client, TestApp,
    fixtures::{
        AGENCY_A, AIDE, AIDES_VISIT, ALMA, BERNARD, CHLOE, NURSE, NURSES_VISIT, OTHER_NURSE, OTHER_NURSES_VISIT,
    },
    phone::{Phone, row},
};

fn toronto() -> TimeZone {
    TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap()
}

/// Tomorrow at noon in Toronto, so that no test depends on the hour it runs at.
pub(super) fn noon(days_ahead: i64) -> Timestamp {
    let toronto = toronto();
    let today = Timestamp::now().to_zoned(toronto.clone()).date();
    let day = today.checked_add(jiff::Span::new().days(days_ahead)).unwrap();
    day.at(12, 0, 0, 0).to_zoned(toronto).unwrap().timestamp()
}

pub(super) fn plan(client: Uuid, user: Uuid, start: Timestamp) -> Value {
    json!({"client_id": client, "user_id": user, "scheduled_start": start,
        "scheduled_end": start + SignedDuration::from_mins(45)})
}

pub(super) async fn create(client: &Client, body: &Value) -> String {
    client.post("/v1/visits", body).await.expect(201)["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_overlapping_visit_is_refused_unless_allowed() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let start = noon(2);
    let first = create(&coordinator, &plan(ALMA, NURSE.id, start)).await;
    let meanwhile = plan(CHLOE, NURSE.id, start + SignedDuration::from_mins(30));
    let refused = coordinator.post("/v1/visits", &meanwhile).await;
    assert_eq!(refused.problem(409), "overlap");
    assert_eq!(refused.json()["conflicting_id"], first);
    // Right after is not at the same time, and someone else is free.
    create(&coordinator, &plan(CHLOE, NURSE.id, start + SignedDuration::from_mins(45))).await;
    create(&coordinator, &plan(CHLOE, AIDE.id, start)).await;
    let mut all_the_same = meanwhile.clone();
    all_the_same["allow_overlap"] = json!(true);
    create(&coordinator, &all_the_same).await;

    // Moving is planning too; a visit doesn't overlap itself, and a cancelled one overlaps none.
    let path = format!("/v1/visits/{first}");
    let later = json!({"scheduled_end": start + SignedDuration::from_mins(40)});
    assert_eq!(coordinator.patch(&path, &later).await.problem(409), "overlap");
    let away = noon(3);
    let moved = json!({"scheduled_start": away, "scheduled_end": away + SignedDuration::from_mins(30)});
    coordinator.patch(&path, &moved).await.expect(200);
    coordinator.post(&format!("{path}/cancel"), &json!({"reason": "Away"})).await.expect(200);
    create(&coordinator, &plan(CHLOE, NURSE.id, away)).await;
}

#[tokio::test]
async fn a_planned_visit_opens_the_client_until_two_weeks_after() {
    let app = TestApp::new().await;
    let (coordinator, nurse) = (app.coordinator().await, app.nurse().await);
    let chloe = format!("/v1/clients/{CHLOE}");
    nurse.get(&chloe).await.expect(404);
    let visit = create(&coordinator, &plan(CHLOE, NURSE.id, noon(2))).await;
    nurse.get(&chloe).await.expect(200);
    let granted = scheduled_grant(&coordinator, NURSE.id).await.unwrap();
    let toronto = |at: Timestamp| at.to_zoned(self::toronto()).date().to_string();
    assert_eq!(granted["ends_on"], toronto(noon(16)));
    assert_eq!(granted["relation"], "nurse");

    // A later visit extends it, moving that one back shortens it.
    let later = create(&coordinator, &plan(CHLOE, NURSE.id, noon(9))).await;
    assert_eq!(scheduled_grant(&coordinator, NURSE.id).await.unwrap()["ends_on"], toronto(noon(23)));
    let sooner = noon(5);
    let moved = json!({"scheduled_start": sooner, "scheduled_end": sooner + SignedDuration::from_mins(45)});
    coordinator.patch(&format!("/v1/visits/{later}"), &moved).await.expect(200);
    assert_eq!(scheduled_grant(&coordinator, NURSE.id).await.unwrap()["ends_on"], toronto(noon(19)));

    // Given to somebody else, cancelled, removed: no visit, no grant.
    let reassigned = json!({"user_id": OTHER_NURSE.id});
    coordinator.patch(&format!("/v1/visits/{later}"), &reassigned).await.expect(200);
    assert!(scheduled_grant(&coordinator, OTHER_NURSE.id).await.is_some());
    coordinator.post(&format!("/v1/visits/{visit}/cancel"), &json!({"reason": "Away"})).await.expect(200);
    nurse.get(&chloe).await.expect(404);
    assert_eq!(coordinator.delete(&format!("/v1/visits/{later}")).await.status, 204);
    assert!(scheduled_grant(&coordinator, OTHER_NURSE.id).await.is_none());
}

pub(super) async fn scheduled_grant(coordinator: &Client, user: Uuid) -> Option<Value> {
    let team = coordinator.get(&format!("/v1/clients/{CHLOE}/care-team")).await.expect(200);
    let of_user = |m: &&Value| m["user_id"] == user.to_string() && m["source"] == "scheduled";
    team["items"].as_array().unwrap().iter().find(of_user).cloned()
}

#[tokio::test]
async fn a_caregiver_calls_off_her_last_visit_and_is_told_so() {
    let app = TestApp::new().await;
    let (coordinator, nurse) = (app.coordinator().await, app.nurse().await);
    let visit = create(&coordinator, &plan(CHLOE, NURSE.id, noon(2))).await;
    let cancelled = nurse.post(&format!("/v1/visits/{visit}/cancel"), &json!({"reason": "No answer"})).await;
    assert_eq!(cancelled.expect(200)["status"], "cancelled");
    nurse.get(&format!("/v1/visits/{visit}")).await.expect(404);
}

#[tokio::test]
async fn lists_are_half_open_and_filtered() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let start = noon(40);
    let ids = [
        create(&coordinator, &plan(ALMA, NURSE.id, start)).await,
        create(&coordinator, &plan(BERNARD, AIDE.id, start + SignedDuration::from_hours(1))).await,
        create(&coordinator, &plan(ALMA, AIDE.id, start + SignedDuration::from_hours(2))).await,
    ];
    let end = start + SignedDuration::from_hours(2);
    let found = async |filter: &str| {
        let list = coordinator.get(&format!("/v1/visits?from={start}{filter}")).await.expect(200);
        let found = list["items"].as_array().unwrap().iter().map(|visit| visit["id"].as_str().unwrap().to_owned());
        found.collect::<Vec<_>>()
    };
    assert_eq!(found("").await, ids);
    assert_eq!(found(&format!("&to={end}")).await, ids[..2]);
    assert_eq!(found(&format!("&user_id={}", AIDE.id)).await, ids[1..]);
    assert_eq!(found(&format!("&client_id={ALMA}")).await, [ids[0].clone(), ids[2].clone()]);
    assert_eq!(found("&status=cancelled").await, [""; 0]);
    coordinator.post(&format!("/v1/visits/{}/cancel", ids[1]), &json!({"reason": "Away"})).await.expect(200);
    assert_eq!(found("&status=cancelled").await, ids[1..2]);
    // A page at a time finds the same.
    let paged = coordinator.all_pages(&format!("/v1/visits?from={start}&limit=1")).await;
    assert_eq!(paged.iter().map(|visit| visit["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
}

#[tokio::test]
async fn a_visit_that_took_place_cant_be_deleted() {
    let app = TestApp::new().await;
    let (coordinator, nurse) = (app.coordinator().await, app.nurse().await);
    let path = format!("/v1/visits/{NURSES_VISIT}");
    nurse.post(&format!("{path}/check-in"), &json!({"at": Timestamp::now()})).await.expect(200);
    assert_eq!(coordinator.delete(&path).await.problem(409), "final");
    let moved = json!({"user_id": OTHER_NURSE.id});
    assert_eq!(coordinator.patch(&path, &moved).await.problem(409), "final");
    assert_eq!(coordinator.delete(&format!("/v1/clients/{ALMA}")).await.problem(409), "final");
    assert_eq!(coordinator.delete(&format!("/v1/visits/{AIDES_VISIT}")).await.status, 204);
    coordinator.get(&format!("/v1/visits/{AIDES_VISIT}")).await.expect(404);
}

#[tokio::test]
async fn a_client_without_visits_to_come_can_be_removed() {
    let app = TestApp::new().await;
    let (coordinator, other) = (app.coordinator().await, app.sign_in(&OTHER_NURSE).await);
    let bernard = format!("/v1/clients/{BERNARD}");
    assert_eq!(coordinator.delete(&bernard).await.problem(409), "final");
    coordinator
        .post(&format!("/v1/visits/{OTHER_NURSES_VISIT}/cancel"), &json!({"reason": "Moved away"}))
        .await
        .expect(200);
    assert_eq!(coordinator.delete(&bernard).await.status, 204);
    coordinator.get(&bernard).await.expect(404);
    other.get(&bernard).await.expect(404);
    let list = coordinator.get("/v1/clients?name=Bernard").await.expect(200);
    assert_eq!(list["items"], json!([]));
}

#[tokio::test]
async fn a_task_is_ticked_and_unticked() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let tasks = format!("/v1/visits/{NURSES_VISIT}/tasks");
    let at = "2026-11-20T14:20:00Z";
    let task = json!({"task_type": "mobility", "title": "Walk", "completed": true, "completed_at": at});
    let task = nurse.post(&tasks, &task).await.expect(201);
    assert_eq!(task["completed_at"], at);
    let path = format!("{tasks}/{}", task["id"].as_str().unwrap());
    let unticked = nurse.patch(&path, &json!({"completed": false})).await.expect(200);
    assert_eq!(unticked["completed_at"], json!(null));
    let early = json!({"completed": false, "completed_at": at});
    assert_eq!(nurse.patch(&path, &early).await.faults(), ["#/completed_at"]);
    let renamed = nurse.patch(&path, &json!({"title": "Walk to the corner"})).await.expect(200);
    assert_eq!((&renamed["title"], &renamed["completed"]), (&json!("Walk to the corner"), &json!(false)));
    assert_eq!(nurse.delete(&path).await.status, 204);
    let left = nurse.get(&tasks).await.expect(200);
    assert_eq!(left["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_visit_of_more_than_a_day_is_refused_and_one_of_a_day_is_taken() {
    let app = TestApp::new().await;
    let mut phone = Phone::of(app.nurse().await);
    let first = phone.pull(Some(0)).await;
    let start = row(&first, "visits", NURSES_VISIT)["scheduled_start"].as_i64().unwrap() + 30 * 86_400_000;
    let lasting = |from: i64, ms: i64| {
        json!({"id": Uuid::now_v7(), "_status": "created", "_changed": "",
        "client_id": ALMA, "user_id": NURSE.id, "status": "scheduled",
        "scheduled_start": from, "scheduled_end": from + ms})
    };
    let day = 86_400_000;
    let changes = json!({"visits": {"created": [lasting(start, day), lasting(start + 5 * day, day + 1)], "updated": [],
        "deleted": []}});
    let told = phone.push(changes).await.expect(200);
    assert_eq!(
        (&told["applied"], &told["rejected"][0]["reason"]),
        (&json!(1), &json!("a visit is 24 hours at most")),
        "{told}"
    );
    // Nor by anybody who writes past the rules.
    let begin = format!("begin; select app.act_as_job('{AGENCY_A}'), app.reserve_change_numbers(1)");
    let longer = "update visits set scheduled_end = scheduled_start + interval '25 hours'";
    let refused = app.database.superuser().await.batch_execute(&format!("{begin}; {longer}")).await.unwrap_err();
    assert_eq!(refused.as_db_error().unwrap().constraint(), Some("visits_schedule_length"));
}

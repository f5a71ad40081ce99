//! What is due in the registers of privacy: admins are told once before and once when it is, and of nobody's name.

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::json;
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{ADMIN, AGENCY_A, ALMA, OTHER_ADMIN},
    log::Captured,
};

/// Noon where the agencies are, some days from now.
fn noon_in(days: i64) -> Timestamp {
    let toronto = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap();
    let today = Timestamp::now().to_zoned(toronto.clone()).date();
    today.checked_add(days.days()).unwrap().at(12, 0, 0, 0).to_zoned(toronto).unwrap().timestamp()
}

const TOLD: &str = "select count(*) from messages where template like 'privacy_%'";

#[tokio::test]
async fn admins_are_reminded_a_week_before_a_request_is_due_and_when_it_is_each_once() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let received = noon_in(0);
    let request = json!({"id": Uuid::now_v7(), "kind": "access", "client_id": ALMA, "asked_by": "Paul Tremblay",
        "details": "everything", "received_at": received});
    admin.post("/v1/privacy/requests", &request).await.expect(201);
    let jobs = app.jobs();
    let at = async |days: i64| {
        let answer = jobs.at("privacy-due", noon_in(days)).await;
        (answer.report.counts["due_soon"], answer.report.counts["overdue"], app.database.count(TOLD).await)
    };
    assert_eq!(at(22).await, (0, 0, 0), "eight days before");
    assert_eq!(at(24).await, (1, 0, 2), "six days before, both admins of the agency");
    assert_eq!(at(25).await, (1, 0, 2), "and not again");
    assert_eq!(at(31).await, (0, 1, 4));
    assert_eq!(at(40).await, (0, 1, 4));
    let told = "select string_agg(distinct recipient_id::text, ' ' order by recipient_id::text),
         string_agg(template_values::text || coalesce(client_id::text, ''), ' ') from messages";
    let rows = app.database.superuser().await.query_typed(told, &[]).await.unwrap();
    let (to, says): (String, String) = (rows[0].get(0), rows[0].get(1));
    assert_eq!(to, format!("{} {}", ADMIN.id, OTHER_ADMIN.id));
    assert!(!says.contains("Paul") && !says.contains(&ALMA.to_string()), "{says}");
    // Another due date is another reminder; what has ended is none.
    let path = format!("/v1/privacy/requests/{}", request["id"].as_str().unwrap());
    let later = json!({"due_at": received + (24 * 45).hours(), "extension_reason": "in an archive"});
    admin.patch(&path, &later).await.expect(200);
    assert_eq!(at(40).await, (1, 0, 6));
    admin.patch(&path, &json!({"state": "refused", "outcome": "Not theirs"})).await.expect(200);
    assert_eq!(at(50).await, (0, 0, 6));
}

#[tokio::test]
async fn a_breach_reminds_a_day_before_it_is_due_but_nobody_at_night() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let id = Uuid::now_v7();
    admin
        .post("/v1/privacy/incidents", &json!({"id": id, "description": "x", "found_at": noon_in(0)}))
        .await
        .expect(201);
    let jobs = app.jobs();
    jobs.at("privacy-due", noon_in(1)).await;
    assert_eq!(app.database.count(TOLD).await, 0);
    jobs.at("privacy-due", noon_in(2) + 12.hours()).await;
    assert_eq!(app.database.count(TOLD).await, 0, "midnight");
    jobs.at("privacy-due", noon_in(2) + 1.hour()).await;
    assert_eq!(app.database.count(TOLD).await, 2);
    let overdue = jobs.at("privacy-due", noon_in(4)).await;
    assert_eq!((overdue.report.counts["overdue"], app.database.count(TOLD).await), (1, 4));
    let closed = json!({"state": "closed", "risk": "not_significant", "assessment": "It was found"});
    admin.patch(&format!("/v1/privacy/incidents/{id}"), &closed).await.expect(200);
    assert_eq!(jobs.at("privacy-due", noon_in(5)).await.report.counts["overdue"], 0);
    assert_eq!(app.database.count(&format!("{TOLD} and agency_id <> '{AGENCY_A}'")).await, 0);
}

#[tokio::test]
async fn the_log_says_how_much_is_overdue_for_the_alarm() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.post("/v1/privacy/incidents", &json!({"description": "x", "found_at": noon_in(0)})).await.expect(201);
    let jobs = app.jobs();
    let log = Captured::start();
    jobs.at("privacy-due", noon_in(4)).await;
    let counted: Vec<_> = log.lines().into_iter().filter_map(|line| line["PrivacyOverdue"].as_f64()).collect();
    assert_eq!(counted, [1.0]);
}

//! One chain of calls for a client at a time: what joins it, what makes it more urgent, and what ends it.

use domain::messages::{Locale, Template};
use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use super::stage::{Stage, seconds};
use crate::harness::fixtures::{AGENCY_A, AIDE, ALMA, COORDINATOR, FAMILY, NURSE, OTHER_COORDINATOR};

/// A further alert on Alma, from the aide.
async fn another(stage: &Stage, severity: &str) -> Uuid {
    let id = Uuid::now_v7();
    let alert = json!({"id": id, "client_id": ALMA, "severity": severity, "reason": "question"});
    stage.app.aide().await.post("/v1/alerts", &alert).await.expect(201);
    id
}

async fn status(stage: &Stage, id: Uuid) -> String {
    let alert = stage.app.coordinator().await.get(&format!("/v1/alerts/{id}")).await.expect(200);
    alert["status"].as_str().unwrap().to_owned()
}

/// Severity, level and whether it runs, of the only chain.
async fn chain(stage: &Stage) -> (String, i32, bool) {
    let sql = "select severity::text, level, due_at is not null from escalations";
    let rows = stage.app.database.superuser().await.query_typed(sql, &[]).await.unwrap();
    assert_eq!(rows.len(), 1, "one chain for a client");
    (rows[0].get(0), rows[0].get(1), rows[0].get(2))
}

/// Everybody has been called in vain and is told by SMS and push.
async fn told_to_all(stage: &Stage) {
    stage.minute().await;
    for callee in [&COORDINATOR, &OTHER_COORDINATOR] {
        let call = stage.call_to(callee).await;
        stage.status(&call, "no-answer").await;
    }
    stage.is_at("calling", 3).await;
}

#[tokio::test]
async fn a_second_alert_on_a_client_joins_the_chain_and_causes_no_other_call() {
    let stage = Stage::new().await;
    let early = another(&stage, "low").await;
    assert_eq!(status(&stage, early).await, "open", "nobody was called yet");
    stage.minute().await;
    let late = another(&stage, "medium").await;
    stage.minute().await;
    assert_eq!(stage.sent("channel = 'voice'").await, 1);
    assert_eq!([status(&stage, early).await, status(&stage, late).await], ["calling", "calling"]);
    assert_eq!(chain(&stage).await, ("high".into(), 1, true));
    // They go on together.
    let call = stage.call_to(&COORDINATOR).await;
    stage.status(&call, "busy").await;
    let levels = "select count(*) from alerts where escalation_level = 2 and status = 'calling'";
    assert_eq!(stage.app.database.count(levels).await, 3);
}

#[tokio::test]
async fn who_presses_1_takes_all_that_joined_until_then() {
    let stage = Stage::new().await;
    stage.minute().await;
    let call = stage.call_to(&COORDINATOR).await;
    let heard = stage.pick_up(&call).await;
    let joined = another(&stage, "low").await;
    stage.press(&heard, "1").await;
    for id in [stage.alert, joined] {
        let alert = stage.app.coordinator().await.get(&format!("/v1/alerts/{id}")).await.expect(200);
        assert_eq!((&alert["status"], &alert["acknowledged_by"]), (&json!("acknowledged"), &json!(COORDINATOR.id)));
        let audited = format!(
            "select count(*) from audit_log where action = 'alert.acknowledge' and resource_id = '{id}' and client_id =
               '{ALMA}'"
        );
        assert_eq!(stage.app.database.count(&audited).await, 1);
    }
    assert!(!chain(&stage).await.2);
    // What comes after that is another matter, and another chain.
    another(&stage, "low").await;
    let running = "select count(*) from escalations where due_at is not null";
    assert_eq!(stage.app.database.count(running).await, 1);
    stage.minute().await;
    assert_eq!(stage.sent("channel = 'voice'").await, 2);
}

#[tokio::test]
async fn taking_a_joined_alert_takes_the_first_as_well_and_nobody_is_called_any_more() {
    let stage = Stage::new().await;
    stage.minute().await;
    let joined = another(&stage, "low").await;
    let coordinator = stage.app.coordinator().await;
    let path = format!("/v1/alerts/{joined}/acknowledge");
    coordinator.send("POST", &path, None, &[]).await.expect(200);
    assert_eq!(stage.state().await.acknowledged_by, Some(COORDINATOR.id));
    assert_eq!(stage.sent("status = 'cancelled'").await, 1);
    stage.after(SignedDuration::from_hours(1));
    stage.minute().await;
    assert_eq!(stage.sent("true").await, 1);
}

#[tokio::test]
async fn where_the_first_alerts_cause_is_gone_the_chain_goes_on_for_what_joined() {
    let stage = Stage::new().await;
    stage.minute().await;
    let call = stage.call_to(&COORDINATOR).await;
    let joined = another(&stage, "low").await;
    let path = format!("/v1/alerts/{}/resolve", stage.alert);
    stage.app.nurse().await.send("POST", &path, None, &[]).await.expect(200);
    assert_eq!(status(&stage, joined).await, "calling", "each is resolved alone");
    assert_eq!(chain(&stage).await, ("low".into(), 1, true), "as severe as what is left");
    assert_eq!(stage.sent("status = 'cancelled'").await, 0);
    let heard = stage.pick_up(&call).await;
    assert!(heard.contains("<Gather"), "the call is about what is left: {heard}");
    stage.status(&call, "no-answer").await;
    stage.call_to(&OTHER_COORDINATOR).await;
    stage.press(&heard, "1").await;
    assert_eq!(status(&stage, joined).await, "acknowledged");
    stage.is_at("resolved", 1).await;
}

#[tokio::test]
async fn once_every_cause_is_gone_the_chain_stops_and_what_is_not_sent_is_cancelled() {
    let stage = Stage::new().await;
    let joined = another(&stage, "low").await;
    stage.minute().await;
    for (id, cancelled) in [(joined, 0), (stage.alert, 1)] {
        let path = format!("/v1/alerts/{id}/resolve");
        stage.app.coordinator().await.send("POST", &path, None, &[]).await.expect(200);
        assert_eq!(stage.sent("status = 'cancelled'").await, cancelled);
    }
    assert!(!chain(&stage).await.2);
}

#[tokio::test]
async fn what_is_more_severe_raises_the_chain_and_the_call_that_waits() {
    let stage = Stage::new().await;
    stage.minute().await;
    another(&stage, "low").await;
    assert_eq!(stage.sent("channel = 'voice' and severity = 'high'").await, 1);
    another(&stage, "critical").await;
    assert_eq!(chain(&stage).await, ("critical".into(), 1, true));
    assert_eq!(stage.sent("channel = 'voice' and severity = 'critical' and urgency = 0").await, 1);
    stage.minute().await;
    assert_eq!(stage.sent("channel = 'voice'").await, 1, "the call that is out is about all of them");
}

#[tokio::test]
async fn where_everybody_was_told_already_what_is_more_severe_is_called_about_anew() {
    let stage = Stage::new().await;
    told_to_all(&stage).await;
    another(&stage, "high").await;
    stage.minute().await;
    stage.is_at("calling", 3).await;
    assert_eq!(stage.sent("channel = 'voice'").await, 2, "no worse than what they were called about");
    another(&stage, "critical").await;
    stage.minute().await;
    stage.call_to(&COORDINATOR).await;
    assert_eq!(stage.sent("channel = 'voice'").await, 3);
    assert_eq!(chain(&stage).await, ("critical".into(), 1, true));
    // An alert never goes back.
    stage.is_at("calling", 3).await;
    stage.after(seconds(61));
    stage.minute().await;
    stage.call_to(&OTHER_COORDINATOR).await;
    stage.after(seconds(61));
    stage.minute().await;
    assert_eq!(stage.sent("template = 'alert_sms'").await, 4, "and then told");
}

#[tokio::test]
async fn where_nobody_answers_each_who_asked_is_told_so() {
    let stage = Stage::new().await;
    let joined = another(&stage, "low").await;
    let owner = stage.app.database.superuser().await;
    owner.batch_execute("update users set status = 'suspended' where role in ('coordinator', 'admin')").await.unwrap();
    stage.minute().await;
    stage.is_at("expired", 0).await;
    let mut told = Vec::new();
    for person in [&NURSE, &AIDE] {
        let to = format!("template = 'alert_unanswered' and recipient_id = '{}'", person.id);
        told.push(stage.sent(&to).await);
    }
    assert_eq!(told, [1, 1]);
    owner.batch_execute("update users set status = 'active' where role in ('coordinator', 'admin')").await.unwrap();
    assert_eq!(status(&stage, joined).await, "expired");
    // Who takes one later takes what was given up with it.
    let path = format!("/v1/alerts/{joined}/acknowledge");
    stage.app.coordinator().await.send("POST", &path, None, &[]).await.expect(200);
    assert_eq!(stage.state().await.acknowledged_by, Some(COORDINATOR.id));
}

#[tokio::test]
async fn a_caregivers_alert_that_joins_a_familys_call_is_called_about_as_a_caregivers() {
    let stage = Stage::new().await;
    let asked = format!("update alerts set raised_by = '{}', reason = 'family_call', severity = 'medium'", FAMILY.id);
    stage.app.database.write(AGENCY_A, &asked).await;
    stage.minute().await;
    assert_eq!(stage.sent("channel = 'voice' and urgency = 1 and template = 'family_call'").await, 1);
    let joined = another(&stage, "low").await;
    assert_eq!(stage.sent("channel = 'voice' and urgency = 0").await, 1, "the call that waits is moved up");
    let call = stage.call_to(&COORDINATOR).await;
    let heard = stage.pick_up(&call).await;
    let words = Template::AlertCall { caregiver: "First".into() }.text(Locale::EnCa);
    assert!(heard.contains(&words.replace('\'', "&apos;")), "{heard}");
    // Where all were told of the family's already, calls begin anew.
    stage.status(&call, "no-answer").await;
    let path = format!("/v1/alerts/{joined}/resolve");
    stage.app.coordinator().await.send("POST", &path, None, &[]).await.expect(200);
    let call = stage.call_to(&OTHER_COORDINATOR).await;
    stage.status(&call, "no-answer").await;
    stage.is_at("calling", 3).await;
    let calls = stage.sent("channel = 'voice'").await;
    another(&stage, "low").await;
    stage.minute().await;
    assert_eq!(stage.sent("channel = 'voice'").await, calls + 1);
}

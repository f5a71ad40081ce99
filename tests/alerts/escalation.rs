//! Escalation step by step, by a clock that the test moves.

use domain::messages::{Promise, Template};
use jiff::SignedDuration;

use super::stage::{AlertState, Stage, seconds};
use crate::harness::{
    fixtures::{ADMIN, AGENCY_A, ALMA, COORDINATOR, FAMILY, NURSE, OTHER_ADMIN, OTHER_COORDINATOR},
    log::Captured,
};

#[tokio::test]
async fn an_alert_walks_from_the_coordinator_to_the_next_to_all_and_is_never_silently_lost() {
    let stage = Stage::new().await;
    stage.is_at("open", 0).await;
    stage.minute().await;
    stage.is_at("calling", 1).await;
    let audited = format!("select count(*) from audit_log where action = 'alert.escalate' and client_id = '{ALMA}'");
    assert_eq!(stage.app.database.count(&audited).await, 1);

    // It rings, and that is news: another minute.
    let first = stage.call_to(&COORDINATOR).await;
    assert_eq!(first.locale, "en-CA");
    stage.after(seconds(50));
    stage.status(&first, "ringing").await;
    stage.after(seconds(50));
    stage.minute().await;
    stage.is_at("calling", 1).await;
    let heard = stage.pick_up(&first).await;
    assert!(heard.contains("<Say language=\"en-US\">") && heard.contains("Amara asks for help"), "{heard}");
    for secret in ["floor", "fall", "Alma", "Élie"] {
        assert!(!heard.contains(secret), "{heard}");
    }

    // A voicemail took it: the call was answered and ended, and no key was pressed.
    stage.status(&first, "completed").await;
    stage.is_at("calling", 2).await;
    let second = stage.call_to(&OTHER_COORDINATOR).await;
    assert_eq!(second.locale, "fr-CA");
    let heard = stage.pick_up(&second).await;
    assert!(heard.contains("<Say language=\"fr-CA\" voice=\"Polly.Gabrielle-Neural\">"), "{heard}");
    assert!(heard.contains("Amara demande de l&apos;aide"), "{heard}");
    assert!(heard.contains("numDigits=\"1\" timeout=\"10\" actionOnEmptyResult=\"true\""), "{heard}");

    // Nothing more is heard of that call.
    stage.after(seconds(59));
    stage.minute().await;
    stage.is_at("calling", 2).await;
    stage.after(seconds(2));
    stage.minute().await;
    stage.is_at("calling", 3).await;
    // Both coordinators by SMS, and by push where somebody is signed in; admins only from the second round on.
    assert_eq!(stage.sent("channel = 'sms' and template = 'alert_sms'").await, 2);
    let push = format!("channel = 'push' and recipient_id = '{}'", OTHER_COORDINATOR.id);
    assert_eq!(stage.sent(&push).await, 1);
    stage.minute().await;
    stage.is_at("calling", 3).await;

    for (level, told) in [(4, 6), (5, 10), (6, 14), (7, 18), (8, 22)] {
        stage.after(SignedDuration::from_mins(5));
        stage.minute().await;
        stage.is_at("calling", level).await;
        assert_eq!(stage.sent("channel = 'sms' and template = 'alert_sms'").await, told, "coordinators and admins");
    }
    let french = format!("recipient_id in ('{}', '{}') and locale <> 'fr-CA'", OTHER_COORDINATOR.id, OTHER_ADMIN.id);
    assert_eq!(stage.sent(&french).await, 0);

    // Nobody: whoever asked is told so, once.
    stage.after(SignedDuration::from_mins(5));
    stage.minute().await;
    stage.is_at("expired", 8).await;
    stage.after(SignedDuration::from_mins(5));
    stage.minute().await;
    let told = format!("template = 'alert_unanswered' and channel = 'sms' and recipient_id = '{}'", NURSE.id);
    assert_eq!(stage.sent(&told).await, 1);
    assert_eq!(stage.app.database.count("select count(*) from audit_log where action = 'alert.expire'").await, 1);
    // And it can still be taken.
    let heard = stage.pick_up(&second).await;
    stage.press(&heard, "1").await;
    stage.is_at("acknowledged", 8).await;
}

#[tokio::test]
async fn how_long_an_alert_has_waited_for_a_person_is_told_each_minute() {
    let stage = Stage::new().await;
    let captured = Captured::start();
    let waited = async |minutes: i64| {
        let created = stage.now() - SignedDuration::from_mins(minutes);
        let sql = format!(
            "alter table alerts disable trigger user; update alerts set created_at = '{created}';
             alter table alerts enable trigger user"
        );
        stage.app.database.superuser().await.batch_execute(&sql).await.unwrap();
        stage.minute().await;
        captured.lines().iter().rev().find_map(|line| line["AlertUnacknowledged"].as_f64())
    };
    assert_eq!(waited(1).await, Some(60.0));
    // Nobody there to be called: that its calls have ended doesn't end the wait, for a day.
    let owner = stage.app.database.superuser().await;
    owner.batch_execute("update users set status = 'suspended' where role in ('coordinator', 'admin')").await.unwrap();
    stage.after(seconds(61));
    assert_eq!(waited(11).await, Some(660.0));
    stage.is_at("expired", 1).await;
    assert_eq!(waited(12).await, Some(720.0));
    assert_eq!(waited(24 * 60 + 1).await, Some(0.0));
    assert_eq!(waited(13).await, Some(780.0));
    let taken =
        format!("update alerts set status = 'acknowledged', acknowledged_by = '{}', acknowledged_at = now()", ADMIN.id);
    stage.app.database.write(AGENCY_A, &taken).await;
    assert_eq!(waited(14).await, Some(0.0));
}

#[tokio::test]
async fn press_1_acknowledges_and_stops_every_call() {
    let stage = Stage::new().await;
    stage.minute().await;
    let call = stage.call_to(&COORDINATOR).await;
    let heard = stage.pick_up(&call).await;
    let told = stage.press(&heard, "1").await;
    assert!(told.contains("It is yours now") && told.ends_with("<Hangup/></Response>"), "{told}");
    let acknowledged = AlertState { status: "acknowledged".into(), level: 1, acknowledged_by: Some(COORDINATOR.id) };
    assert_eq!(stage.state().await, acknowledged);
    // The key again, the call's end, and an hour: nothing more.
    assert!(stage.press(&heard, "1").await.contains("It is yours now"));
    stage.status(&call, "completed").await;
    stage.after(SignedDuration::from_hours(1));
    stage.minute().await;
    assert_eq!(stage.state().await, acknowledged);
    assert_eq!(stage.sent("true").await, 1);
    let heard = stage.pick_up(&call).await;
    assert!(heard.contains("It is yours now") && !heard.contains("Gather"), "{heard}");
    let heard = stage.press_late(&call, "2").await;
    assert!(heard.contains("It is yours now"), "nobody else is called: {heard}");
}

#[tokio::test]
async fn a_familys_call_request_escalates_as_far_with_its_own_texts() {
    let stage = Stage::new().await;
    let asked = format!("update alerts set raised_by = '{}', reason = 'family_call', severity = 'medium'", FAMILY.id);
    stage.app.database.write(AGENCY_A, &asked).await;
    stage.minute().await;
    for callee in [&COORDINATOR, &OTHER_COORDINATOR] {
        let call = stage.call_to(callee).await;
        stage.status(&call, "no-answer").await;
    }
    assert_eq!(stage.sent("channel = 'voice' and template = 'family_call'").await, 2);
    stage.is_at("calling", 3).await;
    assert_eq!(stage.sent("template = 'family_call_sms'").await, 2);
    for level in [4, 5, 6, 7, 8] {
        stage.after(SignedDuration::from_mins(5));
        stage.minute().await;
        stage.is_at("calling", level).await;
    }
    stage.after(SignedDuration::from_mins(5));
    stage.minute().await;
    stage.is_at("expired", 8).await;
    let told = format!("recipient_id = '{}' and template = 'family_call_unanswered'", FAMILY.id);
    assert_eq!((stage.sent(&told).await, stage.sent("template = 'alert_unanswered'").await), (1, 0));
    assert_eq!(Template::FamilyCallUnanswered {}.promise(), Promise::AtMostOnce);
}

#[tokio::test]
async fn people_away_are_skipped_and_an_alert_without_anyone_is_reported_at_once() {
    let stage = Stage::new().await;
    let owner = stage.app.database.superuser().await;
    let away = format!("update users set status = 'suspended' where id = '{}'", COORDINATOR.id);
    owner.batch_execute(&away).await.unwrap();
    stage.minute().await;
    stage.call_to(&OTHER_COORDINATOR).await;

    let stage = Stage::new().await;
    let owner = stage.app.database.superuser().await;
    let all = "update users set status = 'suspended' where role in ('coordinator', 'admin')";
    owner.batch_execute(all).await.unwrap();
    stage.minute().await;
    stage.is_at("expired", 0).await;
    assert_eq!(stage.sent("template = 'alert_unanswered'").await, 1);

    // Without coordinators it is the admins' turn.
    let stage = Stage::new().await;
    let owner = stage.app.database.superuser().await;
    owner.batch_execute("update users set status = 'suspended' where role = 'coordinator'").await.unwrap();
    stage.minute().await;
    let call = stage.call_to(&ADMIN).await;
    stage.status(&call, "busy").await;
    stage.call_to(&OTHER_ADMIN).await;
}

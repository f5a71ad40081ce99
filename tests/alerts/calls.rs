//! What is said on a call about an alert, what a pressed key does, and what news of the call moves.

use jiff::{SignedDuration, Timestamp};

use super::stage::{Stage, seconds};
use crate::harness::{
    fixtures::{AGENCY_A, COORDINATOR, OTHER_COORDINATOR},
    twilio::Webhook,
    until,
};

#[tokio::test]
async fn the_phone_of_a_deleted_alert_says_that_nobody_is_needed() {
    let stage = Stage::new().await;
    stage.minute().await;
    let call = stage.call_to(&COORDINATOR).await;
    let heard = stage.pick_up(&call).await;
    let deleted = format!("update alerts set deleted_at = now() where id = '{}'", stage.alert);
    stage.app.database.write(AGENCY_A, &deleted).await;
    for heard in [stage.press(&heard, "1").await, stage.press(&heard, "2").await, stage.pick_up(&call).await] {
        assert!(heard.contains("Somebody else has taken care of this already"), "{heard}");
    }
    assert_eq!(stage.state().await.acknowledged_by, None);
}

#[tokio::test]
async fn press_1_wins_over_a_late_call_status() {
    let stage = Stage::new().await;
    stage.minute().await;
    let call = stage.call_to(&COORDINATOR).await;
    let heard = stage.pick_up(&call).await;
    // Both wait for the chain, the key first.
    let mut owner = stage.app.database.superuser().await;
    let watch = stage.app.database.superuser().await;
    let waiting = async |count: i64| {
        until("the wait", async || {
            let sql =
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
            let row = &watch.query_typed(sql, &[]).await.unwrap()[0];
            row.get::<_, i64>(0) == count
        })
        .await;
    };
    let held = owner.transaction().await.unwrap();
    held.batch_execute("select from escalations for update").await.unwrap();
    let another = stage.app.webhooks_by(Timestamp::now);
    let told = async {
        waiting(1).await;
        let form = [("CallSid", "CA1"), ("CallStatus", "in-progress")];
        let news = Webhook::to(&format!("voice/status?message={}", call.id), &form);
        let release = async {
            waiting(2).await;
            held.commit().await.unwrap();
        };
        tokio::join!(news.send(another), release).0
    };
    let (pressed, told) = tokio::join!(stage.press(&heard, "1"), told);
    assert!(pressed.contains("It is yours now"), "{pressed}");
    assert_eq!(told.status, 204);
    assert_eq!(stage.state().await.acknowledged_by, Some(COORDINATOR.id));
}

#[tokio::test]
async fn press_2_escalates_exactly_once() {
    let stage = Stage::new().await;
    stage.minute().await;
    let first = stage.call_to(&COORDINATOR).await;
    let heard = stage.pick_up(&first).await;
    for _ in 0..2 {
        let told = stage.press(&heard, "2").await;
        assert!(told.contains("The alert goes on to the others"), "{told}");
        stage.is_at("calling", 2).await;
    }
    // The end of the call that was passed on moves nothing again.
    stage.status(&first, "completed").await;
    stage.is_at("calling", 2).await;
    let second = stage.call_to(&OTHER_COORDINATOR).await;
    let heard = stage.pick_up(&second).await;
    assert!(stage.press(&heard, "2").await.contains("L&apos;alerte passe aux autres"));
    stage.is_at("calling", 3).await;
    // Who passed it on can still press 1, while nobody else has.
    let heard = stage.pick_up(&first).await;
    stage.press(&heard, "1").await;
    assert_eq!(stage.state().await.acknowledged_by, Some(COORDINATOR.id));
    for heard in [stage.pick_up(&second).await, stage.press_late(&second, "2").await] {
        assert!(heard.contains("Quelqu&apos;un d&apos;autre s&apos;en est déjà chargé"), "{heard}");
    }
}

#[tokio::test]
async fn another_key_or_none_is_asked_again_and_then_the_call_ends() {
    let stage = Stage::new().await;
    stage.minute().await;
    let call = stage.call_to(&COORDINATOR).await;
    let heard = stage.pick_up(&call).await;
    assert!(heard.contains("#rc=3&amp;rp=ct,rt,5xx\""), "Twilio posts a key again that we didn't take: {heard}");
    // Asking three times takes longer than a call may go on without news: being asked is news.
    stage.after(seconds(25));
    let heard = stage.press(&heard, "").await;
    stage.after(seconds(25));
    let heard = stage.press(&heard, "9").await;
    assert!(heard.contains("<Gather"), "{heard}");
    stage.after(seconds(25));
    stage.minute().await;
    stage.is_at("calling", 1).await;
    assert!(stage.press(&heard, "#").await.ends_with("<Response><Hangup/></Response>"));
    stage.is_at("calling", 1).await;
    stage.status(&call, "completed").await;
    stage.is_at("calling", 2).await;
}

#[tokio::test]
async fn a_call_that_rings_out_or_can_t_be_placed_moves_on_at_once() {
    for status in ["busy", "no-answer", "failed", "canceled"] {
        let stage = Stage::new().await;
        stage.minute().await;
        let call = stage.call_to(&COORDINATOR).await;
        stage.status(&call, status).await;
        stage.is_at("calling", 2).await;
        assert_eq!(stage.sent("channel = 'voice' and status = 'failed'").await, 1, "{status}");
    }
    // One that Twilio never took, as with a number that doesn't exist.
    let stage = Stage::new().await;
    stage.minute().await;
    let dead = "update messages set status = 'dead', next_attempt_at = null where channel = 'voice'";
    stage.app.database.superuser().await.batch_execute(dead).await.unwrap();
    stage.minute().await;
    stage.is_at("calling", 2).await;
}

#[tokio::test]
async fn repeated_and_reordered_events_escalate_once() {
    let stage = Stage::new().await;
    stage.minute().await;
    let first = stage.call_to(&COORDINATOR).await;
    for status in ["completed", "ringing", "completed", "initiated", "in-progress", "no-answer", "something-new"] {
        stage.status(&first, status).await;
        stage.is_at("calling", 2).await;
    }
    assert_eq!(stage.sent("channel = 'voice'").await, 2);
    assert_eq!(stage.sent(&format!("id = '{}' and status = 'delivered'", first.id)).await, 1);
    // News of the former call is none of the present one.
    stage.after(seconds(55));
    stage.status(&first, "ringing").await;
    stage.after(seconds(6));
    stage.minute().await;
    stage.is_at("calling", 3).await;
}

#[tokio::test]
async fn news_of_a_call_that_isn_t_ours_moves_no_chain() {
    let stage = Stage::new().await;
    stage.minute().await;
    let call = stage.call_to(&COORDINATOR).await;
    stage.status(&call, "ringing").await;
    stage.after(seconds(30));
    for status in ["no-answer", "completed", "busy", "ringing"] {
        let form = [("CallSid", "CAforeign"), ("CallStatus", status)];
        let news = Webhook::to(&format!("voice/status?message={}", call.id), &form);
        news.send(stage.webhooks.clone()).await.expect(204);
        stage.is_at("calling", 1).await;
    }
    // Nor was that news of ours, which would have been waited for longer.
    stage.after(seconds(31));
    stage.minute().await;
    stage.is_at("calling", 2).await;
}

#[tokio::test]
async fn a_concurrent_hang_up_and_key_count_once() {
    for _ in 0..6 {
        let stage = Stage::new().await;
        stage.minute().await;
        let call = stage.call_to(&COORDINATOR).await;
        let heard = stage.pick_up(&call).await;
        let other = stage.app.jobs();
        let later = stage.now() + seconds(120);
        tokio::join!(stage.press(&heard, "1"), stage.status(&call, "completed"), other.at("escalate", later));
        let after = stage.state().await;
        assert_eq!(after.status, "acknowledged");
        assert!(after.level <= 3);
        assert_eq!(stage.sent("status in ('pending', 'sending')").await, 0);
        let level = after.level;
        stage.after(SignedDuration::from_hours(1));
        stage.minute().await;
        assert_eq!(stage.state().await.level, level);
    }
}

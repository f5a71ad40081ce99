//! What listeners are told: what they may see, at once, joined, and nothing to nobody.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Client, TestApp,
    fixtures::{AGENCY_A, ALMA, BERNARD, NURSE, NURSE_OF_ALMA, NURSES_VISIT, OTHER_NURSE, OTHER_NURSES_VISIT},
    realtime::RealtimeStack,
    round_trips::RoundTrips,
    until,
};

fn alert(client: Uuid) -> Value {
    json!({"id": Uuid::now_v7(), "client_id": client, "severity": "high", "reason": "fall",
        "message": "She is on the floor."})
}

/// A coordinator moves a visit by so many minutes.
async fn move_visit(coordinator: &Client, visit: Uuid, minutes: i64) {
    let path = format!("/v1/visits/{visit}");
    let read = coordinator.get(&path).await;
    let visit = read.expect(200);
    let later = |at: &str| {
        let at: jiff::Timestamp = visit[at].as_str().unwrap().parse().unwrap();
        (at + jiff::SignedDuration::from_mins(minutes)).to_string()
    };
    let times = json!({"scheduled_start": later("scheduled_start"), "scheduled_end": later("scheduled_end")});
    let tag = read.header("etag").unwrap();
    coordinator.send("PATCH", &path, Some(&times), &[("if-match", tag)]).await.expect(200);
}

#[tokio::test]
async fn an_alert_raised_by_sync_arrives_within_two_seconds() {
    let app = TestApp::new().await;
    let stack = RealtimeStack::over(&app).await;
    let mut socket = stack.listen(&app.coordinator().await).await;
    let nurse = stack.of(&app.nurse().await);
    let id = Uuid::now_v7();
    let row = json!({"id": id, "client_id": ALMA, "visit_id": NURSES_VISIT, "severity": "high", "reason": "fall",
        "message": "She is on the floor.", "status": "open", "raised_by": NURSE.id, "escalation_level": 0});
    let pulled = nurse.get("/v1/sync?schema_version=1").await.expect(200);
    let path = format!("/v1/sync?last_pulled_at={}", pulled["timestamp"]);
    let changes = json!({"changes": {"alerts": {"created": [row], "updated": [], "deleted": []}}});
    let pushed = nurse.post(&path, &changes).await.expect(200);
    assert_eq!(pushed["rejected"], json!([]), "{pushed}");
    let frame = socket.until("alert.raised").await;
    assert_eq!((&frame["id"], &frame["client_id"]), (&json!(id), &json!(ALMA)));
    assert!(frame["number"].as_i64().unwrap() > 1 << 40, "{frame}");
    assert_eq!(frame.as_object().unwrap().len(), 4, "ids and numbers, no content: {frame}");
}

#[tokio::test]
async fn everybody_is_told_what_they_may_see_and_nothing_else() {
    let app = TestApp::new().await;
    let stack = RealtimeStack::over(&app).await;
    let coordinator = stack.of(&app.coordinator().await);
    let mut of_coordinator = stack.listen(&coordinator).await;
    let mut of_nurse = stack.listen(&app.nurse().await).await;
    let mut of_other = stack.listen(&app.sign_in(&OTHER_NURSE).await).await;
    let mut of_family = stack.listen(&app.family().await).await;
    let mut of_agency_b = stack.listen(&app.sign_in(&crate::harness::fixtures::NURSE_B).await).await;

    // An alert about Alma: for those who care for her, and never for her family.
    let raised = alert(ALMA);
    coordinator.post("/v1/alerts", &raised).await.expect(201);
    assert_eq!(of_coordinator.until("alert.raised").await["id"], raised["id"]);
    assert_eq!(of_nurse.until("alert.raised").await["id"], raised["id"]);
    // A visit to her: for them and for her family. The alert did not come before it.
    move_visit(&coordinator, NURSES_VISIT, 5).await;
    let frame = of_family.next().await.unwrap();
    assert_eq!((&frame["type"], &frame["id"]), (&json!("visit.updated"), &json!(NURSES_VISIT)));
    assert_eq!(of_nurse.until("visit.updated").await["id"], json!(NURSES_VISIT));
    // A visit to Bernard: for his nurse, who heard of nothing before.
    move_visit(&coordinator, OTHER_NURSES_VISIT, 5).await;
    let frame = of_other.next_change().await.unwrap();
    assert_eq!((&frame["type"], &frame["client_id"]), (&json!("visit.updated"), &json!(BERNARD)));
    of_coordinator.until("visit.updated").await;
    for silent in [&mut of_nurse, &mut of_agency_b] {
        silent.ping().await;
        assert_eq!(silent.next_change().await.unwrap(), json!({"type": "pong"}));
    }
}

#[tokio::test]
async fn whoever_leaves_a_care_team_is_told_nothing_more_of_that_client() {
    let app = TestApp::new().await;
    let stack = RealtimeStack::over(&app).await;
    let coordinator = stack.of(&app.coordinator().await);
    let bernard = json!({"id": Uuid::now_v7(), "user_id": NURSE.id, "relation": "nurse", "starts_on": "2026-01-01"});
    coordinator.post(&format!("/v1/clients/{BERNARD}/care-team"), &bernard).await.expect(201);
    let mut of_nurse = stack.listen(&app.nurse().await).await;
    let mut of_coordinator = stack.listen(&coordinator).await;
    coordinator.post("/v1/alerts", &alert(ALMA)).await.expect(201);
    of_nurse.until("alert.raised").await;

    let path = format!("/v1/clients/{ALMA}/care-team/{NURSE_OF_ALMA}");
    coordinator.delete(&path).await.expect(200);
    move_visit(&coordinator, crate::harness::fixtures::AIDES_VISIT, 5).await;
    of_coordinator.until("visit.updated").await;
    // Of another client of theirs they are, and of nothing before that.
    let of_bernard = alert(BERNARD);
    coordinator.post("/v1/alerts", &of_bernard).await.expect(201);
    let frame = of_nurse.next_change().await.unwrap();
    assert_eq!((&frame["type"], &frame["id"]), (&json!("alert.raised"), &of_bernard["id"]));
}

#[tokio::test]
async fn a_burst_is_joined_and_nothing_of_it_is_missed() {
    let app = TestApp::new().await;
    let stack = RealtimeStack::over(&app).await;
    let coordinator = stack.of(&app.coordinator().await);
    let mut socket = stack.listen(&coordinator).await;
    let mut raised = Vec::new();
    for _ in 0..12 {
        let one = alert(ALMA);
        coordinator.post("/v1/alerts", &one).await.expect(201);
        raised.push(one["id"].as_str().unwrap().to_owned());
    }
    let (mut told, mut frames, mut numbers) = (Vec::new(), 0, Vec::new());
    while told.len() < raised.len() {
        let frame = socket.until("alert.raised").await;
        frames += 1;
        numbers.push(frame["number"].as_i64().unwrap());
        let ids = frame["ids"].as_array().cloned().unwrap_or_else(|| vec![frame["id"].clone()]);
        told.extend(ids.into_iter().map(|id| id.as_str().unwrap().to_owned()));
    }
    told.sort();
    raised.sort();
    assert_eq!(told, raised);
    assert!(frames < 12, "{frames} frames for 12 alerts");
    assert!(numbers.is_sorted(), "{numbers:?}");
}

#[tokio::test]
async fn where_nobody_listens_a_writer_sends_no_further_statement_and_invokes_nobody() {
    let app = TestApp::new().await;
    let stack = RealtimeStack::over(&app).await;
    let counted = async |invocations: usize| {
        let (trips, url) = RoundTrips::before(&app.database).await;
        let config = crate::harness::Config { database_url: Some(url.into()), ..stack.config.clone() };
        let functions = crate::harness::Functions::new(&config, &stack.aws);
        let coordinator = app.coordinator().await.through(functions);
        coordinator.get("/v1/alerts").await.expect(200);
        let (before, invoked) = (trips.count(), stack.invoked());
        coordinator.post("/v1/alerts", &alert(ALMA)).await.expect(201);
        let taken = trips.count() - before;
        until("who listens is told", async || stack.invoked() >= invoked + invocations).await;
        (taken, stack.invoked() - invoked)
    };
    let (unheard, invoked) = counted(0).await;
    assert_eq!(invoked, 0);
    let mut socket = stack.listen(&app.coordinator().await).await;
    let (heard, invoked) = counted(1).await;
    assert_eq!((heard, invoked), (unheard, 1));
    socket.until("alert.raised").await;
}

#[tokio::test]
async fn what_was_missed_is_listed_by_its_numbers() {
    let app = TestApp::new().await;
    let stack = RealtimeStack::over(&app).await;
    let (coordinator, family) = (stack.of(&app.coordinator().await), stack.of(&app.family().await));
    let mut socket = stack.listen(&coordinator).await;
    coordinator.post("/v1/alerts", &alert(ALMA)).await.expect(201);
    let known = socket.until("alert.raised").await["number"].as_i64().unwrap();
    let raised: Vec<Value> = (0..5).map(|_| alert(ALMA)).collect();
    for one in &raised {
        coordinator.post("/v1/alerts", one).await.expect(201);
    }
    move_visit(&coordinator, NURSES_VISIT, 5).await;
    let items = coordinator.all_pages(&format!("/v1/events?after={known}&limit=2")).await;
    let of_kind = |kind: &str| items.iter().filter(|item| item["type"] == kind).collect::<Vec<_>>();
    let ids: Vec<_> = of_kind("alert.raised").iter().map(|item| item["id"].clone()).collect();
    assert_eq!(ids, raised.iter().map(|one| one["id"].clone()).collect::<Vec<_>>());
    assert_eq!(of_kind("visit.updated").len(), 1);
    let numbers: Vec<_> = items.iter().map(|item| item["number"].as_i64().unwrap()).collect();
    assert!(numbers.is_sorted() && numbers[0] > known, "{numbers:?}");
    let of_family = family.all_pages(&format!("/v1/events?after={known}&limit=2")).await;
    assert_eq!(of_family.iter().map(|item| item["type"].clone()).collect::<Vec<_>>(), [json!("visit.updated")]);
}

#[tokio::test]
async fn beyond_the_log_and_after_a_new_epoch_everything_starts_again() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    coordinator.post("/v1/alerts", &alert(ALMA)).await.expect(201);
    let first = 1_i64 << 40;
    coordinator.get(&format!("/v1/events?after={first}")).await.expect(200);
    assert_eq!(coordinator.get("/v1/events").await.problem(422), "invalid");
    for beyond in [1, first - 1, first + 1_000_000, 5 << 40] {
        let answer = coordinator.get(&format!("/v1/events?after={beyond}")).await;
        assert_eq!(answer.problem(410), "start-again", "{beyond}");
    }
    let owner = app.database.superuser().await;
    let kept = format!("update agency_counters set tombstones_from = 2 where agency_id = '{AGENCY_A}'");
    owner.batch_execute(&kept).await.unwrap();
    assert_eq!(coordinator.get(&format!("/v1/events?after={}", first + 1)).await.problem(410), "start-again");
    coordinator.get(&format!("/v1/events?after={}", first + 2)).await.expect(200);
    let restored = format!("update agency_counters set epoch = 2 where agency_id = '{AGENCY_A}'");
    owner.batch_execute(&restored).await.unwrap();
    assert_eq!(coordinator.get(&format!("/v1/events?after={}", first + 2)).await.problem(410), "start-again");
}

#[tokio::test]
async fn presence_is_told_to_colleagues_and_not_to_families() {
    let app = TestApp::new().await;
    let stack = RealtimeStack::over(&app).await;
    let coordinator = stack.of(&app.coordinator().await);
    let mut of_coordinator = stack.listen(&coordinator).await;
    let mut of_family = stack.listen(&app.family().await).await;
    let online = async || {
        let list = coordinator.get("/v1/presence").await.expect(200);
        list["items"].as_array().unwrap().iter().map(|one| one["user_id"].clone()).collect::<Vec<_>>()
    };
    let (phone, browser) = (app.nurse().await, app.nurse().await);
    let (of_phone, of_browser) = (stack.listen(&phone).await, stack.listen(&browser).await);
    assert_eq!(of_coordinator.until("presence.online").await, json!({"type": "presence.online", "id": NURSE.id}));
    assert_eq!(online().await, [json!(crate::harness::fixtures::COORDINATOR.id), json!(NURSE.id)]);
    // A person is there while any of their devices is.
    of_phone.close().await;
    until("one socket is closed", async || stack.gateway.count() == 3).await;
    assert!(online().await.contains(&json!(NURSE.id)));
    of_browser.close().await;
    assert_eq!(of_coordinator.until("presence.offline").await["id"], json!(NURSE.id));
    assert_eq!(online().await, [json!(crate::harness::fixtures::COORDINATOR.id)]);
    of_family.ping().await;
    assert_eq!(of_family.next().await.unwrap(), json!({"type": "pong"}));
    let refused = stack.of(&app.family().await).get("/v1/presence").await;
    assert_eq!(refused.problem(403), "forbidden");
}

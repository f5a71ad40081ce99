//! The promise of each kind, whatever fails and wherever: a family's SMS at most once, an alert at least once, nothing
//! lost.

use std::{future::poll_fn, task::Poll};

use jiff::{SignedDuration, Timestamp};
use jobs::{Deadline, JobName};
use store::tables::messages::{self, Message, Report};
use tokio::sync::oneshot;

use crate::harness::{
    outbox::{AGENCY, TestOutbox, alert_call, alert_sms, family_sms},
    providers::{Fault, Held},
    random, until,
};

const TO: &str = "+14165550190";

/// Why what may or may not have been sent is given up.
const CUT_OFF: &str = "the answer was lost, and this message must not be sent twice";

/// Longer than a lease and than what Twilio's lists may lag behind.
const A_WHILE: SignedDuration = SignedDuration::from_mins(6);

#[tokio::test]
async fn an_answer_lost_after_it_was_accepted_is_found_in_twilios_list() {
    for fault in [|| Fault::LostAfter, || Fault::BrokenAfter] {
        for queued in [family_sms("one", TO), alert_sms("one", TO), alert_call("one", TO)] {
            let outbox = TestOutbox::new().await;
            outbox.fake.fail(fault());
            outbox.queue(&[queued]).await;
            outbox.dispatch().await;
            outbox.dispatch_after(A_WHILE).await;
            assert_eq!(outbox.fake.accepted().len(), 1);
            assert_eq!(outbox.fake.looked_up(), 1);
            assert_eq!(outbox.status("one").await, "sent");
        }
    }
}

#[tokio::test]
async fn an_uncertain_delivery_is_repeated_only_where_at_least_once_is_promised() {
    let outbox = TestOutbox::new().await;
    // Not accepted in truth, but who could know?
    for queued in [family_sms("family", TO), alert_sms("alert sms", "+14165550191"), alert_call("call", TO)] {
        outbox.fake.fail(Fault::LostBefore);
        outbox.queue(&[queued]).await;
        outbox.dispatch_after(SignedDuration::from_secs(2)).await;
    }
    assert_eq!(outbox.status("alert sms").await, "sent");
    assert_eq!(outbox.status("call").await, "sent");
    // Twilio's list may lag behind: nothing is decided yet.
    assert_eq!(outbox.status("family").await, "sending");
    let answer = outbox.dispatch_after(A_WHILE).await;
    assert_eq!(answer.report.counts["dead"], 1);
    let (status, why) = outbox.outcome("family").await;
    assert_eq!(status, "dead");
    assert!(why.as_deref().unwrap().starts_with(CUT_OFF), "{why:?}");
    assert_eq!(outbox.fake.accepted_for(TO), 1, "the call alone");
}

#[tokio::test]
async fn where_the_list_cant_be_had_an_alert_is_sent_again_and_a_familys_sms_isnt() {
    let outbox = TestOutbox::new().await;
    outbox.fake.fail_lists(true);
    outbox.fake.fail(Fault::LostAfter);
    outbox.queue(&[alert_sms("alert", TO)]).await;
    outbox.dispatch().await;
    outbox.dispatch_after(SignedDuration::from_mins(2)).await;
    assert_eq!(outbox.fake.accepted_for(TO), 2, "once too often is better than not at all");

    let families = "+14165550191";
    outbox.fake.fail(Fault::LostAfter);
    outbox.queue(&[family_sms("family", families)]).await;
    for _ in 0..20 {
        outbox.dispatch_after(SignedDuration::from_mins(20)).await;
    }
    assert_eq!(outbox.fake.accepted_for(families), 1);
    assert_eq!(outbox.status("family").await, "dead");
}

#[tokio::test]
async fn a_call_without_status_is_placed_a_limited_number_of_times() {
    let outbox = TestOutbox::new().await;
    // Every answer is lost, and the list is away.
    outbox.fake.fail_lists(true);
    for _ in 0..100 {
        outbox.fake.fail(Fault::LostAfter);
    }
    outbox.queue(&[alert_call("call", TO)]).await;
    for _ in 0..60 {
        outbox.dispatch_after(SignedDuration::from_secs(30)).await;
    }
    let placed: Vec<_> = outbox.fake.accepted().iter().map(|call| call.at).collect();
    assert_eq!(placed.len(), 6);
    assert!(placed.windows(2).all(|two| two[1].duration_since(two[0]) >= SignedDuration::from_mins(1)), "{placed:?}");
    assert!(
        outbox
            .outcome("call")
            .await
            .1
            .unwrap()
            .starts_with("the lease ended before the provider's answer was recorded")
    );

    // The list is there, and has none: it is looked at ever more rarely.
    let outbox = TestOutbox::new().await;
    for _ in 0..100 {
        outbox.fake.fail(Fault::LostBefore);
    }
    outbox.queue(&[alert_call("call", TO)]).await;
    let begun = outbox.fake.clock.now();
    outbox.dispatch().await;
    let mut runs = 0;
    while outbox.status("call").await == "sending" {
        runs += 1;
        assert!(runs < 1000, "it is looked for without end");
        outbox.dispatch_after(SignedDuration::from_secs(1)).await;
    }
    assert_eq!((outbox.status("call").await.as_str(), outbox.fake.looked_up()), ("dead", 6));
    let tried_for = outbox.fake.clock.now().duration_since(begun);
    assert!(tried_for > SignedDuration::from_secs(25), "{tried_for}");
}

/// Two calls to one number: Twilio has the first and is slow to say so, and it hasn't got the second, whose answer is
/// lost. What became of the second by the time of the first one's answer, and of the first then.
async fn one_answered_late_beside_one_uncertain(outbox: &TestOutbox, is_leased: bool) -> (String, String) {
    let (test, held) = oneshot::channel();
    outbox.fake.fail(Fault::Held(test));
    outbox.queue(&[alert_call("first", TO)]).await;
    let after_a_look = || {
        let fake = outbox.fake.clone();
        Deadline::when(move || fake.looked_up() >= 1)
    };
    let (one, other) = (outbox.environment(), outbox.environment());
    let second = async {
        let held = held.await.unwrap();
        if !is_leased {
            let over = "update messages set leased_until = now() - interval '1 hour' where dedupe_key = 'first'";
            outbox.app.database.superuser().await.batch_execute(over).await.unwrap();
        }
        outbox.fake.fail(Fault::LostBefore);
        outbox.queue(&[alert_call("second", TO)]).await;
        // Whichever run takes the second: the first one's is busy, so that the other comes to look.
        until("the look", async || {
            outbox.run(&other, JobName::Dispatch, after_a_look()).await.unwrap();
            outbox.fake.clock.advance(SignedDuration::from_secs(1));
            outbox.fake.looked_up() >= 1
        })
        .await;
        let settled =
            "select count(*) from messages where dedupe_key = 'second' and (status = 'sent' or leased_until is null)";
        until("its end", async || outbox.app.database.count(settled).await == 1).await;
        let second = outbox.status("second").await;
        held.answer.send(()).unwrap();
        second
    };
    let (first, second) = tokio::join!(outbox.run(&one, JobName::Dispatch, after_a_look()), second);
    first.unwrap();
    (second, outbox.status("first").await)
}

#[tokio::test]
async fn an_id_is_left_to_the_message_whose_answer_is_awaited() {
    for (is_leased, second) in [(true, "sending"), (false, "sent")] {
        let outbox = TestOutbox::new().await;
        let became = one_answered_late_beside_one_uncertain(&outbox, is_leased).await;
        assert_eq!(became, (second.to_owned(), "sent".to_owned()));
        // And where it was taken too early, the answer takes it back.
        assert_eq!(outbox.status("second").await, "sending");
        outbox.dispatch_after(A_WHILE).await;
        assert_eq!(outbox.status("second").await, "sent");
        assert_eq!(outbox.fake.accepted_for(TO), 2);
    }
}

#[tokio::test]
async fn an_id_taken_by_mistake_is_given_back_to_the_message_that_the_webhook_names() {
    let outbox = TestOutbox::new().await;
    let owner = outbox.app.database.superuser().await;
    let later = async |key: &str, hours: u32| {
        let sql = format!(
            "update messages set next_attempt_at = next_attempt_at + interval '{hours} hours'
             where dedupe_key = '{key}'"
        );
        owner.batch_execute(&sql).await.unwrap();
    };
    let shortly = || {
        let (clock, end) = (outbox.fake.clock.clone(), outbox.fake.clock.now() + SignedDuration::from_millis(1500));
        Deadline::when(move || clock.now() >= end)
    };
    // The first was never accepted, the second was; of neither came an answer.
    for (key, fault) in [("first", Fault::LostBefore), ("second", Fault::LostAfter)] {
        outbox.fake.fail(fault);
        outbox.queue(&[alert_call(key, TO)]).await;
        outbox.run(&outbox.environment(), JobName::Dispatch, shortly()).await.unwrap();
        assert_eq!(outbox.status(key).await, "sending");
        later(key, if key == "first" { 1 } else { 3 }).await;
    }
    outbox.fake.clock.advance(SignedDuration::from_hours(2));
    outbox.dispatch().await;
    assert_eq!(
        (outbox.status("first").await, outbox.fake.accepted().len()),
        ("sent".into(), 1),
        "it took the other's id"
    );

    let sid = outbox.fake.accepted()[0].sid.clone();
    let id = owner.query_typed("select id from messages where dedupe_key = 'second'", &[]).await.unwrap()[0].get(0);
    let mut tx = outbox.db.write_unsynced(&AGENCY).await.unwrap();
    let told = messages::report(&mut tx, id, &sid, &Report::Delivered, Timestamp::now()).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert!(told.moved);
    assert_eq!((outbox.status("second").await, outbox.status("first").await), ("delivered".into(), "sending".into()));
    outbox.dispatch().await;
    assert_eq!((outbox.status("first").await, outbox.fake.accepted().len()), ("sent".into(), 2));
}

#[tokio::test]
async fn a_request_that_never_returns_blocks_no_other_message() {
    let outbox = TestOutbox::new().await;
    outbox.fake.fail(Fault::Silent);
    outbox.queue(&[alert_sms("first", TO)]).await;
    outbox.queue(&[alert_sms("second", "+14165550191"), family_sms("third", "+14165550192")]).await;
    outbox.dispatch().await;
    assert_eq!((outbox.status("second").await, outbox.status("third").await), ("sent".into(), "sent".into()));
    outbox.dispatch_after(A_WHILE).await;
    assert_eq!(outbox.status("first").await, "sent");
    assert_eq!(outbox.fake.accepted().len(), 3);
}

#[tokio::test]
async fn a_webhook_may_come_before_the_answer() {
    let outbox = TestOutbox::new().await;
    for (key, queued) in [("sms", family_sms("sms", TO)), ("call", alert_call("call", TO))] {
        let (test, held) = oneshot::channel();
        outbox.fake.fail(Fault::Held(test));
        outbox.queue(&[queued]).await;
        let webhook = async {
            let Held { sid, answer } = held.await.unwrap();
            let sql = format!("select id from messages where dedupe_key = '{key}'");
            let id = outbox.app.database.superuser().await.query_typed(&sql, &[]).await.unwrap()[0].get(0);
            let mut tx = outbox.db.write_unsynced(&AGENCY).await.unwrap();
            let told = messages::report(&mut tx, id, &sid, &Report::Delivered, Timestamp::now()).await.unwrap();
            tx.commit().await.unwrap();
            assert!(told.unwrap().moved);
            answer.send(()).unwrap();
        };
        tokio::join!(outbox.dispatch(), webhook);
        // The answer comes late, and doesn't take it back.
        assert_eq!(outbox.status(key).await, "delivered");
    }
    outbox.dispatch_after(A_WHILE).await;
    assert_eq!(outbox.fake.accepted().len(), 2);
}

#[tokio::test]
async fn a_webhook_may_come_after_a_crash() {
    let outbox = TestOutbox::new().await;
    let (test, held) = oneshot::channel();
    outbox.fake.fail(Fault::Held(test));
    outbox.queue(&[family_sms("family", TO)]).await;
    let jobs = outbox.environment();
    let held = tokio::select! {
        held = held => held.unwrap(),
        _ = outbox.run(&jobs, JobName::Dispatch, Deadline::when(|| false)) => panic!("it has no answer yet"),
    };
    let id = outbox.app.database.superuser().await.query_typed("select id from messages", &[]).await.unwrap()[0].get(0);
    let mut tx = outbox.db.write_unsynced(&AGENCY).await.unwrap();
    messages::report(&mut tx, id, &held.sid, &Report::Accepted, Timestamp::now()).await.unwrap();
    tx.commit().await.unwrap();
    outbox.dispatch_after(A_WHILE).await;
    assert_eq!(outbox.status("family").await, "sent");
    assert_eq!((outbox.fake.accepted().len(), outbox.fake.looked_up()), (1, 0));
}

/// Polls `work` so often, then drops it where it stands, as a crash does. Answers whether it came to its end before.
async fn killed_after(polls: usize, work: impl Future) -> bool {
    let mut work = Box::pin(work);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        work.as_mut().poll(context).map(|_| true)
    })
    .await
}

/// Sends one message again and again, each time killed one step later, until a run comes to its end; what is left each
/// time is for later runs. Answers how often each was accepted, and what became of it.
async fn killed_at_each_step(outbox: &TestOutbox, message: impl Fn(&str, &str) -> Message) -> Vec<(usize, String)> {
    let mut outcomes = Vec::new();
    for step in 1..400 {
        let (key, to) = (format!("killed {step}"), format!("+1416556{step:04}"));
        outbox.queue(&[message(&key, &to)]).await;
        let jobs = outbox.environment();
        let whole = killed_after(step, outbox.run(&jobs, JobName::Dispatch, Deadline::when(|| false))).await;
        drop(jobs);
        for _ in 0..3 {
            outbox.dispatch_after(A_WHILE).await;
        }
        outcomes.push((outbox.fake.accepted_for(&to), outbox.status(&key).await));
        if whole {
            return outcomes;
        }
    }
    panic!("a run has fewer steps than this");
}

#[tokio::test]
async fn killed_at_any_step_a_familys_sms_comes_at_most_once() {
    let outbox = TestOutbox::new().await;
    let outcomes = killed_at_each_step(&outbox, family_sms).await;
    assert!(outcomes.len() > 10, "{outcomes:?}");
    for (accepted, status) in &outcomes {
        match status.as_str() {
            "sent" => assert_eq!(*accepted, 1),
            // Reported as not sent, and truly so: Twilio's list shows what it has.
            "dead" => assert_eq!(*accepted, 0),
            other => panic!("{other} after all runs"),
        }
    }
    assert!(outcomes.iter().any(|(_, status)| status == "dead"), "no step was the worst moment: {outcomes:?}");
}

#[tokio::test]
async fn killed_at_any_step_an_alert_is_called_at_least_once() {
    let outbox = TestOutbox::new().await;
    let outcomes = killed_at_each_step(&outbox, alert_call).await;
    assert!(outcomes.len() > 10, "{outcomes:?}");
    for (accepted, status) in outcomes {
        // Found in Twilio's list, it isn't even called twice.
        assert_eq!((accepted, status.as_str()), (1, "sent"));
    }
}

/// 1,000 families in one evening, 5,000 nightly, a minute's run after the other, each cut off by its deadline, some
/// killed, some beside another, while Twilio fails now and then.
#[tokio::test]
async fn an_evening_of_families() {
    let families = if random::is_nightly() { 5000 } else { 1000 };
    let outbox = TestOutbox::new().await;
    let number = |n: usize| format!("+1647{n:07}");
    let queued: Vec<_> = (0..families).map(|n| family_sms(&format!("family {n}"), &number(n))).collect();
    outbox.queue(&queued).await;
    let unfinished = "select count(*) from messages where status in ('pending', 'sending')";
    let begun = outbox.fake.clock.now();
    let mut minute = 0;
    while outbox.app.database.count(unfinished).await > 0 {
        minute += 1;
        assert!(minute < 200, "it takes all night");
        let start = begun + SignedDuration::from_mins(minute);
        outbox.fake.clock.advance_to(start);
        for fault in [Fault::TooMany, Fault::Broken, Fault::LostAfter, Fault::BrokenAfter] {
            if minute % 3 == 0 {
                outbox.fake.fail(fault);
            }
        }
        let run = async || {
            let (clock, end) = (outbox.fake.clock.clone(), start + SignedDuration::from_secs(58));
            let deadline = Deadline::when(move || clock.now() >= end);
            outbox.run(&outbox.environment(), JobName::Dispatch, deadline).await.unwrap();
        };
        match minute % 10 {
            // Somewhere in the middle, another place each time.
            0 => drop(killed_after(usize::try_from(20 + 7 * minute).unwrap(), run()).await),
            5 => drop(tokio::join!(run(), run())),
            _ => run().await,
        }
    }
    let accepted = outbox.fake.accepted();
    let mut reached: Vec<_> = accepted.iter().map(|one| one.to.as_str()).collect();
    reached.sort_unstable();
    reached.dedup();
    assert_eq!(reached.len(), accepted.len(), "a family got it twice");

    let owner = outbox.app.database.superuser().await;
    let rows = owner.query_typed("select recipient, failure from messages where status <> 'sent'", &[]).await.unwrap();
    for row in &rows {
        let (to, failure): (&str, &str) = (row.get(0), row.get(1));
        assert!(failure.starts_with(CUT_OFF), "{failure}");
        assert_eq!(outbox.fake.accepted_for(to), 0, "reported as missed, and wasn't");
    }
    assert_eq!(reached.len() + rows.len(), families, "nothing is lost");
    assert!(rows.len() < families / 50, "{} were cut off", rows.len());
    // Every last attempt had a turn of its own.
    let close = "select count(*) from
        (select attempted_at - lag(attempted_at) over (order by attempted_at) as apart from messages) t
        where apart < interval '1 second'";
    assert_eq!(outbox.app.database.count(close).await, 0);
}

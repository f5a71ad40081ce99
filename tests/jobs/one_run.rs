//! What a job queues is sent in the same run, whatever failed for somebody else.

use jiff::Timestamp;
use jobs::{Answer, Deadline, Event, JobName};
use runtime::lambda::Fatal;
use uuid::Uuid;

use crate::harness::{
    fixtures::{AGENCY_A, AGENCY_B, ALMA, BERNARD, COORDINATOR, NURSE, NURSES_VISIT, VISIT_B},
    log::Captured,
    outbox::TestOutbox,
};

/// As the schedule, or whoever raised an alert, has it done.
async fn now(outbox: &TestOutbox, job: JobName) -> Result<Answer, Fatal> {
    outbox.environment().run(Event { job, now: None, urgent: false, dry_run: false }, Deadline::when(|| false)).await
}

async fn alert(outbox: &TestOutbox, client: Uuid) -> Uuid {
    let id = Uuid::now_v7();
    let sql = format!(
        "update clients set coordinator_id = '{}' where id = '{client}';
         insert into alerts (id, agency_id, client_id, raised_by, severity, reason)
         values ('{id}', '{AGENCY_A}', '{client}', '{}', 'high', 'fall')",
        COORDINATOR.id, NURSE.id
    );
    outbox.app.database.write(AGENCY_A, &sql).await;
    id
}

/// Rows of `table` for which `condition` holds can't be written any more.
async fn broken(outbox: &TestOutbox, table: &str, condition: &str) {
    let sql = format!(
        "create function break_it() returns trigger language plpgsql as
           $$ begin raise exception 'it is broken' using errcode = 'XX000'; end $$;
         create trigger break_it before insert or update
           on {table} for each row when ({condition}) execute function break_it()"
    );
    outbox.app.database.superuser().await.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn one_alert_that_can_t_move_holds_up_nobodys_call_and_fails_the_run() {
    let outbox = TestOutbox::new().await;
    let stuck = alert(&outbox, ALMA).await;
    alert(&outbox, BERNARD).await;
    broken(&outbox, "escalations", &format!("new.client_id = '{ALMA}'")).await;
    let captured = Captured::start();
    assert!(now(&outbox, JobName::Escalate).await.is_err());
    assert_eq!(outbox.fake.accepted().len(), 1);
    let line = captured.lines().into_iter().find(|line| line["alertId"] == stuck.to_string()).unwrap();
    assert!(line["error"].as_str().unwrap().contains("it is broken (XX000)"), "the reason: {line}");
}

#[tokio::test]
async fn an_agency_whose_late_visits_fail_holds_up_no_other() {
    let outbox = TestOutbox::new().await;
    let start = Timestamp::now() - jiff::SignedDuration::from_mins(20);
    for (agency, visit) in [(AGENCY_A, NURSES_VISIT), (AGENCY_B, VISIT_B)] {
        let sql = format!(
            "update visits set scheduled_start = '{start}', scheduled_end = '{start}'::timestamptz + interval '1 hour'
             where id = '{visit}'"
        );
        outbox.app.database.write(agency, &sql).await;
    }
    broken(&outbox, "messages", &format!("new.agency_id = '{AGENCY_B}'")).await;
    let captured = Captured::start();
    assert!(now(&outbox, JobName::LateVisits).await.is_err());
    assert_eq!(outbox.fake.accepted().len(), 1);
    let line = captured.lines().into_iter().find(|line| line["agency_id"] == AGENCY_B.to_string()).unwrap();
    assert!(line["error"].as_str().unwrap().contains("it is broken (XX000)"), "the reason: {line}");
}

#[tokio::test]
async fn dispatch_and_escalate_refuse_a_time_in_the_future() {
    let outbox = TestOutbox::new().await;
    let ahead = Timestamp::now() + jiff::SignedDuration::from_mins(2);
    for (job, refused) in [(JobName::Dispatch, true), (JobName::Escalate, true), (JobName::LateVisits, false)] {
        let event = Event { job, now: Some(ahead), urgent: false, dry_run: false };
        let answer = outbox.environment().run(event, Deadline::when(|| false)).await;
        assert_eq!(answer.is_err(), refused, "{answer:?}");
    }
}

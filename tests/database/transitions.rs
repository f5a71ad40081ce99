//! What may follow what is one table in the program; the database's guards hold the same one.

use std::fmt::Debug;

use domain::transitions::{AlertStatus, IncidentState, RequestState, Transitions, VisitStatus};
use strum::IntoEnumIterator;
use tokio_postgres::{Client, error::SqlState};
use uuid::Uuid;

use crate::harness::{
    Database, begin_as_job,
    fixtures::{AGENCY_A, ALMA, NURSES_VISIT},
};

const ALERT: Uuid = Uuid::from_u128(0xA1E7);

/// Every pair of statuses, and whether the database lets a row that is in the first become the second.
async fn database_allows<S: IntoEnumIterator + Copy + Debug>(
    client: &Client,
    set: impl Fn(S) -> String,
) -> Vec<(S, S, bool)> {
    let mut tried = Vec::new();
    for from in S::iter() {
        for to in S::iter() {
            // The first status comes about without the guard: as when a replica takes over rows.
            let before = format!(
                "{}; set local session_replication_role = replica; {}; set local session_replication_role = origin",
                begin_as_job(AGENCY_A),
                set(from)
            );
            client.batch_execute(&before).await.unwrap();
            let allowed = match client.batch_execute(&set(to)).await {
                Ok(()) => true,
                Err(error) => {
                    assert_eq!(error.code(), Some(&SqlState::CHECK_VIOLATION), "{from:?} to {to:?}: {error:?}");
                    false
                }
            };
            client.batch_execute("rollback").await.unwrap();
            tried.push((from, to, allowed));
        }
    }
    tried
}

#[tokio::test]
async fn the_database_guards_a_visits_status_as_the_table_of_transitions_says() {
    let database = Database::copy("visit_transitions").await;
    let client = database.superuser().await;
    let set = |status: VisitStatus| {
        let when = |holds: bool, value: &'static str| if holds { value } else { "null" };
        let came = matches!(status, VisitStatus::InProgress | VisitStatus::Completed);
        format!(
            "update visits set status = '{}', actual_start = {}, actual_end = {}, cancel_reason = {} where id = '{}'",
            <&str>::from(status),
            when(came, "'2026-11-20T14:00:00Z'"),
            when(status == VisitStatus::Completed, "'2026-11-20T15:00:00Z'"),
            when(status == VisitStatus::Cancelled, "'ill'"),
            NURSES_VISIT,
        )
    };
    for (from, to, allowed) in database_allows::<VisitStatus>(&client, set).await {
        assert_eq!(allowed, from.may_become(to), "{from:?} to {to:?}");
    }
}

#[tokio::test]
async fn the_database_guards_an_alerts_status_as_the_table_of_transitions_says() {
    let database = Database::copy("alert_transitions").await;
    let alert = format!(
        "insert into alerts (id, agency_id, client_id, severity, reason)
         values ('{ALERT}', '{AGENCY_A}', '{ALMA}', 'high', 'fall')"
    );
    database.write(AGENCY_A, &alert).await;
    let client = database.superuser().await;
    let set =
        |status: AlertStatus| format!("update alerts set status = '{}' where id = '{ALERT}'", <&str>::from(status));
    for (from, to, allowed) in database_allows::<AlertStatus>(&client, set).await {
        assert_eq!(allowed, from.may_become(to), "{from:?} to {to:?}");
    }
}

#[tokio::test]
async fn the_database_guards_the_registers_as_the_table_of_transitions_says() {
    let database = Database::copy("register_transitions").await;
    let rows = format!(
        "insert into privacy_requests (id, agency_id, kind, client_id, asked_by, received_at, due_at, outcome)
         values ('{ALERT}', '{AGENCY_A}', 'access', '{ALMA}', 'The client', now(), now(), 'done');
         insert into privacy_incidents (id, agency_id, description, found_at, due_at, risk, assessment)
         values ('{ALERT}', '{AGENCY_A}', 'A lost phone', now(), now(), 'not_significant', 'locked')"
    );
    database.write(AGENCY_A, &rows).await;
    let client = database.superuser().await;
    let set = |table: &'static str, state: &str| format!("update {table} set state = '{state}' where id = '{ALERT}'");
    for (from, to, allowed) in
        database_allows::<RequestState>(&client, |state| set("privacy_requests", state.into())).await
    {
        assert_eq!(allowed, from.may_become(to), "{from:?} to {to:?}");
    }
    for (from, to, allowed) in
        database_allows::<IncidentState>(&client, |state| set("privacy_incidents", state.into())).await
    {
        assert_eq!(allowed, from.may_become(to), "{from:?} to {to:?}");
    }
}

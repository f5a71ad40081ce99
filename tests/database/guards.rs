//! What the database refuses, whoever writes.

use jiff::Timestamp;
use uuid::Uuid;

use super::catalog::{NO_PRIVILEGE, as_job, code, json_of, number, with_photo_and_alert};
use crate::harness::{
    TestApp,
    fixtures::{ADMIN, AGENCY_A, ALMA, NURSE},
};

#[tokio::test]
async fn logs_are_append_only_even_for_the_owner() {
    let app = TestApp::new().await;
    app.database
        .write(
            AGENCY_A,
            &format!(
                "insert into audit_chain (number, audit_id, agency_id, hash)
                 select 1, id, agency_id, decode(repeat('00', 32), 'hex') from audit_log limit 1;
                 insert into creations (record_id, agency_id, table_name, body_sha256)
                 values (gen_random_uuid(), '{AGENCY_A}', 'clients', decode(repeat('00', 32), 'hex'));
                 update visit_tasks set outcome = 'done'"
            ),
        )
        .await;
    let migrate = app.database.connect_as("berthcare_migrate").await;
    let owner = app.database.superuser().await;
    for (table, column) in [
        ("audit_log", "action = 'test.forged'"),
        ("audit_chain", "number = 9"),
        ("consents", "granted = false"),
        ("creations", "table_name = 'x'"),
        ("chart_revisions", "before = '{}'"),
    ] {
        assert_ne!(number(&owner, &format!("select count(*) from {table}")).await, 0, "{table}");
        for sql in [
            format!("update {table} set {column}"),
            format!("delete from {table}"),
            format!("truncate {table} cascade"),
        ] {
            assert_eq!(code(&migrate, &sql).await.as_deref(), Some(NO_PRIVILEGE), "{sql}");
            assert_eq!(code(&owner, &sql).await.as_deref(), Some(NO_PRIVILEGE), "{sql}");
        }
    }
}

#[tokio::test]
async fn who_wrote_and_when_cant_be_forged() {
    let app = TestApp::new().await;
    with_photo_and_alert(&app).await;
    let owner = app.database.superuser().await;
    let forged = format!(
        "created_at = '2000-01-01', updated_at = '2000-01-01', created_by = '{id}', updated_by = '{id}'",
        id = NURSE.id
    );
    let began = Timestamp::now().to_string();
    // As an admin would be, with every privilege.
    let act = format!("select set_config('app.user_id', '{}', true)", ADMIN.id);
    for (table, key, touch) in [
        ("agencies", "id", "name = 'N'"),
        ("users", "agency_id", "first_name = 'N'"),
        ("alerts", "agency_id", "message = 'M'"),
        ("care_team", "agency_id", "ends_on = '2100-01-01'"),
        ("clients", "agency_id", "phone = null"),
        ("photos", "agency_id", "caption = 'C'"),
        ("visit_tasks", "agency_id", "outcome = 'O'"),
        ("visits", "agency_id", "notes = 'N'"),
    ] {
        owner.batch_execute(&format!("{}; {act}", as_job(AGENCY_A, 20))).await.unwrap();
        let created = format!("select jsonb_object_agg(id, jsonb_build_array(created_at, created_by)) from {table}");
        let before = json_of(&owner, &created).await;
        let update = format!("update {table} set {touch}, {forged} where {key} = '{AGENCY_A}'");
        assert_ne!(owner.execute_typed(&update, &[]).await.unwrap(), 0, "{table}");
        assert_eq!(json_of(&owner, &created).await, before, "{table}");
        let wrong = format!(
            "select count(*) from {table} where {key} = '{AGENCY_A}'
             and (updated_at < '{began}' or updated_by is distinct from '{}')",
            ADMIN.id
        );
        assert_eq!(number(&owner, &wrong).await, 0, "{table}");
        owner.batch_execute("rollback").await.unwrap();
    }
    owner.batch_execute(&format!("{}; {act}", as_job(AGENCY_A, 1))).await.unwrap();
    let moved =
        format!("select count(*) from agency_counters where agency_id = '{AGENCY_A}' and updated_at > '{began}'");
    assert_eq!(number(&owner, &moved).await, 1);
    let id = Uuid::now_v7();
    let insert = format!(
        "insert into clients (id, agency_id, first_name, last_name, date_of_birth, address,
           created_at, created_by, updated_at, updated_by)
         values ('{id}', '{AGENCY_A}', 'F', 'L', '1940-01-01', '{{}}',
           '2000-01-01', '{nurse}', '2000-01-01', '{nurse}')",
        nurse = NURSE.id
    );
    owner.batch_execute(&insert).await.unwrap();
    let honest = format!(
        "select count(*) from clients where id = '{id}' and created_at >= '{began}' and updated_at >= '{began}'
           and created_by = '{admin}' and updated_by = '{admin}'",
        admin = ADMIN.id
    );
    assert_eq!(number(&owner, &honest).await, 1);
}

#[tokio::test]
async fn a_visit_moves_only_as_it_may() {
    const ALL: [&str; 5] = ["scheduled", "in_progress", "completed", "cancelled", "missed"];
    // A phone that was offline brings check-in and check-out at once.
    const MOVES: [(&str, &str); 7] = [
        ("scheduled", "in_progress"),
        ("scheduled", "completed"),
        ("scheduled", "cancelled"),
        ("scheduled", "missed"),
        ("missed", "in_progress"),
        ("missed", "completed"),
        ("in_progress", "completed"),
    ];
    // What a coordinator may keep when two people said different things.
    const SETTLED: [(&str, &str); 2] = [("cancelled", "in_progress"), ("cancelled", "completed")];
    let state = |status: &str| {
        let started = if ["in_progress", "completed"].contains(&status) { "now()" } else { "null" };
        let ended = if status == "completed" { "now()" } else { "null" };
        let reason = if status == "cancelled" { "'ill'" } else { "null" };
        format!("'{status}', {started}, {ended}, {reason}")
    };
    let app = TestApp::new().await;
    let owner = app.database.superuser().await;
    let every = ALL.iter().flat_map(|from| ALL.iter().map(move |to| (*from, *to)));
    for ((from, to), settling) in every.flat_map(|pair| [(pair, false), (pair, true)]) {
        let id = Uuid::now_v7();
        let sql = format!(
            "{begin}; {settle}
             insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end,
               status, actual_start, actual_end, cancel_reason)
             values ('{id}', '{AGENCY_A}', '{ALMA}', '{nurse}', now(), now() + interval '1 hour', {before});
             update visits set (status, actual_start, actual_end, cancel_reason) = ({after}) where id = '{id}'",
            begin = as_job(AGENCY_A, 2),
            settle = if settling { "select set_config('app.resolving_conflict', 'on', true);" } else { "" },
            nurse = NURSE.id,
            before = state(from),
            after = state(to).replace(&format!("'{to}'"), &format!("'{to}'::visit_status")),
        );
        let refused = owner.batch_execute(&sql).await.err();
        let constraint = refused.as_ref().map(|error| error.as_db_error().unwrap().constraint().unwrap_or_default());
        let may = from == to || MOVES.contains(&(from, to)) || settling && SETTLED.contains(&(from, to));
        assert_eq!(
            constraint,
            (!may).then_some("visits_status_moves"),
            "{from} -> {to}, settling {settling}: {refused:?}"
        );
        owner.batch_execute("rollback").await.unwrap();
    }
    let app_role = app.database.connect_as("berthcare_jobs").await;
    for begin in ["begin".to_owned(), as_job(AGENCY_A, 1)] {
        let settle = format!("{begin}; select app.begin_conflict_resolution()");
        assert_eq!(code(&app_role, &settle).await.as_deref(), Some(NO_PRIVILEGE), "{begin}");
    }
}

//! Who calls: nobody, a job, a webhook, a session that has ended, a family, somebody whose grant has an end.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::rows::{ALERT_B, ALERT_FOR_ALMA, MESSAGE, MESSAGE_B, Session, Stage, counted, creation, touched, user};
use super::visible_rows::who_sees_what;
use crate::database::catalog::{FUNCTION_ROLES, NO_PRIVILEGE};
use crate::harness::{
    TestApp,
    fixtures::{ADMIN, AGENCY_A, AGENCY_B, AIDE, ALMA, CHLOE, CLIENT_B, FAMILY, NURSE, Person},
};

#[tokio::test]
async fn no_row_is_visible_without_a_caller() {
    let stage = Stage::new().await;
    let mut roles = Vec::new();
    for role in FUNCTION_ROLES {
        roles.push((role, stage.app.database.connect_as(role).await));
    }
    let tables: Vec<_> = who_sees_what().iter().map(|table| table.name).collect();
    let nothing = async |when: &str| {
        for (role, client) in &roles {
            for table in &tables {
                match client.query_typed(&format!("select count(*) from {table}"), &[]).await {
                    Ok(rows) => assert_eq!(rows[0].get::<_, i64>(0), 0, "{table} {when}: {role}"),
                    Err(error) => assert_eq!(error.code().unwrap().code(), NO_PRIVILEGE, "{table} {when}: {role}"),
                }
            }
        }
    };
    nothing("before anyone").await;
    // An identity ends with its transaction, however that ends.
    for end in ["commit", "rollback"] {
        for (_, client) in roles.iter().filter(|(role, _)| *role != "berthcare_health") {
            client.batch_execute(&format!("begin; {}; {end}", stage.session(&ADMIN).act())).await.unwrap();
        }
        nothing(end).await;
    }
    for sql in [
        "select app.reserve_change_numbers(1)",
        "insert into audit_log (action, resource) values ('test.try', 'test')",
        &user("admin", AGENCY_A),
        &creation(Uuid::from_u128(0xAAA), AGENCY_A),
    ] {
        assert_eq!(touched(&stage.app_role, sql).await, Err("42501".into()), "{sql}");
    }
}

#[tokio::test]
async fn a_job_sees_one_agency_only() {
    let stage = Stage::new().await;
    let jobs = stage.app.database.connect_as("berthcare_jobs").await;
    for (agency, client, stranger) in [(AGENCY_A, ALMA, CLIENT_B), (AGENCY_B, CLIENT_B, ALMA)] {
        let act = format!("begin; select app.act_as_job('{agency}'); select app.reserve_change_numbers(5)");
        jobs.batch_execute(&act).await.unwrap();
        for table in who_sees_what().iter().map(|table| table.name) {
            let agency_id = if table == "agencies" { "id" } else { "agency_id" };
            let of_others = format!("select count(*) from {table} where {agency_id} is distinct from '{agency}'");
            assert_eq!(jobs.query_typed(&of_others, &[]).await.unwrap()[0].get::<_, i64>(0), 0, "{table}");
        }
        let change = |id| format!("update clients set phone = '+14165550000' where id = '{id}'");
        assert_eq!(touched(&jobs, &change(client)).await, Ok(1));
        assert_eq!(touched(&jobs, &change(stranger)).await, Ok(0));
        assert_eq!(touched(&jobs, "update messages set status = 'sent'").await, Ok(1));
        jobs.batch_execute("rollback").await.unwrap();
    }
}

#[tokio::test]
async fn a_webhook_sees_what_calls_and_replies_need_and_nothing_else() {
    let stage = Stage::new().await;
    let webhooks = stage.app.database.connect_as("berthcare_webhooks").await;
    for (agency, message, alert, client) in
        [(AGENCY_A, MESSAGE, ALERT_FOR_ALMA, ALMA), (AGENCY_B, MESSAGE_B, ALERT_B, CLIENT_B)]
    {
        let act = format!(
            "begin; select app.act_as_webhook('{message}', null, null, null); select app.reserve_change_numbers(5)"
        );
        webhooks.batch_execute(&act).await.unwrap();
        let mut seen = BTreeSet::new();
        // The chain is for jobs.
        for table in who_sees_what().iter().map(|table| table.name).filter(|name| *name != "audit_chain") {
            let agency_id = if table == "agencies" { "id" } else { "agency_id" };
            let sql = format!(
                "select count(*), count(*) filter (where {agency_id} is distinct from '{agency}') from {table}"
            );
            let row = &webhooks.query_typed(&sql, &[]).await.unwrap()[0];
            assert_eq!(row.get::<_, i64>(1), 0, "{table}");
            if row.get::<_, i64>(0) > 0 {
                seen.insert(table);
            }
        }
        let needed =
            ["agencies", "agency_counters", "alerts", "creations", "escalations", "inbound_messages", "messages"];
        assert_eq!(seen, BTreeSet::from(needed));
        for (sql, rows) in [
            (format!("update alerts set status = 'calling' where id = '{alert}'"), Ok(1)),
            ("update alerts set status = 'calling'".into(), Ok(if agency == AGENCY_A { 2 } else { 1 })),
            ("update messages set status = 'sent'".into(), Ok(1)),
            (format!("update escalations set due_at = null where client_id = '{client}'"), Ok(1)),
            (format!("update clients set phone = null where id = '{client}'"), Ok(0)),
            ("update visits set notes = 'N'".into(), Ok(0)),
            ("update devices set last_seen_at = now()".into(), Ok(0)),
            ("update users set first_name = 'N'".into(), Err(NO_PRIVILEGE.to_owned())),
        ] {
            assert_eq!(touched(&webhooks, &sql).await, rows, "{sql}");
        }
        webhooks.batch_execute("rollback").await.unwrap();
    }
    let unknown = format!("select app.act_as_webhook('{}', null, null, null)", Uuid::from_u128(0xAAA));
    assert_eq!(touched(&webhooks, &unknown).await, Err("BC404".into()));
}

#[tokio::test]
async fn an_ended_session_is_refused_at_once() {
    let app = TestApp::new().await;
    let nurse = Session::start(&app, &NURSE).await;
    let admin = Session::start(&app, &ADMIN).await;
    let app_role = app.database.connect_as("berthcare_app").await;
    let owner = app.database.superuser().await;
    let code = async |act: &str| {
        app_role.query_typed(act, &[]).await.err().map(|error| error.code().unwrap().code().to_owned())
    };
    let refused = Some("BC401".to_owned());
    assert_eq!(code(&nurse.act()).await, None);

    for (why, set, back) in [
        ("suspended", "users set status = 'suspended'", "users set status = 'active'"),
        ("invited", "users set status = 'invited'", "users set status = 'active'"),
        ("deleted", "users set deleted_at = now()", "users set deleted_at = null"),
        ("now an aide", "users set role = 'care_aide'", "users set role = 'nurse'"),
        ("device revoked", "devices set revoked_at = now()", "devices set revoked_at = null"),
        ("signed out", "devices set session_id = null", &format!("devices set session_id = '{}'", nurse.id)),
        (
            "signed in anew",
            "devices set session_id = gen_random_uuid()",
            &format!("devices set session_id = '{}'", nurse.id),
        ),
    ] {
        let whose = if set.starts_with("users") { "id" } else { "user_id" };
        owner.batch_execute(&format!("update {set} where {whose} = '{}'", NURSE.id)).await.unwrap();
        assert_eq!(code(&nurse.act()).await, refused, "{why}");
        assert_eq!(code(&admin.act()).await, None, "another's session stands: {why}");
        owner.batch_execute(&format!("update {back} where {whose} = '{}'", NURSE.id)).await.unwrap();
        assert_eq!(code(&nurse.act()).await, None, "no longer {why}");
    }

    let with = |user: &Person, device: Uuid, session: Uuid, role: &str| {
        format!("select app.act_as('{}', '{device}', '{session}', '{role}', null, null)", user.id)
    };
    let (device, session) = (nurse.client.device_id, nurse.id);
    for (why, act) in [
        ("another's device and session", with(&ADMIN, device, session, "admin")),
        ("another's device", with(&NURSE, admin.client.device_id, session, "nurse")),
        ("another's session", with(&NURSE, device, admin.id, "nurse")),
        ("another role", with(&NURSE, device, session, "admin")),
    ] {
        assert_eq!(code(&act).await, refused, "{why}");
    }
}

#[tokio::test]
async fn a_family_reads_along_while_the_client_consents() {
    const OF_CLIENTS: [&str; 4] = ["clients", "visits", "visit_tasks", "photos"];
    let stage = Stage::new().await;
    for table in OF_CLIENTS {
        assert!(!stage.rows(Some(&FAMILY), table, "id::text").await.is_empty(), "{table}");
    }
    let withdraw = |kind: &str, user: &str| {
        format!(
            "insert into consents (id, agency_id, client_id, kind, granted, method, user_id)
             values (gen_random_uuid(), '{AGENCY_A}', '{ALMA}', '{kind}', false, 'by phone', {user})"
        )
    };
    stage.app.database.write(AGENCY_A, &withdraw("photos", "null")).await;
    assert_eq!(stage.rows(Some(&FAMILY), "photos", "id::text").await, BTreeMap::new());
    assert_eq!(stage.rows(Some(&FAMILY), "clients", "id::text").await.len(), 1);

    stage.app.database.write(AGENCY_A, &withdraw("family_sharing", "null")).await;
    for table in OF_CLIENTS {
        assert_eq!(stage.rows(Some(&FAMILY), table, "id::text").await, BTreeMap::new(), "{table}");
    }
    assert_eq!(stage.rows(Some(&FAMILY), "users", "id::text").await.len(), 1, "no caregiver's name either");
    assert!(stage.rows(Some(&NURSE), "clients", "id::text").await.contains_key(&ALMA.to_string()));
}

#[tokio::test]
async fn a_grant_begins_and_ends_at_the_agencys_midnight() {
    let app = TestApp::new().await;
    let aide = Session::start(&app, &AIDE).await;
    let app_role = app.database.connect_as("berthcare_jobs").await;
    let sees_chloe = async |starts_on: &str, ends_on: &str| -> bool {
        app_role
            .batch_execute(&format!(
                "begin; select app.act_as_job('{AGENCY_A}'); select app.reserve_change_numbers(1);
             insert into care_team (id, agency_id, client_id, user_id, relation, starts_on, ends_on)
             values (gen_random_uuid(), '{AGENCY_A}', '{CHLOE}', '{}', 'care_aide', {starts_on}, {ends_on});
             {}",
                AIDE.id,
                aide.act()
            ))
            .await
            .unwrap();
        let seen = counted(&app_role, "select id::text, count(*) from clients group by 1").await;
        app_role.batch_execute("rollback").await.unwrap();
        seen.contains_key(&CHLOE.to_string())
    };
    for (starts_on, ends_on, visible) in [
        ("app.today() - 9", "app.today() - 1", false),
        ("app.today() - 9", "app.today()", true),
        ("app.today() - 9", "null", true),
        ("app.today()", "app.today()", true),
        ("app.today() + 1", "null", false),
    ] {
        assert_eq!(sees_chloe(starts_on, ends_on).await, visible, "from {starts_on} to {ends_on}");
    }

    // Pago Pago and Kiritimati are 25 hours apart: today in one is never today in the other.
    let day_in = |zone: &str| format!("(now() at time zone '{zone}')::date");
    let (behind, ahead) = ("Pacific/Pago_Pago", "Pacific/Kiritimati");
    let owner = app.database.superuser().await;
    for (zone, ending_behind, beginning_ahead) in [(behind, true, false), (ahead, false, true)] {
        owner
            .batch_execute(&format!("update agencies set time_zone = '{zone}' where id = '{AGENCY_A}'"))
            .await
            .unwrap();
        assert_eq!(sees_chloe("app.today() - 9", &day_in(behind)).await, ending_behind, "{zone}");
        assert_eq!(sees_chloe(&day_in(ahead), "null").await, beginning_ahead, "{zone}");
    }
}

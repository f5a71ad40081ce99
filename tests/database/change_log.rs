//! The agency's change counter and the log of changes.

use std::collections::BTreeSet;

use futures_util::join;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::catalog::{BOOKKEEPING, SYNCED, as_job, code, json_of, number, with_photo_and_alert};
use crate::harness::{
    TestApp,
    fixtures::{AGENCY_A, AGENCY_B, ALMA, BERNARD, COORDINATOR, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS},
    until,
};

#[tokio::test]
async fn a_synced_row_is_never_written_without_a_change_number() {
    let app = TestApp::new().await;
    with_photo_and_alert(&app).await;
    for role in ["berthcare_jobs", "the owner"] {
        let client = match role {
            "the owner" => app.database.superuser().await,
            role => app.database.connect_as(role).await,
        };
        // Numbers taken by a transaction before are not this one's.
        client.batch_execute(&format!("{}; commit", as_job(AGENCY_A, 100))).await.unwrap();
        for table in SYNCED {
            let act = format!("begin; select app.act_as_job('{AGENCY_A}');");
            let update = format!("update {table} set deleted_at = now() where agency_id = '{AGENCY_A}'");
            assert_eq!(code(&client, &format!("{act} {update}")).await.as_deref(), Some("BC500"), "{role} {table}");
            let count = format!("{act} select app.reserve_change_numbers(1); {update}");
            assert_eq!(code(&client, &count).await, None, "{role} {table}");
        }
        let insert = format!(
            "begin; select app.act_as_job('{AGENCY_A}');
             insert into clients (id, agency_id, first_name, last_name, date_of_birth, address)
             values (gen_random_uuid(), '{AGENCY_A}', 'F', 'L', '1940-01-01', '{{}}')"
        );
        assert_eq!(code(&client, &insert).await.as_deref(), Some("BC500"), "{role}");
    }
}

#[tokio::test]
async fn number_order_is_commit_order() {
    let app = TestApp::new().await;
    let (first, second) = join!(app.database.connect_as("berthcare_jobs"), app.database.connect_as("berthcare_jobs"));
    let owner = app.database.superuser().await;
    let pid: i32 = second.query_typed("select pg_backend_pid()", &[]).await.unwrap()[0].get(0);
    let touch = |client: Uuid| {
        format!("update clients set phone = '+14165550000' where id = '{client}' returning change_number")
    };

    first.batch_execute(&as_job(AGENCY_A, 3)).await.unwrap();
    let overtaking = async {
        second.batch_execute(&as_job(AGENCY_A, 1)).await.unwrap();
        let taken = number(&second, &touch(BERNARD)).await;
        second.batch_execute("commit").await.unwrap();
        taken
    };
    let meanwhile = async {
        let blocking = format!("select cardinality(pg_blocking_pids({pid}))::bigint");
        until("the second waits for the first", async || number(&owner, &blocking).await > 0).await;
        // The other agency's writers don't.
        owner.batch_execute(&format!("{}; rollback", as_job(AGENCY_B, 1))).await.unwrap();
        let taken = number(&first, &touch(ALMA)).await;
        let seen = number(&owner, &format!("select change_number from clients where id = '{BERNARD}'")).await;
        first.batch_execute("commit").await.unwrap();
        (taken, seen)
    };
    let (later, (earlier, not_yet)) = join!(overtaking, meanwhile);
    assert!(not_yet < earlier && earlier < later, "{not_yet} {earlier} {later}");
    // Numbers that the first took and did not use are a gap.
    assert_eq!(later, earlier + 3);
}

#[tokio::test]
async fn a_range_too_short_is_extended() {
    let app = TestApp::new().await;
    let owner = app.database.superuser().await;
    owner.batch_execute(&as_job(AGENCY_A, 1)).await.unwrap();
    let touch = "update clients set phone = '+14165550000' where agency_id = app.agency_id() returning change_number";
    let taken: BTreeSet<i64> = owner.query_typed(touch, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    owner.batch_execute("commit").await.unwrap();
    assert_eq!(taken.len(), 3);
    let counter = format!("select number from agency_counters where agency_id = '{AGENCY_A}'");
    assert_eq!(taken.last(), Some(&number(&owner, &counter).await));
}

#[tokio::test]
async fn every_change_is_on_the_log_with_what_was_before() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let owner = app.database.superuser().await;
    let id = Uuid::now_v7();
    let client = json!({"id": id, "first_name": "Zoé", "last_name": "Roy", "date_of_birth": "1941-05-06",
        "address": {"street": "1 Main", "city": "Toronto", "province": "ON", "postal_code": "M5V 2T6"}});
    coordinator.post("/v1/clients", &client).await.expect(201);
    let path = format!("/v1/clients/{id}");
    coordinator.patch(&path, &json!({"phone": "+14165550000", "risks": ["stairs"]})).await.expect(200);
    coordinator.delete(&path).await.expect(204);

    let log = json_of(
        &owner,
        &format!("select jsonb_agg(to_jsonb(l) order by l.number) from sync_log l where l.record_id = '{id}'"),
    )
    .await;
    let log = log.as_array().unwrap();
    let seen: Vec<_> =
        log.iter().map(|entry| (entry["operation"].as_str().unwrap(), &entry["changed_columns"])).collect();
    // Of a creation the row itself tells what it was made with, and what changed since.
    assert_eq!(
        seen,
        [("create", &json!([])), ("update", &json!(["phone", "risks"])), ("delete", &json!(["deleted_at"]))]
    );
    let made_with = json_of(
        &owner,
        &format!(
            "select jsonb_object_agg(c.name, c.value) from sync_log l join clients r on r.id = l.record_id,
               app.created_values(l.record_id, l.number, to_jsonb(r)) c
             where l.record_id = '{id}' and l.operation = 'create' and c.value <> 'null'"
        ),
    )
    .await;
    let address = json!({"street": "1 Main", "city": "Toronto", "province": "ON", "postal_code": "M5V 2T6"});
    let mut address_made = made_with["address"].clone();
    address_made.as_object_mut().unwrap().retain(|name, _| address.get(name).is_some());
    assert_eq!((&made_with["first_name"], &made_with["risks"], &address_made), (&json!("Zoé"), &json!([]), &address));
    assert!(["phone", "deleted_at"].iter().all(|column| made_with.get(column).is_none()), "{made_with}");
    assert_eq!(log[0]["before"], Value::Null);
    assert_eq!(log[1]["before"], json!({"phone": null, "risks": []}));
    assert_eq!(log[1]["after"], json!({"phone": "+14165550000", "risks": ["stairs"]}));
    for entry in log {
        let names: Vec<_> = entry["after"].as_object().unwrap().keys().collect();
        let mut changed: Vec<_> =
            entry["changed_columns"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
        changed.sort_unstable();
        assert_eq!(names, changed, "what changed, and nothing else");
    }
    for entry in log {
        assert!(entry["number"].as_i64() > Some(0));
        assert_eq!(entry["table_name"], "clients");
        assert_eq!(entry["client_id"], id.to_string());
        assert_eq!(entry["agency_id"], AGENCY_A.to_string());
        assert_eq!(entry["user_id"], COORDINATOR.id.to_string());
        assert_eq!(entry["device_id"], coordinator.device_id.to_string());
    }
}

#[tokio::test]
async fn the_log_replayed_is_each_record() {
    let app = TestApp::new().await;
    with_photo_and_alert(&app).await;
    let nurse = app.nurse().await;
    let visit = format!("/v1/visits/{NURSES_VISIT}");
    nurse.post(&format!("{visit}/check-in"), &json!({"at": Timestamp::now()})).await.expect(200);
    let vitals = json!({"completed": true, "data": {"heart_rate": {"value": 70, "unit": "bpm"}}});
    nurse.patch(&format!("{visit}/tasks/{NURSES_VITALS}"), &vitals).await.expect(200);
    nurse.delete(&format!("{visit}/tasks/{NURSES_MEALS}")).await.expect(204);
    let owner = app.database.superuser().await;
    for table in SYNCED {
        let counts = json_of(
            &owner,
            &format!(
                "select jsonb_build_array(count(*), count(*) filter (where l.known and not exists (
                   select from jsonb_each(to_jsonb(r) - {BOOKKEEPING}) c
                   where c.value is distinct from coalesce(l.replayed -> c.key, 'null'))))
                 from {table} r left join lateral (
                   select bool_and(l.client_id is not null) as known,
                     jsonb_object_agg(c.name, c.value order by l.number) as replayed
                   from sync_log l cross join app.logged_values(l, to_jsonb(r)) c
                   where l.table_name = '{table}' and l.record_id = r.id and l.agency_id = r.agency_id) l on true"
            ),
        )
        .await;
        assert_eq!(counts[0], counts[1], "{table}");
        assert_ne!(counts[0], 0, "{table}");
    }
    let broken = "select count(*) from (
           select l.before -> name as before, lag(l.after -> name) over (partition by l.record_id, name
             order by l.number) as last
           from sync_log l cross join unnest(l.changed_columns) name) l
         where l.last is not null and l.before is distinct from l.last";
    assert_eq!(number(&owner, broken).await, 0, "entries that don't begin where the one before ended");
}

#[tokio::test]
async fn a_row_written_unchanged_takes_no_number_and_leaves_no_trace() {
    let app = TestApp::new().await;
    with_photo_and_alert(&app).await;
    let owner = app.database.superuser().await;
    let log = "select count(*) from sync_log";
    let logged = number(&owner, log).await;
    for table in SYNCED {
        owner.batch_execute(&as_job(AGENCY_A, 1)).await.unwrap();
        let row = format!("select to_jsonb(r) from {table} r where agency_id = '{AGENCY_A}' order by id limit 1");
        let before = json_of(&owner, &row).await;
        let same = format!("update {table} set deleted_at = deleted_at where agency_id = '{AGENCY_A}'");
        owner.batch_execute(&same).await.unwrap();
        assert_eq!(json_of(&owner, &row).await, before, "{table}");
        // The number taken is there for whoever changes something.
        let touch = format!(
            "update {table} set deleted_at = now() where id = '{}' returning change_number",
            before["id"].as_str().unwrap()
        );
        let taken = number(&owner, &touch).await;
        let counter = format!("select number from agency_counters where agency_id = '{AGENCY_A}'");
        assert_eq!(taken, number(&owner, &counter).await, "{table}");
        owner.batch_execute("rollback").await.unwrap();
    }
    assert_eq!(number(&owner, log).await, logged);
}

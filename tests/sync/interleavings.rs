//! A push is decided without a lock. What somebody else writes between its look and its write is never overwritten
//! unseen: what it was decided on has changed, and it is decided anew. Forced here: another transaction holds the
//! agency's counter, which the push waits for after it has decided.

use futures_util::join;
use serde_json::{Value, json};
use tokio_postgres::Client as Postgres;
use uuid::Uuid;

use crate::harness::{
    TestApp, begin_as_job,
    fixtures::{ALMA, CHLOE, NURSE, NURSES_VISIT},
    phone::{Phone, edited, row, updated},
    round_trips::RoundTrips,
    until,
};

/// Statements of a push whose first decision stands, and of one that is decided twice: a look and a write each.
const DECIDED_ONCE: usize = 2;
const DECIDED_TWICE: usize = 4;

struct Stage {
    app: TestApp,
    owner: Postgres,
    phone: Phone,
    round_trips: RoundTrips,
    first: Value,
}

async fn stage() -> Stage {
    let app = TestApp::new().await;
    let (round_trips, url) = RoundTrips::before(&app.database).await;
    let mut phone = Phone::of(app.nurse().await.through(app.with_database(url)));
    let first = phone.pull(Some(0)).await;
    phone.pull(Some(0)).await;
    round_trips.count();
    Stage { owner: app.database.superuser().await, app, phone, round_trips, first }
}

impl Stage {
    /// Pushes `changes`, and commits `meanwhile` after the push has been decided and before it is written.
    async fn push_while(&self, changes: Value, meanwhile: &str) -> Value {
        self.owner.batch_execute(&begin_as_job(NURSE.agency)).await.unwrap();
        self.owner.batch_execute(meanwhile).await.unwrap();
        let others = self.app.database.superuser().await;
        let waiting = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock' and query like '%app.write_push(%'";
        let (told, ()) = join!(self.phone.push(changes), async {
            until("the push waits for the counter", async || {
                others.query_typed(waiting, &[]).await.unwrap()[0].get::<_, i64>(0) == 1
            })
            .await;
            self.owner.batch_execute("commit").await.unwrap();
        });
        told.expect(200)
    }

    fn notes(&self, notes: &str) -> Value {
        updated("visits", &[edited(row(&self.first, "visits", NURSES_VISIT), &[("notes", json!(notes))])])
    }

    async fn one(&self, sql: &str) -> Value {
        self.owner.query_typed(&format!("select to_jsonb(({sql}))"), &[]).await.unwrap()[0]
            .get::<_, Option<Value>>(0)
            .unwrap_or_default()
    }
}

#[tokio::test]
async fn a_record_changed_between_look_and_write_is_a_conflict_and_not_overwritten_unseen() {
    let stage = stage().await;
    let office = format!("update visits set notes = 'From the office' where id = '{NURSES_VISIT}'");
    let told = stage.push_while(stage.notes("From the bedside"), &office).await;
    assert_eq!((&told["applied"], &told["conflicts"]), (&json!(1), &json!(1)), "{told}");
    assert_eq!(stage.round_trips.counts().1, DECIDED_TWICE);
    let met = "select jsonb_build_array(server_value, device_value) from sync_conflicts where column_name = 'notes'";
    assert_eq!(stage.one(met).await, json!(["From the office", "From the bedside"]));
}

#[tokio::test]
async fn a_record_deleted_between_look_and_write_stays_deleted_and_keeps_what_was_written() {
    let stage = stage().await;
    let delete = format!("update visits set deleted_at = now() where id = '{NURSES_VISIT}'");
    let told = stage.push_while(stage.notes("From the bedside"), &delete).await;
    assert_eq!(stage.round_trips.counts().1, DECIDED_TWICE);
    assert_eq!((&told["applied"], &told["conflicts"]), (&json!(0), &json!(1)), "{told}");
    assert_eq!(stage.one(&format!("select notes from visits where id = '{NURSES_VISIT}'")).await, Value::Null);
    assert_eq!(stage.one("select device_value from sync_conflicts").await, json!("From the bedside"));
}

#[tokio::test]
async fn a_grant_that_ends_between_look_and_write_gives_no_new_visit() {
    let stage = stage().await;
    let id = Uuid::now_v7();
    let visit = json!({"id": id, "_status": "created", "_changed": "", "client_id": ALMA, "user_id": NURSE.id,
        "scheduled_start": 1_795_600_000_000_i64, "scheduled_end": 1_795_603_600_000_i64, "status": "scheduled"});
    let take =
        format!("update care_team set deleted_at = now() where client_id = '{ALMA}' and user_id = '{}'", NURSE.id);
    let told = stage.push_while(json!({"visits": {"created": [visit], "updated": [], "deleted": []}}), &take).await;
    assert_eq!(stage.round_trips.counts().1, DECIDED_TWICE);
    assert!(told["rejected"][0]["reason"].as_str().unwrap().contains("care team any more"), "{told}");
    assert_eq!(stage.one(&format!("select count(*) from visits where id = '{id}'")).await, json!(0));
}

#[tokio::test]
async fn a_device_that_is_written_between_look_and_write_decides_anew() {
    let stage = stage().await;
    let base =
        format!("update devices set pulled_clean = not pulled_clean where id = '{}'", stage.phone.client.device_id);
    let told = stage.push_while(stage.notes("From the bedside"), &base).await;
    assert_eq!((&told["applied"], stage.round_trips.counts().1), (&json!(1), DECIDED_TWICE), "{told}");
}

#[tokio::test]
async fn what_others_do_to_others_between_look_and_write_changes_nothing() {
    let stage = stage().await;
    let elsewhere = format!("update clients set phone = '+14165550199' where id = '{CHLOE}'");
    let told = stage.push_while(stage.notes("From the bedside"), &elsewhere).await;
    assert_eq!((&told["applied"], &told["conflicts"]), (&json!(1), &json!(0)), "{told}");
    assert_eq!(stage.round_trips.counts().1, DECIDED_ONCE);
}

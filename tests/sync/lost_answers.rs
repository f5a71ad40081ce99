//! Every step of pull and push with its answer lost once and twice: the phone asks again with what it has, and what
//! comes of it is what would have come at once.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    TestApp,
    fixtures::{ALMA, NURSE_OF_ALMA, NURSES_MEALS, NURSES_VISIT, OTHER_NURSES_VISIT},
    phone::{Phone, edited, ids, row, updated},
};

const NEW: Uuid = Uuid::from_u128(0x9001);

/// A phone whose answers are lost so many times before one arrives.
struct Unlucky {
    app: TestApp,
    phone: Phone,
    lost: usize,
}

impl Unlucky {
    async fn new(lost: usize) -> Self {
        let app = TestApp::new().await;
        let phone = Phone::of(app.nurse().await);
        Self { app, phone, lost }
    }

    /// After its first synchronisation; with what it was given.
    async fn with_everything(lost: usize) -> (Self, Value) {
        let mut unlucky = Self::new(lost).await;
        let first = unlucky.phone.pull(Some(0)).await;
        (unlucky, first)
    }

    async fn pull(&mut self, pending: u32) -> Value {
        for _ in 0..self.lost {
            let cursor = self.phone.cursor;
            self.phone.pull(Some(pending)).await;
            self.phone.cursor = cursor;
        }
        self.phone.pull(Some(pending)).await
    }

    async fn push(&self, changes: Value) -> Value {
        for _ in 0..self.lost {
            self.phone.push(changes.clone()).await.expect(200);
        }
        self.phone.push(changes).await.expect(200)
    }

    /// With the app's migration, which it repeats until an answer has arrived.
    async fn migrate(&mut self, migration: &str) -> Value {
        let path = format!(
            "/v1/sync?last_pulled_at={}&schema_version=2&pending=0&migration={migration}",
            self.phone.cursor.unwrap()
        );
        for _ in 0..self.lost {
            self.phone.client.get(&path).await.expect(200);
        }
        let answer = self.phone.client.get(&path).await.expect(200);
        self.phone.cursor = answer["timestamp"].as_i64();
        answer
    }

    /// What stands in the database for whatever was pushed: each once, however often it came.
    async fn stored(&self) -> Value {
        let count = async |sql: &str| self.app.database.count(&format!("select count(*) from {sql}")).await;
        json!({
            "tasks": count("visit_tasks where deleted_at is null").await,
            "log": count("sync_log where device_id is not null and cardinality(changed_columns) > 0").await,
            "created": count("sync_log where device_id is not null and operation = 'create'").await,
            "conflicts": count("sync_conflicts").await,
            "quarantine": count("sync_quarantine").await,
            "audit": count("audit_log where details @> '{\"by\": \"sync\"}'").await,
        })
    }
}

/// The ids in each list of an answer, and how it is to be taken.
fn brought(answer: &Value) -> Value {
    let mut lists = json!({"strategy": answer.get("experimentalStrategy"), "has_more": answer.get("has_more")});
    for table in ["clients", "visits", "visit_tasks", "photos", "alerts"] {
        lists[table] = json!(["created", "updated", "deleted"].map(|list| ids(answer, table, list)));
    }
    lists
}

fn task(id: Uuid) -> Value {
    json!({"id": id, "_status": "created", "_changed": "", "visit_id": NURSES_VISIT, "task_type": "meals",
        "title": "Tea", "completed": false, "completed_at": null, "outcome": null, "data": null})
}

fn deleted(table: &str, id: Uuid) -> Value {
    json!({(table): {"created": [], "updated": [], "deleted": [id]}})
}

async fn first_pull(lost: usize) -> Value {
    let mut unlucky = Unlucky::new(lost).await;
    let first = unlucky.pull(0).await;
    json!([brought(&first), brought(&unlucky.pull(0).await)])
}

/// Some 2 KB a note, and 5 MB an answer to a phone that takes no compression.
async fn pages_to_the_last(lost: usize) -> Value {
    let mut unlucky = Unlucky::new(lost).await;
    unlucky.app.add_visits(2_500, ("notes", "repeat('A good day. ', 166)")).await;
    let (mut visits, mut pages) = (Vec::new(), 0);
    loop {
        let page = unlucky.pull(0).await;
        pages += 1;
        for list in ["created", "updated"] {
            visits.extend(ids(&page, "visits", list));
        }
        if page.get("has_more").is_none() {
            visits.sort();
            let once = visits.windows(2).all(|pair| pair[0] != pair[1]);
            return json!([pages > 1, visits.len(), once, brought(&unlucky.pull(0).await)]);
        }
    }
}

async fn pull_of_a_change(lost: usize) -> Value {
    let (mut unlucky, _) = Unlucky::with_everything(lost).await;
    let path = format!("/v1/visits/{NURSES_VISIT}");
    unlucky.app.coordinator().await.patch(&path, &json!({"notes": "two"})).await.expect(200);
    let changed = unlucky.pull(0).await;
    json!([row(&changed, "visits", NURSES_VISIT)["notes"], brought(&changed), brought(&unlucky.pull(0).await)])
}

/// Which come one pull late, and until an answer with them has arrived.
async fn tombstone(lost: usize) -> Value {
    let (mut unlucky, _) = Unlucky::with_everything(lost).await;
    let path = format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_MEALS}");
    unlucky.app.coordinator().await.delete(&path).await.expect(204);
    let first = unlucky.phone.pull(Some(0)).await;
    let told = unlucky.pull(0).await;
    json!([ids(&first, "visit_tasks", "deleted"), brought(&told), brought(&unlucky.pull(0).await)])
}

async fn client_taken_away(lost: usize) -> Value {
    let (mut unlucky, _) = Unlucky::with_everything(lost).await;
    let path = format!("/v1/clients/{ALMA}/care-team/{NURSE_OF_ALMA}");
    unlucky.app.coordinator().await.delete(&path).await.expect(200);
    unlucky.phone.pull(Some(0)).await;
    json!([brought(&unlucky.pull(0).await), brought(&unlucky.pull(0).await)])
}

async fn push_of_created(lost: usize) -> Value {
    let (mut unlucky, _) = Unlucky::with_everything(lost).await;
    unlucky.push(json!({"visit_tasks": {"created": [task(NEW)], "updated": [], "deleted": []}})).await;
    json!([unlucky.stored().await, brought(&unlucky.pull(0).await), brought(&unlucky.pull(0).await)])
}

async fn push_of_updated(lost: usize) -> Value {
    let (mut unlucky, first) = Unlucky::with_everything(lost).await;
    let visit = edited(row(&first, "visits", NURSES_VISIT), &[("notes", json!("one"))]);
    unlucky.push(updated("visits", &[visit])).await;
    json!([unlucky.stored().await, brought(&unlucky.pull(0).await), brought(&unlucky.pull(0).await)])
}

async fn push_of_deleted(lost: usize) -> Value {
    let (unlucky, _) = Unlucky::with_everything(lost).await;
    unlucky.push(deleted("visit_tasks", NURSES_MEALS)).await;
    json!([unlucky.stored().await, unlucky.app.database.count("select count(*) from visit_tasks").await])
}

async fn push_in_conflict(lost: usize) -> Value {
    let (mut unlucky, first) = Unlucky::with_everything(lost).await;
    let path = format!("/v1/visits/{NURSES_VISIT}");
    unlucky.app.coordinator().await.patch(&path, &json!({"notes": "two"})).await.expect(200);
    unlucky.phone.pull(Some(1)).await;
    let visit = edited(row(&first, "visits", NURSES_VISIT), &[("notes", json!("one"))]);
    unlucky.push(updated("visits", &[visit])).await;
    json!([unlucky.stored().await, row(&unlucky.pull(0).await, "visits", NURSES_VISIT)["notes"]])
}

/// The phone forgets a deletion that is refused, and gets the record with its next pull.
async fn refused_deletion(lost: usize) -> Value {
    let (mut unlucky, _) = Unlucky::with_everything(lost).await;
    let told = unlucky.push(deleted("visits", NURSES_VISIT)).await;
    let back = unlucky.pull(0).await;
    json!([
        told["experimentalRejectedIds"],
        told["rejected"],
        unlucky.stored().await,
        brought(&back),
        brought(&unlucky.pull(0).await)
    ])
}

async fn refused_edit(lost: usize) -> Value {
    let (unlucky, _) = Unlucky::with_everything(lost).await;
    let visit = json!({"id": OTHER_NURSES_VISIT, "_status": "updated", "_changed": "notes", "notes": "x"});
    let told = unlucky.push(updated("visits", &[visit])).await;
    json!([told["experimentalRejectedIds"], told["rejected"], unlucky.stored().await])
}

/// Asked to push, then replaced: and only until that has arrived.
async fn replacement(lost: usize) -> Value {
    let (mut unlucky, _) = Unlucky::with_everything(lost).await;
    let epoch = "update agency_counters set epoch = epoch + 1";
    unlucky.app.database.superuser().await.batch_execute(epoch).await.unwrap();
    let asked = unlucky.pull(1).await;
    unlucky.push(json!({"visit_tasks": {"created": [task(NEW)], "updated": [], "deleted": []}})).await;
    let mut replaced = unlucky.pull(0).await;
    // Where the answer that replaced was lost, the phone is asked to push again: it may have written since.
    while replaced.get("has_more").is_some() {
        replaced = unlucky.phone.pull(Some(0)).await;
    }
    json!([brought(&asked), unlucky.stored().await, brought(&replaced), brought(&unlucky.pull(0).await)])
}

async fn migration(lost: usize) -> Value {
    let mut unlucky = Unlucky::new(lost).await;
    let path = format!("/v1/visits/{NURSES_VISIT}");
    unlucky.app.coordinator().await.patch(&path, &json!({"family_note": "Hello"})).await.expect(200);
    let old = unlucky.phone.client.get("/v1/sync?last_pulled_at=0&schema_version=1").await.expect(200);
    unlucky.phone.cursor = old["timestamp"].as_i64();
    let migrated = unlucky
        .migrate(
            "%7B%22from%22%3A1%2C%22tables%22%3A%5B%22alerts%22%5D%2C%22columns%22%3A%5B%7B%22table%22%3A%22visits%22\
             %2C%22columns%22%3A%5B%22family_note%22%5D%7D%5D%7D",
        )
        .await;
    json!([row(&migrated, "visits", NURSES_VISIT)["family_note"], brought(&migrated), brought(&unlucky.pull(0).await)])
}

/// What comes of a step with two answers lost; the same as with one lost, and none.
async fn as_if_nothing_was_lost<F: Future<Output = Value>>(step: impl Fn(usize) -> F) -> Value {
    let at_once = Box::pin(step(0)).await;
    assert_eq!(Box::pin(step(1)).await, at_once, "lost once");
    let twice = Box::pin(step(2)).await;
    assert_eq!(twice, at_once, "lost twice");
    twice
}

#[tokio::test]
async fn a_first_pull_comes_whole_again() {
    as_if_nothing_was_lost(first_pull).await;
}

#[tokio::test]
async fn a_page_comes_again_and_the_last_one_ends_it() {
    let told = as_if_nothing_was_lost(pages_to_the_last).await;
    assert_eq!((&told[0], &told[2]), (&json!(true), &json!(true)), "{told}");
}

#[tokio::test]
async fn a_change_comes_again_until_it_has_arrived() {
    assert_eq!(as_if_nothing_was_lost(pull_of_a_change).await[0], "two");
}

#[tokio::test]
async fn a_tombstone_comes_again_until_it_has_arrived() {
    let told = as_if_nothing_was_lost(tombstone).await;
    assert_eq!((&told[0], &told[1]["visit_tasks"][2]), (&json!([]), &json!([NURSES_MEALS])), "{told}");
}

#[tokio::test]
async fn a_client_that_was_taken_away_leaves_the_phone() {
    let told = as_if_nothing_was_lost(client_taken_away).await;
    assert_eq!(told[0]["clients"][2], json!([ALMA]), "{told}");
}

#[tokio::test]
async fn what_a_new_schema_brings_comes_again_until_it_has_arrived() {
    assert_eq!(as_if_nothing_was_lost(migration).await[0], "Hello");
}

#[tokio::test]
async fn a_record_is_created_once() {
    let told = as_if_nothing_was_lost(push_of_created).await;
    assert_eq!((&told[0]["created"], &told[0]["audit"]), (&json!(1), &json!(1)), "{told}");
}

#[tokio::test]
async fn an_edit_is_written_once() {
    assert_eq!(as_if_nothing_was_lost(push_of_updated).await[0]["log"], 1);
}

#[tokio::test]
async fn a_deletion_is_written_once() {
    assert_eq!(as_if_nothing_was_lost(push_of_deleted).await[0]["audit"], 1);
}

#[tokio::test]
async fn a_conflict_is_kept_once() {
    assert_eq!(as_if_nothing_was_lost(push_in_conflict).await[0]["conflicts"], 1);
}

#[tokio::test]
async fn what_is_refused_is_kept_once_and_stays_dirty_on_the_phone() {
    let told = as_if_nothing_was_lost(refused_edit).await;
    assert_eq!((&told[0]["visits"], &told[2]["quarantine"]), (&json!([OTHER_NURSES_VISIT]), &json!(1)), "{told}");
}

#[tokio::test]
async fn a_record_whose_deletion_is_refused_is_back_on_the_phone() {
    let told = as_if_nothing_was_lost(refused_deletion).await;
    assert_eq!((&told[0], &told[3]["visits"][1]), (&json!({}), &json!([NURSES_VISIT])), "{told}");
}

#[tokio::test]
async fn a_phone_is_replaced_until_that_has_arrived_and_not_again() {
    let told = as_if_nothing_was_lost(replacement).await;
    let strategies = [&told[0]["strategy"], &told[2]["strategy"], &told[3]["strategy"]];
    assert_eq!(strategies, [&Value::Null, &json!("replacement"), &Value::Null], "{told}");
}

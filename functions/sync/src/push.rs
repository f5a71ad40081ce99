//! From the phone to the server. Each record is judged alone; everything not refused is one transaction.

use std::collections::BTreeMap;

use app::{App, AppWithJobs};
use axum::{Json, extract::State, http::HeaderMap};
use domain::{
    identity::{Caller, SyncUse},
    sync::{cursor::Cursor, judge::Author},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{
    DbError, Tx,
    reads::sync_push::{self, PushingDevice},
};
use utoipa::{IntoParams, ToSchema};
use web::{Query, RawBody, Require};

use crate::{
    culprits::{self, Barred},
    measure,
    outcome::Outcome,
    records::{self, Records},
    stock::Stock,
};

/// The cursor that the phone holds.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PushQuery {
    /// The `timestamp` of the last pull.
    #[param(max_length = 20)]
    last_pulled_at: Option<String>,
}

/// What changed on the phone.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "it is for the documentation: records are read one by one")]
#[schema(example = json!({"changes": {"visits": {"created": [], "updated": [], "deleted": []}}}))]
pub struct Push {
    /// By table: `created` and `updated` rows, ids of `deleted` ones.
    #[schema(value_type = Object)]
    changes: Map<String, Value>,
}

/// A record that was not taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"table": "visit_tasks", "id": "0193a5b0-0000-7000-8000-0000000000b1",
    "reason": "tasks of the type vitals are for nurses"}))]
pub struct Rejected {
    /// For which table.
    pub(crate) table: String,
    /// Its id.
    pub(crate) id: String,
    /// Why. The record is kept as it came.
    pub(crate) reason: String,
}

/// What became of a push.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"experimentalRejectedIds": {}, "rejected": [], "applied": 3, "unchanged": 1, "conflicts": 0}))]
pub struct Pushed {
    /// For `WatermelonDB`: what stays dirty on the phone. Not the deletions among them that are refused: the phone forgets
    /// those, and gets the records back with its next pull.
    #[schema(value_type = Object)]
    pub(crate) experimental_rejected_ids: BTreeMap<String, Vec<String>>,
    /// All that was not taken, with reasons.
    pub(crate) rejected: Vec<Rejected>,
    /// How many records changed something.
    pub(crate) applied: usize,
    /// How many the server had already.
    pub(crate) unchanged: usize,
    /// How many columns two people had changed.
    pub(crate) conflicts: usize,
}

/// Push what changed on the phone.
#[utoipa::path(post, path = "/sync", tag = "sync", operation_id = "push", params(PushQuery), request_body = Push,
    responses((status = 200, description = "What became of it.", body = Pushed),
        (status = 422, description = "It isn't made of tables and lists, or holds more than 20,000 records.")))]
pub(crate) async fn push(
    State(AppWithJobs { app, jobs }): State<AppWithJobs>,
    caller: Require<SyncUse>,
    headers: HeaderMap,
    Query(query): Query<PushQuery>,
    RawBody(body): RawBody,
) -> web::Result<Json<Pushed>> {
    let now = Timestamp::now();
    let held = Cursor::parse(query.last_pulled_at.as_deref());
    let records = records::read(&body)?;
    let clock_offset = clock_offset(&headers, now);
    let push = Judged { app: &app, caller: &caller, records, held, now, clock_offset };
    let mut barred = Barred::new();
    loop {
        let (tx, device, outcome) = push.judge(&barred).await?;
        let error = match push.write(tx, &device, &outcome).await {
            Ok(()) => {
                if outcome.raises_alerts() {
                    jobs.escalate().await;
                }
                let told = outcome.told();
                let rejected = told.rejected.len();
                measure(told.applied + told.unchanged + rejected, told.conflicts, rejected);
                return Ok(Json(told));
            }
            Err(error) if error.is_about_the_data() => error,
            Err(error) => return Err(error.into()),
        };
        // The judge let something pass that the database doesn't take. Those records alone are refused.
        let (tx, _) = push.open().await?;
        let found = culprits::find(&tx, &outcome).await?;
        if found.is_empty() {
            return Err(error.into());
        }
        tracing::warn!(rule = error.rule(), records = found.len(), "the database refused what was judged sound");
        barred.extend(found);
    }
}

/// How far the phone's clock is ahead of ours, in milliseconds. It orders nothing.
fn clock_offset(headers: &HeaderMap, now: Timestamp) -> Option<i64> {
    let phone: i64 = headers.get("x-device-time")?.to_str().ok()?.parse().ok()?;
    Some(phone.checked_sub(now.as_millisecond())?.clamp(-1 << 50, 1 << 50))
}

/// A push on its way into the database: two flights, whatever the number of tables. What the server has, and what is
/// written with COMMIT.
struct Judged<'a> {
    app: &'a App,
    caller: &'a Caller,
    records: Records<'a>,
    held: Option<Cursor>,
    now: Timestamp,
    clock_offset: Option<i64>,
}

impl Judged<'_> {
    async fn begin(&self) -> Result<Tx<Caller>, DbError> {
        // One for each record, and some for what follows from them.
        let numbers = u16::try_from(self.records.sound.len() + 8).unwrap_or(u16::MAX);
        self.app.db.write_many(self.caller, numbers).await
    }

    async fn open(&self) -> web::Result<(Tx<Caller>, PushingDevice)> {
        let tx = self.begin().await?;
        let device = sync_push::device(&tx).await?;
        Ok((tx, device))
    }

    async fn judge(&self, barred: &Barred) -> web::Result<(Tx<Caller>, PushingDevice, Outcome)> {
        let tx = self.begin().await?;
        let held = self.held.map(Cursor::as_i64);
        // The device first: what it did for clients that were taken away counts in what follows.
        let (device, stock) =
            futures_util::future::try_join(sync_push::device(&tx), Stock::load(&tx, &self.records.sound, held)).await?;
        let Caller { user_id, agency_id, role, .. } = *self.caller;
        let author = Author { user_id, agency_id, role };
        let held = self.held.and_then(|held| held.number_in(device.epoch)).unwrap_or(0);
        let mut outcome = Outcome::new(self.records.refused.clone(), held);
        let mut around = stock.surroundings();
        for record in &self.records.sound {
            match barred.get(&(record.table.name, record.id)) {
                Some(reason) => outcome.refuse(record, &stock, reason.clone()),
                None => outcome.take(record, &stock, &author, &mut around, self.now),
            }
        }
        Ok((tx, device, outcome))
    }

    async fn write(&self, mut tx: Tx<Caller>, device: &PushingDevice, outcome: &Outcome) -> Result<(), DbError> {
        for entry in outcome.audit() {
            tx.audit(entry);
        }
        let held = self.held.map(Cursor::as_i64);
        let next = device.base.pushed(held);
        tx.commit_after(async |tx: &Tx<Caller>| {
            futures_util::try_join!(
                // Boxed: a dozen statements on their way at once are large.
                Box::pin(outcome.write(tx, device.base.of_push_for_taken())),
                sync_push::finish(tx, held, &next, self.clock_offset)
            )
            .map(drop)
        })
        .await
    }
}

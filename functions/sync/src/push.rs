//! From the phone to the server. Each record is reconciled alone; everything not refused is one transaction.

use app::{App, AppWithJobs};
use axum::{Json, extract::State, http::HeaderMap};
use domain::{
    error::Error,
    identity::{Caller, SyncUse},
    sync::{cursor::SyncCursor, policy::Actor},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use store::{
    DbError,
    reads::sync_push::{self, Pushed},
};
use utoipa::{IntoParams, ToSchema};
use web::{Query, RawBody, Require};

use crate::{
    bisect::{self, DatabaseRejections},
    cursor, measure,
    parse::{self, Records},
    plan::Plan,
    response::PushResult,
    server_state::ServerState,
};

/// The cursor that the phone holds.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PushQuery {
    /// The `timestamp` of the last pull.
    #[param(max_length = 20)]
    last_pulled_at: Option<String>,
    /// Whether this is one part of a push, and another follows: what they bring was written before any of them was
    /// answered.
    #[serde(default)]
    has_more: bool,
}

/// How often a push is decided anew because what it was decided on changed meanwhile.
const ATTEMPTS: usize = 10;

/// What changed on the phone.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "it is for the documentation: records are read one by one")]
#[schema(example = json!({"changes": {"visits": {"created": [], "updated": [], "deleted": []}}}))]
pub struct Push {
    /// By table: `created` and `updated` rows, ids of `deleted` ones.
    #[schema(value_type = Object)]
    changes: Map<String, Value>,
}

/// Push what changed on the phone.
#[utoipa::path(post, path = "/sync", tag = "sync", operation_id = "push", params(PushQuery), request_body = Push,
    responses((status = 200, description = "What was stored, refused and found in conflict.", body = PushResult),
        (status = 422, description = "Not lists of records by table, or more than 20,000 records.")))]
pub(crate) async fn push(
    State(AppWithJobs { app, jobs }): State<AppWithJobs>,
    caller: Require<SyncUse>,
    headers: HeaderMap,
    Query(query): Query<PushQuery>,
    RawBody(body): RawBody,
) -> web::Result<Json<PushResult>> {
    let now = Timestamp::now();
    let held = cursor(query.last_pulled_at.as_deref())?;
    let records = parse::read(&body)?;
    let clock_offset = clock_offset(&headers, now);
    let push = Incoming { app: &app, caller: &caller, records, held, has_more: query.has_more, now, clock_offset };
    let mut rejections = DatabaseRejections::new();
    let mut attempt = 1;
    loop {
        let server = push.look().await?;
        let plan = push.decide(&server, &rejections);
        let error = match push.write(&server, &plan).await {
            Ok(()) => {
                if plan.raises_alerts() {
                    jobs.escalate().await;
                }
                let result = PushResult::from(plan);
                measure(result.records(), result.conflicts, result.rejected.len());
                return Ok(Json(result));
            }
            Err(error) if error.is_stale() && attempt < ATTEMPTS => {
                attempt += 1;
                continue;
            }
            Err(error) if error.is_about_the_data() => error,
            Err(error) => return Err(error.into()),
        };
        // The rules let something pass that the database doesn't take. Those records alone are refused.
        let found = bisect::rejections(&app.db.write_many(&*caller, push.numbers()).await?, &plan).await?;
        if found.is_empty() {
            return Err(error.into());
        }
        tracing::warn!(rule = error.rule(), records = found.len(), "the database refused what the rules accept");
        rejections.extend(found);
    }
}

/// How far the phone's clock is ahead of ours, in milliseconds. It orders nothing.
fn clock_offset(headers: &HeaderMap, now: Timestamp) -> Option<i64> {
    let phone: i64 = headers.get("x-device-time")?.to_str().ok()?.parse().ok()?;
    Some(phone.checked_sub(now.as_millisecond())?.clamp(-1 << 50, 1 << 50))
}

/// A push on its way into the database: two round trips, whatever the number of records, and no lock while it is
/// decided what becomes of them.
struct Incoming<'a> {
    app: &'a App,
    caller: &'a Caller,
    records: Records<'a>,
    held: Option<SyncCursor>,
    has_more: bool,
    now: Timestamp,
    clock_offset: Option<i64>,
}

impl Incoming<'_> {
    /// One for each record, and some for what follows from them.
    fn numbers(&self) -> u16 {
        u16::try_from(self.records.sound.len() + 8).unwrap_or(u16::MAX)
    }

    fn held(&self) -> Option<i64> {
        self.held.map(SyncCursor::as_i64)
    }

    async fn look(&self) -> Result<ServerState, Error> {
        ServerState::load(&self.app.db, self.caller, &self.records.sound, self.held()).await
    }

    fn decide(&self, server: &ServerState, rejections: &DatabaseRejections) -> Plan {
        let device = server.device();
        let Caller { user_id, agency_id, role, .. } = *self.caller;
        let actor = Actor { user_id, agency_id, role };
        let held = self.held.and_then(|held| held.number_in(device.epoch)).unwrap_or(0);
        let mut plan = Plan::new(&self.records.refused, held, device.base.of_push_for_taken());
        let mut context = server.context(self.now);
        for record in &self.records.sound {
            match rejections.get(&(record.table.name, record.id)) {
                Some(reason) => plan.refuse(record, server, reason.clone()),
                None => plan.add(record, server, &actor, &mut context, self.now),
            }
        }
        plan
    }

    async fn write(&self, server: &ServerState, plan: &Plan) -> Result<(), DbError> {
        let decided_on = server.decided_on().into_iter().collect();
        let pushed = Pushed { held: self.held(), has_more: self.has_more, clock_offset_ms: self.clock_offset };
        let numbers = i32::from(self.numbers());
        sync_push::write(&self.app.db, self.caller, server.device(), decided_on, numbers, &plan.changes(), pushed).await
    }
}

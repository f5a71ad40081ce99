//! A visit as it is planned, stored and shown.

use crate::{
    json_sql,
    tables::{
        check_in::{CheckIn, Flag, RecordedLocation, flags},
        clients::Address,
        visit_tasks::{Task, TaskRow},
    },
};
use domain::transitions::VisitStatus;
use domain::{
    Versioned,
    limits::LONGEST_VISIT,
    record_rules::{PLAUSIBLE_TIME, is_plausible_time},
    validation::{Check, Faults},
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What is said of a visit when planning or changing it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"client_id": "0193a5b0-0000-7000-8000-0000000000c1",
    "user_id": "0193a5b0-0000-7000-8000-000000000003",
    "scheduled_start": "2026-11-20T14:00:00Z", "scheduled_end": "2026-11-20T14:45:00Z",
    "notes": null, "family_note": null, "allow_overlap": false}))]
pub struct VisitFields {
    /// Who is visited. Can't be changed.
    pub client_id: Uuid,
    /// The caregiver who makes the visit.
    pub user_id: Uuid,
    /// The planned start.
    pub scheduled_start: Timestamp,
    /// When it is to end; within 24 hours.
    pub scheduled_end: Timestamp,
    /// The caregiver's notes.
    #[serde(default)]
    #[schema(max_length = 10000)]
    pub notes: Option<String>,
    /// What the family may read.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub family_note: Option<String>,
    /// Plan it even if the caregiver is elsewhere at that time.
    #[serde(default)]
    pub allow_overlap: bool,
    /// Why a completed visit's chart is corrected or added to: needed of coordinators, and of everybody once 24 hours
    /// have passed since the check-out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: Option<String>,
}

impl Check for VisitFields {
    fn check(&self, faults: &mut Faults) {
        faults.unless(is_plausible_time(self.scheduled_start), "/scheduled_start", PLAUSIBLE_TIME);
        faults.unless(
            self.scheduled_end > self.scheduled_start,
            "/scheduled_end",
            "must be later than scheduled_start",
        );
        faults.unless(
            self.scheduled_start.duration_until(self.scheduled_end) <= LONGEST_VISIT,
            "/scheduled_end",
            "must be within 24 hours of scheduled_start",
        );
    }
}

/// Why a visit is cancelled.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "Client is in hospital"}))]
pub struct Cancellation {
    /// The reason, for those who planned the visit.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}
impl Check for Cancellation {}

/// The client, as a visit needs them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"first_name": "Marguerite", "last_name": "Tremblay",
    "address": {"street": "118 Roncesvalles Avenue",
    "city": "Toronto", "province": "ON", "postal_code": "M6R 2L2", "country": "CA"}, "latitude": 43.6424,
        "longitude": -79.4474}))]
pub struct VisitClient {
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Where they live.
    pub address: Address,
    /// Of the home, in degrees (WGS 84).
    pub latitude: Option<f64>,
    /// Of the home, in degrees (WGS 84).
    pub longitude: Option<f64>,
}

/// The caregiver, as a visit names them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"first_name": "Amara", "last_name": "Okafor"}))]
pub struct Caregiver {
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TaskRows(Vec<TaskRow>);
json_sql!(VisitClient, Caregiver, TaskRows);

#[derive(FromRow)]
pub(in crate::tables) struct VisitRow {
    id: Uuid,
    client_id: Uuid,
    user_id: Uuid,
    client: VisitClient,
    caregiver: Caregiver,
    scheduled_start: Timestamp,
    scheduled_end: Timestamp,
    status: VisitStatus,
    actual_start: Option<Timestamp>,
    actual_end: Option<Timestamp>,
    check_in: Option<RecordedLocation>,
    check_out: Option<RecordedLocation>,
    cancel_reason: Option<String>,
    notes: Option<String>,
    family_note: Option<String>,
    tasks: TaskRows,
    created_at: Timestamp,
    updated_at: Timestamp,
    change_number: i64,
    version: i64,
    after_access_ended: bool,
}

/// A visit, with what a caregiver needs of its client and all its tasks.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000a1",
    "client_id": "0193a5b0-0000-7000-8000-0000000000c1",
    "user_id": "0193a5b0-0000-7000-8000-000000000003",
    "client": {"first_name": "Marguerite", "last_name": "Tremblay", "address": {"street": "118 Roncesvalles Avenue",
        "city": "Toronto", "province": "ON", "postal_code": "M6R 2L2", "country": "CA"}, "latitude": 43.6424,
            "longitude": -79.4474},
    "caregiver": {"first_name": "Amara", "last_name": "Okafor"},
    "scheduled_start": "2026-11-20T14:00:00Z", "scheduled_end": "2026-11-20T14:45:00Z", "status": "in_progress",
    "actual_start": "2026-11-20T14:02:10Z", "actual_end": null,
    "check_in": {"latitude": 43.6425, "longitude": -79.4475, "accuracy_m": 12.0, "distance_m": 13.7,
        "received_at": "2026-11-20T14:02:11Z"}, "check_out": null,
    "cancel_reason": null, "notes": null, "family_note": null, "flags": [], "tasks": [],
    "created_at": "2026-11-13T09:00:00Z", "updated_at": "2026-11-20T14:02:11Z"}))]
pub struct Visit {
    /// The visit's id.
    pub id: Uuid,
    /// The client who is visited.
    pub client_id: Uuid,
    /// The caregiver who makes the visit.
    pub user_id: Uuid,
    /// The client, as a visit needs them.
    pub client: VisitClient,
    /// The caregiver's name.
    pub caregiver: Caregiver,
    /// The planned start.
    pub scheduled_start: Timestamp,
    /// The planned end.
    pub scheduled_end: Timestamp,
    /// The status.
    pub status: VisitStatus,
    /// When the caregiver came, by their phone; never shown later than the server heard of it.
    pub actual_start: Option<Timestamp>,
    /// When the caregiver left, by their phone; never shown later than the server heard of it.
    pub actual_end: Option<Timestamp>,
    /// The check-in.
    pub check_in: Option<RecordedLocation>,
    /// The check-out.
    pub check_out: Option<RecordedLocation>,
    /// Why the visit was cancelled.
    pub cancel_reason: Option<String>,
    /// The caregiver's notes.
    pub notes: Option<String>,
    /// What the family may read.
    pub family_note: Option<String>,
    /// What a person should look at.
    pub flags: Vec<Flag>,
    /// What is to be done, and what was.
    pub tasks: Vec<Task>,
    /// When it was planned.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Of the visit itself, without its tasks.
    #[serde(skip)]
    pub(in crate::tables) change_number: i64,
    #[serde(skip)]
    version: i64,
    /// The phone's own times, however far ahead.
    #[serde(skip)]
    stated: (Option<Timestamp>, Option<Timestamp>),
}

impl From<VisitRow> for Visit {
    fn from(row: VisitRow) -> Self {
        let times = [(row.actual_start, row.check_in.as_ref()), (row.actual_end, row.check_out.as_ref())];
        let mut flags = flags(&times);
        flags.extend(row.after_access_ended.then_some(Flag::AfterAccessEnded));
        let [actual_start, actual_end] = times.map(|(time, location)| match location {
            Some(location) => time.map(|time| time.min(location.received_at)),
            None => time,
        });
        Self {
            id: row.id,
            client_id: row.client_id,
            user_id: row.user_id,
            client: row.client,
            caregiver: row.caregiver,
            scheduled_start: row.scheduled_start,
            scheduled_end: row.scheduled_end,
            status: row.status,
            stated: (row.actual_start, row.actual_end),
            actual_start,
            actual_end,
            check_in: row.check_in,
            check_out: row.check_out,
            cancel_reason: row.cancel_reason,
            notes: row.notes,
            family_note: row.family_note,
            flags,
            tasks: row.tasks.0.into_iter().map(Task::from).collect(),
            created_at: row.created_at,
            updated_at: row.updated_at,
            change_number: row.change_number,
            version: row.version,
        }
    }
}

impl Versioned for Visit {
    fn version(&self) -> i64 {
        self.version
    }
}

impl From<&Visit> for VisitFields {
    fn from(visit: &Visit) -> Self {
        Self {
            client_id: visit.client_id,
            user_id: visit.user_id,
            scheduled_start: visit.scheduled_start,
            scheduled_end: visit.scheduled_end,
            notes: visit.notes.clone(),
            family_note: visit.family_note.clone(),
            allow_overlap: false,
            reason: None,
        }
    }
}

impl Visit {
    /// Whether `reported` is the check-in on record.
    #[must_use]
    pub fn was_checked_in_by(&self, reported: &CheckIn) -> bool {
        self.stated.0 == Some(reported.at) && self.check_in.as_ref().is_some_and(|location| location.is(reported))
    }

    /// Whether `reported` is the check-out on record.
    #[must_use]
    pub fn was_checked_out_by(&self, reported: &CheckIn) -> bool {
        self.stated.1 == Some(reported.at) && self.check_out.as_ref().is_some_and(|location| location.is(reported))
    }

    /// The same visit, cancelled.
    #[must_use]
    pub fn cancelled(self, cancellation: &Cancellation) -> Self {
        Self { status: VisitStatus::Cancelled, cancel_reason: Some(cancellation.reason.clone()), ..self }
    }

    /// Before when nobody has left: the check-in as the phone stated it, or when it was heard of. A clock that was
    /// ahead at the check-in, and was put right since, may state an earlier end.
    #[must_use]
    pub fn earliest_start(&self) -> Option<Timestamp> {
        self.actual_start
    }

    /// When the server heard that the visit had ended; none while it isn't completed.
    #[must_use]
    pub fn checked_out_at(&self) -> Option<Timestamp> {
        let heard = self.check_out.as_ref().map(|location| location.received_at).or(self.actual_end);
        heard.filter(|_| self.status == VisitStatus::Completed)
    }

    /// The check-in as the phone stated it.
    #[must_use]
    pub fn stated_start(&self) -> Option<Timestamp> {
        self.stated.0
    }
}

//! What people ask of their data: access, correction, deletion; and by when they are to have an answer.

use domain::{
    Versioned,
    error::{Conflict, Error, Reference},
    limits::{EXTENDED_REQUEST_HOURS, REQUEST_HOURS},
    text_enum,
    transitions::Transitions,
    validation::{Check, Faults},
};
use jiff::{SignedDuration, Timestamp};
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

pub use domain::transitions::RequestState;

use crate::{AuditEntry, ConstraintExt, Db, DbError, Identity, Tx, audited, audited_page, params_of};

text_enum! {
    /// What is asked for.
    #[schema(example = "access")]
    pub enum RequestKind {
        /// To see what is held, and who saw it.
        Access,
        /// That something be corrected: by an addendum, never by erasing.
        Correction,
        /// That it be deleted, as far as the law lets it.
        Deletion,
    }
}
params_of!(RequestKind, TEXT);

/// What is said of a request when it comes in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "access", "client_id": "0193a5b0-0000-7000-8000-0000000000c1", "user_id": null,
    "asked_by": "Paul Tremblay, her son, with power of attorney", "details": "The whole record of this year",
    "received_at": "2026-11-20T15:00:00Z"}))]
pub struct PrivacyRequestFields {
    /// What is asked for.
    pub kind: RequestKind,
    /// Whose data, where it is a client's.
    #[serde(default)]
    pub client_id: Option<Uuid>,
    /// Whose data, where it is a user's.
    #[serde(default)]
    pub user_id: Option<Uuid>,
    /// Who asks, and by which right where it isn't the person themselves.
    #[schema(min_length = 1, max_length = 200)]
    pub asked_by: String,
    /// What they ask for, in their words.
    #[serde(default)]
    #[schema(max_length = 5000)]
    pub details: Option<String>,
    /// When it came in; from then on there are 30 days.
    pub received_at: Timestamp,
}

impl Check for PrivacyRequestFields {
    fn check(&self, faults: &mut Faults) {
        one_subject(self.client_id, self.user_id, faults);
        is_in_our_time(self.received_at, "/received_at", faults);
    }
}

/// Of a client or of a user, and not of both.
pub(crate) fn one_subject(client_id: Option<Uuid>, user_id: Option<Uuid>, faults: &mut Faults) {
    let subjects = [client_id, user_id].into_iter().flatten().count();
    faults.unless(subjects == 1, "/client_id", "must be given, or else user_id, and not both");
}

/// That dates reckoned from it are still dates.
pub(crate) fn is_in_our_time(at: Timestamp, pointer: &str, faults: &mut Faults) {
    let year = at.to_zoned(jiff::tz::TimeZone::UTC).year();
    faults.unless((2000..=2200).contains(&year), pointer, "must be between 2000 and 2200");
}

/// What may be said of a request afterwards.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"state": "fulfilled", "outcome": "Exported and handed over on 2 December"}))]
pub struct RequestProgressFields {
    /// What they ask for, in their words.
    #[serde(default)]
    #[schema(max_length = 5000)]
    pub details: Option<String>,
    /// By when they are to have an answer.
    pub due_at: Timestamp,
    /// Why it takes longer than 30 days; they are told.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 1000)]
    pub extension_reason: Option<String>,
    /// Where it stands.
    pub state: RequestState,
    /// What came of it; of a refusal the reason, and how to complain.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 5000)]
    pub outcome: Option<String>,
}

impl Check for RequestProgressFields {
    fn check(&self, faults: &mut Faults) {
        is_in_our_time(self.due_at, "/due_at", faults);
        let needs_outcome = matches!(self.state, RequestState::Fulfilled | RequestState::Refused);
        faults.unless(!needs_outcome || self.outcome.is_some(), "/outcome", "must say what came of it");
    }
}

/// A request on record.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000aa", "kind": "access",
    "client_id": "0193a5b0-0000-7000-8000-0000000000c1", "user_id": null,
    "asked_by": "Paul Tremblay, her son, with power of attorney", "details": "The whole record of this year",
    "received_at": "2026-11-20T15:00:00Z", "due_at": "2026-12-20T15:00:00Z", "extension_reason": null,
    "state": "received", "outcome": null, "closed_at": null, "created_at": "2026-11-20T15:04:00Z",
    "updated_at": "2026-11-20T15:04:00Z"}))]
pub struct PrivacyRequest {
    /// The request's id.
    pub id: Uuid,
    /// What is asked for.
    pub kind: RequestKind,
    /// Whose data, where it is a client's.
    pub client_id: Option<Uuid>,
    /// Whose data, where it is a user's.
    pub user_id: Option<Uuid>,
    /// Who asks.
    pub asked_by: String,
    /// What they ask for.
    pub details: Option<String>,
    /// When it came in.
    pub received_at: Timestamp,
    /// By when they are to have an answer.
    pub due_at: Timestamp,
    /// Why it takes longer than 30 days.
    pub extension_reason: Option<String>,
    /// Where it stands.
    pub state: RequestState,
    /// What came of it.
    pub outcome: Option<String>,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Versioned for PrivacyRequest {
    fn version(&self) -> i64 {
        self.updated_at.as_microsecond()
    }
}

impl From<&PrivacyRequest> for RequestProgressFields {
    fn from(request: &PrivacyRequest) -> Self {
        let PrivacyRequest { details, due_at, extension_reason, state, outcome, .. } = request.clone();
        Self { details, due_at, extension_reason, state, outcome }
    }
}

/// Which requests to list.
#[derive(Debug, Default)]
pub struct RequestFilter {
    /// In this state.
    pub state: Option<RequestState>,
    /// About this client.
    pub client_id: Option<Uuid>,
    /// About this user.
    pub user_id: Option<Uuid>,
    /// Before the request of this time and id.
    pub before: Option<(Timestamp, Uuid)>,
    /// The largest number of rows.
    pub limit: i64,
}

macro_rules! columns {
    () => {
        "r.id, r.kind::text as kind, r.client_id, r.user_id, r.asked_by, r.details, r.received_at, r.due_at,
         r.extension_reason, r.state::text as state, r.outcome, r.closed_at, r.created_at, r.updated_at
         from privacy_requests r"
    };
}

/// Requests, the newest first.
pub async fn list(db: &Db, who: &impl Identity, filter: RequestFilter) -> Result<Vec<PrivacyRequest>, DbError> {
    let (at, id) = filter.before.unzip();
    db.read(
        who,
        audited_page!(
            "privacy_request.list",
            "privacy_request",
            "$6",
            "select ",
            columns!(),
            " where ($1::text is null or r.state::text = $1) and ($2::uuid is null or r.client_id = $2)
                and ($3::uuid is null or r.user_id = $3)
                and ($5::uuid is null or (r.received_at, r.id) < ($4, $5))
              order by r.received_at desc, r.id desc limit $6"
        ),
        &[&filter.state, &filter.client_id, &filter.user_id, &at, &id, &filter.limit],
    )
    .await
}

/// One request.
pub async fn find(db: &Db, who: &impl Identity, id: Uuid) -> Result<Option<PrivacyRequest>, DbError> {
    db.read_opt(
        who,
        audited!("privacy_request.read", "privacy_request", "select ", columns!(), " where r.id = $1"),
        &[&id],
    )
    .await
}

/// One request, locked until the transaction ends.
pub async fn lock<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<PrivacyRequest, Error> {
    tx.query_opt(concat!("select ", columns!(), " where r.id = $1 for no key update of r"), &[&id])
        .await?
        .ok_or(Error::NotFound)
}

/// Records a request, due in 30 days.
///
/// # Errors
/// [`Reference::Client`] or [`Reference::User`] where there is no such person in this agency.
pub async fn insert<I: Identity>(tx: &mut Tx<I>, id: Uuid, request: &PrivacyRequestFields) -> Result<(), Error> {
    let due_at = request.received_at + SignedDuration::from_hours(REQUEST_HOURS);
    tx.audit(
        AuditEntry::new("privacy_request.create", "privacy_request", id, request.client_id)
            .with(json!({"kind": request.kind, "user_id": request.user_id})),
    );
    tx.execute(
        "insert into privacy_requests
           (id, agency_id, kind, client_id, user_id, asked_by, details, received_at, due_at)
         values ($1, app.agency_id(), $2::text::privacy_request_kind, $3, $4, $5, $6, $7, $8)",
        &[
            &id,
            &request.kind,
            &request.client_id,
            &request.user_id,
            &request.asked_by,
            &request.details,
            &request.received_at,
            &due_at,
        ],
    )
    .await
    .on_constraint("privacy_requests_client_fkey", || Error::Unusable(Reference::Client))
    .on_constraint("privacy_requests_user_fkey", || Error::Unusable(Reference::User))
}

/// Changes what may be changed, and says on record from which state to which.
///
/// # Errors
/// [`Conflict::RegisterState`] where the state can't follow; faults of a date that the law doesn't allow.
pub async fn update<I: Identity>(
    tx: &mut Tx<I>,
    before: &PrivacyRequest,
    wanted: &RequestProgressFields,
) -> Result<(), Error> {
    if !before.state.may_become(wanted.state) {
        let (from, to) = (before.state.into(), wanted.state.into());
        return Err(Error::Conflict(Conflict::RegisterState { from, to }));
    }
    may_be_due(before.received_at, wanted)?;
    tx.audit(
        AuditEntry::new("privacy_request.update", "privacy_request", before.id, before.client_id)
            .with(json!({"state": [before.state, wanted.state], "due_at": [before.due_at, wanted.due_at]})),
    );
    tx.execute_one(
        "update privacy_requests set details = $2, due_at = $3, extension_reason = $4,
           state = $5::text::privacy_request_state, outcome = $6
         where id = $1 returning id",
        &[&before.id, &wanted.details, &wanted.due_at, &wanted.extension_reason, &wanted.state, &wanted.outcome],
    )
    .await
}

/// 30 days, and once as many more for a reason.
fn may_be_due(received_at: Timestamp, wanted: &RequestProgressFields) -> Result<(), Error> {
    let within = |hours| wanted.due_at <= received_at + SignedDuration::from_hours(hours);
    let mut faults = Faults::default();
    faults.unless(wanted.due_at >= received_at, "/due_at", "must not be before received_at");
    faults.unless(within(EXTENDED_REQUEST_HOURS), "/due_at", "must be within 60 days of received_at");
    faults.unless(
        within(REQUEST_HOURS) || wanted.extension_reason.is_some(),
        "/extension_reason",
        "must say why it takes longer than 30 days",
    );
    faults.into_result()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_in_30_days_or_for_a_reason_in_60() {
        let received: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap_or_default();
        let due = |days: i64, reason: Option<&str>| {
            let wanted = RequestProgressFields {
                details: None,
                due_at: received + SignedDuration::from_hours(days * 24),
                extension_reason: reason.map(ToOwned::to_owned),
                state: RequestState::Received,
                outcome: None,
            };
            may_be_due(received, &wanted).is_ok()
        };
        assert!(due(30, None) && due(0, None) && due(60, Some("in the archive")));
        assert!(!due(31, None) && !due(61, Some("in the archive")) && !due(-1, None));
    }
}

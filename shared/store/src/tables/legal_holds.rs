//! Legal holds: whose records must not be removed, whatever their age, until the hold is lifted.

use domain::{
    Versioned,
    error::{Conflict, Error, Reference},
    validation::{Check, Faults},
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::privacy_requests::one_subject;
use crate::{AuditEntry, ConstraintExt, Db, DbError, Identity, Tx, audited, audited_page};

/// What is said of a hold when it is placed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"client_id": "0193a5b0-0000-7000-8000-0000000000c1", "user_id": null,
    "reason": "Proceeding before the Superior Court, file CV-26-001"}))]
pub struct LegalHoldFields {
    /// Whose records, where they are a client's.
    #[serde(default)]
    pub client_id: Option<Uuid>,
    /// Whose records, where they are a user's.
    #[serde(default)]
    pub user_id: Option<Uuid>,
    /// Why.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

impl Check for LegalHoldFields {
    fn check(&self, faults: &mut Faults) {
        one_subject(self.client_id, self.user_id, faults);
    }
}

/// A hold on record.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000aa",
    "client_id": "0193a5b0-0000-7000-8000-0000000000c1", "user_id": null,
    "reason": "Proceeding before the Superior Court, file CV-26-001",
    "placed_by": "0193a5b0-0000-7000-8000-000000000001", "placed_at": "2026-11-20T15:00:00Z", "lifted_by": null,
    "lifted_at": null, "lift_reason": null, "updated_at": "2026-11-20T15:00:00Z"}))]
pub struct LegalHold {
    /// The hold's id.
    pub id: Uuid,
    /// Whose records, where they are a client's.
    pub client_id: Option<Uuid>,
    /// Whose records, where they are a user's.
    pub user_id: Option<Uuid>,
    /// Why.
    pub reason: String,
    /// The user who placed it.
    pub placed_by: Uuid,
    /// Since when it holds.
    pub placed_at: Timestamp,
    /// The user who lifted it.
    pub lifted_by: Option<Uuid>,
    /// Since when it holds no more.
    pub lifted_at: Option<Timestamp>,
    /// Why it was lifted.
    pub lift_reason: Option<String>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Versioned for LegalHold {
    fn version(&self) -> i64 {
        self.updated_at.as_microsecond()
    }
}

/// Which holds to list.
#[derive(Debug, Default)]
pub struct HoldFilter {
    /// Only those that hold still, or only those that were lifted.
    pub active: Option<bool>,
    /// Of this client.
    pub client_id: Option<Uuid>,
    /// Of this user.
    pub user_id: Option<Uuid>,
    /// Before the hold of this time and id.
    pub before: Option<(Timestamp, Uuid)>,
    /// The largest number of rows.
    pub limit: i64,
}

macro_rules! columns {
    () => {
        "h.id, h.client_id, h.user_id, h.reason, h.placed_by, h.placed_at, h.lifted_by, h.lifted_at, h.lift_reason,
         h.updated_at
         from legal_holds h"
    };
}

/// Holds, the newest first.
pub async fn list(db: &Db, who: &impl Identity, filter: HoldFilter) -> Result<Vec<LegalHold>, DbError> {
    let (at, id) = filter.before.unzip();
    db.read(
        who,
        audited_page!(
            "legal_hold.list",
            "legal_hold",
            "$6",
            "select ",
            columns!(),
            " where ($1::boolean is null or (h.lifted_at is null) = $1) and ($2::uuid is null or h.client_id = $2)
                and ($3::uuid is null or h.user_id = $3)
                and ($5::uuid is null or (h.placed_at, h.id) < ($4, $5))
              order by h.placed_at desc, h.id desc limit $6"
        ),
        &[&filter.active, &filter.client_id, &filter.user_id, &at, &id, &filter.limit],
    )
    .await
}

/// One hold.
pub async fn find(db: &Db, who: &impl Identity, id: Uuid) -> Result<Option<LegalHold>, DbError> {
    db.read_opt(who, audited!("legal_hold.read", "legal_hold", "select ", columns!(), " where h.id = $1"), &[&id]).await
}

/// One hold, locked until the transaction ends.
pub async fn lock<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<LegalHold, Error> {
    tx.query_opt(concat!("select ", columns!(), " where h.id = $1 for no key update of h"), &[&id])
        .await?
        .ok_or(Error::NotFound)
}

/// Places a hold, under the caller's name.
///
/// # Errors
/// [`Reference::Client`] or [`Reference::User`] where there is no such person in this agency.
pub async fn insert<I: Identity>(tx: &mut Tx<I>, id: Uuid, hold: &LegalHoldFields) -> Result<(), Error> {
    tx.audit(
        AuditEntry::new("legal_hold.place", "legal_hold", id, hold.client_id).with(json!({"user_id": hold.user_id})),
    );
    tx.execute(
        "insert into legal_holds (id, agency_id, client_id, user_id, reason)
         values ($1, app.agency_id(), $2, $3, $4)",
        &[&id, &hold.client_id, &hold.user_id, &hold.reason],
    )
    .await
    .on_constraint("legal_holds_client_fkey", || Error::Unusable(Reference::Client))
    .on_constraint("legal_holds_user_fkey", || Error::Unusable(Reference::User))
}

/// Lifts a hold, under the caller's name. Lifting it twice for one reason is lifting it once.
///
/// # Errors
/// [`Conflict::AlreadyRecorded`] where it was lifted for another reason.
pub async fn lift<I: Identity>(tx: &mut Tx<I>, hold: &LegalHold, reason: &str) -> Result<(), Error> {
    match &hold.lift_reason {
        Some(before) if before == reason => return Ok(()),
        Some(_) => return Err(Error::Conflict(Conflict::AlreadyRecorded)),
        None => {}
    }
    tx.audit(
        AuditEntry::new("legal_hold.lift", "legal_hold", hold.id, hold.client_id)
            .with(json!({"user_id": hold.user_id})),
    );
    tx.execute_one(
        "update legal_holds set lifted_by = app.user_id(), lifted_at = now(), lift_reason = $2
         where id = $1 returning id",
        &[&hold.id, &reason],
    )
    .await
}

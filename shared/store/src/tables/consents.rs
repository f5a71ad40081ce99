//! Consents. Nothing is ever changed: a withdrawal is a new row, and the newest counts.

use domain::{error::Error, validation::Check};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{AuditEntry, Db, DbError, Identity, Tx, audited_page, text_sql};

/// What is consented to.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "family_sharing")]
pub enum ConsentKind {
    /// Keeping care records at all.
    DataCollection,
    /// The family reading along.
    FamilySharing,
    /// A daily SMS to one family member.
    Sms,
    /// Photos.
    Photos,
}
text_sql!(ConsentKind);

/// A consent or its withdrawal, as it is recorded.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "family_sharing", "granted": true, "method": "signed form", "user_id": null}))]
pub struct ConsentFields {
    /// What is consented to.
    pub kind: ConsentKind,
    /// Whether consent is given; false withdraws it.
    pub granted: bool,
    /// How it was given.
    #[schema(min_length = 1, max_length = 100)]
    pub method: String,
    /// For whom, where it concerns one family member.
    #[serde(default)]
    pub user_id: Option<Uuid>,
}
impl Check for ConsentFields {}

/// A consent on record.
#[derive(Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000f1",
    "client_id": "0193a5b0-0000-7000-8000-0000000000c1",
    "kind": "family_sharing", "granted": true, "method": "signed form", "user_id": null,
    "recorded_at": "2026-11-01T09:05:00Z", "recorded_by": "0193a5b0-0000-7000-8000-000000000002"}))]
pub struct Consent {
    /// The consent's id.
    pub id: Uuid,
    /// The client whom it concerns.
    pub client_id: Uuid,
    /// What is consented to.
    pub kind: ConsentKind,
    /// Whether consent was given; false withdrew it.
    pub granted: bool,
    /// How it was given.
    pub method: String,
    /// The user whom the consent concerns.
    pub user_id: Option<Uuid>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The user who recorded it.
    pub recorded_by: Option<Uuid>,
}

macro_rules! columns {
    () => {
        "s.id, s.client_id, s.kind::text as kind, s.granted, s.method, s.user_id, s.recorded_at,
         s.created_by as recorded_by"
    };
}

/// One consent, inside a transaction.
pub async fn get<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<Consent, Error> {
    tx.query_opt(concat!("select ", columns!(), " from consents s where s.id = $1"), &[&id])
        .await?
        .ok_or(Error::NotFound)
}

/// What was recorded for a client, newest first: older than this, at most so much.
pub async fn of_client(
    db: &Db,
    who: &impl Identity,
    client_id: Uuid,
    before: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<Consent>, DbError> {
    let (recorded_at, id) = before.unzip();
    db.read(
        who,
        audited_page!(
            "consent.read",
            "consent",
            "$4",
            "select ",
            columns!(),
            " from consents s
             where s.client_id = $1 and ($3::uuid is null or (s.recorded_at, s.id) < ($2, $3))
             order by s.recorded_at desc, s.id desc limit $4"
        ),
        &[&client_id, &recorded_at, &id, &limit],
    )
    .await
}

/// Records a consent.
pub async fn insert<I: Identity>(
    tx: &mut Tx<I>,
    client_id: Uuid,
    id: Uuid,
    consent: &ConsentFields,
) -> Result<(), Error> {
    tx.audit(AuditEntry::new("consent.create", "consent", id, Some(client_id)));
    Ok(tx
        .execute(
            "insert into consents (id, agency_id, client_id, user_id, kind, granted, method)
             values ($1, app.agency_id(), $2, $3, $4::text::consent_kind, $5, $6)",
            &[&id, &client_id, &consent.user_id, &consent.kind, &consent.granted, &consent.method],
        )
        .await?)
}

/// Records a number's own wish: to get no more SMS, or to get them again. It holds for each family member with that
/// number and each client of theirs, in every agency.
pub async fn record_sms_opt_out<I: Identity>(
    tx: &mut Tx<I>,
    phone: &str,
    granted: bool,
    method: &str,
) -> Result<(), Error> {
    Ok(tx.execute("select app.record_sms_consent($1, $2, $3)", &[&phone, &granted, &method]).await?)
}

/// Records that the network refused an SMS of ours because its recipient opted out there, once, and for the coordinator
/// to read among what families write.
pub async fn record_opt_out<I: Identity>(tx: &mut Tx<I>, message_id: Uuid) -> Result<(), Error> {
    Ok(tx.execute("select app.record_opt_out($1)", &[&message_id]).await?)
}

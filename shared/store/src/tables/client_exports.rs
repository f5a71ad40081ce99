//! Exports that are made after the request. Who asks sees their own; who makes one acts as whoever asked, as long as
//! they may still export.

use domain::{
    Versioned,
    error::{Conflict, Error},
    validation::Check,
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{AuditEntry, Connection, ConstraintExt, Db, DbError, Identity, Tx, text_sql};

/// What a file of everything held on a client is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::IntoStaticStr, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "zip")]
pub enum ExportFormat {
    /// Our JSON, by the schema `ClientExport`.
    Json,
    /// A Bundle of FHIR R4.
    Fhir,
    /// The same resources, one a line.
    Ndjson,
    /// All of these with photos, signatures and documents, and the SHA-256 of each file.
    Zip,
}

/// How far an export is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::IntoStaticStr, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "ready")]
pub enum ExportState {
    /// It is still to be made.
    Waiting,
    /// It is being made.
    Running,
    /// It can be fetched.
    Ready,
    /// It could not be made.
    Failed,
}
text_sql!(ExportFormat, ExportState);

/// Which export to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"format": "zip"}))]
pub struct ClientExportFields {
    /// In which format.
    pub format: ExportFormat,
}
impl Check for ClientExportFields {}

/// An export on record.
#[derive(Clone, Debug, FromRow)]
pub struct ClientExportRow {
    /// The export's id.
    pub id: Uuid,
    /// Of whom.
    pub client_id: Uuid,
    /// In which format.
    pub format: ExportFormat,
    /// How far it is.
    pub state: ExportState,
    /// How many records of each kind.
    pub counts: Option<Value>,
    /// How many bytes.
    pub bytes: Option<i64>,
    /// SHA-256 of them, in hexadecimal.
    pub sha256: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Since when it can be fetched.
    pub ready_at: Option<Timestamp>,
    /// Until when.
    pub expires_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Where it is.
    pub object_key: Option<String>,
    /// Which version of that.
    pub object_version: Option<String>,
}

impl Versioned for ClientExportRow {
    fn version(&self) -> i64 {
        self.updated_at.as_microsecond()
    }
}

macro_rules! columns {
    () => {
        "x.id, x.client_id, x.format::text as format, x.state::text as state, x.counts, x.bytes,
         encode(x.sha256, 'hex') as sha256, x.created_at, x.ready_at, x.expires_at, x.updated_at, x.object_key,
         x.object_version
         from client_exports x where x.client_id = $1 and x.id = $2 and x.expires_at > now()"
    };
}

/// Asks for an export, under the caller's name.
///
/// # Errors
/// [`Error::NotFound`] where there is no such client in this agency; [`Conflict::ExportUnderWay`] where the caller
/// has asked for the same, and waits for it.
pub async fn insert<I: Identity>(
    tx: &mut Tx<I>,
    (client_id, id): (Uuid, Uuid),
    fields: &ClientExportFields,
) -> Result<(), Error> {
    tx.audit(
        AuditEntry::new("client.request_export", "client_export", id, Some(client_id))
            .with(json!({"format": fields.format})),
    );
    tx.execute(
        "insert into client_exports (id, agency_id, client_id, format)
         values ($1, app.agency_id(), $2, $3::text::client_export_format)",
        &[&id, &client_id, &fields.format],
    )
    .await
    .on_constraint("client_exports_client_fkey", || Error::NotFound)
    .on_constraint("client_exports_one_under_way", || Error::Conflict(Conflict::ExportUnderWay))
}

/// One that the caller asked for, and that can be had still.
pub async fn read<I: Identity>(tx: &mut Tx<I>, (client_id, id): (Uuid, Uuid)) -> Result<ClientExportRow, Error> {
    tx.query_opt(concat!("select ", columns!()), &[&client_id, &id]).await?.ok_or(Error::NotFound)
}

/// Notes that the caller was given the way to the file.
pub fn audit_download<I: Identity>(tx: &mut Tx<I>, export: &ClientExportRow) {
    tx.audit(
        AuditEntry::new("client.export_download", "client_export", export.id, Some(export.client_id))
            .with(json!({"format": export.format, "counts": export.counts})),
    );
}

/// An export that is the caller's to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct ClaimedExport {
    /// The export.
    pub id: Uuid,
    /// Of whom.
    pub client_id: Uuid,
    /// In which format.
    pub format: ExportFormat,
    /// Which attempt this is, counted from 1.
    pub attempt: i32,
}

/// Whoever asked for an export, while it is made.
#[derive(Clone, Debug)]
pub struct Exporter {
    /// Which, and which attempt.
    pub export: ClaimedExport,
    /// Of which invocation; for the audit log.
    pub request_id: String,
}

impl Identity for Exporter {
    async fn set_session_identity(&self, connection: &Connection) -> Result<(), DbError> {
        let ClaimedExport { id, attempt, .. } = self.export;
        connection.execute("select app.act_as_exporter($1, $2, $3)", &[&id, &attempt, &self.request_id]).await
    }
}

/// The next export to make, if any waits.
pub async fn claim(db: &Db) -> Result<Option<ClaimedExport>, DbError> {
    db.call("select id, client_id, format, attempt from app.claim_export()", &[]).await
}

/// Says that it came to nothing, this time or for good.
pub async fn give_up(db: &Db, export: &ClaimedExport, for_good: bool) -> Result<(), DbError> {
    let given_up = "select app.give_up_export($1, $2, $3)";
    db.call::<crate::NoRow>(given_up, &[&export.id, &export.attempt, &for_good]).await?;
    Ok(())
}

/// What was made of an export.
#[derive(Debug)]
pub struct Made {
    /// Where the file is.
    pub key: String,
    /// Which version of that.
    pub version: Option<String>,
    /// How many bytes it has.
    pub bytes: i64,
    /// SHA-256 of them.
    pub sha256: Vec<u8>,
    /// How many records of each kind.
    pub counts: Value,
}

/// Says where the file is, and that everything was taken out: in which format, and how many rows of each kind.
///
/// # Errors
/// [`Error::NotFound`] where somebody else has begun it anew.
pub async fn finish(tx: &mut Tx<Exporter>, export: &ClaimedExport, made: &Made) -> Result<(), Error> {
    tx.execute_one(
        "select id from app.finish_export($1, $2, $3, $4, $5, $6, $7)",
        &[&export.id, &export.attempt, &made.key, &made.version, &made.bytes, &made.sha256, &made.counts],
    )
    .await?;
    crate::reads::export::audit(tx, export.client_id, export.format.into(), &made.counts);
    Ok(())
}

/// Where an export's file was whose row is gone.
#[derive(Debug, FromRow)]
pub struct Expired {
    /// The export.
    pub id: Uuid,
    /// Its file, where it had one.
    pub object_key: Option<String>,
    /// Which version of that.
    pub object_version: Option<String>,
}

/// Removes the rows of at most `limit` exports that are over.
pub async fn remove_expired(db: &Db, limit: i32) -> Result<Vec<Expired>, DbError> {
    db.call_all("select id, object_key, object_version from app.remove_expired_exports($1)", &[&limit]).await
}

//! Exports that are made after the request: asked for here, made by the function `exports` ([`maker`]), and fetched by
//! a pre-signed URL.

pub(crate) mod archive;
pub(crate) mod maker;
mod upload;

use axum::{Json, extract::State};
use domain::{
    identity::ClientsExport,
    photos::{Download, StoredObject},
};
use jiff::Timestamp;
use runtime::objects::EXPORT_URL_LIFETIME;
use serde::Serialize;
use serde_json::{Value, json};
use store::tables::{
    client_exports::{self, ClientExportFields, ClientExportRow, ExportFormat, ExportState},
    idempotency::{self, Creation},
};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Accepted, New, Path, SteppedUp};

use crate::Privacy;

type NewClientExport = New<ClientExportFields>;

/// How far an export is, and how to fetch it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000ab",
    "client_id": "0193a5b0-0000-7000-8000-0000000000c1", "format": "zip", "state": "ready",
    "counts": {"visits": 412, "tasks": 1650}, "bytes": 2_418_113,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "created_at": "2026-11-20T15:00:00Z", "ready_at": "2026-11-20T15:01:12Z",
    "expires_at": "2026-11-23T15:01:12Z",
    "download": {"url": "https://s3.ca-central-1.amazonaws.com/berthcare-exports/0193/1?X-Amz-Signature=ab",
        "content_type": "application/zip", "expires_at": "2026-11-20T15:07:00Z"}}))]
pub struct ExportProgress {
    /// The export's id.
    pub id: Uuid,
    /// The client whose record is exported.
    pub client_id: Uuid,
    /// In which format.
    pub format: ExportFormat,
    /// How far it is.
    pub state: ExportState,
    /// How many records of each kind it has, once it is ready.
    #[schema(value_type = Option<Object>)]
    pub counts: Option<Value>,
    /// How many bytes, once it is ready.
    pub bytes: Option<i64>,
    /// SHA-256 of them, in hexadecimal.
    pub sha256: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Since when it can be fetched.
    pub ready_at: Option<Timestamp>,
    /// When it is removed: 72 hours after it was ready.
    pub expires_at: Timestamp,
    /// How to fetch it, once it is ready: for five minutes, by a GET without any header of ours.
    pub download: Option<Download>,
}

impl ExportProgress {
    fn of(row: ClientExportRow, download: Option<Download>) -> Self {
        let ClientExportRow { id, client_id, format, state, counts, bytes, sha256, .. } = row;
        let ClientExportRow { created_at, ready_at, expires_at, .. } = row;
        Self { id, client_id, format, state, counts, bytes, sha256, created_at, ready_at, expires_at, download }
    }
}

/// The media type of a file, and what its name ends in.
pub(crate) fn file_type(format: ExportFormat) -> (&'static str, &'static str) {
    match format {
        ExportFormat::Json => ("application/json", "json"),
        ExportFormat::Fhir => ("application/fhir+json", "fhir.json"),
        ExportFormat::Ndjson => ("application/fhir+ndjson", "ndjson"),
        ExportFormat::Zip => ("application/zip", "zip"),
    }
}

/// Ask for a file of everything held on a client.
///
/// It is made after the answer, of any size: as `json` (the schema `ClientExport`), as `fhir` (a Bundle of FHIR R4), as
/// `ndjson` (the same resources, one a line), or as `zip`: all of these with the photos, signatures and documents, and
/// the SHA-256 of each file. Asks for the password of the last ten minutes.
#[utoipa::path(post, path = "/clients/{id}/exports", tag = "privacy", operation_id = "request_client_export",
    params(("id" = Uuid, Path, description = "The client.")), request_body = NewClientExport,
    responses((status = 202, description = "It is being made; `Location` tells how far it is.", body = ExportProgress),
        (status = 409, description = "The id is taken, or the caller waits for the same export already.")))]
pub(crate) async fn request(
    State(privacy): State<Privacy>,
    caller: SteppedUp<ClientsExport>,
    Path(client_id): Path<Uuid>,
    New { id, fields }: NewClientExport,
) -> web::Result<Accepted<Progressing>> {
    let mut tx = privacy.app.db.write_unsynced(&*caller).await?;
    let body = json!({"client_id": client_id, "fields": fields});
    let creation = idempotency::claim(&mut tx, "client_exports", id, &body).await?;
    if creation == Creation::Fresh {
        client_exports::insert(&mut tx, (client_id, id), &fields).await?;
    }
    let row = client_exports::read(&mut tx, (client_id, id)).await?;
    tx.commit().await?;
    if creation == Creation::Fresh {
        privacy.jobs.exports().await;
    }
    Ok(Accepted(id, Progressing(row)))
}

/// Read how far an export is, and how to fetch it.
///
/// Whoever asked for it is given a URL, which is good for five minutes; each time that is on the audit log. Asks for
/// the password of the last ten minutes.
#[utoipa::path(get, path = "/clients/{id}/exports/{export_id}", tag = "privacy", operation_id = "read_client_export",
    params(("id" = Uuid, Path, description = "The client."), ("export_id" = Uuid, Path, description = "The export.")),
    responses((status = 200, description = "How far it is.", body = ExportProgress)))]
pub(crate) async fn read(
    State(privacy): State<Privacy>,
    caller: SteppedUp<ClientsExport>,
    Path(ids): Path<(Uuid, Uuid)>,
) -> web::Result<Json<ExportProgress>> {
    let mut tx = privacy.app.db.write_unsynced(&*caller).await?;
    let row = client_exports::read(&mut tx, ids).await?;
    let mut download = None;
    if let Some(key) = row.object_key.clone() {
        let (media_type, ending) = file_type(row.format);
        let object = StoredObject { key, version: row.object_version.clone(), content_type: media_type.to_owned() };
        let name = format!("client-{}.{ending}", row.client_id);
        download = Some(privacy.exports.download_within(EXPORT_URL_LIFETIME, &object, &name).await?);
        client_exports::audit_download(&mut tx, &row);
    }
    // Nothing is given away that isn't on record.
    tx.commit().await?;
    Ok(Json(ExportProgress::of(row, download)))
}

/// An export that was just asked for.
pub(crate) struct Progressing(ClientExportRow);

impl domain::Versioned for Progressing {
    fn version(&self) -> i64 {
        self.0.version()
    }
}

impl Serialize for Progressing {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ExportProgress::of(self.0.clone(), None).serialize(serializer)
    }
}

//! Everything held on a client, for whoever has a right to it.

pub(crate) mod format;
mod json;

use app::App;
use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use domain::{answer::ANSWER_BYTES, identity::ClientsExport};
use jiff::Timestamp;
use serde_json::Value;
use store::reads::export;
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Path, SteppedUp};

use crate::fhir::FhirBundle;
use format::{Answer, Failure};
pub use json::{ClientExport, Json};

/// The media type of FHIR's JSON.
const FHIR: &str = "application/fhir+json";

/// A Bundle of FHIR R4.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"resourceType": "Bundle", "id": "0193a5b0-0000-7000-8000-0000000000c1",
    "type": "collection", "timestamp": "2026-11-20T15:00:00Z", "entry": [
        {"fullUrl": "https://berthcare.ca/fhir/Patient/0193a5b0-0000-7000-8000-0000000000c1",
         "resource": {"resourceType": "Patient", "id": "0193a5b0-0000-7000-8000-0000000000c1"}}]}))]
pub struct Bundle {
    /// FHIR's name of the resource: always `Bundle`.
    pub resource_type: String,
    /// The client's id.
    pub id: Uuid,
    /// FHIR's type of Bundle: always `collection`.
    #[schema(rename = "type")]
    pub kind: String,
    /// When: all of it is as it was then.
    pub timestamp: Timestamp,
    /// Resources and their addresses.
    #[schema(value_type = Vec<Object>)]
    pub entry: Vec<Value>,
}

/// Read everything held on a client.
///
/// As JSON, or as a Bundle of FHIR R4 where `Accept` asks for `application/fhir+json`. All of it is as it was at one
/// moment, deleted records included. The export is on the audit log with how many records of each kind it had. It takes
/// a password given in the last ten minutes.
#[utoipa::path(get, path = "/clients/{id}/export", tag = "privacy", operation_id = "export_client",
    params(("id" = Uuid, Path, description = "The client.")),
    responses(
        (status = 200, description = "Everything held on the client.",
            content((ClientExport = "application/json"), (Bundle = "application/fhir+json"))),
        (status = 413, description = "There is more than an answer holds: ask
            for a file by `POST /clients/{id}/exports`.")))]
pub(crate) async fn read(
    State(app): State<App>,
    caller: SteppedUp<ClientsExport>,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> web::Result<Response> {
    let fhir = headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|accepted| accepted.to_str().is_ok_and(|accepted| accepted.to_ascii_lowercase().contains(FHIR)));
    let mut tx = app.db.snapshot(&*caller).await?;
    let mut answer = Answer::of(ANSWER_BYTES);
    let (media_type, name, suffix) = if fhir { (FHIR, "fhir", ".fhir") } else { ("application/json", "json", "") };
    let written = if fhir {
        format::write(&tx, id, FhirBundle::default(), &mut answer).await
    } else {
        format::write(&tx, id, Json::default(), &mut answer).await
    };
    let counts = written.map_err(|failure| match failure {
        Failure::Full => web::Error::AnswerTooLarge,
        Failure::Failed(error) => error.into(),
    })?;
    // Nothing is given away that isn't on record.
    export::audit(&mut tx, id, name, &counts);
    tx.commit().await?;
    let file = format!("attachment; filename=\"client-{id}{suffix}.json\"");
    let headers = [(header::CONTENT_TYPE, media_type), (header::CONTENT_DISPOSITION, &file), (header::VARY, "accept")];
    Ok((headers, answer.into_body()).into_response())
}

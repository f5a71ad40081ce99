//! The function's events: API Gateway's requests, and S3's notice that an upload has arrived.

use axum::Router;
use domain::error::{Conflict, Error};
use lambda_http::request::LambdaRequest;
use lambda_runtime::{LambdaEvent, tower::ServiceExt};
use runtime::{lambda::Fatal, objects::keys};
use serde::Deserialize;
use serde_json::Value;
use store::tables::photos;

use crate::{Photos, process_upload::process_upload};

/// What an event is called that is no request: requests are observed by the router.
#[must_use]
pub fn event_name(event: &Value) -> Option<&'static str> {
    (event["Records"][0]["eventSource"] == "aws:s3").then_some("upload")
}

/// Takes one event, of either kind. S3 is answered with null.
///
/// # Errors
/// When an upload could not be finished: Lambda tries an asynchronous event again, and then sets it aside.
pub async fn invoke(photos: &Photos, router: Router, event: LambdaEvent<Value>) -> Result<Value, Fatal> {
    let LambdaEvent { payload, context } = event;
    if event_name(&payload).is_some() {
        uploaded(photos, serde_json::from_value(payload)?).await?;
        return Ok(Value::Null);
    }
    let request: LambdaRequest = serde_json::from_value(payload)?;
    let answer = web::adapter(router).oneshot(LambdaEvent::new(request, context)).await?;
    Ok(serde_json::to_value(answer)?)
}

/// What S3 says of new objects, as far as it matters here; also what EventBridge's rule makes of what S3 tells it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    s3: Place,
}

#[derive(Deserialize)]
struct Place {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    /// Percent-encoded; keys of uploads have nothing to encode.
    key: String,
}

/// Finishes the uploads that the phone didn't say were complete. S3 may tell of one twice, late, or before the phone
/// does.
async fn uploaded(photos: &Photos, notification: Notification) -> Result<(), Error> {
    let ours = notification.records.into_iter().filter(|record| record.s3.bucket.name == photos.images.bucket());
    let mut failed = None;
    for id in ours.filter_map(|record| keys::photo_of_upload(&record.s3.object.key)) {
        let Some(job) = photos::agency_of_upload(&photos.app.db, id).await? else { continue };
        match process_upload(photos, job, id).await {
            Ok(row) => tracing::info!(photo = %id, status = <&str>::from(row.status), "an upload was finished"),
            // Reviewed and removed meanwhile, or its record was.
            Err(Error::Conflict(Conflict::NotArrived) | Error::NotFound) => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), Err)
}

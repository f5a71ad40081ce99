//! Links of the audit chain in a bucket under Object Lock: once there, nobody can change or remove them, the owner of
//! the database included.

use aws_sdk_s3::{
    Client,
    error::{DisplayErrorContext, ProvideErrorMetadata},
    primitives::DateTime,
    types::{ChecksumAlgorithm, ObjectLockMode},
};
use domain::error::Error;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use runtime::aws::SdkConfig;
use serde::{Deserialize, Serialize};

/// For how long nobody can remove one: as long as care records are kept.
const YEARS: i32 = 7;
const PREFIX: &str = "audit/";

/// What the chain was at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Anchor {
    /// The link's number in the chain.
    pub(crate) number: i64,
    /// Its SHA-256, in hexadecimal.
    pub(crate) hash: String,
    /// When it was the newest.
    pub(crate) anchored_at: Timestamp,
}

/// The bucket of anchors.
#[derive(Clone)]
pub(crate) struct Anchors {
    client: Client,
    bucket: String,
}

impl Anchors {
    pub(crate) fn new(aws: &SdkConfig, bucket: &str) -> Self {
        let config = aws_sdk_s3::config::Builder::from(aws).force_path_style(true).build();
        Self { client: Client::from_conf(config), bucket: bucket.to_owned() }
    }

    /// Writes a day's anchor, unless the day has one. Answers whether it was written.
    pub(crate) async fn put(&self, date: Date, anchor: &Anchor) -> Result<bool, Error> {
        let body = serde_json::to_vec(anchor).map_err(|error| Error::Internal(error.into()))?;
        let until = anchor
            .anchored_at
            .to_zoned(TimeZone::UTC)
            .checked_add(YEARS.years())
            .map_err(|error| Error::Internal(error.into()))?;
        let written = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(format!("{PREFIX}{date}.json"))
            .content_type("application/json")
            .if_none_match("*")
            // Which Object Lock asks for.
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .object_lock_mode(ObjectLockMode::Compliance)
            .object_lock_retain_until_date(DateTime::from_secs(until.timestamp().as_second()))
            .body(body.into())
            .send()
            .await;
        match written {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("PreconditionFailed") => Ok(false),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// All that were ever written, by date.
    pub(crate) async fn all(&self) -> Result<Vec<Anchor>, Error> {
        let mut anchors = Vec::new();
        let mut pages = self.client.list_objects_v2().bucket(&self.bucket).prefix(PREFIX).into_paginator().send();
        while let Some(page) = pages.next().await {
            for object in page.map_err(unavailable)?.contents.unwrap_or_default() {
                let Some(key) = object.key else { continue };
                let answer =
                    self.client.get_object().bucket(&self.bucket).key(key).send().await.map_err(unavailable)?;
                let body = answer.body.collect().await.map_err(|error| Error::Unavailable(error.into()))?;
                anchors
                    .push(serde_json::from_slice(&body.into_bytes()).map_err(|error| Error::Internal(error.into()))?);
            }
        }
        Ok(anchors)
    }
}

fn unavailable(error: impl std::error::Error) -> Error {
    Error::Unavailable(format!("S3: {}", DisplayErrorContext(error)).into())
}

//! S3: the bytes of photos and documents.
//!
//! Nothing is public. Clients send and fetch bytes by pre-signed URLs ([`signed`]), good for 15 minutes; what they send
//! goes to `uploads/`, and what they fetch is what the function made of it.

pub mod keys;
mod multipart;
mod signed;

pub use multipart::Multipart;
pub use signed::UploadTerms;

use std::time::Duration;

use aws_sdk_s3::{
    Client,
    config::{RequestChecksumCalculation, ResponseChecksumValidation, timeout::TimeoutConfig},
    error::{DisplayErrorContext, SdkError},
    operation::get_object::GetObjectError,
    primitives::ByteStream,
    types::ObjectVersion,
};
use domain::{error::Error, photos::StoredObject};
use jiff::Timestamp;

/// The way to one bucket.
#[derive(Clone)]
pub struct Objects {
    client: Client,
    bucket: String,
}

/// What somebody uploaded, before its bytes are read.
pub struct Arrived {
    /// How many bytes it has.
    pub length: i64,
    /// The media type that it was sent with.
    pub content_type: String,
    version: Option<String>,
    body: ByteStream,
}

impl Arrived {
    /// Reads the bytes, all into memory: ask for the length first.
    pub async fn read(self) -> Result<Vec<u8>, Error> {
        let body = self.body.collect().await.map_err(|error| Error::Unavailable(Box::new(error)))?;
        Ok(Vec::from(body.into_bytes()))
    }

    /// Which version of its key it is.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        self.version.clone()
    }
}

impl Objects {
    /// The bucket called `name`. Addressed by path, which every store understands.
    #[must_use]
    pub fn new(aws: &aws_config::SdkConfig, name: &str) -> Self {
        let config = aws_sdk_s3::config::Builder::from(aws)
            .force_path_style(true)
            // Otherwise the SDK adds a CRC32 to what it signs, which no phone would know to send.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        Self { client: Client::from_conf(config), bucket: name.to_owned() }
    }

    /// Whether the bucket answers.
    pub async fn reach(&self) -> Result<(), Error> {
        self.client.head_bucket().bucket(&self.bucket).send().await.map(drop).map_err(failed)
    }

    /// The bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// What is at `key`, if anything.
    pub async fn get(&self, key: &str) -> Result<Option<Arrived>, Error> {
        self.get_version(key, None).await
    }

    /// What was at `key` as this version, if anything.
    pub async fn get_version(&self, key: &str, version: Option<&str>) -> Result<Option<Arrived>, Error> {
        let get = self.client.get_object().bucket(&self.bucket).key(key).set_version_id(version.map(str::to_owned));
        match get.send().await {
            Ok(found) => Ok(Some(Arrived {
                length: found.content_length.unwrap_or(-1),
                content_type: found.content_type.unwrap_or_default(),
                version: found.version_id,
                body: found.body,
            })),
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Writes an object, and takes the time that 25 MB need.
    pub async fn put(&self, key: &str, content_type: &str, bytes: Vec<u8>) -> Result<StoredObject, Error> {
        let put = self.client.put_object().bucket(&self.bucket).key(key).content_type(content_type);
        let patient =
            TimeoutConfig::builder().operation_attempt_timeout(PUT_ATTEMPT).operation_timeout(2 * PUT_ATTEMPT);
        let patient = aws_sdk_s3::config::Builder::new().timeout_config(patient.build());
        let put = put.body(ByteStream::from(bytes)).customize().config_override(patient);
        let written = put.send().await.map_err(failed)?;
        Ok(StoredObject { key: key.to_owned(), version: written.version_id, content_type: content_type.to_owned() })
    }

    /// Removes an object for good: this version of it, where the bucket keeps versions.
    pub async fn delete(&self, key: &str, version: Option<String>) -> Result<(), Error> {
        let delete = self.client.delete_object().bucket(&self.bucket).key(key).set_version_id(version);
        delete.send().await.map(drop).map_err(failed)
    }

    /// Removes for good everything below `prefix`, all versions, that was written before `before`. Answers how many
    /// versions that were. What a run leaves, the next one finds.
    pub async fn delete_older(&self, prefix: &str, before: Timestamp) -> Result<usize, Error> {
        let mut removed = 0;
        let (mut key, mut version) = (None, None);
        loop {
            let page = self.client.list_object_versions().bucket(&self.bucket).prefix(prefix);
            let page = page.set_key_marker(key).set_version_id_marker(version).send().await.map_err(failed)?;
            for ObjectVersion { key, version_id, last_modified, .. } in page.versions() {
                let old = last_modified.as_ref().is_some_and(|at| at.secs() < before.as_second());
                if let Some(key) = key.as_deref().filter(|_| old) {
                    self.delete(key, version_id.clone()).await?;
                    removed += 1;
                }
            }
            if page.is_truncated() != Some(true) {
                return Ok(removed);
            }
            (key, version) = (page.next_key_marker, page.next_version_id_marker);
        }
    }

    /// Everything below `prefix`: all versions, and the markers of deletions.
    pub async fn versions(&self, prefix: &str) -> Result<Vec<ObjectRevision>, Error> {
        let mut found = Vec::new();
        let (mut key, mut version) = (None, None);
        loop {
            let page = self.client.list_object_versions().bucket(&self.bucket).prefix(prefix);
            let page = page.set_key_marker(key).set_version_id_marker(version).send().await.map_err(failed)?;
            let versions = page.versions().iter().map(|one| (&one.key, &one.version_id));
            let markers = page.delete_markers().iter().map(|one| (&one.key, &one.version_id));
            found.extend(
                versions
                    .chain(markers)
                    .filter_map(|(key, version)| Some(ObjectRevision { key: key.clone()?, version: version.clone() })),
            );
            if page.is_truncated() != Some(true) {
                return Ok(found);
            }
            (key, version) = (page.next_key_marker, page.next_version_id_marker);
        }
    }
}

/// A version of an object, or the marker of its deletion.
#[derive(Clone, Debug)]
pub struct ObjectRevision {
    /// Where the object is.
    pub key: String,
    /// Which version; none in a bucket that keeps none.
    pub version: Option<String>,
}

/// How long one attempt to write an object may take.
const PUT_ATTEMPT: Duration = Duration::from_secs(8);

/// How long one to an export is good: everything on a client is behind it.
pub const EXPORT_URL_LIFETIME: Duration = Duration::from_mins(5);

/// How long a pre-signed URL is good.
pub const URL_LIFETIME: Duration = Duration::from_mins(15);

fn failed<E, R>(error: SdkError<E, R>) -> Error
where
    SdkError<E, R>: std::error::Error,
{
    Error::Unavailable(format!("S3: {}", DisplayErrorContext(error)).into())
}

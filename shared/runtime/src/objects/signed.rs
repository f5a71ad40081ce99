//! Pre-signed URLs.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    error::Error,
    photos::{Download, StoredObject, Upload},
};
use jiff::Timestamp;

use super::{Objects, URL_LIFETIME, failed};

/// What an upload must be, exactly: the store refuses all else.
#[derive(Clone, Copy, Debug)]
pub struct UploadTerms<'a> {
    /// Its media type.
    pub content_type: &'a str,
    /// The file's size in bytes.
    pub bytes: i64,
    /// SHA-256 of them.
    pub sha256: &'a [u8],
}

impl Objects {
    /// A URL by which somebody may write one object, once, as these terms say.
    pub async fn upload(&self, key: &str, terms: UploadTerms<'_>) -> Result<Upload, Error> {
        let expires_at = Timestamp::now() + URL_LIFETIME;
        let signed = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(terms.content_type)
            .content_length(terms.bytes)
            .checksum_sha256(STANDARD.encode(terms.sha256))
            .if_none_match("*")
            .presigned(lifetime(URL_LIFETIME)?)
            .await
            .map_err(failed)?;
        // What is signed and no more: inside Lambda the SDK adds a trace's id, which the bucket lets no page send.
        let names = signed.uri().split('&').find_map(|part| part.strip_prefix("X-Amz-SignedHeaders="));
        let headers = signed
            .headers()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .filter(|(name, _)| names.is_some_and(|names| names.split("%3B").any(|one| one == name)))
            .collect();
        Ok(Upload { method: "PUT", url: signed.uri().to_owned(), headers, expires_at })
    }

    /// A URL by which somebody may fetch one object, to be saved as `name`: browsers are told not to show it in a page.
    pub async fn download(&self, object: &StoredObject, name: &str) -> Result<Download, Error> {
        self.download_within(URL_LIFETIME, object, name).await
    }

    /// The same for as long as this. What is being fetched when it ends is fetched to its end.
    pub async fn download_within(
        &self,
        good_for: Duration,
        object: &StoredObject,
        name: &str,
    ) -> Result<Download, Error> {
        let expires_at = Timestamp::now() + good_for;
        let signed = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(&object.key)
            .set_version_id(object.version.clone())
            .response_content_type(&object.content_type)
            .response_content_disposition(format!("attachment; filename=\"{name}\""))
            .response_cache_control("no-store")
            .presigned(lifetime(good_for)?)
            .await
            .map_err(failed)?;
        Ok(Download { url: signed.uri().to_owned(), content_type: object.content_type.clone(), expires_at })
    }
}

fn lifetime(good_for: Duration) -> Result<PresigningConfig, Error> {
    PresigningConfig::expires_in(good_for).map_err(|error| Error::Internal(error.into()))
}

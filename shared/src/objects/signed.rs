//! Pre-signed URLs.

use std::collections::BTreeMap;

use aws_sdk_s3::presigning::PresigningConfig;
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Objects, StoredObject, URL_LIFETIME, failed};
use crate::error::Error;

/// What an upload must be, exactly: the store refuses all else.
#[derive(Clone, Copy, Debug)]
pub struct UploadTerms<'a> {
    /// Its media type.
    pub content_type: &'a str,
    /// How many bytes.
    pub bytes: i64,
    /// SHA-256 of them.
    pub sha256: &'a [u8],
}

/// How to send the bytes. The store refuses them where a header is missing or other than here, and where the bytes are
/// not those that were declared.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"method": "PUT",
    "url": "https://s3.ca-central-1.amazonaws.com/berthcare-photos/uploads/0193?X-Amz-Signature=ab",
    "headers": {"content-length": "2418113", "content-type": "image/jpeg", "if-none-match": "*",
        "x-amz-checksum-sha256": "n4bQgYhMfWWaL+qgxVrQFaO/Txsrj/tCvNFdbBWw8Ag="},
    "expires_at": "2026-11-20T14:46:02Z"}))]
pub struct Upload {
    /// The HTTP method.
    pub method: &'static str,
    /// Where to.
    pub url: String,
    /// The headers to send, exactly. HTTP clients set `content-length` by themselves.
    pub headers: BTreeMap<String, String>,
    /// Until when the URL works: 15 minutes. Ask again for another.
    pub expires_at: Timestamp,
}

/// Where to fetch the bytes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"url": "https://s3.ca-central-1.amazonaws.com/berthcare-photos/clients/0193/photos/0193.jpg?X-Amz-Signature=ab",
    "content_type": "image/jpeg", "expires_at": "2026-11-20T14:45:00Z"}))]
pub struct Download {
    /// To be read with GET, without any header of ours.
    pub url: String,
    /// The media type of what it answers.
    pub content_type: String,
    /// Until when the URL works: 15 minutes.
    pub expires_at: Timestamp,
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
            .presigned(lifetime()?)
            .await
            .map_err(failed)?;
        let headers = signed.headers().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Ok(Upload { method: "PUT", url: signed.uri().to_owned(), headers, expires_at })
    }

    /// A URL by which somebody may fetch one object, to be saved as `name`: browsers are told not to show it in a page.
    pub async fn download(&self, object: &StoredObject, name: &str) -> Result<Download, Error> {
        let expires_at = Timestamp::now() + URL_LIFETIME;
        let signed = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(&object.key)
            .set_version_id(object.version.clone())
            .response_content_type(&object.content_type)
            .response_content_disposition(format!("attachment; filename=\"{name}\""))
            .response_cache_control("no-store")
            .presigned(lifetime()?)
            .await
            .map_err(failed)?;
        Ok(Download { url: signed.uri().to_owned(), content_type: object.content_type.clone(), expires_at })
    }
}

fn lifetime() -> Result<PresigningConfig, Error> {
    PresigningConfig::expires_in(URL_LIFETIME).map_err(|error| Error::Internal(error.into()))
}

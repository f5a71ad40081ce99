//! Whom photos belong to, and where their bytes are.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Whom or what a photo belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A client.
    Client(Uuid),
    /// A visit.
    Visit(Uuid),
    /// A user.
    User(Uuid),
}

impl Owner {
    /// The one that is given; none where none is.
    #[must_use]
    pub fn of(client_id: Option<Uuid>, visit_id: Option<Uuid>, user_id: Option<Uuid>) -> Option<Self> {
        visit_id.map(Self::Visit).or(user_id.map(Self::User)).or(client_id.map(Self::Client))
    }
}

/// An object, by its key and, where the bucket keeps versions, its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// Where it is.
    pub key: String,
    /// Which version of what is there.
    pub version: Option<String>,
    /// Its media type.
    pub content_type: String,
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
    /// The URL to send the file to.
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

//! What all handlers share of HTTP: reading requests, answering them, and saying what is wrong.

mod body;
mod context;
mod etag;
mod openapi;
mod origin;
mod paging;
mod path;
mod problem;
mod query;
mod service;

pub use body::{Json, New, Patch, Unread, not_json};
pub(crate) use context::request_info;
pub use etag::{Etag, IfMatch};
pub use openapi::complete as complete_document;
pub use origin::Origin;
pub use paging::{Cursor, Page, PageSize};
pub use path::Path;
pub use problem::Problem;
pub use query::Query;
pub use service::{Reply, service};

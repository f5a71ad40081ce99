//! What all handlers share of HTTP: reading requests, knowing who calls, answering, and saying what is wrong. Nothing
//! here knows a table or what a path is for.

mod body;
mod caller;
mod error;
mod etag;
mod gateway;
mod openapi;
mod origin;
mod paging;
mod path;
mod problem;
mod query;
mod request;
mod serve;
mod service;
pub mod tokens;

pub use body::{Json, New, Patch, RawBody, limited_bytes, not_json};
pub use caller::{OwnAccount, Require, SteppedUp};
pub use error::{Error, ReferenceExt, Result};
pub use etag::{Etag, IfMatch};
pub use gateway::adapter;
pub use openapi::complete as complete_document;
pub use origin::Origin;
pub use paging::{List, NoFilter, Page, PageQuery};
pub use path::Path;
pub use problem::Problem;
pub use query::Query;
pub use request::CurrentRequest;
pub use serve::{around, serve};
pub use service::{Accepted, Created, Reply, service};

//! The rules of home care, and nothing of how they are stored or sent: this crate does no input or output and depends
//! on none of ours, so that each rule can be tried without a database.

pub mod access_words;
pub mod answer;
pub mod breach_notice;
pub mod care_team;
pub mod chart;
pub mod clinical;
pub mod consent;
pub mod error;
pub mod escalation;
pub mod identity;
pub mod jobs;
pub mod limits;
pub mod messages;
pub mod photo_kinds;
pub mod photos;
pub mod record_rules;
pub mod request;
mod sql;
pub mod sync;
pub mod task_type;
pub mod transitions;
pub mod validation;
mod version;

pub use error::{Conflict, Error, Fault, Reference};
pub use version::Versioned;

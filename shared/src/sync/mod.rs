//! Offline synchronisation with WatermelonDB: the schema that phones hold, and the judgement of what they send.
//! SQL for both directions is in [`crate::models::sync_pull`] and [`crate::models::sync_push`].

pub mod base;
pub mod cursor;
pub mod judge;
mod merge;
pub mod permits;
mod photos;
pub mod schema;
mod tasks;
mod visits;

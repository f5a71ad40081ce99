//! Offline synchronisation with WatermelonDB: the schema that phones hold, and the judgement of what they send.
//! SQL for both directions is in [`store::reads::sync_pull`] and [`store::reads::sync_push`].

pub mod base;
pub mod cursor;
pub mod judge;
mod merge;
pub mod permits;
mod photos;
pub mod schema;
mod tasks;
mod visits;

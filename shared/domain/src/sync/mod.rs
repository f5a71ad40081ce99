//! Offline synchronisation with WatermelonDB: the schema that phones hold, and the reconciliation of what they send. No
//! input or output: SQL for both directions is in the store.
//!
//! What stands above uses what stands below, never the other way round: [`accept`]; [`choice`] and [`reconcile`]; the
//! tables, a file each; `synced_table`, which says what a table's file says; `edits`; [`policy`], [`record`],
//! [`conflict`]; [`schema`].

pub mod accept;
mod alerts;
pub mod base;
pub mod choice;
mod clients;
pub mod conflict;
pub mod cursor;
mod edits;
mod photos;
pub mod policy;
pub mod reconcile;
pub mod record;
pub mod schema;
mod synced_table;
mod visit_tasks;
pub mod visits;

//! One file a table: its types, and all SQL that touches it.

pub mod accounts;
pub mod agencies;
pub mod alerts;
pub mod audit_chain;
pub mod care_plans;
pub mod care_team;
pub mod check_in;
pub mod clients;
pub mod consents;
pub mod devices;
pub mod escalations;
pub mod grant_dates;
pub mod idempotency;
pub mod inbound_messages;
pub mod messages;
pub mod photos;
pub mod retention;
pub mod sending;
pub mod sync_conflicts;
pub mod sync_log;
pub mod users;
pub mod visit_tasks;
pub mod visits;

//! One file a table: its types, and all SQL that touches it.

pub mod accounts;
pub mod agencies;
pub mod alerts;
pub mod audit_chain;
pub mod care_plans;
pub mod care_team;
pub mod clients;
pub mod consents;
pub mod creations;
pub mod devices;
pub mod escalations;
pub mod forgetting;
pub mod grant_dates;
pub mod inbound_messages;
pub mod messages;
pub mod photos;
pub mod sending;
pub mod sync_conflicts;
pub mod sync_log;
pub mod users;
pub mod visit_presence;
pub mod visit_tasks;
pub mod visits;

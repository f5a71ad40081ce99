//! One file a table: its types, and all SQL that touches it. What is a subject of its own has its own file: signing in
//! (`accounts`, of users and devices), coming and leaving (`check_in`, of visits), the dates of grants (`grant_dates`,
//! of the care team), repeated creates (`idempotency`, of `creations`), sending (`sending`, of messages and
//! `rate_limits`), and what is forgotten (`retention` and `partitions`, of several).

pub mod accounts;
pub mod agencies;
pub mod alerts;
pub mod audit_chain;
pub mod audit_log;
pub mod care_plans;
pub mod care_team;
pub mod check_in;
pub mod client_exports;
pub mod clients;
pub mod consents;
pub mod devices;
pub mod erasures;
pub mod escalations;
pub mod grant_dates;
pub mod idempotency;
pub mod inbound_messages;
pub mod legal_holds;
pub mod messages;
pub mod partitions;
pub mod photos;
pub mod privacy_incidents;
pub mod privacy_requests;
pub mod quarantine;
pub mod refusals;
pub mod retention;
pub mod second_factors;
pub mod sending;
pub mod sync_conflicts;
pub mod users;
pub mod visit_tasks;
pub mod visits;

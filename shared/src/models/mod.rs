//! One file per table: its types, and all SQL that touches it. Nothing here knows HTTP.
//!
//! Reads of a client's data go through [`audited!`]: the rows and the audit entries for having seen them are one
//! statement, so that there is no looking without a trace.

pub mod accounts;
pub mod agencies;
pub mod alerts;
pub mod audit_chain;
pub mod care_plans;
pub mod care_team;
pub mod clients;
pub mod consents;
pub mod creations;
pub mod daily_news;
pub mod devices;
pub mod escalations;
pub mod family;
pub mod forgetting;
pub mod grant_dates;
pub mod inbound_messages;
pub mod messages;
pub mod overdue_visits;
pub mod photos;
pub mod sending;
pub mod sync_conflicts;
pub mod sync_log;
pub mod sync_pull;
pub mod sync_push;
pub mod sync_status;
pub mod timeline;
pub mod users;
pub mod visit_presence;
pub mod visit_tasks;
pub mod visits;

/// Wraps a query so that each row it shows is put on the audit log by the same statement. The query's rows must have
/// the columns `id` and `client_id`.
macro_rules! audited {
    ($action:literal, $resource:literal, $($sql:tt)+) => {
        concat!(
            "with seen as (", $($sql)+, "), logged as (
               insert into audit_log (action, resource, resource_id, client_id)
               select '", $action, "', '", $resource, "', seen.id, seen.client_id from seen)
             table seen"
        )
    };
}
pub(crate) use audited;

/// A record that knows its version.
pub trait Versioned {
    /// A number that changes with each change of what the record says: its change number, or a time in microseconds.
    fn version(&self) -> i64;
}

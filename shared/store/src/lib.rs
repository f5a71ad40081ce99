//! PostgreSQL: the one connection of a Lambda environment, the transactions on it, and every statement there is.
//! Nothing here knows HTTP, and nobody else knows a table.
//!
//! Reads of a client's data go through [`audited!`]: the rows and the audit entries for having seen them are one
//! statement, so that there is no looking without a trace.

mod announced;
mod connection;
mod database;
mod error;
pub mod escalation;
mod identity;
mod params;
pub mod reads;
mod source;
pub mod tables;
mod transaction;

pub use announced::{Announced, Listeners};
pub use connection::{Connection, StatementMode};
pub use database::Db;
pub use error::{ConstraintExt, DbError};
pub use params::Param;
pub use source::{ConnectionSource, Pending, SignIn, connect};
pub use transaction::{AuditEntry, Identity, NoRow, Tx};

use database::Checkout;
use params::{json_sql, params_of, text_sql};

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

/// [`audited!`] for a page of a list: its query reads one row more than the page shows, to know whether another
/// follows, and nobody sees that one. `$limit` is the parameter that says how many rows are read.
macro_rules! audited_page {
    ($action:literal, $resource:literal, $limit:literal, $($sql:tt)+) => {
        concat!(
            "with seen as (", $($sql)+, "), logged as (
               insert into audit_log (action, resource, resource_id, client_id)
               select '", $action, "', '", $resource, "', shown.id, shown.client_id
               from (select seen.id, seen.client_id from seen limit ", $limit, " - 1) shown)
             table seen"
        )
    };
}
pub(crate) use audited_page;

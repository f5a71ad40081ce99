//! The names of jobs: one list for schedules and functions that ask for one, and for `jobs`, which runs them.

use serde::{Deserialize, Serialize};

/// The jobs there are. An event that names another one fails, and so comes to the dead-letter queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum JobName {
    /// Seals the audit log.
    AuditSeal,
    /// Puts the audit chain's newest link where nobody can change it.
    AuditAnchor,
    /// Computes the audit chain anew.
    AuditVerify,
    /// Tells phones of care-team grants that begin or end by their dates.
    CareTeamGrants,
    /// Removes what is kept for a while only.
    CleanUp,
    /// Sends what the outbox owes.
    Dispatch,
    /// Calls the next person for alerts that nobody has taken, and sends what follows from it.
    Escalate,
    /// Tells families of the day.
    FamilySms,
    /// Tells coordinators of visits that nobody checked in to.
    LateVisits,
    /// Gives up photos that never arrived, and removes uploads that belong to nothing.
    OrphanedUploads,
    /// Reminds admins of privacy requests and incidents that are due.
    PrivacyDue,
    /// Asks what became of push messages.
    Receipts,
    /// Removes whom nobody has cared for in as many years as the agency keeps its records.
    Retention,
}

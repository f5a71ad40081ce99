//! Who may write what by sync: the rules of REST, within what phones write at all (docs/decisions/0006). Here is what
//! they look at; each table's own ones stand with it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    care_team::Grants,
    chart::{Charting, charting},
    consent::{CHARTING_WITHDRAWN, PHOTOS_WITHDRAWN},
    identity::Role,
};

/// The reason for refusing rows of others, and ids that nobody has: the two look alike.
pub const NOT_YOURS: &str = "you may not change this";

/// The reason for refusing what comes too late from a phone whose user is off the client's care team.
pub const ACCESS_ENDED: &str = "your access to this client ended, and what was done before is taken for seven days at \
    most, and only until the phone was told";

/// Told for what somebody else wrote on the phone before it changed hands.
pub const WRITTEN_BY_ANOTHER: &str = "another user wrote this on the phone: it waits under both names, and isn't yours";

/// The reason for refusing what changes the chart of a completed visit: a phone can't say why.
pub const NEEDS_REASON: &str = "a completed visit is corrected on the portal, with a reason";

/// The user who pushes.
#[derive(Clone, Copy, Debug)]
pub struct Actor {
    /// Who pushes.
    pub user_id: Uuid,
    /// The agency that they belong to.
    pub agency_id: Uuid,
    /// The user's role.
    pub role: Role,
}

impl Actor {
    /// Whether a visit by `caregiver` is the actor's to document: their own, or anybody's for coordinators.
    pub(super) fn answers_for(&self, caregiver: Uuid) -> bool {
        self.role.sees_agency() || self.user_id == caregiver
    }

    /// Refuses what changes the chart of a completed visit where that needs a reason, which a phone can't give. What
    /// only adds to it is taken: the database notes that it came late.
    pub(super) fn may_chart(&self, visit: &VisitFacts, only_adds: bool, context: &Context) -> Result<(), String> {
        match charting((self.user_id, self.role), visit.user_id, visit.checked_out_at, context.now) {
            Charting::Open => Ok(()),
            Charting::Correction | Charting::Addendum if only_adds => Ok(()),
            Charting::Correction if context.has_reason => Ok(()),
            Charting::Correction => refused(NEEDS_REASON),
            Charting::Addendum => refused("its visit ended more than 24 hours ago: what was charted is only added to"),
        }
    }
}

/// What the records of a visit need to know of it.
#[derive(Clone, Debug)]
pub struct VisitFacts {
    /// The caregiver who makes the visit.
    pub user_id: Uuid,
    /// The client who is visited.
    pub client_id: Uuid,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// Whether it took place and has ended.
    pub completed: bool,
    /// When the server heard that it had ended.
    pub checked_out_at: Option<Timestamp>,
}

/// What a record's rules need to know beside the record.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The server's time.
    pub now: Timestamp,
    /// How many alerts the caller raised within [`crate::limits::ALERT_WINDOW`], those of this push included.
    pub recent_alerts: usize,
    /// The caller's grants, by which they plan visits for themselves.
    pub grants: Grants,
    /// Clients whom the caller may see, as far as this push names them.
    pub clients: BTreeSet<Uuid>,
    /// Those of them that were taken from the caller: only what was done before is taken from the device.
    pub taken_clients: BTreeSet<Uuid>,
    /// Clients who have withdrawn the consent to charting.
    pub charting_withdrawn: BTreeSet<Uuid>,
    /// Clients who have withdrawn the consent to photos.
    pub photos_withdrawn: BTreeSet<Uuid>,
    /// Visits that the caller may see, as far as this push names them; those of the push itself included.
    pub visits: BTreeMap<Uuid, VisitFacts>,
    /// Whether somebody says why it is written, as nobody can on a phone.
    pub has_reason: bool,
    /// Visits that this push names, would be the caller's to see, and were deleted.
    pub deleted_visits: BTreeMap<Uuid, VisitFacts>,
}

impl Context {
    /// Refuses to chart for a client who has withdrawn the consent to it.
    pub(super) fn may_chart_for(&self, client: Uuid) -> Result<(), String> {
        if self.charting_withdrawn.contains(&client) { refused(CHARTING_WITHDRAWN) } else { Ok(()) }
    }

    /// The same for pictures of them.
    pub(super) fn may_photograph(&self, client: Uuid) -> Result<(), String> {
        if self.photos_withdrawn.contains(&client) { refused(PHOTOS_WITHDRAWN) } else { Ok(()) }
    }
}

/// What a device means to do to a record.
pub(super) enum Write<'a, T> {
    /// Make a record that the server has not got.
    Create(&'a T),
    /// Make `after` of `before`.
    Change {
        /// The record as it is.
        before: &'a T,
        /// With all the device's edits.
        after: &'a T,
    },
    /// The same to a record that was deleted meanwhile: whether it could have been done before that.
    ChangeDeleted {
        /// The record as it was.
        before: &'a T,
        /// With all the device's edits.
        after: &'a T,
    },
    /// Delete the record that the server has.
    Delete(&'a T),
}

/// Refuses for `reason`.
pub(super) fn refused(reason: impl Into<String>) -> Result<(), String> {
    Err(reason.into())
}

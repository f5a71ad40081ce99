//! Visits: caregivers document their own, the rest is planned on the portal. Their status goes with their times.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    policy::{Actor, Context, NOT_YOURS, VisitFacts, Write, refused},
    record::{PushedRecord, Row},
    schema::{Entity, Table},
    synced_table::SyncedTable,
};
use crate::{
    care_team::NOT_ON_TEAM_THEN,
    chart::adds_to,
    limits::LONGEST_VISIT,
    record_rules::{WHOLE_PLACE, is_whole_place},
    transitions::{Transitions, VisitStatus},
};

/// What the rules look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Visit {
    client_id: Uuid,
    user_id: Uuid,
    scheduled_start: Timestamp,
    scheduled_end: Timestamp,
    status: VisitStatus,
    cancel_reason: Option<String>,
    actual_start: Option<Timestamp>,
    check_in_latitude: Option<f64>,
    check_in_longitude: Option<f64>,
    check_in_accuracy_m: Option<f64>,
    check_in_received_at: Option<Timestamp>,
    actual_end: Option<Timestamp>,
    check_out_latitude: Option<f64>,
    check_out_longitude: Option<f64>,
    check_out_accuracy_m: Option<f64>,
    check_out_received_at: Option<Timestamp>,
    notes: Option<String>,
    family_note: Option<String>,
}

impl SyncedTable for Visit {
    fn may_write(write: &Write<'_, Self>, actor: &Actor, context: &Context) -> Result<(), String> {
        match write {
            Write::Create(visit) => visit.may_be_planned(actor, context),
            Write::Change { before, after } | Write::ChangeDeleted { before, after } => {
                before.may_become(after, actor, context)
            }
            // Its tasks, and what it grants, go with it: see `DELETE /visits/{id}`.
            Write::Delete(_) if actor.role.sees_agency() => refused("visits are removed on the portal"),
            Write::Delete(_) => refused(NOT_YOURS),
        }
    }

    fn enforce_transitions(before: &Self, merged: &mut Self) -> bool {
        // Facts outrank the word for them: who checked in was there, whatever the phone calls it.
        let told = merged.status_by_facts().unwrap_or(merged.status);
        // The server's check-in, kept until a person decides, may contradict the check-out of this phone.
        let contradicted = before.actual_start.is_some() && merged.ends_before_it_began();
        let allowed = before.status.may_become(told) && !contradicted;
        if allowed {
            merged.status = told;
        }
        allowed
    }

    fn settle(&mut self, before: Option<&Self>, now: Timestamp) -> Result<(), String> {
        if self.actual_start.is_none() && self.actual_end.is_some() {
            return refused("a visit can't end before it began");
        }
        self.status = self.status_by_facts().unwrap_or(self.status);
        match self.status {
            VisitStatus::InProgress | VisitStatus::Completed if self.actual_start.is_none() => {
                return refused("a visit in progress needs its actual_start");
            }
            VisitStatus::Cancelled if self.cancel_reason.is_none() => {
                return refused("a cancelled visit needs its cancel_reason");
            }
            VisitStatus::Cancelled => {}
            _ => self.cancel_reason = None,
        }
        if self.scheduled_end <= self.scheduled_start {
            return refused("scheduled_end must be later than scheduled_start");
        }
        if self.scheduled_start.duration_until(self.scheduled_end) > LONGEST_VISIT {
            return refused("a visit is 24 hours at most");
        }
        let (came, left) = before.map_or((None, None), |before| (before.actual_start, before.actual_end));
        if self.actual_start.is_some() && self.actual_start != came {
            self.check_in_received_at = Some(now);
        }
        if self.actual_end.is_some() && self.actual_end != left {
            self.check_out_received_at = Some(now);
        }
        Ok(())
    }

    fn client_id(&self, _context: &Context) -> Option<Uuid> {
        Some(self.client_id)
    }
}

impl Visit {
    fn may_be_planned(&self, actor: &Actor, context: &Context) -> Result<(), String> {
        self.has_whole_places()?;
        if !context.clients.contains(&self.client_id) {
            return refused(NOT_YOURS);
        }
        if context.taken_clients.contains(&self.client_id) {
            return refused("you are not on this client's care team any more, so that no visits can be added");
        }
        if self.user_id != actor.user_id || !actor.role.gives_care() {
            return refused("visits of others are planned on the portal");
        }
        let covered = context.grants.cover(self.client_id, self.scheduled_start, self.scheduled_end);
        if !actor.role.sees_agency() && !covered {
            return refused(format!("scheduled_start {NOT_ON_TEAM_THEN}"));
        }
        if self.notes.is_some() || self.family_note.is_some() {
            return context.may_chart_for(self.client_id);
        }
        Ok(())
    }

    /// Not asked when a conflict is settled, one column after the other.
    fn has_whole_places(&self) -> Result<(), String> {
        for (name, latitude, longitude) in [
            ("check_in_latitude", self.check_in_latitude, self.check_in_longitude),
            ("check_out_latitude", self.check_out_latitude, self.check_out_longitude),
        ] {
            if !is_whole_place(latitude, longitude) {
                return refused(format!("{name} {WHOLE_PLACE}"));
            }
        }
        Ok(())
    }

    fn may_become(&self, after: &Self, actor: &Actor, context: &Context) -> Result<(), String> {
        after.has_whole_places()?;
        self.may_be_planned_as(after, actor)?;
        let only_adds = adds_to(self.notes.as_deref(), after.notes.as_deref())
            && adds_to(self.family_note.as_deref(), after.family_note.as_deref());
        actor.may_chart(&self.facts(), only_adds, context)?;
        if (&self.notes, &self.family_note) == (&after.notes, &after.family_note) {
            return Ok(());
        }
        context.may_chart_for(self.client_id)
    }

    fn may_be_planned_as(&self, after: &Self, actor: &Actor) -> Result<(), String> {
        if self.user_id != actor.user_id {
            // What coordinators may write on the visits of others; the rest has rules of its own, which the portal
            // knows.
            let with_notes_alone =
                Self { notes: after.notes.clone(), family_note: after.family_note.clone(), ..self.clone() };
            return match actor.role.sees_agency() {
                false => refused(NOT_YOURS),
                true if *after != with_notes_alone => refused("visits of others are planned on the portal"),
                true => Ok(()),
            };
        }
        if (self.scheduled_start, self.scheduled_end) != (after.scheduled_start, after.scheduled_end) {
            return refused("visits are moved on the portal");
        }
        Ok(())
    }

    fn status_by_facts(&self) -> Option<VisitStatus> {
        match (self.actual_start, self.actual_end) {
            (Some(_), Some(_)) => Some(VisitStatus::Completed),
            (Some(_), None) => Some(VisitStatus::InProgress),
            (None, _) => None,
        }
    }

    /// Whether the end is before the server had heard of the beginning, and before what the phone said of it. That the
    /// phone's own two times stand in an impossible order is no reason: its clock may have been put right in between.
    fn ends_before_it_began(&self) -> bool {
        let began = self.actual_start.map(|began| self.check_in_received_at.map_or(began, |heard| began.min(heard)));
        began.zip(self.actual_end).is_some_and(|(began, ended)| ended < began)
    }

    fn facts(&self) -> VisitFacts {
        VisitFacts {
            user_id: self.user_id,
            client_id: self.client_id,
            cancelled: self.status == VisitStatus::Cancelled,
            completed: self.status == VisitStatus::Completed,
            checked_out_at: (self.status == VisitStatus::Completed)
                .then_some(self.check_out_received_at.or(self.actual_end))
                .flatten(),
        }
    }
}

/// A pushed visit as if nothing had been charted in it.
#[must_use]
pub fn without_notes(pushed: &PushedRecord) -> PushedRecord {
    let mut without = pushed.clone();
    without.raw.retain(|column, _| column != "notes" && column != "family_note");
    without
}

/// What a visit's records need to know of it.
#[must_use]
pub fn facts(row: &Row) -> Option<VisitFacts> {
    Visit::parse(row).ok().map(|visit| visit.facts())
}

/// What follows from a visit that was written.
#[derive(Clone, Debug)]
pub struct WrittenVisit {
    /// What its records need to know.
    pub facts: VisitFacts,
    /// Whether its status moved: a cancelled one grants none any more.
    pub status_moved: bool,
    /// Whether a place was recorded, whose distance from home is to be measured.
    pub place_recorded: bool,
}

/// What follows from writing `row` in place of `before`; nothing in other tables.
#[must_use]
pub fn written(table: &Table, row: &Row, before: Option<&Row>) -> Option<WrittenVisit> {
    if table.entity != Entity::Visit {
        return None;
    }
    let visit = Visit::parse(row).ok()?;
    let before = before.and_then(|before| Visit::parse(before).ok());
    let (came, left) =
        before.as_ref().map_or((None, None), |before| (before.check_in_latitude, before.check_out_latitude));
    let recorded = |latitude: Option<f64>, known| latitude.is_some() && latitude != known;
    Some(WrittenVisit {
        facts: visit.facts(),
        status_moved: before.is_some_and(|before| before.status != visit.status),
        place_recorded: recorded(visit.check_in_latitude, came) || recorded(visit.check_out_latitude, left),
    })
}

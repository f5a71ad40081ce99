//! What a mapped record may refer to: what has gone into the Bundle before it.

use std::collections::{HashMap, HashSet};

use domain::{identity::Role, transitions::VisitStatus};
use jiff::Timestamp;
use store::reads::{
    chart_history::ChartRecord,
    export::{ExportedVisit, Head},
};
use uuid::Uuid;

use super::element::Reference;

/// What tasks need to know of their visit.
#[derive(Clone, Copy, Debug)]
pub struct VisitFacts {
    /// The caregiver.
    pub user_id: Uuid,
    /// When it began, or was to begin.
    pub start: Timestamp,
    /// Whether it is still to come, or goes on.
    pub pending: bool,
    /// Whether there are notes, for the caregiver's colleagues and for the family.
    pub notes: (bool, bool),
}

/// What is in the Bundle by now: ids, and no record.
#[derive(Debug)]
pub struct Context {
    /// The agency.
    pub agency_id: Uuid,
    /// The client.
    pub client_id: Uuid,
    people: HashMap<Uuid, Role>,
    visits: HashMap<Uuid, VisitFacts>,
    tasks: HashMap<Uuid, &'static str>,
    alerts: HashSet<Uuid>,
    documents: HashSet<Uuid>,
}

impl Context {
    /// As it is when the people are in the Bundle.
    pub fn new(head: &Head) -> Self {
        Self {
            agency_id: head.agency.id,
            client_id: head.client.id,
            people: head.people.iter().map(|person| (person.id, person.role)).collect(),
            visits: HashMap::new(),
            tasks: HashMap::new(),
            alerts: HashSet::new(),
            documents: HashSet::new(),
        }
    }

    /// The client.
    pub fn patient(&self) -> Reference {
        Reference::to("Patient", self.client_id)
    }

    /// The agency.
    pub fn organization(&self) -> Reference {
        Reference::to("Organization", self.agency_id)
    }

    /// A user: who works for the agency is a Practitioner, family a `RelatedPerson`.
    pub fn person(&self, id: Uuid) -> Reference {
        match self.people.get(&id) {
            Some(Role::Family) => Reference::to("RelatedPerson", id),
            Some(_) => Reference::to("Practitioner", id),
            None => Reference::by_id("user", id),
        }
    }

    /// A user who works for the agency, for elements that take nobody else.
    pub fn practitioner(&self, id: Uuid) -> Option<Reference> {
        let family = self.people.get(&id) == Some(&Role::Family);
        (!family).then(|| self.person(id))
    }

    /// Who wrote something; the agency where nobody in person did.
    pub fn author(&self, id: Option<Uuid>) -> Reference {
        id.map_or_else(|| self.organization(), |id| self.person(id))
    }

    /// A visit.
    pub fn encounter(&self, id: Uuid) -> Reference {
        if self.visits.contains_key(&id) { Reference::to("Encounter", id) } else { Reference::by_id("visit", id) }
    }

    /// An alert.
    pub fn alert(&self, id: Uuid) -> Reference {
        if self.alerts.contains(&id) { Reference::to("DetectedIssue", id) } else { Reference::by_id("alert", id) }
    }

    /// A photo or document.
    pub fn document(&self, id: Uuid) -> Reference {
        if self.documents.contains(&id) {
            Reference::to("DocumentReference", id)
        } else {
            Reference::by_id("photo", id)
        }
    }

    /// What is known of a task's visit.
    pub fn visit(&self, id: Uuid) -> Option<VisitFacts> {
        self.visits.get(&id).copied()
    }

    /// Which resource a note or task is; of a note that is gone, its visit.
    pub fn charted(&self, record: ChartRecord, id: Uuid) -> Reference {
        let notes = self.visits.get(&id).map(|facts| facts.notes).unwrap_or_default();
        match record {
            ChartRecord::Task => {
                self.tasks.get(&id).map_or_else(|| Reference::by_id("task", id), |kind| Reference::to(kind, id))
            }
            ChartRecord::VisitNote if notes.0 => Reference::to("DocumentReference", format_args!("{id}-note")),
            ChartRecord::FamilyNote if notes.1 => Reference::to("DocumentReference", format_args!("{id}-family-note")),
            ChartRecord::VisitNote | ChartRecord::FamilyNote => self.encounter(id),
        }
    }

    /// Notes that a visit is in the Bundle.
    pub fn add_visit(&mut self, visit: &ExportedVisit, notes: (bool, bool)) {
        let facts = VisitFacts {
            user_id: visit.user_id,
            start: visit.actual_start.unwrap_or(visit.scheduled_start),
            pending: matches!(visit.status, VisitStatus::Scheduled | VisitStatus::InProgress),
            notes,
        };
        self.visits.insert(visit.id, facts);
    }

    /// Notes that a task is in the Bundle, as what.
    pub fn add_task(&mut self, id: Uuid, resource_type: &'static str) {
        self.tasks.insert(id, resource_type);
    }

    /// Notes that an alert is in the Bundle.
    pub fn add_alert(&mut self, id: Uuid) {
        self.alerts.insert(id);
    }

    /// Notes that a photo or document is in the Bundle.
    pub fn add_document(&mut self, id: Uuid) {
        self.documents.insert(id);
    }
}

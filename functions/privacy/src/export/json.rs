//! Our own JSON, by the schema that the OpenAPI document describes.

use jiff::Timestamp;
use serde::Serialize;
use store::reads::export::{
    ExportedAgency, ExportedAlert, ExportedAuditEntry, ExportedCarePlan, ExportedClient, ExportedConflict,
    ExportedConsent, ExportedMember, ExportedMessage, ExportedPerson, ExportedPhoto, ExportedRefusal, ExportedReply,
    ExportedRevision, ExportedTask, ExportedVisit, Head,
};
use utoipa::ToSchema;

use super::format::{Format, Sink, Take, Written};

/// Everything held on a client. Deleted records are held, and say when they were deleted.
#[derive(ToSchema)]
#[schema(example = json!({"exported_at": "2026-11-20T15:00:00Z",
    "agency": {"id": "0193a5b0-0000-7000-8000-00000000000a", "name": "Maple Home Care",
        "time_zone": "America/Toronto"},
    "client": {"id": "0193a5b0-0000-7000-8000-0000000000c1", "first_name": "Marguerite", "last_name": "Tremblay",
        "date_of_birth": "1938-04-12", "health_card": null, "phone": "+14165550170", "preferred_language": "fr-CA",
        "address": {"street": "118 Roncesvalles Avenue", "city": "Toronto", "province": "ON",
            "postal_code": "M6R 2L2", "country": "CA"},
        "latitude": null, "longitude": null, "emergency_contacts": [], "risks": ["fall risk"],
        "care_plan": {"summary": "", "goals": [], "allergies": [], "medications": [], "instructions": []},
        "care_plan_version": 0, "coordinator_id": null, "created_at": "2026-11-01T09:00:00Z", "created_by": null,
        "updated_at": "2026-11-18T16:20:11Z", "updated_by": null, "deleted_at": null},
    "people": [], "care_plans": [], "care_team": [], "consents": [], "visits": [], "tasks": [], "photos": [],
    "alerts": [], "messages": [], "replies": [], "chart_revisions": [], "conflicts": [], "refusals": [],
    "audit_entries": []}))]
pub struct ClientExport {
    /// The instant of the snapshot: all of it is as it was then.
    pub exported_at: Timestamp,
    /// The agency that holds the record, at that instant.
    pub agency: ExportedAgency,
    /// The client's own row: name, address, contacts, risks.
    pub client: ExportedClient,
    /// Everybody whom the records name.
    pub people: Vec<ExportedPerson>,
    /// Every version of the care plan.
    pub care_plans: Vec<ExportedCarePlan>,
    /// Who was given access, from when to when.
    pub care_team: Vec<ExportedMember>,
    /// Consents and their withdrawals.
    pub consents: Vec<ExportedConsent>,
    /// Visits of every status, deleted ones included.
    pub visits: Vec<ExportedVisit>,
    /// The visits' tasks, with what was charted.
    pub tasks: Vec<ExportedTask>,
    /// Photos, signatures and documents, without their bytes.
    pub photos: Vec<ExportedPhoto>,
    /// Alerts raised about the client, whoever took them.
    pub alerts: Vec<ExportedAlert>,
    /// What was sent about the client.
    pub messages: Vec<ExportedMessage>,
    /// What was written back.
    pub replies: Vec<ExportedReply>,
    /// What notes and tasks said before they were changed.
    pub chart_revisions: Vec<ExportedRevision>,
    /// What two people changed at the same time.
    pub conflicts: Vec<ExportedConflict>,
    /// What phones sent and the server could not take.
    pub refusals: Vec<ExportedRefusal>,
    /// Who looked, and who changed what.
    pub audit_entries: Vec<ExportedAuditEntry>,
}

/// Writes [`ClientExport`], record by record.
#[derive(Debug, Default)]
pub struct Json {
    /// Whether the list that is open has a record.
    begun: bool,
}

impl Format for Json {
    fn begin(&mut self, head: &Head, out: &mut impl Sink) -> Written {
        out.text("{\"exported_at\":")?;
        out.json(&head.exported_at)?;
        out.text(",\"agency\":")?;
        out.json(&head.agency)?;
        out.text(",\"client\":")?;
        out.json(&head.client)?;
        out.text(",\"people\":")?;
        out.json(&head.people)
    }

    fn open(&mut self, kind: &'static str, out: &mut impl Sink) -> Written {
        self.begun = false;
        out.text(",\"")?;
        out.text(kind)?;
        out.text("\":[")
    }

    fn close(&mut self, out: &mut impl Sink) -> Written {
        out.text("]")
    }

    fn end(&mut self, out: &mut impl Sink) -> Written {
        out.text("}")
    }
}

impl<R: Serialize> Take<R> for Json {
    fn take(&mut self, record: R, out: &mut impl Sink) -> Written {
        if self.begun {
            out.text(",")?;
        }
        self.begun = true;
        out.json(&record)
    }
}

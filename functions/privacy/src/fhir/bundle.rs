//! The Bundle: records go in one by one, in an order in which each refers only to what is there.

use domain::{
    clinical::{Medication, Vitals},
    identity::Role,
    task_type::TaskType,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::reads::export::{
    ExportedAlert, ExportedAuditEntry, ExportedCarePlan, ExportedConflict, ExportedConsent, ExportedMember,
    ExportedMessage, ExportedPhoto, ExportedRefusal, ExportedReply, ExportedRevision, ExportedTask, ExportedVisit,
    Head,
};

use super::{
    audit_event, care_plan, care_team, communication, consent,
    context::{Context, VisitFacts},
    detected_issue, document_reference,
    element::{BASE, Resource},
    encounter, flag, location, medication_administration, observation, organization, patient, practitioner, procedure,
    provenance, related_person,
};
use crate::export::format::{Format, Sink, Take, Written};

/// A resource and its address.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    full_url: String,
    resource: &'a Resource,
}

/// Writes everything held on a client as resources: in a Bundle, or one a line.
#[derive(Debug, Default)]
pub struct FhirBundle {
    context: Option<Context>,
    entries: usize,
    as_lines: bool,
}

impl FhirBundle {
    /// One resource a line, as FHIR's bulk data has it: what reads them needs no more than a line's memory.
    pub fn as_lines() -> Self {
        Self { as_lines: true, ..Self::default() }
    }

    fn entry(&mut self, resource: &Resource, out: &mut impl Sink) -> Written {
        if self.as_lines {
            out.json(resource)?;
            return out.text("\n");
        }
        if self.entries > 0 {
            out.text(",")?;
        }
        self.entries += 1;
        let (kind, id) = resource.kind_and_id();
        out.json(&Entry { full_url: format!("{BASE}/{kind}/{id}"), resource })
    }

    fn all(&mut self, resources: impl IntoIterator<Item = Resource>, out: &mut impl Sink) -> Written {
        resources.into_iter().try_for_each(|resource| self.entry(&resource, out))
    }

    /// What a record becomes, once the Bundle has begun.
    fn mapped(&mut self, map: impl FnOnce(&mut Context) -> Vec<Resource>, out: &mut impl Sink) -> Written {
        let resources = self.context.as_mut().map(map).unwrap_or_default();
        self.all(resources, out)
    }
}

impl Format for FhirBundle {
    fn begin(&mut self, head: &Head, out: &mut impl Sink) -> Written {
        let context = Context::new(head);
        let client = &head.client;
        if !self.as_lines {
            // The elements of the Bundle itself; what it holds is written as it comes.
            let about = json!({"resourceType": "Bundle", "id": client.id, "type": "collection",
                "timestamp": head.exported_at});
            out.text(about.to_string().trim_end_matches('}'))?;
            out.text(",\"entry\":[")?;
        }
        let mut first = vec![
            Resource::Organization(organization::of(&head.agency)),
            Resource::Patient(patient::of(client, &context)),
        ];
        first.extend(location::home(client).map(Resource::Location));
        for person in &head.people {
            if person.role == Role::Family {
                first.push(Resource::RelatedPerson(related_person::of(person, &context)));
            } else {
                first.push(Resource::Practitioner(practitioner::of(person)));
                first.push(Resource::PractitionerRole(practitioner::role_of(person, &context)));
            }
        }
        let contacts = client.emergency_contacts.0.iter().enumerate();
        first.extend(
            contacts
                .map(|(place, contact)| Resource::RelatedPerson(related_person::of_contact(place, contact, &context))),
        );
        let risks = client.risks.iter().enumerate();
        first.extend(risks.map(|(place, risk)| Resource::Flag(flag::of(place, risk, &context))));
        self.context = Some(context);
        self.all(first, out)
    }

    fn end(&mut self, out: &mut impl Sink) -> Written {
        if self.as_lines { Ok(()) } else { out.text("]}") }
    }
}

impl Take<ExportedCarePlan> for FhirBundle {
    fn take(&mut self, plan: ExportedCarePlan, out: &mut impl Sink) -> Written {
        self.mapped(|context| vec![Resource::CarePlan(care_plan::of(&plan, context))], out)
    }
}

impl Take<ExportedMember> for FhirBundle {
    fn take(&mut self, member: ExportedMember, out: &mut impl Sink) -> Written {
        self.mapped(|context| vec![Resource::CareTeam(care_team::of(&member, context))], out)
    }
}

impl Take<ExportedConsent> for FhirBundle {
    fn take(&mut self, consent: ExportedConsent, out: &mut impl Sink) -> Written {
        self.mapped(|context| vec![Resource::Consent(consent::of(&consent, context))], out)
    }
}

impl Take<ExportedVisit> for FhirBundle {
    fn take(&mut self, visit: ExportedVisit, out: &mut impl Sink) -> Written {
        self.mapped(
            |context| {
                let places: Vec<_> = location::of(&visit).into_iter().flatten().collect();
                let encounter = encounter::of(&visit, &places, context);
                // In this order: notes name their visit.
                context.add_visit(&visit, (false, false));
                let notes = document_reference::notes_of(&visit, context);
                context.add_visit(&visit, (notes[0].is_some(), notes[1].is_some()));
                let places = places.into_iter().map(Resource::Location);
                let notes = notes.into_iter().flatten().map(Resource::DocumentReference);
                places.chain([Resource::Encounter(encounter)]).chain(notes).collect()
            },
            out,
        )
    }
}

impl Take<ExportedTask> for FhirBundle {
    fn take(&mut self, task: ExportedTask, out: &mut impl Sink) -> Written {
        self.mapped(
            |context| {
                let facts = context.visit(task.visit_id).unwrap_or(VisitFacts {
                    user_id: task.updated_by.or(task.created_by).unwrap_or_default(),
                    start: task.created_at,
                    pending: false,
                    notes: (false, false),
                });
                if let Some(dose) = data::<Medication>(&task, TaskType::Medication) {
                    context.add_task(task.id, "MedicationAdministration");
                    let dose = medication_administration::of(&task, &dose, facts, context);
                    return vec![Resource::MedicationAdministration(dose)];
                }
                context.add_task(task.id, "Procedure");
                let vitals = data::<Vitals>(&task, TaskType::Vitals);
                let observations = vitals.map(|vitals| observation::of(&task, &vitals, facts, context));
                [Resource::Procedure(procedure::of(&task, facts, context))]
                    .into_iter()
                    .chain(observations.into_iter().flatten().map(Resource::Observation))
                    .collect()
            },
            out,
        )
    }
}

/// A task's data, where the task is of this type.
fn data<'a, T: Deserialize<'a>>(task: &'a ExportedTask, of: TaskType) -> Option<T> {
    task.data.as_ref().filter(|_| task.task_type == of).and_then(|data| T::deserialize(data).ok())
}

impl Take<ExportedPhoto> for FhirBundle {
    fn take(&mut self, photo: ExportedPhoto, out: &mut impl Sink) -> Written {
        self.mapped(
            |context| {
                let document = document_reference::of(&photo, context);
                context.add_document(photo.id);
                vec![Resource::DocumentReference(document)]
            },
            out,
        )
    }
}

impl Take<ExportedAlert> for FhirBundle {
    fn take(&mut self, alert: ExportedAlert, out: &mut impl Sink) -> Written {
        self.mapped(
            |context| {
                context.add_alert(alert.id);
                vec![Resource::DetectedIssue(detected_issue::of(&alert, context))]
            },
            out,
        )
    }
}

impl Take<ExportedMessage> for FhirBundle {
    fn take(&mut self, message: ExportedMessage, out: &mut impl Sink) -> Written {
        self.mapped(|context| vec![Resource::Communication(communication::of(&message, context))], out)
    }
}

impl Take<ExportedReply> for FhirBundle {
    fn take(&mut self, reply: ExportedReply, out: &mut impl Sink) -> Written {
        self.mapped(|context| vec![Resource::Communication(communication::of_reply(&reply, context))], out)
    }
}

impl Take<ExportedRevision> for FhirBundle {
    fn take(&mut self, revision: ExportedRevision, out: &mut impl Sink) -> Written {
        self.mapped(|context| vec![Resource::Provenance(provenance::of(&revision, context))], out)
    }
}

/// What phones and server disagreed on is no medical record: FHIR has no resource for it, our JSON has it.
impl Take<ExportedConflict> for FhirBundle {
    fn take(&mut self, _: ExportedConflict, _: &mut impl Sink) -> Written {
        Ok(())
    }
}

/// What phones sent in vain never was a medical record; our JSON has it, too.
impl Take<ExportedRefusal> for FhirBundle {
    fn take(&mut self, _: ExportedRefusal, _: &mut impl Sink) -> Written {
        Ok(())
    }
}

impl Take<ExportedAuditEntry> for FhirBundle {
    fn take(&mut self, entry: ExportedAuditEntry, out: &mut impl Sink) -> Written {
        self.mapped(|context| vec![Resource::AuditEvent(audit_event::of(&entry, context))], out)
    }
}

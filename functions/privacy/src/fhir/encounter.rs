//! Visits.

use domain::transitions::VisitStatus;
use store::reads::export::ExportedVisit;

use super::{
    context::Context,
    element::{Coding, Extension, Identifier, Meta, Period, Reference, changed, elements, some_text, system},
    location::Location,
};

elements! {
    /// Who took part.
    Participant { individual: Option<Reference> }

    /// Where.
    Place { location: Reference }

    /// A visit.
    Encounter {
        id: String,
        meta: Option<Meta>,
        extension: Vec<Extension>,
        identifier: Vec<Identifier>,
        status: &'static str,
        class: Coding,
        subject: Option<Reference>,
        participant: Vec<Participant>,
        period: Option<Period>,
        location: Vec<Place>,
        service_provider: Option<Reference>,
    }
}

/// A visit, at those places. What was planned, and what FHIR has no element for, stands in extensions.
pub fn of(visit: &ExportedVisit, places: &[Location], context: &Context) -> Encounter {
    let (status, ours): (_, &'static str) = (status(visit), visit.status.into());
    let planned = Period::of(Some(visit.scheduled_start), Some(visit.scheduled_end));
    let actual = Period::of(visit.actual_start, visit.actual_end);
    let inverted = visit.actual_start.zip(visit.actual_end).filter(|(start, end)| end < start);
    let instants = [
        // Where the phone's clock was put right between, the end is said here alone.
        ("reported-end", inverted.map(|(_, end)| end)),
        ("check-in-received", visit.check_in_received_at),
        ("check-out-received", visit.check_out_received_at),
    ];
    let flags = [("self-planned", visit.self_planned), ("after-access-ended", visit.after_access_ended)];
    let mut extension = vec![
        Extension { value_code: Some(ours.into()), ..Extension::ours("visit-status") },
        Extension { value_period: planned.clone(), ..Extension::ours("planned-period") },
    ];
    extension.extend(
        some_text(visit.cancel_reason.as_deref())
            .map(|reason| Extension { value_string: Some(reason), ..Extension::ours("cancel-reason") }),
    );
    extension.extend(
        instants
            .into_iter()
            .filter_map(|(name, at)| Some(Extension { value_instant: Some(at?), ..Extension::ours(name) })),
    );
    extension.extend(
        flags
            .into_iter()
            .filter(|(_, set)| *set)
            .map(|(name, _)| Extension { value_boolean: Some(true), ..Extension::ours(name) }),
    );
    Encounter {
        id: visit.id.to_string(),
        meta: Some(changed(visit.updated_at)),
        extension,
        identifier: vec![Identifier::ours("visit", visit.id)],
        status,
        class: Coding::new(system::ACT_CODE, "HH", "home health"),
        subject: Some(context.patient()),
        participant: vec![Participant { individual: Some(context.person(visit.user_id)) }],
        period: actual.or(planned),
        location: places.iter().map(|place| Place { location: Reference::to("Location", &place.id) }).collect(),
        service_provider: Some(context.organization()),
    }
}

/// A missed visit did not take place, as a cancelled one; which it was, an extension says.
fn status(visit: &ExportedVisit) -> &'static str {
    match visit.status {
        _ if visit.deleted_at.is_some() => "entered-in-error",
        VisitStatus::Scheduled => "planned",
        VisitStatus::InProgress => "in-progress",
        VisitStatus::Completed => "finished",
        VisitStatus::Cancelled | VisitStatus::Missed => "cancelled",
    }
}

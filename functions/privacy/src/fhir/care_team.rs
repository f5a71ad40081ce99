//! Who cares for the client, from when to when.

use store::{reads::export::ExportedMember, tables::care_team::Relation};

use super::{
    context::Context,
    element::{CodeableConcept, Coding, Identifier, Meta, Period, Reference, changed, elements, ours},
};

elements! {
    /// Somebody on the team.
    Participant { role: Vec<CodeableConcept>, member: Option<Reference>, period: Option<Period> }

    /// One grant of access to the client, and so one membership of the team.
    CareTeam {
        id: String,
        meta: Option<Meta>,
        identifier: Vec<Identifier>,
        status: &'static str,
        subject: Option<Reference>,
        period: Option<Period>,
        participant: Vec<Participant>,
        managing_organization: Vec<Reference>,
    }
}

/// A membership. Each is a team of its own: one has a status, and a participant none.
pub fn of(member: &ExportedMember, context: &Context) -> CareTeam {
    let (code, display) = match member.relation {
        Relation::PrimaryNurse => ("primary_nurse", "Primary nurse"),
        Relation::Nurse => ("nurse", "Nurse"),
        Relation::CareAide => ("care_aide", "Care aide"),
        Relation::Coordinator => ("coordinator", "Coordinator"),
        Relation::Family => ("family", "Family member"),
    };
    let period = Period::of_days(member.starts_on, member.ends_on);
    CareTeam {
        id: member.id.to_string(),
        meta: Some(changed(member.updated_at)),
        identifier: vec![Identifier::ours("care-team-membership", member.id)],
        status: match member.deleted_at {
            Some(_) => "entered-in-error",
            None => "active",
        },
        subject: Some(context.patient()),
        period: Some(period.clone()),
        participant: vec![Participant {
            role: vec![CodeableConcept {
                coding: vec![Coding::new(&ours("CodeSystem/relation"), code, display)],
                text: None,
            }],
            member: Some(context.person(member.user_id)),
            period: Some(period),
        }],
        managing_organization: vec![context.organization()],
    }
}

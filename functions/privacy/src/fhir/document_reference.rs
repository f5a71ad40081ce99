//! Photos, signatures and documents, and the notes of visits.

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::photo_kinds::{PhotoKind, PhotoStatus};
use store::reads::export::{ExportedPhoto, ExportedRevision, ExportedVisit};

use super::{
    context::Context,
    element::{
        Attachment, CodeableConcept, Coding, Extension, Identifier, Meta, Reference, changed, elements, ours,
        some_text, system, text,
    },
};

elements! {
    /// One form of it.
    Content { attachment: Attachment }

    /// At which visit it was made.
    Circumstances { encounter: Vec<Reference> }

    /// Which document it takes the place of.
    Relation { code: &'static str, target: Reference }

    /// A document, or what is known of one.
    DocumentReference {
        id: String,
        meta: Option<Meta>,
        extension: Vec<Extension>,
        identifier: Vec<Identifier>,
        status: &'static str,
        #[serde(rename = "type")] kind: Option<CodeableConcept>,
        subject: Option<Reference>,
        date: Option<jiff::Timestamp>,
        author: Vec<Reference>,
        relates_to: Vec<Relation>,
        description: Option<String>,
        content: Vec<Content>,
        context: Option<Circumstances>,
    }
}

fn at_visit(encounter: Option<Reference>) -> Option<Circumstances> {
    encounter.map(|encounter| Circumstances { encounter: vec![encounter] })
}

/// A photo, signature or document. Its bytes are not in the Bundle, and no address of them: its SHA-256 says which
/// they are.
pub fn of(photo: &ExportedPhoto, context: &Context) -> DocumentReference {
    let (code, display) = match photo.kind {
        PhotoKind::Photo => ("photo", "Photo"),
        PhotoKind::Signature => ("signature", "Signature"),
        PhotoKind::Profile => ("profile", "Profile picture"),
        PhotoKind::Document => ("document", "Document"),
    };
    let state: &'static str = photo.status.into();
    DocumentReference {
        id: photo.id.to_string(),
        meta: Some(changed(photo.updated_at)),
        extension: vec![
            Extension { value_code: Some(state.into()), ..Extension::ours("photo-status") },
            Extension { value_boolean: Some(photo.shared_with_family), ..Extension::ours("shared-with-family") },
        ],
        identifier: vec![
            Identifier::ours("photo", photo.id),
            Identifier { system: Some(ours("sha256")), value: Some(photo.sha256.clone()), ..Identifier::default() },
        ],
        status: match photo.status {
            _ if photo.deleted_at.is_some() => "entered-in-error",
            PhotoStatus::Rejected => "entered-in-error",
            PhotoStatus::Pending | PhotoStatus::Stored => "current",
        },
        kind: Some(CodeableConcept {
            coding: vec![Coding::new(&ours("CodeSystem/photo-kind"), code, display)],
            text: None,
        }),
        subject: Some(context.patient()),
        date: Some(photo.created_at),
        author: vec![context.author(photo.created_by)],
        relates_to: photo
            .replaces
            .map(|id| Relation { code: "replaces", target: context.document(id) })
            .into_iter()
            .collect(),
        description: some_text(photo.rejected_because.as_deref()),
        content: vec![Content {
            attachment: Attachment {
                content_type: text(photo.stored_type.as_deref().unwrap_or(&photo.content_type)),
                size: Some(photo.stored_bytes.unwrap_or(photo.bytes)),
                title: some_text(photo.caption.as_deref()),
                creation: photo.taken_at.map(|at| at.to_string()),
                ..Attachment::default()
            },
        }],
        context: at_visit(photo.visit_id.map(|id| context.encounter(id))),
    }
}

/// The notes of a visit: the caregiver's, and what the family may read.
pub fn notes_of(visit: &ExportedVisit, context: &Context) -> [Option<DocumentReference>; 2] {
    let notes = [("note", "Note", &visit.notes), ("family-note", "Note for the family", &visit.family_note)];
    notes.map(|(kind, title, words)| {
        let words = some_text(words.as_deref())?;
        let id = format!("{}-{kind}", visit.id);
        Some(DocumentReference {
            identifier: vec![Identifier::ours("visit-note", id.clone())],
            id,
            meta: Some(changed(visit.updated_at)),
            status: if visit.deleted_at.is_some() { "entered-in-error" } else { "current" },
            kind: Some(CodeableConcept {
                text: Some(title.into()),
                ..CodeableConcept::code(system::LOINC, "34109-9", "Note")
            }),
            subject: Some(context.patient()),
            date: Some(visit.updated_at),
            author: vec![context.person(visit.user_id)],
            content: vec![Content {
                attachment: Attachment {
                    content_type: Some("text/plain".into()),
                    data: Some(STANDARD.encode(words)),
                    title: Some(title.into()),
                    ..Attachment::default()
                },
            }],
            context: at_visit(Some(context.encounter(visit.id))),
            ..DocumentReference::default()
        })
    })
}

/// What a note or task said before it was changed: to stand in the Provenance of that change.
pub fn of_former(revision: &ExportedRevision, context: &Context) -> DocumentReference {
    DocumentReference {
        id: "former".into(),
        status: "superseded",
        subject: Some(context.patient()),
        content: vec![Content {
            attachment: Attachment {
                content_type: Some("application/json".into()),
                data: Some(STANDARD.encode(revision.before.to_string())),
                ..Attachment::default()
            },
        }],
        ..DocumentReference::default()
    }
}

//! Photos: the rules of `POST /photos`, and of row-level security (`policies/photos.sql`), which would otherwise refuse
//! a whole push for one record.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    policy::{Actor, Context, NOT_YOURS, Write, refused},
    synced_table::SyncedTable,
};
use crate::{
    identity::Role,
    photo_kinds::{MediaType, PhotoKind, PhotoStatus},
    record_rules::{self, FOR_PHOTOS_ONLY},
};

/// What the rules look at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Photo {
    client_id: Option<Uuid>,
    visit_id: Option<Uuid>,
    user_id: Option<Uuid>,
    kind: PhotoKind,
    shared_with_family: bool,
    content_type: String,
    bytes: i64,
    status: Option<PhotoStatus>,
    version: Option<i32>,
    caption: Option<String>,
    created_by: Option<Uuid>,
}

impl SyncedTable for Photo {
    fn begin(&mut self, _actor: &Actor) {
        self.status = Some(PhotoStatus::Pending);
        self.version = Some(1);
    }

    fn may_write(write: &Write<'_, Self>, actor: &Actor, context: &Context) -> Result<(), String> {
        match write {
            Write::Create(photo) => {
                photo.may_be_shared()?;
                photo.may_hold_its_bytes()?;
                photo.may_belong_to_its_owner(actor, context)?;
                photo.is_consented_to(context)
            }
            // Its caption, its sharing or its time. That its owner is in sight is known.
            Write::Change { before, after } | Write::ChangeDeleted { before, after } => {
                after.may_be_shared()?;
                before.may_be_changed(actor, context)?;
                match before.client_id(context) {
                    Some(client) if before.caption != after.caption => context.may_chart_for(client),
                    _ => Ok(()),
                }
            }
            Write::Delete(photo) => photo.may_be_changed(actor, context),
        }
    }

    fn client_id(&self, context: &Context) -> Option<Uuid> {
        self.client_id.or_else(|| context.visits.get(&self.visit_id?).map(|visit| visit.client_id))
    }
}

impl Photo {
    fn may_be_shared(&self) -> Result<(), String> {
        if self.shared_with_family && !record_rules::may_be_shared(self.kind) {
            return refused(format!("shared_with_family {FOR_PHOTOS_ONLY}"));
        }
        Ok(())
    }

    fn may_hold_its_bytes(&self) -> Result<(), String> {
        let media_type: MediaType =
            self.content_type.parse().map_err(|_| "only JPEG, PNG, WebP, HEIC and PDF are accepted")?;
        if !self.kind.takes(media_type) {
            return refused(format!("{} is not for this kind", <&str>::from(media_type)));
        }
        if !(1..=media_type.max_bytes()).contains(&self.bytes) {
            return refused(format!("bytes must be between 1 and {}", media_type.max_bytes()));
        }
        Ok(())
    }

    fn may_belong_to_its_owner(&self, actor: &Actor, context: &Context) -> Result<(), String> {
        match (self.kind, [self.client_id, self.visit_id, self.user_id]) {
            (PhotoKind::Document, [Some(_), None, None]) if actor.role == Role::CareAide => {
                refused("documents are for nurses")
            }
            (PhotoKind::Photo | PhotoKind::Profile | PhotoKind::Document, [Some(client), None, None]) => {
                if context.clients.contains(&client) { Ok(()) } else { refused(NOT_YOURS) }
            }
            (PhotoKind::Photo | PhotoKind::Signature, [None, Some(visit), None]) => match context.visits.get(&visit) {
                Some(of) if self.kind == PhotoKind::Signature && !actor.answers_for(of.user_id) => refused(NOT_YOURS),
                None if context.deleted_visits.contains_key(&visit) => refused(NOT_YOURS),
                // A photo may come before its visit, and nobody is told whether one out of sight is there: the database
                // doesn't attach it.
                Some(_) | None => Ok(()),
            },
            (PhotoKind::Profile, [None, None, Some(user)]) if user == actor.user_id => Ok(()),
            (PhotoKind::Profile, [None, None, Some(_)]) => refused(NOT_YOURS),
            _ => refused(
                "a photo belongs to a client or a visit, a signature to a visit, a profile picture to a client or \
                 a user, and a document to a client",
            ),
        }
    }

    /// Whether its client lets it be taken. Whose a photo is that comes before its visit isn't known yet.
    fn is_consented_to(&self, context: &Context) -> Result<(), String> {
        let Some(client) = self.client_id(context) else { return Ok(()) };
        context.may_chart_for(client)?;
        match self.kind {
            PhotoKind::Photo | PhotoKind::Profile => context.may_photograph(client),
            PhotoKind::Signature | PhotoKind::Document => Ok(()),
        }
    }

    fn may_be_changed(&self, actor: &Actor, context: &Context) -> Result<(), String> {
        let visit = self.visit_id.and_then(|visit| context.visits.get(&visit));
        let anothers_picture = self.user_id.is_some_and(|user| user != actor.user_id);
        let mine = actor.role.sees_agency() || self.created_by == Some(actor.user_id);
        if !mine || anothers_picture {
            return refused(NOT_YOURS);
        }
        match (self.kind, visit) {
            (PhotoKind::Document, _) if actor.role == Role::CareAide => refused("documents are for nurses"),
            (PhotoKind::Signature, Some(visit)) if !actor.answers_for(visit.user_id) => refused(NOT_YOURS),
            (PhotoKind::Signature, Some(visit)) if visit.completed && self.status == Some(PhotoStatus::Stored) => {
                refused("the visit is signed and completed")
            }
            _ => Ok(()),
        }
    }
}

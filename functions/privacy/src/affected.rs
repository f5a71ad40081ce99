//! Whom a breach concerns, and what they are told.

use app::App;
use axum::{Json, extract::State};
use domain::{
    Fault,
    breach_notice::{self, Notice},
    error::Error,
    identity::PrivacyManage,
    messages::Locale,
};
use jiff::Timestamp;
use serde::Deserialize;
use store::{
    reads::affected::{self, AffectedPerson, Reach},
    tables::privacy_incidents,
};
use utoipa::IntoParams;
use uuid::Uuid;
use web::{List, Page, PageQuery, Path, Query, Require};

type AffectedPersonPage = Page<AffectedPerson>;

/// By what to look in the audit log; what isn't given is the incident's own.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReachQuery {
    /// Only what was done at this instant or later.
    from: Option<Timestamp>,
    /// Only what was done at this instant or before.
    to: Option<Timestamp>,
    /// What this user did.
    actor_id: Option<Uuid>,
    /// What was done on this device.
    device_id: Option<Uuid>,
}

/// List the clients and users whose records were reached, by the audit log.
///
/// By the incident's time, user and device, unless told otherwise. What a phone holds it asked for earlier: for a lost
/// one, begin at its first sign-in.
#[utoipa::path(get, path = "/privacy/incidents/{id}/affected", tag = "privacy", operation_id = "list_affected",
    params(("id" = Uuid, Path, description = "The incident."), ReachQuery, PageQuery),
    responses((status = 200, description = "A page of the people, clients before users.", body = AffectedPersonPage)))]
pub(crate) async fn list(
    State(app): State<App>,
    list: List<PrivacyManage, ReachQuery>,
    Path(id): Path<Uuid>,
) -> web::Result<Json<AffectedPersonPage>> {
    let after = list.after()?;
    let incident = privacy_incidents::find(&app.db, &*list.caller, id).await?.ok_or(Error::NotFound)?;
    let ReachQuery { from, to, actor_id, device_id } = list.filter;
    let reach = Reach {
        from: from.or(incident.happened_from),
        until: to.or(incident.happened_until),
        actor_id: actor_id.or(incident.user_id),
        device_id: device_id.or(incident.device_id),
    };
    if reach.actor_id.is_none() && reach.device_id.is_none() && reach.from.is_none() {
        return Err(vec![Fault::parameter("from", "must be given where neither a user nor a device is known")].into());
    }
    let people = affected::of(&app.db, &*list.caller, reach, after, list.rows()).await?;
    list.page(people, |person| (person.kind, person.id))
}

/// In which language a notice is.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NoticeQuery {
    /// The language of whoever is told.
    #[param(inline)]
    locale: Locale,
}

/// Draft the letter to whoever is affected, with what the law asks it to say.
///
/// From what the register knows; `missing` names what is still to be filled in. The caller is named as whom to ask.
#[utoipa::path(get, path = "/privacy/incidents/{id}/notice", tag = "privacy", operation_id = "draft_breach_notice",
    params(("id" = Uuid, Path, description = "The incident."), NoticeQuery),
    responses((status = 200, description = "The letter, to be read before it is sent.", body = Notice)))]
pub(crate) async fn notice(
    State(app): State<App>,
    caller: Require<PrivacyManage>,
    Path(id): Path<Uuid>,
    Query(NoticeQuery { locale }): Query<NoticeQuery>,
) -> web::Result<Json<Notice>> {
    let breach = affected::breach(&app.db, &*caller, id).await?.ok_or(Error::NotFound)?;
    Ok(Json(breach_notice::notice(&breach, locale)))
}

//! Who looked at a client or changed them: complete for coordinators and admins, in words for families.

use app::App;
use axum::{Json, extract::State};
use domain::{
    access_words,
    error::Error,
    identity::{AccessLogRead, FamilyRead},
    messages::Locale,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{
    reads::family,
    tables::{
        audit_log::{self, AuditLine, FamilyLine, LineFilter},
        clients,
    },
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::{List, Page, PageQuery, Path};

type AuditLinePage = Page<AuditLine>;
type FamilyAccessPage = Page<FamilyAccess>;

/// From when to when to look.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PeriodQuery {
    /// Only lines of this instant or later.
    from: Option<Timestamp>,
    /// Only lines before this instant.
    to: Option<Timestamp>,
}

/// Read who looked at a client or changed them, newest first: what, when, from where, and to whom it was disclosed.
#[utoipa::path(get, path = "/clients/{id}/access-log", tag = "privacy", operation_id = "read_access_log",
    params(("id" = Uuid, Path, description = "The client."), PeriodQuery, PageQuery),
    responses((status = 200, description = "A page of the lines.", body = AuditLinePage)))]
pub(crate) async fn read(
    State(app): State<App>,
    list: List<AccessLogRead, PeriodQuery>,
    Path(id): Path<Uuid>,
) -> web::Result<Json<AuditLinePage>> {
    let PeriodQuery { from, to } = list.filter;
    let filter = LineFilter { from, to, before: list.after()?, limit: list.rows(), ..LineFilter::default() };
    let lines = audit_log::of_client(&app.db, &*list.caller, id, filter).await?;
    if lines.is_empty() {
        clients::must_be_visible(&app.db, &*list.caller, id).await?;
    }
    list.page(lines, |line| (line.at, line.id))
}

/// The language that a log in words is in.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LocaleQuery {
    /// The language; the caller's own unless told.
    #[param(inline)]
    locale: Option<Locale>,
}

/// What somebody did, as a family reads it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"at": "2026-11-20T14:02:10Z", "who": "Amara, nursing", "what": "Looked at a visit"}))]
pub struct FamilyAccess {
    /// When they did it, by the server's clock.
    at: Timestamp,
    /// Who: a given name and what they are, "You", or nobody in person.
    who: String,
    /// What they did, in words of the language asked for; it names no record.
    what: String,
}

/// Read in words who looked at a client or changed them, newest first.
///
/// For those who follow the client, while the client consents to sharing. Another family member goes unnamed.
#[utoipa::path(get, path = "/family/clients/{id}/access-log", tag = "family", operation_id = "read_family_access_log",
    params(("id" = Uuid, Path, description = "The client."), LocaleQuery, PageQuery),
    responses((status = 200, description = "A page of what was done.", body = FamilyAccessPage)))]
pub(crate) async fn read_along(
    State(app): State<App>,
    list: List<FamilyRead, LocaleQuery>,
    Path(id): Path<Uuid>,
) -> web::Result<Json<FamilyAccessPage>> {
    let lines = audit_log::of_family(&app.db, &*list.caller, id, list.after()?, list.rows()).await?;
    if lines.is_empty() && !family::may_follow(&app.db, &*list.caller, id).await? {
        return Err(Error::NotFound.into());
    }
    let locale = list.filter.locale;
    list.page_of(lines, |line| (line.at, line.id), |line| in_words(&line, locale.unwrap_or(line.locale)))
}

fn in_words(line: &FamilyLine, locale: Locale) -> FamilyAccess {
    FamilyAccess {
        at: line.at,
        who: access_words::actor(line.role.as_deref(), line.first_name.as_deref(), line.own, locale),
        what: access_words::deed(&line.action, locale),
    }
}

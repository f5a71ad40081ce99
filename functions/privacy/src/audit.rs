//! The audit log and its chain, for an admin who has just given the password. Each search is on the log itself.

use app::App;
use axum::{Json, extract::State};
use domain::identity::PrivacyManage;
use jiff::Timestamp;
use serde::Deserialize;
use store::tables::{
    audit_chain::{self, ChainState},
    audit_log::{self, AuditLine, LineFilter},
};
use utoipa::IntoParams;
use uuid::Uuid;
use web::{List, Page, PageQuery, SteppedUp};

type AuditLinePage = Page<AuditLine>;

/// Which lines of the log to find.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only what this user did.
    actor_id: Option<Uuid>,
    /// Only what concerns this client.
    client_id: Option<Uuid>,
    /// Only this: `noun.verb` as `visit.read`, or a noun alone for all its verbs.
    #[param(min_length = 1, max_length = 100, pattern = r"^[a-z_]+(\.[a-z_]+)*$")]
    action: Option<String>,
    /// Only lines of this instant or later.
    from: Option<Timestamp>,
    /// Only lines before this instant.
    to: Option<Timestamp>,
}

/// Search the audit log, newest first.
///
/// Asks for the password of the last ten minutes. The search itself goes on the log.
#[utoipa::path(get, path = "/audit", tag = "privacy", operation_id = "search_audit_log",
    params(AuditQuery, PageQuery),
    responses((status = 200, description = "A page of the lines.", body = AuditLinePage)))]
pub(crate) async fn search(
    State(app): State<App>,
    _: SteppedUp<PrivacyManage>,
    list: List<PrivacyManage, AuditQuery>,
) -> web::Result<Json<AuditLinePage>> {
    let before = list.after()?;
    let AuditQuery { actor_id, client_id, ref action, from, to } = list.filter;
    let action = action.clone();
    let filter = LineFilter { actor_id, client_id, action, from, to, before, limit: list.rows() };
    let lines = audit_log::search(&app.db, &*list.caller, filter).await?;
    list.page(lines, |line| (line.at, line.id))
}

/// Read how far the audit log is proven: sealed into its chain, anchored where nobody can change it, and verified.
///
/// One chain holds all agencies' lines. Asks for the password of the last ten minutes.
#[utoipa::path(get, path = "/audit/chain", tag = "privacy", operation_id = "read_audit_chain",
    responses((status = 200, description = "The chain's state.", body = ChainState)))]
pub(crate) async fn chain(State(app): State<App>, caller: SteppedUp<PrivacyManage>) -> web::Result<Json<ChainState>> {
    Ok(Json(audit_chain::state(&app.db, &*caller).await?))
}

//! Whose records are due to go by the agency's retention, and what has gone.

use app::App;
use axum::{Json, extract::State};
use domain::identity::PrivacyManage;
use store::tables::erasures::{self, DueClient, RetentionReport};
use web::{List, NoFilter, Page, PageQuery};

type DueClientPage = Page<DueClient>;
type RetentionReportPage = Page<RetentionReport>;

/// List clients whose records are due to go, the longest due first: by which rule, what holds them, how much they are.
///
/// Counted anew, and changes nothing. Who isn't held goes 30 days after the plan was made.
#[utoipa::path(get, path = "/privacy/retention", tag = "privacy", operation_id = "list_due_clients",
    params(PageQuery),
    responses((status = 200, description = "A page of the clients.", body = DueClientPage)))]
pub(crate) async fn plan(
    State(app): State<App>,
    list: List<PrivacyManage, NoFilter>,
) -> web::Result<Json<DueClientPage>> {
    let due = erasures::due(&app.db, &*list.caller, list.after()?, list.rows()).await?;
    list.page(due, |client| (client.due_on, client.client_id))
}

/// List what the retention did, newest first: who was planned, held and removed, and how much went.
#[utoipa::path(get, path = "/privacy/retention/reports", tag = "privacy", operation_id = "list_retention_reports",
    params(PageQuery),
    responses((status = 200, description = "A page of the reports.", body = RetentionReportPage)))]
pub(crate) async fn reports(
    State(app): State<App>,
    list: List<PrivacyManage, NoFilter>,
) -> web::Result<Json<RetentionReportPage>> {
    let reports = erasures::reports(&app.db, &*list.caller, list.after()?, list.rows()).await?;
    list.page(reports, |report| (report.at, report.id))
}

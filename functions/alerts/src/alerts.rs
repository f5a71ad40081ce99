//! Raising an alert, taking it, and saying that its cause is gone.

use app::{App, AppWithJobs};
use axum::{Json, extract::State, http::StatusCode};
use domain::{
    error::Error,
    identity::{AlertsAnswer, AlertsRaise},
    validation::Faults,
};
use jiff::Timestamp;
use serde::Deserialize;
use store::{
    Identity, Tx,
    tables::{
        alerts::{self, Alert, AlertFields, AlertFilter, AlertStatus},
        clients,
        idempotency::{self, Creation},
        visits,
    },
};
use utoipa::IntoParams;
use uuid::Uuid;
use web::{Created, List, New, Page, PageQuery, Path, Reply, Require};

type NewAlert = New<AlertFields>;
type AlertPage = Page<Alert>;

/// Which alerts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AlertQuery {
    /// Only alerts or replies about this client.
    client_id: Option<Uuid>,
    /// Only records in this status.
    #[param(inline)]
    status: Option<AlertStatus>,
}

/// List alerts, newest first.
#[utoipa::path(get, path = "/alerts", tag = "alerts", operation_id = "list_alerts", params(AlertQuery, PageQuery),
    responses((status = 200, description = "A page of the alerts that the caller may see.", body = AlertPage)))]
pub(crate) async fn list(State(app): State<App>, list: List<AlertsRaise, AlertQuery>) -> web::Result<Json<AlertPage>> {
    let AlertQuery { client_id, status } = list.filter;
    let filter = AlertFilter { client_id, status, before: list.after()?, limit: list.rows() };
    let alerts = alerts::list(&app.db, &*list.caller, filter).await?;
    list.page(alerts, |alert| (alert.created_at, alert.id))
}

/// Raise an alert.
///
/// The client's coordinator is called at once, then the next one, then all are told by SMS and push, until somebody
/// takes the alert. While they are asked about a client, a further alert on that client joins, and makes it more urgent
/// where it is more severe. Raised again with the same id it stays one alert.
#[utoipa::path(post, path = "/alerts", tag = "alerts", operation_id = "raise_alert", request_body = NewAlert,
    responses((status = 201, description = "The new alert.", body = Alert),
        (status = 409, description = "The id is taken."),
        (status = 429, description = "The caller has raised more alerts within an hour than a person could mean.")))]
pub(crate) async fn raise(
    State(AppWithJobs { app, jobs }): State<AppWithJobs>,
    caller: Require<AlertsRaise>,
    New { id, fields }: NewAlert,
) -> web::Result<Created<Alert>> {
    let mut tx = app.db.write(&*caller).await?;
    if idempotency::claim(&mut tx, "alerts", id, &fields).await? == Creation::Fresh {
        if let Some(wait) = alerts::wait(&mut tx, Timestamp::now()).await? {
            return Err(web::Error::TooManyAlerts(u32::try_from(wait.as_secs()).unwrap_or_default().max(1)));
        }
        must_exist(&mut tx, &fields).await?;
        alerts::insert(&mut tx, id, caller.user_id, &fields).await?;
    }
    let alert = alerts::get(&mut tx, id).await?;
    tx.commit().await?;
    jobs.escalate().await;
    Ok(Created(id, alert))
}

/// Read an alert.
#[utoipa::path(get, path = "/alerts/{id}", tag = "alerts", operation_id = "read_alert",
    params(("id" = Uuid, Path, description = "The alert.")),
    responses((status = 200, description = "The alert.", body = Alert)))]
pub(crate) async fn read(
    State(app): State<App>,
    caller: Require<AlertsRaise>,
    Path(id): Path<Uuid>,
) -> web::Result<Reply<Alert>> {
    let alert = alerts::find(&app.db, &*caller, id).await?.ok_or(Error::NotFound)?;
    Ok(Reply(StatusCode::OK, alert))
}

/// Take an alert.
///
/// With it the caller takes what else waits for an answer about this client. Nobody else is called or told from then
/// on, and a phone that rings for it stops. Taking it twice is taking it once.
#[utoipa::path(post, path = "/alerts/{id}/acknowledge", tag = "alerts", operation_id = "acknowledge_alert",
    params(("id" = Uuid, Path, description = "The alert.")),
    responses((status = 200, description = "The alert; the caller has acknowledged it.", body = Alert),
        (status = 409, description = "Somebody else has acknowledged it, or it is resolved.")))]
pub(crate) async fn acknowledge(
    State(AppWithJobs { app, jobs }): State<AppWithJobs>,
    caller: Require<AlertsAnswer>,
    Path(id): Path<Uuid>,
) -> web::Result<Reply<Alert>> {
    let mut tx = app.db.write(&*caller).await?;
    let alert = alerts::get(&mut tx, id).await?;
    alerts::acknowledge(&mut tx, &alert, caller.user_id, Timestamp::now()).await?;
    let alert = alerts::get(&mut tx, id).await?;
    tx.commit().await?;
    // Another's phone may ring.
    jobs.dispatch_urgent().await;
    Ok(Reply(StatusCode::OK, alert))
}

/// Say that an alert's cause is gone.
///
/// Whoever raised it may, and any coordinator. Nobody is called or told from then on, unless another alert about the
/// client waits for an answer.
#[utoipa::path(post, path = "/alerts/{id}/resolve", tag = "alerts", operation_id = "resolve_alert",
    params(("id" = Uuid, Path, description = "The alert.")),
    responses((status = 200, description = "The alert, now resolved.", body = Alert)))]
pub(crate) async fn resolve(
    State(AppWithJobs { app, jobs }): State<AppWithJobs>,
    caller: Require<AlertsRaise>,
    Path(id): Path<Uuid>,
) -> web::Result<Reply<Alert>> {
    let mut tx = app.db.write(&*caller).await?;
    let alert = alerts::get(&mut tx, id).await?;
    if !caller.role.sees_agency() && alert.raised_by != Some(caller.user_id) {
        return Err(Error::Forbidden.into());
    }
    alerts::resolve(&mut tx, &alert).await?;
    let alert = alerts::get(&mut tx, id).await?;
    tx.commit().await?;
    jobs.dispatch_urgent().await;
    Ok(Reply(StatusCode::OK, alert))
}

/// The client must be one whom the caller cares for, and the visit one to them.
async fn must_exist<I: Identity>(tx: &mut Tx<I>, alert: &AlertFields) -> web::Result<()> {
    let mut faults = Faults::default();
    faults.unless(clients::exists(tx, alert.client_id).await?, "/client_id", "must be a client whom you may see");
    if let Some(visit_id) = alert.visit_id {
        let fits = match visits::get(tx, visit_id).await {
            Ok(visit) => visit.client_id == alert.client_id,
            Err(Error::NotFound) => false,
            Err(other) => return Err(other.into()),
        };
        faults.unless(fits, "/visit_id", "must be a visit to this client");
    }
    Ok(faults.into_result()?)
}

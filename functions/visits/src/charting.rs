//! Writing the chart of a visit that is completed: further versions of its notes and tasks, each with its reason.

use domain::{
    chart::{ChartRefusal, Charting, charting},
    error::{Conflict, Error, Fault},
    identity::Caller,
};
use jiff::Timestamp;
use store::{
    Identity, Tx,
    tables::visits::{self, Visit},
};

/// How the caller may write the visit's notes and tasks.
pub(crate) fn charting_of(caller: &Caller, visit: &Visit) -> Charting {
    charting((caller.user_id, caller.role), visit.user_id, visit.checked_out_at(), Timestamp::now())
}

/// Refuses a change of the visit's chart, or gives it its reason; `only_adds`: whether it changes nothing that stands
/// there.
pub(crate) async fn admit<I: Identity>(
    tx: &Tx<I>,
    charting: Charting,
    only_adds: bool,
    reason: Option<&str>,
) -> web::Result<()> {
    charting.admits(only_adds, reason.is_some()).map_err(|refusal| match refusal {
        ChartRefusal::Changes => Error::Conflict(Conflict::Final(
            "This visit ended more than 24 hours ago. What was charted stays; add to it, with a reason.",
        )),
        ChartRefusal::NoReason => vec![Fault::body("/reason", "must say why: this visit is completed")].into(),
    })?;
    if let Some(reason) = reason {
        visits::give_reason(tx, reason).await?;
    }
    Ok(())
}

/// What is made is no change, and needs no reason.
pub(crate) fn no_reason_yet(reason: Option<&str>) -> web::Result<()> {
    match reason {
        None => Ok(()),
        Some(_) => Err(vec![Fault::body("/reason", "is for changes of what was charted")].into()),
    }
}

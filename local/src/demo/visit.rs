//! One visit of the week: planned, and then cancelled, missed or attended, as the people themselves would do it.

use domain::{
    error::Error,
    identity::{Caller, JobIdentity},
};
use runtime::lambda::Fatal;
use store::{
    Db, Identity, Tx,
    tables::{
        care_team,
        check_in::{self, Attendance},
        idempotency::{self, Creation},
        visit_tasks,
        visits::{self, Visit, VisitFields, VisitStatus},
    },
};
use uuid::Uuid;

use super::{
    people::AGENCY,
    plan::{Course, PlannedVisit},
};

/// Plans it, unless an earlier run did.
pub async fn plan(db: &Db, coordinator: &Caller, visit: &PlannedVisit, alias: Option<Uuid>) -> Result<(), Fatal> {
    let mut tx = db.write_many(coordinator, u16::try_from(2 + visit.tasks.len())?).await?;
    if let Some(alias) = alias {
        // So that tomorrow's run doesn't plan this visit once more.
        idempotency::claim(&mut tx, "visits", alias, &visit.fields).await?;
    }
    if idempotency::claim(&mut tx, "visits", visit.id, &visit.fields).await? == Creation::Fresh {
        visits::insert(&mut tx, visit.id, &visit.fields).await?;
        care_team::refresh_scheduled(&mut tx, visit.fields.client_id, visit.fields.user_id).await?;
        for task in &visit.tasks {
            let of = (visit.id, visit.fields.client_id);
            idempotency::claim(&mut tx, "visit_tasks", task.id, &(visit.id, &task.planned)).await?;
            visit_tasks::insert(&mut tx, of, task.id, &task.planned).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// What becomes of a visit that doesn't take place.
pub async fn cancel(db: &Db, coordinator: &Caller, due: &PlannedVisit) -> Result<(), Fatal> {
    match &due.course {
        Course::Cancelled(cancellation) => {
            let mut tx = db.write(coordinator).await?;
            if let Some(visit) = still_scheduled(&mut tx, due.id).await? {
                visits::cancel(&mut tx, &visit, &cancellation.reason).await?;
                care_team::refresh_scheduled(&mut tx, visit.client_id, visit.user_id).await?;
            }
            Ok(tx.commit().await?)
        }
        Course::Missed => {
            let mut tx = db.write(&JobIdentity { agency_id: AGENCY }).await?;
            if let Some(visit) = still_scheduled(&mut tx, due.id).await? {
                visits::mark_missed(&mut tx, &visit).await?;
            }
            Ok(tx.commit().await?)
        }
        _ => Ok(()),
    }
}

/// What a caregiver does at a visit.
pub async fn attend(db: &Db, caregiver: &Caller, planned: &PlannedVisit) -> Result<(), Fatal> {
    let (Course::UnderWay(came) | Course::Done(came, _)) = &planned.course else { return Ok(()) };
    let attended = match check_in::look(db, caregiver, planned.id, came).await {
        Err(Error::NotFound) => return Ok(()),
        other => other?,
    };
    let visit = match attended.visit.status {
        VisitStatus::Scheduled => {
            let recorded = check_in::record(db, caregiver, Attendance::CheckIn, &attended, came).await?;
            recorded.ok_or(Error::NotFound)?
        }
        // Under way when an earlier run ended.
        VisitStatus::InProgress if attended.visit.was_checked_in_by(came) => attended.visit,
        _ => return Ok(()),
    };
    let Course::Done(_, left) = &planned.course else { return Ok(()) };

    for task in &visit.tasks {
        let Some(done) = planned.tasks.iter().find(|known| known.id == task.id).and_then(|known| known.done.as_ref())
        else {
            continue;
        };
        let mut tx = db.write(caregiver).await?;
        visit_tasks::lock(&mut tx, visit.id, task.id).await?;
        visit_tasks::update(&mut tx, visit.client_id, task.id, done).await?;
        tx.commit().await?;
    }
    let mut tx = db.write(caregiver).await?;
    let visit = visits::get(&mut tx, visit.id).await?;
    let (notes, family_note) = planned.notes.clone();
    let fields = VisitFields { notes: Some(notes), family_note: Some(family_note), ..(&visit).into() };
    visits::update(&mut tx, visit.id, &fields).await?;
    tx.commit().await?;
    let attended = check_in::look(db, caregiver, visit.id, left).await?;
    check_in::record(db, caregiver, Attendance::CheckOut, &attended, left).await?;
    Ok(())
}

/// The visit, unless somebody removed it or did something about it already.
async fn still_scheduled<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<Option<Visit>, Fatal> {
    match visits::get(tx, id).await {
        Ok(visit) => Ok(Some(visit).filter(|visit| visit.status == VisitStatus::Scheduled)),
        Err(Error::NotFound) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

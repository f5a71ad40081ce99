//! Daily: removes clients whom nobody has cared for in as many years as their agency keeps its records, with all that
//! is on them. First they are planned; 30 days later, where nothing holds them, they go: their objects, then their
//! rows. What a run leaves in between, the next one finishes.

use domain::{error::Error, identity::JobIdentity};
use runtime::objects::{ObjectRevision, Objects, keys};
use store::tables::erasures;
use uuid::Uuid;

use crate::{Jobs, Report, Run, agencies};

pub(crate) async fn run(jobs: &Jobs, run: &Run) -> Result<Report, Error> {
    agencies::each(jobs, run, async |agency, report| {
        let job = JobIdentity { agency_id: agency.id };
        if run.counts_only { count(jobs, run, &job, report).await } else { erase(jobs, run, &job, report).await }
    })
    .await
}

/// Counts what would go once its plan has stood, and changes nothing.
async fn count(jobs: &Jobs, run: &Run, job: &JobIdentity, report: &mut Report) -> Result<(), Error> {
    for due in erasures::counted(&jobs.db, job, run.now).await? {
        if run.deadline.has_passed() {
            report.cut_off = true;
            return Ok(());
        }
        report.count("held", due.held.into());
        if !due.held {
            report.count("due", 1);
            report.count("rows", due.rows.total().unsigned_abs());
            let objects = objects_of(jobs, due.client_id, &due.visit_ids, &due.photo_ids).await?;
            report.count("objects", objects.len() as u64);
        }
    }
    Ok(())
}

async fn erase(jobs: &Jobs, run: &Run, job: &JobIdentity, report: &mut Report) -> Result<(), Error> {
    let mut tx = jobs.db.write_unsynced(job).await?;
    let planned = erasures::plan(&mut tx, run.now).await?;
    tx.commit().await?;
    let mut done = Done::default();
    let outcome = erase_due(jobs, run, job, report, &mut done).await;
    for (name, count) in [
        ("planned", planned.planned),
        ("withdrawn", planned.withdrawn),
        ("held", planned.held),
        ("rows", done.rows),
        ("objects", done.objects),
    ] {
        report.count(name, count.unsigned_abs());
    }
    report.count("erased", done.clients.len() as u64);
    // What went is told, whatever failed after it.
    if planned.planned + planned.withdrawn + done.objects > 0 || !done.clients.is_empty() {
        let mut tx = jobs.db.write_unsynced(job).await?;
        erasures::report(&mut tx, planned, done.clients, done.rows, done.objects).await?;
        tx.commit().await?;
    }
    outcome
}

/// What has gone in a run.
#[derive(Default)]
struct Done {
    clients: Vec<Uuid>,
    rows: i64,
    objects: i64,
}

async fn erase_due(
    jobs: &Jobs,
    run: &Run,
    job: &JobIdentity,
    report: &mut Report,
    done: &mut Done,
) -> Result<(), Error> {
    loop {
        if run.deadline.has_passed() {
            report.cut_off = true;
            return Ok(());
        }
        let mut tx = jobs.db.write_many(job, 1).await?;
        let begun = erasures::begin(&mut tx, run.now).await?;
        tx.commit().await?;
        let Some(next) = begun else { return Ok(()) };
        for (bucket, object) in objects_of(jobs, next.client_id, &next.visit_ids, &next.photo_ids).await? {
            if run.deadline.has_passed() {
                report.cut_off = true;
                return Ok(());
            }
            bucket.delete(&object.key, object.version).await?;
            done.objects += 1;
        }
        let mut tx = jobs.db.write_unsynced(job).await?;
        let removed = erasures::end(&mut tx, next.client_id).await?;
        tx.commit().await?;
        if let Some(rows) = removed {
            done.clients.push(next.client_id);
            done.rows += rows.total();
        }
    }
}

/// Every version of every object on a client, and where it is.
async fn objects_of<'a>(
    jobs: &'a Jobs,
    client: Uuid,
    visits: &[Uuid],
    photos: &[Uuid],
) -> Result<Vec<(&'a Objects, ObjectRevision)>, Error> {
    let mut found = Vec::new();
    let uploads = photos.iter().map(|photo| keys::upload(*photo));
    for prefix in keys::of_client(client, visits).chain(uploads) {
        found.extend(jobs.photos.versions(&prefix).await?.into_iter().map(|object| (&jobs.photos, object)));
    }
    let documents = jobs.documents.versions(&keys::documents_of_client(client)).await?;
    found.extend(documents.into_iter().map(|object| (&jobs.documents, object)));
    Ok(found)
}

//! Care-team grants that begin or end by their dates. Access itself follows the dates at the agency's midnight; what is
//! written here tells phones.

use domain::{error::Error, identity::JobIdentity};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use uuid::Uuid;

use crate::{AuditEntry, Db, DbError, Tx};

/// Grants that phones have been told another state of than the one that holds on the agency's day at `$1`. Nothing
/// turns before it does for the database, by which access goes: a phone that pulled in between would never be sent the
/// client.
macro_rules! turning {
    () => {
        "from care_team t
         where t.agency_id = app.agency_id() and t.deleted_at is null and (
           (t.in_force and t.ends_on < app.local_date(least($1, now())))
           or (not t.in_force and t.starts_on <= app.local_date(least($1, now()))
             and coalesce(t.ends_on, 'infinity'::date) >= app.local_date(least($1, now()))))"
    };
}

#[derive(FromRow)]
struct Count {
    count: i64,
}

#[derive(FromRow)]
struct Turned {
    id: Uuid,
    client_id: Uuid,
    in_force: bool,
}

/// How many grants began and ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GrantChanges {
    /// Their clients arrive on phones.
    pub began: u64,
    /// Their clients leave them.
    pub ended: u64,
}

/// How many grants began and ended by `now`, and wait for [`apply_grant_dates`].
pub async fn due(db: &Db, job: &JobIdentity, now: Timestamp) -> Result<u16, DbError> {
    let due: Option<Count> = db.read_opt(job, concat!("select count(*) ", turning!()), &[&now]).await?;
    Ok(due.and_then(|due| u16::try_from(due.count).ok()).unwrap_or(u16::MAX))
}

/// Gives a new number to at most `limit` grants that began or ended by `now`.
pub async fn apply_grant_dates(tx: &mut Tx<JobIdentity>, now: Timestamp, limit: u16) -> Result<GrantChanges, Error> {
    let turned: Vec<Turned> = tx
        .query(
            concat!(
                "with due as (select t.id ",
                turning!(),
                " order by t.id limit $2)
                 update care_team t set in_force = not t.in_force from due where t.id = due.id
                 returning t.id, t.client_id, t.in_force"
            ),
            &[&now, &i64::from(limit)],
        )
        .await?;
    for grant in &turned {
        let action = if grant.in_force { "care_team.begin" } else { "care_team.end" };
        tx.audit(AuditEntry::new(action, "care_team", grant.id, Some(grant.client_id)));
    }
    let began = turned.iter().filter(|grant| grant.in_force).count();
    Ok(GrantChanges { began: began as u64, ended: (turned.len() - began) as u64 })
}

//! Whom a breach concerns: the clients and users whose records somebody reached in a time, by the audit log.

use domain::{breach_notice::Breach, text_enum};
use jiff::{SignedDuration, Timestamp, civil::Date};
use postgres_from_row::FromRow;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Db, DbError, Identity};

text_enum! {
    /// Whose record was reached.
    #[schema(example = "client")]
    pub enum AffectedKind {
        /// A client's.
        Client,
        /// A user's.
        User,
    }
}

/// Somebody whose record was reached.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"kind": "client", "id": "0193a5b0-0000-7000-8000-0000000000c1",
    "first_name": "Marguerite", "last_name": "Tremblay", "lines": 14, "first_at": "2026-11-20T11:02:00Z",
    "last_at": "2026-11-20T14:57:00Z"}))]
pub struct AffectedPerson {
    /// Whether a client or a user.
    pub kind: AffectedKind,
    /// The client's or user's id.
    pub id: Uuid,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// How many lines of the audit log name the record.
    pub lines: i64,
    /// When the first of them was written.
    pub first_at: Timestamp,
    /// When the last of them was written.
    pub last_at: Timestamp,
}

/// By what the audit log is asked.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// Only what was done at this instant or later.
    pub from: Option<Timestamp>,
    /// Only what was done at this instant or before.
    pub until: Option<Timestamp>,
    /// Only what this user did.
    pub actor_id: Option<Uuid>,
    /// On this device.
    pub device_id: Option<Uuid>,
}

/// Those whose records were reached, clients before users, after this one, at most so many; and, of each that is shown,
/// that they were.
pub async fn of(
    db: &Db,
    who: &impl Identity,
    reach: Reach,
    after: Option<(AffectedKind, Uuid)>,
    limit: i64,
) -> Result<Vec<AffectedPerson>, DbError> {
    let (kind, id) = after.unzip();
    let least_id = reach.from.map(|from| {
        // Ids are made in the order of time, and partitions are by id.
        let from = (from - SignedDuration::from_hours(1)).as_millisecond().max(0);
        Uuid::from_u128(u128::try_from(from).unwrap_or_default() << 80)
    });
    db.read(
        who,
        "with reached as (
           select a.at, a.client_id, a.resource, a.resource_id from audit_log a
           where a.agency_id = app.agency_id() and ($1::timestamptz is null or a.at >= $1 and a.id >= $2)
             and ($3::timestamptz is null or a.at <= $3) and ($4::uuid is null or a.actor_id = $4)
             and ($5::uuid is null or a.device_id = $5) and a.action not like 'auth.%' and a.action not like 'access.%'
         ), seen as (
           select p.kind, p.id, p.first_name, p.last_name, p.lines, p.first_at, p.last_at from (
             select 'client' as kind, c.id, c.first_name, c.last_name, count(*) as lines, min(r.at) as first_at,
               max(r.at) as last_at
             from reached r join clients c on c.id = r.client_id group by c.id
             union all
             select 'user', u.id, u.first_name, u.last_name, count(*), min(r.at), max(r.at)
             from reached r join users u on u.id = r.resource_id and r.resource = 'user' group by u.id
           ) p
           where $7::uuid is null or (p.kind, p.id) > ($6, $7)
           order by p.kind, p.id limit $8
         ), logged as (
           insert into audit_log (action, resource, resource_id, client_id)
           select 'privacy_incident.affected', s.kind, s.id, case when s.kind = 'client' then s.id end
           from (select n.kind, n.id from seen n order by n.kind, n.id limit $8 - 1) s
         )
         table seen",
        &[&reach.from, &least_id, &reach.until, &reach.actor_id, &reach.device_id, &kind, &id, &limit],
    )
    .await
}

#[derive(FromRow)]
struct Row {
    agency: String,
    description: String,
    happened_from: Option<Date>,
    happened_until: Option<Date>,
    found_on: Date,
    information: Option<String>,
    steps_taken: Option<String>,
    steps_advised: Option<String>,
    contact: String,
    contact_email: String,
}

/// What a notice of this incident says; whoever asks signs it.
pub async fn breach(db: &Db, who: &impl Identity, incident_id: Uuid) -> Result<Option<Breach>, DbError> {
    let row: Option<Row> = db
        .read_opt(
            who,
            "with logged as (
               insert into audit_log (action, resource, resource_id)
               select 'privacy_incident.notice', 'privacy_incident', i.id from privacy_incidents i where i.id = $1)
             select g.name as agency, i.description, app.local_date(i.happened_from) as happened_from,
               app.local_date(i.happened_until) as happened_until, app.local_date(i.found_at) as found_on,
               i.information, i.steps_taken, i.steps_advised, u.first_name || ' ' || u.last_name as contact,
               u.email as contact_email
             from privacy_incidents i join agencies g on g.id = i.agency_id join users u on u.id = app.user_id()
             where i.id = $1",
            &[&incident_id],
        )
        .await?;
    Ok(row.map(|row| Breach {
        agency: row.agency,
        description: row.description,
        happened_from: row.happened_from,
        happened_until: row.happened_until,
        found_on: row.found_on,
        information: row.information,
        steps_taken: row.steps_taken,
        steps_advised: row.steps_advised,
        contact: row.contact,
        contact_email: row.contact_email,
    }))
}

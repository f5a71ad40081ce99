//! The audit log as people read it: who saw or changed what, when and from where. It is written by whoever acts
//! ([`crate::Tx::audit`], `audited!`), and never changed.

use jiff::{SignedDuration, Timestamp};
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Db, DbError, Identity, json_sql};

/// Somebody whom the log names.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-000000000003", "first_name": "Amara", "last_name": "Okafor",
    "role": "nurse"}))]
pub struct Person {
    /// The user.
    pub id: Uuid,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// What they are now.
    pub role: String,
}
json_sql!(Person);

/// One line of the log.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000f1", "at": "2026-11-20T14:02:10Z",
    "action": "visit.read", "resource": "visit", "resource_id": "0193a5b0-0000-7000-8000-0000000000a1",
    "client_id": "0193a5b0-0000-7000-8000-0000000000c1",
    "actor": {"id": "0193a5b0-0000-7000-8000-000000000003", "first_name": "Amara", "last_name": "Okafor",
        "role": "nurse"},
    "device_id": "0193a5b0-0000-7000-8000-0000000000d1", "device_name": "iPhone", "source_ip": "203.0.113.7",
    "request_id": "JKJaXmPLvHcESHA=", "disclosed_to": null, "details": {}}))]
pub struct AuditLine {
    /// The line's id.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// What was done: `noun.verb`.
    pub action: String,
    /// To which kind of thing.
    pub resource: String,
    /// To which one.
    pub resource_id: Option<Uuid>,
    /// Whose care it concerns.
    pub client_id: Option<Uuid>,
    /// Who did it; null where a job or a provider's webhook did.
    pub actor: Option<Person>,
    /// On which device.
    pub device_id: Option<Uuid>,
    /// What that device is called.
    pub device_name: Option<String>,
    /// From which address.
    pub source_ip: Option<String>,
    /// In which request, as `x-request-id` told.
    pub request_id: Option<String>,
    /// Who learnt of it by that, where it left the agency's staff: a family member, or whoever took an export.
    pub disclosed_to: Option<Person>,
    /// What else the line says. Never health data.
    #[schema(value_type = Object)]
    pub details: Value,
}

/// The columns of a line, and whom they name. Reads and messages of a family disclose to its member, exports to whoever
/// takes them.
macro_rules! lines {
    ($($rest:tt)+) => {
        concat!(
            "select a.id, a.at, a.action, a.resource, a.resource_id, a.client_id, (
               select jsonb_build_object(
                 'id', u.id, 'first_name', u.first_name, 'last_name', u.last_name, 'role', u.role)
               from users u where u.id = a.actor_id) as actor,
             a.device_id, d.name as device_name, host(a.source_ip) as source_ip, a.request_id, (
               select jsonb_build_object(
                 'id', u.id, 'first_name', u.first_name, 'last_name', u.last_name, 'role', u.role)
               from users u where u.id = case
                 when a.action = 'family.sms' then a.resource_id
                 when a.action like 'family.%' or a.action like 'client.export%' then a.actor_id end) as disclosed_to,
             a.details
             from audit_log a left join devices d on d.id = a.device_id ",
            $($rest)+
        )
    };
}

/// Which lines to read.
#[derive(Clone, Debug, Default)]
pub struct LineFilter {
    /// By this user.
    pub actor_id: Option<Uuid>,
    /// About this client.
    pub client_id: Option<Uuid>,
    /// Doing this: `noun.verb`, or a noun alone.
    pub action: Option<String>,
    /// From this time on.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// Before the line of this time and id.
    pub before: Option<(Timestamp, Uuid)>,
    /// The largest number of rows.
    pub limit: i64,
}

impl LineFilter {
    /// Ids are made in the order of time, and partitions are by id: by this one a search asks few of them. Clocks of a
    /// transaction differ by less than an hour.
    fn least_id(&self) -> Option<Uuid> {
        let from = (self.from? - SignedDuration::from_hours(1)).as_millisecond().max(0);
        u128::try_from(from).ok().map(|milliseconds| Uuid::from_u128(milliseconds << 80))
    }
}

/// A client's lines, newest first; and that they were read.
pub async fn of_client(
    db: &Db,
    who: &impl Identity,
    client_id: Uuid,
    filter: LineFilter,
) -> Result<Vec<AuditLine>, DbError> {
    let (at, id) = filter.before.unzip();
    db.read(
        who,
        concat!(
            "with logged as (
               insert into audit_log (action, resource, resource_id, client_id)
               select 'access_log.read', 'client', c.id, c.id from clients c where c.id = $1) ",
            lines!(
                "where a.client_id = $1
                   and ($2::timestamptz is null or a.at >= $2 and a.id >= $3) and ($4::timestamptz is null or a.at < $4)
                   and ($6::uuid is null or (a.at, a.id) < ($5, $6))
                 order by a.at desc, a.id desc limit $7"
            )
        ),
        &[&client_id, &filter.from, &filter.least_id(), &filter.to, &at, &id, &filter.limit],
    )
    .await
}

/// The agency's lines, newest first; and that somebody searched, and for what.
pub async fn search(db: &Db, who: &impl Identity, filter: LineFilter) -> Result<Vec<AuditLine>, DbError> {
    let (at, id) = filter.before.unzip();
    let sought = json!({"actor_id": filter.actor_id, "action": filter.action, "from": filter.from, "to": filter.to});
    db.read(
        who,
        concat!(
            "with logged as (
               insert into audit_log (action, resource, client_id, details)
               values ('audit.search', 'audit', $2, $10)) ",
            lines!(
                "where a.agency_id = app.agency_id() and ($1::uuid is null or a.actor_id = $1)
                   and ($2::uuid is null or a.client_id = $2)
                   and ($3::text is null or a.action = $3 or starts_with(a.action, $3 || '.'))
                   and ($4::timestamptz is null or a.at >= $4 and a.id >= $5) and ($6::timestamptz is null or a.at < $6)
                   and ($8::uuid is null or (a.at, a.id) < ($7, $8))
                 order by a.at desc, a.id desc limit $9"
            )
        ),
        &[
            &filter.actor_id,
            &filter.client_id,
            &filter.action,
            &filter.from,
            &filter.least_id(),
            &filter.to,
            &at,
            &id,
            &filter.limit,
            &sought,
        ],
    )
    .await
}

/// A line, as far as a family is told of it (`app.family_access_log`).
#[derive(Clone, Debug, FromRow)]
pub struct FamilyLine {
    /// The line's id.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// What was done: `noun.verb`.
    pub action: String,
    /// What whoever did it is in the agency; null where nobody in person did.
    pub role: Option<String>,
    /// Their given name, but of another family member.
    pub first_name: Option<String>,
    /// Whether it was whoever reads this.
    pub own: bool,
    /// The reader's language.
    pub locale: domain::messages::Locale,
}

/// What happened with a client's record, for those who follow them: newest first, before this one, at most so many; and
/// that it was read. Nothing where the client doesn't share.
pub async fn of_family(
    db: &Db,
    who: &impl Identity,
    client_id: Uuid,
    before: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<FamilyLine>, DbError> {
    let (at, id) = before.unzip();
    db.read(
        who,
        "with logged as (
           insert into audit_log (action, resource, resource_id, client_id)
           select 'family.access_log', 'client', c.id, c.id from clients c
           where c.id = $1 and c.deleted_at is null and app.has_consent(c.id, 'family_sharing'))
         select l.id, l.at, l.action, l.role, l.first_name, l.own, u.locale
         from app.family_access_log($1, $2, $3, $4) l join users u on u.id = app.user_id()",
        &[&client_id, &at, &id, &limit],
    )
    .await
}

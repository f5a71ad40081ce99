//! Who looks after whom, from which day to which: what decides which clients a caregiver or family member sees.

use domain::{
    Versioned,
    care_team::Grants,
    error::{Conflict, Error},
    identity::Role,
    validation::{Check, Faults},
};
use jiff::{Timestamp, civil::Date};
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{AuditEntry, ConstraintExt, Db, DbError, Identity, Tx, audited_page, text_sql};

/// What somebody is to a client.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "nurse")]
pub enum Relation {
    /// The nurse who answers for the care plan; one at most.
    PrimaryNurse,
    /// Another nurse.
    Nurse,
    /// A care aide.
    CareAide,
    /// Another coordinator than the client's own.
    Coordinator,
    /// Reads along.
    Family,
}

impl Relation {
    /// Whether a user of `role` can be this.
    #[must_use]
    pub fn suits(self, role: Role) -> bool {
        matches!(
            (self, role),
            (Self::PrimaryNurse | Self::Nurse, Role::Nurse)
                | (Self::CareAide, Role::CareAide)
                | (Self::Coordinator, Role::Coordinator | Role::Admin)
                | (Self::Family, Role::Family)
        )
    }
}

/// Why somebody is on a care team.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "assigned")]
pub enum GrantSource {
    /// A coordinator put them there.
    Assigned,
    /// Visits did; it ends 14 days after the last of them.
    Scheduled,
}
text_sql!(Relation, GrantSource);

/// What is said of a member when adding or changing one.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"user_id": "0193a5b0-0000-7000-8000-000000000003", "relation": "primary_nurse",
    "starts_on": "2026-11-01", "ends_on": null}))]
pub struct MemberFields {
    /// Who is put on the team.
    pub user_id: Uuid,
    /// As what; it must go with their role.
    pub relation: Relation,
    /// The first day, in the agency's time zone.
    pub starts_on: Date,
    /// The last day; open where null.
    #[serde(default)]
    pub ends_on: Option<Date>,
}

impl Check for MemberFields {
    fn check(&self, faults: &mut Faults) {
        faults.unless(self.ends_on.is_none_or(|end| end >= self.starts_on), "/ends_on", "must not be before starts_on");
        for (pointer, day) in [("/starts_on", Some(self.starts_on)), ("/ends_on", self.ends_on)] {
            faults.unless(
                day.is_none_or(|day| (1900..=2200).contains(&day.year())),
                pointer,
                "must be between 1900 and 2200",
            );
        }
    }
}

/// A member of a care team.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000e1",
    "client_id": "0193a5b0-0000-7000-8000-0000000000c1",
    "user_id": "0193a5b0-0000-7000-8000-000000000003", "first_name": "Amara", "last_name": "Okafor",
    "relation": "primary_nurse", "source": "assigned", "starts_on": "2026-11-01", "ends_on": null,
    "updated_at": "2026-11-01T09:00:00Z"}))]
pub struct Member {
    /// The membership's id.
    pub id: Uuid,
    /// The client whose care team it is.
    pub client_id: Uuid,
    /// Who is on the team.
    pub user_id: Uuid,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// The user's relation to the client.
    pub relation: Relation,
    /// How the user came onto the team.
    pub source: GrantSource,
    /// The first day, in the agency's time zone.
    pub starts_on: Date,
    /// The last day.
    pub ends_on: Option<Date>,
    /// When this last changed.
    pub updated_at: Timestamp,
    #[serde(skip)]
    change_number: i64,
}

impl Versioned for Member {
    fn version(&self) -> i64 {
        self.change_number
    }
}

impl From<&Member> for MemberFields {
    fn from(member: &Member) -> Self {
        let Member { user_id, relation, starts_on, ends_on, .. } = *member;
        Self { user_id, relation, starts_on, ends_on }
    }
}

macro_rules! columns {
    () => {
        "t.id, t.client_id, t.user_id, u.first_name, u.last_name, t.relation::text as relation,
         t.source::text as source, t.starts_on, t.ends_on, t.updated_at, t.change_number
         from care_team t join users u on u.id = t.user_id"
    };
}

/// A client's team, past members included, by first day: after this one, at most so many.
pub async fn of_client(
    db: &Db,
    who: &impl Identity,
    client_id: Uuid,
    after: Option<(Date, Uuid)>,
    limit: i64,
) -> Result<Vec<Member>, DbError> {
    let (starts_on, id) = after.unzip();
    db.read(
        who,
        audited_page!(
            "care_team.read",
            "care_team",
            "$4",
            "select ",
            columns!(),
            " where t.client_id = $1 and t.deleted_at is null and ($3::uuid is null or (t.starts_on, t.id) > ($2, $3))
             order by t.starts_on, t.id limit $4"
        ),
        &[&client_id, &starts_on, &id, &limit],
    )
    .await
}

/// One member, locked until the transaction ends.
pub async fn lock<I: Identity>(tx: &mut Tx<I>, client_id: Uuid, id: Uuid) -> Result<Member, Error> {
    tx.query_opt(
        concat!(
            "select ",
            columns!(),
            " where t.id = $1 and t.client_id = $2 and t.deleted_at is null for no key update of t"
        ),
        &[&id, &client_id],
    )
    .await?
    .ok_or(Error::NotFound)
}

/// Adds a member.
///
/// # Errors
/// [`Conflict::AlreadyOnTeam`], [`Conflict::PrimaryNurseTaken`].
pub async fn insert<I: Identity>(
    tx: &mut Tx<I>,
    client_id: Uuid,
    id: Uuid,
    member: &MemberFields,
) -> Result<(), Error> {
    tx.audit(AuditEntry::new("care_team.create", "care_team", id, Some(client_id)));
    tx.execute(
        "insert into care_team (id, agency_id, client_id, user_id, relation, starts_on, ends_on)
         values ($1, app.agency_id(), $2, $3, $4::text::care_relation, $5, $6)",
        &[&id, &client_id, &member.user_id, &member.relation, &member.starts_on, &member.ends_on],
    )
    .await
    .on_constraint("care_team_member_key", || Error::Conflict(Conflict::AlreadyOnTeam))
    .on_constraint("care_team_one_primary_nurse", || Error::Conflict(Conflict::PrimaryNurseTaken))
}

/// Writes a member's relation and days.
pub async fn update<I: Identity>(
    tx: &mut Tx<I>,
    client_id: Uuid,
    id: Uuid,
    member: &MemberFields,
) -> Result<(), Error> {
    tx.audit(AuditEntry::new("care_team.update", "care_team", id, Some(client_id)));
    tx.execute_one(
        "update care_team set relation = $2::text::care_relation, starts_on = $3, ends_on = $4 where id = $1
         returning id",
        &[&id, &member.relation, &member.starts_on, &member.ends_on],
    )
    .await
    .on_constraint("care_team_one_primary_nurse", || Error::Conflict(Conflict::PrimaryNurseTaken))
}

/// Takes somebody off a client's team: every grant that they have there ends, whatever it came from and whenever it was
/// to begin.
pub async fn end_all<I: Identity>(tx: &mut Tx<I>, client_id: Uuid, user_id: Uuid) -> Result<(), Error> {
    #[derive(FromRow)]
    struct Ended {
        id: Uuid,
    }
    let ended: Vec<Ended> = tx
        .query(
            "update care_team set deleted_at = now() where client_id = $1 and user_id = $2 and deleted_at is null
             returning id",
            &[&client_id, &user_id],
        )
        .await?;
    for Ended { id } in ended {
        tx.audit(AuditEntry::new("care_team.delete", "care_team", id, Some(client_id)));
    }
    Ok(())
}

/// A visit that is still to come.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000f1",
    "scheduled_start": "2026-11-20T14:00:00Z", "scheduled_end": "2026-11-20T14:45:00Z"}))]
pub struct FutureVisit {
    /// The visit's id.
    pub id: Uuid,
    /// The planned start.
    pub scheduled_start: Timestamp,
    /// The planned end.
    pub scheduled_end: Timestamp,
}

/// Visits by a caregiver to a client that have not ended and wait to be made, by their planned start.
pub async fn future_visits<I: Identity>(
    tx: &mut Tx<I>,
    client_id: Uuid,
    user_id: Uuid,
) -> Result<Vec<FutureVisit>, Error> {
    Ok(tx
        .query(
            "select v.id, v.scheduled_start, v.scheduled_end from visits v
             where v.client_id = $1 and v.user_id = $2 and v.deleted_at is null
               and v.status in ('scheduled', 'in_progress') and v.scheduled_end > now()
             order by v.scheduled_start, v.id",
            &[&client_id, &user_id],
        )
        .await?)
}

/// The caller's grants of a client.
pub async fn own_grants<I: Identity>(tx: &mut Tx<I>, client_id: Uuid) -> Result<Grants, Error> {
    #[derive(FromRow)]
    struct Own {
        own: Value,
    }
    let own: Option<Own> = tx.query_opt("select app.own_grants($1) as own", &[&client_id]).await?;
    let own = own.ok_or(Error::NotFound)?.own;
    serde_json::from_value(own).map_err(|error| Error::Internal(error.into()))
}

/// After a coordinator gave a caregiver a visit: brings what such visits grant in line with them.
pub async fn refresh_scheduled<I: Identity>(tx: &mut Tx<I>, client_id: Uuid, user_id: Uuid) -> Result<(), Error> {
    Ok(tx.execute("select app.refresh_scheduled_grant($1, $2)", &[&client_id, &user_id]).await?)
}

/// After a visit that was cancelled has turned out to have taken place. It begins no grant.
pub async fn extend_scheduled<I: Identity>(tx: &mut Tx<I>, client_id: Uuid, user_id: Uuid) -> Result<(), Error> {
    Ok(tx.execute("select app.extend_scheduled_grant($1, $2)", &[&client_id, &user_id]).await?)
}

/// After a visit was taken away: ends what the caregiver's visits grant with the last that is left. Nobody gets access
/// by it.
pub async fn shorten_scheduled<I: Identity>(tx: &mut Tx<I>, client_id: Uuid, user_id: Uuid) -> Result<(), Error> {
    Ok(tx.execute("select app.shorten_scheduled_grant($1, $2)", &[&client_id, &user_id]).await?)
}

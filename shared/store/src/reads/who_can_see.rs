//! Who may see a client at this moment: the rules of `app.my_client_array` and `app.sees_agency`, from the client's
//! side.

use jiff::civil::Date;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Db, DbError, Identity, audited_page, text_sql};

/// By which rule somebody may see a client.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "scheduled")]
pub enum ViewRule {
    /// Admins and coordinators see the whole agency.
    Role,
    /// A coordinator put them on the care team.
    Assigned,
    /// Visits did, until 14 days after the last of them.
    Scheduled,
    /// They are family, and the client consents to sharing with families.
    Family,
}
text_sql!(ViewRule);

/// Somebody who may see a client.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"user_id": "0193a5b0-0000-7000-8000-000000000003", "first_name": "Amara",
    "last_name": "Okafor", "role": "nurse", "rule": "scheduled", "since": "2026-11-01", "until": "2026-12-04"}))]
pub struct Viewer {
    /// Who.
    pub user_id: Uuid,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// What they are in the agency.
    pub role: String,
    /// By which rule.
    pub rule: ViewRule,
    /// The first day, in the agency's time zone; null where it goes with the role.
    pub since: Option<Date>,
    /// The last day; null where there is none.
    pub until: Option<Date>,
    /// The place among the names.
    #[serde(skip)]
    #[schema(ignore)]
    pub sort_name: String,
    /// Of those with one name: the grant, or the user where there is none.
    #[serde(skip)]
    #[schema(ignore)]
    pub place: Uuid,
}

/// Who may see a client, by name; after somebody's place, at most so many.
pub async fn of_client(
    db: &Db,
    who: &impl Identity,
    client_id: Uuid,
    after: Option<(String, Uuid)>,
    limit: i64,
) -> Result<Vec<Viewer>, DbError> {
    let (sort_name, place) = after.unzip();
    db.read(
        who,
        audited_page!(
            "client.who_can_see",
            "client",
            "$4",
            "select s.* from (
               select $1::uuid as id, $1::uuid as client_id, u.id as user_id, u.first_name, u.last_name,
                 u.role::text as role, 'role' as rule, null::date as since, null::date as until, u.sort_name,
                 u.id as place
               from users u
               where u.role in ('admin', 'coordinator') and u.deleted_at is null and u.status <> 'suspended'
               union all
               select $1, $1, u.id, u.first_name, u.last_name, u.role::text,
                 case when t.relation = 'family' then 'family' else t.source::text end, t.starts_on, t.ends_on,
                 u.sort_name, t.id
               from care_team t join users u on u.id = t.user_id
               where t.client_id = $1 and t.deleted_at is null and u.deleted_at is null and u.status <> 'suspended'
                 and u.role not in ('admin', 'coordinator')
                 and t.starts_on <= app.today() and (t.ends_on is null or t.ends_on >= app.today())
                 and (t.relation = 'family') = (u.role = 'family')
                 and (t.relation <> 'family' or app.has_consent($1, 'family_sharing'))) s
             where $3::uuid is null or (s.sort_name, s.place) > ($2, $3)
             order by s.sort_name, s.place limit $4"
        ),
        &[&client_id, &sort_name, &place, &limit],
    )
    .await
}

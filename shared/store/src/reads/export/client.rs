//! The client, their agency, and the people whom their records name.

use domain::identity::Role;
use jiff::{Timestamp, civil::Date};
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    DbError, Identity, Tx, json_sql,
    tables::{
        care_plans::CarePlan,
        clients::{Address, EmergencyContacts},
    },
};

/// A province's health card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"number": "9876543217", "province": "ON", "version": "AB"}))]
pub struct HealthCard {
    /// The number.
    pub number: String,
    /// Which province's: two letters, as `ON`.
    pub province: String,
    /// Ontario's version code.
    #[serde(default)]
    pub version: Option<String>,
}
json_sql!(HealthCard);

/// The agency that cares for the client.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-00000000000a", "name": "Maple Home Care",
    "time_zone": "America/Toronto"}))]
pub struct ExportedAgency {
    /// The agency's id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its IANA time zone, in which days begin and end.
    pub time_zone: String,
}

/// The client.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000c1", "first_name": "Marguerite",
    "last_name": "Tremblay", "date_of_birth": "1938-04-12", "health_card": null, "phone": "+14165550170",
    "preferred_language": "fr-CA",
    "address": {"street": "118 Roncesvalles Avenue", "unit": "3", "city": "Toronto", "province": "ON",
        "postal_code": "M6R 2L2", "country": "CA"},
    "latitude": 43.6424, "longitude": -79.4474,
    "emergency_contacts": [{"name": "Paul Tremblay", "relationship": "son", "phone": "+14165550171"}],
    "risks": ["fall risk"], "care_plan": {"summary": "", "goals": [], "allergies": [], "medications": [],
        "instructions": []}, "care_plan_version": 0, "coordinator_id": null,
    "created_at": "2026-11-01T09:00:00Z", "created_by": null, "updated_at": "2026-11-18T16:20:11Z",
    "updated_by": null, "deleted_at": null}))]
pub struct ExportedClient {
    /// The client's id.
    pub id: Uuid,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Day of birth.
    pub date_of_birth: Date,
    /// The health card, where one is kept.
    pub health_card: Option<HealthCard>,
    /// Phone number (E.164).
    pub phone: Option<String>,
    /// A language tag (BCP 47).
    pub preferred_language: String,
    /// Where they live.
    pub address: Address,
    /// Of the home, in degrees (WGS 84).
    pub latitude: Option<f64>,
    /// Of the home, in degrees (WGS 84).
    pub longitude: Option<f64>,
    /// People to call in an emergency.
    pub emergency_contacts: EmergencyContacts,
    /// What a visitor must know at the door.
    pub risks: Vec<String>,
    /// The plan in force.
    pub care_plan: CarePlan,
    /// Which version of it; 0 where none was written yet.
    pub care_plan_version: i32,
    /// The coordinator who plans the client's visits.
    pub coordinator_id: Option<Uuid>,
    /// When the client was entered.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Option<Uuid>,
    /// When anything of the client's own record last changed.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: Option<Uuid>,
    /// When the client was removed.
    pub deleted_at: Option<Timestamp>,
}

/// Somebody whom the client's records name.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-000000000003", "first_name": "Amara",
    "last_name": "Okafor", "role": "nurse", "active": true}))]
pub struct ExportedPerson {
    /// The user's id.
    pub id: Uuid,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// What they are in the agency.
    pub role: Role,
    /// Whether they can sign in still.
    pub active: bool,
}

/// A health card is a column that installations have from the release on which keeps it.
const CLIENT: &str = "
    select c.id, c.first_name, c.last_name, c.date_of_birth,
      nullif(to_jsonb(c) -> 'health_card', 'null') as health_card, c.phone, c.preferred_language,
      c.address, c.latitude, c.longitude, c.emergency_contacts, c.risks, c.care_plan, c.care_plan_version,
      c.coordinator_id, c.created_at, c.created_by, c.updated_at, c.updated_by, c.deleted_at
    from clients c where c.id = $1";

/// The clients' ids stand in each of these tables, so that the agency is not searched.
const PEOPLE: &str = "
    select u.id, u.first_name, u.last_name, u.role::text as role,
      u.status = 'active' and u.deleted_at is null as active
    from users u where u.id in (
      select c.coordinator_id from clients c where c.id = $1
      union select c.created_by from clients c where c.id = $1
      union select c.updated_by from clients c where c.id = $1
      union select p.created_by from care_plan_versions p where p.client_id = $1
      union select m.user_id from care_team m where m.client_id = $1
      union select m.created_by from care_team m where m.client_id = $1
      union select s.user_id from consents s where s.client_id = $1
      union select s.created_by from consents s where s.client_id = $1
      union select unnest(array[v.user_id, v.created_by, v.updated_by]) from visits v where v.client_id = $1
      union select unnest(array[t.created_by, t.updated_by]) from visit_tasks t where t.client_id = $1
      union select p.created_by from photos p where p.subject_client_id = $1
      union select unnest(array[a.raised_by, a.acknowledged_by, a.created_by]) from alerts a where a.client_id = $1
      union select m.recipient_id from app.messages_of_client($1) m
      union select unnest(array[i.user_id, i.answered_by, i.closed_by]) from inbound_messages i where i.client_id = $1
      union select r.author_id from chart_revisions r where r.client_id = $1
      union select unnest(array[x.server_user_id, x.device_user_id, x.resolved_by]) from sync_conflicts x
        where x.client_id = $1
      union select l.actor_id from audit_log l where l.client_id = $1)
    order by u.id";

#[derive(FromRow)]
struct AgencyNow {
    exported_at: Timestamp,
    #[from_row(flatten)]
    agency: ExportedAgency,
}

pub(super) async fn read<I: Identity>(tx: &Tx<I>, client_id: Uuid) -> Result<Option<ExportedClient>, DbError> {
    tx.query_opt(CLIENT, &[&client_id]).await
}

pub(super) async fn agency<I: Identity>(tx: &Tx<I>) -> Result<Option<(Timestamp, ExportedAgency)>, DbError> {
    let sql = "select now() as exported_at, a.id, a.name, a.time_zone from agencies a where a.id = app.agency_id()";
    let row: Option<AgencyNow> = tx.query_opt(sql, &[]).await?;
    Ok(row.map(|row| (row.exported_at, row.agency)))
}

pub(super) async fn people<I: Identity>(tx: &Tx<I>, client_id: Uuid) -> Result<Vec<ExportedPerson>, DbError> {
    tx.query(PEOPLE, &[&client_id]).await
}

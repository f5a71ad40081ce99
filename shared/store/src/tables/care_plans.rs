//! Care plans: the one in force is on the client, former ones beside it.

use domain::{Versioned, error::Error, validation::Check};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{AuditEntry, Db, DbError, Identity, Tx, audited, audited_page, json_sql};

/// A medicine that the plan has the client take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Metformin", "dose": "500 mg", "route": "oral",
    "schedule": "with breakfast and supper"}))]
pub struct PlannedMedication {
    /// The medicine's name.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The dose, as it is written on the label.
    #[schema(min_length = 1, max_length = 100)]
    pub dose: String,
    /// How it is taken.
    #[schema(min_length = 1, max_length = 100)]
    pub route: String,
    /// When the client takes it.
    #[schema(min_length = 1, max_length = 200)]
    pub schedule: String,
}

/// What care a client is to get.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"summary": "Type 2 diabetes, recovering from a hip replacement",
    "goals": ["Walk to the corner by December"], "allergies": ["penicillin"],
    "medications": [{"name": "Metformin", "dose": "500 mg", "route": "oral", "schedule": "with breakfast and supper"}],
    "instructions": ["Check feet", "Encourage two glasses of water"]}))]
pub struct CarePlan {
    /// The client's situation in a few sentences.
    #[serde(default)]
    #[schema(max_length = 5000)]
    pub summary: String,
    /// What care is to reach.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub goals: Vec<String>,
    /// What the client must not get.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub allergies: Vec<String>,
    /// What the client takes.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub medications: Vec<PlannedMedication>,
    /// What to do at each visit.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub instructions: Vec<String>,
}
json_sql!(CarePlan);
impl Check for CarePlan {}

/// A care plan and which version it is.
#[derive(Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"client_id": "0193a5b0-0000-7000-8000-0000000000c1", "version": 2,
    "plan": {"summary": "Type 2 diabetes, recovering from a hip replacement",
        "goals": ["Walk to the corner by December"],
        "allergies": ["penicillin"], "medications": [], "instructions": ["Check feet"]},
    "written_at": "2026-11-18T16:20:11Z", "written_by": "0193a5b0-0000-7000-8000-000000000002"}))]
pub struct CarePlanVersion {
    /// Whose plan it was.
    pub client_id: Uuid,
    /// 1 is the first; 0 means that none was written yet.
    pub version: i32,
    /// What it said.
    pub plan: CarePlan,
    /// When it was written.
    pub written_at: Timestamp,
    /// The user who wrote it.
    pub written_by: Option<Uuid>,
}

impl Versioned for CarePlanVersion {
    fn version(&self) -> i64 {
        self.version.into()
    }
}

macro_rules! in_force {
    () => {
        "select c.id, c.id as client_id, c.care_plan_version as version, c.care_plan as plan,
           coalesce(p.created_at, c.created_at) as written_at, p.created_by as written_by
         from clients c
         left join care_plan_versions p on p.client_id = c.id and p.version = c.care_plan_version
         where c.id = $1 and c.deleted_at is null"
    };
}

/// The plan in force, inside a transaction.
pub async fn in_force<I: Identity>(tx: &mut Tx<I>, client_id: Uuid) -> Result<CarePlanVersion, Error> {
    tx.query_opt(in_force!(), &[&client_id]).await?.ok_or(Error::NotFound)
}

/// The plan in force.
pub async fn current(db: &Db, who: &impl Identity, client_id: Uuid) -> Result<Option<CarePlanVersion>, DbError> {
    db.read_opt(who, audited!("care_plan.read", "client", in_force!()), &[&client_id]).await
}

/// Versions, newest first: older ones than `before`, at most so many.
pub async fn versions(
    db: &Db,
    who: &impl Identity,
    client_id: Uuid,
    before: Option<i32>,
    limit: i64,
) -> Result<Vec<CarePlanVersion>, DbError> {
    db.read(
        who,
        audited_page!(
            "care_plan.read",
            "client",
            "$3",
            "select p.client_id as id, p.client_id, p.version, p.plan, p.created_at as written_at,
               p.created_by as written_by
             from care_plan_versions p
             where p.client_id = $1 and ($2::integer is null or p.version < $2) order by p.version desc limit $3"
        ),
        &[&client_id, &before, &limit],
    )
    .await
}

/// Puts a new version in force.
pub async fn write<I: Identity>(tx: &mut Tx<I>, client_id: Uuid, version: i32, plan: &CarePlan) -> Result<(), Error> {
    tx.audit(
        AuditEntry::new("care_plan.write", "client", client_id, Some(client_id))
            .with(serde_json::json!({"version": version})),
    );
    tx.execute_one(
        "with kept as (
           insert into care_plan_versions (client_id, version, agency_id, plan)
           values ($1, $2, app.agency_id(), $3))
         update clients set care_plan = $3, care_plan_version = $2 where id = $1 returning id",
        &[&client_id, &version, plan],
    )
    .await?;
    Ok(())
}

//! Care plans, the care team, consents.

use jiff::{Timestamp, civil::Date};
use postgres_from_row::FromRow;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Exported, page_of};
use crate::tables::{care_plans::CarePlan, care_team::Relation, consents::ConsentKind};

/// A version of the care plan.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"version": 1, "plan": {"summary": "Recovering from a hip replacement", "goals": [],
    "allergies": [], "medications": [], "instructions": []}, "in_force": true,
    "written_at": "2026-11-18T16:20:11Z", "written_by": "0193a5b0-0000-7000-8000-000000000002"}))]
pub struct ExportedCarePlan {
    /// 1 is the first.
    pub version: i32,
    /// The plan.
    pub plan: CarePlan,
    /// Whether it is the one that counts.
    pub in_force: bool,
    /// When it was written.
    pub written_at: Timestamp,
    /// Who wrote it.
    pub written_by: Option<Uuid>,
}

impl Exported for ExportedCarePlan {
    const SQL: &'static str = page_of!(
        "select p.version, p.plan, p.version = c.care_plan_version as in_force, p.created_at as written_at,
           p.created_by as written_by, p.created_at as place_at, lpad(p.version::text, 10, '0') as place_key
         from care_plan_versions p join clients c on c.id = p.client_id where p.client_id = $1"
    );
}

/// A membership of the care team.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000e1",
    "user_id": "0193a5b0-0000-7000-8000-000000000003", "relation": "primary_nurse", "source": "assigned",
    "starts_on": "2026-01-01", "ends_on": null, "created_at": "2026-01-01T09:00:00Z", "created_by": null,
    "updated_at": "2026-01-01T09:00:00Z", "deleted_at": null}))]
pub struct ExportedMember {
    /// The membership's id.
    pub id: Uuid,
    /// Who.
    pub user_id: Uuid,
    /// As what.
    pub relation: Relation,
    /// `assigned` by a coordinator, or `scheduled`: it follows from visits.
    pub source: String,
    /// The first day.
    pub starts_on: Date,
    /// The last day.
    pub ends_on: Option<Date>,
    /// When it was written.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Option<Uuid>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was taken away.
    pub deleted_at: Option<Timestamp>,
}

impl Exported for ExportedMember {
    const SQL: &'static str = page_of!(
        "select m.id, m.user_id, m.relation::text as relation, m.source::text as source, m.starts_on, m.ends_on,
           m.created_at, m.created_by, m.updated_at, m.deleted_at, m.created_at as place_at, m.id::text as place_key
         from care_team m where m.client_id = $1"
    );
}

/// A consent, or its withdrawal.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000a7", "kind": "family_sharing", "granted": true,
    "user_id": null,
    "purpose": "To let my daughter read how my visits go", "text_version": "2026-09",
    "given_by": "client", "giver_name": null, "giver_relation": null, "method": "signed form",
    "recorded_at": "2026-11-01T09:00:00Z", "created_by": null}))]
pub struct ExportedConsent {
    /// The consent's id.
    pub id: Uuid,
    /// To what.
    pub kind: ConsentKind,
    /// Given, or withdrawn.
    pub granted: bool,
    /// For whom, where it is about one person.
    pub user_id: Option<Uuid>,
    /// What for, in the words that the person was told.
    pub purpose: Option<String>,
    /// Which wording the person was shown.
    pub text_version: Option<String>,
    /// Who gave or withdrew it: `client`, `substitute`, `family_member`.
    pub given_by: Option<String>,
    /// A substitute decision-maker's name.
    pub giver_name: Option<String>,
    /// By which relation they decide.
    pub giver_relation: Option<String>,
    /// How it was given.
    pub method: String,
    /// When.
    pub recorded_at: Timestamp,
    /// Who wrote it down.
    pub created_by: Option<Uuid>,
}

impl Exported for ExportedConsent {
    const SQL: &'static str = page_of!(
        "select s.id, s.kind::text as kind, s.granted, s.user_id, s.purpose, s.text_version,
           s.given_by::text as given_by, s.giver_name, s.giver_relation, s.method, s.recorded_at, s.created_by,
           s.recorded_at as place_at, s.id::text as place_key
         from consents s where s.client_id = $1"
    );
}

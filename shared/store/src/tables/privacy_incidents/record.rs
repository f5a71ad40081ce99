//! A breach as people record and read it.

use domain::{
    Versioned, text_enum,
    transitions::IncidentState,
    validation::{Check, Faults},
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{json_sql, params_of, tables::privacy_requests::is_in_our_time};

text_enum! {
    /// How likely significant harm to somebody is.
    #[schema(example = "significant")]
    pub enum HarmRisk {
        /// Nobody has judged it yet.
        Unassessed,
        /// There is no real risk of significant harm.
        NotSignificant,
        /// There is: the commissioner and whoever is affected must be told.
        Significant,
    }
}
params_of!(HarmRisk, TEXT);

text_enum! {
    /// Whom a breach was told to.
    #[schema(example = "commissioner")]
    pub enum ToldWhom {
        /// The privacy commissioner of Canada or of the province.
        Commissioner,
        /// The people whose data it is.
        Affected,
        /// Somebody else who can lessen the harm, as the police or a bank.
        Other,
    }
}

/// That somebody was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"whom": "commissioner", "name": "Office of the Privacy Commissioner of Canada",
    "at": "2026-11-21T16:00:00Z", "how": "the form on its site"}))]
pub struct Told {
    /// Whom.
    pub whom: ToldWhom,
    /// By name, or in words: "all 14 clients".
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// How: by letter, by phone.
    #[schema(min_length = 1, max_length = 200)]
    pub how: String,
}

/// Who was told, in the order in which it was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(max_items = 100, example = json!([{"whom": "commissioner",
    "name": "Office of the Privacy Commissioner of Canada", "at": "2026-11-21T16:00:00Z",
    "how": "the form on its site"}]))]
pub struct ToldList(pub Vec<Told>);
json_sql!(ToldList);

/// What is said of a breach when it is recorded.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"description": "A caregiver's phone was stolen from a car",
    "found_at": "2026-11-20T15:00:00Z", "happened_from": "2026-11-20T11:00:00Z",
    "happened_until": "2026-11-20T15:10:00Z",
    "device_id": "0193a5b0-0000-7000-8000-0000000000d1", "user_id": "0193a5b0-0000-7000-8000-000000000003"}))]
pub struct PrivacyIncidentFields {
    /// What happened.
    #[schema(min_length = 1, max_length = 5000)]
    pub description: String,
    /// Since when it could happen; unknown where null.
    #[serde(default)]
    pub happened_from: Option<Timestamp>,
    /// Until when it could.
    #[serde(default)]
    pub happened_until: Option<Timestamp>,
    /// When somebody noticed.
    pub found_at: Timestamp,
    /// The device by which it happened, where that is known.
    #[serde(default)]
    pub device_id: Option<Uuid>,
    /// Under whose name, where that is known.
    #[serde(default)]
    pub user_id: Option<Uuid>,
}

impl Check for PrivacyIncidentFields {
    fn check(&self, faults: &mut Faults) {
        is_in_our_time(self.found_at, "/found_at", faults);
        check_period(self.happened_from, self.happened_until, faults);
    }
}

fn check_period(from: Option<Timestamp>, until: Option<Timestamp>, faults: &mut Faults) {
    for (pointer, at) in [("/happened_from", from), ("/happened_until", until)] {
        if let Some(at) = at {
            is_in_our_time(at, pointer, faults);
        }
    }
    let in_order = from.zip(until).is_none_or(|(from, until)| until >= from);
    faults.unless(in_order, "/happened_until", "must not be before happened_from");
}

/// What may be said of a breach afterwards.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"state": "contained", "steps_taken": "The phone was cut off at once."}))]
pub struct IncidentProgressFields {
    /// What happened.
    #[schema(min_length = 1, max_length = 5000)]
    pub description: String,
    /// Since when it could happen; unknown where null.
    #[serde(default)]
    pub happened_from: Option<Timestamp>,
    /// Until when it could.
    #[serde(default)]
    pub happened_until: Option<Timestamp>,
    /// The device by which it happened.
    #[serde(default)]
    pub device_id: Option<Uuid>,
    /// Under whose name.
    #[serde(default)]
    pub user_id: Option<Uuid>,
    /// Whose data, beyond what the audit log tells.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub whose: Option<String>,
    /// Which personal information.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub information: Option<String>,
    /// How likely significant harm is.
    pub risk: HarmRisk,
    /// Why: how sensitive the information is, and how likely it is to be misused.
    #[serde(default)]
    #[schema(max_length = 5000)]
    pub assessment: Option<String>,
    /// What the agency did to lessen the harm.
    #[serde(default)]
    #[schema(max_length = 5000)]
    pub steps_taken: Option<String>,
    /// What whoever is affected can do.
    #[serde(default)]
    #[schema(max_length = 5000)]
    pub steps_advised: Option<String>,
    /// Who was told.
    #[serde(default)]
    pub told: ToldList,
    /// By when the risk is to be assessed, and who must be told is to be told.
    pub due_at: Timestamp,
    /// Where it stands.
    pub state: IncidentState,
}

impl IncidentProgressFields {
    fn was_told(&self, whom: ToldWhom) -> bool {
        self.told.0.iter().any(|told| told.whom == whom)
    }
}

impl Check for IncidentProgressFields {
    fn check(&self, faults: &mut Faults) {
        check_period(self.happened_from, self.happened_until, faults);
        is_in_our_time(self.due_at, "/due_at", faults);
        for (index, told) in self.told.0.iter().enumerate() {
            is_in_our_time(told.at, &format!("/told/{index}/at"), faults);
        }
        if self.state != IncidentState::Closed {
            return;
        }
        faults.unless(self.risk != HarmRisk::Unassessed, "/risk", "must be assessed before the incident is closed");
        let is_reasoned = self.assessment.as_ref().is_some_and(|text| !text.is_empty());
        faults.unless(is_reasoned, "/assessment", "must say why, before the incident is closed");
        if self.risk == HarmRisk::Significant {
            faults.unless(
                self.was_told(ToldWhom::Commissioner) && self.was_told(ToldWhom::Affected),
                "/told",
                "must name the commissioner and the affected before the incident is closed: the risk is significant",
            );
        }
    }
}

/// A breach on record.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000aa",
    "description": "A caregiver's phone was stolen from a car", "happened_from": "2026-11-20T11:00:00Z",
    "happened_until": "2026-11-20T15:10:00Z", "found_at": "2026-11-20T15:00:00Z",
    "device_id": "0193a5b0-0000-7000-8000-0000000000d1", "user_id": "0193a5b0-0000-7000-8000-000000000003",
    "whose": null, "information": null, "risk": "unassessed", "assessment": null, "steps_taken": null,
    "steps_advised": null, "told": [], "due_at": "2026-11-23T15:00:00Z", "state": "open", "closed_at": null,
    "created_at": "2026-11-20T15:20:00Z", "updated_at": "2026-11-20T15:20:00Z"}))]
pub struct PrivacyIncident {
    /// The incident's id.
    pub id: Uuid,
    /// What happened.
    pub description: String,
    /// Since when it could happen.
    pub happened_from: Option<Timestamp>,
    /// Until when it could.
    pub happened_until: Option<Timestamp>,
    /// When somebody noticed.
    pub found_at: Timestamp,
    /// The device by which it happened.
    pub device_id: Option<Uuid>,
    /// Under whose name.
    pub user_id: Option<Uuid>,
    /// Whose data, beyond what the audit log tells.
    pub whose: Option<String>,
    /// Which personal information.
    pub information: Option<String>,
    /// How likely significant harm is.
    pub risk: HarmRisk,
    /// Why.
    pub assessment: Option<String>,
    /// What the agency did to lessen the harm.
    pub steps_taken: Option<String>,
    /// What whoever is affected can do.
    pub steps_advised: Option<String>,
    /// Who was told.
    pub told: ToldList,
    /// By when the risk is to be assessed, and who must be told is to be told.
    pub due_at: Timestamp,
    /// Where it stands.
    pub state: IncidentState,
    /// When it was closed; the record is kept for two years from then on at least.
    pub closed_at: Option<Timestamp>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Versioned for PrivacyIncident {
    fn version(&self) -> i64 {
        self.updated_at.as_microsecond()
    }
}

impl From<&PrivacyIncident> for IncidentProgressFields {
    fn from(incident: &PrivacyIncident) -> Self {
        let i = incident.clone();
        Self {
            description: i.description,
            happened_from: i.happened_from,
            happened_until: i.happened_until,
            device_id: i.device_id,
            user_id: i.user_id,
            whose: i.whose,
            information: i.information,
            risk: i.risk,
            assessment: i.assessment,
            steps_taken: i.steps_taken,
            steps_advised: i.steps_advised,
            told: i.told,
            due_at: i.due_at,
            state: i.state,
        }
    }
}

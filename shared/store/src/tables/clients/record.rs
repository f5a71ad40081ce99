//! A client as they are entered, stored and shown.

use crate::{json_sql, tables::care_plans::CarePlan};
use domain::{
    Versioned,
    consent::ConsentState,
    identity::Role,
    validation::{Check, Faults},
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A postal address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"street": "118 Roncesvalles Avenue", "unit": "3", "city": "Toronto", "province": "ON",
    "postal_code": "M6R 2L2", "country": "CA", "directions": "Side door, buzzer 3"}))]
pub struct Address {
    /// Number and street.
    #[schema(min_length = 1, max_length = 200)]
    pub street: String,
    /// Apartment or unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 50)]
    pub unit: Option<String>,
    /// City, town or village.
    #[schema(min_length = 1, max_length = 100)]
    pub city: String,
    /// Two letters, as `ON`.
    #[schema(pattern = "^[A-Z]{2}$")]
    pub province: String,
    /// As `M6R 2L2`.
    #[schema(pattern = "^[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]$")]
    pub postal_code: String,
    /// ISO 3166-1, two letters.
    #[serde(default = "canada")]
    #[schema(pattern = "^[A-Z]{2}$", default = "CA")]
    pub country: String,
    /// How to get into the home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub directions: Option<String>,
}

fn canada() -> String {
    "CA".into()
}

/// Whom to call when something happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Paul Tremblay", "relationship": "son", "phone": "+14165550171"}))]
pub struct EmergencyContact {
    /// Full name.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// What they are to the client.
    #[schema(min_length = 1, max_length = 100)]
    pub relationship: String,
    /// Phone number (E.164).
    #[schema(pattern = r"^\+[1-9][0-9]{6,14}$")]
    pub phone: String,
}

/// Those to call, the first first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(max_items = 20, example = json!([{"name": "Paul Tremblay", "relationship": "son", "phone": "+14165550171"}]))]
pub struct EmergencyContacts(pub Vec<EmergencyContact>);
json_sql!(Address, EmergencyContacts);

/// What is said of a client when creating or changing them. The care plan has a path of its own.
#[derive(Clone, Debug, Serialize, Deserialize, FromRow, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"first_name": "Marguerite", "last_name": "Tremblay", "date_of_birth": "1938-04-12",
    "phone": "+14165550170", "preferred_language": "fr-CA",
    "address": {"street": "118 Roncesvalles Avenue", "unit": "3", "city": "Toronto", "province": "ON",
        "postal_code": "M6R 2L2", "country": "CA"},
    "latitude": 43.6424, "longitude": -79.4474,
    "emergency_contacts": [{"name": "Paul Tremblay", "relationship": "son", "phone": "+14165550171"}],
    "risks": ["fall risk", "cat in the house"], "coordinator_id": null}))]
pub struct ClientFields {
    /// Given name.
    #[schema(min_length = 1, max_length = 100)]
    pub first_name: String,
    /// Family name.
    #[schema(min_length = 1, max_length = 100)]
    pub last_name: String,
    /// Day of birth.
    pub date_of_birth: Date,
    /// Phone number (E.164).
    #[serde(default)]
    #[schema(pattern = r"^\+[1-9][0-9]{6,14}$")]
    pub phone: Option<String>,
    /// What to speak with them: a language tag (BCP 47).
    #[serde(default = "english")]
    #[schema(pattern = "^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$", max_length = 35, default = "en-CA")]
    pub preferred_language: String,
    /// Where they live.
    pub address: Address,
    /// Of the home, in degrees (WGS 84); with `longitude` or not at all.
    #[serde(default)]
    #[schema(minimum = -90, maximum = 90)]
    pub latitude: Option<f64>,
    /// Of the home, in degrees (WGS 84).
    #[serde(default)]
    #[schema(minimum = -180, maximum = 180)]
    pub longitude: Option<f64>,
    /// People to call in an emergency.
    #[serde(default)]
    pub emergency_contacts: EmergencyContacts,
    /// What a visitor must know at the door.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub risks: Vec<String>,
    /// Who plans for them and is called when something is wrong.
    #[serde(default)]
    pub coordinator_id: Option<Uuid>,
}

fn english() -> String {
    "en-CA".into()
}

impl Check for ClientFields {
    fn check(&self, faults: &mut Faults) {
        faults.unless(
            self.latitude.is_some() == self.longitude.is_some(),
            if self.latitude.is_some() { "/longitude" } else { "/latitude" },
            "must be given with the other coordinate",
        );
        faults.unless(self.date_of_birth.year() >= 1880, "/date_of_birth", "must not be before 1880");
        // In no part of Canada is it a later day.
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        faults.unless(self.date_of_birth <= today, "/date_of_birth", "must not be in the future");
        for (i, risk) in self.risks.iter().enumerate() {
            faults.unless(
                (1..=200).contains(&risk.chars().count()),
                &format!("/risks/{i}"),
                "must have 1 to 200 characters",
            );
        }
    }
}

/// A client's row.
#[derive(Clone, Debug, FromRow)]
pub struct ClientRow {
    /// The client's id.
    pub id: Uuid,
    /// what coordinators write.
    #[from_row(flatten)]
    pub fields: ClientFields,
    /// The plan in force.
    pub care_plan: CarePlan,
    /// Which version it is; 0 where none was written yet.
    pub care_plan_version: i32,
    /// How the consent to keeping care records stands.
    pub data_collection_consent: ConsentState,
    /// How the consent to photos stands.
    pub photos_consent: ConsentState,
    /// The row's change number.
    pub change_number: i64,
    /// When the client was entered.
    pub created_at: Timestamp,
    /// When anything here last changed.
    pub updated_at: Timestamp,
}

impl Versioned for ClientRow {
    fn version(&self) -> i64 {
        self.change_number
    }
}

/// A client, as far as the caller's role may read: a care aide is not shown the date of birth and the care plan.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000c1", "first_name": "Marguerite",
    "last_name": "Tremblay",
    "phone": "+14165550170", "preferred_language": "fr-CA",
    "address": {"street": "118 Roncesvalles Avenue", "unit": "3", "city": "Toronto", "province": "ON",
        "postal_code": "M6R 2L2", "country": "CA"},
    "latitude": 43.6424, "longitude": -79.4474,
    "emergency_contacts": [{"name": "Paul Tremblay", "relationship": "son", "phone": "+14165550171"}],
    "risks": ["fall risk", "cat in the house"], "coordinator_id": "0193a5b0-0000-7000-8000-000000000002",
    "date_of_birth": "1938-04-12",
    "care_plan": {"summary": "Type 2 diabetes, recovering from a hip replacement",
        "goals": ["Walk to the corner by December"],
        "allergies": ["penicillin"], "medications": [], "instructions": ["Check feet"]},
    "care_plan_version": 2, "data_collection_consent": "given", "photos_consent": "not_recorded",
    "created_at": "2026-11-01T09:00:00Z", "updated_at": "2026-11-18T16:20:11Z"}))]
pub struct Client {
    /// The client's id.
    pub id: Uuid,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
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
    /// The coordinator who plans the client's visits.
    pub coordinator_id: Option<Uuid>,
    /// Day of birth; absent for care aides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_of_birth: Option<Date>,
    /// The plan in force; absent for care aides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub care_plan: Option<CarePlan>,
    /// Which version of the plan; absent for care aides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub care_plan_version: Option<i32>,
    /// How the consent to keeping care records stands. Once it is withdrawn, nothing new is charted but alerts,
    /// check-in and check-out; where it isn't recorded yet, somebody has to ask for it.
    pub data_collection_consent: ConsentState,
    /// How the consent to photos stands. Once it is withdrawn, no new ones are taken.
    pub photos_consent: ConsentState,
    /// When the client was entered.
    pub created_at: Timestamp,
    /// When anything here last changed.
    pub updated_at: Timestamp,
    #[serde(skip)]
    change_number: i64,
}

impl Versioned for Client {
    fn version(&self) -> i64 {
        self.change_number
    }
}

impl ClientRow {
    /// What `role` is shown of it.
    #[must_use]
    pub fn shown_to(self, role: Role) -> Client {
        let whole = role != Role::CareAide;
        Client {
            id: self.id,
            first_name: self.fields.first_name,
            last_name: self.fields.last_name,
            phone: self.fields.phone,
            preferred_language: self.fields.preferred_language,
            address: self.fields.address,
            latitude: self.fields.latitude,
            longitude: self.fields.longitude,
            emergency_contacts: self.fields.emergency_contacts,
            risks: self.fields.risks,
            coordinator_id: self.fields.coordinator_id,
            date_of_birth: whole.then_some(self.fields.date_of_birth),
            care_plan: whole.then_some(self.care_plan),
            care_plan_version: whole.then_some(self.care_plan_version),
            data_collection_consent: self.data_collection_consent,
            photos_consent: self.photos_consent,
            created_at: self.created_at,
            updated_at: self.updated_at,
            change_number: self.change_number,
        }
    }
}

/// A client who may be the one that was just entered.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000c7", "first_name": "Marguerite",
    "last_name": "Tremblay", "because": ["name", "date_of_birth"]}))]
pub struct PossibleDuplicate {
    /// The other client's id.
    pub id: Uuid,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// What they have in common: `name`, `date_of_birth`, `phone`.
    pub because: Vec<String>,
}

/// A client who was just entered, and who they may be.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000c1", "first_name": "Marguerite",
    "last_name": "Tremblay",
    "phone": "+14165550170", "preferred_language": "fr-CA",
    "address": {"street": "118 Roncesvalles Avenue", "unit": "3", "city": "Toronto", "province": "ON",
        "postal_code": "M6R 2L2", "country": "CA"},
    "latitude": 43.6424, "longitude": -79.4474,
    "emergency_contacts": [{"name": "Paul Tremblay", "relationship": "son", "phone": "+14165550171"}],
    "risks": ["fall risk", "cat in the house"], "coordinator_id": "0193a5b0-0000-7000-8000-000000000002",
    "date_of_birth": "1938-04-12",
    "care_plan": {"summary": "Type 2 diabetes, recovering from a hip replacement",
        "goals": ["Walk to the corner by December"],
        "allergies": ["penicillin"], "medications": [], "instructions": ["Check feet"]},
    "care_plan_version": 2, "data_collection_consent": "given", "photos_consent": "not_recorded",
    "created_at": "2026-11-01T09:00:00Z", "updated_at": "2026-11-18T16:20:11Z",
    "possible_duplicates": []}))]
pub struct EnteredClient {
    /// The client.
    #[serde(flatten)]
    pub client: Client,
    /// Clients who have the same name, whatever its accents and order, the same number, or the same day of birth and
    /// one of the names. They are told of, and nothing is refused.
    pub possible_duplicates: Vec<PossibleDuplicate>,
}

impl Versioned for EnteredClient {
    fn version(&self) -> i64 {
        self.client.version()
    }
}

/// A client in a list.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000c1", "first_name": "Marguerite",
    "last_name": "Tremblay",
    "phone": "+14165550170", "preferred_language": "fr-CA",
    "address": {"street": "118 Roncesvalles Avenue", "unit": "3", "city": "Toronto", "province": "ON",
        "postal_code": "M6R 2L2", "country": "CA"},
    "risks": ["fall risk", "cat in the house"], "coordinator_id": "0193a5b0-0000-7000-8000-000000000002",
    "updated_at": "2026-11-18T16:20:11Z"}))]
pub struct ClientSummary {
    /// The client's id.
    pub id: Uuid,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Phone number (E.164).
    pub phone: Option<String>,
    /// A language tag (BCP 47).
    pub preferred_language: String,
    /// Where they live.
    pub address: Address,
    /// What a visitor must know at the door.
    pub risks: Vec<String>,
    /// The coordinator who plans the client's visits.
    pub coordinator_id: Option<Uuid>,
    /// When anything of the client last changed.
    pub updated_at: Timestamp,
    /// The place among the names.
    #[serde(skip)]
    #[schema(ignore)]
    pub sort_name: String,
}

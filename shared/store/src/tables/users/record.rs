//! A user as people write and see them.

use domain::{Versioned, identity::Role, messages::Locale, validation::Check};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{json_sql, text_sql};

/// The status of a user's account.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "active")]
pub enum UserStatus {
    /// Has no password yet.
    Invited,
    /// May sign in.
    Active,
    /// May not, until made active again.
    Suspended,
}
text_sql!(UserStatus);

/// What is said of a user when inviting them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "nurse@demo.berthcare.ca", "phone": "+14165550103", "first_name": "Amara",
    "last_name": "Okafor", "role": "nurse", "locale": "en-CA"}))]
pub struct UserFields {
    /// Signs in with it; unique, whatever its case.
    #[schema(format = "email", min_length = 3, max_length = 254)]
    pub email: String,
    /// Where one-time codes and alerts go (E.164).
    #[schema(pattern = r"^\+[1-9][0-9]{6,14}$")]
    pub phone: String,
    /// Given name.
    #[schema(min_length = 1, max_length = 100)]
    pub first_name: String,
    /// Family name.
    #[schema(min_length = 1, max_length = 100)]
    pub last_name: String,
    /// What they are in the agency.
    pub role: Role,
    /// The language of messages to them.
    #[serde(default)]
    pub locale: Locale,
}
impl Check for UserFields {}

/// What may be changed of a user by whoever manages them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "suspended"}))]
pub struct ManagedUserFields {
    /// The email address, with which the user signs in.
    #[schema(format = "email", min_length = 3, max_length = 254)]
    pub email: String,
    /// Where one-time codes and alerts go (E.164).
    #[schema(pattern = r"^\+[1-9][0-9]{6,14}$")]
    pub phone: String,
    /// Given name.
    #[schema(min_length = 1, max_length = 100)]
    pub first_name: String,
    /// Family name.
    #[schema(min_length = 1, max_length = 100)]
    pub last_name: String,
    /// What they are in the agency.
    pub role: Role,
    /// The language of messages to them.
    pub locale: Locale,
    /// Suspended users lose access at once. Nobody is made `invited` by hand, nor active before they have a password.
    pub status: UserStatus,
}
impl Check for ManagedUserFields {}

/// Which push messages somebody takes. None is sent at night unless it is urgent, and what asks coordinators for help
/// can't be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"visits": true, "alerts": true, "decisions": false}))]
pub struct PushPreferences {
    /// A visit was given, moved or cancelled for today or tomorrow.
    #[serde(default = "on")]
    pub visits: bool,
    /// Somebody took an alert of theirs.
    #[serde(default = "on")]
    pub alerts: bool,
    /// Somebody decided about what their phone sent: a conflict, or what was refused.
    #[serde(default = "on")]
    pub decisions: bool,
}
json_sql!(PushPreferences);

fn on() -> bool {
    true
}

/// What users may change of themselves.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"locale": "fr-CA"}))]
pub struct OwnFields {
    /// Where one-time codes and alerts go (E.164).
    #[schema(pattern = r"^\+[1-9][0-9]{6,14}$")]
    pub phone: String,
    /// Given name.
    #[schema(min_length = 1, max_length = 100)]
    pub first_name: String,
    /// Family name.
    #[schema(min_length = 1, max_length = 100)]
    pub last_name: String,
    /// The language of messages.
    pub locale: Locale,
    /// Which push messages they take.
    pub push_preferences: PushPreferences,
}
impl Check for OwnFields {}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-000000000003",
    "agency_id": "0193a5b0-0000-7000-8000-000000000001",
    "email": "nurse@demo.berthcare.ca", "phone": "+14165550103", "pending_phone": null, "first_name": "Amara",
    "last_name": "Okafor", "role": "nurse", "locale": "en-CA", "status": "active",
    "push_preferences": {"visits": true, "alerts": true, "decisions": true}, "last_login_at": "2026-11-20T11:58:03Z",
    "created_at": "2026-11-01T09:00:00Z", "updated_at": "2026-11-20T11:58:03Z"}))]
pub struct User {
    /// The user's id.
    pub id: Uuid,
    /// The user's agency.
    pub agency_id: Uuid,
    /// The email address, with which the user signs in.
    pub email: String,
    /// Phone number (E.164).
    pub phone: String,
    /// A number that was asked for and has yet to be confirmed.
    pub pending_phone: Option<String>,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// What they are in the agency.
    pub role: Role,
    /// The language of messages to them.
    pub locale: Locale,
    /// The account's status.
    pub status: UserStatus,
    /// Which push messages they take.
    pub push_preferences: PushPreferences,
    /// When the user last signed in.
    pub last_login_at: Option<Timestamp>,
    /// When the user was invited.
    pub created_at: Timestamp,
    /// When anything here last changed.
    pub updated_at: Timestamp,
    /// The place among the names.
    #[serde(skip)]
    #[schema(ignore)]
    pub sort_name: String,
}

impl Versioned for User {
    fn version(&self) -> i64 {
        self.updated_at.as_microsecond()
    }
}

impl From<&User> for ManagedUserFields {
    fn from(user: &User) -> Self {
        let User { email, phone, first_name, last_name, role, locale, status, .. } = user.clone();
        Self { email, phone, first_name, last_name, role, locale, status }
    }
}

impl From<&User> for OwnFields {
    fn from(user: &User) -> Self {
        let User { phone, first_name, last_name, locale, push_preferences, .. } = user.clone();
        Self { phone, first_name, last_name, locale, push_preferences }
    }
}

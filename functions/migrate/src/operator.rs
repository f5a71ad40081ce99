//! An operator's commands, `{"command": "create-agency", ...}`: opening agencies and what becomes of them. Each may be
//! sent again: what is done already is answered and not done twice. All is on the audit log.

use auth::{CodeKind, code_sms};
use domain::{
    error::{Conflict, Error, Fault},
    identity::{Operator, Role},
    limits::INVITATION_SECONDS,
    messages::Locale,
    validation::faults_of,
};
use runtime::lambda::Fatal;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use store::tables::{
    agencies::{self, AgencyAccount},
    users::{self, UserFields},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Migrate;

/// `create-agency`: an agency and its first admin, who gets a code by SMS.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAgency {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Of the IANA time zone database.
    #[schema(min_length = 1, max_length = 100)]
    time_zone: String,
    /// In which the admin is written to.
    #[serde(default)]
    locale: Locale,
    admin: NewAdmin,
}

/// The first admin of an agency.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAdmin {
    #[schema(format = "email", min_length = 3, max_length = 254)]
    email: String,
    #[schema(pattern = r"^\+[1-9][0-9]{6,14}$")]
    phone: String,
    #[schema(min_length = 1, max_length = 100)]
    first_name: String,
    #[schema(min_length = 1, max_length = 100)]
    last_name: String,
}

/// `suspend-agency` and `resume-agency`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    id: Uuid,
}

/// The arguments of `rename-agency`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewName {
    id: Uuid,
    #[schema(min_length = 1, max_length = 200)]
    name: String,
}

/// The arguments of `set-retention`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Retention {
    id: Uuid,
    #[schema(minimum = 7, maximum = 100)]
    retention_years: i32,
}

/// What becomes of an agency.
enum Change {
    Name(String),
    Suspended(bool),
    Retention(i32),
}

impl Change {
    fn is_in_effect(&self, agency: &AgencyAccount) -> bool {
        match self {
            Self::Name(name) => agency.name == *name,
            Self::Suspended(suspended) => agency.suspended_at.is_some() == *suspended,
            Self::Retention(years) => agency.retention_years == *years,
        }
    }
}

impl Migrate {
    /// Carries a command out.
    pub(crate) async fn operate(&self, event: Value, request_id: &str) -> Result<Value, Fatal> {
        let Value::Object(mut fields) = event else { return Err("a command is an object".into()) };
        let command = fields.remove("command").unwrap_or_default();
        let fields = Value::Object(fields);
        match command.as_str().unwrap_or_default() {
            "create-agency" => self.create(parse(fields)?, request_id).await,
            "list-agencies" => {
                if fields != json!({}) {
                    return Err("list-agencies takes nothing else".into());
                }
                let operator = Operator { agency_id: None, request_id: request_id.into() };
                Ok(json!({"agencies": agencies::list(&self.db, &operator).await?}))
            }
            "rename-agency" => {
                let NewName { id, name } = parse(fields)?;
                self.change(id, Change::Name(name), request_id).await
            }
            "suspend-agency" => self.change(parse::<Which>(fields)?.id, Change::Suspended(true), request_id).await,
            "resume-agency" => self.change(parse::<Which>(fields)?.id, Change::Suspended(false), request_id).await,
            "set-retention" => {
                let Retention { id, retention_years } = parse(fields)?;
                self.change(id, Change::Retention(retention_years), request_id).await
            }
            _ => Err(
                "the command is none of create-agency, list-agencies, rename-agency, suspend-agency, resume-agency \
                      and set-retention"
                    .into(),
            ),
        }
    }

    /// Opens an agency. An admin's address is one in all agencies: by it a command is recognised that was sent before.
    async fn create(&self, new: NewAgency, request_id: &str) -> Result<Value, Fatal> {
        let (agency_id, admin_id) = (Uuid::now_v7(), Uuid::now_v7());
        let operator = Operator { agency_id: Some(agency_id), request_id: request_id.into() };
        let NewAdmin { email, phone, first_name, last_name } = new.admin;
        let mut tx = self.db.write_unsynced(&operator).await?;
        if !agencies::is_time_zone(&mut tx, &new.time_zone).await? {
            return Err("#/time_zone is no name of the IANA time zone database".into());
        }
        if let Some(known) = agencies::account_of(&mut tx, &email).await? {
            if !known.is_admin || known.agency_name != new.name {
                return Err(TAKEN.into());
            }
            let agency = agencies::lock(&mut tx, known.agency_id).await?;
            tx.commit().await?;
            return Ok(json!({"agency": agency, "admin": {"id": known.user_id}, "created": false}));
        }
        agencies::insert(&mut tx, agency_id, &new.name, &new.time_zone).await?;
        let admin = UserFields { email, phone, first_name, last_name, role: Role::Admin, locale: new.locale };
        users::insert(&mut tx, admin_id, &admin).await.map_err(|error| match error {
            // Somebody was quicker.
            Error::Conflict(Conflict::EmailTaken) => Fatal::from(TAKEN),
            other => other.into(),
        })?;
        let code = self.codes.issue(CodeKind::Invitation, admin_id, INVITATION_SECONDS).await?;
        code_sms(admin_id, &admin.phone, admin.locale, code).enqueue(&mut tx).await?;
        let agency = agencies::lock(&mut tx, agency_id).await?;
        tx.commit().await?;
        self.jobs.dispatch().await;
        tracing::info!(agency = %agency_id, "an agency was opened");
        Ok(json!({"agency": agency, "admin": {"id": admin_id}, "created": true}))
    }

    /// Changes an agency, unless it is so already.
    async fn change(&self, id: Uuid, change: Change, request_id: &str) -> Result<Value, Fatal> {
        let operator = Operator { agency_id: Some(id), request_id: request_id.into() };
        let mut tx = self.db.write_unsynced(&operator).await?;
        let before = agencies::lock(&mut tx, id).await.map_err(|error| match error {
            Error::NotFound => Fatal::from("there is no such agency: `list-agencies` tells their ids"),
            other => other.into(),
        })?;
        if change.is_in_effect(&before) {
            tx.commit().await?;
            return Ok(json!({"agency": before}));
        }
        match &change {
            Change::Name(name) => agencies::rename(&mut tx, id, name).await?,
            Change::Suspended(true) => agencies::suspend(&mut tx, id).await?,
            Change::Suspended(false) => agencies::resume(&mut tx, id).await?,
            Change::Retention(years) => agencies::set_retention(&mut tx, id, *years).await?,
        }
        let after = agencies::lock(&mut tx, id).await?;
        tx.commit().await?;
        Ok(json!({"agency": after}))
    }
}

const TAKEN: &str = "somebody signs in with the admin's address already, elsewhere or as somebody else";

/// The command's fields, or all that is wrong with them. What was sent is not repeated: this goes to the log, too.
fn parse<T: DeserializeOwned + ToSchema + 'static>(fields: Value) -> Result<T, Fatal> {
    let faults = faults_of::<T>(&fields)?;
    if faults.is_empty() {
        return Ok(serde_json::from_value(fields)?);
    }
    let line = |Fault { pointer, detail, .. }: Fault| format!("{} {detail}", pointer.unwrap_or_default());
    Err(faults.into_iter().map(line).collect::<Vec<_>>().join("; ").into())
}

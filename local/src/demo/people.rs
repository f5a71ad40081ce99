//! The demo agency, its people and its clients: the same that the documentation's examples speak of.

use auth::password::hash_password;
use domain::identity::{Caller, JobIdentity};
use jiff::{ToSpan, civil::Date};
use runtime::lambda::Fatal;
use serde::Deserialize;
use store::{
    Db,
    tables::{
        accounts,
        care_plans::{self, CarePlan},
        care_team::{self, MemberFields, Relation},
        clients::{self, ClientFields},
        consents::{self, ConsentFields, ConsentKind, GivenBy},
        idempotency::{self, Creation},
        users::{self, UserFields, UserFilter, UserStatus},
    },
};
use uuid::Uuid;

use super::{PASSWORD, request};

/// The agency's own id, and the beginning of all the fixed ones.
pub const AGENCY: Uuid = fixed(0x001);
/// Hélène Gagnon, who plans.
pub const COORDINATOR: Uuid = fixed(0x002);
/// Who needs a second factor.
pub const ADMIN: Uuid = fixed(0x005);
/// Amara Okafor, a nurse.
pub const NURSE: Uuid = fixed(0x003);
/// Daniel Reyes, a care aide.
pub const AIDE: Uuid = fixed(0x004);
/// Lucie Fortin, another nurse.
pub const SECOND_NURSE: Uuid = fixed(0x007);

/// One of the ids that the documentation's examples use.
pub const fn fixed(number: u128) -> Uuid {
    Uuid::from_u128(0x0193_a5b0_0000_7000_8000_0000_0000_0000 + number)
}

/// Somebody with an account.
#[derive(Deserialize)]
pub struct DemoUser {
    /// The id.
    pub id: Uuid,
    /// What is said of them.
    pub fields: UserFields,
}

/// A client with all that is known before the first visit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoClient {
    /// The id.
    pub id: Uuid,
    /// What is said of them.
    pub fields: ClientFields,
    /// The plans, oldest first.
    pub care_plans: Vec<CarePlan>,
    /// Who looks after them.
    pub team: Vec<DemoMember>,
    /// What they consented to.
    pub consents: Vec<DemoConsent>,
}

/// A member of a care team.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoMember {
    /// The id; made from the client's where absent.
    pub id: Option<Uuid>,
    /// Who.
    pub user_id: Uuid,
    /// As what.
    pub relation: Relation,
}

/// A consent, or its refusal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoConsent {
    /// The id; made from the client's where absent.
    pub id: Option<Uuid>,
    /// To what.
    pub kind: ConsentKind,
    /// Or not.
    pub granted: bool,
    /// How it was given.
    pub method: String,
    /// For whom.
    pub user_id: Option<Uuid>,
    /// Who gave it, where that was not the client.
    pub given_by: Option<GivenBy>,
}

impl DemoConsent {
    fn fields(&self) -> ConsentFields {
        let purpose = match self.kind {
            ConsentKind::DataCollection => "To keep the records that good care needs",
            ConsentKind::FamilySharing => "To let my family read how my visits go",
            ConsentKind::Sms => "To send a family member a short message each evening",
            ConsentKind::Photos => "To follow how wounds and swellings change",
        };
        ConsentFields {
            kind: self.kind,
            granted: self.granted,
            purpose: Some(purpose.into()),
            text_version: Some("2026-09".into()),
            given_by: self.given_by.clone().unwrap_or_else(GivenBy::client),
            method: self.method.clone(),
            user_id: self.user_id,
        }
    }
}

/// The staff and the family members.
pub fn demo_users() -> Result<Vec<DemoUser>, serde_json::Error> {
    serde_json::from_str(include_str!("users.json"))
}

/// The twelve clients.
pub fn demo_clients() -> Result<Vec<DemoClient>, serde_json::Error> {
    serde_json::from_str(include_str!("clients.json"))
}

/// Adds those users who are missing, and lets them sign in with the demo password. Answers how many were missing.
pub async fn load_users(db: &Db, users: &[DemoUser]) -> Result<usize, Fatal> {
    let job = JobIdentity { agency_id: AGENCY };
    let known = idempotency::known(db, &job, users.iter().map(|user| user.id).collect()).await?;
    let missing: Vec<_> = users.iter().filter(|user| !known.contains(&user.id)).collect();
    for some in missing.chunks(100) {
        let mut tx = db.write_unsynced(&job).await?;
        for DemoUser { id, fields } in some {
            if idempotency::claim(&mut tx, "users", *id, fields).await? == Creation::Fresh {
                users::insert(&mut tx, *id, fields).await?;
            }
        }
        tx.commit().await?;
    }
    activate(db, &job, users).await?;
    Ok(missing.len())
}

/// A run that was stopped may have left some without a password.
async fn activate(db: &Db, job: &JobIdentity, users: &[DemoUser]) -> Result<(), Fatal> {
    let filter = UserFilter { status: Some(UserStatus::Invited), limit: i64::MAX, ..UserFilter::default() };
    let invited = users::list(db, job, filter).await?;
    let ours: Vec<_> = users.iter().filter(|user| invited.iter().any(|other| other.id == user.id)).collect();
    if ours.is_empty() {
        return Ok(());
    }
    // One hash for all: each takes 20 ms optimised, and this program isn't.
    let hash = hash_password(PASSWORD.into()).await?;
    for user in ours {
        accounts::set_password(db, user.id, &hash, None, "auth.password_set", &request()).await?;
    }
    Ok(())
}

/// Adds those clients who are missing. Each is one transaction: a client is there whole or not at all.
pub async fn load_clients(
    db: &Db,
    coordinator: &Caller,
    missing: impl Iterator<Item = &DemoClient>,
    today: Date,
) -> Result<usize, Fatal> {
    let mut added = 0;
    for client in missing {
        load_client(db, coordinator, client, today).await?;
        added += 1;
    }
    Ok(added)
}

async fn load_client(db: &Db, coordinator: &Caller, client: &DemoClient, today: Date) -> Result<(), Fatal> {
    let numbers = u16::try_from(1 + client.care_plans.len() + client.team.len())?;
    let mut tx = db.write_many(coordinator, numbers).await?;
    if idempotency::claim(&mut tx, "clients", client.id, &client.fields).await? != Creation::Fresh {
        return Ok(tx.commit().await?);
    }
    clients::insert(&mut tx, client.id, &client.fields).await?;
    for (version, plan) in (1..).zip(&client.care_plans) {
        care_plans::write(&mut tx, client.id, version, plan).await?;
    }
    for DemoMember { id, user_id, relation } in &client.team {
        let id = id.unwrap_or_else(|| Uuid::new_v5(&client.id, user_id.as_bytes()));
        let starts_on = today.checked_sub(30.days())?;
        let member = MemberFields { user_id: *user_id, relation: *relation, starts_on, ends_on: None };
        idempotency::claim(&mut tx, "care_team", id, &(client.id, &member)).await?;
        care_team::insert(&mut tx, client.id, id, &member).await?;
    }
    for (place, consent) in (0..).zip(&client.consents) {
        let id = consent.id.unwrap_or_else(|| Uuid::new_v5(&client.id, &[place]));
        let consent = consent.fields();
        idempotency::claim(&mut tx, "consents", id, &(client.id, &consent)).await?;
        consents::insert(&mut tx, client.id, id, &consent).await?;
    }
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use domain::validation::{Check, Faults};

    use super::*;

    #[test]
    fn the_people_are_as_the_api_would_take_them() {
        let mut faults = Faults::default();
        for user in demo_users().unwrap() {
            user.fields.check(&mut faults);
        }
        for client in demo_clients().unwrap() {
            client.fields.check(&mut faults);
            client.care_plans.iter().for_each(|plan| plan.check(&mut faults));
            assert!(client.team.iter().any(|member| member.relation == Relation::PrimaryNurse));
        }
        faults.into_result().unwrap();
    }
}

//! The register of breaches: what happened, when it was found, whose data, how likely harm is, and who was told when.

mod record;

use domain::{
    error::{Conflict, Error, Reference},
    limits::INCIDENT_HOURS,
    transitions::Transitions,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

pub use domain::transitions::IncidentState;
pub use record::{HarmRisk, IncidentProgressFields, PrivacyIncident, PrivacyIncidentFields, Told, ToldList, ToldWhom};

use crate::{AuditEntry, ConstraintExt, Db, DbError, Identity, Tx, audited, audited_page};

macro_rules! columns {
    () => {
        "i.id, i.description, i.happened_from, i.happened_until, i.found_at, i.device_id, i.user_id, i.whose,
         i.information, i.risk::text as risk, i.assessment, i.steps_taken, i.steps_advised, i.told, i.due_at,
         i.state::text as state, i.closed_at, i.created_at, i.updated_at
         from privacy_incidents i"
    };
}

/// The same for what is shown: which is on the audit log, as a look at nobody's care.
macro_rules! shown {
    () => {
        concat!("select null::uuid as client_id, ", columns!())
    };
}

/// Breaches, the newest first: in this state, before the one of this time and id, at most so many.
pub async fn list(
    db: &Db,
    who: &impl Identity,
    state: Option<IncidentState>,
    before: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<PrivacyIncident>, DbError> {
    let (at, id) = before.unzip();
    db.read(
        who,
        audited_page!(
            "privacy_incident.list",
            "privacy_incident",
            "$4",
            shown!(),
            " where ($1::text is null or i.state::text = $1) and ($3::uuid is null or (i.found_at, i.id) < ($2, $3))
              order by i.found_at desc, i.id desc limit $4"
        ),
        &[&state, &at, &id, &limit],
    )
    .await
}

/// One breach.
pub async fn find(db: &Db, who: &impl Identity, id: Uuid) -> Result<Option<PrivacyIncident>, DbError> {
    db.read_opt(who, audited!("privacy_incident.read", "privacy_incident", shown!(), " where i.id = $1"), &[&id]).await
}

/// One breach, locked until the transaction ends.
pub async fn lock<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<PrivacyIncident, Error> {
    tx.query_opt(concat!("select ", columns!(), " where i.id = $1 for no key update of i"), &[&id])
        .await?
        .ok_or(Error::NotFound)
}

/// Records a breach.
///
/// # Errors
/// [`Reference::Device`] or [`Reference::User`] where there is no such one in this agency.
pub async fn insert<I: Identity>(tx: &mut Tx<I>, id: Uuid, incident: &PrivacyIncidentFields) -> Result<(), Error> {
    tx.audit(AuditEntry::new("privacy_incident.create", "privacy_incident", id, None));
    let due_at = incident.found_at + SignedDuration::from_hours(INCIDENT_HOURS);
    in_this_agency(
        tx.execute(
            "insert into privacy_incidents
               (id, agency_id, description, happened_from, happened_until, found_at, device_id, user_id, due_at)
             values ($1, app.agency_id(), $2, $3, $4, $5, $6, $7, $8)",
            &[
                &id,
                &incident.description,
                &incident.happened_from,
                &incident.happened_until,
                &incident.found_at,
                &incident.device_id,
                &incident.user_id,
                &due_at,
            ],
        )
        .await,
    )
}

/// Changes what is known of a breach, and says on record from which state to which.
///
/// # Errors
/// [`Conflict::RegisterState`] where the state can't follow.
pub async fn update<I: Identity>(
    tx: &mut Tx<I>,
    before: &PrivacyIncident,
    wanted: &IncidentProgressFields,
) -> Result<(), Error> {
    if !before.state.may_become(wanted.state) {
        let (from, to) = (before.state.into(), wanted.state.into());
        return Err(Error::Conflict(Conflict::RegisterState { from, to }));
    }
    tx.audit(AuditEntry::new("privacy_incident.update", "privacy_incident", before.id, None).with(json!({
            "state": [before.state, wanted.state], "risk": [before.risk, wanted.risk],
            "due_at": [before.due_at, wanted.due_at]})));
    in_this_agency(
        tx.execute_one(
            "update privacy_incidents set description = $2, happened_from = $3, happened_until = $4, device_id = $5,
               user_id = $6, whose = $7, information = $8, risk = $9::text::harm_risk, assessment = $10,
               steps_taken = $11, steps_advised = $12, told = $13, due_at = $14,
               state = $15::text::privacy_incident_state
             where id = $1 returning id",
            &[
                &before.id,
                &wanted.description,
                &wanted.happened_from,
                &wanted.happened_until,
                &wanted.device_id,
                &wanted.user_id,
                &wanted.whose,
                &wanted.information,
                &wanted.risk,
                &wanted.assessment,
                &wanted.steps_taken,
                &wanted.steps_advised,
                &wanted.told,
                &wanted.due_at,
                &wanted.state,
            ],
        )
        .await,
    )
}

fn in_this_agency<E: Into<Error>>(written: Result<(), E>) -> Result<(), Error> {
    written
        .on_constraint("privacy_incidents_device_fkey", || Error::Unusable(Reference::Device))
        .on_constraint("privacy_incidents_user_fkey", || Error::Unusable(Reference::User))
}

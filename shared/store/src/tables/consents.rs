//! Consents. Nothing is ever changed: a withdrawal is a new row, and the newest counts.

pub use domain::consent::{ConsentGiver, ConsentKind};
use domain::{
    error::Error,
    validation::{Check, Faults},
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{AuditEntry, Db, DbError, Identity, Tx, audited_page, json_sql};

/// Who gives or withdraws a consent.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"who": "substitute", "name": "Paul Tremblay", "relation": "son, power of attorney"}))]
pub struct GivenBy {
    /// In which place.
    pub who: ConsentGiver,
    /// The name of a substitute decision-maker.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// What a substitute decision-maker is to the client.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    pub relation: Option<String>,
}
json_sql!(GivenBy);

impl GivenBy {
    /// The client in person.
    #[must_use]
    pub fn client() -> Self {
        Self { who: ConsentGiver::Client, name: None, relation: None }
    }
}

/// A consent or its withdrawal, as it is recorded.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "family_sharing", "granted": true,
    "purpose": "To let my daughter read how my visits go", "text_version": "2026-09",
    "given_by": {"who": "substitute", "name": "Paul Tremblay", "relation": "son, power of attorney"},
    "method": "signed form", "user_id": null}))]
pub struct ConsentFields {
    /// What is consented to.
    pub kind: ConsentKind,
    /// Whether consent is given; false withdraws it.
    pub granted: bool,
    /// What for, in the words that the person was told; needed where it is given.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 500)]
    pub purpose: Option<String>,
    /// Which wording the person was shown; needed where it is given.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 50)]
    pub text_version: Option<String>,
    /// Who gives or withdraws it.
    pub given_by: GivenBy,
    /// How it was given.
    #[schema(min_length = 1, max_length = 100)]
    pub method: String,
    /// For whom, where it concerns one family member.
    #[serde(default)]
    pub user_id: Option<Uuid>,
}
impl Check for ConsentFields {
    fn check(&self, faults: &mut Faults) {
        for (told, pointer) in [(&self.purpose, "/purpose"), (&self.text_version, "/text_version")] {
            faults.unless(!self.granted || told.is_some(), pointer, "is needed where consent is given");
        }
        let GivenBy { who, name, relation } = &self.given_by;
        for (told, pointer) in [(name, "/given_by/name"), (relation, "/given_by/relation")] {
            let is_substitute = *who == ConsentGiver::Substitute;
            faults.unless(
                is_substitute == told.is_some(),
                pointer,
                "is told of a substitute decision-maker, and of no other",
            );
        }
        let of_a_person = *who != ConsentGiver::FamilyMember || self.user_id.is_some();
        faults.unless(of_a_person, "/user_id", "is needed where a family member decides");
    }
}

/// A consent on record.
#[derive(Debug, Serialize, FromRow, ToSchema)]
#[schema(example = json!({"id": "0193a5b0-0000-7000-8000-0000000000f1",
    "client_id": "0193a5b0-0000-7000-8000-0000000000c1",
    "kind": "family_sharing", "granted": true, "purpose": "To let my daughter read how my visits go",
    "text_version": "2026-09", "given_by": {"who": "client", "name": null, "relation": null},
    "method": "signed form", "user_id": null,
    "recorded_at": "2026-11-01T09:05:00Z", "recorded_by": "0193a5b0-0000-7000-8000-000000000002"}))]
pub struct Consent {
    /// The consent's id.
    pub id: Uuid,
    /// The client whom it concerns.
    pub client_id: Uuid,
    /// What is consented to.
    pub kind: ConsentKind,
    /// Whether consent was given; false withdrew it.
    pub granted: bool,
    /// What for, in the words that the person was told.
    pub purpose: Option<String>,
    /// Which wording the person was shown.
    pub text_version: Option<String>,
    /// Who gave or withdrew it.
    pub given_by: Option<GivenBy>,
    /// How it was given.
    pub method: String,
    /// The user whom the consent concerns.
    pub user_id: Option<Uuid>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The user who recorded it.
    pub recorded_by: Option<Uuid>,
}

macro_rules! columns {
    () => {
        "s.id, s.client_id, s.kind::text as kind, s.granted, s.purpose, s.text_version,
         case when s.given_by is not null then jsonb_build_object('who', s.given_by, 'name', s.giver_name, 'relation',
           s.giver_relation) end as given_by,
         s.method, s.user_id, s.recorded_at, s.created_by as recorded_by"
    };
}

/// One consent, inside a transaction.
pub async fn get<I: Identity>(tx: &mut Tx<I>, id: Uuid) -> Result<Consent, Error> {
    tx.query_opt(concat!("select ", columns!(), " from consents s where s.id = $1"), &[&id])
        .await?
        .ok_or(Error::NotFound)
}

/// What was recorded for a client, newest first: older than this, at most so much.
pub async fn of_client(
    db: &Db,
    who: &impl Identity,
    client_id: Uuid,
    before: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<Consent>, DbError> {
    let (recorded_at, id) = before.unzip();
    db.read(
        who,
        audited_page!(
            "consent.read",
            "consent",
            "$4",
            "select ",
            columns!(),
            " from consents s
             where s.client_id = $1 and ($3::uuid is null or (s.recorded_at, s.id) < ($2, $3))
             order by s.recorded_at desc, s.id desc limit $4"
        ),
        &[&client_id, &recorded_at, &id, &limit],
    )
    .await
}

/// Records a consent. What gates charting gives the client a new number: a push that was decided before is decided
/// anew, and the client is another version.
pub async fn insert<I: Identity>(
    tx: &mut Tx<I>,
    client_id: Uuid,
    id: Uuid,
    consent: &ConsentFields,
) -> Result<(), Error> {
    tx.audit(AuditEntry::new("consent.create", "consent", id, Some(client_id)));
    let GivenBy { who, name, relation } = &consent.given_by;
    tx.execute(
        "insert into consents (id, agency_id, client_id, user_id, kind, granted, purpose, text_version, given_by,
           giver_name, giver_relation, method)
         values ($1, app.agency_id(), $2, $3, $4::text::consent_kind, $5, $6, $7, $8::text::consent_giver, $9, $10,
           $11)",
        &[
            &id,
            &client_id,
            &consent.user_id,
            &consent.kind,
            &consent.granted,
            &consent.purpose,
            &consent.text_version,
            who,
            name,
            relation,
            &consent.method,
        ],
    )
    .await?;
    if matches!(consent.kind, ConsentKind::DataCollection | ConsentKind::Photos) && consent.user_id.is_none() {
        let client = json!([{"table": "clients", "id": client_id, "columns": []}]);
        tx.execute("select app.bump_change_number($1)", &[&client]).await?;
    }
    Ok(())
}

/// Records a number's own wish: to get no more SMS, or to get them again. It holds for each family member with that
/// number and each client of theirs, in every agency.
pub async fn record_sms_opt_out<I: Identity>(
    tx: &mut Tx<I>,
    phone: &str,
    granted: bool,
    method: &str,
) -> Result<(), Error> {
    Ok(tx.execute("select app.record_sms_consent($1, $2, $3)", &[&phone, &granted, &method]).await?)
}

/// Records that the network refused an SMS of ours because its recipient opted out there, once, and for the coordinator
/// to read among what families write.
pub async fn record_opt_out<I: Identity>(tx: &mut Tx<I>, message_id: Uuid) -> Result<(), Error> {
    Ok(tx.execute("select app.record_opt_out($1)", &[&message_id]).await?)
}

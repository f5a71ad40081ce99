//! Who is in every test's database. Two agencies, so that nothing crosses.
//!
//! Agency A has clients Alma (the nurse and the aide are on her team, the family member is linked to her and she
//! consents to that), Bernard (the other nurse's) and Chloé (nobody's). Agency B has one of each that matters.

use app::DatabaseSource;
use std::sync::atomic::{AtomicUsize, Ordering};

use auth::{
    password::hash_password,
    second_factor::{SeedKeys, recovery_digest},
};
use domain::{
    identity::{JobIdentity, Role},
    messages::Locale,
    task_type::TaskType,
};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use store::{
    Db, StatementMode,
    tables::{
        care_team::{self, MemberFields, Relation},
        clients::{self, Address, ClientFields, EmergencyContacts},
        consents::{self, ConsentFields, ConsentKind, GivenBy},
        users::{self, UserFields},
        visit_tasks::{self, TaskFields},
        visits::{self, VisitFields},
    },
};
use tokio_postgres::types::Type;
use uuid::Uuid;

pub const PASSWORD: &str = "a test's password";
/// One that may be set.
pub const NEW_PASSWORD: &str = "umbrella beneath thursday";

pub const AGENCY_A: Uuid = Uuid::from_u128(0xA);
pub const AGENCY_B: Uuid = Uuid::from_u128(0xB);

#[derive(Clone, Debug)]
pub struct Person {
    pub id: Uuid,
    pub agency: Uuid,
    pub email: &'static str,
    pub role: Role,
}

const fn person(id: u128, agency: Uuid, email: &'static str, role: Role) -> Person {
    Person { id: Uuid::from_u128(id), agency, email, role }
}

pub const ADMIN: Person = person(0x01, AGENCY_A, "admin@a.test", Role::Admin);
pub const COORDINATOR: Person = person(0x02, AGENCY_A, "coordinator@a.test", Role::Coordinator);
pub const NURSE: Person = person(0x03, AGENCY_A, "nurse@a.test", Role::Nurse);
pub const AIDE: Person = person(0x04, AGENCY_A, "aide@a.test", Role::CareAide);
pub const FAMILY: Person = person(0x05, AGENCY_A, "family@a.test", Role::Family);
pub const OTHER_NURSE: Person = person(0x06, AGENCY_A, "other.nurse@a.test", Role::Nurse);
pub const OTHER_COORDINATOR: Person = person(0x07, AGENCY_A, "other.coordinator@a.test", Role::Coordinator);
pub const OTHER_ADMIN: Person = person(0x08, AGENCY_A, "other.admin@a.test", Role::Admin);
pub const ADMIN_B: Person = person(0x11, AGENCY_B, "admin@b.test", Role::Admin);
pub const NURSE_B: Person = person(0x13, AGENCY_B, "nurse@b.test", Role::Nurse);
const EVERYBODY: [&Person; 10] =
    [&ADMIN, &COORDINATOR, &NURSE, &AIDE, &FAMILY, &OTHER_NURSE, &OTHER_COORDINATOR, &OTHER_ADMIN, &ADMIN_B, &NURSE_B];

/// The fixtures' member of a role.
pub fn of_role(role: Role) -> &'static Person {
    match role {
        Role::Admin => &ADMIN,
        Role::Coordinator => &COORDINATOR,
        Role::Nurse => &NURSE,
        Role::CareAide => &AIDE,
        Role::Family => &FAMILY,
    }
}

pub const ALMA: Uuid = Uuid::from_u128(0xC1);
pub const BERNARD: Uuid = Uuid::from_u128(0xC2);
pub const CHLOE: Uuid = Uuid::from_u128(0xC3);
pub const CLIENT_B: Uuid = Uuid::from_u128(0xCB);

/// Memberships of Alma's team.
pub const NURSE_OF_ALMA: Uuid = Uuid::from_u128(0xE1);
pub const AIDE_OF_ALMA: Uuid = Uuid::from_u128(0xE2);
pub const FAMILY_OF_ALMA: Uuid = Uuid::from_u128(0xE3);
/// Of Bernard's.
pub const OTHER_NURSE_OF_BERNARD: Uuid = Uuid::from_u128(0xE4);

/// The nurse's visit to Alma, an hour from now, with one task of each kind of interest.
pub const NURSES_VISIT: Uuid = Uuid::from_u128(0xF1);
/// The aide's visit to Alma, three hours from now.
pub const AIDES_VISIT: Uuid = Uuid::from_u128(0xF2);
/// The other nurse's visit to Bernard.
pub const OTHER_NURSES_VISIT: Uuid = Uuid::from_u128(0xF3);
/// In agency B.
pub const VISIT_B: Uuid = Uuid::from_u128(0xFB);

pub const NURSES_VITALS: Uuid = Uuid::from_u128(0xD1);
pub const NURSES_MEALS: Uuid = Uuid::from_u128(0xD2);
pub const AIDES_MEALS: Uuid = Uuid::from_u128(0xD3);
pub const AIDES_VITALS: Uuid = Uuid::from_u128(0xD4);
pub const OTHER_NURSES_VITALS: Uuid = Uuid::from_u128(0xD5);

/// Peoples a freshly migrated database, through the models; agencies and passwords as the owner of the schema.
pub async fn people(owners_url: &str, owner: &tokio_postgres::Client) {
    for (agency, name) in [(AGENCY_A, "Agency A"), (AGENCY_B, "Agency B")] {
        owner
            .execute_typed(
                "insert into agencies (id, name, time_zone) values ($1, $2, 'America/Toronto')",
                &[(&agency, Type::UUID), (&name, Type::TEXT)],
            )
            .await
            .unwrap();
    }
    let hash = hash_password(PASSWORD.to_owned()).await.unwrap();
    let db = Db::new(DatabaseSource::Url(owners_url.into()), StatementMode::Typed);
    for agency_id in [AGENCY_A, AGENCY_B] {
        let mut tx = db.write_unsynced(&JobIdentity { agency_id }).await.unwrap();
        for person in EVERYBODY.into_iter().filter(|person| person.agency == agency_id) {
            users::insert(&mut tx, person.id, &user(person)).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    owner
        .execute_typed("update users set password_hash = $1, status = 'active'", &[(&hash, Type::TEXT)])
        .await
        .unwrap();

    enrol_admins(owner).await;

    let mut tx = db.write(&JobIdentity { agency_id: AGENCY_A }).await.unwrap();
    for (id, first_name, last_name) in
        [(ALMA, "Alma", "Élie"), (BERNARD, "Bernard", "Côté"), (CHLOE, "Chloé", "Dubois")]
    {
        clients::insert(&mut tx, id, &client(first_name, last_name)).await.unwrap();
    }
    for (member, client_id, person, relation) in [
        (NURSE_OF_ALMA, ALMA, &NURSE, Relation::PrimaryNurse),
        (AIDE_OF_ALMA, ALMA, &AIDE, Relation::CareAide),
        (FAMILY_OF_ALMA, ALMA, &FAMILY, Relation::Family),
        (OTHER_NURSE_OF_BERNARD, BERNARD, &OTHER_NURSE, Relation::Nurse),
    ] {
        let fields =
            MemberFields { user_id: person.id, relation, starts_on: "2026-01-01".parse().unwrap(), ends_on: None };
        care_team::insert(&mut tx, client_id, member, &fields).await.unwrap();
    }
    for kind in [ConsentKind::DataCollection, ConsentKind::FamilySharing] {
        consents::insert(&mut tx, ALMA, Uuid::now_v7(), &consent_fields(kind, true)).await.unwrap();
    }
    for (id, client_id, person, hours) in
        [(NURSES_VISIT, ALMA, &NURSE, 1), (AIDES_VISIT, ALMA, &AIDE, 3), (OTHER_NURSES_VISIT, BERNARD, &OTHER_NURSE, 1)]
    {
        visits::insert(&mut tx, id, &visit(client_id, person, hours)).await.unwrap();
        care_team::refresh_scheduled(&mut tx, client_id, person.id).await.unwrap();
    }
    for (id, visit_id, client_id, task_type) in [
        (NURSES_VITALS, NURSES_VISIT, ALMA, TaskType::Vitals),
        (NURSES_MEALS, NURSES_VISIT, ALMA, TaskType::Meals),
        (AIDES_MEALS, AIDES_VISIT, ALMA, TaskType::Meals),
        (AIDES_VITALS, AIDES_VISIT, ALMA, TaskType::Vitals),
        (OTHER_NURSES_VITALS, OTHER_NURSES_VISIT, BERNARD, TaskType::Vitals),
    ] {
        visit_tasks::insert(&mut tx, (visit_id, client_id), id, &task(task_type)).await.unwrap();
    }
    tx.commit().await.unwrap();

    let mut tx = db.write(&JobIdentity { agency_id: AGENCY_B }).await.unwrap();
    clients::insert(&mut tx, CLIENT_B, &client("Boris", "Bell")).await.unwrap();
    visits::insert(&mut tx, VISIT_B, &visit(CLIENT_B, &NURSE_B, 1)).await.unwrap();
    care_team::refresh_scheduled(&mut tx, CLIENT_B, NURSE_B.id).await.unwrap();
    tx.commit().await.unwrap();
}

/// The seed of every admin's second factor.
pub const SEED: &[u8] = b"a test's TOTP seed!!";
/// How often admins may sign in, in all.
const RECOVERY_CODES: usize = 200;

fn recovery_code(number: usize) -> String {
    format!("recovery-code-{number}")
}

/// A recovery code of this admin's that was not used yet.
pub fn next_recovery_code(email: &str) -> Option<String> {
    static USED: AtomicUsize = AtomicUsize::new(0);
    let is_admin = EVERYBODY.iter().any(|person| person.role == Role::Admin && person.email == email);
    is_admin.then(|| recovery_code(USED.fetch_add(1, Ordering::Relaxed) % RECOVERY_CODES))
}

async fn enrol_admins(owner: &tokio_postgres::Client) {
    let keys: SeedKeys = serde_json::from_value(local::prepare::second_factor_keys()).unwrap();
    for admin in EVERYBODY.into_iter().filter(|person| person.role == Role::Admin) {
        let (key_id, sealed) = keys.seal(admin.id, SEED).unwrap();
        let digests: Vec<_> =
            (0..RECOVERY_CODES).map(|number| recovery_digest(admin.id, &recovery_code(number))).collect();
        owner
            .execute_typed(
                "insert into second_factors (user_id, agency_id, key_id, sealed_seed, recovery_digests, confirmed_at)
                 values ($1, $2, $3, $4, $5, now())",
                &[
                    (&admin.id, Type::UUID),
                    (&admin.agency, Type::UUID),
                    (&key_id, Type::TEXT),
                    (&sealed, Type::BYTEA),
                    (&digests, Type::BYTEA_ARRAY),
                ],
            )
            .await
            .unwrap();
    }
}

fn user(person: &Person) -> UserFields {
    UserFields {
        email: person.email.into(),
        phone: format!("+1416555{:04}", person.id.as_u128()),
        first_name: "First".into(),
        last_name: person.email.into(),
        role: person.role,
        locale: Locale::EnCa,
    }
}

pub fn client(first_name: &str, last_name: &str) -> ClientFields {
    ClientFields {
        first_name: first_name.into(),
        last_name: last_name.into(),
        date_of_birth: "1940-02-29".parse().unwrap(),
        phone: Some("+14165550123".into()),
        preferred_language: "fr-CA".into(),
        address: Address {
            street: "1 Main Street".into(),
            unit: None,
            city: "Toronto".into(),
            province: "ON".into(),
            postal_code: "M5V 2T6".into(),
            country: "CA".into(),
            directions: None,
        },
        latitude: Some(43.65),
        longitude: Some(-79.38),
        emergency_contacts: EmergencyContacts::default(),
        risks: vec!["dog".into()],
        coordinator_id: None,
    }
}

/// A client's own consent, or its withdrawal.
pub fn consent_fields(kind: ConsentKind, granted: bool) -> ConsentFields {
    ConsentFields {
        kind,
        granted,
        purpose: Some("To care for her at home".into()),
        text_version: Some("2026-09".into()),
        given_by: GivenBy::client(),
        method: "signed form".into(),
        user_id: None,
    }
}

/// The same as a body of `POST /v1/clients/{id}/consents`.
pub fn consent(kind: &str, granted: bool) -> Value {
    json!(consent_fields(kind.parse().unwrap(), granted))
}

pub fn visit(client_id: Uuid, person: &Person, hours_from_now: i64) -> VisitFields {
    let start = Timestamp::now() + hours_from_now.hours();
    VisitFields {
        client_id,
        user_id: person.id,
        scheduled_start: start,
        scheduled_end: start + 45.minutes(),
        notes: None,
        family_note: None,
        allow_overlap: false,
        reason: None,
    }
}

fn task(task_type: TaskType) -> TaskFields {
    TaskFields {
        task_type,
        title: format!("Do {}", <&str>::from(task_type)),
        completed: false,
        completed_at: None,
        outcome: None,
        data: (task_type == TaskType::Meals).then(|| json!({"note": "soup"})),
        reason: None,
    }
}

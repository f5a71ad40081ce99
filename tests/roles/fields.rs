//! Which fields a role reads where it may not read all of a record.

use std::collections::BTreeSet;

use domain::identity::Role;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    names::Names,
    table::{NOBODYS, Outcome, table},
};
use crate::harness::{
    Client, TestApp,
    fixtures::{AGENCY_A, AIDE, AIDES_VISIT, ALMA, NURSE, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS, consent},
};

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// What `client` gets from every path that the table reads, but for what anyone may read.
async fn everything_read(app: &TestApp, role: Role, client: &Client) -> Vec<(&'static str, String)> {
    let names = Names::of(app, Some(role), client).await;
    let mut read = Vec::new();
    for row in table().iter().filter(|row| row.method() == "GET" && row.outcomes[NOBODYS] != Outcome::Done) {
        let answer = names.send(client, row.request, "").await;
        read.push((row.request, String::from_utf8_lossy(&answer.body).into_owned()));
    }
    read
}

fn assert_nowhere(secrets: &[&str], read: &[(&str, String)]) {
    for secret in secrets {
        let told: Vec<_> = read.iter().filter(|(_, body)| body.contains(secret)).map(|(request, _)| request).collect();
        assert!(told.is_empty(), "{secret} is told by {told:?}");
    }
}

/// What is read of a client: by nurses and coordinators, all of it.
const OF_A_CLIENT: [&str; 18] = [
    "id",
    "first_name",
    "last_name",
    "phone",
    "preferred_language",
    "address",
    "latitude",
    "longitude",
    "emergency_contacts",
    "risks",
    "coordinator_id",
    "date_of_birth",
    "care_plan",
    "care_plan_version",
    "data_collection_consent",
    "photos_consent",
    "created_at",
    "updated_at",
];

const NOT_FOR_AIDES: [&str; 3] = ["date_of_birth", "care_plan", "care_plan_version"];

const OF_A_CLIENT_IN_A_LIST: [&str; 9] = [
    "id",
    "first_name",
    "last_name",
    "phone",
    "preferred_language",
    "address",
    "risks",
    "coordinator_id",
    "updated_at",
];

const OF_A_VISITS_CLIENT: [&str; 5] = ["first_name", "last_name", "address", "latitude", "longitude"];

#[tokio::test]
async fn a_care_aide_reads_neither_care_plan_nor_date_of_birth() {
    let app = TestApp::new().await;
    let plan = json!({"summary": "SECRET-SUMMARY", "goals": ["SECRET-GOAL"], "allergies": ["SECRET-ALLERGY"]});
    app.coordinator().await.put(&format!("/v1/clients/{ALMA}/care-plan"), &plan).await.expect(200);

    for role in [Role::Admin, Role::Coordinator, Role::Nurse, Role::CareAide] {
        let client = app.of_role(role).await;
        let mut expected = BTreeSet::from(OF_A_CLIENT);
        if role == Role::CareAide {
            expected.retain(|key| !NOT_FOR_AIDES.contains(key));
        }
        let alma = client.get(&format!("/v1/clients/{ALMA}")).await.expect(200);
        assert_eq!(keys(&alma), expected, "{role}");
        let list = client.get("/v1/clients?name=alma").await.expect(200);
        assert_eq!(keys(&list["items"][0]), BTreeSet::from(OF_A_CLIENT_IN_A_LIST), "{role}");
        let visit = client.get(&format!("/v1/visits/{NURSES_VISIT}")).await.expect(200);
        assert_eq!(keys(&visit["client"]), BTreeSet::from(OF_A_VISITS_CLIENT), "{role}");
    }

    let secrets = ["SECRET", "1940-02-29"];
    assert_nowhere(&secrets, &everything_read(&app, Role::CareAide, &app.aide().await).await);
    // The same words do reach those who may read them.
    let nurse = everything_read(&app, Role::Nurse, &app.nurse().await).await;
    for secret in secrets {
        assert!(nurse.iter().any(|(_, body)| body.contains(secret)), "{secret}");
    }
}

const FAMILYS_VIEW: [&str; 4] = ["id", "first_name", "visits", "photos"];

const FAMILYS_VISIT: [&str; 9] = [
    "id",
    "scheduled_start",
    "scheduled_end",
    "actual_start",
    "actual_end",
    "status",
    "caregiver_first_name",
    "tasks_done",
    "family_note",
];

const FAMILYS_PHOTO: [&str; 3] = ["id", "taken_at", "caption"];

/// Fills Alma's record with what a family may not read, and a little that it may.
async fn document_alma(app: &TestApp) {
    let coordinator = app.coordinator().await;
    let alma = json!({"last_name": "SECRET-SURNAME", "risks": ["SECRET-RISK"],
        "emergency_contacts": [{"name": "SECRET-CONTACT", "relationship": "son", "phone": "+14165550177"}]});
    coordinator.patch(&format!("/v1/clients/{ALMA}"), &alma).await.expect(200);
    let plan = json!({"summary": "SECRET-PLAN"});
    coordinator.put(&format!("/v1/clients/{ALMA}/care-plan"), &plan).await.expect(200);
    let reason = json!({"reason": "SECRET-REASON"});
    coordinator.post(&format!("/v1/visits/{AIDES_VISIT}/cancel"), &reason).await.expect(200);

    let nurse = app.nurse().await;
    let visit = format!("/v1/visits/{NURSES_VISIT}");
    let here = json!({"latitude": 43.6598, "longitude": -79.38, "at": Timestamp::now()});
    nurse.post(&format!("{visit}/check-in"), &here).await.expect(200);
    let vitals = json!({"completed": true, "outcome": "SECRET-OUTCOME",
        "data": {"blood_pressure": {"systolic": 191, "diastolic": 117, "unit": "mmHg"}}});
    nurse.patch(&format!("{visit}/tasks/{NURSES_VITALS}"), &vitals).await.expect(200);
    let meals = json!({"title": "SECRET-UNDONE", "data": {"note": "SECRET-TASK-NOTE"}});
    nurse.patch(&format!("{visit}/tasks/{NURSES_MEALS}"), &meals).await.expect(200);
    let notes = json!({"notes": "SECRET-NOTES", "family_note": "A good morning."});
    nurse.patch(&visit, &notes).await.expect(200);

    let photo = |caption: &str, owner: &str, shared: bool, status: &str| {
        format!(
            "insert into photos (id, agency_id, {owner}, kind, shared_with_family, object_key, content_type, bytes,
               sha256, status, caption, redrawn)
             values (gen_random_uuid(), '{AGENCY_A}', '{}', 'photo', {shared}, 'SECRET-KEY', 'image/jpeg', 1,
               decode(repeat('00', 32), 'hex'), '{status}', '{caption}', true);",
            if owner == "visit_id" { NURSES_VISIT } else { ALMA }
        )
    };
    let photos = [
        photo("Shared of the client", "client_id", true, "stored"),
        photo("Shared of the visit", "visit_id", true, "stored"),
        photo("SECRET-UNSHARED", "client_id", false, "stored"),
        photo("SECRET-UNSHARED", "visit_id", false, "stored"),
        photo("SECRET-PENDING", "client_id", true, "pending"),
    ]
    .concat();
    let alert = format!(
        "insert into alerts (id, agency_id, client_id, raised_by, severity, reason, message)
         values (gen_random_uuid(), '{AGENCY_A}', '{ALMA}', '{}', 'high', 'SECRET-ALERT', 'SECRET-MESSAGE')",
        NURSE.id
    );
    app.database.write(AGENCY_A, &(photos + &alert)).await;
}

#[tokio::test]
async fn a_family_reads_what_is_meant_for_it_and_nothing_else() {
    let app = TestApp::new().await;
    document_alma(&app).await;
    let family = app.family().await;
    let view = family.get(&format!("/v1/family/clients/{ALMA}")).await.expect(200);
    assert_eq!(view["photos"], json!([]), "Alma has not consented to photos");
    let coordinator = app.coordinator().await;
    coordinator.post(&format!("/v1/clients/{ALMA}/consents"), &consent("photos", true)).await.expect(201);

    let view = family.get(&format!("/v1/family/clients/{ALMA}")).await.expect(200);
    assert_eq!(keys(&view), BTreeSet::from(FAMILYS_VIEW));
    let visits = view["visits"].as_array().unwrap();
    assert_eq!(visits.len(), 2, "{view}");
    for visit in visits {
        assert_eq!(keys(visit), BTreeSet::from(FAMILYS_VISIT));
    }
    let visit = visits.iter().find(|visit| visit["id"] == NURSES_VISIT.to_string()).unwrap();
    assert_eq!(visit["family_note"], "A good morning.");
    assert_eq!(visit["tasks_done"], json!(["Do vitals"]));
    assert_eq!(visit["caregiver_first_name"], "First");
    let photos = view["photos"].as_array().unwrap();
    let captions: BTreeSet<_> = photos.iter().map(|photo| photo["caption"].as_str().unwrap()).collect();
    assert_eq!(captions, BTreeSet::from(["Shared of the client", "Shared of the visit"]));
    for photo in photos {
        assert_eq!(keys(photo), BTreeSet::from(FAMILYS_PHOTO));
    }
    let list = family.get("/v1/family/clients").await.expect(200);
    assert_eq!(list["items"], json!([{"id": ALMA, "first_name": "Alma"}]));

    let nurses_phone = format!("+1416555{:04}", NURSE.id.as_u128());
    let secrets = [
        "SECRET",
        "systolic",
        "latitude",
        "Main Street",
        "1940-02-29",
        "+14165550123",
        "+14165550177",
        &nurses_phone,
        NURSE.email,
        AIDE.email,
    ];
    assert_nowhere(&secrets, &everything_read(&app, Role::Family, &family).await);
    // Coordinators, who may read all that, see the same here.
    let seen = coordinator.get(&format!("/v1/family/clients/{ALMA}")).await.expect(200);
    assert_eq!(seen, view);
}

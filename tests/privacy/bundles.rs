//! What a client's records become in FHIR.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::export::as_fhir;
use crate::harness::{
    Client, TestApp,
    fixtures::{ALMA, COORDINATOR, FAMILY, NURSE, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS},
};

/// Resources of this type, by id.
pub fn resources<'a>(bundle: &'a Value, kind: &str) -> Vec<&'a Value> {
    let entries = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    entries.filter(|resource| resource["resourceType"] == kind).collect()
}

#[allow(clippy::needless_pass_by_value, reason = "ids are small, and read better bare")]
pub fn resource<'a>(bundle: &'a Value, kind: &str, id: impl ToString) -> &'a Value {
    let id = id.to_string();
    resources(bundle, kind).into_iter().find(|resource| resource["id"] == id).unwrap_or_else(|| panic!("{kind}/{id}"))
}

/// What no FHIR document may have: null, emptiness, an id twice, and a reference to what isn't there.
pub fn faults_of(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().unwrap();
    let mut known = BTreeSet::new();
    let mut faults = Vec::new();
    for entry in entries {
        let resource = &entry["resource"];
        let id = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        assert_eq!(entry["fullUrl"], format!("https://berthcare.ca/fhir/{id}"));
        if !known.insert(id.clone()) {
            faults.push(format!("{id} stands in it twice"));
        }
    }
    for entry in entries {
        look(&entry["resource"], &known, "", &mut faults);
    }
    faults
}

fn look(value: &Value, known: &BTreeSet<String>, at: &str, faults: &mut Vec<String>) {
    match value {
        Value::Null => faults.push(format!("{at} is null")),
        Value::String(text) if text.trim().is_empty() => faults.push(format!("{at} is blank")),
        Value::String(text) if at.ends_with("/reference") && !text.starts_with('#') && !known.contains(text) => {
            faults.push(format!("{at} refers to {text}, which isn't there"));
        }
        Value::Array(items) => {
            if items.is_empty() {
                faults.push(format!("{at} is empty"));
            }
            for item in items {
                look(item, known, at, faults);
            }
        }
        Value::Object(fields) => {
            if fields.is_empty() {
                faults.push(format!("{at} is empty"));
            }
            for (name, field) in fields {
                look(field, known, &format!("{at}/{name}"), faults);
            }
        }
        _ => {}
    }
}

async fn export(coordinator: &Client) -> Value {
    let bundle = as_fhir(coordinator, ALMA).await.expect(200);
    assert_eq!(faults_of(&bundle), Vec::<String>::new());
    bundle
}

/// Adds a dose to the nurse's visit, with this outcome; its id.
async fn dose(nurse: &Client, data: Value) -> Uuid {
    let id = Uuid::now_v7();
    let task = json!({"id": id, "task_type": "medication", "title": "Morning pill", "completed": true, "data": data});
    nurse.post(&format!("/v1/visits/{NURSES_VISIT}/tasks"), &task).await.expect(201);
    id
}

#[tokio::test]
async fn vital_signs_are_observations_in_loinc_and_ucum() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let data = json!({"blood_pressure": {"systolic": 128, "diastolic": 78, "unit": "mmHg"},
        "heart_rate": {"value": 72, "unit": "bpm"}, "temperature": {"value": 36.8, "unit": "°C"},
        "oxygen_saturation": {"value": 97, "unit": "%"}, "glucose": {"value": 5.4, "unit": "mmol/L"},
        "pain": {"value": 3, "unit": "/10"}, "weight": {"value": 61.2, "unit": "kg"}});
    let vitals = format!("/v1/visits/{NURSES_VISIT}/tasks/{NURSES_VITALS}");
    nurse.patch(&vitals, &json!({"completed": true, "data": data})).await.expect(200);
    let bundle = export(&coordinator).await;
    for (kind, loinc, value, unit) in [
        ("heart-rate", "8867-4", 72.0, "/min"),
        ("temperature", "8310-5", 36.8, "Cel"),
        ("oxygen-saturation", "2708-6", 97.0, "%"),
        ("glucose", "15074-8", 5.4, "mmol/L"),
        ("pain", "72514-3", 3.0, "{score}"),
        ("weight", "29463-7", 61.2, "kg"),
    ] {
        let observation = resource(&bundle, "Observation", format!("{NURSES_VITALS}-{kind}"));
        assert_eq!(observation["code"]["coding"][0]["code"], loinc);
        let quantity = &observation["valueQuantity"];
        assert_eq!((&quantity["value"], &quantity["code"]), (&json!(value), &json!(unit)), "{kind}");
        assert_eq!(quantity["system"], "http://unitsofmeasure.org");
        assert_eq!(observation["status"], "final");
        assert_eq!(observation["encounter"]["reference"], format!("Encounter/{NURSES_VISIT}"));
    }
    let pressure = resource(&bundle, "Observation", format!("{NURSES_VITALS}-blood-pressure"));
    assert_eq!(pressure["code"]["coding"][0]["code"], "85354-9");
    let components = pressure["component"].as_array().unwrap().iter().map(|component| {
        (
            &component["code"]["coding"][0]["code"],
            &component["valueQuantity"]["value"],
            &component["valueQuantity"]["code"],
        )
    });
    let (unit, values) = (json!("mm[Hg]"), (json!(128.0), json!(78.0)));
    assert_eq!(
        components.collect::<Vec<_>>(),
        [(&json!("8480-6"), &values.0, &unit), (&json!("8462-4"), &values.1, &unit)]
    );
    let oxygen = resource(&bundle, "Observation", format!("{NURSES_VITALS}-oxygen-saturation"));
    assert_eq!(oxygen["code"]["coding"][1]["code"], "59408-5");

    nurse.delete(&vitals).await.expect(204);
    let bundle = export(&coordinator).await;
    let pressure = resource(&bundle, "Observation", format!("{NURSES_VITALS}-blood-pressure"));
    assert_eq!(pressure["status"], "entered-in-error");
    assert_eq!(resource(&bundle, "Procedure", NURSES_VITALS)["status"], "entered-in-error");
}

#[tokio::test]
async fn a_dose_not_taken_says_why() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let given = dose(&nurse, json!({"name": "Metformin", "dose": "500 mg", "route": "oral", "outcome": "given"})).await;
    let refused = json!({"name": "Metformin", "dose": "one tablet", "route": "oral", "outcome": "refused",
        "reason": "nausea"});
    let refused = dose(&nurse, refused).await;
    let own = json!({"name": "Insulin", "dose": "4 units", "route": "sc", "outcome": "self_administered"});
    let own = dose(&nurse, own).await;
    let bundle = export(&coordinator).await;
    let of = |id: Uuid| resource(&bundle, "MedicationAdministration", id);
    assert_eq!(of(given)["status"], "completed");
    assert_eq!(
        of(given)["dosage"]["dose"],
        json!({"value": 500.0, "unit": "mg", "code": "mg",
        "system": "http://unitsofmeasure.org"})
    );
    assert_eq!(of(given)["performer"][0]["actor"]["reference"], format!("Practitioner/{}", NURSE.id));
    assert_eq!(of(refused)["status"], "not-done");
    assert_eq!(of(refused)["statusReason"][0]["text"], "Refused: nausea");
    assert_eq!(of(refused)["dosage"]["text"], "one tablet");
    assert_eq!(of(refused)["dosage"]["dose"]["value"], Value::Null);
    assert_eq!(of(own)["status"], "completed");
    assert_eq!(of(own)["performer"][0]["actor"]["reference"], format!("Patient/{ALMA}"));
}

#[tokio::test]
async fn a_task_that_was_left_was_not_done_and_says_why() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let path = format!("/v1/visits/{NURSES_VISIT}");
    // Before the visit it waits.
    let status = |bundle: &Value, task: Uuid| resource(bundle, "Procedure", task)["status"].clone();
    assert_eq!(status(&export(&coordinator).await, NURSES_MEALS), "preparation");
    nurse.post(&format!("{path}/check-in"), &json!({"at": Timestamp::now()})).await.expect(200);
    nurse.patch(&format!("{path}/tasks/{NURSES_MEALS}"), &json!({"outcome": "not hungry"})).await.expect(200);
    nurse.post(&format!("{path}/check-out"), &json!({"at": Timestamp::now()})).await.expect(200);
    let bundle = export(&coordinator).await;
    let (meals, vitals) = (resource(&bundle, "Procedure", NURSES_MEALS), resource(&bundle, "Procedure", NURSES_VITALS));
    assert_eq!((&meals["status"], &vitals["status"]), (&json!("not-done"), &json!("not-done")));
    assert_eq!(meals["statusReason"]["text"], "not hungry");
    assert_eq!(vitals["statusReason"]["coding"][0]["code"], "unknown");
    let encounter = resource(&bundle, "Encounter", NURSES_VISIT);
    assert_eq!((&encounter["status"], &encounter["class"]["code"]), (&json!("finished"), &json!("HH")));
}

#[tokio::test]
async fn a_care_plans_version_replaces_the_one_before_which_is_revoked() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    for goal in ["Stand", "Walk", "Walk far"] {
        let plan = json!({"summary": "Hip", "goals": [goal], "allergies": ["penicillin"], "instructions": ["Feet"],
            "medications": [{"name": "Metformin", "dose": "500 mg", "route": "oral", "schedule": "breakfast"}]});
        coordinator.put(&format!("/v1/clients/{ALMA}/care-plan"), &plan).await.expect(200);
    }
    let bundle = export(&coordinator).await;
    let plans: Vec<_> = (1..=3).map(|n| resource(&bundle, "CarePlan", format!("{ALMA}-plan-{n}"))).collect();
    let statuses: Vec<_> = plans.iter().map(|plan| plan["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["revoked", "revoked", "active"]);
    assert_eq!(plans[0]["replaces"], Value::Null);
    assert_eq!(plans[2]["replaces"][0]["reference"], format!("CarePlan/{ALMA}-plan-2"));
    assert_eq!(plans[1]["contained"][0]["description"]["text"], "Walk");
    assert_eq!(plans[1]["author"]["reference"], format!("Practitioner/{}", COORDINATOR.id));
}

#[tokio::test]
async fn people_alerts_and_consents_are_what_they_are() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let alert = json!({"id": Uuid::now_v7(), "client_id": ALMA, "severity": "critical", "reason": "fall"});
    nurse.post("/v1/alerts", &alert).await.expect(201);
    let withdrawn = json!({"kind": "family_sharing", "granted": false, "method": "by phone",
        "given_by": {"who": "substitute", "name": "Paul Tremblay", "relation": "son, power of attorney"}});
    coordinator.post(&format!("/v1/clients/{ALMA}/consents"), &withdrawn).await.expect(201);
    let bundle = export(&coordinator).await;
    let issue = resource(&bundle, "DetectedIssue", alert["id"].as_str().unwrap());
    assert_eq!((&issue["severity"], &issue["status"]), (&json!("high"), &json!("preliminary")));
    assert_eq!(issue["extension"][0]["valueCode"], "critical");
    let mut consents: Vec<_> = resources(&bundle, "Consent")
        .into_iter()
        .map(|it| {
            assert_eq!(it["policyRule"]["coding"][0]["system"], "http://terminology.hl7.org/CodeSystem/v3-ActCode");
            (
                it["provision"]["code"][0]["coding"][0]["code"].as_str().unwrap(),
                it["provision"]["type"].as_str().unwrap(),
            )
        })
        .collect();
    consents.sort_unstable();
    assert_eq!(consents, [("data_collection", "permit"), ("family_sharing", "deny"), ("family_sharing", "permit")]);
    let text = bundle.to_string();
    assert!(text.contains("Paul Tremblay") && text.contains("son, power of attorney"));
    resource(&bundle, "RelatedPerson", FAMILY.id);
    let role = resource(&bundle, "PractitionerRole", format!("{}-role", NURSE.id));
    assert_eq!(role["code"][0]["coding"][0]["code"], "nurse");
    for event in resources(&bundle, "AuditEvent") {
        assert!(event["subtype"][0]["code"].is_string() && event["recorded"].as_str().unwrap().ends_with('Z'));
    }
}

#[tokio::test]
async fn a_former_note_stays_readable_in_the_provenance_of_its_change() {
    let app = TestApp::new().await;
    let (nurse, coordinator) = (app.nurse().await, app.coordinator().await);
    let path = format!("/v1/visits/{NURSES_VISIT}");
    nurse.patch(&path, &json!({"notes": "Pulse high"})).await.expect(200);
    nurse.patch(&path, &json!({"notes": "Calm"})).await.expect(200);
    let bundle = export(&coordinator).await;
    let change = resource(&bundle, "Provenance", format!("{NURSES_VISIT}-visit-note-2"));
    assert_eq!(change["target"][0]["reference"], format!("DocumentReference/{NURSES_VISIT}-note"));
    assert_eq!(change["agent"][0]["who"]["reference"], format!("Practitioner/{}", NURSE.id));
    let former = &change["contained"][0]["content"][0]["attachment"]["data"];
    let former = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, former.as_str().unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&former).unwrap(), json!({"text": "Pulse high"}));
}

#[tokio::test]
async fn resources_have_the_same_ids_at_each_export() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let addresses = |bundle: &Value| -> BTreeSet<String> {
        bundle["entry"].as_array().unwrap().iter().map(|entry| entry["fullUrl"].as_str().unwrap().to_owned()).collect()
    };
    let (first, second) = (export(&coordinator).await, export(&coordinator).await);
    // The second also has the first on its log, and who asked for it.
    let new: Vec<_> = addresses(&second).difference(&addresses(&first)).cloned().collect();
    assert!(addresses(&first).is_subset(&addresses(&second)));
    assert!(new.iter().all(|url| url.contains("/AuditEvent/") || url.contains("/Practitioner")), "{new:?}");
    assert_eq!((&first["type"], &first["id"]), (&json!("collection"), &json!(ALMA)));
    assert!(first["timestamp"].as_str().unwrap().parse::<Timestamp>().is_ok());
}

#[tokio::test]
async fn a_health_card_is_an_identifier_typed_jhn() {
    let app = TestApp::new().await;
    // As an installation keeps it from the release on that does.
    let card = json!({"number": "9876543217", "province": "ON", "version": "AB"});
    app.database
        .superuser()
        .await
        .batch_execute(&format!(
            "alter table clients add column if not exists health_card jsonb;
             set session_replication_role = replica;
             update clients set health_card = '{card}' where id = '{ALMA}'"
        ))
        .await
        .unwrap();
    let bundle = export(&app.coordinator().await).await;
    let card = &resource(&bundle, "Patient", ALMA)["identifier"][1];
    assert_eq!(card["type"]["coding"][0]["code"], "JHN");
    assert_eq!(card["type"]["coding"][0]["system"], "http://terminology.hl7.org/CodeSystem/v2-0203");
    assert_eq!(card["system"], "https://fhir.infoway-inforoute.ca/NamingSystem/ca-on-patient-hcn");
    assert_eq!(card["value"], "9876543217AB");
}

/// The naming systems of health numbers, by province and territory, below
/// `https://fhir.infoway-inforoute.ca/NamingSystem/`: as Ontario's guides for FHIR list them (MICDR, "System URIs").
const NAMING_SYSTEMS: [(&str, &str); 13] = [
    ("AB", "ca-ab-patient-healthcare-id"),
    ("BC", "ca-bc-patient-healthcare-id"),
    ("MB", "ca-mb-patient-healthcare-id"),
    ("NB", "ca-nb-patient-healthcare-id"),
    ("NL", "ca-nl-patient-healthcare-id"),
    ("NS", "ca-ns-patient-healthcare-id"),
    ("NT", "ca-nt-patient-healthcare-id"),
    ("NU", "ca-nu-patient-healthcare-id"),
    ("ON", "ca-on-patient-hcn"),
    ("PE", "ca-pe-patient-healthcare-id"),
    ("QC", "ca-qc-patient-healthcare-id"),
    ("SK", "ca-sk-patient-healthcare-id"),
    ("YT", "ca-yt-patient-healthcare-id"),
];

#[tokio::test]
async fn each_provinces_health_card_names_its_registered_system() {
    let app = TestApp::new().await;
    let (coordinator, superuser) = (app.coordinator().await, app.database.superuser().await);
    let column =
        "alter table clients add column if not exists health_card jsonb; set session_replication_role = replica";
    superuser.batch_execute(column).await.unwrap();
    for (province, system) in NAMING_SYSTEMS {
        let card = json!({"number": "9876543217", "province": province});
        let sql = format!("update clients set health_card = '{card}' where id = '{ALMA}'");
        superuser.batch_execute(&sql).await.unwrap();
        let bundle = export(&coordinator).await;
        let identifier = &resource(&bundle, "Patient", ALMA)["identifier"][1];
        assert_eq!(identifier["system"], format!("https://fhir.infoway-inforoute.ca/NamingSystem/{system}"));
        assert_eq!(identifier["value"], "9876543217");
    }
}

//! From an empty database to the first documented visit, by commands, HTTP and what people read on their phones.

use jiff::{SignedDuration, Timestamp};
use jobs::{Deadline, JobName, Jobs};
use runtime::secrets::Secrets;
use serde_json::{Value, json};

use crate::harness::{Client, TestApp, providers::FakeProviders};

/// A new environment, and everybody's phones.
struct Installation {
    app: TestApp,
    phones: FakeProviders,
    jobs: Jobs,
}

impl Installation {
    async fn new() -> Self {
        let app = TestApp::empty().await;
        let phones = FakeProviders::start().await;
        let config = phones.config(&app).await;
        let jobs = Jobs::new(&config.jobs(), &Secrets::new(&app.aws, &config.environment), &app.aws);
        Self { app, phones, jobs }
    }

    /// The code in the newest SMS to this number, once what is owed was sent.
    async fn code_sent_to(&self, phone: &str) -> String {
        self.phones.clock.advance_to(Timestamp::now() + SignedDuration::from_secs(1));
        let dispatch = self.jobs.run_by(self.phones.clock.clock(), JobName::Dispatch, Deadline::when(|| false));
        dispatch.await.unwrap();
        let sent = self.phones.accepted();
        let text =
            &sent.iter().rfind(|sms| sms.to == phone).unwrap_or_else(|| panic!("nothing for {phone}")).form["Body"];
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(digits.len(), 8, "{text}");
        digits
    }

    /// Sets a first password with the code that came, and signs in with it.
    async fn arrive(&self, email: &str, phone: &str) -> Client {
        let code = self.code_sent_to(phone).await;
        let person = self.app.anonymous();
        let password = format!("the first password of {email}");
        let activation = json!({"email": email, "code": code, "password": password});
        assert_eq!(person.post("/v1/auth/activate", &activation).await.status, 204, "{email}");
        let session = person.login(email, &password).await.expect(200);
        person.with_tokens(&session)
    }

    /// Has `inviter` invite somebody, who arrives.
    async fn invite(&self, inviter: &Client, (role, email, phone): (&str, &str, &str)) -> (Value, Client) {
        let new = json!({"email": email, "phone": phone, "first_name": "Amara", "last_name": "Okafor", "role": role});
        let user = inviter.post("/v1/users", &new).await.expect(201);
        (user["id"].clone(), self.arrive(email, phone).await)
    }
}

#[tokio::test]
async fn an_empty_database_leads_to_the_first_documented_visit() {
    let installation = Installation::new().await;
    let migrated = installation.app.operate(json!({})).await.unwrap();
    assert!(!migrated["applied"].as_array().unwrap().is_empty());

    let (email, phone) = ("director@first.example.ca", "+14165550901");
    let opened = installation
        .app
        .operate(json!({"command": "create-agency", "name": "First Home Care", "time_zone": "America/Toronto",
            "locale": "fr-CA",
            "admin": {"email": email, "phone": phone, "first_name": "Dana", "last_name": "Singh"}}))
        .await
        .unwrap();
    assert_eq!(opened["created"], true);
    let admin = installation.arrive(email, phone).await;
    let me = admin.get("/v1/auth/me").await.expect(200);
    assert_eq!(
        (&me["role"], &me["locale"], &me["agency_id"]),
        (&json!("admin"), &json!("fr-CA"), &opened["agency"]["id"])
    );

    let people = [
        ("coordinator", "coordinator@first.example.ca", "+14165550902"),
        ("nurse", "nurse@first.example.ca", "+14165550903"),
    ];
    // An admin needs a second factor before anything else.
    assert_eq!(admin.get("/v1/users").await.problem(403), "second-factor-missing");
    let (admin, _) = admin.enrolled().await;
    let (_, coordinator) = installation.invite(&admin, people[0]).await;
    let (nurse_id, nurse) = installation.invite(&coordinator, people[1]).await;

    let address = json!({"street": "118 Roncesvalles Avenue", "city": "Toronto", "province": "ON",
        "postal_code": "M6R 2L2", "country": "CA"});
    let client =
        json!({"first_name": "Marguerite", "last_name": "Tremblay", "date_of_birth": "1938-04-12", "address": address});
    let client = coordinator.post("/v1/clients", &client).await.expect(201);
    let now = Timestamp::now();
    let visit = json!({"client_id": client["id"], "user_id": nurse_id, "scheduled_start": now,
        "scheduled_end": now + SignedDuration::from_mins(45)});
    let visit = coordinator.post("/v1/visits", &visit).await.expect(201);

    let path = format!("/v1/visits/{}", visit["id"].as_str().unwrap());
    nurse.post(&format!("{path}/check-in"), &json!({"at": Timestamp::now()})).await.expect(200);
    let task = json!({"task_type": "vitals", "title": "Pulse", "completed": true, "outcome": "done",
        "data": {"heart_rate": {"value": 72, "unit": "bpm"}}});
    nurse.post(&format!("{path}/tasks"), &task).await.expect(201);
    nurse.patch(&path, &json!({"notes": "Slept well."})).await.expect(200);
    nurse.post(&format!("{path}/check-out"), &json!({"at": Timestamp::now()})).await.expect(200);
    let documented = coordinator.get(&path).await.expect(200);
    assert_eq!((&documented["status"], &documented["notes"]), (&json!("completed"), &json!("Slept well.")));
    assert_eq!(documented["tasks"][0]["completed"], true);
}

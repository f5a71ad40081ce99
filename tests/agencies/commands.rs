//! An operator's commands: what they do once, what they refuse, and that nobody else carries them out.

use serde_json::{Value, json};

use crate::harness::{
    Client, TestApp,
    fixtures::{ADMIN, AGENCY_A, NURSE},
};

fn create(name: &str, email: &str, phone: &str) -> Value {
    json!({"command": "create-agency", "name": name, "time_zone": "America/St_Johns",
        "admin": {"email": email, "phone": phone, "first_name": "Dana", "last_name": "Singh"}})
}

async fn refused(app: &TestApp, command: Value) -> String {
    app.operate(command.clone()).await.expect_err(&command.to_string()).to_string()
}

/// The agencies by name.
async fn listed(app: &TestApp) -> Vec<Value> {
    app.operate(json!({"command": "list-agencies"})).await.unwrap()["agencies"].as_array().unwrap().clone()
}

/// The admin that a command invited, with a password and a second factor and signed in, and the recovery codes.
async fn arrive(app: &TestApp, email: &str, phone: &str) -> (Client, Vec<String>) {
    let code = app.newest_code(phone).await;
    let admin = app.anonymous();
    let activation = json!({"email": email, "code": code, "password": "an admin's first password"});
    assert_eq!(admin.post("/v1/auth/activate", &activation).await.status, 204);
    let session = admin.login(email, "an admin's first password").await.expect(200);
    admin.with_tokens(&session).enrolled().await
}

#[tokio::test]
async fn of_thirty_agencies_a_suspended_one_is_shut_out_and_a_renamed_one_goes_on() {
    let app = TestApp::new().await;
    let (mut ids, mut admins) = (Vec::new(), Vec::new());
    for number in 0..30 {
        let (email, phone) = (format!("admin@agency{number}.example.ca"), format!("+141655510{number:02}"));
        let opened = app.operate(create(&format!("Agency number {number:02}"), &email, &phone)).await.unwrap();
        ids.push(opened["agency"]["id"].clone());
        admins.push(arrive(&app, &email, &phone).await);
    }
    // The two of the fixtures besides.
    assert_eq!(listed(&app).await.len(), 32);
    for ((admin, _), id) in admins.iter().zip(&ids) {
        let users = admin.get("/v1/users").await.expect(200);
        assert_eq!(users["items"].as_array().unwrap().len(), 1, "of their own agency alone");
        assert_eq!(users["items"][0]["agency_id"], *id);
    }

    let suspended = app.operate(json!({"command": "suspend-agency", "id": ids[7]})).await.unwrap();
    assert!(suspended["agency"]["suspended_at"].is_string());
    let renamed = json!({"command": "rename-agency", "id": ids[8], "name": "Harbour, renamed"});
    assert_eq!(app.operate(renamed).await.unwrap()["agency"]["name"], "Harbour, renamed");

    for (number, (admin, _)) in admins.iter().enumerate() {
        if number == 7 {
            admin.must_be_out().await;
        } else {
            admin.get("/v1/auth/me").await.expect(200);
        }
    }
    for (number, status) in [(6, 200), (7, 401), (8, 200)] {
        let (email, (admin, codes)) = (format!("admin@agency{number}.example.ca"), &admins[number]);
        let login = admin.login_with(&email, "an admin's first password", ("recovery_code", &codes[0])).await;
        assert_eq!(login.status, status, "agency {number}");
    }
    let now = listed(&app).await;
    let of = |id: &Value| now.iter().find(|agency| agency["id"] == *id).unwrap();
    assert_eq!(now.iter().filter(|agency| !agency["suspended_at"].is_null()).count(), 1);
    assert_eq!((&of(&ids[8])["name"], &of(&ids[9])["name"]), (&json!("Harbour, renamed"), &json!("Agency number 09")));
    assert_eq!(of(&ids[8])["active_users"], 1);
}

#[tokio::test]
async fn an_agency_is_opened_once_however_often_it_is_asked_for() {
    let app = TestApp::new().await;
    let command = create("Once", "Admin@once.example.ca", "+14165551001");
    let first = app.operate(command).await.unwrap();
    let again = app.operate(create("Once", "admin@ONCE.example.ca", "+14165551001")).await.unwrap();
    assert_eq!((&first["created"], &again["created"]), (&json!(true), &json!(false)));
    assert_eq!((&first["agency"], &first["admin"]), (&again["agency"], &again["admin"]));
    assert_eq!(app.database.count("select count(*) from messages").await, 1, "one invitation");
    assert_eq!(app.database.count("select count(*) from audit_log where action = 'agency.create'").await, 1);
}

#[tokio::test]
async fn two_commands_at_once_open_one_agency() {
    let app = TestApp::new().await;
    let command = || app.operate(create("Once", "admin@once.example.ca", "+14165551001"));
    let (one, other) = tokio::join!(command(), command());
    assert!(one.is_ok() || other.is_ok());
    assert_eq!(app.database.count("select count(*) from agencies where name = 'Once'").await, 1);
    assert_eq!(app.database.count("select count(*) from messages").await, 1);
}

#[tokio::test]
async fn an_address_that_somebody_has_opens_nothing() {
    let app = TestApp::new().await;
    for email in [NURSE.email, ADMIN.email] {
        assert!(refused(&app, create("Theirs", email, "+14165551001")).await.contains("already"));
    }
    assert_eq!(app.database.count("select count(*) from agencies").await, 2);
}

#[tokio::test]
async fn whoever_is_of_a_suspended_agency_gets_in_by_no_way() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let newcomer = app.anonymous();
    newcomer.post("/v1/auth/forgot", &json!({"email": NURSE.email})).await.expect(202);
    let code = app.newest_code_of(NURSE.id).await;

    app.operate(json!({"command": "suspend-agency", "id": AGENCY_A})).await.unwrap();
    nurse.must_be_out().await;
    assert_eq!(nurse.get("/v1/sync?last_pulled_at=0&schema_version=2").await.problem(401), "session-ended");
    let refresh = json!({"refresh_token": nurse.refresh_token, "device_id": nurse.device_id});
    assert_eq!(nurse.post("/v1/auth/refresh", &refresh).await.status, 401);
    let activation = json!({"email": NURSE.email, "code": code, "password": "a brand new password"});
    assert_eq!(newcomer.post("/v1/auth/activate", &activation).await.problem(401), "bad-credentials");
    newcomer.post("/v1/auth/forgot", &json!({"email": NURSE.email})).await.expect(202);
    assert_eq!(app.database.count("select count(*) from messages").await, 1, "no new code");

    app.operate(json!({"command": "resume-agency", "id": AGENCY_A})).await.unwrap();
    nurse.must_be_out().await;
    app.nurse().await.get("/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_session_that_was_being_made_meanwhile_is_refused_all_the_same() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let database = app.database.superuser().await;
    // As a sign-in finds it that asked who it is before, and goes on after: no session was ended for it.
    database.batch_execute(&format!("update agencies set suspended_at = now() where id = '{AGENCY_A}'")).await.unwrap();
    assert_eq!(nurse.get("/v1/auth/me").await.problem(401), "session-ended");
    let start = format!(
        "select app.start_session('{}', gen_random_uuid(), gen_random_uuid(), 'Phone', 'ios', '1.0.0', false, null,
           null)",
        NURSE.id
    );
    assert_eq!(database.query_typed(&start, &[]).await.unwrap()[0].get::<_, String>(0), "ended");
}

#[tokio::test]
async fn each_command_is_audited_once_and_what_is_so_already_is_not_done_again() {
    let app = TestApp::new().await;
    for (command, action) in [
        (json!({"command": "rename-agency", "id": AGENCY_A, "name": "Other"}), "agency.rename"),
        (json!({"command": "suspend-agency", "id": AGENCY_A}), "agency.suspend"),
        (json!({"command": "resume-agency", "id": AGENCY_A}), "agency.resume"),
        (json!({"command": "set-retention", "id": AGENCY_A, "retention_years": 15}), "agency.set_retention"),
    ] {
        let first = app.operate(command.clone()).await.unwrap();
        assert_eq!(app.operate(command).await.unwrap(), first, "{action}");
        let audited = format!(
            "select count(*) from audit_log where action = '{action}' and agency_id = '{AGENCY_A}'
             and resource_id = '{AGENCY_A}' and request_id = 'an-operators-request' and actor_id is null"
        );
        assert_eq!(app.database.count(&audited).await, 1, "{action}");
    }
    assert_eq!(listed(&app).await.iter().find(|agency| agency["name"] == "Other").unwrap()["retention_years"], 15);
}

#[tokio::test]
async fn a_wrong_command_is_refused_with_every_fault_and_changes_nothing() {
    let app = TestApp::new().await;
    let nobody = "00000000-0000-7000-8000-000000000000";
    for (command, told) in [
        (json!({"command": "close-agency", "id": AGENCY_A}), vec!["none of create-agency"]),
        (json!({"command": 1}), vec!["none of create-agency"]),
        (
            json!({"command": "create-agency", "name": "", "admin": {"email": "nobody"}}),
            vec!["#/name ", "#/time_zone is required", "#/admin/email", "#/admin/phone is required"],
        ),
        (json!({"command": "suspend-agency", "id": nobody}), vec!["no such agency"]),
        (json!({"command": "suspend-agency", "id": AGENCY_A, "why": "unpaid"}), vec!["#/why is not a known field"]),
        (json!({"command": "rename-agency", "id": AGENCY_A, "name": "N".repeat(201)}), vec!["#/name"]),
        (json!({"command": "set-retention", "id": AGENCY_A, "retention_years": 1}), vec!["#/retention_years"]),
        (json!({"command": "list-agencies", "all": true}), vec!["takes nothing else"]),
    ] {
        let fault = refused(&app, command.clone()).await;
        for expected in told {
            assert!(fault.contains(expected), "{command}: {fault}");
        }
    }
    let mut command = create("Mars Home Care", "admin@mars.example.ca", "+14165551001");
    // Nor an abbreviation, or rules of one's own, which PostgreSQL would take.
    for zone in ["Mars/Olympus_Mons", "EST", "EST5EDT,M3.2.0,M11.1.0", "America/Torontoo5", ""] {
        command["time_zone"] = json!(zone);
        assert!(refused(&app, command.clone()).await.contains("#/time_zone"), "{zone}");
    }
    let changed = "select count(*) from audit_log where action like 'agency.%'";
    assert_eq!(app.database.count(changed).await, 0);
    assert_eq!(app.database.count("select count(*) from agencies").await, 2);
}

#[tokio::test]
async fn the_application_is_no_operator() {
    let app = TestApp::new().await;
    let role = app.database.connect_as("berthcare_app").await;
    for sql in [
        format!("select app.act_as_operator('{AGENCY_A}', null)"),
        format!("update agencies set suspended_at = now() where id = '{AGENCY_A}'"),
        "insert into agencies (id, name, time_zone) values (gen_random_uuid(), 'Mine', 'UTC')".into(),
    ] {
        let error = role.batch_execute(&sql).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{sql}");
    }
}

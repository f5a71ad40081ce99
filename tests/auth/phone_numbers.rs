//! Moving an account: its number, address and role. Whoever holds an access token for a quarter of an hour doesn't keep
//! the account.

use serde_json::{Value, json};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::harness::{
    Client, TestApp,
    fixtures::{ADMIN, COORDINATOR, FAMILY, NEW_PASSWORD, NURSE, OTHER_NURSE, Person},
};

const NEW: &str = "+14165550998";
const OTHER: &str = "+14165550997";

fn old(person: &Person) -> String {
    format!("+1416555{:04}", person.id.as_u128())
}

impl TestApp {
    /// Templates of the messages to a number, oldest first.
    async fn told(&self, phone: &str) -> Vec<String> {
        let rows = self
            .database
            .superuser()
            .await
            .query_typed(
                "select template from messages where recipient = $1 order by created_at, id",
                &[(&phone, Type::TEXT)],
            )
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Who did it and its details, of each such entry, oldest first.
    async fn on_record(&self, action: &str, user: Uuid) -> Vec<(Option<Uuid>, Value)> {
        let sql = "select actor_id, details from audit_log where action = $1 and resource_id = $2 order by at, id";
        let client = self.database.superuser().await;
        let rows = client.query_typed(sql, &[(&action, Type::TEXT), (&user, Type::UUID)]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    async fn confirm(&self, client: &Client, phone: &str) -> Value {
        let code = self.newest_code(phone).await;
        client.post("/v1/auth/phone/confirm", &json!({"code": code})).await.expect(200)
    }
}

#[tokio::test]
async fn a_new_number_counts_once_it_is_confirmed_and_the_old_one_is_told() {
    let app = TestApp::new().await;
    for person in [&NURSE, &FAMILY] {
        let client = app.sign_in(person).await;
        let new = if person.id == NURSE.id { NEW } else { OTHER };
        let asked = client.patch("/v1/auth/me", &json!({"phone": new})).await.expect(200);
        assert_eq!((&asked["phone"], &asked["pending_phone"]), (&json!(old(person)), &json!(new)));
        assert_eq!(app.told(new).await, ["one_time_code"]);
        assert_eq!(app.told(&old(person)).await, [""; 0]);

        let code = app.newest_code(new).await;
        let wrong = if code == "00000000" { "00000001" } else { "00000000" };
        let refused = client.post("/v1/auth/phone/confirm", &json!({"code": wrong})).await;
        assert_eq!(refused.faults(), ["#/code"]);
        // It sets no password.
        let activate = json!({"email": person.email, "code": code, "password": NEW_PASSWORD});
        app.anonymous().post("/v1/auth/activate", &activate).await.expect(401);

        let confirmed = app.confirm(&client, new).await;
        assert_eq!((&confirmed["phone"], &confirmed["pending_phone"]), (&json!(new), &Value::Null));
        assert_eq!(app.told(&old(person)).await, ["phone_changed"]);
        client.post("/v1/auth/phone/confirm", &json!({"code": code})).await.expect(409);
        let change = json!({"phone": {"from": old(person), "to": new}});
        assert_eq!(app.on_record("user.phone_confirmed", person.id).await, [(Some(person.id), change)]);
    }
}

#[tokio::test]
async fn a_stolen_access_token_moves_no_account() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let thief = app.aged(&nurse, "11 minutes").await;
    assert_eq!(thief.patch("/v1/auth/me", &json!({"phone": NEW})).await.problem(401), "step-up-required");
    // Names and language may be changed.
    thief.patch("/v1/auth/me", &json!({"first_name": "Renamed", "phone": old(&NURSE)})).await.expect(200);
    assert_eq!(app.told(NEW).await, [""; 0]);
}

#[tokio::test]
async fn for_a_day_codes_for_a_new_password_go_to_the_old_number() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    for new in [NEW, OTHER] {
        nurse.patch("/v1/auth/me", &json!({"phone": new})).await.expect(200);
        app.confirm(&nurse, new).await;
    }
    let forgot = json!({"email": NURSE.email});
    // Also after two changes: to the one from before them all.
    app.anonymous().post("/v1/auth/forgot", &forgot).await.expect(202);
    assert_eq!(app.told(&old(&NURSE)).await, ["phone_changed", "one_time_code"]);
    let later = "update users set phone_changed_at = phone_changed_at - interval '1 day'";
    app.database.superuser().await.batch_execute(later).await.unwrap();
    app.anonymous().post("/v1/auth/forgot", &forgot).await.expect(202);
    assert_eq!(app.told(OTHER).await, ["one_time_code", "one_time_code"]);
}

#[tokio::test]
async fn a_coordinator_moves_no_account_to_a_number_of_their_own() {
    let app = TestApp::new().await;
    let (coordinator, nurse) = (app.coordinator().await, app.nurse().await);
    let path = format!("/v1/users/{}", NURSE.id);
    let asked = coordinator.patch(&path, &json!({"phone": NEW})).await.expect(200);
    assert_eq!((&asked["phone"], &asked["pending_phone"]), (&json!(old(&NURSE)), &json!(NEW)));
    // The code reaches whoever has the number, and confirms for the user alone.
    let code = json!({"code": app.newest_code(NEW).await});
    coordinator.post("/v1/auth/phone/confirm", &code).await.expect(409);
    app.anonymous().post("/v1/auth/forgot", &json!({"email": NURSE.email})).await.expect(202);
    assert_eq!(app.told(NEW).await, ["one_time_code"]);
    let asked = json!({"pending_phone": {"from": null, "to": NEW}});
    assert_eq!(app.on_record("user.update", NURSE.id).await, [(Some(COORDINATOR.id), asked)]);
    app.confirm(&nurse, NEW).await;

    let late = app.aged(&coordinator, "11 minutes").await;
    for change in [json!({"phone": OTHER}), json!({"email": "moved@a.test"}), json!({"role": "care_aide"})] {
        assert_eq!(late.patch(&path, &change).await.problem(401), "step-up-required", "{change}");
    }
    late.patch(&path, &json!({"first_name": "Renamed"})).await.expect(200);
}

#[tokio::test]
async fn a_number_asked_for_later_or_withdrawn_is_not_confirmed_by_the_code_of_the_one_before() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    nurse.patch("/v1/auth/me", &json!({"phone": NEW})).await.expect(200);
    let code = json!({"code": app.newest_code(NEW).await});
    nurse.patch("/v1/auth/me", &json!({"phone": OTHER})).await.expect(200);
    assert_eq!(nurse.post("/v1/auth/phone/confirm", &code).await.faults(), ["#/code"]);
    let code = json!({"code": app.newest_code(OTHER).await});
    let withdrawn = nurse.patch("/v1/auth/me", &json!({"phone": old(&NURSE)})).await.expect(200);
    assert_eq!(withdrawn["pending_phone"], Value::Null);
    nurse.post("/v1/auth/phone/confirm", &code).await.expect(409);
}

#[tokio::test]
async fn both_sides_of_each_change_are_on_record_under_who_did_it() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let path = format!("/v1/users/{}", OTHER_NURSE.id);
    for change in [json!({"email": "moved@a.test"}), json!({"role": "care_aide"}), json!({"status": "suspended"})] {
        admin.patch(&path, &change).await.expect(200);
    }
    let expected = [
        json!({"email": {"from": OTHER_NURSE.email, "to": "moved@a.test"}}),
        json!({"role": {"from": "nurse", "to": "care_aide"}}),
        json!({"status": {"from": "active", "to": "suspended"}}),
    ];
    assert_eq!(app.on_record("user.update", OTHER_NURSE.id).await, expected.map(|change| (Some(ADMIN.id), change)));
}

#[tokio::test]
async fn a_mistyped_number_of_an_invitation_is_corrected_at_once_and_its_code_ends() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let user = json!({"email": "new@a.test", "phone": NEW, "first_name": "New", "last_name": "Nurse", "role": "nurse"});
    let id = coordinator.post("/v1/users", &user).await.expect(201)["id"].clone();
    let mistyped = app.newest_code(NEW).await;
    let path = format!("/v1/users/{}", id.as_str().unwrap());
    let corrected = coordinator.patch(&path, &json!({"phone": OTHER})).await.expect(200);
    assert_eq!((&corrected["phone"], &corrected["pending_phone"]), (&json!(OTHER), &Value::Null));
    let activate = |code: &str| json!({"email": "new@a.test", "code": code, "password": NEW_PASSWORD});
    app.anonymous().post("/v1/auth/activate", &activate(&mistyped)).await.expect(401);
    let code = app.newest_code(OTHER).await;
    assert_eq!(app.anonymous().post("/v1/auth/activate", &activate(&code)).await.status, 204);
}

#[tokio::test]
async fn the_database_takes_no_unconfirmed_number_of_an_active_account() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let owner = app.database.superuser().await;
    let sql = format!("select session_id::text from devices where id = '{}'", admin.device_id);
    let session: String = owner.query_typed(&sql, &[]).await.unwrap()[0].get(0);
    let act =
        format!("begin; select app.act_as('{}', '{}', '{session}', 'admin', null, null)", ADMIN.id, admin.device_id);
    let app_role = app.database.connect_as("berthcare_auth").await;
    for sql in [
        format!("update users set phone = '{NEW}' where id = '{}'", NURSE.id),
        format!("select app.confirm_phone('{}', null, '{NEW}', null, null)", NURSE.id),
    ] {
        let refused = app_role.batch_execute(&format!("{act}; {sql}")).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501", "{sql}");
        app_role.batch_execute("rollback").await.unwrap();
    }
}

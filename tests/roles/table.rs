//! Section 4 of the product as one table: what each role may do on each path, and to whose records.
//!
//! A row is a request. It is sent by a member of each role in turn, and by nobody, each time to the fixtures as it
//! was; a second test holds the rows and the documented operations equal.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use domain::identity::Role;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Answer, Client, TestApp,
    fixtures::{
        ADMIN, AGENCY_A, AGENCY_B, AIDE, AIDE_OF_ALMA, AIDES_MEALS, AIDES_VISIT, AIDES_VITALS, ALMA, BERNARD, CHLOE,
        CLIENT_B, FAMILY, NURSE, NURSE_B, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS, OTHER_ADMIN, OTHER_COORDINATOR,
        OTHER_NURSE, OTHER_NURSE_OF_BERNARD, OTHER_NURSES_VISIT, OTHER_NURSES_VITALS, PASSWORD, VISIT_B, of_role,
    },
};

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Any 2xx.
    Done,
    /// 403: the role, or somebody else's record that the caller may see, doesn't permit it.
    No,
    /// 404: not the caller's to know of.
    Gone,
    /// 401: not signed in, or not with what was given.
    Who,
    /// 422: names something that isn't the caller's to name.
    Bad,
}
use Outcome::{Bad, Done, Gone, No, Who};

impl Outcome {
    fn of(answer: &Answer) -> Result<Self, u16> {
        match answer.status {
            200..=299 => Ok(Self::Done),
            401 => Ok(Self::Who),
            403 => Ok(Self::No),
            404 => Ok(Self::Gone),
            422 => Ok(Self::Bad),
            other => Err(other),
        }
    }
}

/// Who sends a row's request, in the order of its outcomes.
const SENDERS: [Option<Role>; 6] =
    [Some(Role::Admin), Some(Role::Coordinator), Some(Role::Nurse), Some(Role::CareAide), Some(Role::Family), None];

/// The column of those who aren't signed in.
const NOBODYS: usize = 5;

/// One request, and what comes of it by sender. Names in braces stand for what [`Names`] knows.
struct Row {
    request: &'static str,
    body: &'static str,
    outcomes: [Outcome; 6],
    /// What a coordinator does first, so that the request makes sense.
    first: Option<(&'static str, &'static str)>,
}

const fn row(outcomes: [Outcome; 6], request: &'static str, body: &'static str) -> Row {
    Row { request, body, outcomes, first: None }
}

impl Row {
    const fn after(self, request: &'static str, body: &'static str) -> Self {
        Self { first: Some((request, body)), ..self }
    }

    fn method(&self) -> &'static str {
        self.request.split_once(' ').unwrap().0
    }

    /// The path without its query and its names: `/v1/clients/{}`.
    fn operation(&self) -> (String, String) {
        let path = self.request.split_once(' ').unwrap().1.split('?').next().unwrap();
        (self.method().to_owned(), nameless(path))
    }
}

fn nameless(path: &str) -> String {
    let segments: Vec<_> = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
    segments.join("/")
}

const LOGIN: &str = r#"{"email": "nurse@a.test", "password": "{password}",
    "device": {"id": "{new}", "name": "Phone", "platform": "ios", "app_version": "1"}}"#;
const FORGOTTEN: &str = r#"{"email": "aide@a.test"}"#;
const ACTIVATION: &str = r#"{"email": "aide@a.test", "code": "{code}", "password": "another password"}"#;
const BAD_ACTIVATION: &str = r#"{"email": "aide@a.test", "code": "00000000", "password": "another password"}"#;
const REFRESH: &str = r#"{"refresh_token": "{own_refresh_token}", "device_id": "{own_device}"}"#;
const PASSWORDS: &str = r#"{"current_password": "{password}", "new_password": "another password"}"#;
const WRONG_PASSWORDS: &str = r#"{"current_password": "not the password", "new_password": "another password"}"#;
const PUSH_TOKEN: &str = r#"{"push_token": "ExponentPushToken[abc]"}"#;
const CLIENT: &str = r#"{"first_name": "Zoé", "last_name": "Roy", "date_of_birth": "1941-05-06",
    "address": {"street": "1 Main", "city": "Toronto", "province": "ON", "postal_code": "M5V 2T6"}}"#;
const CONSENT: &str = r#"{"kind": "photos", "granted": true, "method": "signed form"}"#;
const JOINING: &str = r#"{"user_id": "{other_nurse}", "relation": "nurse", "starts_on": "2026-01-01"}"#;
const STRANGER_JOINING: &str = r#"{"user_id": "{nurse_b}", "relation": "nurse", "starts_on": "2026-01-01"}"#;
const PLAN: &str = r#"{"summary": "Walk daily"}"#;
const PRESENCE: &str = r#"{"at": "{now}"}"#;
const REASON: &str = r#"{"reason": "In hospital"}"#;
const NOTES: &str = r#"{"notes": "Slept well", "family_note": "A good morning"}"#;
const LATER: &str = "{{tomorrow}}";
const KEEP: &str = r#"{"keep": "current"}"#;
const SHARED: &str = r#"{"shared_with_family": true}"#;
const PUSH: &str = r#"{"changes": {}}"#;
const DONE: &str = r#"{"completed": true}"#;
const TO_VITALS: &str = r#"{"task_type": "vitals", "data": null}"#;

#[rustfmt::skip]
const TABLE: &[Row] = &[
    //   admin coord nurse aide  family nobody
    // Anyone may sign in, and know how BerthCare is and how to use it.
    row([Done, Done, Done, Done, Done, Done], "POST /v1/auth/login", LOGIN),
    row([Done, Done, Done, Done, Done, Done], "POST /v1/auth/forgot", FORGOTTEN),
    row([Done, Done, Done, Done, Done, Done], "POST /v1/auth/activate", ACTIVATION).after("POST /v1/auth/forgot", FORGOTTEN),
    row([Who,  Who,  Who,  Who,  Who,  Who ], "POST /v1/auth/activate", BAD_ACTIVATION),
    row([Done, Done, Done, Done, Done, Done], "GET /v1/.well-known/jwks.json", ""),
    row([Done, Done, Done, Done, Done, Done], "GET /v1/.well-known/openid-configuration", ""),
    row([Done, Done, Done, Done, Done, Done], "GET /v1/health", ""),
    row([Done, Done, Done, Done, Done, Done], "GET /v1/openapi.json", ""),
    row([Done, Done, Done, Done, Done, Done], "GET /v1/docs", ""),
    row([Done, Done, Done, Done, Done, Done], "GET /v1/docs/{docs_file}", ""),

    // One's own account and devices. Nobody raises, suspends or removes themselves.
    row([Done, Done, Done, Done, Done, Who ], "POST /v1/auth/refresh", REFRESH),
    row([Done, Done, Done, Done, Done, Who ], "GET /v1/auth/me", ""),
    row([Done, Done, Done, Done, Done, Who ], "PATCH /v1/auth/me", r#"{"first_name": "Renamed"}"#),
    row([Bad,  Bad,  Bad,  Bad,  Bad,  Who ], "PATCH /v1/auth/me", r#"{"role": "admin"}"#),
    row([Done, Done, Done, Done, Done, Who ], "POST /v1/auth/password", PASSWORDS),
    row([Bad,  Bad,  Bad,  Bad,  Bad,  Who ], "POST /v1/auth/password", WRONG_PASSWORDS),
    row([Done, Done, Done, Done, Done, Who ], "PUT /v1/auth/push-token", PUSH_TOKEN),
    row([Done, Done, Done, Done, Done, Who ], "DELETE /v1/auth/push-token", ""),
    row([Done, Done, Done, Done, Done, Who ], "GET /v1/users/{self}/devices", ""),
    row([Done, Done, Done, Done, Done, Who ], "DELETE /v1/users/{self}/devices/{own_device}", ""),
    row([Done, No,   No,   No,   No,   Who ], "PATCH /v1/users/{self}", r#"{"first_name": "Renamed"}"#),
    row([No,   No,   No,   No,   No,   Who ], "PATCH /v1/users/{self}", r#"{"role": "family"}"#),
    row([No,   No,   No,   No,   No,   Who ], "PATCH /v1/users/{self}", r#"{"status": "suspended"}"#),
    row([No,   No,   No,   No,   No,   Who ], "DELETE /v1/users/{self}", ""),
    row([Done, Done, Done, Done, Done, Who ], "POST /v1/auth/logout-all", ""),
    row([Done, Done, Done, Done, Done, Who ], "POST /v1/auth/logout", ""),

    // Users: coordinators create and change those below them, and remove nobody.
    row([Done, Done, No,   No,   No,   Who ], "GET /v1/users", ""),
    row([Done, Done, No,   No,   No,   Who ], "GET /v1/users/{nurse}", ""),
    row([Done, Done, No,   No,   No,   Who ], "GET /v1/users/{admin}", ""),
    row([Gone, Gone, No,   No,   No,   Who ], "GET /v1/users/{nurse_b}", ""),
    row([Done, Done, No,   No,   No,   Who ], "POST /v1/users", r#"{"role": "nurse", {new_user}}"#),
    row([Done, Done, No,   No,   No,   Who ], "POST /v1/users", r#"{"role": "care_aide", {new_user}}"#),
    row([Done, Done, No,   No,   No,   Who ], "POST /v1/users", r#"{"role": "family", {new_user}}"#),
    row([Done, No,   No,   No,   No,   Who ], "POST /v1/users", r#"{"role": "coordinator", {new_user}}"#),
    row([Done, No,   No,   No,   No,   Who ], "POST /v1/users", r#"{"role": "admin", {new_user}}"#),
    row([Done, Done, No,   No,   No,   Who ], "PATCH /v1/users/{other_nurse}", r#"{"first_name": "Renamed"}"#),
    row([Done, Done, No,   No,   No,   Who ], "PATCH /v1/users/{other_nurse}", r#"{"status": "suspended"}"#),
    row([Done, Done, No,   No,   No,   Who ], "PATCH /v1/users/{other_nurse}", r#"{"role": "care_aide"}"#),
    row([Done, No,   No,   No,   No,   Who ], "PATCH /v1/users/{other_nurse}", r#"{"role": "coordinator"}"#),
    row([Done, No,   No,   No,   No,   Who ], "PATCH /v1/users/{other_nurse}", r#"{"role": "admin"}"#),
    row([Done, No,   No,   No,   No,   Who ], "PATCH /v1/users/{other_coordinator}", r#"{"first_name": "Renamed"}"#),
    row([Done, No,   No,   No,   No,   Who ], "PATCH /v1/users/{other_coordinator}", r#"{"role": "nurse"}"#),
    row([Done, No,   No,   No,   No,   Who ], "PATCH /v1/users/{other_admin}", r#"{"status": "suspended"}"#),
    row([Gone, Gone, No,   No,   No,   Who ], "PATCH /v1/users/{nurse_b}", r#"{"first_name": "Renamed"}"#),
    row([Done, No,   No,   No,   No,   Who ], "DELETE /v1/users/{other_nurse}", ""),
    row([Done, No,   No,   No,   No,   Who ], "DELETE /v1/users/{other_admin}", ""),
    row([Gone, No,   No,   No,   No,   Who ], "DELETE /v1/users/{nurse_b}", ""),
    row([Done, Done, Gone, Gone, Gone, Who ], "GET /v1/users/{other_nurse}/devices", ""),
    row([Done, Done, Gone, Gone, Gone, Who ], "GET /v1/users/{other_admin}/devices", ""),
    row([Gone, Gone, Gone, Gone, Gone, Who ], "GET /v1/users/{nurse_b}/devices", ""),
    row([Done, Done, Gone, Gone, Gone, Who ], "DELETE /v1/users/{other_nurse}/devices/{other_nurses_device}", ""),
    row([Done, No,   Gone, Gone, Gone, Who ], "DELETE /v1/users/{other_coordinator}/devices/{other_coordinators_device}", ""),
    row([Gone, Gone, Gone, Gone, Gone, Who ], "DELETE /v1/users/{self}/devices/{other_nurses_device}", ""),
    row([Gone, Gone, Gone, Gone, Gone, Who ], "DELETE /v1/users/{nurse_b}/devices/{nurse_bs_device}", ""),

    // Clients: Alma is the nurse's and the aide's, Bernard another nurse's, and one is in another agency.
    row([Done, Done, Done, Done, No,   Who ], "GET /v1/clients", ""),
    row([Done, Done, No,   No,   No,   Who ], "POST /v1/clients", CLIENT),
    row([Done, Done, Done, Done, No,   Who ], "GET /v1/clients/{alma}", ""),
    row([Done, Done, Gone, Gone, No,   Who ], "GET /v1/clients/{bernard}", ""),
    row([Gone, Gone, Gone, Gone, No,   Who ], "GET /v1/clients/{client_b}", ""),
    row([Done, Done, No,   No,   No,   Who ], "PATCH /v1/clients/{alma}", r#"{"risks": ["stairs"]}"#),
    row([Gone, Gone, No,   No,   No,   Who ], "PATCH /v1/clients/{client_b}", r#"{"risks": ["stairs"]}"#),
    row([Done, Done, No,   No,   No,   Who ], "DELETE /v1/clients/{chloe}", ""),
    row([Gone, Gone, No,   No,   No,   Who ], "DELETE /v1/clients/{client_b}", ""),

    // Care plans are not the aide's.
    row([Done, Done, Done, No,   No,   Who ], "GET /v1/clients/{alma}/care-plan", ""),
    row([Done, Done, Gone, No,   No,   Who ], "GET /v1/clients/{bernard}/care-plan", ""),
    row([Gone, Gone, Gone, No,   No,   Who ], "GET /v1/clients/{client_b}/care-plan", ""),
    row([Done, Done, No,   No,   No,   Who ], "PUT /v1/clients/{alma}/care-plan", PLAN),
    row([Gone, Gone, No,   No,   No,   Who ], "PUT /v1/clients/{client_b}/care-plan", PLAN),
    row([Done, Done, Done, No,   No,   Who ], "GET /v1/clients/{alma}/care-plan/versions", ""),
    row([Done, Done, Gone, No,   No,   Who ], "GET /v1/clients/{bernard}/care-plan/versions", ""),
    row([Gone, Gone, Gone, No,   No,   Who ], "GET /v1/clients/{client_b}/care-plan/versions", ""),

    // Care teams and consents: planners decide, the team reads.
    row([Done, Done, Done, Done, No,   Who ], "GET /v1/clients/{alma}/care-team", ""),
    row([Done, Done, Gone, Gone, No,   Who ], "GET /v1/clients/{bernard}/care-team", ""),
    row([Gone, Gone, Gone, Gone, No,   Who ], "GET /v1/clients/{client_b}/care-team", ""),
    row([Done, Done, No,   No,   No,   Who ], "POST /v1/clients/{alma}/care-team", JOINING),
    row([Bad,  Bad,  No,   No,   No,   Who ], "POST /v1/clients/{alma}/care-team", STRANGER_JOINING),
    row([Gone, Gone, No,   No,   No,   Who ], "POST /v1/clients/{client_b}/care-team", JOINING),
    row([Done, Done, No,   No,   No,   Who ], "PATCH /v1/clients/{alma}/care-team/{aide_of_alma}", r#"{"ends_on": "2030-01-01"}"#),
    row([Gone, Gone, No,   No,   No,   Who ], "PATCH /v1/clients/{alma}/care-team/{nurse_of_bernard}", r#"{"ends_on": "2030-01-01"}"#),
    row([Done, Done, No,   No,   No,   Who ], "DELETE /v1/clients/{alma}/care-team/{aide_of_alma}", ""),
    row([Gone, Gone, No,   No,   No,   Who ], "DELETE /v1/clients/{alma}/care-team/{nurse_of_bernard}", ""),
    row([Done, Done, Done, Done, No,   Who ], "GET /v1/clients/{alma}/consents", ""),
    row([Done, Done, Gone, Gone, No,   Who ], "GET /v1/clients/{bernard}/consents", ""),
    row([Gone, Gone, Gone, Gone, No,   Who ], "GET /v1/clients/{client_b}/consents", ""),
    row([Done, Done, No,   No,   No,   Who ], "POST /v1/clients/{alma}/consents", CONSENT),
    row([Gone, Gone, No,   No,   No,   Who ], "POST /v1/clients/{client_b}/consents", CONSENT),
    row([Done, Done, Done, Done, No,   Who ], "GET /v1/clients/{alma}/timeline", ""),
    row([Done, Done, Gone, Gone, No,   Who ], "GET /v1/clients/{bernard}/timeline", ""),
    row([Gone, Gone, Gone, Gone, No,   Who ], "GET /v1/clients/{client_b}/timeline", ""),

    // What a family reads: of Alma, who shares; planners see what a family would. Bernard shares nothing.
    row([Done, Done, No,   No,   Done, Who ], "GET /v1/family/clients", ""),
    row([Done, Done, No,   No,   Done, Who ], "GET /v1/family/clients/{alma}", ""),
    row([Gone, Gone, No,   No,   Gone, Who ], "GET /v1/family/clients/{bernard}", ""),
    row([Gone, Gone, No,   No,   Gone, Who ], "GET /v1/family/clients/{client_b}", ""),

    // Visits: staff see all those to their clients; caregivers write their own.
    row([Done, Done, Done, Done, No,   Who ], "GET /v1/visits", ""),
    row([Done, Done, Done, Done, No,   Who ], "GET /v1/visits/{nurses_visit}", ""),
    row([Done, Done, Gone, Gone, No,   Who ], "GET /v1/visits/{other_nurses_visit}", ""),
    row([Gone, Gone, Gone, Gone, No,   Who ], "GET /v1/visits/{visit_b}", ""),
    row([Done, Done, Done, Done, No,   Who ], "POST /v1/visits", r#"{"user_id": "{self}", "client_id": "{alma}", {tomorrow}}"#),
    row([Done, Done, Done, No,   No,   Who ], "POST /v1/visits", r#"{"user_id": "{nurse}", "client_id": "{alma}", {tomorrow}}"#),
    row([Done, Done, No,   No,   No,   Who ], "POST /v1/visits", r#"{"user_id": "{other_nurse}", "client_id": "{alma}", {tomorrow}}"#),
    row([Bad,  Bad,  No,   No,   No,   Who ], "POST /v1/visits", r#"{"user_id": "{family}", "client_id": "{alma}", {tomorrow}}"#),
    row([Bad,  Bad,  No,   No,   No,   Who ], "POST /v1/visits", r#"{"user_id": "{nurse_b}", "client_id": "{alma}", {tomorrow}}"#),
    row([Done, Done, Bad,  Bad,  No,   Who ], "POST /v1/visits", r#"{"user_id": "{self}", "client_id": "{bernard}", {tomorrow}}"#),
    row([Bad,  Bad,  Bad,  Bad,  No,   Who ], "POST /v1/visits", r#"{"user_id": "{self}", "client_id": "{client_b}", {tomorrow}}"#),
    row([Done, Done, Done, No,   No,   Who ], "PATCH /v1/visits/{nurses_visit}", NOTES),
    row([Done, Done, No,   Done, No,   Who ], "PATCH /v1/visits/{aides_visit}", NOTES),
    row([Done, Done, Gone, Gone, No,   Who ], "PATCH /v1/visits/{other_nurses_visit}", NOTES),
    row([Gone, Gone, Gone, Gone, No,   Who ], "PATCH /v1/visits/{visit_b}", NOTES),
    row([Done, Done, No,   No,   No,   Who ], "PATCH /v1/visits/{nurses_visit}", LATER),
    row([Done, Done, No,   No,   No,   Who ], "PATCH /v1/visits/{aides_visit}", LATER),
    row([Done, Done, No,   No,   No,   Who ], "PATCH /v1/visits/{nurses_visit}", r#"{"user_id": "{other_nurse}", "allow_overlap": true}"#),
    row([Bad,  Bad,  Bad,  No,   No,   Who ], "PATCH /v1/visits/{nurses_visit}", r#"{"client_id": "{chloe}"}"#),
    row([Done, Done, No,   No,   No,   Who ], "DELETE /v1/visits/{nurses_visit}", ""),
    row([Gone, Gone, No,   No,   No,   Who ], "DELETE /v1/visits/{visit_b}", ""),
    row([Done, Done, Done, No,   No,   Who ], "POST /v1/visits/{nurses_visit}/check-in", PRESENCE),
    row([Done, Done, No,   Done, No,   Who ], "POST /v1/visits/{aides_visit}/check-in", PRESENCE),
    row([Done, Done, Gone, Gone, No,   Who ], "POST /v1/visits/{other_nurses_visit}/check-in", PRESENCE),
    row([Gone, Gone, Gone, Gone, No,   Who ], "POST /v1/visits/{visit_b}/check-in", PRESENCE),
    row([Done, Done, Done, No,   No,   Who ], "POST /v1/visits/{nurses_visit}/check-out", PRESENCE)
        .after("POST /v1/visits/{nurses_visit}/check-in", PRESENCE),
    row([Done, Done, No,   Done, No,   Who ], "POST /v1/visits/{aides_visit}/check-out", PRESENCE)
        .after("POST /v1/visits/{aides_visit}/check-in",  PRESENCE),
    row([Done, Done, Gone, Gone, No,   Who ], "POST /v1/visits/{other_nurses_visit}/check-out", PRESENCE)
        .after("POST /v1/visits/{other_nurses_visit}/check-in", PRESENCE),
    row([Gone, Gone, Gone, Gone, No,   Who ], "POST /v1/visits/{visit_b}/check-out", PRESENCE),
    row([Done, Done, Done, No,   No,   Who ], "POST /v1/visits/{nurses_visit}/cancel", REASON),
    row([Done, Done, No,   Done, No,   Who ], "POST /v1/visits/{aides_visit}/cancel", REASON),
    row([Done, Done, Gone, Gone, No,   Who ], "POST /v1/visits/{other_nurses_visit}/cancel", REASON),
    row([Gone, Gone, Gone, Gone, No,   Who ], "POST /v1/visits/{visit_b}/cancel", REASON),

    // Photos: staff see those of their clients and colleagues and write their own; a family sees what is shared with it.
    row([Done, Done, Done, Done, Done, Who ], "GET /v1/photos?client_id={alma}", ""),
    row([Done, Done, Gone, Gone, Gone, Who ], "GET /v1/photos?client_id={bernard}", ""),
    row([Gone, Gone, Gone, Gone, Gone, Who ], "GET /v1/photos?client_id={client_b}", ""),
    row([Done, Done, Done, Done, Done, Who ], "GET /v1/photos?visit_id={nurses_visit}", ""),
    row([Done, Done, Gone, Gone, Gone, Who ], "GET /v1/photos?visit_id={other_nurses_visit}", ""),
    row([Gone, Gone, Gone, Gone, Gone, Who ], "GET /v1/photos?visit_id={visit_b}", ""),
    row([Done, Done, Done, Done, Gone, Who ], "GET /v1/photos/{nurses_photo}", ""),
    row([Done, Done, Done, Done, Gone, Who ], "GET /v1/photos/{nurses_photo}?size=thumb", ""),
    row([Done, Done, Done, Done, Done, Who ], "GET /v1/photos/{shared_photo}", ""),
    row([Done, Done, Done, Gone, Gone, Who ], "GET /v1/photos/{document}", ""),
    row([Gone, Gone, Gone, Gone, Gone, Who ], "GET /v1/photos/{photo_b}", ""),
    row([Done, Done, Done, Done, No,   Who ], "POST /v1/photos", r#"{"client_id": "{alma}", "kind": "photo", {image}}"#),
    row([Done, Done, Bad,  Bad,  No,   Who ], "POST /v1/photos", r#"{"client_id": "{bernard}", "kind": "photo", {image}}"#),
    row([Bad,  Bad,  Bad,  Bad,  No,   Who ], "POST /v1/photos", r#"{"client_id": "{client_b}", "kind": "photo", {image}}"#),
    row([Done, Done, Done, Done, No,   Who ], "POST /v1/photos", r#"{"visit_id": "{nurses_visit}", "kind": "photo", {image}}"#),
    row([Done, Done, Bad,  Bad,  No,   Who ], "POST /v1/photos", r#"{"visit_id": "{other_nurses_visit}", "kind": "photo", {image}}"#),
    row([Bad,  Bad,  Bad,  Bad,  No,   Who ], "POST /v1/photos", r#"{"visit_id": "{visit_b}", "kind": "photo", {image}}"#),
    row([Done, Done, Done, Done, No,   Who ], "POST /v1/photos", r#"{"visit_id": "{new}", "kind": "photo", {image}}"#),
    row([Done, Done, Done, Bad,  No,   Who ], "POST /v1/photos", r#"{"visit_id": "{nurses_visit}", "kind": "signature", {image}}"#),
    row([Done, Done, Bad,  Done, No,   Who ], "POST /v1/photos", r#"{"visit_id": "{aides_visit}", "kind": "signature", {image}}"#),
    row([Done, Done, Done, Bad,  No,   Who ], "POST /v1/photos", r#"{"client_id": "{alma}", "kind": "document", {pdf}}"#),
    row([Done, Done, Done, Done, No,   Who ], "POST /v1/photos", r#"{"user_id": "{self}", "kind": "profile", {image}}"#),
    row([Done, Done, Bad,  Bad,  No,   Who ], "POST /v1/photos", r#"{"user_id": "{other_nurse}", "kind": "profile", {image}}"#),
    row([Done, Bad,  Bad,  Bad,  No,   Who ], "POST /v1/photos", r#"{"user_id": "{other_admin}", "kind": "profile", {image}}"#),
    row([Bad,  Bad,  Bad,  Bad,  No,   Who ], "POST /v1/photos", r#"{"user_id": "{nurse_b}", "kind": "profile", {image}}"#),
    row([Done, Done, Done, No,   No,   Who ], "POST /v1/photos/{nurses_photo}/complete", ""),
    row([Gone, Gone, Gone, Gone, No,   Who ], "POST /v1/photos/{photo_b}/complete", ""),
    row([Done, Done, Done, No,   No,   Who ], "PATCH /v1/photos/{nurses_photo}", SHARED),
    row([Done, Done, No,   No,   No,   Who ], "PATCH /v1/photos/{shared_photo}", SHARED),
    row([Gone, Gone, Gone, Gone, No,   Who ], "PATCH /v1/photos/{photo_b}", SHARED),
    row([Done, Done, Done, No,   No,   Who ], "DELETE /v1/photos/{nurses_photo}", ""),
    row([Done, Done, No,   No,   No,   Who ], "DELETE /v1/photos/{shared_photo}", ""),
    row([Gone, Gone, Gone, Gone, No,   Who ], "DELETE /v1/photos/{photo_b}", ""),

    // What two people changed at the same time: planners settle it.
    row([Done, Done, No,   No,   No,   Who ], "GET /v1/conflicts", ""),
    row([Done, Done, No,   No,   No,   Who ], "POST /v1/conflicts/{conflict}/resolve", KEEP),
    row([Gone, Gone, No,   No,   No,   Who ], "POST /v1/conflicts/{conflict_b}/resolve", KEEP),

    // Alerts: staff raise them for clients whom they see, planners take them, and whoever raised one may say that it is over.
    row([Done, Done, Done, Done, No,   Who ], "GET /v1/alerts", ""),
    row([Done, Done, Done, Done, No,   Who ], "POST /v1/alerts", r#"{"client_id": "{alma}", "severity": "high", "reason": "fall"}"#),
    row([Done, Done, Bad,  Bad,  No,   Who ], "POST /v1/alerts", r#"{"client_id": "{bernard}", "severity": "high", "reason": "fall"}"#),
    row([Bad,  Bad,  Bad,  Bad,  No,   Who ], "POST /v1/alerts", r#"{"client_id": "{client_b}", "severity": "high", "reason": "fall"}"#),
    row([Done, Done, Done, Done, No,   Who ], "GET /v1/alerts/{alert}", ""),
    row([Done, Done, Gone, Gone, No,   Who ], "GET /v1/alerts/{alert_of_bernard}", ""),
    row([Gone, Gone, Gone, Gone, No,   Who ], "GET /v1/alerts/{alert_b}", ""),
    row([Done, Done, No,   No,   No,   Who ], "POST /v1/alerts/{alert}/acknowledge", ""),
    row([Gone, Gone, No,   No,   No,   Who ], "POST /v1/alerts/{alert_b}/acknowledge", ""),
    row([Done, Done, Done, No,   No,   Who ], "POST /v1/alerts/{alert}/resolve", ""),
    row([Done, Done, Gone, Gone, No,   Who ], "POST /v1/alerts/{alert_of_bernard}/resolve", ""),
    row([Gone, Gone, Gone, Gone, No,   Who ], "POST /v1/alerts/{alert_b}/resolve", ""),
    row([Done, Done, No,   No,   No,   Who ], "GET /v1/replies", ""),

    // Webhooks are for Twilio, whose signature nobody here has.
    row([No,   No,   No,   No,   No,   No  ], "POST /v1/voice/webhook", ""),
    row([No,   No,   No,   No,   No,   No  ], "POST /v1/voice/status", ""),
    row([No,   No,   No,   No,   No,   No  ], "POST /v1/sms/webhook", ""),
    row([No,   No,   No,   No,   No,   No  ], "POST /v1/sms/status", ""),

    // Phones are for staff. What they may pull and push, record by record, is tested with synchronisation.
    row([Done, Done, Done, Done, Done, Done], "GET /v1/sync/schema", ""),
    row([Done, Done, Done, Done, No,   Who ], "GET /v1/sync", ""),
    row([Done, Done, Done, Done, No,   Who ], "POST /v1/sync", PUSH),
    row([Done, Done, Done, Done, No,   Who ], "GET /v1/sync/status", ""),

    // Tasks: a nurse writes every type, a care aide none that is clinical.
    row([Done, Done, Done, Done, No,   Who ], "GET /v1/visits/{nurses_visit}/tasks", ""),
    row([Done, Done, Gone, Gone, No,   Who ], "GET /v1/visits/{other_nurses_visit}/tasks", ""),
    row([Gone, Gone, Gone, Gone, No,   Who ], "GET /v1/visits/{visit_b}/tasks", ""),
    row([Done, Done, Done, No,   No,   Who ], "POST /v1/visits/{nurses_visit}/tasks", r#"{"task_type": "vitals", "title": "T"}"#),
    row([Done, Done, Done, No,   No,   Who ], "POST /v1/visits/{nurses_visit}/tasks", r#"{"task_type": "medication", "title": "T"}"#),
    row([Done, Done, Done, No,   No,   Who ], "POST /v1/visits/{nurses_visit}/tasks", r#"{"task_type": "wound_care", "title": "T"}"#),
    row([Done, Done, Done, No,   No,   Who ], "POST /v1/visits/{nurses_visit}/tasks", r#"{"task_type": "meals", "title": "T"}"#),
    row([Done, Done, No,   No,   No,   Who ], "POST /v1/visits/{aides_visit}/tasks", r#"{"task_type": "vitals", "title": "T"}"#),
    row([Done, Done, No,   No,   No,   Who ], "POST /v1/visits/{aides_visit}/tasks", r#"{"task_type": "medication", "title": "T"}"#),
    row([Done, Done, No,   No,   No,   Who ], "POST /v1/visits/{aides_visit}/tasks", r#"{"task_type": "wound_care", "title": "T"}"#),
    row([Done, Done, No,   Done, No,   Who ], "POST /v1/visits/{aides_visit}/tasks", r#"{"task_type": "personal_care", "title": "T"}"#),
    row([Done, Done, No,   Done, No,   Who ], "POST /v1/visits/{aides_visit}/tasks", r#"{"task_type": "meals", "title": "T"}"#),
    row([Done, Done, No,   Done, No,   Who ], "POST /v1/visits/{aides_visit}/tasks", r#"{"task_type": "mobility", "title": "T"}"#),
    row([Done, Done, No,   Done, No,   Who ], "POST /v1/visits/{aides_visit}/tasks", r#"{"task_type": "companionship", "title": "T"}"#),
    row([Done, Done, No,   Done, No,   Who ], "POST /v1/visits/{aides_visit}/tasks", r#"{"task_type": "housekeeping", "title": "T"}"#),
    row([Done, Done, No,   Done, No,   Who ], "POST /v1/visits/{aides_visit}/tasks", r#"{"task_type": "other", "title": "T"}"#),
    row([Done, Done, Gone, Gone, No,   Who ], "POST /v1/visits/{other_nurses_visit}/tasks", r#"{"task_type": "meals", "title": "T"}"#),
    row([Gone, Gone, Gone, Gone, No,   Who ], "POST /v1/visits/{visit_b}/tasks", r#"{"task_type": "meals", "title": "T"}"#),
    row([Done, Done, Done, No,   No,   Who ], "PATCH /v1/visits/{nurses_visit}/tasks/{nurses_vitals}", DONE),
    row([Done, Done, Done, No,   No,   Who ], "PATCH /v1/visits/{nurses_visit}/tasks/{nurses_meals}", DONE),
    row([Done, Done, No,   Done, No,   Who ], "PATCH /v1/visits/{aides_visit}/tasks/{aides_meals}", DONE),
    row([Done, Done, No,   No,   No,   Who ], "PATCH /v1/visits/{aides_visit}/tasks/{aides_vitals}", DONE),
    row([Done, Done, No,   No,   No,   Who ], "PATCH /v1/visits/{aides_visit}/tasks/{aides_meals}", TO_VITALS),
    row([Done, Done, Gone, Gone, No,   Who ], "PATCH /v1/visits/{other_nurses_visit}/tasks/{other_nurses_vitals}", DONE),
    row([Gone, Gone, Gone, No,   No,   Who ], "PATCH /v1/visits/{nurses_visit}/tasks/{other_nurses_vitals}", DONE),
    row([Gone, Gone, Gone, Gone, No,   Who ], "PATCH /v1/visits/{visit_b}/tasks/{nurses_vitals}", DONE),
    row([Done, Done, Done, No,   No,   Who ], "DELETE /v1/visits/{nurses_visit}/tasks/{nurses_vitals}", ""),
    row([Done, Done, No,   Done, No,   Who ], "DELETE /v1/visits/{aides_visit}/tasks/{aides_meals}", ""),
    row([Done, Done, No,   No,   No,   Who ], "DELETE /v1/visits/{aides_visit}/tasks/{aides_vitals}", ""),
    row([Done, Done, Gone, Gone, No,   Who ], "DELETE /v1/visits/{other_nurses_visit}/tasks/{other_nurses_vitals}", ""),
    row([Gone, Gone, Gone, No,   No,   Who ], "DELETE /v1/visits/{nurses_visit}/tasks/{other_nurses_vitals}", ""),
    row([Gone, Gone, Gone, Gone, No,   Who ], "DELETE /v1/visits/{visit_b}/tasks/{nurses_vitals}", ""),
];

const CONFLICT: Uuid = Uuid::from_u128(0xA1);
const CONFLICT_B: Uuid = Uuid::from_u128(0xAB);
const NURSES_PHOTO: Uuid = Uuid::from_u128(0xA2);
const SHARED_PHOTO: Uuid = Uuid::from_u128(0xA3);
const DOCUMENT: Uuid = Uuid::from_u128(0xA4);
const PHOTO_B: Uuid = Uuid::from_u128(0xAC);

/// Photos that are stored: Alma's by the nurse, one that is shared with her family, a document, and one in agency B.
async fn with_photos(app: &TestApp) {
    let photo = |id: Uuid, agency: Uuid, client: Uuid, kind: &str, shared: bool| {
        format!(
            "insert into photos (id, agency_id, client_id, kind, shared_with_family, object_key, content_type, bytes, sha256,
               status, redrawn)
             values ('{id}', '{agency}', '{client}', '{kind}', {shared}, 'key', 'image/jpeg', 1, sha256(''), 'stored', true);"
        )
    };
    let consent = format!(
        "insert into consents (id, agency_id, client_id, kind, granted, method)
         values (gen_random_uuid(), '{AGENCY_A}', '{ALMA}', 'photos', true, 'signed form');"
    );
    let of_a = [
        consent,
        photo(SHARED_PHOTO, AGENCY_A, ALMA, "photo", true),
        photo(DOCUMENT, AGENCY_A, ALMA, "document", false),
        format!("select set_config('app.user_id', '{}', true);", NURSE.id),
        photo(NURSES_PHOTO, AGENCY_A, ALMA, "photo", false),
    ];
    app.database.write(AGENCY_A, &of_a.concat()).await;
    app.database.write(AGENCY_B, &photo(PHOTO_B, AGENCY_B, CLIENT_B, "photo", true)).await;
}
const ALERT: Uuid = Uuid::from_u128(0xA5);
const ALERT_OF_BERNARD: Uuid = Uuid::from_u128(0xA6);
const ALERT_B: Uuid = Uuid::from_u128(0xA7);

/// What the names in braces stand for.
struct Names(BTreeMap<&'static str, String>);

impl Names {
    async fn of(app: &TestApp, sender: Option<Role>, client: &Client) -> Self {
        let tomorrow = Timestamp::now() + 24.hours();
        let end = tomorrow + 30.minutes();
        let mut names = BTreeMap::from([
            ("password", PASSWORD.to_owned()),
            ("docs_file", "swagger-ui.css".into()),
            ("now", Timestamp::now().to_string()),
            ("tomorrow", format!(r#""scheduled_start": "{tomorrow}", "scheduled_end": "{end}""#)),
            (
                "new_user",
                r#""email": "new@a.test", "phone": "+14165550999", "first_name": "N", "last_name": "N""#.into(),
            ),
            ("image", format!(r#""content_type": "image/png", "bytes": 9, "sha256": "{}""#, "0".repeat(64))),
            ("pdf", format!(r#""content_type": "application/pdf", "bytes": 9, "sha256": "{}""#, "0".repeat(64))),
            ("own_device", client.device_id.to_string()),
            (
                "own_refresh_token",
                Some(client.refresh_token.clone()).filter(|t| !t.is_empty()).unwrap_or("none".into()),
            ),
        ]);
        let own = sender.map_or(Uuid::nil(), |role| of_role(role).id);
        for (name, id) in [
            ("new", Uuid::now_v7()),
            ("self", own),
            ("admin", ADMIN.id),
            ("nurse", NURSE.id),
            ("family", FAMILY.id),
            ("other_nurse", OTHER_NURSE.id),
            ("other_coordinator", OTHER_COORDINATOR.id),
            ("other_admin", OTHER_ADMIN.id),
            ("nurse_b", NURSE_B.id),
            ("alma", ALMA),
            ("bernard", BERNARD),
            ("chloe", CHLOE),
            ("client_b", CLIENT_B),
            ("aide_of_alma", AIDE_OF_ALMA),
            ("nurse_of_bernard", OTHER_NURSE_OF_BERNARD),
            ("nurses_visit", NURSES_VISIT),
            ("aides_visit", AIDES_VISIT),
            ("other_nurses_visit", OTHER_NURSES_VISIT),
            ("visit_b", VISIT_B),
            ("nurses_vitals", NURSES_VITALS),
            ("nurses_meals", NURSES_MEALS),
            ("aides_vitals", AIDES_VITALS),
            ("aides_meals", AIDES_MEALS),
            ("other_nurses_vitals", OTHER_NURSES_VITALS),
            ("conflict", CONFLICT),
            ("conflict_b", CONFLICT_B),
            ("nurses_photo", NURSES_PHOTO),
            ("shared_photo", SHARED_PHOTO),
            ("document", DOCUMENT),
            ("photo_b", PHOTO_B),
            ("alert", ALERT),
            ("alert_of_bernard", ALERT_OF_BERNARD),
            ("alert_b", ALERT_B),
            ("other_nurses_device", app.sign_in(&OTHER_NURSE).await.device_id),
            ("other_coordinators_device", app.sign_in(&OTHER_COORDINATOR).await.device_id),
            ("nurse_bs_device", app.sign_in(&NURSE_B).await.device_id),
        ] {
            names.insert(name, id.to_string());
        }
        Self(names)
    }

    fn put_into(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    async fn send(&self, client: &Client, request: &str, body: &str) -> Answer {
        let (method, path) = request.split_once(' ').unwrap();
        let path = self.put_into(path);
        assert!(!path.contains('{'), "unknown name in {path}");
        let body: Option<Value> = match body {
            "" => None,
            body => Some(serde_json::from_str(&self.put_into(body)).unwrap()),
        };
        client.send(method, &path, body.as_ref(), &[]).await
    }
}

/// The database as it was, to go back to after each request: a copy of every table beside it.
struct Kept {
    client: tokio_postgres::Client,
    /// Reads of every table what changes with any write to it.
    marks_sql: String,
    marks: BTreeMap<String, String>,
}

impl Kept {
    async fn copy(app: &TestApp) -> Self {
        let client = app.database.superuser().await;
        // What is refused may leave a trace on the audit log, and nowhere else.
        let tables = client
            .query_typed(
                "select tablename::text from pg_tables where schemaname = 'public' and tablename <> 'audit_log'",
                &[],
            )
            .await
            .unwrap();
        let mut marks_sql = Vec::new();
        client.batch_execute("create schema kept").await.unwrap();
        for table in tables.iter().map(|row| row.get::<_, &str>(0)) {
            client.batch_execute(&format!("create table kept.{table} as table public.{table}")).await.unwrap();
            // No row is ever removed but softly, and a row written gets the writing transaction's id.
            marks_sql.push(format!("select '{table}', count(*) || ':' || max(xmin::text::bigint) from {table}"));
        }
        let mut kept = Self { client, marks_sql: marks_sql.join(" union all "), marks: BTreeMap::new() };
        kept.marks = kept.read_marks().await;
        kept
    }

    async fn read_marks(&self) -> BTreeMap<String, String> {
        let rows = self.client.query_typed(&self.marks_sql, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get::<_, Option<String>>(1).unwrap_or_default())).collect()
    }

    /// The tables that were written to.
    async fn changed(&self) -> Vec<String> {
        let marks = self.read_marks().await;
        marks.into_iter().filter(|(table, mark)| self.marks[table] != *mark).map(|(table, _)| table).collect()
    }

    async fn put_back(&mut self, tables: &[String]) {
        // Neither triggers nor foreign keys.
        let mut sql = "begin; set local session_replication_role = replica;".to_owned();
        for table in tables {
            write!(sql, "delete from public.{table}; insert into public.{table} table kept.{table};").unwrap();
        }
        self.client.batch_execute(&(sql + "commit")).await.unwrap();
        self.marks = self.read_marks().await;
    }
}

async fn walk(sender: Option<Role>) {
    let column = SENDERS.iter().position(|each| *each == sender).unwrap();
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let client = match sender {
        Some(role) => app.of_role(role).await,
        None => app.anonymous(),
    };
    let mut names = Names::of(&app, sender, &client).await;
    for (conflict, agency, client) in [(CONFLICT, AGENCY_A, ALMA), (CONFLICT_B, AGENCY_B, CLIENT_B)] {
        let sql = format!(
            "insert into sync_conflicts (id, agency_id, client_id, table_name, record_id, column_name, stored_side, status)
             values ('{conflict}', '{agency}', '{client}', 'clients', '{client}', 'phone', 'server', 'needs_review')"
        );
        app.database.write(agency, &sql).await;
    }
    with_photos(&app).await;
    for (alert, agency, client, by) in [
        (ALERT, AGENCY_A, ALMA, NURSE.id),
        (ALERT_OF_BERNARD, AGENCY_A, BERNARD, OTHER_NURSE.id),
        (ALERT_B, AGENCY_B, CLIENT_B, NURSE_B.id),
    ] {
        let sql = format!(
            "insert into alerts (id, agency_id, client_id, raised_by, severity, reason)
             values ('{alert}', '{agency}', '{client}', '{by}', 'high', 'fall')"
        );
        app.database.write(agency, &sql).await;
    }
    let mut kept = Kept::copy(&app).await;
    let mut wrong = Vec::new();
    for row in TABLE {
        if let Some((request, body)) = row.first {
            names.send(&coordinator, request, body).await;
            names.0.insert("code", newest_code(&app).await);
        }
        let expected = row.outcomes[column];
        let answer = names.send(&client, row.request, row.body).await;
        let outcome = Outcome::of(&answer);
        if outcome != Ok(expected) {
            let body = String::from_utf8_lossy(&answer.body);
            wrong
                .push(format!("{} {}: {expected:?} was expected, not {} {body}", row.request, row.body, answer.status));
        }
        let changed = kept.changed().await;
        if !changed.is_empty() {
            if outcome != Ok(Done) && row.first.is_none() {
                wrong.push(format!("{} {}: refused, and yet {changed:?} have changed", row.request, row.body));
            }
            kept.put_back(&changed).await;
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows are wrong:\n{}", wrong.len(), TABLE.len(), wrong.join("\n"));
}

async fn newest_code(app: &TestApp) -> String {
    let rows = app
        .database
        .superuser()
        .await
        .query_typed("select template_values ->> 'code' from messages order by created_at desc, id desc limit 1", &[])
        .await
        .unwrap();
    rows.first().map(|row| row.get(0)).unwrap_or_default()
}

macro_rules! walks {
    ($($name:ident: $sender:expr;)+) => {$(
        #[tokio::test]
        async fn $name() {
            walk($sender).await;
        }
    )+};
}

walks! {
    an_admin_may_do_what_the_table_says: Some(Role::Admin);
    a_coordinator_may_do_what_the_table_says: Some(Role::Coordinator);
    a_nurse_may_do_what_the_table_says: Some(Role::Nurse);
    a_care_aide_may_do_what_the_table_says: Some(Role::CareAide);
    a_family_member_may_do_what_the_table_says: Some(Role::Family);
    nobody_may_do_more_than_the_table_says: None;
}

#[test]
fn the_table_holds_every_documented_operation_and_no_other() {
    let document = serde_json::to_value(local::document::whole().unwrap()).unwrap();
    let documented: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            methods.map(|method| (method.to_uppercase(), nameless(path)))
        })
        .collect();
    let in_table: BTreeSet<_> = TABLE.iter().map(Row::operation).collect();
    assert_eq!(in_table.difference(&documented).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "not documented");
    assert_eq!(
        documented.difference(&in_table).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "not in the table"
    );
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// What `client` gets from every path that the table reads, but for what anyone may read.
async fn everything_read(app: &TestApp, role: Role, client: &Client) -> Vec<(&'static str, String)> {
    let names = Names::of(app, Some(role), client).await;
    let mut read = Vec::new();
    for row in TABLE.iter().filter(|row| row.method() == "GET" && row.outcomes[NOBODYS] != Done) {
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

/// What is read of a client: by nurses and planners, all of it.
const OF_A_CLIENT: [&str; 16] = [
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
    let consent = json!({"kind": "photos", "granted": true, "method": "signed form"});
    coordinator.post(&format!("/v1/clients/{ALMA}/consents"), &consent).await.expect(201);

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
    assert_eq!(list, json!([{"id": ALMA, "first_name": "Alma"}]));

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
    // Planners, who may read all that, see the same here.
    let seen = coordinator.get(&format!("/v1/family/clients/{ALMA}")).await.expect(200);
    assert_eq!(seen, view);
}

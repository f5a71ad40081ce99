//! Section 4 of the product as one table, `permissions.txt`: what each role may do on each path, and to whose records.
//!
//! A row is a request. It is sent by a member of each role in turn, and by nobody, each time to the fixtures as they
//! were; a second test holds the rows and the documented operations equal.

use domain::identity::Role;

use crate::harness::Answer;

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Refused(u16),
}

impl Outcome {
    fn parse(text: &str) -> Self {
        match text {
            "ok" => Self::Done,
            status => Self::Refused(status.parse().unwrap_or_else(|_| panic!("{status} is no outcome"))),
        }
    }

    pub fn of(answer: &Answer) -> Self {
        if (200..=299).contains(&answer.status) { Self::Done } else { Self::Refused(answer.status) }
    }
}

/// Who sends a row's request, in the order of its outcomes.
pub const SENDERS: [Sender; 7] = [
    Sender::Of(Role::Admin),
    Sender::Of(Role::Coordinator),
    Sender::Of(Role::Nurse),
    Sender::Of(Role::CareAide),
    Sender::Of(Role::Family),
    Sender::Nobody,
    Sender::AdminWithoutFactor,
];

/// Somebody who sends requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The fixtures' member of a role.
    Of(Role),
    /// Not signed in.
    Nobody,
    /// Signed in with a password alone, where the role needs more.
    AdminWithoutFactor,
}

impl Sender {
    /// As what they are signed in.
    pub fn role(self) -> Option<Role> {
        match self {
            Self::Of(role) => Some(role),
            Self::Nobody => None,
            Self::AdminWithoutFactor => Some(Role::Admin),
        }
    }
}

/// The column of those who aren't signed in.
pub const NOBODYS: usize = 5;

/// One request, and what comes of it by sender. Names in braces stand for what [`super::names::Names`] knows.
pub struct Row {
    pub request: &'static str,
    pub body: &'static str,
    pub outcomes: [Outcome; 7],
    /// What a coordinator does first, so that the request makes sense.
    pub first: Option<(&'static str, &'static str)>,
}

impl Row {
    pub fn method(&self) -> &'static str {
        self.request.split_once(' ').unwrap().0
    }

    /// The method, and the path without its query and its names: `/v1/clients/{}`.
    pub fn operation(&self) -> (String, String) {
        let path = self.request.split_once(' ').unwrap().1.split('?').next().unwrap();
        (self.method().to_owned(), nameless(path))
    }
}

pub fn nameless(path: &str) -> String {
    let segments: Vec<_> = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
    segments.join("/")
}

/// The rows of `permissions.txt`.
pub fn table() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in include_str!("permissions.txt").lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with('#') {
            continue;
        }
        if let Some(first) = line.strip_prefix("after ") {
            rows.last_mut().unwrap().first = Some(request(first));
            continue;
        }
        let mut rest = line;
        let outcomes = SENDERS.map(|_| {
            let (outcome, after) = rest.split_once(' ').unwrap_or_else(|| panic!("too few outcomes: {line}"));
            rest = after.trim_start();
            Outcome::parse(outcome)
        });
        let (request, body) = request(rest);
        rows.push(Row { request, body, outcomes, first: None });
    }
    rows
}

/// Method and path, and the body behind them.
fn request(text: &'static str) -> (&'static str, &'static str) {
    let method = text.find(' ').unwrap();
    match text[method + 1..].find(' ') {
        Some(path) => {
            let (request, body) = text.split_at(method + 1 + path);
            (request, named_body(body.trim_start()))
        }
        None => (text, ""),
    }
}

/// The body that a name stands for; others stand in the table as they are.
fn named_body(body: &'static str) -> &'static str {
    match body {
        "login" => {
            r#"{"email": "nurse@a.test", "password": "{password}",
                "device": {"id": "{new}", "name": "Phone", "platform": "ios", "app_version": "1"}}"#
        }
        "activation" => r#"{"email": "aide@a.test", "code": "{code}", "password": "umbrella beneath thursday"}"#,
        "bad_activation" => r#"{"email": "aide@a.test", "code": "00000000", "password": "umbrella beneath thursday"}"#,
        "refresh" => r#"{"refresh_token": "{own_refresh_token}", "device_id": "{own_device}"}"#,
        "passwords" => r#"{"current_password": "{password}", "new_password": "umbrella beneath thursday"}"#,
        "wrong_passwords" => r#"{"current_password": "not the password", "new_password": "umbrella beneath thursday"}"#,
        "client" => {
            r#"{"first_name": "Zoé", "last_name": "Roy", "date_of_birth": "1941-05-06",
                "address": {"street": "1 Main", "city": "Toronto", "province": "ON", "postal_code": "M5V 2T6"}}"#
        }
        "consent" => {
            r#"{"kind": "photos", "granted": true, "purpose": "p", "text_version": "1",
            "given_by": {"who": "client"}, "method": "signed form"}"#
        }
        "joining" => r#"{"user_id": "{other_nurse}", "relation": "nurse", "starts_on": "2026-01-01"}"#,
        "stranger_joining" => r#"{"user_id": "{nurse_b}", "relation": "nurse", "starts_on": "2026-01-01"}"#,
        "notes" => r#"{"notes": "Slept well", "family_note": "A good morning"}"#,
        "vitals_instead" => r#"{"task_type": "vitals", "data": null}"#,
        json => json,
    }
}

//! What the names in braces stand for, and the records that they need.

use std::collections::BTreeMap;

use domain::identity::Role;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use uuid::Uuid;

use crate::harness::{
    Answer, Client, TestApp,
    fixtures::{
        ADMIN, ADMIN_B, AGENCY_A, AGENCY_B, AIDE_OF_ALMA, AIDES_MEALS, AIDES_VISIT, AIDES_VITALS, ALMA, BERNARD, CHLOE,
        CLIENT_B, COORDINATOR, FAMILY, NURSE, NURSE_B, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS, OTHER_ADMIN,
        OTHER_COORDINATOR, OTHER_NURSE, OTHER_NURSE_OF_BERNARD, OTHER_NURSES_VISIT, OTHER_NURSES_VITALS, PASSWORD,
        VISIT_B, of_role,
    },
};

pub const CONFLICT: Uuid = Uuid::from_u128(0xA1);

pub const CONFLICT_B: Uuid = Uuid::from_u128(0xAB);

pub const REFUSAL: Uuid = Uuid::from_u128(0xA8);

pub const REFUSAL_B: Uuid = Uuid::from_u128(0xA9);

pub const REPLY: Uuid = Uuid::from_u128(0xAE);

pub const REPLY_B: Uuid = Uuid::from_u128(0xAF);

pub const NURSES_PHOTO: Uuid = Uuid::from_u128(0xA2);

pub const SHARED_PHOTO: Uuid = Uuid::from_u128(0xA3);

pub const DOCUMENT: Uuid = Uuid::from_u128(0xA4);

pub const PHOTO_B: Uuid = Uuid::from_u128(0xAC);

/// Photos that are stored: Alma's by the nurse, one that is shared with her family, a document, and one in agency B.
pub async fn with_photos(app: &TestApp) {
    let photo = |id: Uuid, agency: Uuid, client: Uuid, kind: &str, shared: bool| {
        format!(
            "insert into photos (id, agency_id, client_id, kind, shared_with_family, object_key, content_type, bytes,
             sha256,
               status, redrawn)
             values ('{id}', '{agency}', '{client}', '{kind}', {shared}, 'key', 'image/jpeg', 1, sha256(''), 'stored',
               true);"
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

/// Entries of the registers of privacy, in each agency.
pub const REQUEST: Uuid = Uuid::from_u128(0xB1);
pub const INCIDENT: Uuid = Uuid::from_u128(0xB2);
pub const HOLD: Uuid = Uuid::from_u128(0xB3);
pub const REQUEST_B: Uuid = Uuid::from_u128(0xB4);
pub const INCIDENT_B: Uuid = Uuid::from_u128(0xB5);
pub const HOLD_B: Uuid = Uuid::from_u128(0xB6);
pub const EXPORT: Uuid = Uuid::from_u128(0xB7);
pub const EXPORT_B: Uuid = Uuid::from_u128(0xB8);

/// Gives each agency an entry in each register.
pub async fn with_registers(app: &TestApp) {
    for (agency, client, admin, exporter, [request, incident, hold, export]) in [
        (AGENCY_A, ALMA, ADMIN.id, COORDINATOR.id, [REQUEST, INCIDENT, HOLD, EXPORT]),
        (AGENCY_B, CLIENT_B, ADMIN_B.id, ADMIN_B.id, [REQUEST_B, INCIDENT_B, HOLD_B, EXPORT_B]),
    ] {
        let sql = format!(
            "insert into privacy_requests (id, agency_id, kind, client_id, asked_by, received_at, due_at)
             values ('{request}', '{agency}', 'access', '{client}', 'The client', now(), now() + interval '1 day');
             insert into privacy_incidents (id, agency_id, description, found_at, due_at)
             values ('{incident}', '{agency}', 'A lost phone', now(), now() + interval '3 days');
             insert into legal_holds (id, agency_id, client_id, reason, placed_by)
             values ('{hold}', '{agency}', '{client}', 'a proceeding', '{admin}');
             insert into client_exports (id, agency_id, client_id, format, requested_by)
             values ('{export}', '{agency}', '{client}', 'json', '{exporter}')"
        );
        app.database.write(agency, &sql).await;
    }
}

pub const ALERT: Uuid = Uuid::from_u128(0xA5);

pub const ALERT_OF_BERNARD: Uuid = Uuid::from_u128(0xA6);

pub const ALERT_B: Uuid = Uuid::from_u128(0xA7);

/// A conflict, a refusal, a reply and an alert of Alma's, an alert of Bernard's, and one of each in agency B.
pub async fn with_conflicts_and_alerts(app: &TestApp) {
    for (conflict, agency, client) in [(CONFLICT, AGENCY_A, ALMA), (CONFLICT_B, AGENCY_B, CLIENT_B)] {
        let sql = format!(
            "insert into sync_conflicts (id, agency_id, client_id, table_name, record_id, column_name, stored_side,
             status)
             values ('{conflict}', '{agency}', '{client}', 'clients', '{client}', 'phone', 'server', 'needs_review')"
        );
        app.database.write(agency, &sql).await;
    }
    for (refusal, agency, by, device) in
        [(REFUSAL, AGENCY_A, NURSE.id, Uuid::from_u128(0xDA)), (REFUSAL_B, AGENCY_B, NURSE_B.id, Uuid::from_u128(0xDB))]
    {
        let sql = format!(
            r#"insert into devices (id, agency_id, user_id, name, platform, app_version)
             values ('{device}', '{agency}', '{by}', 'Phone', 'ios', '1.0.0');
             insert into sync_quarantine
               (id, agency_id, device_id, user_id, table_name, record_id, body, body_sha256, reason)
             values ('{refusal}', '{agency}', '{device}', '{by}', 'visit_tasks', '{NURSES_MEALS}',
               '{{"_status": "updated", "_changed": "outcome", "outcome": "ate"}}', sha256(''), 'too late')"#
        );
        app.database.write(agency, &sql).await;
    }
    for (reply, agency, client, by) in [(REPLY, AGENCY_A, ALMA, FAMILY.id), (REPLY_B, AGENCY_B, CLIENT_B, NURSE_B.id)] {
        let sql = format!(
            "insert into inbound_messages
               (id, agency_id, provider_sid, sender, recipient, body, intent, user_id, client_id)
             select '{reply}', '{agency}', '{reply}', u.phone, '+14165550199', 'Merci', 'note', u.id, '{client}'
             from users u where u.id = '{by}'"
        );
        app.database.write(agency, &sql).await;
    }
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
}

/// What the names in braces stand for.
pub struct Names(pub BTreeMap<&'static str, String>);

impl Names {
    pub async fn of(app: &TestApp, sender: Option<Role>, client: &Client) -> Self {
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
            ("asked", format!(r#""asked_by": "Her son", "received_at": "{}""#, Timestamp::now())),
            ("breach", format!(r#""description": "A lost phone", "found_at": "{}""#, Timestamp::now())),
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
            ("reply", REPLY),
            ("reply_b", REPLY_B),
            ("refusal", REFUSAL),
            ("refusal_b", REFUSAL_B),
            ("nurses_photo", NURSES_PHOTO),
            ("shared_photo", SHARED_PHOTO),
            ("document", DOCUMENT),
            ("photo_b", PHOTO_B),
            ("alert", ALERT),
            ("alert_of_bernard", ALERT_OF_BERNARD),
            ("alert_b", ALERT_B),
            ("request", REQUEST),
            ("request_b", REQUEST_B),
            ("incident", INCIDENT),
            ("incident_b", INCIDENT_B),
            ("hold", HOLD),
            ("hold_b", HOLD_B),
            ("coordinators_export", EXPORT),
            ("export_b", EXPORT_B),
            ("other_nurses_device", app.sign_in(&OTHER_NURSE).await.device_id),
            ("other_coordinators_device", app.sign_in(&OTHER_COORDINATOR).await.device_id),
            ("nurse_bs_device", app.sign_in(&NURSE_B).await.device_id),
        ] {
            names.insert(name, id.to_string());
        }
        Self(names)
    }

    pub fn put_into(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    pub async fn send(&self, client: &Client, request: &str, body: &str) -> Answer {
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

pub async fn newest_code(app: &TestApp) -> String {
    let rows = app
        .database
        .superuser()
        .await
        .query_typed("select template_values ->> 'code' from messages order by created_at desc, id desc limit 1", &[])
        .await
        .unwrap();
    rows.first().map(|row| row.get(0)).unwrap_or_default()
}

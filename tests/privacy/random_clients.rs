//! Exports of random clients, whose texts are as odd as people's are. Other people's validators read them afterwards
//! (`make test-fhir`); here they are held to what no validator asks.

use std::{env, fmt::Write, fs, path::Path};

use jiff::{Timestamp, ToSpan};
use proptest::{
    prelude::{Rng, RngExt},
    test_runner::TestRunner,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    bundles::faults_of,
    export::{as_fhir, path},
    exports::{bundle_of, export_of, file, unzipped},
};
use crate::harness::{
    TestApp,
    fixtures::{AGENCY_A, AIDE, COORDINATOR, FAMILY, NURSE, Person},
    random,
};

const TEXTS: [&str; 14] = [
    "Calm",
    " ",
    "\t\n",
    "two\nlines",
    "C’est l’été, œuf à la coque",
    "👵🏽 walked",
    "quote \" backslash \\ tag <b> 'single'",
    "\u{1}bell\u{7}\u{7f}\u{9b}",
    "\u{202e}turned around",
    "null",
    "  padded  ",
    "500 mg",
    "1,000 units",
    "#contained",
];

/// What one random client is made of.
struct Draw<R> {
    rng: R,
    sql: String,
}

impl<R: Rng> Draw<R> {
    fn id(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.rng.random(), self.rng.random())
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.rng.random_range(0..choices.len())]
    }

    fn text(&mut self) -> String {
        let text = self.of(&TEXTS);
        text.repeat(self.rng.random_range(1..=2))
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    fn person(&mut self) -> &'static Person {
        self.of(&[&NURSE, &AIDE, &COORDINATOR])
    }

    fn time(&mut self) -> Timestamp {
        Timestamp::now()
            - self.rng.random_range(0..1_000_000_i64).seconds()
            - self.rng.random_range(0..999_i64).milliseconds()
    }

    /// A literal, or null in one of three cases.
    fn maybe(&mut self, text: &str) -> String {
        if self.chance(33) { "null".into() } else { literal(text) }
    }

    fn deleted(&mut self) -> &'static str {
        if self.chance(20) { "now()" } else { "null" }
    }

    fn insert(&mut self, table: &str, columns: &str, values: &[String]) {
        writeln!(self.sql, "insert into {table} (agency_id, {columns}) values ('{AGENCY_A}', {});", values.join(", "))
            .unwrap();
    }

    fn client(&mut self) -> Uuid {
        let id = self.id();
        let address = json!({"street": self.text(), "unit": self.text(), "city": "Montréal", "province": "QC",
            "postal_code": "H2X 1Y4", "country": "CA", "directions": self.text()});
        let contacts: Vec<_> = (0..self.rng.random_range(0..3))
            .map(|_| json!({"name": self.text(), "relationship": self.text(), "phone": "+14165550171"}))
            .collect();
        let risks: Vec<_> = (0..self.rng.random_range(0..3)).map(|_| literal(&self.text())).collect();
        let (first, last) = (literal(&self.text()), literal(&self.text()));
        let place = self.of(&["43.65, -79.38", "null, null"]);
        self.insert(
            "clients",
            "id, first_name, last_name, date_of_birth, phone, preferred_language, address, latitude, longitude,
             emergency_contacts, risks, coordinator_id",
            &[
                quoted(id),
                first,
                last,
                "'1938-04-12'".into(),
                "'+14165550170'".into(),
                "'fr-CA'".into(),
                literal(&address.to_string()),
                place.into(),
                literal(&Value::Array(contacts).to_string()),
                format!("array[{}]::text[]", risks.join(", ")),
                quoted(COORDINATOR.id),
            ],
        );
        let versions = self.rng.random_range(0..4);
        for version in 1..=versions {
            let plan = json!({"summary": self.text(), "goals": [self.text()], "allergies": [self.text()],
                "medications": [{"name": self.text(), "dose": self.text(), "route": self.text(),
                    "schedule": self.text()}], "instructions": [self.text(), self.text()]});
            let plan = literal(&plan.to_string());
            self.insert(
                "care_plan_versions",
                "client_id, version, plan",
                &[quoted(id), format!("{version}"), plan.clone()],
            );
            writeln!(
                self.sql,
                "update clients set care_plan = {plan}, care_plan_version = {version} where id = '{id}';"
            )
            .unwrap();
        }
        id
    }

    fn team_and_consents(&mut self, client: Uuid) {
        for (person, relation) in [(&NURSE, "primary_nurse"), (&AIDE, "care_aide"), (&FAMILY, "family")] {
            let (id, ends, deleted) = (self.id(), self.of(&["null", "'2026-03-01'", "'2027-03-01'"]), self.deleted());
            self.insert(
                "care_team",
                "id, client_id, user_id, relation, starts_on, ends_on, deleted_at",
                &[
                    quoted(id),
                    quoted(client),
                    quoted(person.id),
                    format!("'{relation}'"),
                    "'2026-01-01'".into(),
                    ends.into(),
                    deleted.into(),
                ],
            );
        }
        for kind in ["data_collection", "family_sharing", "sms", "photos"] {
            let (id, granted, method) = (self.id(), self.chance(50), literal(&self.text()));
            let (purpose, name, relation) = (self.text(), literal(&self.text()), literal(&self.text()));
            let purpose = self.maybe(&purpose);
            let who = self.of(&["'client'", "'substitute'", "null"]);
            let user = if kind == "sms" { quoted(FAMILY.id) } else { "null".into() };
            self.insert(
                "consents",
                "id, client_id, kind, granted, method, user_id, purpose, given_by, giver_name, giver_relation",
                &[
                    quoted(id),
                    quoted(client),
                    format!("'{kind}'"),
                    granted.to_string(),
                    method,
                    user,
                    purpose,
                    who.into(),
                    name,
                    relation,
                ],
            );
        }
    }

    fn visit(&mut self, client: Uuid) -> Uuid {
        let (id, start, person) = (self.id(), self.time(), self.person());
        let status = self.of(&["scheduled", "in_progress", "completed", "cancelled", "missed"]);
        let began = matches!(status, "in_progress" | "completed").then(|| start + 3.minutes());
        // A clock that was put right between may have it that a visit ended before it began.
        let minutes = self.of(&[42_i64, 0, -7]);
        let ended = began.filter(|_| status == "completed").map(|began| began + minutes.minutes());
        let reason = if status == "cancelled" { literal(&self.text()) } else { "null".into() };
        let place = if began.is_some() {
            self.of(&["43.65, -79.38, 12.5, 31.25", "null, null, null, null"])
        } else {
            "null, null, null, null"
        };
        let (notes, family_note) = (self.text(), self.text());
        let (notes, family_note, deleted) = (self.maybe(&notes), self.maybe(&family_note), self.deleted());
        self.insert(
            "visits",
            "id, client_id, user_id, scheduled_start, scheduled_end, status, actual_start, actual_end, cancel_reason,
             check_in_latitude, check_in_longitude, check_in_accuracy_m, check_in_distance_m, notes, family_note,
             deleted_at",
            &[
                quoted(id),
                quoted(client),
                quoted(person.id),
                quoted(start),
                quoted(start + 45.minutes()),
                format!("'{status}'"),
                began.map_or("null".into(), quoted),
                ended.map_or("null".into(), quoted),
                reason,
                place.into(),
                notes,
                family_note,
                deleted.into(),
            ],
        );
        let tasks: Vec<_> = (0..self.rng.random_range(0..4)).map(|_| self.task(client, id)).collect();
        if self.chance(50) {
            let note = literal(&self.text());
            writeln!(self.sql, "update visits set notes = {note} where id = '{id}';").unwrap();
        }
        for task in tasks {
            if self.chance(30) {
                writeln!(self.sql, "update visit_tasks set outcome = 'changed' where id = '{task}';").unwrap();
            }
        }
        id
    }

    fn task(&mut self, client: Uuid, visit: Uuid) -> Uuid {
        let (id, done, at) = (self.id(), self.chance(50), self.time());
        let kind = self.of(&["vitals", "medication", "wound_care", "meals", "other"]);
        let data = match kind {
            "vitals" => json!({"blood_pressure": {"systolic": 128, "diastolic": 78.5, "unit": "mmHg"},
                "heart_rate": {"value": 72, "unit": "bpm"}, "temperature": {"value": 36.8, "unit": "°C"},
                "oxygen_saturation": {"value": 97, "unit": "%"}, "glucose": {"value": 5.4, "unit": "mmol/L"},
                "pain": {"value": 3, "unit": "/10"}, "weight": {"value": 61.2, "unit": "kg"}}),
            "medication" => json!({"name": self.text(), "dose": self.text(), "route": self.text(),
                "outcome": self.of(&["given", "refused", "omitted", "self_administered"]), "reason": self.text()}),
            "wound_care" => json!({"site": self.text(), "length_mm": 22, "appearance": self.text()}),
            _ => json!({"note": self.text()}),
        };
        let (title, outcome) = (literal(&self.text()), self.text());
        let (outcome, data, deleted) = (self.maybe(&outcome), self.maybe(&data.to_string()), self.deleted());
        self.insert(
            "visit_tasks",
            "id, visit_id, client_id, task_type, title, completed, completed_at, outcome, data, deleted_at",
            &[
                quoted(id),
                quoted(visit),
                quoted(client),
                format!("'{kind}'"),
                title,
                done.to_string(),
                if done { quoted(at) } else { "null".into() },
                outcome,
                data,
                deleted.into(),
            ],
        );
        id
    }

    fn photo(&mut self, client: Uuid, visit: Uuid) {
        let (id, status, caption) = (self.id(), self.of(&["pending", "stored", "rejected"]), self.text());
        let (caption, deleted) = (self.maybe(&caption), self.deleted());
        let document = self.chance(30);
        let (of_client, of_visit) =
            if document { (quoted(client), "null".into()) } else { ("null".into(), quoted(visit)) };
        self.insert(
            "photos",
            "id, client_id, visit_id, kind, object_key, content_type, bytes, sha256, status, caption, deleted_at",
            &[
                quoted(id),
                of_client,
                of_visit,
                if document { "'document'".into() } else { "'photo'".into() },
                "'a/key'".into(),
                if document { "'application/pdf'".into() } else { "'image/jpeg'".into() },
                "2418113".into(),
                format!("sha256('{id}')"),
                format!("'{status}'"),
                caption,
                deleted.into(),
            ],
        );
    }

    fn alert_and_messages(&mut self, client: Uuid, visit: Uuid) {
        let (id, message) = (self.id(), self.text());
        let (reason, message) = (literal(&self.text()), self.maybe(&message));
        let severity = self.of(&["low", "medium", "high", "critical"]);
        let (status, by, at) = if self.chance(50) {
            ("acknowledged", quoted(COORDINATOR.id), "now()")
        } else {
            (self.of(&["open", "calling", "expired"]), "null".into(), "null")
        };
        let raised_by = self.of(&[Some(NURSE.id), None]).map_or("null".into(), quoted);
        self.insert(
            "alerts",
            "id, client_id, visit_id, raised_by, severity, reason, message, status, acknowledged_by, acknowledged_at",
            &[
                quoted(id),
                quoted(client),
                quoted(visit),
                raised_by,
                format!("'{severity}'"),
                reason,
                message,
                format!("'{status}'"),
                by,
                at.into(),
            ],
        );
        for channel in ["sms", "voice", "push"] {
            let (message, values) = (self.id(), json!({"first_name": self.text()}));
            let status = self.of(&["pending", "sent", "delivered", "failed", "cancelled", "dead"]);
            self.insert(
                "messages",
                "id, channel, recipient_id, recipient, template, template_values, locale, dedupe_key, status, alert_id,
                 client_id, visit_id",
                &[
                    quoted(message),
                    format!("'{channel}'"),
                    quoted(FAMILY.id),
                    "'+14165550171'".into(),
                    "'daily_summary'".into(),
                    literal(&values.to_string()),
                    "'fr-CA'".into(),
                    quoted(message),
                    format!("'{status}'"),
                    quoted(id),
                    quoted(client),
                    quoted(visit),
                ],
            );
        }
        let (reply, body) = (self.id(), literal(&self.text()));
        self.insert(
            "inbound_messages",
            "id, provider_sid, sender, recipient, body, intent, user_id, client_id",
            &[
                quoted(reply),
                quoted(reply),
                "'+14165550171'".into(),
                "'+14165550199'".into(),
                body,
                "'note'".into(),
                quoted(FAMILY.id),
                quoted(client),
            ],
        );
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[allow(clippy::needless_pass_by_value, reason = "ids and times are small, and read better bare")]
fn quoted(value: impl ToString) -> String {
    literal(&value.to_string())
}

#[tokio::test]
async fn exports_of_random_clients_are_sound() {
    let app = TestApp::new().await;
    let coordinator = app.coordinator().await;
    let clients = if random::is_nightly() { 40 } else { 8 };
    let mut draw = Draw { rng: TestRunner::new(random::cases(1)).new_rng(), sql: String::new() };
    for number in 1..=clients {
        let client = draw.client();
        for _ in 0..5 {
            let visit = draw.visit(client);
            draw.photo(client, visit);
            draw.alert_and_messages(client, visit);
        }
        // At last: a withdrawn consent ends what is charted.
        draw.team_and_consents(client);
        let sql = std::mem::take(&mut draw.sql);
        app.database.write(AGENCY_A, &format!("select app.reserve_change_numbers(500); {sql}")).await;
        coordinator.get(&path(client)).await.expect(200);
        let bundle = as_fhir(&coordinator, client).await.expect(200);
        assert_eq!(faults_of(&bundle), Vec::<String>::new());
        // Files hold the same, but for what was done meanwhile.
        let files = unzipped(export_of(&app, &coordinator, client, "zip").await);
        let lines = bundle_of(&export_of(&app, &coordinator, client, "ndjson").await);
        let zipped: Value = serde_json::from_slice(file(&files, "data/fhir.json")).unwrap();
        for bundle in [&lines, &zipped] {
            assert_eq!(faults_of(bundle), Vec::<String>::new());
        }
        if let Some(folder) = env::var_os("FHIR_EXPORTS") {
            for (name, bundle) in [("", &bundle), ("-lines", &lines), ("-zipped", &zipped)] {
                let file = Path::new(&folder).join(format!("random-{number}{name}.json"));
                fs::write(file, bundle.to_string()).unwrap();
            }
        }
    }
}

//! What each caller may write where no handler asks: what section 4 of the product lets them.

use std::{collections::BTreeSet, fmt::Write as _};

use domain::identity::Role;
use uuid::Uuid;

use super::registers;
use super::rows::{
    AGENCY_AS_STAFF, AGENCY_BS, AIDES, ALERT_B, ALERT_FOR_ALMA, ALMAS_STAFF, BERNARDS, CONFLICT_AT_ALMA, FAMILYS,
    NOBODY, NURSES, PENDING_PHOTO, PEOPLE, PHOTO_AS_IT_CAME, PHOTO_OF_ALMA, PLANNERS, RECEIPT, REFUSED_PUSH, REPLY,
    SHA256, Stage, TASK_B, alert, client, conflict, consent, creation, member, message, of_kind, photo, plan_version,
    receipt, reply, sealed, task, user, visit,
};
use super::visible_rows::who_sees_what;
use crate::harness::fixtures::{
    ADMIN, ADMIN_B, AGENCY_A, AGENCY_B, AIDE, AIDES_MEALS, AIDES_VISIT, AIDES_VITALS, ALMA, BERNARD, CHLOE, CLIENT_B,
    COORDINATOR, FAMILY, NURSE, NURSE_B, NURSES_VISIT, NURSES_VITALS, OTHER_ADMIN, OTHER_COORDINATOR, OTHER_NURSE,
    OTHER_NURSES_VISIT, OTHER_NURSES_VITALS, Person, VISIT_B,
};

/// A write, and who may do it.
#[derive(Clone)]
pub struct Attempt {
    table: &'static str,
    sql: String,
    may: Vec<&'static Person>,
}

pub fn attempt(table: &'static str, may: &[&'static Person], sql: impl Into<String>) -> Attempt {
    Attempt { table, sql: sql.into(), may: may.to_vec() }
}

/// A statement that names [`MYSELF`], to be about whoever sends it.
pub fn by_myself(sql: &str) -> String {
    sql.replace(&format!("'{}'", Uuid::nil()), "app.user_id()")
}

const MYSELF: Person = Person { id: Uuid::nil(), agency: AGENCY_A, email: "whoever tries", role: Role::Nurse };

fn attempts_at_people() -> Vec<Attempt> {
    let change = |person: &Person, set: &str| format!("update users set {set} where id = '{}'", person.id);
    let mut attempts = vec![
        attempt("agencies", NOBODY, "update agencies set name = 'Mine'"),
        attempt(
            "agencies",
            NOBODY,
            "insert into agencies (id, name, time_zone) values (gen_random_uuid(), 'N', 'UTC')",
        ),
        attempt("agency_counters", NOBODY, "update agency_counters set number = 0"),
        attempt("users", PLANNERS, user("nurse", AGENCY_A)),
        attempt("users", PLANNERS, user("care_aide", AGENCY_A)),
        attempt("users", PLANNERS, user("family", AGENCY_A)),
        attempt("users", &[&ADMIN], user("coordinator", AGENCY_A)),
        attempt("users", &[&ADMIN], user("admin", AGENCY_A)),
        attempt("users", &[&ADMIN_B], user("nurse", AGENCY_B)),
        attempt("users", NURSES, change(&NURSE, "first_name = 'N'")),
        attempt("users", FAMILYS, change(&FAMILY, "first_name = 'N'")),
        attempt("users", PLANNERS, change(&COORDINATOR, "first_name = 'N'")),
        attempt("users", &[&ADMIN], change(&OTHER_COORDINATOR, "first_name = 'N'")),
        attempt("users", &[&ADMIN], change(&OTHER_ADMIN, "first_name = 'N'")),
        attempt("users", AGENCY_BS, change(&NURSE_B, "first_name = 'N'")),
        attempt("users", PLANNERS, change(&OTHER_NURSE, "role = 'care_aide'")),
        attempt("users", &[&ADMIN], change(&OTHER_NURSE, "role = 'coordinator'")),
        attempt("users", &[&ADMIN], change(&OTHER_NURSE, "role = 'admin'")),
        attempt("users", PLANNERS, change(&AIDE, "status = 'suspended'")),
        attempt("users", &[&ADMIN], change(&OTHER_COORDINATOR, "status = 'suspended'")),
        attempt("users", &[&ADMIN], change(&OTHER_NURSE, "deleted_at = now()")),
        attempt("users", &[&ADMIN, &ADMIN_B], "update users set status = 'suspended' where id = app.user_id()"),
        attempt("users", &[&ADMIN, &ADMIN_B], "update users set deleted_at = now() where id = app.user_id()"),
        attempt("users", NOBODY, change(&NURSE, "password_hash = 'x'")),
        attempt("users", NOBODY, change(&NURSE, &format!("agency_id = '{AGENCY_B}'"))),
    ];
    // Nobody but an admin makes themselves anything that they aren't.
    for role in ["admin", "coordinator", "nurse", "care_aide", "family"] {
        let are = |person: &&&Person| <&str>::from(person.role) == role || person.role == Role::Admin;
        let may: Vec<_> = PEOPLE.iter().filter(are).copied().collect();
        attempts.push(attempt("users", &may, format!("update users set role = '{role}' where id = app.user_id()")));
    }
    let revoke = |person: &Person| format!("update devices set revoked_at = now() where user_id = '{}'", person.id);
    attempts.extend([
        attempt("devices", &[&ADMIN], revoke(&ADMIN)),
        attempt("devices", PLANNERS, revoke(&COORDINATOR)),
        attempt("devices", NURSES, revoke(&NURSE)),
        attempt("devices", FAMILYS, revoke(&FAMILY)),
        attempt("devices", AGENCY_BS, revoke(&NURSE_B)),
        attempt("devices", NOBODY, format!("update devices set user_id = '{}'", NURSE.id)),
        attempt(
            "devices",
            NOBODY,
            format!(
                "insert into devices (id, agency_id, user_id, name, platform, app_version)
                 values (gen_random_uuid(), '{AGENCY_A}', app.user_id(), 'D', 'ios', '1')"
            ),
        ),
    ]);
    attempts
}

fn attempts_at_clients() -> Vec<Attempt> {
    let id = Uuid::from_u128(0xAAA);
    let change = |client: Uuid, set: &str| format!("update clients set {set} where id = '{client}'");
    vec![
        attempt("clients", PLANNERS, client(id, AGENCY_A)),
        attempt("clients", &[&ADMIN_B], client(id, AGENCY_B)),
        attempt("clients", PLANNERS, change(ALMA, "phone = null")),
        attempt("clients", PLANNERS, change(ALMA, "care_plan = '{\"summary\": \"x\"}'")),
        attempt("clients", PLANNERS, change(CHLOE, "deleted_at = now()")),
        attempt("clients", &[&ADMIN_B], change(CLIENT_B, "phone = null")),
        attempt("clients", NOBODY, change(ALMA, &format!("agency_id = '{AGENCY_B}'"))),
        attempt("care_plan_versions", PLANNERS, plan_version(AGENCY_A, CHLOE)),
        attempt("care_plan_versions", NOBODY, "update care_plan_versions set plan = '{\"summary\": \"x\"}'"),
        // Nobody lets themselves in.
        attempt("care_team", PLANNERS, by_myself(&member(AGENCY_A, CHLOE, &MYSELF, "nurse"))),
        attempt("care_team", PLANNERS, by_myself(&member(AGENCY_A, CHLOE, &MYSELF, "family"))),
        attempt(
            "care_team",
            PLANNERS,
            format!("update care_team set ends_on = '2030-01-01' where client_id = '{ALMA}'"),
        ),
        attempt(
            "care_team",
            &[&ADMIN_B],
            format!("update care_team set ends_on = '2030-01-01' where client_id = '{CLIENT_B}'"),
        ),
        attempt("consents", PLANNERS, consent(AGENCY_A, ALMA, "family_sharing")),
        attempt("consents", NOBODY, "update consents set granted = false"),
    ]
}

fn attempts_at_visits() -> Vec<Attempt> {
    let id = Uuid::from_u128(0xAAA);
    let change = |visit: Uuid, set: &str| format!("update visits set {set} where id = '{visit}'");
    let change_task = |task: Uuid, set: &str| format!("update visit_tasks set {set} where id = '{task}'");
    vec![
        attempt("visits", ALMAS_STAFF, by_myself(&visit(id, AGENCY_A, ALMA, &MYSELF))),
        attempt("visits", NURSES, visit(id, AGENCY_A, ALMA, &NURSE)),
        attempt("visits", PLANNERS, visit(id, AGENCY_A, ALMA, &OTHER_NURSE)),
        attempt("visits", BERNARDS, by_myself(&visit(id, AGENCY_A, BERNARD, &MYSELF))),
        attempt("visits", AGENCY_BS, by_myself(&visit(id, AGENCY_B, CLIENT_B, &MYSELF))),
        attempt("visits", NURSES, change(NURSES_VISIT, "notes = 'N'")),
        attempt("visits", AIDES, change(AIDES_VISIT, "notes = 'N'")),
        attempt("visits", BERNARDS, change(OTHER_NURSES_VISIT, "notes = 'N'")),
        attempt("visits", AGENCY_BS, change(VISIT_B, "notes = 'N'")),
        attempt("visits", PLANNERS, change(NURSES_VISIT, &format!("user_id = '{}'", AIDE.id))),
        attempt("visits", NOBODY, change(NURSES_VISIT, &format!("client_id = '{BERNARD}'"))),
        attempt("visits", PLANNERS, change(NURSES_VISIT, "deleted_at = now()")),
        attempt("visit_tasks", NURSES, task(id, AGENCY_A, NURSES_VISIT, "vitals", false)),
        attempt("visit_tasks", NURSES, task(id, AGENCY_A, NURSES_VISIT, "meals", false)),
        attempt("visit_tasks", AIDES, task(id, AGENCY_A, AIDES_VISIT, "meals", false)),
        attempt("visit_tasks", PLANNERS, task(id, AGENCY_A, AIDES_VISIT, "vitals", false)),
        attempt("visit_tasks", PLANNERS, task(id, AGENCY_A, AIDES_VISIT, "medication", false)),
        attempt("visit_tasks", PLANNERS, task(id, AGENCY_A, AIDES_VISIT, "wound_care", false)),
        attempt("visit_tasks", BERNARDS, task(id, AGENCY_A, OTHER_NURSES_VISIT, "meals", false)),
        attempt("visit_tasks", AGENCY_BS, task(id, AGENCY_B, VISIT_B, "meals", false)),
        attempt("visit_tasks", NURSES, change_task(NURSES_VITALS, "outcome = 'O'")),
        attempt("visit_tasks", AIDES, change_task(AIDES_MEALS, "outcome = 'O'")),
        attempt("visit_tasks", AIDES, change_task(AIDES_MEALS, "deleted_at = now()")),
        attempt("visit_tasks", PLANNERS, change_task(AIDES_VITALS, "outcome = 'O'")),
        attempt("visit_tasks", PLANNERS, change_task(AIDES_MEALS, "task_type = 'vitals'")),
        attempt("visit_tasks", PLANNERS, change_task(AIDES_MEALS, &format!("visit_id = '{NURSES_VISIT}'"))),
        attempt("visit_tasks", BERNARDS, change_task(OTHER_NURSES_VITALS, "outcome = 'O'")),
        attempt("visit_tasks", AGENCY_BS, change_task(TASK_B, "outcome = 'O'")),
        attempt("chart_revisions", NOBODY, "update chart_revisions set before = '{}'"),
        attempt(
            "chart_revisions",
            NOBODY,
            format!(
                "insert into chart_revisions (record, record_id, version, agency_id, client_id, visit_id, before)
                 values ('task', '{NURSES_VITALS}', 1, '{AGENCY_A}', '{ALMA}', '{NURSES_VISIT}', '{{}}')"
            ),
        ),
    ]
}

fn attempts_at_photos() -> Vec<Attempt> {
    let id = Uuid::from_u128(0xAAA);
    let photo = |(owner, of)| photo(id, AGENCY_A, (owner, of), false, "pending");
    let change = |photo: Uuid, set: &str| format!("update photos set {set} where id = '{photo}'");
    // The rows of a block don't count: what does is whether there is an attached one to change.
    let attached = |owner| {
        let change = change(id, "caption = 'C'");
        format!("do $$ begin {} end $$; {change} and subject_client_id is not null", photo(owner))
    };
    let own_photo = format!("{} {}", photo(("client_id", ALMA)), change(id, "caption = 'C'"));
    let unheard_of = Uuid::from_u128(0xFFF);
    let stored = photo(("client_id", ALMA)).replace("'pending'", "'stored'");
    vec![
        attempt("photos", ALMAS_STAFF, own_photo),
        attempt("photos", BERNARDS, photo(("client_id", BERNARD))),
        // A phone may send the photo before the visit, and nobody learns whether one out of sight is there; but the
        // photo isn't attached to somebody else's.
        attempt("photos", AGENCY_AS_STAFF, photo(("visit_id", NURSES_VISIT))),
        attempt("photos", AGENCY_AS_STAFF, photo(("visit_id", OTHER_NURSES_VISIT))),
        attempt("photos", AGENCY_AS_STAFF, photo(("visit_id", unheard_of))),
        attempt("photos", AGENCY_AS_STAFF, photo(("visit_id", VISIT_B))),
        attempt("photos", ALMAS_STAFF, attached(("visit_id", NURSES_VISIT))),
        attempt("photos", BERNARDS, attached(("visit_id", OTHER_NURSES_VISIT))),
        attempt("photos", NOBODY, attached(("visit_id", unheard_of))),
        attempt("photos", NOBODY, attached(("visit_id", VISIT_B))),
        attempt("photos", NURSES, of_kind("signature", &attached(("visit_id", NURSES_VISIT)))),
        attempt("photos", AIDES, of_kind("signature", &attached(("visit_id", AIDES_VISIT)))),
        attempt("photos", NURSES, of_kind("document", &photo(("client_id", ALMA)))),
        attempt("photos", AGENCY_AS_STAFF, by_myself(&photo(("user_id", MYSELF.id)))),
        attempt("photos", NURSES, photo(("user_id", NURSE.id))),
        attempt("photos", &[&ADMIN], photo(("user_id", OTHER_ADMIN.id))),
        attempt("photos", PLANNERS, change(PHOTO_OF_ALMA, "shared_with_family = true")),
        attempt("photos", PLANNERS, change(PHOTO_OF_ALMA, "deleted_at = now()")),
        // What was uploaded stays what it is, and whether it is good is for the function to say.
        attempt("photos", NOBODY, stored),
        attempt("photos", NOBODY, change(PENDING_PHOTO, "status = 'stored', object_key = 'x'")),
        attempt("photos", NOBODY, change(PHOTO_OF_ALMA, &format!("client_id = '{BERNARD}'"))),
        attempt("photos", NOBODY, change(PHOTO_OF_ALMA, "object_key = 'clients/another.jpg'")),
        attempt("photos", NOBODY, change(PHOTO_AS_IT_CAME, "redrawn = true")),
    ]
}

fn attempts_at_the_rest() -> Vec<Attempt> {
    let id = Uuid::from_u128(0xAAA);
    let moved_alert = format!("update alerts set client_id = '{BERNARD}' where id = '{ALERT_FOR_ALMA}'");
    let quarantined = |device: &str| {
        format!(
            "insert into sync_quarantine
               (agency_id, device_id, user_id, table_name, record_id, body, body_sha256, reason)
             values ('{AGENCY_A}', {device}, app.user_id(), 'visits', 'y', '{{\"a\": 1}}', {SHA256}, 'malformed')"
        )
    };
    let logged = "insert into audit_log (action, resource";
    vec![
        attempt("alerts", ALMAS_STAFF, by_myself(&alert(id, AGENCY_A, ALMA, &MYSELF))),
        attempt("alerts", NURSES, alert(id, AGENCY_A, ALMA, &NURSE)),
        attempt("alerts", BERNARDS, by_myself(&alert(id, AGENCY_A, BERNARD, &MYSELF))),
        attempt("alerts", NURSES, format!("update alerts set message = 'M' where id = '{ALERT_FOR_ALMA}'")),
        attempt("alerts", PLANNERS, moved_alert),
        attempt("alerts", AGENCY_BS, format!("update alerts set message = 'M' where id = '{ALERT_B}'")),
        attempt("escalations", NOBODY, "update escalations set due_at = null"),
        attempt("messages", AGENCY_AS_STAFF, message(id, AGENCY_A, &FAMILY)),
        attempt("messages", NOBODY, "update messages set status = 'cancelled'"),
        attempt("rate_limits", NOBODY, "insert into rate_limits (lane) values ('voice')"),
        attempt("rate_limits", NOBODY, "update rate_limits set next_slot_at = now()"),
        attempt("agency_turns", NOBODY, "update agency_turns set turn = 0"),
        attempt("inbound_messages", NOBODY, reply(id, Some(AGENCY_A))),
        attempt("inbound_messages", NOBODY, "update inbound_messages set body = 'x'"),
        attempt(
            "inbound_messages",
            PLANNERS,
            format!("update inbound_messages set answered_by = app.user_id() where id = '{REPLY}'"),
        ),
        attempt("client_marks", NOBODY, "update client_marks set number = 0"),
        attempt(
            "client_marks",
            NOBODY,
            format!("insert into client_marks (client_id, agency_id, number) values ('{id}', '{AGENCY_A}', 0)"),
        ),
        attempt("sync_log", NOBODY, "update sync_log set before = null"),
        attempt(
            "sync_log",
            NOBODY,
            format!(
                "insert into sync_log (agency_id, number, table_name, record_id, operation, changed_columns, after)
                 values ('{AGENCY_A}', 0, 'clients', '{ALMA}', 'create', '{{}}', '{{}}')"
            ),
        ),
        attempt("sync_conflicts", AGENCY_AS_STAFF, conflict(id, AGENCY_A, ALMA)),
        attempt(
            "sync_conflicts",
            PLANNERS,
            format!("update sync_conflicts set resolved_by = app.user_id() where id = '{CONFLICT_AT_ALMA}'"),
        ),
        attempt("sync_quarantine", AGENCY_AS_STAFF, quarantined("app.device_id()")),
        attempt("sync_quarantine", NOBODY, quarantined("gen_random_uuid()")),
        attempt("sync_quarantine", NOBODY, "update sync_quarantine set reason = 'x'"),
        attempt(
            "sync_quarantine",
            PLANNERS,
            format!("update sync_quarantine set seen_by = app.user_id() where id = '{REFUSED_PUSH}'"),
        ),
        attempt("sync_receipts", AGENCY_AS_STAFF, receipt(id, AGENCY_A, "app.device_id()")),
        attempt("sync_receipts", NOBODY, receipt(id, AGENCY_A, "gen_random_uuid()")),
        attempt(
            "sync_receipts",
            NOBODY,
            format!("update sync_receipts set body_sha256 = sha256('') where record_id = '{RECEIPT}'"),
        ),
        attempt("creations", AGENCY_AS_STAFF, creation(id, AGENCY_A)),
        attempt("creations", NOBODY, "update creations set table_name = 'x'"),
        // Under their own name, from where they are, and now.
        attempt("audit_log", &PEOPLE, format!("{logged}) values ('test.try', 'test')")),
        attempt("audit_log", NOBODY, format!("{logged}, actor_id) values ('test.try', 'test', '{}')", OTHER_ADMIN.id)),
        attempt("audit_log", NOBODY, format!("{logged}, source_ip) values ('test.try', 'test', '192.0.2.9')")),
        attempt("audit_log", NOBODY, format!("{logged}, at) values ('test.try', 'test', '2020-01-01')")),
        attempt("audit_log", NOBODY, "update audit_log set details = '{}'"),
        attempt("audit_chain", NOBODY, sealed(AGENCY_A, 9)),
        attempt("audit_chain", NOBODY, "update audit_chain set number = 9"),
    ]
}

#[tokio::test]
async fn a_write_past_the_handlers_changes_only_what_its_writer_may_change() {
    const NO_PRIVILEGE: &str = "42501";
    let stage = Stage::new().await;
    let mut attempts = [
        attempts_at_people(),
        attempts_at_clients(),
        attempts_at_visits(),
        attempts_at_photos(),
        attempts_at_the_rest(),
        registers::attempts(),
    ]
    .concat();
    // That no function reads a table at all doesn't mean that none writes it.
    let tables: BTreeSet<_> =
        who_sees_what().iter().map(|table| table.name).chain(["agency_turns", "rate_limits"]).collect();
    assert_eq!(attempts.iter().map(|attempt| attempt.table).collect::<BTreeSet<_>>(), tables, "a table is not tested");
    for table in tables {
        attempts.push(attempt(table, NOBODY, format!("delete from {table}")));
        attempts.push(attempt(table, NOBODY, format!("truncate {table} cascade")));
    }
    let mut wrong = String::new();
    for Attempt { table, sql, may } in &attempts {
        let role = if registers::TABLES.contains(table) { &stage.privacy_role } else { &stage.app_role };
        for person in PEOPLE {
            let outcome = stage.attempt(role, person, sql).await;
            let may = may.iter().any(|other| other.id == person.id);
            let right = match &outcome {
                Ok(touched) => (*touched > 0) == may,
                Err(code) => !may && code == NO_PRIVILEGE,
            };
            if !right {
                writeln!(wrong, "{} {}: {outcome:?}: {sql}", person.email, if may { "may" } else { "may not" })
                    .unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

//! The registers of privacy: their rows, who sees them, and who may write them.

use uuid::Uuid;

use super::{
    rows::{EXPORT, EXPORT_B, HOLD, HOLD_B, INCIDENT, INCIDENT_B, NOBODY, REQUEST, REQUEST_B},
    visible_rows::{Table, table},
    writes::{Attempt, attempt, by_myself},
};
use crate::harness::fixtures::{ADMIN, ADMIN_B, AGENCY_A, AGENCY_B, ALMA, CLIENT_B, COORDINATOR, OTHER_ADMIN, Person};

pub const TABLES: [&str; 3] = ["privacy_requests", "privacy_incidents", "legal_holds"];

pub fn request(id: Uuid, agency: Uuid, client: Uuid) -> String {
    format!(
        "insert into privacy_requests (id, agency_id, kind, client_id, asked_by, received_at, due_at)
         values ('{id}', '{agency}', 'access', '{client}', 'The client', now(), now());"
    )
}

pub fn incident(id: Uuid, agency: Uuid) -> String {
    format!(
        "insert into privacy_incidents (id, agency_id, description, found_at, due_at)
         values ('{id}', '{agency}', 'A lost phone', now(), now());"
    )
}

pub fn hold(id: Uuid, agency: Uuid, client: Uuid, by: &Person) -> String {
    format!(
        "insert into legal_holds (id, agency_id, client_id, reason, placed_by)
         values ('{id}', '{agency}', '{client}', 'a proceeding', '{}');",
        by.id
    )
}

pub fn export(id: Uuid, agency: Uuid, client: Uuid, by: &Person) -> String {
    format!(
        "insert into client_exports (id, agency_id, client_id, format, requested_by)
         values ('{id}', '{agency}', '{client}', 'zip', '{}');",
        by.id
    )
}

/// A plan to remove a client, which no trigger would let be made before its time, and a report.
fn retention(report: Uuid, agency: Uuid, client: Uuid) -> String {
    format!(
        "set local session_replication_role = replica;
         insert into erasures (client_id, agency_id, rule, due_on)
         values ('{client}', '{agency}', 'last_care', '2020-01-01');
         insert into retention_reports (id, agency_id, planned, withdrawn, held, erased, removed_rows, removed_objects)
         values ('{report}', '{agency}', 1, 0, 0, '{{}}', 0, 0);
         set local session_replication_role = origin;"
    )
}

pub fn of_a() -> String {
    [
        request(REQUEST, AGENCY_A, ALMA),
        incident(INCIDENT, AGENCY_A),
        hold(HOLD, AGENCY_A, ALMA, &OTHER_ADMIN),
        export(EXPORT, AGENCY_A, ALMA, &COORDINATOR),
        retention(HOLD, AGENCY_A, ALMA),
    ]
    .concat()
}

pub fn of_b() -> String {
    [
        request(REQUEST_B, AGENCY_B, CLIENT_B),
        incident(INCIDENT_B, AGENCY_B),
        hold(HOLD_B, AGENCY_B, CLIENT_B, &ADMIN_B),
        export(EXPORT_B, AGENCY_B, CLIENT_B, &ADMIN_B),
        retention(HOLD_B, AGENCY_B, CLIENT_B),
    ]
    .concat()
}

pub fn who_sees_registers() -> [Table; 6] {
    let by = |a: Uuid, b: Uuid| -> [(Uuid, &'static [&'static Person]); 2] { [(a, &[&ADMIN]), (b, &[&ADMIN_B])] };
    [
        table("privacy_requests", "id::text", by(REQUEST, REQUEST_B)),
        table("privacy_incidents", "id::text", by(INCIDENT, INCIDENT_B)),
        table("legal_holds", "id::text", by(HOLD, HOLD_B)),
        // Whoever asked for it, and nobody else.
        table("client_exports", "id::text", [(EXPORT, &[&COORDINATOR]), (EXPORT_B, &[&ADMIN_B])]),
        table("erasures", "client_id::text", by(ALMA, CLIENT_B)),
        table("retention_reports", "id::text", by(HOLD, HOLD_B)),
    ]
}

pub fn attempts() -> Vec<Attempt> {
    let id = Uuid::from_u128(0xAAA);
    let placed = |client: Uuid, agency: Uuid| {
        format!(
            "insert into legal_holds (id, agency_id, client_id, reason) values ('{id}', '{agency}', '{client}', 'r')"
        )
    };
    let asked = |client: Uuid, agency: Uuid| {
        format!(
            "insert into client_exports (id, agency_id, client_id, format)
             values ('{id}', '{agency}', '{client}', 'json')"
        )
    };
    let lifted = |hold: Uuid, by: &str| {
        format!("update legal_holds set lifted_by = {by}, lifted_at = now(), lift_reason = 'r' where id = '{hold}'")
    };
    let in_state =
        |table: &str, id: Uuid, state: &str| format!("update {table} set state = '{state}' where id = '{id}'");
    vec![
        attempt("privacy_requests", &[&ADMIN], request(id, AGENCY_A, ALMA)),
        attempt("privacy_requests", &[&ADMIN_B], request(id, AGENCY_B, CLIENT_B)),
        attempt("privacy_requests", &[&ADMIN], in_state("privacy_requests", REQUEST, "in_progress")),
        attempt("privacy_requests", &[&ADMIN_B], in_state("privacy_requests", REQUEST_B, "in_progress")),
        attempt("privacy_requests", NOBODY, "update privacy_requests set received_at = now()"),
        attempt("privacy_requests", NOBODY, "update privacy_requests set client_id = null"),
        attempt("privacy_incidents", &[&ADMIN], incident(id, AGENCY_A)),
        attempt("privacy_incidents", &[&ADMIN], in_state("privacy_incidents", INCIDENT, "contained")),
        attempt("privacy_incidents", &[&ADMIN_B], in_state("privacy_incidents", INCIDENT_B, "contained")),
        attempt("privacy_incidents", NOBODY, "update privacy_incidents set found_at = now()"),
        attempt("client_exports", &[&ADMIN, &COORDINATOR], asked(ALMA, AGENCY_A)),
        attempt("client_exports", &[&ADMIN_B], asked(CLIENT_B, AGENCY_B)),
        // Under no other name, and what becomes of it is not the caller's to say.
        attempt("client_exports", NOBODY, export(id, AGENCY_A, ALMA, &OTHER_ADMIN)),
        attempt("client_exports", NOBODY, "update client_exports set state = 'failed'"),
        attempt("client_exports", NOBODY, "delete from client_exports"),
        // Written by the functions of the retention alone.
        attempt("erasures", NOBODY, "update erasures set due_on = '2020-01-01'"),
        attempt(
            "erasures",
            NOBODY,
            format!(
                "insert into erasures (client_id, agency_id, rule, due_on)
                 values ('{id}', '{AGENCY_A}', 'last_care', '2020-01-01')"
            ),
        ),
        attempt("retention_reports", NOBODY, "update retention_reports set removed_rows = 9"),
        attempt("legal_holds", &[&ADMIN], placed(ALMA, AGENCY_A)),
        // Under no other name.
        attempt("legal_holds", NOBODY, hold(id, AGENCY_A, ALMA, &OTHER_ADMIN)),
        attempt("legal_holds", &[&ADMIN], by_myself(&lifted(HOLD, &format!("'{}'", Uuid::nil())))),
        attempt("legal_holds", NOBODY, lifted(HOLD, &format!("'{}'", OTHER_ADMIN.id))),
        attempt("legal_holds", NOBODY, format!("update legal_holds set reason = 'another' where id = '{HOLD}'")),
    ]
}

//! Which rows each caller sees, table by table.

use uuid::Uuid;

use super::registers::who_sees_registers;
use super::rows::{
    AGENCY_AS, AGENCY_BS, AIDES, ALERT_B, ALERT_FOR_ALMA, ALERT_FOR_BERNARD, ALMAS, ALMAS_STAFF, BERNARDS,
    CONFLICT_AT_ALMA, CONFLICT_AT_BERNARD, CONFLICT_B, CREATED, CREATED_B, DOCUMENT_OF_ALMA, DONE_TASK, FAMILYS,
    GONE_CLIENT, GONE_PHOTO, GONE_TASK, GONE_VISIT, MESSAGE, MESSAGE_B, NOBODY, NURSES, PENDING_PHOTO,
    PHOTO_AS_IT_CAME, PHOTO_B, PHOTO_OF_ALMA, PHOTO_OF_BERNARD, PHOTO_OF_NURSE, PLANNERS, RECEIPT, RECEIPT_B,
    REFUSED_PUSH, REFUSED_PUSH_B, REPLY, REPLY_B, SHARED_PHOTO, SHARED_PHOTO_OF_BERNARD, SHARED_PHOTO_OF_VISIT,
    STRANGERS_REPLY, TASK_B, TASK_OF_GONE_CLIENT, TASK_OF_GONE_VISIT, VISIT_TO_GONE_CLIENT,
};
use crate::harness::fixtures::{
    ADMIN, ADMIN_B, AGENCY_A, AGENCY_B, AIDE, AIDES_MEALS, AIDES_VISIT, AIDES_VITALS, ALMA, BERNARD, CHLOE, CLIENT_B,
    COORDINATOR, FAMILY, NURSE, NURSE_B, NURSES_MEALS, NURSES_VISIT, NURSES_VITALS, OTHER_ADMIN, OTHER_COORDINATOR,
    OTHER_NURSE, OTHER_NURSES_VISIT, OTHER_NURSES_VITALS, Person, VISIT_B,
};

/// Who sees which rows of a table.
pub struct Table {
    pub name: &'static str,
    /// What tells its rows apart.
    pub key: &'static str,
    pub rows: Vec<(String, &'static [&'static Person])>,
}

pub fn table<K: ToString, const N: usize>(
    name: &'static str,
    key: &'static str,
    rows: [(K, &'static [&'static Person]); N],
) -> Table {
    Table { name, key, rows: rows.into_iter().map(|(key, people)| (key.to_string(), people)).collect() }
}

pub fn pair(client: Uuid, user: &Person) -> String {
    format!("{client} {}", user.id)
}

/// Every table, every row, and who sees it.
pub fn who_sees_what() -> Vec<Table> {
    const BY_CLIENT: &str = "coalesce(client_id::text, 'no client of ' || agency_id)";
    let mut tables = vec![
        table("agencies", "id::text", [(AGENCY_A, AGENCY_AS), (AGENCY_B, AGENCY_BS)]),
        table("agency_counters", "agency_id::text", [(AGENCY_A, AGENCY_AS), (AGENCY_B, AGENCY_BS)]),
        table(
            "users",
            "id::text",
            [
                (ADMIN.id, PLANNERS),
                (OTHER_ADMIN.id, PLANNERS),
                (COORDINATOR.id, PLANNERS),
                (OTHER_COORDINATOR.id, PLANNERS),
                (NURSE.id, ALMAS),
                (AIDE.id, ALMAS),
                (FAMILY.id, ALMAS),
                (OTHER_NURSE.id, BERNARDS),
                (ADMIN_B.id, &[&ADMIN_B]),
                (NURSE_B.id, AGENCY_BS),
            ],
        ),
        table(
            "devices",
            "user_id::text",
            [
                (ADMIN.id, PLANNERS),
                (COORDINATOR.id, PLANNERS),
                (NURSE.id, NURSES),
                (AIDE.id, AIDES),
                (FAMILY.id, FAMILYS),
                (OTHER_NURSE.id, BERNARDS),
                (ADMIN_B.id, &[&ADMIN_B]),
                (NURSE_B.id, AGENCY_BS),
            ],
        ),
        table(
            "clients",
            "id::text",
            [(ALMA, ALMAS), (BERNARD, BERNARDS), (CHLOE, PLANNERS), (GONE_CLIENT, PLANNERS), (CLIENT_B, AGENCY_BS)],
        ),
        table(
            "client_marks",
            "client_id::text",
            [(ALMA, ALMAS), (BERNARD, BERNARDS), (CHLOE, PLANNERS), (GONE_CLIENT, PLANNERS), (CLIENT_B, AGENCY_BS)],
        ),
        table("care_plan_versions", "client_id::text", [(ALMA, NURSES), (BERNARD, BERNARDS), (CLIENT_B, AGENCY_BS)]),
        table(
            "care_team",
            "client_id || ' ' || user_id",
            [
                (pair(ALMA, &NURSE), ALMAS_STAFF),
                (pair(ALMA, &AIDE), ALMAS_STAFF),
                (pair(ALMA, &FAMILY), ALMAS),
                (pair(BERNARD, &OTHER_NURSE), BERNARDS),
                (pair(GONE_CLIENT, &NURSE), NURSES),
                (pair(CLIENT_B, &NURSE_B), AGENCY_BS),
            ],
        ),
        table("consents", "client_id::text", [(ALMA, ALMAS_STAFF), (BERNARD, BERNARDS), (CLIENT_B, AGENCY_BS)]),
        table(
            "visits",
            "id::text",
            [
                (NURSES_VISIT, ALMAS),
                (AIDES_VISIT, ALMAS),
                (GONE_VISIT, PLANNERS),
                (VISIT_TO_GONE_CLIENT, PLANNERS),
                (OTHER_NURSES_VISIT, BERNARDS),
                (VISIT_B, AGENCY_BS),
            ],
        ),
        table(
            "visit_tasks",
            "id::text",
            [
                (NURSES_VITALS, ALMAS_STAFF),
                (NURSES_MEALS, ALMAS_STAFF),
                (AIDES_MEALS, ALMAS_STAFF),
                (AIDES_VITALS, ALMAS_STAFF),
                (DONE_TASK, ALMAS),
                // Whoever removes a task must see it removed, or PostgreSQL refuses the change.
                (GONE_TASK, ALMAS_STAFF),
                (TASK_OF_GONE_VISIT, PLANNERS),
                (TASK_OF_GONE_CLIENT, PLANNERS),
                (OTHER_NURSES_VITALS, BERNARDS),
                (TASK_B, AGENCY_BS),
            ],
        ),
        table(
            "chart_revisions",
            "record_id::text",
            [
                (GONE_TASK, ALMAS_STAFF),
                (TASK_OF_GONE_VISIT, PLANNERS),
                (OTHER_NURSES_VITALS, BERNARDS),
                (TASK_B, AGENCY_BS),
            ],
        ),
        table(
            "photos",
            "id::text",
            [
                (PHOTO_OF_ALMA, ALMAS_STAFF),
                (SHARED_PHOTO, ALMAS),
                (SHARED_PHOTO_OF_VISIT, ALMAS),
                (PENDING_PHOTO, ALMAS_STAFF),
                (GONE_PHOTO, ALMAS_STAFF),
                (PHOTO_OF_NURSE, ALMAS_STAFF),
                (PHOTO_AS_IT_CAME, ALMAS_STAFF),
                (DOCUMENT_OF_ALMA, NURSES),
                (PHOTO_OF_BERNARD, BERNARDS),
                (SHARED_PHOTO_OF_BERNARD, BERNARDS),
                (PHOTO_B, AGENCY_BS),
            ],
        ),
        table(
            "alerts",
            "id::text",
            [(ALERT_FOR_ALMA, ALMAS_STAFF), (ALERT_FOR_BERNARD, BERNARDS), (ALERT_B, AGENCY_BS)],
        ),
        table("escalations", "client_id::text", [(ALMA, NOBODY), (BERNARD, NOBODY), (CLIENT_B, NOBODY)]),
        table("messages", "id::text", [(MESSAGE, NOBODY), (MESSAGE_B, NOBODY)]),
        table("inbound_messages", "id::text", [(REPLY, PLANNERS), (STRANGERS_REPLY, NOBODY), (REPLY_B, &[&ADMIN_B])]),
        table(
            "sync_log",
            BY_CLIENT,
            [
                (ALMA.to_string(), ALMAS_STAFF),
                (BERNARD.to_string(), BERNARDS),
                (CHLOE.to_string(), PLANNERS),
                (GONE_CLIENT.to_string(), PLANNERS),
                (CLIENT_B.to_string(), AGENCY_BS),
                // Photos of users, and messages from unknown numbers.
                (format!("no client of {AGENCY_A}"), PLANNERS),
                (format!("no client of {AGENCY_B}"), &[&ADMIN_B]),
            ],
        ),
        table(
            "sync_conflicts",
            "id::text",
            [(CONFLICT_AT_ALMA, ALMAS_STAFF), (CONFLICT_AT_BERNARD, BERNARDS), (CONFLICT_B, AGENCY_BS)],
        ),
        table("sync_quarantine", "id::text", [(REFUSED_PUSH, NURSES), (REFUSED_PUSH_B, AGENCY_BS)]),
        table("sync_receipts", "record_id::text", [(RECEIPT, &[&NURSE]), (RECEIPT_B, &[&NURSE_B])]),
        table("creations", "record_id::text", [(CREATED, AGENCY_AS), (CREATED_B, AGENCY_BS)]),
        table("audit_log", "agency_id::text", [(AGENCY_A, PLANNERS), (AGENCY_B, &[&ADMIN_B])]),
        table("audit_chain", "agency_id::text", [(AGENCY_A, NOBODY), (AGENCY_B, NOBODY)]),
    ];
    tables.extend(who_sees_registers());
    tables
}

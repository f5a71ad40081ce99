//! Functions that see every row, called directly by everybody who could: where no policy helps, the function itself
//! must know its caller.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::{Client, SimpleQueryMessage, types::Type};
use uuid::Uuid;

use super::rows::{
    ALERT_FOR_ALMA, ALERT_FOR_BERNARD, MESSAGE, MESSAGE_B, PHOTO_OF_ALMA, PHOTO_OF_BERNARD, Stage, TASK_B,
};
use crate::database::catalog::FUNCTION_ROLES;
use crate::harness::fixtures::{
    ADMIN, ADMIN_B, AGENCY_A, AGENCY_B, AIDE, ALMA, BERNARD, COORDINATOR, FAMILY, NURSE, NURSE_B, NURSES_VISIT,
    NURSES_VITALS, OTHER_NURSE, OTHER_NURSES_VISIT, OTHER_NURSES_VITALS,
};

/// What keeps a function from telling or doing what its caller may not know or do.
#[derive(Clone, Copy, PartialEq)]
enum Guard {
    /// It asks who calls: of records of another agency it says and does what it does of unknown ones.
    Agency,
    /// The same of records of the own agency that the caller may not see.
    Client,
    /// It takes a session, and refuses one that isn't.
    Session,
    /// It is for every agency, or for nobody yet; why that is safe.
    Everybody(&'static str),
}
use Guard::{Agency, Client as OfClient, Everybody, Session};

const CHAIN: &str = "one chain for all agencies: numbers and hashes, no row";
const EXPORTS: &str =
    "finds or clears exports of every agency for `exports`: ids and no record; who makes one acts as its
    requester";
const JOBS: &str = "finds or clears work of every agency for jobs: ids, counts, times and what a provider must be told";
const NOBODY_YET: &str = "signing in, or what a provider tells: whoever calls is nobody yet, and the function decides";
const LISTENING: &str =
    "for `realtime`, when no listener is left to act as: a time, which says who is told, and nothing else";
const IDENTITY: &str = "sets the identity of what its trusted caller was invoked for";

/// Every function that any of their roles may call and that sees more than its caller: its name, arguments, and guard.
/// In the arguments `{client}` and its like stand for somebody's records.
const FUNCTIONS: &[(&str, &str, Guard)] = &[
    ("access_ended_at", "'{client}'", OfClient),
    ("act_as_account_service", "'{agency}'", Everybody(IDENTITY)),
    ("act_as", "'{user}', '{device}', '{client}', 'admin', null, null", Session),
    ("act_as_exporter", "'{client}', 1, null", Session),
    ("act_as_job", "'{agency}'", Everybody(IDENTITY)),
    ("act_as_upload_review", "'{agency}'", Everybody(IDENTITY)),
    ("act_as_webhook", "'{message}', null, null, null", Everybody(IDENTITY)),
    ("act_as_own_account", "'{user}', '{device}', '{client}', 'admin', null, null", Session),
    ("agency_of_upload", "'{photo}'", Everybody(NOBODY_YET)),
    ("anchored_numbers", "", Everybody(CHAIN)),
    ("audit_chain_state", "", Everybody(CHAIN)),
    ("audit_hashes", "array[1]::bigint[]", Everybody(CHAIN)),
    ("begin_erasure", "now()", Everybody(JOBS)),
    (
        "bump_change_number",
        r#"'[{"table": "visits", "id": "{visit}", "columns": []}, {"table": "alerts", "id": "{alert}"}]'"#,
        Agency,
    ),
    ("begin_listening", "", OfClient),
    ("cancel_messages", "'{alert}', '{visit}'", Agency),
    ("changed_since", "0, array['{visit}', '{client}']::uuid[]", Agency),
    ("claim_export", "", Everybody(EXPORTS)),
    ("claimable_sid", "'{message}', array['CA1'], now(), 1", Everybody(NOBODY_YET)),
    ("concerns_caller_since", "0", OfClient),
    ("confirm_phone", "'{user}', '{device}', '+14165550199', null, null", Agency),
    ("confirm_second_factor", "1, array[]::bytea[]", OfClient),
    ("count_erasure", "'{client}'", OfClient),
    ("cursor_number", "1", OfClient),
    ("delete_expired_rows", "'sync_quarantine', now(), 10", Everybody(JOBS)),
    ("dispatcher_ends", "", Everybody(JOBS)),
    ("dispatcher_works", "1", Everybody(JOBS)),
    ("due_clients", "now(), '{client}'", OfClient),
    ("due_escalations", "now(), 10", Everybody(JOBS)),
    ("end_erasure", "'{client}'", Agency),
    ("end_reused_session", "'{user}', '{client}', null, null", Everybody(NOBODY_YET)),
    ("enrol_second_factor", "'x', 'x'", OfClient),
    ("escalation", "'{alert}', now()", OfClient),
    ("extend_scheduled_grant", "'{client}', '{user}'", Agency),
    ("family_access_log", "'{client}', null, null, 10", OfClient),
    ("find_login", "'nobody@a.test'", Everybody(NOBODY_YET)),
    ("find_second_factor", "'{user}'", Everybody(NOBODY_YET)),
    ("find_sender", "'+10000000000'", Everybody(NOBODY_YET)),
    ("forget_partition", "now()", Everybody(JOBS)),
    ("former_client_ids", "", OfClient),
    ("granted_since", "1", OfClient),
    ("finish_export", "'{client}', 1, 'key', null, 1, sha256(''), '{}'", Agency),
    ("give_up_export", "'{client}', 1, true", Everybody(EXPORTS)),
    ("has_consent", "'{client}', 'data_collection'", Agency),
    ("has_consent_of", "'{client}', 'family_sms', '{user}'", Agency),
    ("keep_revoked_clients_readable", "", OfClient),
    ("last_audit_link", "", Everybody(CHAIN)),
    ("end_listening", "'{agency}', now()", Everybody(LISTENING)),
    ("events", "1, 10", OfClient),
    ("lease_hang_ups", "now(), now(), 10", Everybody(JOBS)),
    ("lease_messages", "'sms', 'x', now(), 1, 1, 10", Everybody(JOBS)),
    ("lease_receipts", "now(), now(), 10", Everybody(JOBS)),
    ("listened_until", "'{agency}'", Everybody(LISTENING)),
    ("list_agencies", "", Everybody(JOBS)),
    ("make_partitions", "now()", Everybody(JOBS)),
    ("may_write_photo", "'wound', '{client}', null, null", OfClient),
    ("messages_of_client", "'{client}'", OfClient),
    ("my_client_array", "", OfClient),
    ("my_colleague_ids", "", OfClient),
    ("my_deleted_visit_ids", "", OfClient),
    ("no_dispatcher_works", "", Everybody(JOBS)),
    ("oldest_unanswered_alert", "now()", Everybody(JOBS)),
    ("on_call_contacts", "'{client}'", OfClient),
    ("outbox_backlog", "now()", Everybody(JOBS)),
    ("own_grants", "'{client}'", OfClient),
    ("own_recent_alerts", "", OfClient),
    ("password_context", "'{user}'", Everybody(NOBODY_YET)),
    ("plan_erasures", "now()", Everybody(JOBS)),
    ("push_state", "'{user}', '{device}', '{client}', 'admin', null, null, '{}', null", Session),
    (
        "pushed_state",
        "'visits', array['{visit}']::uuid[], 0",
        Everybody(
            "says of a record that isn't the caller's that \
        it is there, so that a push is not refused as a whole; a test beside it holds that nothing of it is shown",
        ),
    ),
    ("quarantine_room", "", OfClient),
    ("queue_ends_at", "'sms', 2::smallint", Everybody(JOBS)),
    ("receive_refused", "'{device}'", Agency),
    ("read_counters", "", Everybody(JOBS)),
    ("record_audit_check", "'verified', 1, null", Everybody(CHAIN)),
    ("record_opt_out", "'{message}'", Agency),
    ("record_refusal", "'{user}', 403, 'GET /', array['{client}']::uuid[], null, null", Everybody(NOBODY_YET)),
    ("record_security_event", "'auth.try', null, '{}', null, null", Everybody(NOBODY_YET)),
    ("record_sms_consent", "'+10000000000', true, 'x'", Everybody(NOBODY_YET)),
    ("record_unknown_sender", "'SM1', '+10000000000', '+10000000001', 'x', 'other'", Everybody(NOBODY_YET)),
    ("refresh_scheduled_grant", "'{client}', '{user}'", Agency),
    ("remove_expired_exports", "10", Everybody(EXPORTS)),
    ("remove_second_factor", "'{user}'", Agency),
    ("renew_authentication", "true", OfClient),
    ("report_retention", "0, 0, 0, array[]::uuid[], 0, 0", Everybody(JOBS)),
    ("reserve_change_numbers", "1", OfClient),
    ("revoked_client_ids", "0", OfClient),
    ("seal_audit", "10", Everybody(CHAIN)),
    ("set_password", "'{user}', 'x', null, 'auth.try', null, null", Everybody(NOBODY_YET)),
    ("shorten_scheduled_grant", "'{client}', '{user}'", Agency),
    ("start_session", "'{user}', '{client}', '{visit}', 'x', 'ios', '1', null, null", Everybody(NOBODY_YET)),
    ("take_back_sid", "'{message}', 'CA1'", Everybody(NOBODY_YET)),
    ("take_push_token", "'ExponentPushToken[x]'", OfClient),
    ("tombstones_between", "0, 1000000", OfClient),
    ("unanchored_since", "0", Everybody(CHAIN)),
    ("unsealed_audit", "", Everybody(CHAIN)),
    ("verify_audit", "0, 10", Everybody(CHAIN)),
    ("use_recovery_code", "'{user}', 'x'", Everybody(NOBODY_YET)),
    ("use_totp_step", "'{user}', 1", Everybody(NOBODY_YET)),
    ("withdrawn_consents", "", OfClient),
    ("waiting_alerts", "(select a.escalation_id from alerts a where a.id = '{alert}')", OfClient),
    ("visits_of_records", "array['{task}', '{photo}']::uuid[]", Agency),
];

type Ids = BTreeMap<&'static str, Uuid>;

fn ids(client: Uuid, visit: Uuid, [task, photo, alert, message, user]: [Uuid; 5]) -> Ids {
    let (agency, device) = (AGENCY_A, Uuid::from_u128(0xDE));
    [
        ("agency", agency),
        ("alert", alert),
        ("client", client),
        ("device", device),
        ("message", message),
        ("photo", photo),
        ("task", task),
        ("user", user),
        ("visit", visit),
    ]
    .into()
}

/// What a call comes to: its rows, or an error's code; and what agency A's rows are like after it.
#[derive(PartialEq, Debug)]
struct Effect {
    answer: Result<String, String>,
    left: String,
}

struct Calls {
    superuser: Client,
    fingerprint: String,
    /// By function, a role that may call it.
    roles: BTreeMap<String, String>,
}

impl Calls {
    async fn new(stage: &Stage) -> Self {
        let superuser = stage.app.database.superuser().await;
        let rows = superuser
            .query_typed(
                "select string_agg(format(
                   'select %L || md5(coalesce(string_agg(t::text, '','' order by t::text), '''')) as f from %I t
                    where agency_id = %L', table_name, table_name, $1), ' union all ')
                 from information_schema.columns c join pg_tables t on t.tablename = c.table_name
                 where c.column_name = 'agency_id' and c.table_schema = 'public' and t.schemaname = 'public'
                   and c.table_name <> 'agency_counters'",
                &[(&AGENCY_A.to_string(), Type::TEXT)],
            )
            .await
            .unwrap();
        let union: String = rows[0].get(0);
        let callable = "select p.proname::text, r from pg_proc p, unnest($1::text[]) r
             where p.pronamespace = 'app'::regnamespace and p.prosecdef and p.prorettype <> 'trigger'::regtype
               and has_function_privilege(r, p.oid, 'execute')";
        let roles = superuser.query_typed(callable, &[(&&FUNCTION_ROLES[..], Type::TEXT_ARRAY)]).await.unwrap();
        let roles = roles.iter().map(|row| (row.get(0), row.get(1))).collect();
        Self { superuser, roles, fingerprint: format!("select string_agg(f, ' ' order by f) from ({union}) f") }
    }

    async fn text(&self, sql: &str) -> Result<String, String> {
        let answer = self.superuser.simple_query(sql).await;
        let messages = answer.map_err(|error| error.code().map_or_else(String::new, |code| code.code().to_owned()))?;
        let row = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
            _ => None,
        });
        Ok(row.unwrap_or_default())
    }

    /// Calls a function as `act` says, in a transaction that is rolled back.
    async fn call(&self, act: &str, function: &str, arguments: &str, of: &Ids) -> Effect {
        let fill = |text: &str| {
            of.iter().fold(text.to_owned(), |t, (name, id)| t.replace(&format!("{{{name}}}"), &id.to_string()))
        };
        let call = format!(
            "select coalesce(string_agg(x::text, ';' order by x::text), '') from app.{function}({}) x",
            fill(arguments)
        );
        let role = &self.roles[function];
        self.superuser.batch_execute(&format!("begin; {act}; set local role {role}")).await.unwrap();
        let answer = self.text(&call).await;
        let left = match &answer {
            Ok(_) => {
                self.superuser.batch_execute("reset role").await.unwrap();
                self.text(&self.fingerprint).await.unwrap()
            }
            Err(_) => String::new(),
        };
        self.superuser.batch_execute("rollback").await.unwrap();
        // What was asked for may be repeated.
        let answer = answer.map(|text| of.iter().fold(text, |t, (name, id)| t.replace(&id.to_string(), name)));
        Effect { answer, left }
    }
}

#[tokio::test]
async fn every_definer_function_knows_its_caller() {
    let stage = Stage::new().await;
    let calls = Calls::new(&stage).await;
    let there: BTreeSet<_> = calls.roles.keys().map(String::as_str).collect();
    let listed: BTreeSet<_> = FUNCTIONS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(there, listed, "a function has no line here, or a line no function");

    let unknown = |n: u128| Uuid::from_u128(0xEEEE_0000 + n);
    let nobodys = ids(unknown(1), unknown(2), [3, 4, 5, 6, 7].map(unknown));
    let almas = ids(ALMA, NURSES_VISIT, [NURSES_VITALS, PHOTO_OF_ALMA, ALERT_FOR_ALMA, MESSAGE, NURSE.id]);
    let bernards = ids(
        BERNARD,
        OTHER_NURSES_VISIT,
        [OTHER_NURSES_VITALS, PHOTO_OF_BERNARD, ALERT_FOR_BERNARD, unknown(6), OTHER_NURSE.id],
    );
    let numbered = |act: String| format!("{act}; select app.reserve_change_numbers(5)");
    let strangers: Vec<(&str, String)> = vec![
        ("nobody", String::new()),
        ("B's admin", numbered(stage.session(&ADMIN_B).act())),
        ("B's nurse", numbered(stage.session(&NURSE_B).act())),
        ("B's job", numbered(format!("select app.act_as_job('{AGENCY_B}')"))),
        ("B's webhook", numbered(format!("select app.act_as_webhook('{MESSAGE_B}', null, null, null)"))),
    ];
    let colleagues: Vec<(&str, String)> = [("nurse", &NURSE), ("care aide", &AIDE), ("family", &FAMILY)]
        .map(|(who, person)| (who, numbered(stage.session(person).act())))
        .into();
    let mut wrong = Vec::new();
    for (function, arguments, guard) in FUNCTIONS {
        if let Everybody(why) = guard {
            assert!(why.len() > 20, "{function}");
            continue;
        }
        for (who, act) in strangers.iter().chain(if *guard == OfClient { &colleagues[..] } else { &[] }) {
            let of = if colleagues.iter().any(|(colleague, _)| colleague == who) { &bernards } else { &almas };
            let (known, not) =
                (calls.call(act, function, arguments, of).await, calls.call(act, function, arguments, &nobodys).await);
            if *guard == Session {
                if known.answer.as_ref().err().is_none_or(|code| code != "BC401") {
                    wrong.push(format!("{function} as {who}: takes a session that isn't one: {known:?}"));
                }
            } else if arguments.contains('{') && known != not {
                wrong.push(format!("{function} as {who}: {known:?}\n  of unknown records: {not:?}"));
            }
            let text = known.answer.unwrap_or_default();
            let told = [almas.values(), bernards.values()].into_iter().flatten().find(|id| {
                let of_caller = colleagues.iter().any(|(colleague, _)| colleague == who);
                !of_caller && text.contains(&id.to_string())
            });
            if let Some(told) = told {
                wrong.push(format!("{function} as {who}: tells {told}: {text}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_a_push_asks_of_records_of_others_shows_nothing_of_them() {
    let stage = Stage::new().await;
    let calls = Calls::new(&stage).await;
    for (person, table, id) in [
        (&ADMIN_B, "visits", NURSES_VISIT),
        (&NURSE, "visits", OTHER_NURSES_VISIT),
        (&FAMILY, "visits", OTHER_NURSES_VISIT),
        (&COORDINATOR, "visit_tasks", TASK_B),
        (&ADMIN, "visit_tasks", TASK_B),
    ] {
        let act = stage.session(person).act();
        calls.superuser.batch_execute(&format!("begin; set local role berthcare_app; {act}")).await.unwrap();
        let shown = format!(
            "select coalesce(string_agg(concat_ws(' ', visible, taken, stored, client_id, others, own_since, given,
               sent), ';'), '')
             from app.pushed_state('{table}', array['{id}']::uuid[], 0)"
        );
        let shown = calls.text(&shown).await.unwrap();
        calls.superuser.batch_execute("rollback").await.unwrap();
        assert!(!shown.contains("-0000-") && !shown.starts_with('t'), "{}: {shown}", person.email);
    }
}

//! Functions, triggers and policies: what a schema has once, in its present version, and is applied again when it
//! changed.

use tokio_postgres::{Client, types::Type};

use crate::MigrationError;

/// A file of SQL that may be applied again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SqlFile<'a> {
    /// Its path in this crate: `code/visits.sql`.
    pub name: &'a str,
    /// The statements, as the file has them.
    pub sql: &'a str,
}

/// The files by name, embedded.
macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(SqlFile { name: $name, sql: include_str!(concat!("../", $name)) }),+]
    };
}

/// Every file, in the order in which they are applied: a function's body names only what stands before it.
pub const CODE: &[SqlFile<'_>] = files![
    "code/identity.sql",
    "code/timestamps.sql",
    "code/append_only.sql",
    "code/partitions.sql",
    "code/change_counter.sql",
    "code/consents.sql",
    "code/export.sql",
    "code/client_exports.sql",
    "code/client_access.sql",
    "code/realtime.sql",
    "code/sessions.sql",
    "code/second_factors.sql",
    "code/phone_numbers.sql",
    "code/sync_log.sql",
    "code/sync_cursors.sql",
    "code/sync_push.sql",
    "code/sync_push_write.sql",
    "code/quarantine.sql",
    "code/phone_rows.sql",
    "code/pull.sql",
    "code/care_team.sql",
    "code/names.sql",
    "code/outbox.sql",
    "code/visits.sql",
    "code/chart_revisions.sql",
    "code/visit_reads.sql",
    "code/check_in.sql",
    "code/photos.sql",
    "code/escalation.sql",
    "code/pushes.sql",
    "code/webhooks.sql",
    "code/privacy.sql",
    "code/jobs.sql",
    "code/retention.sql",
    "code/audit_chain.sql",
    "code/operator.sql",
    "code/refusals.sql",
    "policies/schema_history.sql",
    "policies/agencies_users_devices.sql",
    "policies/audit.sql",
    "policies/clients_and_care.sql",
    "policies/visits.sql",
    "policies/photos.sql",
    "policies/alerts_and_messages.sql",
    "policies/sync.sql",
    "policies/privacy.sql",
];

/// Which files are not as they were last applied, or are no longer among these.
const CHANGED: &str = "select coalesce(f.name, a.file)
    from unnest($1::text[], $2::text[]) f (name, sql) full join applied_code a on a.file = f.name
    where a.checksum is distinct from encode(sha256(convert_to(f.sql, 'UTF8')), 'hex')";
const FORGET: &str = "delete from applied_code where file = any ($1::text[])";
const REMEMBER: &str = "insert into applied_code (file, checksum)
    select f.name, encode(sha256(convert_to(f.sql, 'UTF8')), 'hex') from unnest($1::text[], $2::text[]) f (name, sql)
    on conflict (file) do update set checksum = excluded.checksum, applied_at = now()";
/// Takes every table for itself, then away whatever policies and grants there are: what a file no longer has must be
/// gone.
const CLEAR_POLICIES: &str = include_str!("../clear_policies.sql");
/// Shorter than `deadlock_timeout`: where a request and this wait for each other, this gives way.
const LOCK_TIMEOUT: &str = "set local lock_timeout = '500ms'";
/// How often it is tried to get all tables at once.
const ATTEMPTS: usize = 20;

/// Applies what changed, in one transaction; of the policies all, where one changed. Answers the files' names.
pub async fn apply(client: &mut Client, code: &[SqlFile<'_>]) -> Result<Vec<String>, MigrationError> {
    if code.is_empty() {
        return Ok(Vec::new());
    }
    let (names, texts) = columns(code);
    let rows = client.query_typed(CHANGED, &[(&names, Type::TEXT_ARRAY), (&texts, Type::TEXT_ARRAY)]).await?;
    let changed: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    let policies = changed.iter().any(|name| is_policy(name));
    let is_due = |name: &str| changed.iter().any(|other| other == name) || policies && is_policy(name);
    let due: Vec<SqlFile<'_>> = code.iter().copied().filter(|file| is_due(file.name)).collect();
    let mut attempt = 1;
    while let Err(error) = apply_together(client, &due, &changed, policies).await {
        if attempt == ATTEMPTS || !error.is_lock_timeout() {
            return Err(error);
        }
        attempt += 1;
        client.batch_execute("select pg_sleep(0.5)").await?;
    }
    Ok(due.iter().map(|file| file.name.to_owned()).collect())
}

async fn apply_together(
    client: &mut Client,
    due: &[SqlFile<'_>],
    changed: &[String],
    policies: bool,
) -> Result<(), MigrationError> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(LOCK_TIMEOUT).await?;
    if policies {
        transaction.batch_execute(CLEAR_POLICIES).await?;
    }
    for file in due {
        let failed = |source| MigrationError::Code { file: file.name.to_owned(), source };
        transaction.batch_execute(file.sql).await.map_err(failed)?;
    }
    let (names, texts) = columns(due);
    transaction.execute_typed(FORGET, &[(&changed, Type::TEXT_ARRAY)]).await?;
    transaction.execute_typed(REMEMBER, &[(&names, Type::TEXT_ARRAY), (&texts, Type::TEXT_ARRAY)]).await?;
    Ok(transaction.commit().await?)
}

/// The files as two columns, of names and of texts.
fn columns<'a>(files: &[SqlFile<'a>]) -> (Vec<&'a str>, Vec<&'a str>) {
    files.iter().map(|file| (file.name, file.sql)).unzip()
}

fn is_policy(name: &str) -> bool {
    name.starts_with("policies/")
}

//! What a push is made of, read one record at a time: one that can't be read is kept, and the rest goes on.

use aws_lc_rs::digest;
use serde_json::{Map, Value, json};
use shared::{
    models::sync_push::Refused,
    sync::{
        judge::Pushed,
        schema::{self, Table},
    },
};
use uuid::Uuid;

/// One record of a push that has a table and an id.
pub(crate) struct Record {
    pub(crate) table: &'static Table,
    pub(crate) id: Uuid,
    /// None where the device deleted it.
    pub(crate) pushed: Option<Pushed>,
    /// As it came, for quarantine.
    pub(crate) body: Value,
    /// SHA-256 of it, in PostgreSQL's hexadecimal.
    pub(crate) digest: String,
}

impl Record {
    pub(crate) fn refused(&self, reason: String) -> Refused {
        Refused {
            table_name: self.table.name.to_owned(),
            record_id: self.id.to_string(),
            body: without_nul(&self.body),
            body_sha256: self.digest.clone(),
            reason,
        }
    }
}

/// The records of a push, parents first, and those that are none.
pub(crate) fn read(changes: Map<String, Value>) -> (Vec<Record>, Vec<Refused>) {
    let (mut records, mut refused) = (Vec::new(), Vec::new());
    for (name, lists) in changes {
        let table = schema::table(&name);
        for (list, values) in lists.as_object().cloned().unwrap_or_default() {
            for body in values.as_array().cloned().unwrap_or_default() {
                let deleted = list == "deleted";
                let id = if deleted { body.as_str() } else { body.get("id").and_then(Value::as_str) };
                let told = id.unwrap_or_default().chars().filter(|c| *c != '\0').take(200).collect::<String>();
                let digest = digest_of(&edited(&body));
                let parsed = id.and_then(|id| id.parse::<Uuid>().ok());
                let reason = match (table, parsed, list.as_str()) {
                    (Some(table), Some(id), "created" | "updated" | "deleted") => {
                        let pushed = (!deleted).then(|| Pushed {
                            id,
                            raw: body.as_object().cloned().unwrap_or_default(),
                            created: list == "created",
                        });
                        records.push(Record { table, id, pushed, body, digest });
                        continue;
                    }
                    (None, ..) => "there is no such table",
                    (_, None, _) => "its id is not a UUID",
                    _ => "its list is not created, updated or deleted",
                };
                refused.push(Refused {
                    table_name: name.chars().filter(|c| *c != '\0').take(100).collect(),
                    record_id: told,
                    body: without_nul(&body),
                    body_sha256: digest,
                    reason: reason.to_owned(),
                });
            }
        }
    }
    let place = |record: &Record| schema::TABLES.iter().position(|table| table.name == record.table.name);
    records.sort_by_key(|record| (place(record), record.pushed.is_none()));
    (records, refused)
}

/// What the device edited, and when: `WatermelonDB` lays that over what it pulls, so that a replay may differ elsewhere.
fn edited(body: &Value) -> Value {
    let Some(row) = body.as_object() else { return body.clone() };
    let changed = row.get("_changed").and_then(Value::as_str).unwrap_or_default();
    if row.get("_status").and_then(Value::as_str) != Some("updated") || changed.is_empty() {
        return body.clone();
    }
    changed
        .split(',')
        .chain(["id", "_changed", "updated_at"])
        .filter_map(|name| Some((name.to_owned(), row.get(name)?.clone())))
        .collect::<Map<_, _>>()
        .into()
}

/// `serde_json` keeps an object's names in order, so that equal records have equal digests.
fn digest_of(body: &Value) -> String {
    let digest = digest::digest(&digest::SHA256, body.to_string().as_bytes());
    digest.as_ref().iter().fold(String::from("\\x"), |hex, byte| hex + &format!("{byte:02x}"))
}

/// PostgreSQL can't hold U+0000, not even in JSON: shown as its escape, so that nothing is lost.
fn without_nul(body: &Value) -> Value {
    match body {
        Value::String(text) => json!(text.replace('\0', "\\u0000")),
        Value::Array(items) => items.iter().map(without_nul).collect(),
        Value::Object(fields) => Value::Object(
            fields.iter().map(|(name, value)| (name.replace('\0', "\\u0000"), without_nul(value))).collect(),
        ),
        other => other.clone(),
    }
}

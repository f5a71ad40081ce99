//! What a push is made of, read one record at a time: one that can't be read is kept as text, and the rest goes on.

use std::{borrow::Cow, collections::BTreeSet};

use aws_lc_rs::digest;
use domain::sync::{
    policy::Actor,
    record::PushedRecord,
    schema::{self, Table},
};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};
use store::reads::sync_push::Refused;
use uuid::Uuid;

use crate::envelope;

/// One record of a push that has a table and an id.
pub(crate) struct Record<'a> {
    pub(crate) table: &'static Table,
    pub(crate) id: Uuid,
    /// None where the device deleted it.
    pub(crate) pushed: Option<PushedRecord>,
    /// SHA-256 of what the device edited, in PostgreSQL's hexadecimal.
    pub(crate) digest: String,
    raw: &'a str,
}

impl Record<'_> {
    /// Whether somebody else wrote it on the phone, before it changed hands.
    pub(crate) fn is_by_another(&self, actor: &Actor) -> bool {
        self.pushed.as_ref().and_then(PushedRecord::author).is_some_and(|author| author != actor.user_id)
    }

    pub(crate) fn refused(&self, reason: String) -> Refused {
        let written_by = self.pushed.as_ref().and_then(PushedRecord::author);
        let refused = refused(self.table.name, self.id.to_string(), self.raw, self.digest.clone(), reason);
        Refused { written_by, ..refused }
    }
}

/// The records of a push, parents first, and those that are none.
pub(crate) struct Records<'a> {
    pub(crate) sound: Vec<Record<'a>>,
    pub(crate) refused: Vec<Refused>,
}

/// Reads a push.
///
/// # Errors
/// Where its outermost shape is not that of a push: then nobody can tell what it should be.
pub(crate) fn read(body: &[u8]) -> web::Result<Records<'_>> {
    let mut records = Records { sound: Vec::new(), refused: Vec::new() };
    let (mut ids, mut kept) = (BTreeSet::new(), BTreeSet::new());
    for envelope::List { table, name, items } in envelope::read(body)? {
        for item in items {
            let refused = match record(&table, &name, item) {
                Ok(record) if ids.insert((record.table.name, record.id)) => {
                    records.sound.push(record);
                    continue;
                }
                Ok(record) => record.refused("this push contains its id twice".into()),
                Err(refused) => *refused,
            };
            // What has no id can be there any number of times, and says the same each time.
            if kept.insert((table.clone(), refused.record_id.clone(), refused.body_sha256.clone())) {
                records.refused.push(refused);
            }
        }
    }
    let place = |record: &Record<'_>| schema::TABLES.iter().position(|table| table.name == record.table.name);
    records.sound.sort_by_key(|record| (place(record), record.pushed.is_none()));
    Ok(records)
}

fn record<'a>(table: &str, list: &str, item: &'a RawValue) -> Result<Record<'a>, Box<Refused>> {
    let raw = item.get();
    let Ok(body) = serde_json::from_str::<Value>(raw) else {
        let reason = "it is not valid JSON: half an emoji, a number out of range, or nested too deeply";
        let id = id_of_unreadable(raw).unwrap_or_default();
        return Err(Box::new(refused(table, id, raw, hex_digest(raw.as_bytes()), reason.into())));
    };
    let digest = hex_digest(edited(&body).to_string().as_bytes());
    let deleted = list == "deleted";
    let id = if deleted { body.as_str() } else { body.get("id").and_then(Value::as_str) };
    let reason = match (schema::table(table), id.and_then(schema::uuid_of), list) {
        (Some(table), Some(id), "created" | "updated" | "deleted") => {
            let pushed = match body {
                Value::Object(raw) => Some(PushedRecord { id, raw, created: list == "created" }),
                _ => None,
            };
            return Ok(Record { table, id, pushed, digest, raw });
        }
        (None, ..) => "unknown table",
        (_, None, _) => "its id is not a UUID in lower case, with hyphens",
        _ => "its list must be created, updated or deleted",
    };
    Err(Box::new(refused(table, id.unwrap_or_default().to_owned(), raw, digest, reason.to_owned())))
}

fn refused(table: &str, id: String, raw: &str, body_sha256: String, reason: String) -> Refused {
    Refused {
        table_name: storable(table, 100),
        record_id: storable(&id, 200),
        told_table: storable(table, 100),
        told_id: id,
        body: quarantined(raw),
        body_sha256,
        reason,
        written_by: None,
        work_base: None,
    }
}

fn storable(text: &str, longest: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(longest).collect()
}

/// The record as it came; as text where JSON of PostgreSQL can't hold it.
fn quarantined(raw: &str) -> Value {
    serde_json::from_str::<Value>(raw).map_or_else(|_| json!(raw), |body| without_nul(&body))
}

/// `Named` skips what it doesn't look at, whatever that is.
fn id_of_unreadable(raw: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    serde_json::from_str::<Named<'_>>(raw).ok().map(|named| named.id.into_owned())
}

/// What the device edited, and when: `WatermelonDB` lays that over what it pulls, so that a replay may differ
/// elsewhere.
fn edited(body: &Value) -> Cow<'_, Value> {
    let Some(row) = body.as_object() else { return Cow::Borrowed(body) };
    let changed = row.get("_changed").and_then(Value::as_str).unwrap_or_default();
    if row.get("_status").and_then(Value::as_str) != Some("updated") || changed.is_empty() {
        return Cow::Borrowed(body);
    }
    let edited = changed
        .split(',')
        .chain(["id", "_changed", "updated_at"])
        .filter_map(|name| Some((name.to_owned(), row.get(name)?.clone())))
        .collect::<Map<_, _>>();
    Cow::Owned(edited.into())
}

/// `serde_json` keeps an object's names in order, so that equal records have equal digests.
fn hex_digest(bytes: &[u8]) -> String {
    format!("\\x{}", hex::encode(digest::digest(&digest::SHA256, bytes)))
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

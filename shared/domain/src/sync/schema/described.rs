//! The schema with what the server takes: for apps, which tell their user at once what would be refused.

use serde_json::{Value, json};

use super::{Column, Entity, Kind, Table, Writer, describe_column, tables_of};
use crate::limits::{LATEST_MS, PUSH_PART_BYTES, PUSHED_RECORDS};

/// [The schema](super::describe) of `version`; each column also says what its values may be, in the words of JSON
/// Schema, and who writes it.
#[must_use]
pub fn describe_with_rules(version: u32) -> Value {
    let tables: Vec<_> = tables_of(version)
        .map(|table| {
            let columns: Vec<_> = table.columns_of(version).map(|column| with_rules(table, column)).collect();
            json!({"name": table.name, "columns": columns})
        })
        .collect();
    json!({"version": version, "tables": tables, "push": {"maxBytes": PUSH_PART_BYTES, "maxRecords": PUSHED_RECORDS}})
}

fn with_rules(table: &Table, column: &Column) -> Value {
    let mut described = describe_column(column);
    let rules = [limits(column.kind), json!({"writer": writer(table, column)})];
    if let Some(described) = described.as_object_mut() {
        described.extend(rules.into_iter().filter_map(|rules| rules.as_object().cloned()).flatten());
        if let Some(parent) = column.references {
            described.insert("references".into(), json!(parent.table().name));
        }
    }
    described
}

/// `phone` may write it; `phone-once` only where it makes the record; `app` says it of what isn't sent yet; all else
/// is `server`'s, and what a phone sends for it changes nothing.
fn writer(table: &Table, column: &Column) -> &'static str {
    match column.writer {
        _ if table.entity == Entity::Client => "server",
        Writer::Server if column.name == super::AUTHOR => "app",
        Writer::Server => "server",
        Writer::PhoneOnce => "phone-once",
        Writer::Phone if column.planned => "phone-once",
        Writer::Phone => "phone",
    }
}

/// What [`Column::read`] takes. Lengths are in characters.
fn limits(kind: Kind) -> Value {
    match kind {
        Kind::Text(longest) => json!({"minLength": 1, "maxLength": longest}),
        Kind::Word(words) => json!({"enum": words}),
        Kind::Id => json!({"format": "uuid"}),
        Kind::Day => json!({"format": "date"}),
        Kind::Moment => json!({"format": "milliseconds", "minimum": 0, "maximum": LATEST_MS - 1}),
        Kind::Number(low, high) => json!({"minimum": low, "maximum": high}),
        Kind::Whole(low, high) => json!({"minimum": low, "maximum": high, "multipleOf": 1}),
        Kind::Flag => json!({}),
        Kind::Json => json!({"format": "json"}),
        Kind::Words => json!({"format": "json-strings"}),
        Kind::Digest => json!({"pattern": "^[0-9a-fA-F]{64}$"}),
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;
    use crate::{
        photo_kinds::MediaType,
        sync::schema::{TABLES, VERSION, table},
    };

    /// Values that are just within what is told of a column, and values that are just beyond.
    fn at_the_limits(told: &Value) -> (Vec<Value>, Vec<Value>) {
        let text = |length: &Value| json!("\u{e9}".repeat(usize::try_from(length.as_u64().unwrap()).unwrap()));
        if let Some(longest) = told.get("maxLength") {
            let longer = json!(longest.as_u64().unwrap() + 1);
            return (vec![text(&told["minLength"]), text(longest)], vec![text(&longer), json!(7)]);
        }
        if let Some(words) = told.get("enum") {
            return (words.as_array().unwrap().clone(), vec![json!("dancing"), json!("")]);
        }
        if told.get("minimum").is_some() {
            let (low, high) = (&told["minimum"], &told["maximum"]);
            let beyond = match (low.as_i64(), high.as_i64()) {
                (Some(low), Some(high)) => vec![json!(low - 1), json!(high + 1), json!(0.5)],
                _ => vec![json!(low.as_f64().unwrap() - 0.5), json!(high.as_f64().unwrap() + 0.5)],
            };
            return (vec![low.clone(), high.clone()], beyond);
        }
        if told.get("pattern").is_some() {
            return (vec![json!("aB".repeat(32))], vec![json!("a".repeat(63)), json!("g".repeat(64))]);
        }
        match told.get("format").and_then(Value::as_str) {
            Some("uuid") => (vec![json!("0193a5b0-0000-7000-8000-0000000000b1")], vec![json!("7")]),
            Some("date") => (vec![json!("2026-11-20")], vec![json!("2026-02-29"), json!("yesterday")]),
            Some("json") => (vec![json!("{}"), json!("[]")], vec![json!("{"), json!({}), json!("7")]),
            Some("json-strings") => (vec![json!("[\"a\"]")], vec![json!("[1]"), json!(["a"])]),
            _ => (vec![json!(true), json!(false)], vec![json!("true"), json!(1)]),
        }
    }

    #[test]
    fn what_is_told_of_a_column_is_what_is_taken() {
        let told = describe_with_rules(VERSION);
        for (told, table) in told["tables"].as_array().unwrap().iter().zip(TABLES) {
            for (told, column) in told["columns"].as_array().unwrap().iter().zip(table.columns) {
                let (within, beyond) = at_the_limits(told);
                for value in within {
                    assert_eq!(column.read(&value).err(), None, "{}.{} {value}", table.name, column.name);
                }
                for value in beyond {
                    assert!(column.read(&value).is_err(), "{}.{} {value}", table.name, column.name);
                }
                assert_eq!(column.read(&Value::Null).is_ok(), told.get("isOptional").is_some(), "{}", column.name);
            }
        }
    }

    #[test]
    fn what_may_be_uploaded_is_told() {
        let Kind::Word(told) = table("photos").unwrap().column("content_type").unwrap().kind else { panic!() };
        assert_eq!(told, MediaType::iter().map(<&str>::from).collect::<Vec<_>>());
    }
}

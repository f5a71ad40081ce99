//! Records on their way to a phone: from PostgreSQL's binary form of a row (`record_send`) to the JSON that it reads.
//!
//! The row has the columns of `app.phone_*`: the id, and those of [`domain::sync::schema`] in their order.

use std::io::Write;

use domain::sync::schema::{Kind, Table};
use uuid::Uuid;

/// The record as a phone of `version` keeps it; none where it isn't one of the table.
pub(super) fn to_json(table: &Table, version: u32, record: &[u8]) -> Option<String> {
    let mut fields = Fields { rest: record };
    let count = usize::try_from(fields.int()?).ok()?;
    if count != table.columns.len() + 1 {
        return None;
    }
    // Most of what is added are quotes and names, which are as long as what is saved by it.
    let mut json = Vec::with_capacity(record.len() + 16 * count);
    json.extend_from_slice(b"{\"id\":");
    write_value(&mut json, Kind::Id, fields.next()?.0)?;
    for column in table.columns {
        let Field(value) = fields.next()?;
        if column.since <= version {
            json.extend_from_slice(b",\"");
            json.extend_from_slice(column.name.as_bytes());
            json.extend_from_slice(b"\":");
            write_value(&mut json, column.kind, value)?;
        }
    }
    json.push(b'}');
    String::from_utf8(json).ok()
}

/// The fields of a row: how many, and each with its type, its length (-1 for null) and its bytes.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn int(&mut self) -> Option<i32> {
        let (int, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(i32::from_be_bytes(*int))
    }

    /// The next field; none where the bytes are no row.
    fn next(&mut self) -> Option<Field<'a>> {
        self.int()?;
        let Ok(length) = usize::try_from(self.int()?) else { return Some(Field(None)) };
        let (field, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Field(Some(field)))
    }
}

/// A field's bytes; none where it is null.
struct Field<'a>(Option<&'a [u8]>);

fn write_value(json: &mut Vec<u8>, kind: Kind, value: Option<&[u8]>) -> Option<()> {
    let Some(value) = value else {
        json.extend_from_slice(b"null");
        return Some(());
    };
    match kind {
        Kind::Flag => json.extend_from_slice(if value == [0] { b"false" } else { b"true" }),
        Kind::Id => {
            json.push(b'"');
            let id = Uuid::from_slice(value).ok()?;
            json.extend_from_slice(id.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
            json.push(b'"');
        }
        Kind::Moment | Kind::Whole(..) => {
            let whole = match *value {
                [a, b, c, d] => i32::from_be_bytes([a, b, c, d]).into(),
                _ => i64::from_be_bytes(value.try_into().ok()?),
            };
            write!(json, "{whole}").ok()?;
        }
        Kind::Number(..) => {
            serde_json::to_writer(json, &f64::from_be_bytes(value.try_into().ok()?)).ok()?;
        }
        Kind::Text(_) | Kind::Word(_) | Kind::Day | Kind::Json | Kind::Words | Kind::Digest => {
            serde_json::to_writer(json, std::str::from_utf8(value).ok()?).ok()?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use domain::sync::schema::{TABLES, table};

    use super::*;

    fn row(fields: &[Option<&[u8]>]) -> Vec<u8> {
        let mut row = i32::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
        for field in fields {
            row.extend(0_i32.to_be_bytes());
            match field {
                Some(bytes) => {
                    row.extend(i32::try_from(bytes.len()).unwrap().to_be_bytes());
                    row.extend(*bytes);
                }
                None => row.extend((-1_i32).to_be_bytes()),
            }
        }
        row
    }

    #[test]
    fn each_kind_is_written_as_phones_read_it() {
        let (id, moment) = (Uuid::from_u128(1), 1_700_000_000_000_i64.to_be_bytes());
        let tasks = table("visit_tasks").unwrap();
        let fields: [Option<&[u8]>; 11] = [
            Some(id.as_bytes()),
            Some(id.as_bytes()),
            Some(b"meals"),
            Some("\u{1f35e} \"Br\u{e9}akfast\"\n".as_bytes()),
            Some(&[1]),
            Some(&moment),
            None,
            Some(b"{\"a\": 1}"),
            Some(&moment),
            Some(&moment),
            None,
        ];
        let json = to_json(tasks, 2, &row(&fields)).unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&json).unwrap(),
            serde_json::json!({"id": id, "visit_id": id, "task_type": "meals",
                "title": "\u{1f35e} \"Br\u{e9}akfast\"\n", "completed": true, "completed_at": 1_700_000_000_000_i64,
                    "outcome": null, "data": "{\"a\": 1}",
                "created_at": 1_700_000_000_000_i64, "updated_at": 1_700_000_000_000_i64})
        );
    }

    #[test]
    fn what_is_no_row_of_the_table_is_none() {
        for table in TABLES {
            let whole = row(&vec![None; table.columns.len() + 1]);
            assert!(to_json(table, 1, &whole).is_some());
            assert_eq!(to_json(table, 1, &row(&[None])), None);
            for cut in 0..whole.len() {
                assert_eq!(to_json(table, 1, &whole[..cut]), None, "{cut}");
            }
        }
    }
}

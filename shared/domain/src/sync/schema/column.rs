//! A column: what its values are, who writes them, and how they are read from the wire.

use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Entity;
use crate::record_rules::is_plausible_time;

/// What a column's values are, in the database and on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Text of at most so many characters.
    Text(usize),
    /// One of these words; a PostgreSQL enum.
    Word(&'static [&'static str]),
    /// A UUID; a string on the wire.
    Id,
    /// A day; `2026-11-20` on the wire.
    Day,
    /// A moment; milliseconds since the epoch on the wire.
    Moment,
    /// A number between these.
    Number(f64, f64),
    /// A whole number between these.
    Whole(i64, i64),
    /// True or false.
    Flag,
    /// JSONB; JSON as a string on the wire.
    Json,
    /// A list of text; JSON as a string on the wire.
    Words,
    /// SHA-256; hexadecimal on the wire.
    Digest,
}

/// Columns that are one fact: what somebody decides of one of them holds for all. A time with another one's place would
/// be neither's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// When and where the caregiver came.
    CheckIn,
    /// When and where the caregiver left.
    CheckOut,
    /// The visit's status, and what explains it.
    Status,
}

/// Who writes a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The phone may.
    Phone,
    /// The phone, when it creates the record.
    PhoneOnce,
    /// The server alone; what a phone sends for it is ignored.
    Server,
}

/// A column as phones hold it: its type, its limits, and who may write it.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Column {
    /// Its name, in the database as on the phone.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Whether it may be null.
    pub optional: bool,
    /// Whether the phone indexes it.
    pub indexed: bool,
    /// The schema version that brought it.
    pub since: u32,
    /// Who writes it.
    pub writer: Writer,
    /// Whether phones give it when they plan a visit, and only the portal changes it then.
    pub planned: bool,
    /// Of two values, neither wins by itself: a person decides.
    pub clinical: bool,
    /// Not shown to care aides.
    pub not_for_aides: bool,
    /// Whose id it is.
    pub references: Option<Entity>,
    /// What it is recorded together with.
    pub group: Option<Group>,
}

impl Column {
    pub(super) const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            optional: false,
            indexed: false,
            since: 1,
            writer: Writer::Phone,
            planned: false,
            clinical: false,
            not_for_aides: false,
            references: None,
            group: None,
        }
    }
    /// The id of a record.
    pub(super) const fn id_of(name: &'static str, entity: Entity) -> Self {
        Self { references: Some(entity), ..Self::new(name, Kind::Id) }
    }
    pub(super) const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
    pub(super) const fn indexed(self) -> Self {
        Self { indexed: true, ..self }
    }
    pub(super) const fn since(self, since: u32) -> Self {
        Self { since, ..self }
    }
    pub(super) const fn once(self) -> Self {
        Self { writer: Writer::PhoneOnce, ..self }
    }
    pub(super) const fn planned(self) -> Self {
        Self { planned: true, ..self }
    }
    pub(super) const fn server(self) -> Self {
        Self { writer: Writer::Server, ..self }
    }
    pub(super) const fn clinical(self) -> Self {
        Self { clinical: true, ..self }
    }
    pub(super) const fn not_for_aides(self) -> Self {
        Self { not_for_aides: true, ..self }
    }
    pub(super) const fn part_of(self, group: Group) -> Self {
        Self { group: Some(group), ..self }
    }

    /// WatermelonDB's name for its type.
    #[must_use]
    pub fn wire_type(&self) -> &'static str {
        match self.kind {
            Kind::Moment | Kind::Number(..) | Kind::Whole(..) => "number",
            Kind::Flag => "boolean",
            _ => "string",
        }
    }

    /// A value from the wire as the database's JSON has it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&self, wire: &Value) -> Result<Value, String> {
        let name = self.name;
        if wire.is_null() || (wire == "" && self.optional) {
            return if self.optional { Ok(Value::Null) } else { Err(format!("{name} is required")) };
        }
        let wrong = |what: &str| Err(format!("{name} must be {what}"));
        match self.kind {
            Kind::Text(longest) => match wire.as_str() {
                Some(text) if text.contains('\0') => wrong("free of the character U+0000"),
                Some(text) if text.chars().count() > longest => wrong(&format!("at most {longest} characters")),
                Some("") => wrong("filled in"),
                Some(text) => Ok(json!(text)),
                None => wrong("text"),
            },
            Kind::Word(words) => match wire.as_str() {
                Some(word) if words.contains(&word) => Ok(json!(word)),
                _ => wrong(&format!("one of {}", words.join(", "))),
            },
            Kind::Id => match wire.as_str().and_then(uuid_of) {
                Some(id) => Ok(json!(id)),
                None => wrong("a UUID in lower case, with hyphens"),
            },
            Kind::Day => match wire.as_str().and_then(|text| text.parse::<Date>().ok()) {
                Some(day) => Ok(json!(day)),
                None => wrong("a date that exists"),
            },
            Kind::Moment => match wire.as_i64().map(Timestamp::from_millisecond) {
                Some(Ok(moment)) if is_plausible_time(moment) => Ok(json!(moment)),
                _ => wrong("a time in milliseconds"),
            },
            Kind::Number(low, high) => match wire.as_f64() {
                Some(number) if (low..=high).contains(&number) => Ok(json!(number)),
                _ => wrong(&format!("a number between {low} and {high}")),
            },
            Kind::Whole(low, high) => match wire.as_i64() {
                Some(number) if (low..=high).contains(&number) => Ok(json!(number)),
                _ => wrong(&format!("a whole number between {low} and {high}")),
            },
            Kind::Flag => match wire {
                Value::Bool(flag) => Ok(json!(flag)),
                _ => wrong("true or false"),
            },
            Kind::Json => match wire.as_str().map(serde_json::from_str::<Value>) {
                Some(Ok(_)) if wire.as_str().is_some_and(|text| text.contains("\\u0000")) => {
                    wrong("free of the character U+0000")
                }
                Some(Ok(value @ (Value::Object(_) | Value::Array(_)))) => Ok(value),
                Some(Ok(Value::Null)) if self.optional => Ok(Value::Null),
                _ => wrong("JSON in a string"),
            },
            Kind::Words => match wire.as_str().map(serde_json::from_str::<Vec<String>>) {
                Some(Ok(words)) if words.iter().all(|word| !word.contains('\0')) => Ok(json!(words)),
                _ => wrong("a JSON list of text in a string"),
            },
            Kind::Digest => match wire.as_str() {
                Some(hex) if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
                    Ok(json!(format!("\\x{}", hex.to_ascii_lowercase())))
                }
                _ => wrong("64 hexadecimal digits"),
            },
        }
    }

    /// Whether two of the database's values are the same to a phone, which keeps milliseconds.
    #[must_use]
    pub fn same(&self, one: &Value, other: &Value) -> bool {
        match self.kind {
            Kind::Moment => {
                let ms = |value: &Value| {
                    value.as_str().and_then(|text| text.parse::<Timestamp>().ok()).map(Timestamp::as_millisecond)
                };
                ms(one) == ms(other)
            }
            Kind::Number(..) | Kind::Whole(..) => one.as_f64() == other.as_f64(),
            _ => one == other,
        }
    }
}

/// The UUID that a text is. On the phone an id is a text, and another way to write it would be another record.
#[must_use]
pub fn uuid_of(text: &str) -> Option<Uuid> {
    text.parse::<Uuid>().ok().filter(|id| id.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text)
}

//! What phones hold: the tables and columns, once, for all that needs them: what pull selects, what push accepts, the
//! JSON at `/v1/sync/schema`, and the module generated for the app.

use jiff::{Timestamp, civil::Date};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The newest schema version. An app may be older: it is sent what it knows.
pub const VERSION: u32 = 2;

/// The beginning of the year 2200, in milliseconds: later is a mistake, and dates reckoned from it must still be dates.
pub const LATEST_MS: i64 = 7_258_118_400_000;

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
    /// A whole number.
    Whole,
    /// True or false.
    Flag,
    /// JSONB; JSON as a string on the wire.
    Json,
    /// A list of text; JSON as a string on the wire.
    Words,
    /// SHA-256; hexadecimal on the wire.
    Digest,
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

/// A column.
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
    /// Of two values, neither wins by itself: a person decides.
    pub clinical: bool,
    /// Not shown to care aides.
    pub not_for_aides: bool,
}

impl Column {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            optional: false,
            indexed: false,
            since: 1,
            writer: Writer::Phone,
            clinical: false,
            not_for_aides: false,
        }
    }
    const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
    const fn indexed(self) -> Self {
        Self { indexed: true, ..self }
    }
    const fn since(self, since: u32) -> Self {
        Self { since, ..self }
    }
    const fn once(self) -> Self {
        Self { writer: Writer::PhoneOnce, ..self }
    }
    const fn server(self) -> Self {
        Self { writer: Writer::Server, ..self }
    }
    const fn clinical(self) -> Self {
        Self { clinical: true, ..self }
    }
    const fn not_for_aides(self) -> Self {
        Self { not_for_aides: true, ..self }
    }

    /// WatermelonDB's name for its type.
    #[must_use]
    pub fn wire_type(&self) -> &'static str {
        match self.kind {
            Kind::Moment | Kind::Number(..) | Kind::Whole => "number",
            Kind::Flag => "boolean",
            _ => "string",
        }
    }

    /// The SQL that reads it from the row called `alias`, as the wire has it.
    #[must_use]
    pub fn select(&self, alias: &str) -> String {
        let name = self.name;
        let value = match self.kind {
            Kind::Moment => format!("(date_part('epoch', {alias}.{name}) * 1000)::bigint"),
            Kind::Json | Kind::Day | Kind::Word(_) => format!("{alias}.{name}::text"),
            Kind::Words => format!("array_to_json({alias}.{name})::text"),
            Kind::Digest => format!("encode({alias}.{name}, 'hex')"),
            _ => format!("{alias}.{name}"),
        };
        if self.not_for_aides {
            format!("case when app.caller_role() <> 'care_aide' then {value} end as {name}")
        } else {
            format!("{value} as {name}")
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
            Kind::Moment => {
                match wire.as_i64().filter(|ms| (0..=LATEST_MS).contains(ms)).map(Timestamp::from_millisecond) {
                    Some(Ok(moment)) => Ok(json!(moment)),
                    _ => wrong("a time in milliseconds"),
                }
            }
            Kind::Number(low, high) => match wire.as_f64() {
                Some(number) if (low..=high).contains(&number) => Ok(json!(number)),
                _ => wrong(&format!("a number between {low} and {high}")),
            },
            Kind::Whole => match wire.as_i64() {
                Some(number) if (0..1_000_000_000_000).contains(&number) => Ok(json!(number)),
                _ => wrong("a whole number"),
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
            Kind::Number(..) | Kind::Whole => one.as_f64() == other.as_f64(),
            _ => one == other,
        }
    }
}

/// A table.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name, in the database as on the phone.
    pub name: &'static str,
    /// The schema version that brought it.
    pub since: u32,
    /// Its columns, without `id`.
    pub columns: &'static [Column],
}

impl Table {
    /// The columns that an app of `version` knows.
    pub fn columns_of(&self, version: u32) -> impl Iterator<Item = &'static Column> {
        self.columns.iter().filter(move |column| column.since <= version)
    }

    /// A column by its name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// The UUID that a text is. On the phone an id is a text, and another way to write it would be another record.
#[must_use]
pub fn uuid_of(text: &str) -> Option<Uuid> {
    text.parse::<Uuid>().ok().filter(|id| id.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text)
}

/// A table by its name.
#[must_use]
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

/// The tables that an app of `version` knows, parents first.
pub fn tables_of(version: u32) -> impl Iterator<Item = &'static Table> {
    TABLES.iter().filter(move |table| table.since <= version)
}

const fn col(name: &'static str, kind: Kind) -> Column {
    Column::new(name, kind)
}

const LATITUDE: Kind = Kind::Number(-90.0, 90.0);
const LONGITUDE: Kind = Kind::Number(-180.0, 180.0);
const METRES: Kind = Kind::Number(0.0, 1e9);
const CREATED_AT: Column = col("created_at", Kind::Moment).server();
const UPDATED_AT: Column = col("updated_at", Kind::Moment).server();

/// Everything that phones hold, parents first.
pub const TABLES: &[Table] = &[
    Table {
        name: "clients",
        since: 1,
        columns: &[
            col("first_name", Kind::Text(100)),
            col("last_name", Kind::Text(100)),
            col("date_of_birth", Kind::Day).optional().not_for_aides(),
            col("phone", Kind::Text(16)).optional(),
            col("preferred_language", Kind::Text(35)),
            col("address", Kind::Json),
            col("latitude", LATITUDE).optional(),
            col("longitude", LONGITUDE).optional(),
            col("emergency_contacts", Kind::Json),
            col("risks", Kind::Words),
            col("care_plan", Kind::Json).optional().server().not_for_aides(),
            col("care_plan_version", Kind::Whole).optional().server().not_for_aides(),
            col("coordinator_id", Kind::Id).optional().server(),
            CREATED_AT,
            UPDATED_AT,
        ],
    },
    Table {
        name: "visits",
        since: 1,
        columns: &[
            col("client_id", Kind::Id).indexed().once(),
            col("user_id", Kind::Id).indexed().once(),
            col("scheduled_start", Kind::Moment).indexed(),
            col("scheduled_end", Kind::Moment),
            col("actual_start", Kind::Moment).optional().clinical(),
            col("check_in_latitude", LATITUDE).optional().clinical(),
            col("check_in_longitude", LONGITUDE).optional().clinical(),
            col("check_in_accuracy_m", METRES).optional().clinical(),
            col("check_in_distance_m", METRES).optional().server(),
            col("actual_end", Kind::Moment).optional().clinical(),
            col("check_out_latitude", LATITUDE).optional().clinical(),
            col("check_out_longitude", LONGITUDE).optional().clinical(),
            col("check_out_accuracy_m", METRES).optional().clinical(),
            col("check_out_distance_m", METRES).optional().server(),
            col("status", Kind::Word(&["scheduled", "in_progress", "completed", "cancelled", "missed"])),
            col("cancel_reason", Kind::Text(500)).optional(),
            col("notes", Kind::Text(10_000)).optional(),
            col("family_note", Kind::Text(2_000)).optional().since(2),
            CREATED_AT,
            UPDATED_AT,
        ],
    },
    Table {
        name: "visit_tasks",
        since: 1,
        columns: &[
            col("visit_id", Kind::Id).indexed().once(),
            col(
                "task_type",
                Kind::Word(&[
                    "vitals",
                    "medication",
                    "personal_care",
                    "meals",
                    "mobility",
                    "wound_care",
                    "companionship",
                    "housekeeping",
                    "other",
                ]),
            ),
            col("title", Kind::Text(200)),
            col("completed", Kind::Flag),
            col("completed_at", Kind::Moment).optional(),
            col("outcome", Kind::Text(2_000)).optional(),
            col("data", Kind::Json).optional().clinical(),
            CREATED_AT,
            UPDATED_AT,
        ],
    },
    Table {
        name: "photos",
        since: 1,
        columns: &[
            col("client_id", Kind::Id).optional().indexed().once(),
            col("visit_id", Kind::Id).optional().indexed().once(),
            col("user_id", Kind::Id).optional().once(),
            col("kind", Kind::Word(&["photo", "signature", "profile", "document"])).once(),
            col("shared_with_family", Kind::Flag),
            col("content_type", Kind::Text(100)).once(),
            col("bytes", Kind::Whole).once(),
            col("sha256", Kind::Digest).once(),
            col("status", Kind::Word(&["pending", "stored", "rejected"])).server(),
            col("taken_at", Kind::Moment).optional(),
            col("caption", Kind::Text(500)).optional(),
            CREATED_AT,
            UPDATED_AT,
        ],
    },
    Table {
        name: "alerts",
        since: 2,
        columns: &[
            col("client_id", Kind::Id).indexed().once(),
            col("visit_id", Kind::Id).optional().once(),
            col("raised_by", Kind::Id).optional().server(),
            col("severity", Kind::Word(&["low", "medium", "high", "critical"])).once(),
            col("reason", Kind::Text(100)).once(),
            col("message", Kind::Text(2_000)).optional(),
            col("status", Kind::Word(&["open", "calling", "acknowledged", "resolved", "expired"])).server(),
            col("acknowledged_by", Kind::Id).optional().server(),
            col("acknowledged_at", Kind::Moment).optional().server(),
            col("escalation_level", Kind::Whole).server(),
            CREATED_AT,
            UPDATED_AT,
        ],
    },
];

/// The schema of `version` as `/v1/sync/schema` shows it, in the shape of WatermelonDB's `appSchema`.
#[must_use]
pub fn describe(version: u32) -> Value {
    let tables: Vec<_> = tables_of(version)
        .map(|table| {
            let columns: Vec<_> = table.columns_of(version).map(describe_column).collect();
            json!({"name": table.name, "columns": columns})
        })
        .collect();
    json!({"version": version, "tables": tables})
}

/// One column, in the shape of WatermelonDB's schema.
#[must_use]
pub fn describe_column(column: &Column) -> Value {
    let mut described = Map::new();
    described.insert("name".into(), json!(column.name));
    described.insert("type".into(), json!(column.wire_type()));
    if column.optional {
        described.insert("isOptional".into(), json!(true));
    }
    if column.indexed {
        described.insert("isIndexed".into(), json!(true));
    }
    Value::Object(described)
}

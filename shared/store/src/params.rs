//! Rust values as typed statement parameters, so that no statement needs the server to infer its types.

use std::fmt::Debug;

use domain::{
    consent::{ConsentGiver, ConsentKind},
    identity::Role,
    messages::Locale,
    photo_kinds::{MediaType, PhotoKind, PhotoStatus},
    sync::conflict::{Choice, ConflictStatus},
    task_type::TaskType,
    transitions::{AlertStatus, IncidentState, RequestState, VisitStatus},
};
use jiff::{
    Timestamp,
    civil::{Date, Time},
};
use postgres_types::{Json, ToSql, Type};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::reads::affected::AffectedKind;

/// A value that knows its PostgreSQL type without asking the server.
pub trait Param: ToSql + Sync {
    /// The type that the statement declares for this parameter.
    fn sql_type(&self) -> Type;
    /// The same value for the driver.
    fn as_sql(&self) -> &(dyn ToSql + Sync);
}

macro_rules! params {
    ($($rust:ty => $sql:ident),+ $(,)?) => {$(
        impl Param for $rust {
            fn sql_type(&self) -> Type { Type::$sql }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
        impl Param for Option<$rust> {
            fn sql_type(&self) -> Type { Type::$sql }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
    )+};
}

params! {
    bool => BOOL,
    i32 => INT4,
    i64 => INT8,
    f64 => FLOAT8,
    &str => TEXT,
    String => TEXT,
    Vec<i64> => INT8_ARRAY,
    Vec<String> => TEXT_ARRAY,
    Uuid => UUID,
    Vec<Uuid> => UUID_ARRAY,
    Timestamp => TIMESTAMPTZ,
    Date => DATE,
    Time => TIME,
    Value => JSONB,
    Vec<u8> => BYTEA,
    Vec<Vec<u8>> => BYTEA_ARRAY,
}

/// Sent as it is written, so that what is large is not held as a tree of values too.
impl<T: Serialize + Debug + Sync> Param for Json<T> {
    fn sql_type(&self) -> Type {
        Type::JSONB
    }
    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        self
    }
}

/// For enums that are text on the wire, of this crate.
macro_rules! text_sql {
    ($($name:ty),+ $(,)?) => {$(
        ::domain::text_sql!($name);
        $crate::params_of!($name, TEXT);
    )+};
}
pub(crate) use text_sql;

/// For types of this crate that are JSONB columns.
macro_rules! json_sql {
    ($($name:ty),+ $(,)?) => {$(
        ::domain::json_sql!($name);
        $crate::params_of!($name, JSONB);
    )+};
}
pub(crate) use json_sql;

macro_rules! params_of {
    ($name:ty, $sql:ident) => {
        impl $crate::Param for $name {
            fn sql_type(&self) -> ::postgres_types::Type {
                ::postgres_types::Type::$sql
            }
            fn as_sql(&self) -> &(dyn ::postgres_types::ToSql + Sync) {
                self
            }
        }
        impl $crate::Param for Option<$name> {
            fn sql_type(&self) -> ::postgres_types::Type {
                ::postgres_types::Type::$sql
            }
            fn as_sql(&self) -> &(dyn ::postgres_types::ToSql + Sync) {
                self
            }
        }
    };
}
pub(crate) use params_of;

params_of!(AlertStatus, TEXT);
params_of!(IncidentState, TEXT);
params_of!(RequestState, TEXT);
params_of!(Role, TEXT);
params_of!(VisitStatus, TEXT);
params_of!(Locale, TEXT);
params_of!(TaskType, TEXT);
params_of!(Choice, TEXT);
params_of!(ConflictStatus, TEXT);
params_of!(PhotoKind, TEXT);
params_of!(PhotoStatus, TEXT);
params_of!(MediaType, TEXT);
params_of!(ConsentKind, TEXT);
params_of!(ConsentGiver, TEXT);
params_of!(AffectedKind, TEXT);

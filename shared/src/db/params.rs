//! Rust values as typed statement parameters, so that no statement needs the server to infer its types.

use std::fmt::Debug;

use jiff::{Timestamp, civil::Date};
use postgres_types::{Json, ToSql, Type};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

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
    Value => JSONB,
    Vec<u8> => BYTEA,
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

/// For enums that are text on the wire: read `column::text`, write `$1::text::the_type`. A parameter of the enum's
/// own type would make the driver look it up with hidden, named statements.
macro_rules! text_sql {
    ($($name:ty),+ $(,)?) => {$(
        impl<'a> ::postgres_types::FromSql<'a> for $name {
            fn from_sql(
                ty: &::postgres_types::Type, raw: &'a [u8],
            ) -> Result<Self, Box<dyn ::std::error::Error + Sync + Send>> {
                Ok(<&str as ::postgres_types::FromSql>::from_sql(ty, raw)?.parse()?)
            }
            fn accepts(ty: &::postgres_types::Type) -> bool {
                <&str as ::postgres_types::FromSql>::accepts(ty)
            }
        }
        impl ::postgres_types::ToSql for $name {
            fn to_sql(
                &self, ty: &::postgres_types::Type, out: &mut ::postgres_types::private::BytesMut,
            ) -> Result<::postgres_types::IsNull, Box<dyn ::std::error::Error + Sync + Send>> {
                <&str as ::postgres_types::ToSql>::to_sql(&<&'static str>::from(self), ty, out)
            }
            fn accepts(ty: &::postgres_types::Type) -> bool {
                <&str as ::postgres_types::ToSql>::accepts(ty)
            }
            ::postgres_types::to_sql_checked!();
        }
        $crate::db::params_of!($name, TEXT);
    )+};
}
pub(crate) use text_sql;

/// For types that are JSONB columns.
macro_rules! json_sql {
    ($($name:ty),+ $(,)?) => {$(
        impl<'a> ::postgres_types::FromSql<'a> for $name {
            fn from_sql(
                ty: &::postgres_types::Type, raw: &'a [u8],
            ) -> Result<Self, Box<dyn ::std::error::Error + Sync + Send>> {
                Ok(<::postgres_types::Json<Self> as ::postgres_types::FromSql>::from_sql(ty, raw)?.0)
            }
            fn accepts(ty: &::postgres_types::Type) -> bool {
                *ty == ::postgres_types::Type::JSONB || *ty == ::postgres_types::Type::JSON
            }
        }
        impl ::postgres_types::ToSql for $name {
            fn to_sql(
                &self, ty: &::postgres_types::Type, out: &mut ::postgres_types::private::BytesMut,
            ) -> Result<::postgres_types::IsNull, Box<dyn ::std::error::Error + Sync + Send>> {
                ::postgres_types::ToSql::to_sql(&::postgres_types::Json(self), ty, out)
            }
            fn accepts(ty: &::postgres_types::Type) -> bool {
                *ty == ::postgres_types::Type::JSONB || *ty == ::postgres_types::Type::JSON
            }
            ::postgres_types::to_sql_checked!();
        }
        $crate::db::params_of!($name, JSONB);
    )+};
}
pub(crate) use json_sql;

macro_rules! params_of {
    ($name:ty, $sql:ident) => {
        impl $crate::db::Param for $name {
            fn sql_type(&self) -> ::postgres_types::Type {
                ::postgres_types::Type::$sql
            }
            fn as_sql(&self) -> &(dyn ::postgres_types::ToSql + Sync) {
                self
            }
        }
        impl $crate::db::Param for Option<$name> {
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

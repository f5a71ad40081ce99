//! How values travel to and from PostgreSQL. It stands here although nothing is stored here: the driver's traits can be
//! implemented for an enum only where the enum or the trait is defined.

/// For enums that are text on the wire: read `column::text`, write `$1::text::the_type`. A parameter of the enum's
/// own type would make the driver look it up with hidden, named statements.
#[macro_export]
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
    )+};
}

/// An enum that is text everywhere: in JSON, in SQL ([`text_sql!`]) and in the OpenAPI document, its variants in
/// `snake_case`. Further derives and attributes are given with it.
#[macro_export]
macro_rules! text_enum {
    ($(#[$attribute:meta])* $visibility:vis enum $name:ident { $($variants:tt)* }) => {
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize, ::utoipa::ToSchema,
            ::strum::EnumString, ::strum::IntoStaticStr, ::strum::EnumIter,
        )]
        #[serde(rename_all = "snake_case")]
        #[strum(serialize_all = "snake_case")]
        $(#[$attribute])*
        $visibility enum $name { $($variants)* }
        $crate::text_sql!($name);
    };
}

/// For types that are JSONB columns.
#[macro_export]
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
    )+};
}

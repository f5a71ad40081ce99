//! Lists in pages. A cursor names the last row given, by the columns that the list is ordered by, so that rows coming
//! and going between pages are neither skipped nor repeated.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Fault, limits::PAGE_ITEMS};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

use crate::Error;

/// The `limit` parameter.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub struct PageSize(i64);

impl Default for PageSize {
    fn default() -> Self {
        Self(PAGE_ITEMS)
    }
}

impl PageSize {
    /// One row more than the page holds, to know whether another page follows.
    #[must_use]
    pub fn and_one(self) -> i64 {
        self.0 + 1
    }
}

/// The `cursor` parameter: opaque to clients; to us the ordering columns of the last row given.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct PageCursor(String);

impl PageCursor {
    /// The row it names.
    ///
    /// # Errors
    /// A fault of the parameter, where it is none of ours.
    pub fn read<K: DeserializeOwned>(&self) -> Result<K, Error> {
        URL_SAFE_NO_PAD
            .decode(&self.0)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| vec![Fault::parameter("cursor", "must be the next_cursor of an earlier page")].into())
    }

    fn of(key: &impl Serialize) -> String {
        URL_SAFE_NO_PAD.encode(json!(key).to_string())
    }
}

/// One page of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page from rows that were asked for with [`PageSize::and_one`]; `key` gives a row's ordering columns.
    pub fn new<K: Serialize>(mut rows: Vec<T>, size: PageSize, key: impl Fn(&T) -> K) -> Self {
        let limit = usize::try_from(size.0).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|last| PageCursor::of(&key(last)));
        Self { items: rows, next_cursor }
    }
}

impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let example = match T::schema() {
            RefOr::T(Schema::Object(object)) => object.example,
            _ => None,
        };
        serde_json::from_value(json!({
            "type": "object",
            "required": ["items", "next_cursor"],
            "properties": {
                "items": {"type": "array", "items": {"$ref": format!("#/components/schemas/{}", T::name())}},
                "next_cursor": {"type": ["string", "null"],
                    "description": "What to pass as `cursor` for the next page; null on the last."},
            },
            "example": {"items": example.map_or_else(Vec::new, |e| vec![e]), "next_cursor": null},
        }))
        .unwrap_or_else(|_| RefOr::T(Schema::default()))
    }
}

impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Page", T::name()).into()
    }
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into(), T::schema()));
        T::schemas(schemas);
    }
}

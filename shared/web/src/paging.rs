//! Lists in pages. A cursor names the last row given, by the columns that the list is ordered by, so that rows coming
//! and going between pages are neither skipped nor repeated.

use std::{borrow::Cow, marker::PhantomData};

use axum::{Json, extract::FromRequestParts, http::request::Parts};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Fault, answer::AnswerRoom, limits::PAGE_ITEMS};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        RefOr,
        path::{Parameter, ParameterIn},
        schema::Schema,
    },
};

use crate::{Error, Query, Require};

/// The `limit` parameter.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
struct PageSize(i64);

impl Default for PageSize {
    fn default() -> Self {
        Self(PAGE_ITEMS)
    }
}

/// The `cursor` parameter: opaque to clients; to us the ordering columns of the last row given.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
struct PageCursor(String);

impl PageCursor {
    /// The row it names.
    fn read<K: DeserializeOwned>(&self) -> Result<K, Error> {
        URL_SAFE_NO_PAD
            .decode(&self.0)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .filter(is_storable)
            .and_then(|key| serde_json::from_value(key).ok())
            .ok_or_else(|| vec![Fault::parameter("cursor", "must be the next_cursor of an earlier page")].into())
    }

    fn of(key: &impl Serialize) -> String {
        URL_SAFE_NO_PAD.encode(json!(key).to_string())
    }
}

/// Whether PostgreSQL can compare with all of it: a cursor may be forged, and text with U+0000 or a time before our era
/// is nothing that it holds.
fn is_storable(key: &Value) -> bool {
    match key {
        Value::String(text) => {
            let before_our_era = text.starts_with('-') && text.parse::<jiff::Timestamp>().is_ok();
            !text.contains('\0') && !before_our_era
        }
        Value::Array(parts) => parts.iter().all(is_storable),
        _ => true,
    }
}

/// Which page of a list.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many at most; 50 by default.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: PageSize,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<String>, max_length = 3000)]
    cursor: Option<PageCursor>,
}

impl PageQuery {
    /// The row that the page before ended with; none for the first page.
    ///
    /// # Errors
    /// A fault of the parameter, where the cursor is none of ours.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Error> {
        self.cursor.as_ref().map(PageCursor::read).transpose()
    }

    /// How many rows to read: one more than the page holds, to know whether another page follows.
    #[must_use]
    pub fn rows(&self) -> i64 {
        self.limit.0 + 1
    }

    /// The page, from the [`rows`](Self::rows) that were read; `key` gives a row's ordering columns.
    ///
    /// # Errors
    /// Where a row can't be written as JSON.
    pub fn page<T: Serialize, K: Serialize>(
        &self,
        rows: Vec<T>,
        key: impl Fn(&T) -> K,
    ) -> Result<Json<Page<T>>, Error> {
        Page::new(rows, self.limit, key, |row| row).map(Json)
    }
}

/// A list of everything: for lists whose rows are not chosen.
#[derive(Debug, Deserialize)]
pub struct NoFilter {}

impl IntoParams for NoFilter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Vec::new()
    }
}

/// A list's query string: which rows (`F`), and which page of them.
#[derive(Debug, Deserialize)]
struct ListQuery<F> {
    #[serde(flatten)]
    filter: F,
    #[serde(flatten)]
    page: PageQuery,
}

impl<F: IntoParams> IntoParams for ListQuery<F> {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        [F::into_params(&parameter_in), PageQuery::into_params(&parameter_in)].concat()
    }
}

/// A request for a page of a list by whoever has the permission `P`, of the rows that `F` chooses. Its parameters are
/// those of `F` and of [`PageQuery`].
#[derive(Debug)]
pub struct List<P, F> {
    /// Who asks; their role allows it.
    pub caller: Require<P>,
    /// Which rows are asked for.
    pub filter: F,
    page: PageQuery,
}

impl<P, F, S> FromRequestParts<S> for List<P, F>
where
    Require<P>: FromRequestParts<S, Rejection = Error> + Send,
    F: IntoParams + DeserializeOwned + Send + 'static,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let caller = Require::from_request_parts(parts, state).await?;
        let Query(ListQuery { filter, page }) = Query::from_request_parts(parts, state).await?;
        Ok(Self { caller, filter, page })
    }
}

impl<P, F> List<P, F> {
    /// The row that the page before ended with; none for the first page.
    ///
    /// # Errors
    /// A fault of the parameter, where the cursor is none of ours.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Error> {
        self.page.after()
    }

    /// How many rows to read: one more than the page holds, to know whether another page follows.
    #[must_use]
    pub fn rows(&self) -> i64 {
        self.page.rows()
    }

    /// The page, from the [`rows`](Self::rows) that were read; `key` gives a row's ordering columns.
    ///
    /// # Errors
    /// Where a row can't be written as JSON.
    pub fn page<T: Serialize, K: Serialize>(
        &self,
        rows: Vec<T>,
        key: impl Fn(&T) -> K,
    ) -> Result<Json<Page<T>>, Error> {
        self.page.page(rows, key)
    }

    /// The same for rows that are shown as something else.
    ///
    /// # Errors
    /// Where what is shown can't be written as JSON.
    pub fn page_of<R, T: Serialize, K: Serialize>(
        &self,
        rows: Vec<R>,
        key: impl Fn(&R) -> K,
        show: impl Fn(R) -> T,
    ) -> Result<Json<Page<T>>, Error> {
        Page::new(rows, self.page.limit, key, show).map(Json)
    }
}

/// One page of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// The items as JSON, in the list's order.
    items: Vec<Box<RawValue>>,
    /// What to pass as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
    #[serde(skip)]
    of: PhantomData<T>,
}

impl<T: Serialize> Page<T> {
    /// As many rows as the page holds, or as an answer takes.
    fn new<R, K: Serialize>(
        rows: Vec<R>,
        size: PageSize,
        key: impl Fn(&R) -> K,
        show: impl Fn(R) -> T,
    ) -> Result<Self, Error> {
        let limit = usize::try_from(size.0).unwrap_or(usize::MAX);
        let all = rows.len();
        let (mut items, mut last, mut room) = (Vec::with_capacity(all.min(limit)), None, AnswerRoom::default());
        for row in rows.into_iter().take(limit) {
            let at = key(&row);
            let item = to_raw_value(&show(row)).map_err(|error| domain::Error::Internal(error.into()))?;
            if !room.takes(item.get()) {
                break;
            }
            items.push(item);
            last = Some(at);
        }
        let next_cursor = last.filter(|_| items.len() < all).map(|key| PageCursor::of(&key));
        Ok(Self { items, next_cursor, of: PhantomData })
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

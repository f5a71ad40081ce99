//! JSON bodies. What is read has passed the schema that the documentation shows; a handler never sees less.

use std::borrow::Cow;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::header::CONTENT_TYPE,
};
use domain::{
    Fault,
    limits::{BODY_BYTES, LARGE_BODY_BYTES},
    validation::{Check, Faults, faults_of, pointer_token},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};
use uuid::Uuid;

use crate::Error;

/// A body that is a `T`.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: ToSchema + DeserializeOwned + Check + 'static, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        parse(read(request, &["application/json"]).await?).map(Self)
    }
}

/// A JSON body of any size that reaches us, unread: of many parts, of which a bad one must not spoil the rest.
#[derive(Debug)]
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        bytes_of(LARGE_BODY_BYTES, request, &["application/json"]).await.map(Self)
    }
}

/// A record to create: a `T`, with an `id` that the client may have made itself.
#[derive(Debug)]
pub struct New<T> {
    /// The client's id, or a new one.
    pub id: Uuid,
    /// The fields of the record.
    pub fields: T,
}

impl<T: ToSchema + DeserializeOwned + Check + 'static, S: Send + Sync> FromRequest<S> for New<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let value = read(request, &["application/json"]).await?;
        valid::<Self>(&value)?;
        let mut value = value;
        let id = value.as_object_mut().and_then(|fields| fields.remove("id"));
        let id = match id {
            Some(id) => typed(id).map_err(|_| Fault::body("/id", "must be a UUID")).map_err(|f| vec![f])?,
            None => Uuid::now_v7(),
        };
        Ok(Self { id, fields: checked(value)? })
    }
}

impl<T: ToSchema> PartialSchema for New<T> {
    fn schema() -> RefOr<Schema> {
        let RefOr::T(Schema::Object(mut object)) = T::schema() else { return T::schema() };
        object.properties.insert(
            "id".into(),
            json_schema(json!({"type": "string", "format": "uuid",
                "description": "Chosen by the client, so that a repeated request creates one record;
                 by the server where absent."})),
        );
        object.example = object.example.map(|mut example| {
            example["id"] = json!("0193a5b0-0000-7000-8000-0000000000aa");
            example
        });
        RefOr::T(Schema::Object(object))
    }
}

impl<T: ToSchema> ToSchema for New<T> {
    fn name() -> Cow<'static, str> {
        format!("New{}", T::name().trim_end_matches("Fields")).into()
    }
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

/// Changes to a record: a JSON merge patch (RFC 7396) over a `T`. An absent field stays, `null` empties it.
#[derive(Debug)]
pub struct Patch<T> {
    changes: Value,
    of: std::marker::PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned + Check> Patch<T> {
    /// The record after the changes, checked as a whole.
    pub fn apply(&self, current: &T) -> Result<T, Error> {
        let mut value = serde_json::to_value(current).map_err(|error| domain::Error::Internal(error.into()))?;
        json_patch::merge(&mut value, &self.changes);
        checked(value)
    }

    /// Whether the changes set this field to this value, and say nothing else of it.
    #[must_use]
    pub fn sets(&self, field: &str, value: &Value) -> bool {
        self.changes.get(field) == Some(value)
    }
}

impl<T: ToSchema + 'static, S: Send + Sync> FromRequest<S> for Patch<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let changes = read(request, &["application/json", "application/merge-patch+json"]).await?;
        valid::<Self>(&changes)?;
        Ok(Self { changes, of: std::marker::PhantomData })
    }
}

impl<T: ToSchema> PartialSchema for Patch<T> {
    fn schema() -> RefOr<Schema> {
        let RefOr::T(Schema::Object(mut object)) = T::schema() else { return T::schema() };
        object.required.clear();
        object.min_properties = Some(1);
        RefOr::T(Schema::Object(object))
    }
}

impl<T: ToSchema> ToSchema for Patch<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Patch", T::name().trim_end_matches("Fields")).into()
    }
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

fn json_schema(value: Value) -> RefOr<Schema> {
    serde_json::from_value(value).unwrap_or_else(|_| RefOr::T(Schema::default()))
}

async fn read(request: Request, media_types: &'static [&'static str]) -> Result<Value, Error> {
    let bytes = bytes_of(BODY_BYTES, request, media_types).await?;
    serde_json::from_slice(&bytes).map_err(|error| not_json(&error))
}

/// What a body is answered that is no JSON. `serde_json`'s message may quote it; where it broke is enough.
#[must_use]
pub fn not_json(error: &serde_json::Error) -> Error {
    Error::Malformed(format!("the body is not JSON: line {}, column {}", error.line(), error.column()))
}

async fn bytes_of(limit: usize, request: Request, media_types: &'static [&'static str]) -> Result<Bytes, Error> {
    let declared = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !media_types.contains(&essence.as_str()) {
        return Err(Error::UnsupportedMediaType(media_types[0]));
    }
    limited_bytes(request.into_body(), limit).await
}

/// A body's bytes.
///
/// # Errors
/// [`Error::TooLarge`] where there are more than `limit`.
pub async fn limited_bytes(body: Body, limit: usize) -> Result<Bytes, Error> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::TooLarge(limit)),
        Err(_) => Err(Error::Malformed("the body is incomplete".into())),
    }
}

fn parse<T: ToSchema + DeserializeOwned + Check + 'static>(value: Value) -> Result<T, Error> {
    valid::<T>(&value)?;
    checked(value)
}

fn valid<T: ToSchema + 'static>(value: &Value) -> Result<(), Error> {
    let faults = faults_of::<T>(value)?;
    if faults.is_empty() { Ok(()) } else { Err(domain::Error::Invalid(faults).into()) }
}

fn checked<T: DeserializeOwned + Check>(value: Value) -> Result<T, Error> {
    let typed: T = typed(value)?;
    let mut faults = Faults::default();
    typed.check(&mut faults);
    faults.into_result()?;
    Ok(typed)
}

/// The type decides last: a schema lets through what Rust can't hold, as a whole number written 1e30.
fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer: String = error
            .path()
            .iter()
            .map(|segment| match segment {
                serde_path_to_error::Segment::Seq { index } => format!("/{index}"),
                serde_path_to_error::Segment::Map { key } => format!("/{}", pointer_token(key)),
                _ => String::new(),
            })
            .collect();
        vec![Fault::body(&pointer, "has an invalid value")].into()
    })
}

//! Query strings, checked like bodies: by the schemas that the documentation shows, every fault at once.

use std::any::TypeId;

use axum::{
    extract::{FromRequestParts, RawQuery},
    http::request::Parts,
};
use domain::{Fault, validation};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, openapi::path::ParameterIn};

use crate::Error;

/// A query string that is a `T`.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: IntoParams + DeserializeOwned + 'static, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let RawQuery(raw) = RawQuery::from_request_parts(parts, state).await.unwrap_or(RawQuery(None));
        let schema = object_schema::<T>();
        let mut faults = Vec::new();
        let value = read(raw.as_deref().unwrap_or_default(), &schema, &mut faults);
        let validator = validation::validator(TypeId::of::<Query<T>>(), || schema)?;
        faults.extend(validation::collect(validator, &value).into_iter().map(as_parameter));
        if !faults.is_empty() {
            faults.sort();
            return Err(domain::Error::Invalid(faults).into());
        }
        Ok(serde_path_to_error::deserialize(value).map(Self).map_err(|error| {
            domain::Error::Invalid(vec![Fault::parameter(&error.path().to_string(), "has an invalid value")])
        })?)
    }
}

/// The parameters as the properties of one object.
fn object_schema<T: IntoParams>() -> Value {
    let parameters = T::into_params(|| Some(ParameterIn::Query));
    let required: Vec<_> =
        parameters.iter().filter(|p| p.required == utoipa::openapi::Required::True).map(|p| p.name.clone()).collect();
    let properties: Map<_, _> = parameters.iter().map(|p| (p.name.clone(), json!(p.schema))).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// Gives each value the type that its schema asks for; what can't have it stays text, and fails the schema.
fn read(raw: &str, schema: &Value, faults: &mut Vec<Fault>) -> Value {
    let mut object = Map::new();
    for (name, text) in form_urlencoded::parse(raw.as_bytes()) {
        let kind = &schema["properties"][name.as_ref()]["type"];
        let wants =
            |wanted: &str| kind == wanted || kind.as_array().is_some_and(|kinds| kinds.iter().any(|k| k == wanted));
        let value = match text.as_ref() {
            "true" if wants("boolean") => json!(true),
            "false" if wants("boolean") => json!(false),
            number if wants("integer") => number.parse::<i64>().map_or_else(|_| json!(number), |n| json!(n)),
            other => json!(other),
        };
        if object.insert(name.to_string(), value).is_some() {
            faults.push(Fault::parameter(&name, "is given more than once"));
        }
    }
    Value::Object(object)
}

/// A fault of the object is a fault of the parameter at the head of its pointer.
fn as_parameter(fault: Fault) -> Fault {
    let pointer = fault.pointer.unwrap_or_default();
    let name = pointer.trim_start_matches("#/").split('/').next().unwrap_or_default();
    Fault::parameter(name, fault.detail)
}

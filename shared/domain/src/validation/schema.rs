//! Checks a request against the very schema that the OpenAPI document shows, and finds every fault in one pass.

use std::{
    any::TypeId,
    collections::HashMap,
    sync::{LazyLock, Mutex},
};

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{E164, pointer_token};
use crate::{
    error::{Error, Fault},
    limits::FAULTS_SOUGHT,
};

/// Validators live as long as the environment; each is compiled when its type is first asked for.
static VALIDATORS: LazyLock<Mutex<HashMap<TypeId, &'static Validator>>> = LazyLock::new(Mutex::default);

/// All faults of `value` as a `T`.
///
/// # Errors
/// Only when `T`'s own schema is not one.
pub fn faults_of<T: ToSchema + 'static>(value: &Value) -> Result<Vec<Fault>, Error> {
    let validator = validator(TypeId::of::<T>(), || {
        let mut components = Vec::new();
        T::schemas(&mut components);
        let mut schema = json!(T::schema());
        schema["components"] = json!({"schemas": components.into_iter().map(|(name, schema)| (name,
            json!(schema))).collect::<serde_json::Map<_, _>>()});
        schema
    })?;
    Ok(collect(validator, value))
}

/// The validator of a type, from its schema when it is first asked for.
pub fn validator(key: TypeId, schema: impl FnOnce() -> Value) -> Result<&'static Validator, Error> {
    let mut validators = VALIDATORS.lock().map_err(|_| Error::Internal("a validator panicked".into()))?;
    if let Some(known) = validators.get(&key) {
        return Ok(known);
    }
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema())
        .map_err(|error| Error::Internal(format!("a schema is not valid: {error}").into()))?;
    let validator: &'static Validator = Box::leak(Box::new(validator));
    validators.insert(key, validator);
    Ok(validator)
}

/// All faults, sorted by place, each once; of a hostile value as many as [`FAULTS_SOUGHT`].
#[must_use]
pub fn collect(validator: &Validator, value: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    find_nul(value, &mut String::new(), &mut faults);
    for error in validator.iter_errors(value) {
        if faults.len() >= FAULTS_SOUGHT {
            break;
        }
        explain(&error, &mut faults);
    }
    faults.sort();
    faults.dedup();
    faults.truncate(FAULTS_SOUGHT);
    faults
}

/// PostgreSQL's text can't hold U+0000.
fn find_nul(value: &Value, pointer: &mut String, faults: &mut Vec<Fault>) {
    if faults.len() >= FAULTS_SOUGHT {
        return;
    }
    let mut below = |token: &str, child: &Value| {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(&pointer_token(token));
        find_nul(child, pointer, faults);
        pointer.truncate(length);
    };
    match value {
        Value::String(text) if text.contains('\0') => {
            faults.push(Fault::body(pointer, "must not contain the character U+0000"));
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(i, item)| below(&i.to_string(), item)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| below(name, field)),
        _ => {}
    }
}

/// Says what is wrong and what would be right, never what was sent: answers are logged by clients.
fn explain(error: &ValidationError<'_>, faults: &mut Vec<Fault>) {
    let at = error.instance_path().as_str();
    let child = |name: &str| format!("{at}/{}", pointer_token(name));
    let mut fault = |detail: String| faults.push(Fault::body(at, detail));
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            faults.push(Fault::body(&child(property.as_str().unwrap_or_default()), "is required"));
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let named = unexpected.iter().take(FAULTS_SOUGHT);
            faults.extend(named.map(|name| Fault::body(&child(name), "is not a known field")));
        }
        // `null` or an object: what is wrong with the object is what the client wants to know.
        ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => {
            let is_type = |errors: &[ValidationError<'_>]| {
                errors.iter().any(|e| {
                    matches!(e.kind(), ValidationErrorKind::Type { .. }) && e.instance_path() == error.instance_path()
                })
            };
            match context.iter().find(|errors| !is_type(errors)) {
                Some(errors) => errors.iter().for_each(|inner| explain(inner, faults)),
                None => fault("has the wrong type".into()),
            }
        }
        ValidationErrorKind::Type { kind } => fault(match kind {
            jsonschema::error::TypeKind::Single(expected) => format!("must be of type {expected}"),
            jsonschema::error::TypeKind::Multiple(expected) => {
                let names: Vec<_> = expected.iter().map(|t| t.to_string()).collect();
                format!("must be of type {}", names.join(" or "))
            }
        }),
        ValidationErrorKind::Enum { options } => fault(format!("must be one of {options}")),
        ValidationErrorKind::Format { format } => fault(match format.as_str() {
            "date" => "must be a date that exists, as 2026-11-20".into(),
            "date-time" => "must be an RFC 3339 date and time, as 2026-11-20T14:30:00Z".into(),
            "uuid" => "must be a UUID".into(),
            "email" => "must be an e-mail address".into(),
            other => format!("must be a {other}"),
        }),
        ValidationErrorKind::Pattern { pattern } => fault(match pattern.as_str() {
            E164 => "must be a phone number as in E.164: +14165550100".into(),
            other => format!("must match {other}"),
        }),
        ValidationErrorKind::MinLength { limit } => fault(format!("must have at least {limit} characters")),
        ValidationErrorKind::MaxLength { limit } => fault(format!("must have at most {limit} characters")),
        ValidationErrorKind::MinItems { limit } => fault(format!("must have at least {limit} items")),
        ValidationErrorKind::MaxItems { limit } => fault(format!("must have at most {limit} items")),
        ValidationErrorKind::Minimum { limit } => fault(format!("must be at least {limit}")),
        ValidationErrorKind::Maximum { limit } => fault(format!("must be at most {limit}")),
        ValidationErrorKind::UniqueItems => fault("must not contain duplicates".into()),
        ValidationErrorKind::MinProperties { limit } => fault(format!("must have at least {limit} fields")),
        other => fault(format!("violates the rule `{}`", other.keyword())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::POINTER_TOLD;

    #[test]
    fn a_hostile_body_makes_few_and_small_faults() {
        let closed = jsonschema::validator_for(&json!({"additionalProperties": false})).unwrap();
        let numbers = jsonschema::validator_for(&json!({"items": {"type": "string"}})).unwrap();
        let long = "n\0~/ é".repeat(8_000);
        for (what, validator, value) in [
            ("NULs below a long name", &closed, json!({&long: vec!["\0"; 8_000]})),
            ("NULs below long names", &closed, json!({&long: {&long: {&long: vec!["\0"; 100]}}})),
            ("unknown names", &closed, (0..16_000).map(|n| (n.to_string(), json!(1))).collect::<Value>()),
            ("a huge array", &numbers, json!(vec![1; 32_000])),
        ] {
            let faults = collect(validator, &value);
            assert!((1..=FAULTS_SOUGHT).contains(&faults.len()), "{what}: {}", faults.len());
            let longest = faults.iter().filter_map(|fault| fault.pointer.as_ref()).map(|p| p.chars().count()).max();
            assert!(longest.is_some_and(|longest| longest <= POINTER_TOLD), "{what}: {longest:?}");
        }
    }

    #[test]
    fn a_pointer_is_cut_between_its_escapes() {
        for length in 190..=POINTER_TOLD {
            let pointer = Fault::body(&format!("/{}\0\0\0\0", "x".repeat(length)), "").pointer.unwrap();
            let last = pointer.rfind('%').unwrap_or(0);
            assert!(pointer.len() <= POINTER_TOLD && (last == 0 || last + 3 <= pointer.len()), "{pointer}");
        }
    }
}

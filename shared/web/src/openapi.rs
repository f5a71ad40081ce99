//! What all operations of the document have in common, written once.

use domain::error::Fault;
use serde_json::{Value, json};
use utoipa::{PartialSchema, ToSchema, openapi::OpenApi};

use super::Problem;

/// Adds to each operation the problems that any handler like it can answer, the bearer token unless it is open, and
/// what every document says of itself.
///
/// # Errors
/// When the document can't be written as JSON.
pub fn complete(document: &OpenApi) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(document)?;
    value["info"] = json!({
        "title": "BerthCare",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Home care documentation: clients, care plans, visits, photos and alerts.",
    });
    value["servers"] = json!([{"url": "/"}]);
    let schemas = &mut value["components"]["schemas"];
    schemas[Problem::name().as_ref()] = json!(Problem::schema());
    schemas[Fault::name().as_ref()] = json!(Fault::schema());
    value["components"]["securitySchemes"] =
        json!({"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}});
    let Some(paths) = value["paths"].as_object_mut() else { return Ok(value) };
    let known: Vec<String> = paths.keys().cloned().collect();
    for (path, item) in paths {
        // What is made here has a path of its own, unless it is part of a record that is only added to.
        let has_records = known.iter().any(|other| other.starts_with(&format!("{path}/{{")));
        let takes_parameters = path.contains('{');
        for operation in item.as_object_mut().into_iter().flat_map(|methods| methods.values_mut()) {
            complete_operation(operation, takes_parameters);
            if has_records && let Some(created) = operation["responses"].get_mut("201") {
                created["headers"]["location"] = json!({"description": "The new record's path.",
     "schema": {"type": "string", "format": "uri-reference"}});
            }
            for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(example) = example_of(path, parameter["name"].as_str().unwrap_or_default()) {
                    parameter["example"] = json!(example);
                }
            }
        }
    }
    Ok(value)
}

/// A record of the demo data, so that the documentation's page has something to try.
fn example_of(path: &str, parameter: &str) -> Option<&'static str> {
    match (parameter, path.split('/').nth(2)) {
        ("id", Some("users")) => Some("0193a5b0-0000-7000-8000-000000000003"),
        ("id", Some("clients" | "family")) => Some("0193a5b0-0000-7000-8000-0000000000c1"),
        ("id", Some("visits")) => Some("0193a5b0-0000-7000-8000-0000000000a1"),
        ("task_id", _) => Some("0193a5b0-0000-7000-8000-0000000000b1"),
        ("member_id", _) => Some("0193a5b0-0000-7000-8000-0000000000e1"),
        ("device_id", _) => Some("0193a5b0-0000-7000-8000-0000000000d1"),
        _ => None,
    }
}

fn complete_operation(operation: &mut Value, names_a_record: bool) {
    let open = operation.get("security").is_some();
    let mut problems = vec![("503", "A service that the API depends on is unavailable; try again.")];
    if !open {
        operation["security"] = json!([{"bearer": []}]);
        problems.push(("401", "The access token is missing or invalid, or the session has ended."));
        problems.push(("403", "The caller's role doesn't permit this."));
    }
    if names_a_record {
        problems.push(("404", "No such record, or none that the caller may see."));
    }
    if operation.get("requestBody").is_some() {
        problems.push(("400", "The body is not JSON."));
        problems.push(("413", "The body is larger than this path accepts."));
        problems.push(("415", "The body is not declared as JSON."));
    }
    if operation.get("requestBody").is_some() || operation.get("parameters").is_some() {
        problems.push(("422", "Some values are invalid; each is named."));
    }
    for (status, description) in problems {
        let responses = &mut operation["responses"];
        if responses.get(status).is_none() {
            responses[status] = json!({"description": description});
        }
    }
    for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        if status.starts_with(['4', '5']) && response.get("content").is_none() {
            response["content"] =
                json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
        }
    }
}

//! The document, the handlers and the local router say the same.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::TestApp;

fn document() -> Value {
    serde_json::to_value(local::document::whole().unwrap()).unwrap()
}

#[test]
fn the_served_document_is_the_handlers() {
    let served = include_str!("../../functions/health/openapi.json");
    // Not `assert_eq`: two documents in full would tell nobody anything.
    assert!(served == local::document::text().unwrap(), "functions/health/openapi.json is old: run `make openapi`");
}

/// The documents come from the routers themselves (`utoipa-axum` registers both in one call), so that a documented
/// path is a routed one; what is left is the router of `cargo lambda watch`.
#[test]
fn documented_and_local_routes_are_equal() {
    let manifest: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
    let router = manifest["workspace"]["metadata"]["lambda"]["watch"]["router"].as_table().unwrap();
    let mut local: BTreeSet<(String, String)> =
        router.iter().map(|(path, function)| (path.clone(), function.as_str().unwrap().to_owned())).collect();
    let documents = [
        ("auth", auth::document()),
        ("clients", clients::document()),
        ("visits", visits::document()),
        ("photos", photos::document()),
        ("sync", sync::document()),
        ("alerts", alerts::document()),
        ("privacy", privacy::document()),
        ("realtime", realtime::document()),
        ("webhooks", webhooks::document()),
        ("health", health::document()),
    ];
    let documented: BTreeSet<(String, String)> = documents
        .iter()
        .flat_map(|(function, document)| {
            document.paths.paths.keys().map(|path| (path.clone(), (*function).to_owned())).collect::<Vec<_>>()
        })
        .collect();
    // The page answers with a slash at its end too, and is documented without.
    assert!(local.remove(&("/v1/docs/".to_owned(), "health".to_owned())));
    assert_eq!(local, documented);
}

#[tokio::test]
async fn every_documented_operation_is_routed() {
    let app = TestApp::new().await;
    let anonymous = app.anonymous();
    for (path, item) in document()["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let path = path.replace("{file}", "index.html").replace(['{', '}'], "");
            let path = ["id", "task_id", "member_id", "device_id"]
                .iter()
                .fold(path, |path, name| path.replace(&format!("/{name}"), "/00000000-0000-0000-0000-000000000000"));
            let answer = anonymous.send(&method.to_uppercase(), &path, None, &[]).await;
            assert!(![404, 405].contains(&answer.status), "{method} {path}: {answer:?}");
        }
    }
}

#[test]
fn every_schema_has_an_example_that_it_accepts() {
    let document = document();
    let mut faults = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let Some(example) = schema.get("example") else {
            faults.push(format!("{name} has no example"));
            continue;
        };
        let whole =
            serde_json::json!({"$ref": format!("#/components/schemas/{name}"), "components": document["components"]});
        let validator = jsonschema::options().should_validate_formats(true).build(&whole).unwrap();
        faults.extend(validator.iter_errors(example).map(|e| format!("{name}: {e} at {}", e.instance_path())));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_operation_says_what_it_needs_and_answers() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{at} has no summary");
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{at}: the id is used twice");
            assert!(operation["security"].is_array(), "{at} doesn't say who may");
            assert!(operation["responses"]["503"].is_object(), "{at}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{at}: {} is not described", parameter["name"]);
            }
        }
    }
}

#[test]
fn every_list_is_items_and_next_cursor() {
    let document = document();
    let mut lists = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        // The documentation's own files are described as bytes.
        assert!(schema["type"] != "array" || path == "/v1/docs/{file}", "{path} is a bare list");
        let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/components/schemas/")) else {
            continue;
        };
        let schema = &document["components"]["schemas"][name];
        let parameters = item["get"]["parameters"].as_array().into_iter().flatten();
        let paged = parameters.filter(|p| p["name"] == "limit" || p["name"] == "cursor").count();
        if name.ends_with("Page") {
            assert_eq!(schema["required"], serde_json::json!(["items", "next_cursor"]), "{path}");
            assert_eq!(paged, 2, "{path} has no limit or cursor");
            lists += 1;
        } else {
            assert!(schema["type"] != "array" && paged == 0, "{path} is a list of its own kind");
        }
    }
    assert!(lists >= 14, "{lists}");
}

#[test]
fn the_apps_schema_is_the_servers() {
    let module = include_str!("../../docs/mobile/schema.js");
    assert!(module == local::mobile::module(), "docs/mobile/schema.js is old: run `make mobile`");
}

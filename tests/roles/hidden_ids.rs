//! Whether there is a record is nobody's to know who may not see it: an id of others is told like one that nobody has,
//! by every path that takes one, in the path, the query or the body.

use domain::identity::Role;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::names::{
    ALERT_B, ALERT_OF_BERNARD, CONFLICT_B, EXPORT_B, HOLD_B, INCIDENT_B, PHOTO_B, REFUSAL_B, REPLY_B, REQUEST_B,
    with_conflicts_and_alerts, with_photos, with_registers,
};
use crate::harness::{
    Answer, Client, TestApp,
    fixtures::{
        AGENCY_A, ALMA, BERNARD, CLIENT_B, NURSE_B, NURSES_VISIT, OTHER_NURSE, OTHER_NURSE_OF_BERNARD,
        OTHER_NURSES_VISIT, OTHER_NURSES_VITALS, VISIT_B,
    },
};

const OPENAPI: &str = include_str!("../../functions/health/openapi.json");
/// A photo of Bernard.
const PHOTO_OF_BERNARD: Uuid = Uuid::from_u128(0xAD);

/// Ids that nurses and aides don't see, or nobody in the agency; by what they are of.
struct Hidden {
    device: Uuid,
    sees_agency: bool,
}

impl Hidden {
    fn of(&self, entity: &str) -> Vec<Uuid> {
        let (in_agency, beyond): (&[Uuid], &[Uuid]) = match entity {
            "clients" => (&[BERNARD], &[CLIENT_B]),
            "visits" => (&[OTHER_NURSES_VISIT], &[VISIT_B]),
            "tasks" => (&[OTHER_NURSES_VITALS], &[]),
            "photos" => (&[PHOTO_OF_BERNARD], &[PHOTO_B]),
            "alerts" => (&[ALERT_OF_BERNARD], &[ALERT_B]),
            "care-team" => (&[OTHER_NURSE_OF_BERNARD], &[]),
            "users" => (&[], &[NURSE_B.id]),
            "devices" => (&[], &[self.device]),
            "conflicts" => (&[], &[CONFLICT_B]),
            "refusals" => (&[], &[REFUSAL_B]),
            "replies" => (&[], &[REPLY_B]),
            "requests" => (&[], &[REQUEST_B]),
            "incidents" => (&[], &[INCIDENT_B]),
            "holds" => (&[], &[HOLD_B]),
            "exports" => (&[], &[EXPORT_B]),
            other => panic!("name what is hidden of {other}"),
        };
        if self.sees_agency { beyond.to_vec() } else { [in_agency, beyond].concat() }
    }
}

/// What a field or parameter is the id of.
fn entity_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "client_id" => "clients",
        "visit_id" => "visits",
        "user_id" | "coordinator_id" => "users",
        "replaces" => "photos",
        _ => return None,
    })
}

/// A request with a place for an id.
struct Asked {
    method: String,
    path: String,
    body: Option<Value>,
    entity: &'static str,
}

/// Stands for the id in a path or body.
const PLACE: &str = "{it}";

impl Asked {
    async fn about(&self, client: &Client, id: Uuid) -> String {
        let put = |text: &str| text.replace(PLACE, &id.to_string());
        let body = self.body.as_ref().map(|body| {
            let mut body: Value = serde_json::from_str(&put(&body.to_string())).unwrap();
            if body.get("id").is_some() {
                body["id"] = json!(Uuid::now_v7());
            }
            body
        });
        told(&client.send(&self.method, &put(&self.path), body.as_ref(), &[]).await, id)
    }
}

/// All of an answer but what differs with each: the request's id, times, and the id that was asked about.
fn told(answer: &Answer, id: Uuid) -> String {
    let mut headers = answer.headers.clone();
    for name in ["x-request-id", "etag", "location", "x-amzn-trace-id", "date"] {
        headers.remove(name);
    }
    let mut body = answer.json();
    if let Some(problem) = body.as_object_mut() {
        problem.remove("instance");
    }
    // What may be made for an id that isn't known: but for its own id and times.
    if body.get("photo").is_some() {
        headers.remove("content-length");
    }
    if let Some(photo) = body.get_mut("photo").and_then(Value::as_object_mut) {
        photo.retain(|name, _| !["id", "created_at", "updated_at"].contains(&name.as_str()));
        let upload = body["upload"].as_object_mut().unwrap();
        upload.retain(|name, _| !["url", "expires_at"].contains(&name.as_str()));
    }
    format!("{} {} {body}", answer.status, Value::from(headers)).replace(&id.to_string(), "it")
}

/// The last named part of a path before each parameter, as what its id is of.
fn entities_in(path: &str) -> Vec<&'static str> {
    const ALL: [&str; 15] = [
        "clients",
        "visits",
        "tasks",
        "photos",
        "alerts",
        "care-team",
        "users",
        "devices",
        "conflicts",
        "refusals",
        "replies",
        "requests",
        "incidents",
        "holds",
        "exports",
    ];
    let parts: Vec<_> = path.split('/').collect();
    let named = |pair: &[&str]| {
        let known = ALL.iter().find(|name| **name == pair[0]);
        pair[1].starts_with('{').then(|| *known.unwrap_or_else(|| panic!("what is {path} about?")))
    };
    parts.windows(2).filter_map(named).collect()
}

/// What the caller may see, in the place of the parameters before the one that is asked about.
fn own(entity: &str, me: Uuid) -> Uuid {
    match entity {
        "clients" => ALMA,
        "visits" => NURSES_VISIT,
        _ => me,
    }
}

/// Every request of the API that names a record, once for each place of an id in it.
fn requests(me: Uuid) -> Vec<Asked> {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut requests = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            // Whoever searches the log is on it themselves, by the id that they searched for.
            if ["/v1/docs", "/v1/webhooks", "/v1/audit"].iter().any(|other| path.starts_with(other)) {
                continue;
            }
            let method = method.to_uppercase();
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let schema = schema["$ref"]
                .as_str()
                .map_or(schema, |reference| &document["components"]["schemas"][reference.rsplit('/').next().unwrap()]);
            let body = schema.get("example").cloned();
            let entities = entities_in(path);
            let filled = |until: usize, last: &str| {
                let mut entities = entities.iter().enumerate();
                let parts = path.split('/').map(|part| {
                    if !part.starts_with('{') {
                        return part.to_owned();
                    }
                    match entities.next().unwrap() {
                        (place, _) if place == until => last.to_owned(),
                        (_, entity) => own(entity, me).to_string(),
                    }
                });
                parts.collect::<Vec<_>>().join("/")
            };
            for (place, entity) in entities.iter().enumerate() {
                requests.push(Asked { method: method.clone(), path: filled(place, PLACE), body: body.clone(), entity });
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let Some(entity) = parameter["name"].as_str().and_then(entity_of) else { continue };
                let path = format!("{}?{}={PLACE}", filled(usize::MAX, ""), parameter["name"].as_str().unwrap());
                requests.push(Asked { method: method.clone(), path, body: None, entity });
            }
            for name in schema["properties"].as_object().into_iter().flat_map(Map::keys) {
                let Some(entity) = entity_of(name) else { continue };
                let body = Some(naming(body.clone().unwrap(), name, me));
                requests.push(Asked { method: method.clone(), path: filled(usize::MAX, ""), body, entity });
            }
        }
    }
    requests
}

/// The documented example with the id in its place, and ids that the caller may use in the others.
fn naming(mut body: Value, name: &str, me: Uuid) -> Value {
    if body.get("sha256").is_some() {
        // A photo has one owner, and what is replaced is a document of a client.
        for owner in ["client_id", "visit_id", "user_id", "replaces"] {
            body.as_object_mut().unwrap().remove(owner);
        }
        let (kind, content_type) = match name {
            "replaces" => ("document", "application/pdf"),
            "user_id" => ("profile", "image/jpeg"),
            _ => ("photo", "image/jpeg"),
        };
        body["kind"] = json!(kind);
        body["content_type"] = json!(content_type);
        body["shared_with_family"] = json!(false);
        if name == "replaces" {
            body["client_id"] = json!(ALMA);
        }
    } else {
        for (field, id) in [("client_id", ALMA), ("user_id", me)] {
            if body.get(field).is_some() {
                body[field] = json!(id);
            }
        }
        if body.get("severity").is_some() {
            body["visit_id"] = Value::Null;
        }
    }
    body[name] = json!(PLACE);
    body
}

#[tokio::test]
async fn an_id_of_others_is_told_like_one_that_nobody_has() {
    let app = TestApp::new().await;
    with_conflicts_and_alerts(&app).await;
    with_photos(&app).await;
    with_registers(&app).await;
    let of_bernard = format!(
        "select set_config('app.user_id', '{}', true);
         insert into photos (id, agency_id, client_id, kind, object_key, content_type, bytes, sha256, status, redrawn)
         values ('{PHOTO_OF_BERNARD}', '{AGENCY_A}', '{BERNARD}', 'photo', 'key', 'image/jpeg', 1, sha256(''),
           'stored', true)",
        OTHER_NURSE.id
    );
    app.database.write(AGENCY_A, &of_bernard).await;
    let device = app.sign_in(&NURSE_B).await.device_id;
    let (mut asked, mut other) = (0, Vec::new());
    for role in [Role::Nurse, Role::CareAide, Role::Family, Role::Coordinator, Role::Admin] {
        let client = app.of_role(role).await;
        let me = client.get("/v1/auth/me").await.expect(200)["id"].as_str().unwrap().parse().unwrap();
        let hidden = Hidden { device, sees_agency: role.sees_agency() };
        for request in requests(me) {
            let of_nobody = request.about(&client, Uuid::from_u128(0xFFFF_FFFF)).await;
            for id in hidden.of(request.entity) {
                asked += 1;
                let of_others = request.about(&client, id).await;
                if of_others != of_nobody {
                    let Asked { method, path, body, .. } = &request;
                    other.push(format!("{role:?} {method} {path} {body:?}: {of_others}, and of nobody's {of_nobody}"));
                }
            }
        }
    }
    assert!(other.is_empty(), "{} of {asked}: {other:#?}", other.len());
    assert!(asked > 300, "{asked} asked");
}

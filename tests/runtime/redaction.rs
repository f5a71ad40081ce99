//! What is never written down: no name, phone, address, note, health data, code, password or token leaves by the log or
//! by Sentry, whatever was sent, and whatever went wrong with it.
//!
//! Each documented operation is sent bodies, parameters and paths full of words that occur nowhere else, in every way
//! in which they can be wrong, while all is well, while the database refuses everything and quotes it, and while it is
//! gone. Then everything that was written is searched for the words.

use axum::Extension;
use runtime::lambda::Sentry;
use serde_json::{Value, json};

use crate::harness::{
    Client, Functions, TestApp,
    fixtures::{ADMIN, ALMA, COORDINATOR, NURSE, NURSES_VISIT, NURSES_VITALS, OTHER_NURSE, PASSWORD},
    log::Captured,
    sentry::FakeSentry,
    tcp_proxy::TcpProxy,
};

const NAME: &str = "Quillfeather Zq";
const EMAIL: &str = "quill.feather@zq.test";
const PHONE: &str = "+14165550199";
/// As clients send them, from names to a phone's code and a token; none occurs in our code, in the fixtures, or in an
/// id.
const WORDS: &[&str] = &[
    NAME,
    EMAIL,
    PHONE,
    "zqdiabetes mellitus",
    "zq-Password-7!",
    "70717273",
    "zqNotes: slept badly",
    "zq.token.signature",
];

/// A value of each kind in the place of each string, and of each number: accepted in some places, refused in others.
fn filled(example: &Value, word: &str) -> Value {
    match example {
        Value::String(_) => json!(word),
        Value::Array(items) => items.iter().map(|item| filled(item, word)).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), filled(value, word))).collect(),
        other => other.clone(),
    }
}

/// What a sound request would say: an address where an address is asked for, a name where a text is, and everything
/// that has a form of its own as it is.
fn plausible(example: &Value) -> Value {
    match example {
        Value::String(text) if text.contains('@') => json!(EMAIL),
        Value::String(text) if text.starts_with("+1") => json!(PHONE),
        Value::String(text) if text.contains(' ') || text.starts_with(char::is_uppercase) => json!(NAME),
        Value::Array(items) => items.iter().map(plausible).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), plausible(value))).collect(),
        other => other.clone(),
    }
}

/// The same with every number and truth value replaced too.
fn mistyped(example: &Value, word: &str) -> Value {
    match example {
        Value::Null => Value::Null,
        Value::Array(items) => items.iter().map(|item| mistyped(item, word)).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), mistyped(value, word))).collect(),
        _ => json!(word),
    }
}

/// The same with one string at a time replaced, so that what checks them one after another meets each.
fn one_by_one(example: &Value, word: &str) -> Vec<Value> {
    let Value::Object(members) = example else { return Vec::new() };
    let mut variants = Vec::new();
    for (name, value) in members {
        let mut changed = members.clone();
        changed.insert(name.clone(), filled(value, word));
        variants.push(Value::Object(changed));
    }
    // Names of fields can be words too.
    variants.push(json!({word: word}));
    variants
}

/// One request to be sent.
struct Attempt {
    method: String,
    path: String,
    body: Option<Vec<u8>>,
    /// What its headers hold.
    word: &'static str,
}

/// Whose record a path's parameter stands for; only then is there something to go wrong behind it.
fn known(path: &str) -> String {
    let id = match path.split('/').nth(2).unwrap_or_default() {
        "clients" => ALMA,
        "users" => OTHER_NURSE.id,
        _ => NURSES_VISIT,
    };
    path.replace("{id}", &id.to_string()).replace("{task_id}", &NURSES_VITALS.to_string())
}

/// Percent-encodes what doesn't stand for itself in a path or query.
fn encoded(word: &str) -> String {
    word.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"))
}

/// Every documented operation, in every way in which a word can be put into it.
fn attempts() -> Vec<Attempt> {
    let mut words = WORDS.iter().cycle();
    let document = serde_json::to_value(local::document::whole().unwrap()).unwrap();
    let example_of = |operation: &Value| {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let name = schema.as_str().unwrap_or_default().rsplit('/').next().unwrap().to_owned();
        document["components"]["schemas"][&name]["example"].clone()
    };
    let mut attempts = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let (method, word) = (method.to_uppercase(), *words.next().unwrap());
            let mut add = |path: String, body: Option<Vec<u8>>| {
                attempts.push(Attempt { method: method.clone(), path, body, word });
            };
            let whole = known(path);
            let elsewhere: String = path
                .split('/')
                .map(|part| if part.starts_with('{') { encoded(word) } else { part.to_owned() })
                .collect::<Vec<_>>()
                .join("/");
            let query: Vec<String> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| format!("{}={}", parameter["name"].as_str().unwrap(), encoded(word)))
                .collect();
            let example = example_of(operation);
            let mut bodies = vec![
                format!("{{\"first_name\": \"{word}\"").into_bytes(),
                format!("\"{word}\"").into_bytes(),
                [word.as_bytes(), &[0xFF]].concat(),
                plausible(&example).to_string().into_bytes(),
                filled(&example, word).to_string().into_bytes(),
                mistyped(&example, word).to_string().into_bytes(),
            ];
            bodies.extend(one_by_one(&example, word).iter().map(|body| body.to_string().into_bytes()));
            if operation["requestBody"].is_object() {
                for body in bodies {
                    add(whole.clone(), Some(body));
                }
            } else {
                add(whole.clone(), None);
            }
            add(format!("{whole}?{}", query.join("&")), None);
            add(format!("{whole}?{}={}", encoded(word), encoded(word)), None);
            add(elsewhere, Some(example.to_string().into_bytes()));
            add(format!("{whole}/{}", encoded(word)), None);
        }
    }
    attempts
}

/// What became of what was sent.
#[derive(Debug, Default)]
struct Tally {
    done: usize,
    failed: usize,
}

/// Sends everything as somebody who may do much.
async fn send_all(client: &Client) -> Tally {
    let mut outcome = Tally::default();
    for attempt in attempts() {
        let word = attempt.word;
        let headers = [
            ("content-type", "application/json"),
            ("if-match", word),
            ("if-none-match", word),
            ("user-agent", word),
            ("x-request-id", word),
        ];
        // These would end the session that the others need.
        if attempt.path.starts_with("/v1/auth/logout") {
            continue;
        }
        let answer = client.send_bytes(&attempt.method, &attempt.path, attempt.body, &headers).await;
        outcome.done += usize::from(answer.status < 300);
        outcome.failed += usize::from(answer.status >= 500);
    }
    outcome
}

/// What the log and Sentry hold, searched for what must not be there.
fn search(written: &str, sessions: &[&Client]) {
    let mut forbidden: Vec<&str> = WORDS.to_vec();
    forbidden.extend([PASSWORD, NURSE.email, COORDINATOR.email, ADMIN.email, "Élie", "Alma"]);
    for session in sessions {
        forbidden.extend(session.access_token.as_deref());
        forbidden.push(&session.refresh_token);
    }
    for word in forbidden.into_iter().filter(|word| !word.is_empty()) {
        for told in [word.to_owned(), encoded(word), format!("{:?}", word.as_bytes())] {
            let line = written.lines().find(|line| line.contains(&told));
            assert!(line.is_none(), "{word} was written: {line:?}");
        }
    }
}

/// The functions, their log, and their Sentry.
async fn watched(functions: Functions) -> (Functions, FakeSentry, Captured) {
    let fake = FakeSentry::start().await;
    let sentry: Sentry = fake.connected();
    let log = Captured::with("trace", sentry.clone());
    (functions.each(|router| router.layer(Extension(sentry.clone()))), fake, log)
}

#[tokio::test]
async fn nothing_personal_is_written_while_all_is_well() {
    let app = TestApp::new().await;
    let (functions, fake, log) = watched(app.functions()).await;
    let coordinator = Client::sign_in(functions, &COORDINATOR).await;
    let outcome = send_all(&coordinator).await;
    assert!(outcome.failed == 0 && outcome.done > 30, "{outcome:?}");
    coordinator.get("/v1/auth/me").await.expect(200);
    search(&(log.text() + &fake.received().concat()), &[&coordinator]);
    assert!(log.lines().len() > attempts().len());
}

/// PostgreSQL's errors quote: a constraint the whole row, a cast the text that it can't read.
const REFUSING: &str = "
    create function refuse() returns trigger language plpgsql as $$
    begin
        if current_setting('zq.reading', true) = 'on' then
            perform (to_jsonb(new)::text)::int;
        end if;
        raise check_violation using message = 'refused', detail = to_jsonb(new)::text, hint = to_jsonb(new)::text;
    end $$";

/// Sends everything while each write is refused; `reading` chooses the error of a cast in place of a constraint's.
async fn refused(reading: &str, expected: &str) {
    let app = TestApp::new().await;
    let (functions, fake, log) = watched(app.functions()).await;
    let coordinator = Client::sign_in(functions, &COORDINATOR).await;
    let owner = app.database.superuser().await;
    owner.batch_execute(REFUSING).await.unwrap();
    let setting = format!("alter database {} set zq.reading = '{reading}'", app.database.name);
    owner.batch_execute(&setting).await.unwrap();
    for table in ["users", "clients", "care_plan_versions", "care_team", "consents", "visits", "visit_tasks"] {
        let trigger =
            format!("create trigger refuse before insert or update on {table} for each row execute function refuse()");
        owner.batch_execute(&trigger).await.unwrap();
    }
    let coordinator = coordinator.through(watched_again(&app, &fake));
    assert!(send_all(&coordinator).await.failed > 0, "nothing was refused");
    let written = log.text() + &fake.received().concat();
    assert!(written.contains(expected), "{written}");
    search(&written, &[&coordinator]);
}

#[tokio::test]
async fn nothing_personal_is_written_when_a_constraint_quotes_the_row() {
    refused("off", "refused (23514)").await;
}

#[tokio::test]
async fn nothing_personal_is_written_when_a_cast_quotes_the_text() {
    refused("on", "unreadable data (22P02)").await;
}

/// Environments that connect anew, and so have the database's new settings.
fn watched_again(app: &TestApp, fake: &FakeSentry) -> Functions {
    let sentry = fake.connected();
    app.another_environment().each(|router| router.layer(Extension(sentry.clone())))
}

#[tokio::test]
async fn nothing_personal_is_written_while_the_database_is_gone() {
    let app = TestApp::new().await;
    let (host, port) = app.database.host_and_port();
    let proxy = TcpProxy::to(host, port).await;
    let url = format!("postgres://127.0.0.1:{}/{}?sslmode=disable", proxy.port, app.database.name);
    let (functions, fake, log) = watched(app.with_database(url)).await;
    let coordinator = Client::sign_in(functions, &COORDINATOR).await;
    proxy.cut();
    assert!(send_all(&coordinator).await.failed > 0, "everything worked without a database");
    search(&(log.text() + &fake.received().concat()), &[&coordinator]);
}

#[tokio::test]
async fn nothing_personal_is_written_while_dynamodb_is_gone() {
    let app = TestApp::new().await;
    let coordinator = app.sign_in(&COORDINATOR).await;
    let (functions, fake, log) = watched(app.without_table().await).await;
    let coordinator = coordinator.through(functions);
    assert!(send_all(&coordinator).await.failed > 0, "everything worked without DynamoDB");
    search(&(log.text() + &fake.received().concat()), &[&coordinator]);
}

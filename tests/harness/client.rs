use std::io::Read;

use base64::{Engine, engine::general_purpose::STANDARD};
use local::gateway::Sent;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};
use uuid::Uuid;

use super::{
    Functions,
    event::invoke,
    fixtures::{Person, next_recovery_code},
};

/// What an authenticator app shows, so many steps from now.
pub fn app_shows(secret: Secret, steps: i64) -> String {
    let time = jiff::Timestamp::now().as_second() + steps * 30;
    Builder::new().with_secret(secret).build_noncompliant().generate(time.try_into().unwrap()).to_string()
}

/// Somebody who sends requests: signed in on a device, or not at all.
#[derive(Clone)]
pub struct Client {
    functions: Functions,
    pub access_token: Option<String>,
    pub refresh_token: String,
    pub device_id: Uuid,
    pub source_ip: String,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: serde_json::Map<String, Value>,
    pub body: Vec<u8>,
    /// How many bytes it took all in all, as Lambda counts them.
    pub on_the_wire: usize,
}

impl Client {
    pub fn anonymous(functions: Functions) -> Self {
        Self {
            functions,
            access_token: None,
            refresh_token: String::new(),
            device_id: Uuid::now_v7(),
            source_ip: "192.0.2.1".into(),
        }
    }

    pub async fn sign_in(functions: Functions, person: &Person) -> Self {
        let mut client = Self::anonymous(functions);
        let answer = client.login(person.email, super::fixtures::PASSWORD).await.expect(200);
        client.access_token = answer["access_token"].as_str().map(ToOwned::to_owned);
        client.refresh_token = answer["refresh_token"].as_str().unwrap().to_owned();
        client
    }

    /// The same caller, elsewhere.
    pub fn at(&self, source_ip: impl Into<String>) -> Self {
        Self { source_ip: source_ip.into(), ..self.clone() }
    }

    /// The same caller, reaching other environments of the functions.
    pub fn through(&self, functions: Functions) -> Self {
        Self { functions, ..self.clone() }
    }

    /// Signs in; admins with a recovery code, since a code of an app is good once in half a minute.
    pub async fn login(&self, email: &str, password: &str) -> Answer {
        match next_recovery_code(email) {
            Some(code) => self.login_with(email, password, ("recovery_code", &code)).await,
            None => self.login_with(email, password, ("", "")).await,
        }
    }

    /// Signs in with this field beside the usual ones.
    pub async fn login_with(&self, email: &str, password: &str, (field, value): (&str, &str)) -> Answer {
        let device = json!({"id": self.device_id, "name": "Phone", "platform": "ios", "app_version": "1.0.0"});
        let mut body = json!({"email": email, "password": password, "device": device});
        if !field.is_empty() {
            body[field] = value.into();
        }
        self.post("/v1/auth/login", &body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, &[]).await
    }

    /// The items of every page of the list at `path`, which has a query.
    pub async fn all_pages(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut next = path.to_owned();
        for _ in 0..100 {
            let page = self.get(&next).await.expect(200);
            items.extend(page["items"].as_array().unwrap().clone());
            let Some(cursor) = page["next_cursor"].as_str() else { return items };
            next = format!("{path}&cursor={cursor}");
        }
        panic!("{path} has no last page");
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body), &[]).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, Some(body), &[]).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, Some(body), &[]).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None, &[]).await
    }

    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>, headers: &[(&str, &str)]) -> Answer {
        let mut headers = headers.to_vec();
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            headers.push(("content-type", "application/json"));
        }
        self.send_bytes(method, path, body.map(|body| body.to_string().into_bytes()), &headers).await
    }

    /// Sends a body as it is, however bad.
    pub async fn send_bytes(
        &self,
        method: &str,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if let Some(token) = &self.access_token {
            headers.push(("authorization".into(), format!("Bearer {token}")));
        }
        let sent = Sent { method, path, source_ip: &self.source_ip, headers, body };
        let answer = invoke(self.functions.of_path(path), &sent).await;
        Answer::read(&answer)
    }
}

impl Answer {
    pub fn read(answer: &Value) -> Self {
        let text = answer["body"].as_str().unwrap_or_default();
        let bytes = match answer["isBase64Encoded"].as_bool() {
            Some(true) => STANDARD.decode(text).unwrap(),
            _ => text.as_bytes().to_vec(),
        };
        let headers = answer["headers"].as_object().cloned().unwrap_or_default();
        let body = match headers.get("content-encoding").and_then(Value::as_str) {
            Some("gzip") => {
                let mut plain = Vec::new();
                flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
                plain
            }
            _ => bytes,
        };
        let status = answer["statusCode"].as_u64().and_then(|status| status.try_into().ok()).unwrap();
        Self { status, headers, body, on_the_wire: answer.to_string().len() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(Value::as_str)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body, of an answer that must have this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        if status >= 400 {
            self.must_be_problem();
        }
        self.json()
    }

    /// Every refusal looks alike: RFC 9457, with the request's id.
    #[track_caller]
    fn must_be_problem(&self) {
        let problem = self.json();
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{problem}");
        assert_eq!(problem["status"], self.status, "{problem}");
        assert_eq!(problem["instance"].as_str(), self.header("x-request-id"), "{problem}");
        let kind = problem["type"].as_str().unwrap();
        assert!(kind.starts_with("urn:berthcare:problem:"), "{problem}");
    }

    /// The last part of a problem's type.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        self.expect(status)["type"].as_str().unwrap().trim_start_matches("urn:berthcare:problem:").to_owned()
    }

    /// The places that a 422 names, sorted, each once.
    #[track_caller]
    pub fn faults(&self) -> Vec<String> {
        let problem = self.expect(422);
        let place =
            |fault: &Value| fault["pointer"].as_str().or(fault["parameter"].as_str()).map(ToOwned::to_owned).unwrap();
        let mut places: Vec<_> = problem["errors"].as_array().unwrap().iter().map(place).collect();
        places.sort();
        places.dedup();
        places
    }
}

impl Client {
    pub async fn refresh(&self) -> Answer {
        self.refresh_with(&self.refresh_token, self.device_id).await
    }

    pub async fn refresh_with(&self, token: &str, device_id: Uuid) -> Answer {
        self.post("/v1/auth/refresh", &json!({"refresh_token": token, "device_id": device_id})).await
    }

    /// The same device after an exchange.
    pub fn with_tokens(&self, tokens: &Value) -> Self {
        let mut client = self.clone();
        client.access_token = tokens["access_token"].as_str().map(ToOwned::to_owned);
        client.refresh_token = tokens["refresh_token"].as_str().unwrap().to_owned();
        client
    }

    /// The same session once it has a second factor, and the recovery codes.
    pub async fn enrolled(&self) -> (Self, Vec<String>) {
        let enrolment = self.send("POST", "/v1/auth/mfa", None, &[]).await.expect(200);
        let secret = Secret::try_from_base32(enrolment["secret"].as_str().unwrap()).unwrap();
        let answer = self.post("/v1/auth/mfa/confirm", &json!({"code": app_shows(secret, 0)})).await.expect(200);
        let codes = serde_json::from_value(answer["recovery_codes"].clone()).unwrap();
        (self.with_tokens(&self.refresh().await.expect(200)), codes)
    }

    /// That this session can't do anything any more: not on any function, and not get a new token.
    pub async fn must_be_out(&self) {
        for path in ["/v1/auth/me", &format!("/v1/clients/{}", super::fixtures::ALMA), "/v1/visits"] {
            assert_eq!(self.get(path).await.problem(401), "session-ended", "{path}");
        }
        let here = json!({"at": jiff::Timestamp::now()});
        let visit = super::fixtures::NURSES_VISIT;
        let answer = self.post(&format!("/v1/visits/{visit}/check-in"), &here).await;
        assert_eq!(answer.problem(401), "session-ended");
        assert_eq!(self.refresh().await.problem(401), "session-ended");
    }
}

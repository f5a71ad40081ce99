//! How tests declare, upload and fetch photos.

use std::fmt::Write;

use aws_lc_rs::digest;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, Client, TestApp, fixtures::NURSES_VISIT};

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

pub fn sha256(file: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, file).as_ref())
}

/// The body that declares a file.
pub fn declared(id: Uuid, owner: (&str, Uuid), kind: &str, content_type: &str, file: &[u8]) -> Value {
    json!({"id": id, owner.0: owner.1, "kind": kind, "content_type": content_type, "bytes": file.len(),
        "sha256": sha256(file)})
}

/// A photo of Alma, at the nurse's visit.
pub fn photo(id: Uuid, file: &[u8]) -> Value {
    declared(id, ("visit_id", NURSES_VISIT), "photo", "image/jpeg", file)
}

/// An HTTP client. All goes to loopback in plain text, but this one is not built without a provider for TLS.
pub fn http() -> reqwest::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::new()
}

/// Sends a file as a phone does, to where the answer of `POST /v1/photos` says.
pub async fn send(answer: &Value, file: &[u8]) -> u16 {
    let upload = &answer["upload"];
    assert_eq!(upload["method"], "PUT");
    let mut request = http().put(upload["url"].as_str().unwrap()).body(file.to_vec());
    for (name, value) in upload["headers"].as_object().unwrap() {
        // The HTTP client counts for itself.
        if name != "content-length" {
            request = request.header(name, value.as_str().unwrap());
        }
    }
    request.send().await.unwrap().status().as_u16()
}

/// Declares, sends and completes.
pub async fn bring(client: &Client, body: &Value, file: &[u8]) -> Value {
    let declared = client.post("/v1/photos", body).await.expect(201);
    assert_eq!(send(&declared, file).await, 200);
    complete(client, body).await.expect(200)
}

pub async fn complete(client: &Client, body: &Value) -> Answer {
    client.send("POST", &format!("/v1/photos/{}/complete", body["id"].as_str().unwrap()), None, &[]).await
}

pub async fn fetch(photo: &Value) -> reqwest::Response {
    http().get(photo["download"]["url"].as_str().unwrap()).send().await.unwrap()
}

/// Keys of the photos bucket, one for each version that is there.
pub async fn stored_keys(app: &TestApp) -> Vec<String> {
    let page = bucket(app).list_object_versions().bucket(&app.config.photos_bucket).send().await.unwrap();
    page.versions().iter().map(|version| version.key().unwrap().to_owned()).collect()
}

pub fn bucket(app: &TestApp) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&app.aws).force_path_style(true).build();
    aws_sdk_s3::Client::from_conf(config)
}

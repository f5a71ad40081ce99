//! How functions get into the database: a secret that is rotated under them, and tokens of IAM.

use std::time::SystemTime;

use app::{DatabaseAddress, IamSigner};
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use local::prepare;
use runtime::aws::SdkConfig;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::harness::{Config, Functions, TestApp, password_proxy::PasswordProxy};

const END_ALL: &str = "select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()) k";

async fn keep_password(app: &TestApp, proxy: &PasswordProxy, password: &str) {
    let secret = json!({"host": "127.0.0.1", "port": proxy.port, "username": "berthcare_app", "password": password,
        "dbname": app.database.name, "sslmode": "disable"});
    prepare::secret(&app.aws, &format!("{}/database", app.config.environment), &secret).await.unwrap();
}

#[tokio::test]
async fn a_password_is_rotated_without_a_failed_request() {
    let app = TestApp::new().await;
    let proxy = PasswordProxy::before(app.database.host_and_port(), |given| given == "old").await;
    keep_password(&app, &proxy, "old").await;
    let config = Config { database_url: None, ..app.config.clone() };
    let nurse = app.nurse().await.through(Functions::new(&config, &app.aws));
    nurse.get("/v1/clients").await.expect(200);

    proxy.accept_only(|given| given == "new");
    keep_password(&app, &proxy, "new").await;
    // Who is inside stays, until the connection ends; then the kept password is refused, and the new one fetched.
    nurse.get("/v1/clients").await.expect(200);
    app.database.count(END_ALL).await;
    nurse.get("/v1/clients").await.expect(200);
    assert_eq!(proxy.passwords_tried(), ["old", "old", "new"]);
}

#[tokio::test]
async fn a_password_that_stays_wrong_is_tried_twice_and_not_told() {
    let app = TestApp::new().await;
    let proxy = PasswordProxy::before(app.database.host_and_port(), |_| false).await;
    keep_password(&app, &proxy, "wrong").await;
    let config = Config { database_url: None, ..app.config.clone() };
    let nurse = app.nurse().await.through(Functions::new(&config, &app.aws));
    assert_eq!(nurse.get("/v1/clients").await.problem(503), "unavailable");
    assert_eq!(proxy.passwords_tried(), ["wrong", "wrong"]);
}

fn signed_as(key: &str) -> SdkConfig {
    let credentials =
        Credentials::new(key, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", Some("session/token+=".into()), None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("ca-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

fn parts(token: &str) -> (String, Vec<String>) {
    let (address, query) = token.split_once("/?").unwrap();
    let mut pairs: Vec<_> = query.split('&').map(ToOwned::to_owned).collect();
    pairs.sort();
    (address.to_owned(), pairs)
}

/// What botocore's `generate_db_auth_token` makes of the same (version 1.44.5, at 2026-11-20T12:00:00Z).
#[tokio::test]
async fn a_token_is_signed_as_other_sdks_sign_it() {
    let theirs = "berthcare.proxy-abc.ca-central-1.rds.amazonaws.com:5432/?Action=connect&DBUser=berthcare_app\
        &X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIDEXAMPLE%2F20261120%2Fca-central-1%2Frds-db%2Faws4_request\
        &X-Amz-Date=20261120T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host\
        &X-Amz-Security-Token=session%2Ftoken%2B%3D\
        &X-Amz-Signature=8d366fc4655543a8ffdb4d4e75f1f85f1cb4925d32fd1087dd29676594c014d3";
    let now = SystemTime::from("2026-11-20T12:00:00Z".parse::<jiff::Timestamp>().unwrap());
    let host = "berthcare.proxy-abc.ca-central-1.rds.amazonaws.com";
    let token = IamSigner::new(&signed_as("AKIDEXAMPLE")).token(host, 5432, "berthcare_app", now).await.unwrap();
    assert_eq!(parts(token.expose_secret()), parts(theirs));
}

/// Functions that come by IAM to `host`.
fn by_iam(app: &TestApp, host: &str, proxy: &PasswordProxy) -> Functions {
    let address = DatabaseAddress { host: host.into(), port: proxy.port, name: app.database.name.clone() };
    let config = Config { database_url: None, database_iam: Some(address), ..app.config.clone() };
    Functions::new(&config, &app.aws)
}

#[tokio::test]
async fn a_connection_by_iam_gives_a_fresh_token() {
    let app = TestApp::new().await;
    let proxy = PasswordProxy::before(app.database.host_and_port(), |given| {
        given.starts_with("127.0.0.1:") && given.contains("DBUser=berthcare_app&") && given.contains("X-Amz-Signature=")
    })
    .await;
    let nurse = app.nurse().await.through(by_iam(&app, "127.0.0.1", &proxy));
    nurse.get("/v1/clients").await.expect(200);
    app.database.count(END_ALL).await;
    nurse.get("/v1/clients").await.expect(200);
    assert_eq!(proxy.passwords_tried().len(), 2);
}

/// A token opens the database for whoever reads it on the way. By this name the server could be anywhere.
#[tokio::test]
async fn a_token_travels_by_tls_only() {
    let app = TestApp::new().await;
    let proxy = PasswordProxy::before(app.database.host_and_port(), |_| true).await;
    let nurse = app.nurse().await.through(by_iam(&app, "localhost", &proxy));
    assert_eq!(nurse.get("/v1/clients").await.problem(503), "unavailable");
    assert_eq!(proxy.passwords_tried(), [""; 0]);
}

//! Makes empty services ready: the database's roles and schema, the table, the buckets and the secrets.
//! Safe to run again.

use std::{fs, path::Path};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use aws_sdk_dynamodb::{
    operation::create_table::CreateTableError,
    types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType},
};
use aws_sdk_s3::{
    operation::create_bucket::CreateBucketError,
    types::{BucketVersioningStatus, VersioningConfiguration},
};
use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{
    Algorithm, EncodingKey,
    jwk::{Jwk, JwkSet, PublicKeyUse},
};
use runtime::{aws::SdkConfig, lambda::Fatal, secrets::SecretName};
use schema::Phase;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::{Client, Config, NoTls};

/// Connects without TLS, as to a server on this machine.
pub async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, task) = config.connect(NoTls).await?;
    tokio::spawn(task);
    Ok(client)
}

/// Makes the roles, and the database if it isn't there, and brings its schema up to date. `admin` is a superuser's
/// way to the server. Answers what was missing.
pub async fn database(admin: &Config, name: &str) -> Result<Vec<String>, Fatal> {
    let client = connect(admin).await?;
    client.batch_execute(schema::ROLES).await?;
    let there = client
        .query_typed("select 1 from pg_database where datname = $1", &[(&name, tokio_postgres::types::Type::TEXT)])
        .await?;
    if there.is_empty() {
        client.batch_execute(&format!("create database \"{name}\" owner berthcare_migrate")).await?;
    }
    let mut migrate = connect(admin.clone().user("berthcare_migrate").dbname(name)).await?;
    Ok(schema::run(&mut migrate, Phase::Contract).await?.applied)
}

/// Makes the table of what expires, if it isn't there.
pub async fn table(aws: &SdkConfig, name: &str) -> Result<(), Fatal> {
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let attribute =
        |name: &str| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
    let made = aws_sdk_dynamodb::Client::new(aws)
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?)
        .attribute_definitions(attribute("pk")?)
        .attribute_definitions(attribute("sk")?)
        .send()
        .await;
    match made {
        Err(error) if !error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) => {
            Err(error.into())
        }
        _ => Ok(()),
    }
}

/// Makes a bucket that keeps versions, if it isn't there.
pub async fn bucket(aws: &SdkConfig, name: &str) -> Result<(), Fatal> {
    make_bucket(aws, name, false).await
}

/// Makes a bucket whose objects can be locked, if it isn't there.
pub async fn locked_bucket(aws: &SdkConfig, name: &str) -> Result<(), Fatal> {
    make_bucket(aws, name, true).await
}

async fn make_bucket(aws: &SdkConfig, name: &str, locked: bool) -> Result<(), Fatal> {
    let config = aws_sdk_s3::config::Builder::from(aws).force_path_style(true).build();
    let region = aws_sdk_s3::types::BucketLocationConstraint::CaCentral1;
    let client = aws_sdk_s3::Client::from_conf(config);
    let made = client
        .create_bucket()
        .bucket(name)
        .object_lock_enabled_for_bucket(locked)
        .create_bucket_configuration(
            aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint(region).build(),
        )
        .send()
        .await;
    match made {
        Err(error) if !error.as_service_error().is_some_and(CreateBucketError::is_bucket_already_owned_by_you) => {
            return Err(error.into());
        }
        _ => {}
    }
    let versions = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    client.put_bucket_versioning().bucket(name).versioning_configuration(versions).send().await?;
    Ok(())
}

/// Writes a secret, whatever it was before.
pub async fn secret(aws: &SdkConfig, name: &str, value: &Value) -> Result<(), Fatal> {
    let client = aws_sdk_secretsmanager::Client::new(aws);
    let text = value.to_string();
    let made = client.create_secret().name(name).secret_string(&text).send().await;
    match made {
        Err(error) if error.as_service_error().is_some_and(CreateSecretError::is_resource_exists_exception) => {
            client.put_secret_value().secret_id(name).secret_string(text).send().await?;
            Ok(())
        }
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

/// Makes the secrets of a database on this machine, which trusts local connections: one for each role.
pub async fn databases(aws: &SdkConfig, environment: &str, at: (&str, u16), database: &str) -> Result<(), Fatal> {
    let (host, port) = at;
    for name in SecretName::DATABASES {
        let settings = json!({"host": host, "port": port, "username": name.database_role(), "password": "",
            "dbname": database, "sslmode": "disable"});
        secret(aws, &format!("{environment}/{}", <&str>::from(name)), &settings).await?;
    }
    Ok(())
}

/// Makes the secrets of a Twilio account that isn't one, for a stack whose functions are at `public_url`.
pub async fn twilio(aws: &SdkConfig, environment: &str, public_url: &str) -> Result<(), Fatal> {
    let at = |path: &str| format!("{public_url}/v1/{path}");
    let auth_token = "local-auth-token";
    for (name, value) in [
        ("account", json!({"account_sid": "AC00000000000000000000000000000000", "auth_token": auth_token})),
        ("phone-numbers", json!({"voice_number": "+14165550198", "sms_number": "+14165550199"})),
        (
            "webhooks",
            json!({
                "voice_webhook_url": at("voice/webhook"), "voice_status_callback_url": at("voice/status"),
                "sms_webhook_url": at("sms/webhook"), "sms_status_callback_url": at("sms/status"),
                "webhook_auth_token": "local-webhook-token", "auth_token": auth_token,
            }),
        ),
    ] {
        secret(aws, &format!("{environment}/twilio/{name}"), &value).await?;
    }
    Ok(())
}

/// The key that seals seeds of second factors on this machine: anybody's, as the demo's passwords are.
pub async fn second_factor_key(aws: &SdkConfig, environment: &str) -> Result<(), Fatal> {
    secret(aws, &format!("{environment}/second-factor-key"), &second_factor_keys()).await
}

/// What [`second_factor_key`] keeps.
#[must_use]
pub fn second_factor_keys() -> Value {
    json!({"keys": [{"id": "local-1", "key": STANDARD.encode([0x42; 32])}]})
}

/// A pair of keys for access tokens.
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenKeys {
    /// As the secret `{env}/jwt-signing-key` holds it.
    pub signing: Value,
    /// As the secret `{env}/jwt-public-keys` holds it.
    pub public: Value,
}

impl TokenKeys {
    /// A new pair, named `kid`.
    pub fn generate(kid: &str) -> Result<Self, Fatal> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
        let private_key = pem::encode(&pem::Pem::new("PRIVATE KEY", document.as_ref()));
        let mut jwk = Jwk::from_encoding_key(&EncodingKey::from_ec_pem(private_key.as_bytes())?, Algorithm::ES256)?;
        jwk.common.key_id = Some(kid.to_owned());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            signing: json!({"kid": kid, "private_key": private_key}),
            public: serde_json::to_value(JwkSet { keys: vec![jwk] })?,
        })
    }

    /// The pair kept in `folder`; a new one where there is none, so that tokens outlive a restart of the emulator.
    pub fn kept_in(folder: &Path) -> Result<Self, Fatal> {
        let file = folder.join("token-keys.json");
        if let Ok(text) = fs::read_to_string(&file) {
            return Ok(serde_json::from_str(&text)?);
        }
        let keys = Self::generate("local-1")?;
        fs::write(&file, serde_json::to_string(&keys)?)?;
        Ok(keys)
    }

    /// Puts both halves where the functions look for them.
    pub async fn publish(&self, aws: &SdkConfig, environment: &str) -> Result<(), Fatal> {
        secret(aws, &format!("{environment}/jwt-signing-key"), &self.signing).await?;
        secret(aws, &format!("{environment}/jwt-public-keys"), &self.public).await
    }
}

use std::time::{Duration, SystemTime};

use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4::SigningParams,
};
use secrecy::SecretString;
use store::DbError;

/// How long RDS takes a token for a password; a connection that stands outlives it.
const GOOD_FOR: Duration = Duration::from_mins(15);

/// Makes the passwords of IAM database authentication: a URL that nobody fetches, signed by the function's role.
/// Signing needs no call, so each connection gets a fresh one. The RDS SDK has the same in a few hundred operations'
/// company.
#[derive(Clone)]
pub struct IamSigner {
    credentials: Option<SharedCredentialsProvider>,
    region: Option<Region>,
}

impl IamSigner {
    /// Signs as whom the SDK's configuration says.
    #[must_use]
    pub fn new(aws: &SdkConfig) -> Self {
        Self { credentials: aws.credentials_provider(), region: aws.region().cloned() }
    }

    /// The password by which `user` connects to `host` and `port` at the time `now`, and for 15 minutes.
    ///
    /// # Errors
    /// When there are no credentials or no region.
    pub async fn token(&self, host: &str, port: u16, user: &str, now: SystemTime) -> Result<SecretString, DbError> {
        let failed = |why: &str| DbError::Settings(format!("no IAM token for the database: {why}"));
        let (Some(credentials), Some(region)) = (&self.credentials, &self.region) else {
            return Err(failed("no credentials or region"));
        };
        // The causes of what follows could quote a credential.
        let credentials = credentials.provide_credentials().await.map_err(|_| failed("no credentials"))?;
        let identity = credentials.into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(GOOD_FOR);
        let params = SigningParams::builder()
            .identity(&identity)
            .region(region.as_ref())
            .name("rds-db")
            .time(now)
            .settings(settings)
            .build()
            .map_err(|_| failed("incomplete parameters"))?
            .into();
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("Action", "connect").append_pair("DBUser", user);
        let address = format!("{host}:{port}/?{}", query.finish());
        let url = format!("https://{address}");
        let request = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::Bytes(&[]))
            .map_err(|_| failed("not an address"))?;
        let (signed, _) = sign(request, &params).map_err(|_| failed("not signed"))?.into_parts();
        let signature =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(signed.params().iter().cloned()).finish();
        Ok(SecretString::from(format!("{address}&{signature}")))
    }
}

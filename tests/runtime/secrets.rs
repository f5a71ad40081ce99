//! What is kept of secrets, and for how long.

use std::collections::HashMap;

use local::prepare;
use runtime::secrets::{SecretError, SecretName, Secrets};
use serde_json::json;

use crate::harness::TestApp;

#[tokio::test]
async fn a_secret_that_could_not_be_read_is_read_as_soon_as_it_is_mended() {
    let app = TestApp::new().await;
    let environment = &app.config.environment;
    let name = format!("{environment}/twilio/account");
    let secrets = Secrets::new(&app.aws, environment);
    prepare::secret(&app.aws, &name, &json!(["not", "what", "it", "should", "be"])).await.unwrap();
    let read = async || secrets.json::<HashMap<String, String>>(SecretName::TwilioAccount).await;
    for _ in 0..2 {
        assert!(matches!(read().await, Err(SecretError::Misshapen { .. })));
    }
    prepare::secret(&app.aws, &name, &json!({"account_sid": "AC1"})).await.unwrap();
    assert_eq!(read().await.unwrap()["account_sid"], "AC1");
    // What could be read is kept.
    prepare::secret(&app.aws, &name, &json!({"account_sid": "AC2"})).await.unwrap();
    assert_eq!(read().await.unwrap()["account_sid"], "AC1");
}

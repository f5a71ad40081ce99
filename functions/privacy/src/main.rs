//! The function `privacy`.

use runtime::{lambda::Fatal, secrets::SecretName};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    app::run_as(SecretName::PrivacyDatabase, privacy::router).await
}

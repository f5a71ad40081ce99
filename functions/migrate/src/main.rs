//! The function `migrate`.

use lambda_runtime::{LambdaEvent, service_fn};
use shared::{
    app::aws_config,
    config::Config,
    lambda,
    secrets::{SecretName, Secrets},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    lambda::start_logging();
    let config = Config::from_env()?;
    let secrets = Secrets::new(&aws_config().await, &config.environment);
    let source = config.database_source(&secrets, SecretName::MigrateDatabase);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<migrate::Request>| {
        migrate::run(&source, event.payload).await
    }))
    .await
}

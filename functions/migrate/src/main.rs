//! The function `migrate`.

// The compiler lays out refinery's futures inside the runtime's.
#![recursion_limit = "256"]

use lambda_runtime::{LambdaEvent, service_fn};
use migrate::Request;
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
    // Boxed: the future nests deeper than the compiler follows by itself.
    let handle = async |event: LambdaEvent<Request>| Box::pin(migrate::run(&source, event.payload)).await;
    lambda_runtime::run(service_fn(handle)).await
}

//! The function `migrate`.

// The compiler lays out refinery's futures inside the runtime's.
#![recursion_limit = "256"]

use app::DatabaseConfig;
use lambda_runtime::{LambdaEvent, service_fn};
use migrate::Request;
use runtime::{lambda, secrets::SecretName};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    let function = lambda::start().await?;
    let source = DatabaseConfig::from_env()?.source(SecretName::MigrateDatabase, &function.secrets);
    // Boxed: the future nests deeper than the compiler follows by itself.
    let handle = async |event: LambdaEvent<Request>| {
        let work = Box::pin(migrate::run(&source, event.payload));
        function.observe(("migrate", "migrate"), &event.context, work).await
    };
    lambda_runtime::run(service_fn(handle)).await
}

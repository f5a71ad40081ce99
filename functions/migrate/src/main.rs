//! The function `migrate`.

// The compiler lays out refinery's futures inside the runtime's.
#![recursion_limit = "256"]

use lambda_runtime::{LambdaEvent, service_fn};
use migrate::{Config, Migrate};
use runtime::lambda;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    let function = lambda::start().await?;
    let migrate = Migrate::new(&Config::from_env()?, &function.secrets, &function.aws);
    // Boxed: the future nests deeper than the compiler follows by itself.
    let handle = async |event: LambdaEvent<Value>| {
        let work = Box::pin(migrate.handle(event.payload, &event.context.request_id));
        function.observe(("migrate", "migrate"), &event.context, work).await
    };
    lambda_runtime::run(service_fn(handle)).await
}

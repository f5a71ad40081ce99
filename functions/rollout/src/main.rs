//! The function `rollout`.

// The compiler lays out the AWS clients' futures inside the runtime's.
#![recursion_limit = "256"]

use lambda_runtime::{LambdaEvent, service_fn};
use rollout::{Hook, Rollout};
use runtime::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    let function = lambda::start().await?;
    let rollout = Rollout::new(&function.aws, &function.secrets, &function.environment.name);
    rollout.warm_up().await;
    let handle = async |event: LambdaEvent<Hook>| {
        let work = Box::pin(rollout.run(&event.payload));
        function.observe(("rollout", "pre-traffic"), &event.context, work).await
    };
    lambda_runtime::run(service_fn(handle)).await
}

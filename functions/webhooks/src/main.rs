//! The function `webhooks`.

use shared::lambda;
use webhooks::Webhooks;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    let function = lambda::start().await?;
    function
        .serve(Box::pin(async {
            let webhooks = Webhooks::new(function.config.clone(), function.secrets.clone(), &function.aws);
            webhooks.warm_up().await;
            webhooks::router(webhooks)
        }))
        .await
}

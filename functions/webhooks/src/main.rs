//! The function `webhooks`.

use runtime::lambda;
use webhooks::{Config, Webhooks};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    let function = lambda::start().await?;
    let webhooks = Webhooks::new(&Config::from_env()?, function.secrets.clone(), &function.aws);
    let router = Box::pin(async {
        webhooks.warm_up().await;
        webhooks::router(webhooks)
    });
    web::serve(&function, router).await
}

//! The function `webhooks`.

use shared::{app::aws_config, config::Config, lambda, secrets::Secrets};
use webhooks::Webhooks;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    lambda::start_logging();
    let config = Config::from_env()?;
    let aws = aws_config().await;
    let secrets = Secrets::new(&aws, &config.environment);
    let webhooks = Webhooks::new(config, secrets, &aws);
    webhooks.warm_up().await;
    lambda::serve(webhooks::router(webhooks)).await
}

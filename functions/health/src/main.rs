//! The function `health`.

use health::Health;
use shared::{app::aws_config, config::Config, lambda, secrets::Secrets};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    lambda::start_logging();
    let config = Config::from_env()?;
    let aws = aws_config().await;
    let secrets = Secrets::new(&aws, &config.environment);
    lambda::serve(health::router(Health::new(&config, &secrets, &aws))).await
}

//! The function `alerts`.

use alerts::Alerts;
use shared::{app::aws_config, config::Config, lambda, secrets::Secrets};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    lambda::start_logging();
    let config = Config::from_env()?;
    let aws = aws_config().await;
    let secrets = Secrets::new(&aws, &config.environment);
    let alerts = Alerts::new(config, &secrets, &aws);
    alerts.warm_up().await;
    lambda::serve(alerts::router(alerts)).await
}

//! The function `sync`.

use shared::{
    app::{App, aws_config},
    config::Config,
    lambda,
    secrets::Secrets,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    lambda::start_logging();
    let config = Config::from_env()?;
    let secrets = Secrets::new(&aws_config().await, &config.environment);
    let app = App::new(config, &secrets);
    app.warm_up().await;
    lambda::serve(sync::router(app)).await
}

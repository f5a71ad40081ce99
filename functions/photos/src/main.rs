//! The function `photos`.

use lambda_runtime::{LambdaEvent, service_fn};
use photos::Photos;
use shared::{app::aws_config, config::Config, lambda, secrets::Secrets};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    lambda::start_logging();
    let config = Config::from_env()?;
    let aws = aws_config().await;
    let secrets = Secrets::new(&aws, &config.environment);
    let photos = Photos::new(config, &secrets, &aws);
    photos.warm_up().await;
    let router = photos::router(photos.clone());
    let handle = async |event: LambdaEvent<_>| Box::pin(photos::invoke(&photos, router.clone(), event)).await;
    lambda_runtime::run(service_fn(handle)).await
}

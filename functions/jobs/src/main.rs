//! The function `jobs`.

use jobs::{Deadline, Event, Jobs};
use lambda_runtime::{LambdaEvent, service_fn};
use shared::{app::aws_config, config::Config, lambda, secrets::Secrets};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    lambda::start_logging();
    let config = Config::from_env()?;
    let aws = aws_config().await;
    let secrets = Secrets::new(&aws, &config.environment);
    let jobs = Jobs::new(&config, &secrets, &aws);
    jobs.warm_up().await;
    let handle = async |event: LambdaEvent<Event>| {
        Box::pin(jobs.run(event.payload, Deadline::before(event.context.deadline()))).await
    };
    lambda_runtime::run(service_fn(handle)).await
}

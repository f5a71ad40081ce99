//! The function `jobs`.

use jobs::{Config, Deadline, Event, Jobs};
use lambda_runtime::{LambdaEvent, service_fn};
use runtime::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    let function = lambda::start().await?;
    let jobs = Jobs::new(&Config::from_env()?, &function.secrets, &function.aws);
    jobs.warm_up().await;
    let handle = async |event: LambdaEvent<Event>| {
        let work = Box::pin(jobs.run(event.payload, Deadline::before(event.context.deadline())));
        function.observe(("jobs", event.payload.job.into()), &event.context, work).await
    };
    lambda_runtime::run(service_fn(handle)).await
}

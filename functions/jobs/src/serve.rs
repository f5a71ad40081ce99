//! The functions that run jobs, in Lambda.

use lambda_runtime::{LambdaEvent, service_fn};
use runtime::lambda::{self, Fatal};

use crate::{Config, Deadline, Event, Jobs};

/// Takes events as the function `name` until Lambda ends the environment.
///
/// # Errors
/// When the environment has a wrong setting, or the runtime ends.
pub async fn serve(name: &'static str) -> Result<(), Fatal> {
    let function = lambda::start().await?;
    let jobs = Jobs::new(&Config::from_env()?, &function.secrets, &function.aws);
    jobs.warm_up().await;
    let handle = async |event: LambdaEvent<Event>| {
        let work = Box::pin(jobs.run(event.payload, Deadline::before(event.context.deadline())));
        function.observe((name, event.payload.job.into()), &event.context, work).await
    };
    lambda_runtime::run(service_fn(handle)).await
}

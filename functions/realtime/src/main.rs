//! The function `realtime`.

use lambda_runtime::{LambdaEvent, service_fn};
use realtime::{Config, Realtime};
use runtime::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    let function = lambda::start().await?;
    let realtime = Realtime::new(&Config::from_env()?, &function.secrets, &function.aws);
    let router = Box::pin(async {
        realtime.warm_up().await;
        realtime::router(realtime.clone())
    });
    let router = web::around(&function, router).await?;
    let handle = async |event: LambdaEvent<_>| {
        let (name, context) = (realtime::event_name(&event.payload), event.context.clone());
        let work = Box::pin(realtime::invoke(&realtime, router.clone(), event));
        match name {
            Some(name) => function.observe(("realtime", name), &context, work).await,
            None => work.await,
        }
    };
    lambda_runtime::run(service_fn(handle)).await
}

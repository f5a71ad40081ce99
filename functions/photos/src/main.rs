//! The function `photos`.

use lambda_runtime::{LambdaEvent, service_fn};
use photos::Photos;
use shared::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    let function = lambda::start().await?;
    let photos = Photos::new(function.config.clone(), &function.secrets, &function.aws);
    let router = function
        .around(Box::pin(async {
            photos.warm_up().await;
            photos::router(photos.clone())
        }))
        .await;
    let handle = async |event: LambdaEvent<_>| {
        let (name, context) = (photos::event_name(&event.payload), event.context.clone());
        let work = Box::pin(photos::invoke(&photos, router.clone(), event));
        match name {
            Some(name) => function.observe(("photos", name), &context, work).await,
            None => work.await,
        }
    };
    lambda_runtime::run(service_fn(handle)).await
}

//! The function `photos`.

use lambda_runtime::{LambdaEvent, service_fn};
use photos::{Config, Photos};
use runtime::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    let function = lambda::start().await?;
    let photos = Photos::new(&Config::from_env()?, &function.secrets, &function.aws);
    let router = Box::pin(async {
        photos.warm_up().await;
        photos::router(photos.clone())
    });
    let router = web::around(&function, router).await?;
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

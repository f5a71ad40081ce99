//! The function `privacy`.

use privacy::{Config, Privacy};
use runtime::lambda::{self, Fatal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let function = lambda::start().await?;
    let privacy = Privacy::new(&Config::from_env()?, &function.secrets, &function.aws);
    web::serve(
        &function,
        Box::pin(async {
            privacy.warm_up().await;
            privacy::router(privacy.clone())
        }),
    )
    .await
}

//! The function `health`.

use health::Health;
use shared::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    let function = lambda::start().await?;
    function
        .serve(Box::pin(async { health::router(Health::new(&function.config, &function.secrets, &function.aws)) }))
        .await
}

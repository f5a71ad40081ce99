//! The function `health`.

use health::{Config, Health};
use runtime::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    let function = lambda::start().await?;
    let health = Health::new(&Config::from_env()?, &function.secrets, &function.aws);
    web::serve(&function, Box::pin(async { health::router(health) })).await
}

//! The function `sync`.

use shared::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    lambda::run(sync::router).await
}

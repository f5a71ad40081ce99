//! The function `privacy`.

use runtime::lambda::Fatal;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    app::run(privacy::router).await
}

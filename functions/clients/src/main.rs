//! The function `clients`.

use runtime::lambda::Fatal;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    app::run(clients::router).await
}

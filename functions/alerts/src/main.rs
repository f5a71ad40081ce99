//! The function `alerts`.

use runtime::lambda::Fatal;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    app::run_with_jobs(alerts::router).await
}

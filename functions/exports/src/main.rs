//! The function `exports`: makes the exports that `privacy` was asked for, with the time and memory that they take.

use runtime::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    privacy::serve_exports().await
}

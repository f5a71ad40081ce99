//! The function `jobs`.

use runtime::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    jobs::serve("jobs").await
}

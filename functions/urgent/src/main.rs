//! The function `urgent`: the code of `jobs` once more, with a concurrency of its own, for what alerts are waiting for.
//! Whatever else is queued, and however much of it, nothing stands in line before them.

use runtime::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    jobs::serve("urgent").await
}

//! The request that is being served, for whoever logs or measures meanwhile.

use domain::request::RequestInfo;

tokio::task_local! {
    static CURRENT: RequestInfo;
}

/// Runs what serves `request`, so that each line it logs tells of it.
pub async fn during<F: Future>(request: &RequestInfo, work: F) -> F::Output {
    CURRENT.scope(request.clone(), work).await
}

/// The request that is being served here.
#[must_use]
pub fn current() -> Option<RequestInfo> {
    CURRENT.try_with(Clone::clone).ok()
}

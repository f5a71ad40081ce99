//! The function `auth`.

use auth::Auth;
use shared::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    let function = lambda::start().await?;
    function
        .serve(Box::pin(async {
            let auth = Auth::new(function.config.clone(), function.secrets.clone(), &function.aws);
            auth.warm_up().await;
            auth::router(auth)
        }))
        .await
}

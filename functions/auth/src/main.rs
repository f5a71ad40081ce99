//! The function `auth`.

use auth::{Auth, Config};
use runtime::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    let function = lambda::start().await?;
    let auth = Auth::new(&Config::from_env()?, function.secrets.clone(), &function.aws);
    let router = Box::pin(async {
        auth.warm_up().await;
        auth::router(auth)
    });
    web::serve(&function, router).await
}

use axum::Router;
use runtime::lambda::{self, Fatal};

use crate::{App, AppConfig};

/// Runs a function that needs an [`App`] and nothing beside it.
///
/// # Errors
/// When the environment lacks a setting, or the runtime ends.
pub async fn run(router: impl FnOnce(App) -> Router) -> Result<(), Fatal> {
    let function = lambda::start().await?;
    let app = App::new(&AppConfig::from_env()?, &function.secrets);
    web::serve(
        &function,
        Box::pin(async {
            app.warm_up().await;
            router(app)
        }),
    )
    .await
}

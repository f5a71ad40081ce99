use axum::Router;
use runtime::{
    lambda::{self, Fatal},
    secrets::SecretName,
};

use crate::{App, AppConfig};

/// Runs a function that needs an [`App`] and nothing beside it.
///
/// # Errors
/// When the environment lacks a setting, or the runtime ends.
pub async fn run(router: impl FnOnce(App) -> Router) -> Result<(), Fatal> {
    run_as(SecretName::Database, router).await
}

/// The same for one that asks the database as the role whose secret that is.
///
/// # Errors
/// As [`run`].
pub async fn run_as(database: SecretName, router: impl FnOnce(App) -> Router) -> Result<(), Fatal> {
    let function = lambda::start().await?;
    let app = App::with_database(database, &AppConfig::from_env()?, &function.secrets);
    web::serve(
        &function,
        Box::pin(async {
            app.warm_up().await;
            router(app)
        }),
    )
    .await
}

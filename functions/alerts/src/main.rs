//! The function `alerts`.

use alerts::Alerts;
use shared::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Fatal> {
    let function = lambda::start().await?;
    function
        .serve(Box::pin(async {
            let alerts = Alerts::new(function.config.clone(), &function.secrets, &function.aws);
            alerts.warm_up().await;
            alerts::router(alerts)
        }))
        .await
}

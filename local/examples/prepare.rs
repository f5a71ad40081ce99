//! Makes the local stack's services ready: `cargo run --example prepare`.

use std::{env, path::PathBuf};

use local::prepare::{self, TokenKeys};
use runtime::{aws::aws_config, lambda::Fatal};
use tokio_postgres::{Config, config::Host};

const DATABASE: &str = "berthcare";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    let environment = env::var("BERTHCARE_ENV")?;
    let admin: Config = env::var("DATABASE_ADMIN_URL")?.parse()?;
    let applied = prepare::database(&admin, DATABASE).await?;
    println!("{} migrations applied", applied.len());

    let aws = aws_config().await;
    prepare::table(&aws, &env::var("EPHEMERAL_TABLE")?).await?;
    for bucket in ["PHOTOS_BUCKET", "DOCUMENTS_BUCKET", "EXPORTS_BUCKET"] {
        prepare::bucket(&aws, &env::var(bucket)?).await?;
    }
    prepare::locked_bucket(&aws, &env::var("ANCHORS_BUCKET")?).await?;
    TokenKeys::kept_in(&PathBuf::from(env::var("LOCAL_STATE")?))?.publish(&aws, &environment).await?;
    prepare::second_factor_key(&aws, &environment).await?;
    prepare::twilio(&aws, &environment, &env::var("PUBLIC_URL")?).await?;
    let Some(Host::Tcp(host)) = admin.get_hosts().first() else {
        return Err("DATABASE_ADMIN_URL must name a host".into());
    };
    prepare::databases(&aws, &environment, (host, admin.get_ports().first().copied().unwrap_or(5432)), DATABASE).await
}

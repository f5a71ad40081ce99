//! The services that a run needs, made ready, and two ways to the database: direct, and a millisecond away.

use std::{env, net::SocketAddr, time::Duration};

use tokio_postgres::{Client, Config, config::Host};

use super::{
    function::Function,
    internals::{Fatal, aws_config, prepare},
    options::Options,
    relay::Relay,
};

const DATABASE: &str = "bench";
/// One way; a round trip is twice that.
const DELAY: Duration = Duration::from_micros(500);

/// How far away the database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// On this machine's loopback.
    Near,
    /// A round trip takes a millisecond longer.
    Millisecond,
}

/// The prepared services.
pub struct Stack {
    pub options: Options,
    pub admin: Client,
    /// What functions ask the database goes by here at [`Distance::Millisecond`].
    pub relay: Relay,
    bare_relay: Relay,
    admin_config: Config,
    variables: Vec<(&'static str, String)>,
}

impl Stack {
    /// Makes a database, a table and secrets of its own on the services that run.
    pub async fn prepare(options: Options) -> Result<Self, Fatal> {
        let server: Config = env::var("DATABASE_ADMIN_URL")?.parse()?;
        // Left by a run before on the same services.
        let drop = format!("drop database if exists {DATABASE} with (force)");
        prepare::connect(&server).await?.batch_execute(&drop).await?;
        prepare::database(&server, DATABASE).await?;
        let Some(Host::Tcp(host)) = server.get_hosts().first() else {
            return Err("the database must have a host".into());
        };
        let port = server.get_ports().first().copied().unwrap_or(5432);
        secrets(host, port).await?;

        let address: SocketAddr =
            tokio::net::lookup_host((host.as_str(), port)).await?.next().ok_or("the database's host has no address")?;
        let mut admin_config = server.clone();
        admin_config.dbname(DATABASE);
        let variables = vec![("BERTHCARE_ENV", "bench".to_owned()), ("LOG_LEVEL", "warn".to_owned())];
        Ok(Self {
            options,
            admin: prepare::connect(&admin_config).await?,
            relay: Relay::start(address, DELAY)?,
            bare_relay: Relay::start(address, DELAY)?,
            admin_config,
            variables,
        })
    }

    /// Starts a function, its database at this distance.
    pub async fn function(&self, name: &str, environments: usize, distance: Distance) -> Result<Function, Fatal> {
        let mut variables = self.variables.clone();
        if distance == Distance::Millisecond {
            let port = self.relay.port;
            let url = format!("postgres://127.0.0.1:{port}/{DATABASE}?sslmode=disable");
            variables.push(("DATABASE_URL", url));
        }
        Function::start(&self.options.functions, name, environments, &variables).await
    }

    /// Connects as the superuser, whom no policy concerns.
    pub async fn bare(&self, distance: Distance) -> Result<Client, Fatal> {
        let mut config = self.admin_config.clone();
        if distance == Distance::Millisecond {
            config = Config::new();
            config.host("127.0.0.1").port(self.bare_relay.port).dbname(DATABASE);
            config.user(self.admin_config.get_user().unwrap_or("postgres"));
            if let Some(password) = self.admin_config.get_password() {
                config.password(password);
            }
        }
        Ok(prepare::connect(&config).await?)
    }
}

/// What functions look up: where the database is, and the keys of tokens.
async fn secrets(host: &str, port: u16) -> Result<(), Fatal> {
    let aws = aws_config().await;
    prepare::table(&aws, &env::var("EPHEMERAL_TABLE")?).await?;
    prepare::bucket(&aws, &env::var("PHOTOS_BUCKET")?).await?;
    prepare::TokenKeys::generate("bench-1")?.publish(&aws, DATABASE).await?;
    prepare::databases(&aws, DATABASE, (host, port), DATABASE).await
}

//! The configuration of one environment's functions, in one place: a test changes what it is about.

use app::{AppConfig, DatabaseAddress, DatabaseConfig};
use jobs::Providers;
use runtime::config::{
    AnchorsBucket, DocumentsBucket, EphemeralTable, ExportsBucket, JobsFunction, PhotosBucket, RealtimeConnectionsUrl,
    RealtimeUrl,
};
use secrecy::SecretString;
use store::StatementMode;

use super::PUBLIC_URL;

/// The variables, by function or not.
#[derive(Clone)]
pub struct Config {
    pub environment: String,
    pub database_url: Option<SecretString>,
    pub database_iam: Option<DatabaseAddress>,
    pub statement_mode: StatementMode,
    pub ephemeral_table: String,
    pub photos_bucket: String,
    pub documents_bucket: String,
    pub anchors_bucket: String,
    pub exports_bucket: String,
    pub providers: Providers,
    /// Where the WebSocket API is, without scheme.
    pub realtime: String,
}

impl Config {
    pub fn database(&self) -> DatabaseConfig {
        DatabaseConfig {
            url: self.database_url.clone(),
            iam: self.database_iam.clone(),
            statement_mode: self.statement_mode,
            realtime_function: Some("realtime".into()),
        }
    }

    pub fn app(&self) -> AppConfig {
        AppConfig { public_url: PUBLIC_URL.into(), database: self.database() }
    }

    fn table(&self) -> EphemeralTable {
        EphemeralTable(self.ephemeral_table.clone())
    }

    pub fn jobs_function() -> JobsFunction {
        JobsFunction("jobs".into())
    }

    pub fn auth(&self) -> auth::Config {
        auth::Config { app: self.app(), ephemeral_table: self.table(), jobs_function: Self::jobs_function() }
    }

    pub fn photos(&self) -> photos::Config {
        photos::Config {
            app: self.app(),
            photos_bucket: PhotosBucket(self.photos_bucket.clone()),
            documents_bucket: DocumentsBucket(self.documents_bucket.clone()),
        }
    }

    pub fn realtime(&self) -> realtime::Config {
        realtime::Config {
            app: self.app(),
            ephemeral_table: self.table(),
            url: RealtimeUrl(format!("ws://{}/", self.realtime)),
            connections_url: RealtimeConnectionsUrl(format!("http://{}", self.realtime)),
        }
    }

    pub fn privacy(&self) -> privacy::Config {
        privacy::Config {
            app: self.app(),
            exports_bucket: ExportsBucket(self.exports_bucket.clone()),
            jobs_function: Self::jobs_function(),
        }
    }

    pub fn exports(&self) -> privacy::ExportsConfig {
        privacy::ExportsConfig {
            database: self.database(),
            exports_bucket: ExportsBucket(self.exports_bucket.clone()),
            photos_bucket: PhotosBucket(self.photos_bucket.clone()),
            documents_bucket: DocumentsBucket(self.documents_bucket.clone()),
        }
    }

    pub fn migrate(&self) -> migrate::Config {
        migrate::Config {
            database: self.database(),
            ephemeral_table: self.table(),
            jobs_function: Self::jobs_function(),
        }
    }

    pub fn webhooks(&self) -> webhooks::Config {
        webhooks::Config { app: self.app(), ephemeral_table: self.table(), jobs_function: Self::jobs_function() }
    }

    pub fn health(&self) -> health::Config {
        health::Config {
            database: self.database(),
            ephemeral_table: self.table(),
            photos_bucket: PhotosBucket(self.photos_bucket.clone()),
            has_demo_users: self.environment == "local",
        }
    }

    pub fn jobs(&self) -> jobs::Config {
        jobs::Config {
            database: self.database(),
            providers: self.providers.clone(),
            photos_bucket: PhotosBucket(self.photos_bucket.clone()),
            documents_bucket: DocumentsBucket(self.documents_bucket.clone()),
            anchors_bucket: AnchorsBucket(self.anchors_bucket.clone()),
        }
    }
}

//! Makes the exports that were asked for, and removes those that are over. Invoked right after a request, and by a
//! schedule, which finds what a lost invocation left; what fails is begun anew, three times in all.

use std::time::{Duration, Instant};

use app::DatabaseConfig;
use domain::error::Error;
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use runtime::{
    Chain,
    aws::SdkConfig,
    config::{DocumentsBucket, ExportsBucket, PhotosBucket},
    lambda::{self, Fatal},
    metrics::Measurement,
    objects::Objects,
    secrets::{SecretName, Secrets},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{
    Db,
    tables::client_exports::{self, ClaimedExport, ExportFormat, Exporter, Made},
};

use super::{
    archive::{Archive, files_of},
    file_type,
    upload::{Arrived, Upload},
};
use crate::{
    export::{
        Json,
        format::{self, Failure},
    },
    fhir::FhirBundle,
};

/// After this no further export is begun: each has ten minutes at least before Lambda ends the function.
const A_WHILE: Duration = Duration::from_mins(5);
/// How many rows are removed at a time.
const BATCH: i32 = 100;
const JOB: &str = "exports";

runtime::config! {
    /// The configuration of `exports`.
    pub struct ExportsConfig {
        /// Where the database is.
        pub database: DatabaseConfig,
        /// Where exports wait to be fetched.
        pub exports_bucket: ExportsBucket,
        /// Where images are.
        pub photos_bucket: PhotosBucket,
        /// Where documents are.
        pub documents_bucket: DocumentsBucket,
    }
}

/// What the function holds for as long as its environment lives.
#[derive(Clone)]
pub struct Exports {
    db: Db,
    files: Objects,
    photos: Objects,
    documents: Objects,
}

/// What invokes it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportsEvent {
    /// What to do: the one job there is.
    pub job: ExportsJob,
}

/// The jobs of `exports`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportsJob {
    /// Makes what waits, and removes what is over.
    Exports,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExportsReport {
    /// How many exports were made.
    pub made: u64,
    /// How many nobody may have any more, as whoever asked may not export.
    pub refused: u64,
    /// How many were over and were removed.
    pub removed: u64,
}

impl Exports {
    /// Wires the function; nothing is sent before [`Exports::warm_up`] or the first event.
    #[must_use]
    pub fn new(config: &ExportsConfig, secrets: &Secrets, aws: &SdkConfig) -> Self {
        Self {
            db: config.database.connect_as(SecretName::PrivacyDatabase, secrets),
            files: Objects::new(aws, &config.exports_bucket.0),
            photos: Objects::new(aws, &config.photos_bucket.0),
            documents: Objects::new(aws, &config.documents_bucket.0),
        }
    }

    /// Connects to the database while Lambda still gives the full CPU.
    pub async fn warm_up(&self) {
        self.db.warm_up().await;
    }

    /// Removes what is over, then makes what waits, one after the other.
    ///
    /// # Errors
    /// When an export failed: it waits for the next run, and so do those behind it.
    pub async fn run(&self, request_id: &str) -> Result<ExportsReport, Fatal> {
        let started = Instant::now();
        let mut report = ExportsReport { removed: self.remove_expired().await?, ..ExportsReport::default() };
        let outcome = self.make_waiting(request_id, started, &mut report).await;
        let ExportsReport { made, refused, removed } = report;
        tracing::info!(job = JOB, made, refused, removed, "job done");
        Measurement::Job { job: JOB, items: made + refused + removed, duration: started.elapsed() }.record();
        outcome.map(|()| report).map_err(Fatal::from)
    }

    async fn make_waiting(&self, request_id: &str, since: Instant, report: &mut ExportsReport) -> Result<(), Error> {
        while since.elapsed() < A_WHILE {
            let Some(export) = client_exports::claim(&self.db).await? else { break };
            let who = Exporter { export, request_id: request_id.to_owned() };
            // What it holds while it writes is large.
            match Box::pin(self.make(&who)).await {
                Ok(()) => report.made += 1,
                // Whoever asked may not have it any more, or the client is gone.
                Err(error @ (Error::SessionEnded | Error::NotFound)) => {
                    tracing::warn!(export = %export.id, error = %Chain::of(&error), "an export is given up");
                    client_exports::give_up(&self.db, &export, true).await?;
                    report.refused += 1;
                }
                Err(error) => {
                    client_exports::give_up(&self.db, &export, false).await?;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn remove_expired(&self) -> Result<u64, Error> {
        let expired = client_exports::remove_expired(&self.db, BATCH).await?;
        for export in &expired {
            if let Some(key) = &export.object_key {
                self.files.delete(key, export.object_version.clone()).await?;
            }
        }
        Ok(expired.len() as u64)
    }

    async fn make(&self, who: &Exporter) -> Result<(), Error> {
        let ClaimedExport { id, format, attempt, .. } = who.export;
        let mut upload = Upload::begin(&self.files, format!("{id}/{attempt}"), file_type(format).0).await?;
        let written = match Box::pin(self.write(who, &mut upload)).await {
            Ok(counts) => upload.finish().await.map(|arrived| (counts, arrived)),
            Err(error) => Err(error),
        };
        let (counts, arrived) = match written {
            Ok(written) => written,
            Err(error) => {
                if let Err(left) = upload.abort().await {
                    tracing::warn!(error = %Chain::of(&left), "parts of an export are left");
                }
                return Err(error);
            }
        };
        let finished = self.finish(who, counts, &arrived).await;
        if finished.is_err() {
            self.files.delete(&arrived.object.key, arrived.object.version).await?;
        }
        finished
    }

    /// Writes it from one state of the database. Answers how many records of each kind it has.
    async fn write(&self, who: &Exporter, upload: &mut Upload) -> Result<Value, Error> {
        let ClaimedExport { client_id, format, .. } = who.export;
        let tx = self.db.snapshot(who).await?;
        let written = match format {
            ExportFormat::Json => format::write(&tx, client_id, Json::default(), upload).await,
            ExportFormat::Fhir => format::write(&tx, client_id, FhirBundle::default(), upload).await,
            ExportFormat::Ndjson => format::write(&tx, client_id, FhirBundle::as_lines(), upload).await,
            ExportFormat::Zip => {
                let mut archive = Archive::begin(upload, Timestamp::now());
                let counts = archive.records(&tx, client_id).await.map_err(failed)?;
                let files = files_of(&tx, client_id).await?;
                // The rest takes long, and nothing of the database.
                tx.commit().await?;
                archive.photos(&files, (&self.photos, &self.documents)).await?;
                Box::pin(archive.end()).await?;
                return Ok(counts);
            }
        };
        let counts = written.map_err(failed)?;
        tx.commit().await?;
        Ok(counts)
    }

    /// Says that it is there. Nothing is given away that isn't on record: both are one transaction.
    async fn finish(&self, who: &Exporter, counts: Value, arrived: &Arrived) -> Result<(), Error> {
        let made = Made {
            key: arrived.object.key.clone(),
            version: arrived.object.version.clone(),
            bytes: i64::try_from(arrived.bytes).map_err(|error| Error::Internal(error.into()))?,
            sha256: arrived.sha256.clone(),
            counts,
        };
        let mut tx = self.db.write_unsynced(who).await?;
        client_exports::finish(&mut tx, &who.export, &made).await?;
        Ok(tx.commit().await?)
    }
}

fn failed(failure: Failure) -> Error {
    match failure {
        Failure::Failed(error) => error,
        Failure::Full => Error::Internal("an upload is never full".into()),
    }
}

/// Takes events as the function `exports` until Lambda ends the environment.
///
/// # Errors
/// When the environment has a wrong setting, or the runtime ends.
pub async fn serve() -> Result<(), Fatal> {
    let function = lambda::start().await?;
    let exports = Exports::new(&ExportsConfig::from_env()?, &function.secrets, &function.aws);
    exports.warm_up().await;
    let handle = async |event: LambdaEvent<ExportsEvent>| {
        let ExportsJob::Exports = event.payload.job;
        let work = Box::pin(exports.run(&event.context.request_id));
        function.observe((JOB, JOB), &event.context, work).await
    };
    lambda_runtime::run(service_fn(handle)).await
}

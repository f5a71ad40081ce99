//! `photos`: photos, signatures, profile pictures and documents. Their bytes go to S3 and come from there by pre-signed
//! URLs; what arrives is checked here, and only a clean copy of it is ever given out.

pub mod clean;
mod events;
mod photos;
mod process_upload;

pub use events::{event_name, invoke};

use app::{App, AppConfig};
use axum::{Router, extract::FromRef};
use runtime::{
    aws::SdkConfig,
    config::{DocumentsBucket, PhotosBucket},
    objects::Objects,
    secrets::{SecretName, Secrets},
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use web::tokens::TokenVerifier;

runtime::config! {
    /// The configuration of `photos`.
    pub struct Config {
        /// What every HTTP function is configured with.
        pub app: AppConfig,
        /// Where uploads arrive, and images are kept.
        pub photos_bucket: PhotosBucket,
        /// Where documents are kept.
        pub documents_bucket: DocumentsBucket,
    }
}

/// What `photos` holds beyond what every function does: the buckets.
#[derive(Clone)]
pub struct Photos {
    app: App,
    /// Uploads, and the clean copies of images.
    images: Objects,
    /// The copies of PDFs.
    documents: Objects,
}

impl FromRef<Photos> for App {
    fn from_ref(photos: &Photos) -> Self {
        photos.app.clone()
    }
}

impl FromRef<Photos> for TokenVerifier {
    fn from_ref(photos: &Photos) -> Self {
        photos.app.tokens.clone()
    }
}

impl Photos {
    /// Wires the function.
    #[must_use]
    pub fn new(config: &Config, secrets: &Secrets, aws: &SdkConfig) -> Self {
        let images = Objects::new(aws, &config.photos_bucket.0);
        let documents = Objects::new(aws, &config.documents_bucket.0);
        Self { app: App::with_database(SecretName::PhotosDatabase, &config.app, secrets), images, documents }
    }

    /// Connects ahead of the first request.
    pub async fn warm_up(&self) {
        self.app.warm_up().await;
    }
}

fn routes() -> OpenApiRouter<Photos> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(photos::list, photos::create))
        .routes(routes!(photos::read, photos::change, photos::delete))
        .routes(routes!(photos::complete));
    OpenApiRouter::new().nest("/v1", v1)
}

/// The function's HTTP interface.
pub fn router(photos: Photos) -> Router {
    let app = photos.app.clone();
    let (router, _) = routes().with_state(photos).split_for_parts();
    app.service(router, "photos")
}

/// The OpenAPI document of the routes.
#[must_use]
pub fn document() -> OpenApi {
    routes().into_openapi()
}

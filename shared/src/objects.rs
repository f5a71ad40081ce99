//! S3: the bytes of photos and documents.

use aws_sdk_s3::{Client, error::DisplayErrorContext};

use crate::error::Error;

/// A bucket.
#[derive(Clone)]
pub struct Objects {
    client: Client,
    bucket: String,
}

impl Objects {
    /// The bucket called `name`. Addressed by path, which every store understands.
    #[must_use]
    pub fn new(aws: &aws_config::SdkConfig, name: &str) -> Self {
        let config = aws_sdk_s3::config::Builder::from(aws).force_path_style(true).build();
        Self { client: Client::from_conf(config), bucket: name.to_owned() }
    }

    /// Whether the bucket answers.
    pub async fn reach(&self) -> Result<(), Error> {
        match self.client.head_bucket().bucket(&self.bucket).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::Unavailable(format!("S3: {}", DisplayErrorContext(error)).into())),
        }
    }
}

//! Objects that are written while they are made, part by part, so that none is ever whole in memory.

use aws_sdk_s3::{
    config::timeout::TimeoutConfig,
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use domain::{error::Error, photos::StoredObject};

use super::{Objects, PUT_ATTEMPT, failed};

/// An object under way. It is there once it is complete, and not before.
pub struct Multipart {
    objects: Objects,
    key: String,
    content_type: String,
    upload_id: String,
    parts: Vec<CompletedPart>,
}

impl Multipart {
    /// How large each part but the last is: S3 takes no smaller ones than 5 MB, and 10,000 of them.
    pub const PART_BYTES: usize = 8 << 20;

    /// Begins an object at `key`.
    pub async fn begin(objects: &Objects, key: String, content_type: &str) -> Result<Self, Error> {
        let begun = objects.client.create_multipart_upload().bucket(&objects.bucket).key(&key);
        let begun = begun.content_type(content_type).send().await.map_err(failed)?;
        let upload_id = begun.upload_id.ok_or_else(|| Error::Internal("S3: an upload without an id".into()))?;
        let content_type = content_type.to_owned();
        Ok(Self { objects: objects.clone(), key, content_type, upload_id, parts: Vec::new() })
    }

    /// Writes the next part, and takes the time that it needs.
    pub async fn part(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        let number = i32::try_from(self.parts.len() + 1).map_err(|error| Error::Internal(error.into()))?;
        let patient =
            TimeoutConfig::builder().operation_attempt_timeout(PUT_ATTEMPT).operation_timeout(2 * PUT_ATTEMPT);
        let patient = aws_sdk_s3::config::Builder::new().timeout_config(patient.build());
        let part = self.objects.client.upload_part().bucket(&self.objects.bucket).key(&self.key);
        let part = part.upload_id(&self.upload_id).part_number(number).body(ByteStream::from(bytes));
        let written = part.customize().config_override(patient).send().await.map_err(failed)?;
        self.parts.push(CompletedPart::builder().part_number(number).set_e_tag(written.e_tag).build());
        Ok(())
    }

    /// Makes an object of the parts.
    pub async fn complete(&self) -> Result<StoredObject, Error> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts.clone())).build();
        let complete = self.objects.client.complete_multipart_upload().bucket(&self.objects.bucket).key(&self.key);
        let complete = complete.upload_id(&self.upload_id).multipart_upload(parts).send().await.map_err(failed)?;
        let (key, content_type) = (self.key.clone(), self.content_type.clone());
        Ok(StoredObject { key, version: complete.version_id, content_type })
    }

    /// Removes the parts. What isn't removed, the bucket's rule for unfinished uploads finds.
    pub async fn abort(self) -> Result<(), Error> {
        let abort = self.objects.client.abort_multipart_upload().bucket(&self.objects.bucket).key(&self.key);
        abort.upload_id(&self.upload_id).send().await.map(drop).map_err(failed)
    }
}

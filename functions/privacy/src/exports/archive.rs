//! The ZIP: every format, the photos, and the SHA-256 of each file. It is written as it is read; an entry's size and
//! checksum follow its bytes.

use std::io::{self, Write};

use aws_lc_rs::digest::{Context, SHA256};
use domain::{error::Error, photo_kinds::PhotoKind};
use jiff::{Timestamp, tz::TimeZone};
use runtime::objects::Objects;
use serde_json::Value;
use store::{
    Identity, Tx,
    reads::export::{ExportedFile, Pages},
};
use uuid::Uuid;
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions, write::StreamWriter};

use super::upload::{Upload, Waiting};
use crate::{
    export::{
        Json,
        format::{self, Failure, Sink, Written},
    },
    fhir::FhirBundle,
};

/// A ZIP on its way to the bucket.
pub struct Archive<'a> {
    upload: &'a mut Upload,
    zip: ZipWriter<StreamWriter<Waiting>>,
    at: DateTime,
    digest: Context,
    name: String,
    /// What is in it: names and SHA-256.
    files: Vec<(String, String)>,
}

impl<'a> Archive<'a> {
    /// One that says it was made at `now`.
    pub fn begin(upload: &'a mut Upload, now: Timestamp) -> Self {
        let zip = ZipWriter::new_stream(upload.waiting());
        let digest = Context::new(&SHA256);
        Self { upload, zip, at: zip_time(now), digest, name: String::new(), files: Vec::new() }
    }

    /// What follows is this file. Photos are compressed already.
    pub fn file(&mut self, name: String, method: CompressionMethod) -> Result<(), Error> {
        self.close();
        let options = SimpleFileOptions::default().compression_method(method).last_modified_time(self.at);
        self.zip.start_file(&name, options).map_err(failed)?;
        self.name = name;
        Ok(())
    }

    fn close(&mut self) {
        let digest = std::mem::replace(&mut self.digest, Context::new(&SHA256)).finish();
        if !self.name.is_empty() {
            self.files.push((std::mem::take(&mut self.name), hex::encode(digest)));
        }
    }

    /// A small file, whole.
    pub async fn whole(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.file(name.to_owned(), CompressionMethod::Deflated)?;
        self.write(bytes)?;
        self.upload.send().await
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.digest.update(bytes);
        self.zip.write_all(bytes).map_err(failed)
    }

    /// Everything that the database holds, in every format. Answers how many records of each kind that is.
    pub async fn records<I: Identity>(&mut self, tx: &Tx<I>, client_id: Uuid) -> Result<Value, Failure> {
        self.file("data/export.json".into(), CompressionMethod::Deflated)?;
        let counts = format::write(tx, client_id, Json::default(), self).await?;
        self.file("data/fhir.json".into(), CompressionMethod::Deflated)?;
        format::write(tx, client_id, FhirBundle::default(), self).await?;
        self.file("data/fhir.ndjson".into(), CompressionMethod::Deflated)?;
        format::write(tx, client_id, FhirBundle::as_lines(), self).await?;
        Ok(counts)
    }

    /// Photos, signatures and documents, one by one. What has no bytes any more is passed over.
    pub async fn photos(
        &mut self,
        files: &[ExportedFile],
        (images, documents): (&Objects, &Objects),
    ) -> Result<(), Error> {
        for file in files {
            let bucket = if file.kind == PhotoKind::Document { documents } else { images };
            let Some(found) = bucket.get_version(&file.object_key, file.object_version.as_deref()).await? else {
                continue;
            };
            let ending = file.object_key.rsplit_once('.').map_or("bin", |(_, ending)| ending);
            let name = format!("photos/{}-{}.{ending}", <&str>::from(file.kind), file.id);
            self.file(name, CompressionMethod::Stored)?;
            self.write(&found.read().await?)?;
            self.upload.send().await?;
        }
        Ok(())
    }

    /// Ends it, with the list of what is in it.
    pub async fn end(mut self) -> Result<(), Error> {
        self.close();
        let list: Vec<_> = self.files.iter().map(|(name, sha256)| format!("{sha256}  {name}\n")).collect();
        self.whole("SHA256SUMS", list.concat().as_bytes()).await?;
        let Self { upload, zip, .. } = self;
        zip.finish().map_err(failed)?;
        upload.send().await
    }
}

impl Sink for Archive<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> Written {
        Ok(self.write(bytes)?)
    }

    async fn settle(&mut self) -> Written {
        Ok(self.upload.send().await?)
    }
}

/// Which files belong to a client: names and no bytes.
pub async fn files_of<I: Identity>(tx: &Tx<I>, client_id: Uuid) -> Result<Vec<ExportedFile>, Error> {
    let mut pages = Pages::of_client(client_id);
    let mut files = Vec::new();
    loop {
        let page: Vec<ExportedFile> = pages.next(tx).await?;
        if page.is_empty() {
            return Ok(files);
        }
        files.extend(page);
    }
}

/// A ZIP knows times by two seconds, and no zone: UTC here.
fn zip_time(at: Timestamp) -> DateTime {
    let at = at.to_zoned(TimeZone::UTC).datetime();
    let number = |part: i8| u8::try_from(part).unwrap_or_default();
    let (year, month, day) = (u16::try_from(at.year()).unwrap_or(1980), number(at.month()), number(at.day()));
    DateTime::from_date_and_time(year, month, day, number(at.hour()), number(at.minute()), number(at.second()))
        .unwrap_or_default()
}

fn failed(error: impl Into<io::Error>) -> Error {
    Error::Internal(error.into().into())
}

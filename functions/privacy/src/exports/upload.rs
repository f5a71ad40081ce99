//! A file on its way to the bucket: what is written waits in memory until it makes a part.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::digest::{Context, SHA256};
use domain::{error::Error, photos::StoredObject};
use runtime::objects::{Multipart, Objects};

use crate::export::format::{Sink, Written};

/// What was written and is in no part yet. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<Mutex<Vec<u8>>>);

impl Waiting {
    fn push(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }

    /// What waits, where that is so many bytes.
    fn take(&self, at_least: usize) -> Option<Vec<u8>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (waiting.len() >= at_least).then(|| std::mem::take(&mut *waiting))
    }
}

impl io::Write for Waiting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file on its way.
pub struct Upload {
    multipart: Multipart,
    waiting: Waiting,
    bytes: usize,
    digest: Context,
}

/// A file that has arrived.
pub struct Arrived {
    /// Key and version in the exports' bucket.
    pub object: StoredObject,
    /// How many bytes.
    pub bytes: usize,
    /// SHA-256 of them.
    pub sha256: Vec<u8>,
}

impl Upload {
    /// Begins a file at `key`.
    pub async fn begin(objects: &Objects, key: String, media_type: &str) -> Result<Self, Error> {
        let multipart = Multipart::begin(objects, key, media_type).await?;
        Ok(Self { multipart, waiting: Waiting::default(), bytes: 0, digest: Context::new(&SHA256) })
    }

    /// Where to write.
    pub fn waiting(&self) -> Waiting {
        self.waiting.clone()
    }

    /// Sends what waits, where it makes a part.
    pub async fn send(&mut self) -> Result<(), Error> {
        self.send_from(Multipart::PART_BYTES).await
    }

    async fn send_from(&mut self, at_least: usize) -> Result<(), Error> {
        let Some(part) = self.waiting.take(at_least) else { return Ok(()) };
        self.bytes += part.len();
        self.digest.update(&part);
        self.multipart.part(part).await
    }

    /// Sends the rest, and makes a file of it.
    pub async fn finish(&mut self) -> Result<Arrived, Error> {
        self.send_from(1).await?;
        let object = self.multipart.complete().await?;
        Ok(Arrived { object, bytes: self.bytes, sha256: self.digest.clone().finish().as_ref().to_vec() })
    }

    /// Removes what was sent.
    pub async fn abort(self) -> Result<(), Error> {
        self.multipart.abort().await
    }
}

impl Sink for Upload {
    fn bytes(&mut self, bytes: &[u8]) -> Written {
        self.waiting.push(bytes);
        Ok(())
    }

    async fn settle(&mut self) -> Written {
        Ok(self.send().await?)
    }
}

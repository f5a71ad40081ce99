//! AES-256-GCM with a random nonce before what is sealed.

use aws_lc_rs::{
    aead::{Aad, LessSafeKey, NONCE_LEN, Nonce},
    rand,
};
use domain::error::Error;

/// What the cryptographic library failing means.
pub fn failed() -> Error {
    Error::Internal("the cryptographic library failed".into())
}

/// Seals `plain`, so that it opens only under the same key and for the same `owner`.
pub fn seal(key: &LessSafeKey, owner: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error> {
    let mut nonce = [0; NONCE_LEN];
    rand::fill(&mut nonce).map_err(|_| failed())?;
    let mut sealed = plain.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(owner), &mut sealed)
        .map_err(|_| failed())?;
    Ok([&nonce[..], &sealed].concat())
}

/// What [`seal`] sealed. None where the key or the owner is another, or a bit has changed.
pub fn open(key: &LessSafeKey, owner: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut rest = rest.to_vec();
    Some(key.open_in_place(Nonce::from(nonce), Aad::from(owner), &mut rest).ok()?.to_vec())
}

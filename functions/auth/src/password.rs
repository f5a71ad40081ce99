//! Argon2id with OWASP's parameters: 19 MiB, two passes, one lane.

use std::sync::LazyLock;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use domain::error::Error;

/// OWASP Password Storage Cheat Sheet: m = 19456 KiB, t = 2, p = 1.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19_456, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The hash that is checked where there is none, so that an unknown address costs the same work as a known one.
static NOBODYS: LazyLock<String> = LazyLock::new(|| hash("nobody's password").unwrap_or_default());

fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(argon2().hash_password(password.as_bytes())?.to_string())
}

/// Hashes a password or one-time code with a fresh salt, into a PHC string. Takes some 20 ms of CPU.
pub async fn hash_password(password: String) -> Result<String, Error> {
    blocking(move || hash(&password)).await?.map_err(|error| Error::Internal(error.to_string().into()))
}

/// Whether `password` is what was hashed. Does the same work where there is no hash, and then says no.
pub async fn verify_password(password: String, stored: Option<String>) -> Result<bool, Error> {
    blocking(move || {
        let known = stored.is_some();
        let text = stored.unwrap_or_else(|| NOBODYS.clone());
        let matches =
            PasswordHash::new(&text).is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok());
        known && matches
    })
    .await
}

/// Off the runtime's thread, so that the connection's task goes on.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.into()))
}

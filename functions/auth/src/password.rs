//! Argon2id with OWASP's parameters: 19 MiB, two passes, one lane.

use std::sync::{LazyLock, Mutex, PoisonError};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        self,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};
use aws_lc_rs::rand;
use domain::error::Error;

/// OWASP Password Storage Cheat Sheet: m = 19456 KiB, t = 2, p = 1.
fn parameters() -> Params {
    Params::new(19_456, 2, 1, None).unwrap_or_default()
}

/// The 19 MiB that each hash is computed in, kept from one to the next. Fresh memory each time took 150 MiB at the
/// peak, since the allocator keeps what was freed (docs/decisions/0020).
static MEMORY: Mutex<Vec<Block>> = Mutex::new(Vec::new());

/// The hash that is checked where the account has none, so that an unknown address costs the same work as a known one.
static NOBODYS: LazyLock<String> = LazyLock::new(|| hash("nobody's password").unwrap_or_default());

fn hash(password: &str) -> password_hash::Result<String> {
    let mut salt = [0; Salt::RECOMMENDED_LENGTH];
    rand::fill(&mut salt).map_err(|_| password_hash::Error::Internal)?;
    let (algorithm, version, params) = (Algorithm::Argon2id, Version::V0x13, parameters());
    let output = compute(algorithm, version, params.clone(), password, &salt)?;
    let hash = PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(&params)?,
        salt: Some(Salt::new(&salt)?),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

/// By the parameters that the hash itself names, so that those of new hashes can be raised. `Output` compares in
/// constant time.
fn matches(password: &str, stored: &str) -> password_hash::Result<bool> {
    let stored = PasswordHash::new(stored)?;
    let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else { return Ok(false) };
    let algorithm = Algorithm::try_from(stored.algorithm.as_str())?;
    let version = stored.version.map(Version::try_from).transpose()?.unwrap_or_default();
    let output = compute(algorithm, version, Params::try_from(&stored)?, password, salt)?;
    Ok(output == *expected)
}

fn compute(
    algorithm: Algorithm,
    version: Version,
    params: Params,
    password: &str,
    salt: &[u8],
) -> password_hash::Result<Output> {
    let mut buffer = [0; Output::MAX_LENGTH];
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let out = buffer.get_mut(..length).ok_or(password_hash::Error::OutputSize)?;
    let blocks = params.block_count();
    let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    memory.resize(blocks, Block::default());
    let argon2 = Argon2::new(algorithm, version, params);
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, memory.as_mut_slice())?;
    Ok(Output::new(out)?)
}

/// Hashes a password or one-time code with a fresh salt, into a PHC string. Takes some 12 ms of CPU.
pub async fn hash_password(password: String) -> Result<String, Error> {
    blocking(move || hash(&password)).await?.map_err(|error| Error::Internal(error.to_string().into()))
}

/// Whether `password` is what was hashed. Does the same work where there is no hash, and then says no.
pub async fn verify_password(password: String, stored: Option<String>) -> Result<bool, Error> {
    blocking(move || {
        let known = stored.is_some();
        let text = stored.unwrap_or_else(|| NOBODYS.clone());
        matches(&password, &text).unwrap_or(false) && known
    })
    .await
}

/// Off the runtime's thread, so that the connection's task goes on.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use argon2::{PasswordHasher, PasswordVerifier};

    use super::*;

    #[test]
    fn a_hash_names_owasps_parameters_and_a_salt_of_its_own() {
        let (first, second) = (hash("correct horse").unwrap(), hash("correct horse").unwrap());
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
        assert_ne!(first, second);
    }

    #[test]
    fn the_library_and_we_agree_on_each_others_hashes() {
        let ours = hash("correct horse").unwrap();
        let library = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters());
        library.verify_password(b"correct horse", &PasswordHash::new(&ours).unwrap()).unwrap();
        let weaker = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 3, 1, None).unwrap());
        for argon2 in [library, weaker] {
            let theirs: PasswordHash = argon2.hash_password(b"correct horse").unwrap();
            assert!(matches("correct horse", &theirs.to_string()).unwrap());
            assert!(!matches("wrong horse", &theirs.to_string()).unwrap());
        }
    }

    #[test]
    fn what_is_no_hash_lets_nobody_in() {
        for stored in ["", "plain", "$argon2id$v=19$m=19456,t=2,p=1", "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ"] {
            assert!(!matches("", stored).unwrap_or(false), "{stored}");
        }
    }
}

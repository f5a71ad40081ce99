//! The second factor itself: time-based codes (RFC 6238), the seed sealed under a key of its own, recovery codes.

use aws_lc_rs::{
    aead::{AES_256_GCM, LessSafeKey, UnboundKey},
    digest, rand,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::error::Error;
use runtime::secrets::{SecretName, Secrets};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use totp_rs::{Builder, Secret, Totp};
use uuid::Uuid;

use crate::encryption::{failed, open, seal};

/// RFC 4226's recommendation: as long as SHA-1's output.
pub const SEED_BYTES: usize = 20;
/// How many recovery codes there are.
const RECOVERY_CODES: usize = 10;
const RECOVERY_CODE_BYTES: usize = 10;

/// What the secret `{env}/second-factor-key` holds: the first key seals, and all of them open.
#[derive(Clone, Deserialize)]
pub struct SeedKeys {
    keys: Vec<SeedKey>,
}

#[derive(Clone, Deserialize)]
struct SeedKey {
    id: String,
    /// 32 random bytes, in base64.
    key: SecretString,
}

impl SeedKey {
    fn cipher(&self) -> Result<LessSafeKey, Error> {
        let bytes = STANDARD.decode(self.key.expose_secret()).map_err(|_| failed())?;
        Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| failed())?))
    }
}

impl SeedKeys {
    /// As Secrets Manager has them.
    pub async fn read(secrets: &Secrets) -> Result<Self, Error> {
        Ok(secrets.json(SecretName::SecondFactorKey).await?)
    }

    /// A user's seed as it is kept, and the id of the key that opens it.
    ///
    /// # Errors
    /// Where there is no good key.
    pub fn seal(&self, user_id: Uuid, seed: &[u8]) -> Result<(String, Vec<u8>), Error> {
        let key = self.keys.first().ok_or_else(failed)?;
        Ok((key.id.clone(), seal(&key.cipher()?, user_id.as_bytes(), seed)?))
    }

    fn open(&self, user_id: Uuid, key_id: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let key = self.keys.iter().find(|key| key.id == key_id).ok_or_else(failed)?;
        open(&key.cipher()?, user_id.as_bytes(), sealed).ok_or_else(failed)
    }

    /// The time step that `code` is of, if it is of the present one or the one before or after.
    pub fn step_of(
        &self,
        user_id: Uuid,
        (key_id, sealed): (&str, &[u8]),
        code: &str,
        now: i64,
    ) -> Result<Option<i64>, Error> {
        let totp = totp("", self.open(user_id, key_id, sealed)?);
        let step = u64::try_from(now).ok().and_then(|now| totp.check(code, now));
        Ok(step.and_then(|step| i64::try_from(step).ok()))
    }
}

/// Codes as every authenticator app makes them: SHA-1, six digits, 30 seconds.
fn totp(account: &str, seed: Vec<u8>) -> Totp {
    Builder::new()
        .with_secret(Secret::new(seed.into_boxed_slice()))
        .with_issuer(Some("BerthCare"))
        // The URI's label may have no colon.
        .with_account_name(account.replace(':', " "))
        .build_noncompliant()
}

/// A new seed.
pub fn new_seed() -> Result<Vec<u8>, Error> {
    let mut seed = vec![0; SEED_BYTES];
    rand::fill(&mut seed).map_err(|_| failed())?;
    Ok(seed)
}

/// A seed as apps take it: in base32, and as a URI.
pub fn seed_texts(account: &str, seed: Vec<u8>) -> Result<(String, String), Error> {
    let totp = totp(account, seed);
    let uri = totp.to_url().map_err(|error| Error::Internal(error.to_string().into()))?;
    Ok((totp.secret().to_base32(), uri))
}

/// Codes for who has lost the phone: 80 random bits each, in groups of four letters and digits.
pub fn new_recovery_codes() -> Result<Vec<String>, Error> {
    (0..RECOVERY_CODES)
        .map(|_| {
            let mut bytes = vec![0; RECOVERY_CODE_BYTES];
            rand::fill(&mut bytes).map_err(|_| failed())?;
            let letters: Vec<_> = Secret::new(bytes.into_boxed_slice()).to_base32().to_lowercase().chars().collect();
            Ok(letters.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join("-"))
        })
        .collect()
}

/// What is kept of a recovery code: it is too long to guess, so a plain digest will do.
#[must_use]
pub fn recovery_digest(user_id: Uuid, code: &str) -> Vec<u8> {
    let letters: String = code.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    digest::digest(&digest::SHA256, &[user_id.as_bytes(), letters.as_bytes()].concat()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use serde_json::json;

    use super::*;

    fn keys(ids: &[&str]) -> SeedKeys {
        let key = |id: &&str| json!({"id": id, "key": STANDARD.encode([id.as_bytes()[0]; 32])});
        serde_json::from_value(json!({"keys": ids.iter().map(key).collect::<Vec<_>>()})).unwrap()
    }

    /// RFC 6238, appendix B: the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_rfc_within_one_step() {
        let user = Uuid::from_u128(1);
        let (id, sealed) = keys(&["a"]).seal(user, b"12345678901234567890").unwrap();
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")] {
            for (now, known) in [(time, true), (time - 30, true), (time + 30, true), (time + 60, false)] {
                let step = keys(&["a"]).step_of(user, (&id, &sealed), code, now).unwrap();
                assert_eq!(step, known.then_some(time / 30), "{code} at {now}");
            }
        }
    }

    #[test]
    fn a_seed_opens_under_its_own_key_and_for_its_own_user_only() {
        let (user, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let seed = new_seed().unwrap();
        let (id, sealed) = keys(&["a"]).seal(user, &seed).unwrap();
        assert!(!sealed.windows(8).any(|part| seed.windows(8).any(|other| other == part)));
        // A new key seals what comes, and the former one still opens what it sealed.
        let rotated = keys(&["bb", "a"]);
        assert_eq!(rotated.open(user, &id, &sealed).unwrap(), seed);
        assert_eq!(rotated.seal(user, &seed).unwrap().0, "bb");
        assert!(rotated.open(other, &id, &sealed).is_err());
        assert!(rotated.open(user, "bb", &sealed).is_err());
        assert!(keys(&["bb"]).open(user, &id, &sealed).is_err());
    }

    #[test]
    fn recovery_codes_are_ten_of_eighty_bits_and_read_in_any_form() {
        let codes = new_recovery_codes().unwrap();
        let different: std::collections::BTreeSet<_> = codes.iter().collect();
        assert_eq!((codes.len(), different.len()), (10, 10));
        for code in &codes {
            assert_eq!(code.split('-').map(str::len).collect::<Vec<_>>(), [4, 4, 4, 4], "{code}");
            let user = Uuid::from_u128(1);
            let typed = code.to_uppercase().replace('-', " ");
            assert_eq!(recovery_digest(user, code), recovery_digest(user, &typed));
            assert_ne!(recovery_digest(user, code), recovery_digest(Uuid::from_u128(2), code));
        }
    }
}

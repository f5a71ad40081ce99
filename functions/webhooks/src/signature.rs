//! Whether a request really comes from Twilio: its `X-Twilio-Signature` header.
//!
//! HMAC-SHA1, keyed with the account's auth token, over the URL that Twilio asked for and every form parameter, as
//! Twilio's "Webhooks security" page and the request validators of its libraries have it.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest, hmac};
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};

/// What a webhook's body holds.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// A form's parameters, decoded; each is signed.
    Form(&'a [(String, String)]),
    /// Anything else, signed by its SHA-256 in the query alone: without that it is not signed at all.
    Other(&'a [u8]),
}

/// Whether `signature` is what Twilio sends with this request to `url` (scheme to query, no fragment), by any of the
/// auth tokens: two are valid while one replaces the other. Takes the same time wherever it differs.
#[must_use]
pub fn is_valid(auth_tokens: &[&SecretString], url: &str, body: Body<'_>, signature: &str) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else { return false };
    let signed = match body {
        Body::Form(params) => signed_params(params),
        Body::Other(bytes) if matches_body_digest(url, bytes) => String::new(),
        Body::Other(_) => return false,
    };
    let urls = as_signed(url);
    auth_tokens.iter().any(|token| {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.expose_secret().as_bytes());
        urls.iter().any(|url| hmac::verify(&key, format!("{url}{signed}").as_bytes(), &signature).is_ok())
    })
}

/// Each name with each of its values, both sorted, a value given twice counting once.
fn signed_params(params: &[(String, String)]) -> String {
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in params {
        sorted.entry(name).or_default().insert(value);
    }
    sorted.iter().flat_map(|(name, values)| values.iter().flat_map(move |value| [*name, *value])).collect()
}

/// Twilio signs an HTTPS address without its port, and some of its services with it; an HTTP one as it is.
fn as_signed(url: &str) -> Vec<String> {
    let Some(rest) = url.strip_prefix("https://") else { return vec![url.to_owned()] };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "443"));
    vec![format!("https://{host}{path}"), format!("https://{host}:{port}{path}")]
}

/// Whether the query's `bodySHA256` is this body's.
fn matches_body_digest(url: &str, body: &[u8]) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let Some((_, stated)) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "bodySHA256") else {
        return false;
    };
    verify_slices_are_equal(
        stated.to_ascii_lowercase().as_bytes(),
        hex::encode(digest::digest(&digest::SHA256, body)).as_bytes(),
    )
    .is_ok()
}

/// Whether the token that a request carries is one of ours. Digests are compared, so that not even its length shows.
#[must_use]
pub fn has_webhook_token(tokens: &[&SecretString], presented: &str) -> bool {
    let digest_of = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
    let presented = digest_of(presented);
    tokens
        .iter()
        .any(|token| verify_slices_are_equal(digest_of(token.expose_secret()).as_ref(), presented.as_ref()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";

    fn params(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn of_the_vector() -> Vec<(String, String)> {
        params(&[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ])
    }

    fn valid(url: &str, params: &[(String, String)], signature: &str) -> bool {
        is_valid(&[&"12345".into()], url, Body::Form(params), signature)
    }

    /// The vector of the test suites of Twilio's own libraries.
    const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

    #[test]
    fn the_official_vector_is_accepted_and_nothing_near_it() {
        assert!(valid(URL, &of_the_vector(), SIGNATURE));
        assert!(valid("https://mycompany.com:1234/myapp.php?foo=1&bar=2", &of_the_vector(), SIGNATURE));
        let mut more = of_the_vector();
        more.push(("Empty".into(), String::new()));
        for (url, params, signature) in [
            (URL, &more, SIGNATURE),
            (URL, &of_the_vector()[..4].to_vec(), SIGNATURE),
            ("https://mycompany.com/myapp.php?foo=1&bar=3", &of_the_vector(), SIGNATURE),
            ("http://mycompany.com/myapp.php?foo=1&bar=2", &of_the_vector(), SIGNATURE),
            (URL, &of_the_vector(), "RSOYDt4T1cUTdK1PDd93/VVr8B9="),
            (URL, &of_the_vector(), ""),
            (URL, &of_the_vector(), "not base64"),
        ] {
            assert!(!valid(url, params, signature), "{url} {params:?} {signature}");
        }
    }

    #[test]
    fn either_of_two_tokens_is_good_while_one_replaces_the_other() {
        let params = of_the_vector();
        let by = |tokens: &[&SecretString]| is_valid(tokens, URL, Body::Form(&params), SIGNATURE);
        assert!(by(&[&"new".into(), &"12345".into()]));
        assert!(!by(&[&"new".into()]));
        assert!(!by(&[]));
        assert!(has_webhook_token(&[&"new".into(), &"old".into()], "old"));
        assert!(!has_webhook_token(&[&"new".into()], "old"));
        assert!(!has_webhook_token(&[], ""));
    }

    #[test]
    fn the_order_of_parameters_and_repeated_values_don_t_matter() {
        let one = signed_params(&params(&[("b", "2"), ("a", "y"), ("a", "x"), ("a", "x"), ("é", "🙂"), ("c", "")]));
        assert_eq!(one, "axayb2cé🙂");
    }

    #[test]
    fn a_body_that_is_no_form_needs_its_digest_in_the_query() {
        let body = br#"{"a": 1}"#;
        let hash = hex::encode(digest::digest(&digest::SHA256, body));
        let sign = |url: &str| {
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345");
            STANDARD.encode(hmac::sign(&key, url.as_bytes()))
        };
        let check = |url: &str, body: &[u8]| is_valid(&[&"12345".into()], url, Body::Other(body), &sign(url));
        let vouched = format!("https://mycompany.com/myapp?bodySHA256={hash}");
        assert!(check(&vouched, body));
        assert!(!check(&vouched, br#"{"a": 2}"#));
        assert!(!check("https://mycompany.com/myapp", body));
    }
}

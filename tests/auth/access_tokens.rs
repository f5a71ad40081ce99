//! Access tokens: what is in them, and everything that is not one of ours.

use jiff::Timestamp;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode, jwk::JwkSet,
};
use local::prepare::TokenKeys;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Client, PUBLIC_URL, TestApp, fixtures::NURSE};

fn signing_key(keys: &TokenKeys) -> EncodingKey {
    EncodingKey::from_ec_pem(keys.signing["private_key"].as_str().unwrap().as_bytes()).unwrap()
}

/// The claims of a good token, unverified.
fn claims_of(client: &Client) -> Value {
    let token = client.access_token.clone().unwrap();
    jsonwebtoken::dangerous::insecure_decode_claims::<Value>(&token).unwrap()
}

#[tokio::test]
async fn anyone_can_verify_a_token_with_the_published_keys() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let configuration = nurse.get("/v1/.well-known/openid-configuration").await.expect(200);
    assert_eq!(configuration["issuer"], format!("{PUBLIC_URL}/v1"));
    assert_eq!(configuration["jwks_uri"], format!("{PUBLIC_URL}/v1/.well-known/jwks.json"));
    let answer = nurse.get("/v1/.well-known/jwks.json").await;
    let keys: JwkSet = serde_json::from_value(answer.expect(200)).unwrap();
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    assert!(!String::from_utf8_lossy(&answer.body).contains("\"d\""), "a private key was published");

    let token = nurse.access_token.unwrap();
    let header = decode_header(&token).unwrap();
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::ES256, Some("at+jwt")));
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[format!("{PUBLIC_URL}/v1")]);
    validation.set_audience(&["berthcare-api"]);
    let claims = decode::<Value>(&token, &key, &validation).unwrap().claims;
    assert_eq!(claims["sub"], NURSE.id.to_string());
    assert_eq!(claims["role"], "nurse");
    assert_eq!(claims["amr"], json!(["pwd"]));
    assert!((0..60).contains(&(claims["iat"].as_i64().unwrap() - claims["auth_time"].as_i64().unwrap())));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    for personal in ["email", "name", "phone", "first_name"] {
        assert!(claims.get(personal).is_none(), "{personal} has no place in a token");
    }
}

#[tokio::test]
async fn nothing_but_our_own_good_tokens_is_accepted() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let (good, now) = (claims_of(&nurse), Timestamp::now().as_second());
    let header = Header { typ: Some("at+jwt".into()), kid: Some("test-1".into()), ..Header::new(Algorithm::ES256) };
    let ours = signing_key(&app.keys);
    let theirs = TokenKeys::generate("test-1").unwrap();
    let sign = |header: &Header, claims: &Value, key: &EncodingKey| encode(header, claims, key).unwrap();
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let public_key = app.keys.public.to_string();
    let mut embedded = header.clone();
    embedded.jwk = serde_json::from_value(theirs.public["keys"][0].clone()).unwrap();
    let mut remote = header.clone();
    remote.jku = Some("https://evil.test/jwks.json".into());
    let critical = Header { crit: Some(vec!["exp".into()]), ..header.clone() };
    let [head, body, signature] =
        <[&str; 3]>::try_from(nurse.access_token.as_ref().unwrap().split('.').collect::<Vec<_>>()).unwrap();

    let bad = [
        ("expired", sign(&header, &with("exp", json!(now - 10)), &ours)),
        ("not good yet", sign(&header, &with("nbf", json!(now + 60)), &ours)),
        ("with a critical extension", sign(&critical, &good, &ours)),
        ("for someone else", sign(&header, &with("aud", json!("other-api")), &ours)),
        ("from someone else", sign(&header, &with("iss", json!("https://evil.test")), &ours)),
        ("an id token", sign(&Header { typ: Some("JWT".into()), ..header.clone() }, &good, &ours)),
        ("an unknown key", sign(&Header { kid: Some("other".into()), ..header.clone() }, &good, &ours)),
        ("no key", sign(&Header { kid: None, ..header.clone() }, &good, &ours)),
        ("their signature", sign(&header, &good, &signing_key(&theirs))),
        ("their key in the header", sign(&embedded, &good, &signing_key(&theirs))),
        ("their key by reference", sign(&remote, &good, &signing_key(&theirs))),
        (
            "our public key as a shared secret",
            sign(
                &Header { alg: Algorithm::HS256, ..header.clone() },
                &good,
                &EncodingKey::from_secret(public_key.as_bytes()),
            ),
        ),
        ("no signature", format!("{head}.{body}.")),
        ("another body", format!("{head}.{}.{signature}", &body[..body.len() - 4])),
        ("no user", sign(&header, &with("sub", json!("nobody")), &ours)),
        ("no role", sign(&header, &with("role", json!("owner")), &ours)),
        ("not a token", "x".into()),
        ("nothing", String::new()),
    ];
    for (what, token) in bad {
        let mut client = nurse.clone();
        client.access_token = Some(token);
        assert_eq!(client.get("/v1/auth/me").await.problem(401), "unauthorized", "{what}");
    }
    // Only the claims differ: signed alike, the good ones are accepted.
    let mut client = nurse.clone();
    client.access_token = Some(sign(&header, &good, &ours));
    client.get("/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_role_in_a_token_is_not_taken_on_trust() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let mut claims = claims_of(&nurse);
    claims["role"] = json!("admin");
    claims["amr"] = json!(["pwd", "otp", "mfa"]);
    let header = Header { typ: Some("at+jwt".into()), kid: Some("test-1".into()), ..Header::new(Algorithm::ES256) };
    let mut client = nurse.clone();
    client.access_token = Some(encode(&header, &claims, &signing_key(&app.keys)).unwrap());
    assert_eq!(client.get("/v1/users").await.problem(401), "session-ended");
    claims["role"] = json!("nurse");
    claims["sub"] = json!(Uuid::from_u128(1));
    client.access_token = Some(encode(&header, &claims, &signing_key(&app.keys)).unwrap());
    assert_eq!(client.get("/v1/auth/me").await.problem(401), "session-ended");
}

#[tokio::test]
async fn a_key_can_be_rotated_without_a_refused_request() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    // Both keys are published before the new one signs.
    let new = TokenKeys::generate("test-2").unwrap();
    let mut published = app.keys.public.clone();
    published["keys"].as_array_mut().unwrap().push(new.public["keys"][0].clone());
    let both = TokenKeys { signing: new.signing, public: published };
    both.publish(&app.aws, &app.config.environment).await.unwrap();
    // An environment that starts now signs with the new key, and both keys' tokens are good there.
    let later = nurse.through(app.another_environment());
    later.get("/v1/auth/me").await.expect(200);
    let again = Client::sign_in(app.another_environment(), &NURSE).await;
    let token = again.access_token.clone().unwrap();
    assert_eq!(decode_header(&token).unwrap().kid.as_deref(), Some("test-2"));
    again.get("/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn the_scheme_is_bearer_in_any_case_and_nothing_else() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await;
    let token = nurse.access_token.clone().unwrap();
    let anonymous = app.anonymous();
    for (header, status) in [
        (format!("bearer {token}"), 200),
        (format!("BEARER  {token}"), 200),
        (format!("Basic {token}"), 401),
        (token.clone(), 401),
        ("Bearer".to_owned(), 401),
    ] {
        let answer = anonymous.send("GET", "/v1/auth/me", None, &[("authorization", &header)]).await;
        assert_eq!(answer.status, status, "{header}");
        if status == 401 {
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
}

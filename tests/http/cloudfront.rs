//! Behind CloudFront: nobody goes around it, and it says who is calling.

use axum::Extension;
use local::prepare;
use serde_json::json;
use web::Origin;

use crate::harness::{Client, Functions, TestApp, fixtures::ALMA};

/// The functions as they stand behind CloudFront, in a new environment.
fn behind(app: &TestApp) -> Functions {
    let origin = Origin::new(runtime::secrets::Secrets::new(&app.aws, &app.config.environment));
    app.another_environment().each(|router| router.layer(Extension(origin.clone())))
}

async fn keep(app: &TestApp, secret: serde_json::Value) {
    prepare::secret(&app.aws, &format!("{}/origin", app.config.environment), &secret).await.unwrap();
}

async fn status(client: &Client, path: &str, headers: &[(&str, &str)]) -> u16 {
    client.send("GET", path, None, headers).await.status
}

#[tokio::test]
async fn a_request_around_cloudfront_is_refused() {
    let app = TestApp::new().await;
    keep(&app, json!({"current": "the-newest", "previous": "the-one-before"})).await;
    let nurse = app.nurse().await.through(behind(&app));
    for path in ["/v1/clients", "/v1/health", "/v1/auth/me", "/v1/nowhere"] {
        for wrong in ["", "the-newes", "the-oldest", "The-Newest"] {
            let answer = nurse.send("GET", path, None, &[("x-origin-secret", wrong)]).await;
            assert_eq!(answer.problem(403), "wrong-origin", "{path} {wrong:?}");
        }
        let answer = nurse.get(path).await;
        assert_eq!(answer.problem(403), "wrong-origin", "{path}");
        assert!(answer.header("x-request-id").is_some());
    }
    for good in ["the-newest", "the-one-before"] {
        assert_eq!(status(&nurse, "/v1/clients", &[("x-origin-secret", good)]).await, 200, "{good}");
        assert_eq!(status(&nurse, "/v1/health", &[("x-origin-secret", good)]).await, 200, "{good}");
    }
    // A first secret has no other before it.
    keep(&app, json!({"current": "the-first"})).await;
    let nurse = nurse.through(behind(&app));
    assert_eq!(status(&nurse, "/v1/clients", &[("x-origin-secret", "the-first")]).await, 200);
}

#[tokio::test]
async fn without_the_origin_secret_every_request_is_refused() {
    let app = TestApp::new().await;
    let nurse = app.nurse().await.through(behind(&app));
    let answer = nurse.send("GET", "/v1/clients", None, &[("x-origin-secret", "anything")]).await;
    assert_eq!(answer.problem(503), "unavailable");
}

#[tokio::test]
async fn the_callers_address_is_what_cloudfront_saw() {
    let app = TestApp::new().await;
    keep(&app, json!({"current": "secret", "previous": "before"})).await;
    let path = format!("/v1/clients/{ALMA}");
    let nurse = app.nurse().await;
    let edge = nurse.through(behind(&app));
    let seen = async |address: &str| {
        let counted = format!("select count(*) from audit_log where host(source_ip) = '{address}'");
        app.database.count(&counted).await
    };
    for (viewer, address) in [
        ("198.51.100.7:46532", "198.51.100.7"),
        ("2001:db8::7:46532", "2001:db8::7"),
        ("[2001:db8::8]:46532", "2001:db8::8"),
    ] {
        let headers = [("x-origin-secret", "secret"), ("cloudfront-viewer-address", viewer)];
        assert_eq!(status(&edge, &path, &headers).await, 200);
        assert_eq!(seen(address).await, 1, "{viewer}");
    }
    // Without CloudFront the header is anybody's word, and API Gateway's source address is the caller's.
    let before = seen("192.0.2.1").await;
    assert_eq!(status(&nurse, &path, &[("cloudfront-viewer-address", "203.0.113.9:1")]).await, 200);
    assert_eq!((seen("203.0.113.9").await, seen("192.0.2.1").await), (0, before + 1));
    // What can't be read is nobody's address, and the edge's own isn't either.
    let headers = [("x-origin-secret", "secret"), ("cloudfront-viewer-address", "somewhere")];
    assert_eq!(status(&edge, &path, &headers).await, 200);
    assert_eq!(seen("192.0.2.1").await, before + 1);
}

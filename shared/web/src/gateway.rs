//! API Gateway's events before they are requests. API Gateway hands the path over decoded, and `lambda_http` reads what
//! it is given by a browser's rules: `\`, a tab, `#`, `?` and `..` inside a segment would lead to another route. What
//! the event says of scheme and host is the client's, and must parse.

use std::convert::Infallible;

use axum::{Router, response::Response};
use lambda_http::{Adapter, LambdaEvent, Service, request::LambdaRequest};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use tower::ServiceExt;

/// What stands in a segment as it is (RFC 3986's `pchar`), and the slash between two.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// What no query may hold. It is handed over as it was sent: what it encodes stays encoded.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// The longest path and query that `http` takes are 64 KB; API Gateway ends them at 10 KB, before it decodes.
const LONGEST: usize = 60_000;

/// A path without a route.
const NOWHERE: &str = "//";

/// A router as Lambda calls it.
#[must_use]
pub fn adapter(
    router: Router,
) -> impl Service<LambdaEvent<LambdaRequest>, Response: serde::Serialize, Error = Infallible, Future: Send> + Clone {
    let adapter: Adapter<'_, Response, _> = Adapter::from(router);
    adapter.map_request(|LambdaEvent { payload, context }| LambdaEvent::new(readable(payload), context))
}

/// The event, whose path is read as the one that its bytes name, and whose host and scheme are not read at all.
fn readable(mut event: LambdaRequest) -> LambdaRequest {
    if let LambdaRequest::ApiGatewayV2(request) = &mut event {
        request.headers.remove("host");
        request.headers.remove("x-forwarded-proto");
        request.request_context.domain_name = None;
        let path = encoded(request.raw_path.as_deref().unwrap_or_default());
        let query = request.raw_query_string.take().unwrap_or_default();
        let query = utf8_percent_encode(&query, QUERY).to_string();
        let fits = path.len() + query.len() <= LONGEST;
        request.raw_path = Some(if fits { path } else { NOWHERE.to_owned() });
        request.raw_query_string = Some(if fits { query } else { String::new() });
    }
    event
}

fn encoded(path: &str) -> String {
    let segments = path.strip_prefix('/').map(|rest| rest.split('/').map(segment).collect::<Vec<_>>().join("/"));
    segments.map_or_else(|| NOWHERE.to_owned(), |segments| format!("/{segments}"))
}

/// The dots of a segment that would lead elsewhere are encoded twice: encoded once, browsers still follow them.
fn segment(text: &str) -> String {
    match text {
        "." | ".." => text.replace('.', "%252E"),
        _ => utf8_percent_encode(text, PATH).to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
mod tests {
    use lambda_http::Request;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const SEGMENT: &str = "[a-z/\\\\\t\r\n #?%.:@;&=+é\u{0}\u{202e}\u{fffd}<>\"{}|^`~-]{0,12}";

    fn event(path: &str, query: &str, headers: &Value, domain: &str) -> LambdaRequest {
        let http = json!({"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"});
        let context = json!({"domainName": domain, "http": http, "requestId": "1", "stage": "$default",
            "timeEpoch": 1_795_176_000_000_i64});
        let event = json!({"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
            "headers": headers, "requestContext": context, "isBase64Encoded": false});
        serde_json::from_value(event).unwrap()
    }

    fn request(path: &str, query: &str) -> Request {
        readable(event(path, query, &json!({"host": "api.berthcare.ca"}), "api.berthcare.ca")).into()
    }

    #[test]
    fn dots_lead_nowhere() {
        for path in ["/v1/clients/../users", "/v1/clients/./x", "/v1/..", "/../v1", "/v1/clients/.."] {
            let read = request(path, "").uri().path().to_owned();
            let kept = read.replace("%252E", ".");
            assert_eq!(kept, path, "{path} is read as {read}");
        }
        assert_eq!(request("/v1/docs/a.b..c", "").uri().path(), "/v1/docs/a.b..c");
    }

    #[test]
    fn a_path_without_a_beginning_has_no_route() {
        for path in ["", "v1/health", ":80", "@evil", "?x", "\\v1\\health"] {
            assert_eq!(request(path, "").uri().path(), NOWHERE, "{path}");
        }
        assert_eq!(request(&"/é".repeat(20_000), "").uri().path(), NOWHERE);
    }

    #[test]
    fn no_host_or_scheme_is_read() {
        for hostile in
            ["", " ", "ht tp", "javascript", "https://a", "[::1", "a:b:c", "%", "é", "1.2.3.4.5", "/", "data"]
        {
            let headers = json!({"host": hostile, "x-forwarded-proto": hostile});
            let read: Request = readable(event("/v1/health", "a=b", &headers, hostile)).into();
            assert_eq!(read.uri().to_string(), "/v1/health?a=b", "{hostile:?}");
        }
    }

    proptest! {
        #[test]
        fn a_path_is_read_as_the_one_that_its_bytes_name(
            segments in prop::collection::vec(SEGMENT, 1..6),
        ) {
            let path = format!("/{}", segments.join("/"));
            prop_assume!(!path.split('/').any(|segment| matches!(segment, "." | "..")));
            let read = request(&path, "").uri().path().to_owned();
            prop_assert_eq!(percent_decode_str(&read).decode_utf8().unwrap(), path.as_str());
            prop_assert_eq!(read.matches('/').count(), path.matches('/').count());
        }

        #[test]
        fn any_query_is_read(query in "\\PC{0,40}|[\u{0}-\u{ff}]{0,40}") {
            let read = request("/v1/clients", &query);
            prop_assert_eq!(read.uri().path(), "/v1/clients");
            let plain = form_urlencoded::parse(query.as_bytes()).into_owned().collect::<Vec<_>>();
            let found = form_urlencoded::parse(read.uri().query().unwrap_or_default().as_bytes()).into_owned();
            prop_assert_eq!(found.collect::<Vec<_>>(), plain);
        }
    }
}

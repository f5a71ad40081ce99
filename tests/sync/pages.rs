//! Lambda takes answers of 6 MB (6,291,556 bytes), however badly they compress.

use crate::harness::{TestApp, phone::ids};

const VISITS: usize = 4_000;

#[tokio::test]
async fn a_page_fits_lambdas_response_limit() {
    let app = TestApp::new().await;
    // Some 2 KB a note, like nothing else: compressed it is three quarters of that.
    let notes = "(select string_agg(translate(encode(sha256((n::text || '.' || p)::bytea), 'base64'), E'\\n', ''), '')
                  from generate_series(1, 44) p)";
    app.add_visits(VISITS, ("notes", notes)).await;
    let nurse = app.nurse().await;
    let (mut cursor, mut seen, mut pages) = (0, Vec::new(), 0);
    loop {
        let path = format!("/v1/sync?last_pulled_at={cursor}&schema_version=2&pending=0&migration=null");
        let answer = nurse.send("GET", &path, None, &[("accept-encoding", "gzip")]).await;
        assert!(answer.on_the_wire < 6_291_556, "{} bytes", answer.on_the_wire);
        let page = answer.expect(200);
        for list in ["created", "updated"] {
            seen.extend(ids(&page, "visits", list));
        }
        cursor = page["timestamp"].as_i64().unwrap();
        pages += 1;
        assert!(pages < 20, "a first sync of {VISITS} visits has no last page");
        if page.get("has_more").is_none() {
            break;
        }
    }
    assert_eq!(pages, 2);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), VISITS + 2);
}

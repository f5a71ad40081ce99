//! What reads strangers' bytes, one function for each kind of input: none may panic, or take for good what it can't
//! keep. The targets of `cargo fuzz` call them, and a test calls them with every input that was kept.

use domain::{
    photo_kinds::{MediaType, PhotoKind},
    sync::cursor::SyncCursor,
};
use photos::clean::clean;
use secrecy::SecretString;
use serde_json::{Value, json};
use web::PageQuery;

/// What reads one kind of input.
pub type Target = fn(&[u8]);

/// Every kind, by the name of its target and folder.
pub const ALL: [(&str, Target); 9] = [
    ("heic", heic),
    ("jpeg", jpeg),
    ("page_cursor", page_cursor),
    ("pdf", pdf),
    ("png", png),
    ("sync_body", sync_body),
    ("sync_cursor", sync_cursor),
    ("twilio_form", twilio_form),
    ("webp", webp),
];

fn upload(kind: PhotoKind, media_type: MediaType, data: &[u8]) {
    if let Ok(clean) = clean(kind, media_type, data.to_vec()) {
        assert!(!clean.bytes.is_empty(), "a clean copy is empty");
        assert!(clean.redrawn || clean.media_type == media_type, "a copy that wasn't redrawn has another type");
    }
}

pub fn heic(data: &[u8]) {
    upload(PhotoKind::Photo, MediaType::Heic, data);
}

pub fn jpeg(data: &[u8]) {
    upload(PhotoKind::Photo, MediaType::Jpeg, data);
}

pub fn png(data: &[u8]) {
    upload(PhotoKind::Photo, MediaType::Png, data);
    upload(PhotoKind::Signature, MediaType::Png, data);
}

pub fn webp(data: &[u8]) {
    upload(PhotoKind::Photo, MediaType::Webp, data);
}

pub fn pdf(data: &[u8]) {
    upload(PhotoKind::Document, MediaType::Pdf, data);
}

pub fn sync_cursor(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(Some(cursor)) = SyncCursor::parse(Some(&text)) {
        let again = SyncCursor::parse(Some(&cursor.as_i64().to_string()));
        assert!(again.is_ok_and(|again| again == Some(cursor)), "a cursor is another one when it comes back");
    }
}

pub fn page_cursor(data: &[u8]) {
    let cursor = json!({"cursor": String::from_utf8_lossy(data)});
    if let Ok(query) = serde_json::from_value::<PageQuery>(cursor) {
        let _ = query.after::<Value>();
        let _ = query.after::<(String, String)>();
    }
}

pub fn sync_body(data: &[u8]) {
    let _ = sync::read_body(data);
}

pub fn twilio_form(data: &[u8]) {
    let form: Vec<(String, String)> = form_urlencoded::parse(data).into_owned().collect();
    let token = SecretString::from("local-auth-token");
    let value = |name: &str| form.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
    let (url, signature) = (value("url"), value("signature"));
    for body in [webhooks::signature::Body::Form(&form), webhooks::signature::Body::Other(data)] {
        assert!(!webhooks::signature::is_valid(&[&token], url, body, signature), "a guess was taken for Twilio");
    }
    let _ = webhooks::keywords::of(value("OptOutType"), value("Body"));
}

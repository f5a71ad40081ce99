//! PDF: kept as it is, if it can be opened by whoever downloads it and does nothing then but be read.

use lopdf::{Dictionary, Document, LoadOptions, Object};

use super::Rejection;

/// How far from its end a PDF's reader looks for the end's mark (ISO 32000-1, Annex H.3).
const TAIL: usize = 1024;
const END: &[u8] = b"%%EOF";
/// What one stream of objects may inflate to: writers put some hundreds of objects into each.
const OBJECT_STREAM_BYTES: usize = 16 << 20;

const SCRIPTS: &str = "scripts";
const ACTIONS: &str = "actions that start programs or send data";
const FILES: &str = "files in it";

/// Refuses what breaks off, is encrypted, has no pages, or would do something.
pub(super) fn check(file: &[u8]) -> Result<(), Rejection> {
    let tail = &file[file.len().saturating_sub(TAIL)..];
    let end = tail.windows(END.len()).rposition(|window| window == END).ok_or(Rejection::Unreadable)?;
    if !tail[end + END.len()..].iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
        return Err(Rejection::Unreadable);
    }
    // Reads the trailer and the page tree, not the pages; what it inflates on the way is limited by the library.
    let metadata = Document::load_metadata_mem(file).map_err(|error| match error {
        lopdf::Error::Decryption(_) | lopdf::Error::UnsupportedSecurityHandler(_) => Rejection::Encrypted,
        _ => Rejection::Unreadable,
    })?;
    if metadata.encrypted {
        return Err(Rejection::Encrypted);
    }
    if metadata.page_count == 0 {
        return Err(Rejection::Unreadable);
    }
    only_to_be_read(file)
}

/// Looks at every object, also those inside compressed streams: as the file lists them, and as readers find them that
/// rebuild a list which they distrust, since an object that no list names is there for them.
fn only_to_be_read(file: &[u8]) -> Result<(), Rejection> {
    let load = |force_reconstruct| {
        let max_decompressed_size = Some(OBJECT_STREAM_BYTES);
        let options = LoadOptions { max_decompressed_size, force_reconstruct, ..LoadOptions::default() };
        Document::load_mem_with_options(file, options)
    };
    refuse_active(&load(false).map_err(|_| Rejection::Unreadable)?)?;
    // What can't be rebuilt is read as it is listed, or not at all.
    load(true).map_or(Ok(()), |rebuilt| refuse_active(&rebuilt))
}

fn refuse_active(document: &Document) -> Result<(), Rejection> {
    let mut open: Vec<&Object> = document.objects.values().collect();
    let mut dictionaries = vec![&document.trailer];
    loop {
        if let Some(dictionary) = dictionaries.pop() {
            if let Some(what) = active(dictionary) {
                return Err(Rejection::Active(what));
            }
            open.extend(dictionary.iter().map(|(_, value)| value));
        }
        match open.pop() {
            Some(Object::Dictionary(inner)) => dictionaries.push(inner),
            Some(Object::Stream(stream)) => dictionaries.push(&stream.dict),
            Some(Object::Array(items)) => open.extend(items),
            None if dictionaries.is_empty() => return Ok(()),
            _ => {}
        }
    }
}

/// What a dictionary makes a reader do, if it is one that does (ISO 32000-2, 7.11.4, 12.5.6, 12.6.4).
fn active(dictionary: &Dictionary) -> Option<&'static str> {
    let named = |key: &[u8]| dictionary.get(key).and_then(Object::as_name).unwrap_or_default();
    let has = |key: &[u8]| dictionary.has(key);
    let (action, kind, subtype) = (named(b"S"), named(b"Type"), named(b"Subtype"));
    if action == b"JavaScript" || has(b"JS") || has(b"JavaScript") || has(b"XFA") {
        return Some(SCRIPTS);
    }
    if [&b"Launch"[..], b"SubmitForm", b"ImportData", b"Rendition", b"Movie", b"Sound"].contains(&action) {
        return Some(ACTIONS);
    }
    let carries = has(b"EF") || has(b"EmbeddedFiles") || kind == b"EmbeddedFile" || action == b"GoToE";
    let shows = [&b"FileAttachment"[..], b"RichMedia", b"Screen", b"Movie", b"Sound", b"3D"].contains(&subtype);
    (carries || shows).then_some(FILES)
}

//! PDF: kept as it is, if it can be opened by whoever downloads it.

use lopdf::Document;

use super::Rejection;

/// How far from its end a PDF's reader looks for the end's mark (ISO 32000-1, Annex H.3).
const TAIL: usize = 1024;
const END: &[u8] = b"%%EOF";

/// Refuses what breaks off, is encrypted, or has no pages.
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
    if metadata.page_count == 0 { Err(Rejection::Unreadable) } else { Ok(()) }
}

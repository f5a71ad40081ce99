//! Polyglot files: two formats at once. Images are drawn anew, which leaves nothing of the other; but nobody makes such
//! a file by taking a photo.

use domain::photo_kinds::MediaType;

/// How far into a file readers of PDF and browsers look for what it is.
const HEAD: usize = 1024;

/// What else a file is, as its readers would see it.
pub(super) fn also(declared: MediaType, file: &[u8]) -> Option<&'static str> {
    let head = file.get(..HEAD).unwrap_or(file).to_ascii_lowercase();
    let in_head = |sign: &[u8]| head.windows(sign.len()).any(|window| window == sign);
    if declared != MediaType::Pdf && in_head(b"%pdf-") {
        return Some("a PDF");
    }
    if [&b"<html"[..], b"<!doctype", b"<script", b"<svg", b"<?php"].into_iter().any(in_head) {
        return Some("a web page");
    }
    ends_as_archive(file).then_some("an archive")
}

/// Whether a ZIP's directory ends where the file does (APPNOTE.TXT 4.3.16), which is how archives, Office documents and
/// Java programs are found behind anything. Four bytes alone come up by chance; that they also say where the file ends
/// does not.
fn ends_as_archive(file: &[u8]) -> bool {
    const RECORD: usize = 22;
    const LONGEST_COMMENT: usize = 65_535;
    let tail = &file[file.len().saturating_sub(RECORD + LONGEST_COMMENT)..];
    tail.windows(RECORD).enumerate().any(|(at, record)| {
        let comment = usize::from(u16::from_le_bytes([record[20], record[21]]));
        record.starts_with(b"PK\x05\x06")
            && at + RECORD + comment <= tail.len()
            && tail[at + RECORD + comment..].iter().all(u8::is_ascii_whitespace)
    })
}

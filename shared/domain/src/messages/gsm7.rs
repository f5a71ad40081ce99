//! How many segments an SMS takes: the GSM 7-bit default alphabet (3GPP TS 23.038, section 6.2.1) says more in one
//! than UCS-2.

/// The alphabet; each of these is one septet.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Each of these is an escape and a septet.
const EXTENDED: &str = "\u{c}^{}\\[~]|€";

/// What a text is sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 160 septets, or 153 in each of several segments.
    Gsm7,
    /// 70 UTF-16 units, or 67 in each of several segments.
    Ucs2,
}

/// What a text needs, and in how many segments.
#[must_use]
pub fn segments(text: &str) -> (Encoding, usize) {
    match text.chars().map(septets).sum::<Option<usize>>() {
        Some(septets) => (Encoding::Gsm7, count(septets, 160, 153)),
        None => (Encoding::Ucs2, count(text.encode_utf16().count(), 70, 67)),
    }
}

fn septets(of: char) -> Option<usize> {
    match of {
        _ if BASIC.contains(of) => Some(1),
        _ if EXTENDED.contains(of) => Some(2),
        _ => None,
    }
}

fn count(units: usize, alone: usize, among_others: usize) -> usize {
    if units <= alone { 1 } else { units.div_ceil(among_others) }
}

/// The text with what GSM-7 lacks written as it can be: a name keeps its letters, without some of their accents. A text
/// that has something else as well stays as it is.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars() {
        match lookalike(letter) {
            Some(like) if septets(letter).is_none() => folded.push_str(like),
            _ => folded.push(letter),
        }
    }
    if segments(&folded).0 == Encoding::Gsm7 { folded } else { text.to_owned() }
}

/// What a letter or sign is written as without its accent.
fn lookalike(letter: char) -> Option<&'static str> {
    Some(match letter {
        'á' | 'â' | 'ã' => "a",
        'Á' | 'À' | 'Â' | 'Ã' => "A",
        'ç' => "c",
        'ê' | 'ë' => "e",
        'È' | 'Ê' | 'Ë' => "E",
        'í' | 'î' | 'ï' => "i",
        'Í' | 'Ì' | 'Î' | 'Ï' => "I",
        'ó' | 'ô' | 'õ' => "o",
        'Ó' | 'Ò' | 'Ô' | 'Õ' => "O",
        'ú' | 'û' => "u",
        'Ú' | 'Ù' | 'Û' => "U",
        'ý' | 'ÿ' => "y",
        'Ý' | 'Ÿ' => "Y",
        'œ' => "oe",
        'Œ' => "OE",
        '’' | '‘' => "'",
        '“' | '”' | '«' | '»' => "\"",
        '–' | '—' => "-",
        '…' => "...",
        '\u{a0}' | '\u{202f}' => " ",
        _ => return None,
    })
}

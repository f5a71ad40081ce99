//! Names in messages. Whoever may enter a name could have us send a link, a telephone number or text that reads
//! backwards to people who trust our number: in a message, a name is letters and what stands between them.

use unicode_normalization::char::is_combining_mark;

/// The longest name that is said, in characters.
const LONGEST: usize = 40;
/// What is said where nothing is left.
const NOTHING: &str = "?";

/// Letters with their accents, apostrophes and hyphens, single blanks, and a full stop behind a word.
pub(super) fn plain_name(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let ends_word = letters.peek().is_none_or(|next| next.is_whitespace());
        match letter {
            _ if letter.is_whitespace() && !plain.ends_with(' ') && !plain.is_empty() => plain.push(' '),
            _ if letter.is_alphabetic() || is_combining_mark(letter) => plain.push(letter),
            '\'' | '’' | '‘' | 'ʼ' | 'ʻ' | '-' | '‐' | '\u{2011}' => plain.push(letter),
            '.' if ends_word => plain.push(letter),
            _ => {}
        }
    }
    let said: String = plain.chars().take(LONGEST).collect();
    let said = said.trim();
    if said.chars().any(char::is_alphabetic) { said.to_owned() } else { NOTHING.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_stay_as_they_are() {
        for name in [
            "Marguerite",
            "Marie-Claude",
            "O'Brien",
            "N’Diaye",
            "Jean Luc",
            "J. R.",
            "St. John",
            "Nguyễn",
            "Łukasz",
            "Zoë",
            "Zoe\u{308}",
            "李",
            "Оксана",
            "محمد",
            "Kahn‐Ackermann",
        ] {
            assert_eq!(plain_name(name), name);
        }
    }

    #[test]
    fn what_no_name_is_made_of_is_not_said() {
        for (entered, said) in [
            ("https://evil.example/x", "httpsevilexamplex"),
            ("Amara evil.com", "Amara evilcom"),
            ("Call 1-900-555-0100", "Call ---"),
            ("A\u{202e}b\u{2066}c\u{200b}d\u{feff}", "Abcd"),
            ("A\r\nB\u{7}\0C", "A BC"),
            ("  Amara \u{a0}\t Joy ", "Amara Joy"),
            ("<b>@&\"", "b"),
            ("www。evil。com", "wwwevilcom"),
            ("12345", "?"),
            ("\u{202e}", "?"),
            ("...", "?"),
            ("", "?"),
        ] {
            assert_eq!(plain_name(entered), said, "{entered:?}");
        }
        assert_eq!(plain_name(&"x".repeat(100)).len(), LONGEST);
    }
}

//! Which passwords may be set: 12 to 256 characters, not guessable, and not the one in use.
//!
//! Compared and hashed is what a password says, not how a keyboard wrote it: NFKC, whose form is also RFC 8265's
//! `OpaqueString` (spaces of every kind become the one space, no control characters).

use domain::error::{Error, Fault};
use store::tables::accounts::PasswordContext;
use unicode_normalization::UnicodeNormalization;
use zxcvbn::{Score, zxcvbn};

use crate::password::{blocking, verify_password};

/// How many characters a password has, once normalised.
const LENGTH: std::ops::RangeInclusive<usize> = 12..=256;
/// The least that must be hard to guess: "safely unguessable", 10^8 guesses and more.
const LEAST_SCORE: Score = Score::Three;

/// A password as it is compared and hashed.
pub fn normalised(password: &str) -> String {
    // U+1680 is the one space that NFKC leaves.
    password.nfkc().map(|letter| if letter == '\u{1680}' { ' ' } else { letter }).collect()
}

/// A new password as it is to be hashed; `pointer` is where it stands in the body.
///
/// # Errors
/// What is wrong with its form.
pub fn well_formed(pointer: &str, password: &str) -> Result<String, Error> {
    let password = normalised(password);
    let detail = if password.chars().any(char::is_control) {
        "must have no control characters"
    } else if LENGTH.contains(&password.chars().count()) {
        return Ok(password);
    } else {
        "must have 12 to 256 characters"
    };
    Err(vec![Fault::body(pointer, detail)].into())
}

/// Refuses what can be guessed, by who knows the user too, and the password in use.
///
/// # Errors
/// What is wrong with it.
pub async fn acceptable(pointer: &str, password: String, context: PasswordContext) -> Result<(), Error> {
    let PasswordContext { words, password_hash } = context;
    let candidate = password.clone();
    if let Some(detail) = blocking(move || guessable(&candidate, &words)).await? {
        return Err(vec![Fault::body(pointer, detail)].into());
    }
    if verify_password(password, password_hash).await? {
        return Err(vec![Fault::body(pointer, "must not be the current password")].into());
    }
    Ok(())
}

/// Why a password is easy to guess, if it is.
fn guessable(password: &str, words: &[String]) -> Option<String> {
    let mut known: Vec<String> = vec!["berthcare".into()];
    for word in words {
        let parts = word.split(|letter: char| !letter.is_alphanumeric()).filter(|part| part.chars().count() > 2);
        known.extend(parts.chain([word.as_str()]).map(str::to_lowercase));
    }
    // The longest first, as shorter ones may be parts of them.
    known.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    // zxcvbn takes three words in a row for hard to guess, even if each is known: what is left without them must be.
    let rest = known.iter().fold(password.to_lowercase(), |rest, word| rest.replace(word, ""));
    let estimate = zxcvbn(password, &known);
    if estimate.score() >= LEAST_SCORE && zxcvbn(&rest, &[]).score() >= LEAST_SCORE {
        return None;
    }
    Some(match estimate.feedback().and_then(zxcvbn::feedback::Feedback::warning) {
        Some(why) => format!("is easy to guess: {}", why.to_string().trim_end_matches('.').to_lowercase()),
        None => "is easy to guess: take several words that don't belong together, and none that others know".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 4] = ["Amara", "Okafor", "nurse@demo.berthcare.ca", "Maple Home Care"];

    fn refused(password: &str) -> bool {
        guessable(password, &WORDS.map(ToOwned::to_owned)).is_some()
    }

    #[test]
    fn what_can_be_guessed_is_refused_also_by_who_knows_the_user() {
        for password in [
            "password1234",
            "123456789012",
            "qwertyuiop12",
            "aaaaaaaaaaaa",
            "nurse@demo.berthcare.ca",
            "AmaraOkafor1",
            "okafor.amara",
            "MapleHomeCare1",
            "BerthCare2026",
        ] {
            assert!(refused(password), "{password}");
        }
        for password in ["correct horse battery", "un cheval sur le toit", "vK8#qLz2!mWp", "ямщик не гони лошадей"]
        {
            assert!(!refused(password), "{password}");
        }
    }

    #[test]
    fn a_password_is_what_it_says_however_it_was_typed() {
        // Composed and decomposed, full width, and spaces of every kind.
        assert_eq!(normalised("Zoe\u{301} \u{ff21}\u{2003}b\u{1680}c"), normalised("Zo\u{e9} A b c"));
    }

    #[test]
    fn a_password_has_12_to_256_characters_once_normalised_and_no_control_characters() {
        let cases = [
            ("a".repeat(11), false),
            ("a".repeat(12), true),
            ("é".repeat(256), true),
            ("a".repeat(257), false),
            // Twelve keystrokes that are eleven characters.
            (format!("{}e\u{301}", "a".repeat(10)), false),
            // A ligature is two.
            (format!("{}ﬁ", "a".repeat(10)), true),
            (format!("{}\u{7}", "a".repeat(12)), false),
        ];
        for (password, good) in cases {
            assert_eq!(well_formed("/password", &password).is_ok(), good, "{password}");
        }
    }
}

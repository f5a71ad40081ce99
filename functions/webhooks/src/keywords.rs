//! What an inbound SMS asks for. A keyword is the whole message, in either language, whatever its case and accents.

use store::tables::inbound_messages::Intent;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// What Twilio answers by itself, and acts upon: its "Support for opt-out keywords" page. It takes them without regard
/// to case, and nothing else.
const TWILIOS: [(Intent, &[&str]); 3] = [
    (Intent::Stop, &["stop", "stopall", "unsubscribe", "end", "quit", "revoke", "optout", "cancel"]),
    (Intent::Start, &["start", "yes", "unstop"]),
    (Intent::Help, &["help", "info"]),
];

/// What is left to us.
const OURS: [(Intent, &[&str]); 4] = [
    (Intent::Stop, &["arret", "arrete", "arreter", "arretez", "desabonner", "desabonnement", "opt out"]),
    (Intent::Start, &["debut", "commencer", "reprendre"]),
    (Intent::Help, &["aide"]),
    (Intent::Call, &["call", "call me", "rappel", "rappeler", "rappelez moi"]),
];

/// What a message asks for, and whether Twilio has answered it already. Where Twilio says by `OptOutType` what it made
/// of it, by the words that were configured there, that counts and not our reading.
#[must_use]
pub fn of(opt_out_type: &str, body: &str) -> (Intent, bool) {
    let by_type = match opt_out_type.trim().to_ascii_uppercase().as_str() {
        "STOP" => Some(Intent::Stop),
        "START" => Some(Intent::Start),
        "HELP" => Some(Intent::Help),
        _ => None,
    };
    if let Some(intent) = by_type {
        return (intent, true);
    }
    let exact = body.trim().to_lowercase();
    if let Some(intent) = find(&TWILIOS, &exact) {
        return (intent, true);
    }
    let folded = folded(body);
    (find(&OURS, &folded).or_else(|| find(&TWILIOS, &folded)).unwrap_or(Intent::Note), false)
}

fn find(table: &[(Intent, &[&str])], word: &str) -> Option<Intent> {
    table.iter().find(|(_, words)| words.contains(&word)).map(|(intent, _)| *intent)
}

/// Words without accents, case, punctuation and anything else around them.
fn folded(body: &str) -> String {
    let plain: String = body.nfkd().filter(|c| !is_combining_mark(*c)).collect::<String>().to_lowercase();
    plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_known_in_either_language_whatever_their_case_and_accents() {
        for (body, intent, answered_by_twilio) in [
            ("STOP", Intent::Stop, true),
            (" stop \n", Intent::Stop, true),
            ("Stop.", Intent::Stop, false),
            ("ARRET", Intent::Stop, false),
            ("Arrêt!", Intent::Stop, false),
            ("arre\u{302}t", Intent::Stop, false),
            ("ＡＲＲÊＴ", Intent::Stop, false),
            ("Start", Intent::Start, true),
            ("UNSTOP", Intent::Start, true),
            ("ARRÊTE", Intent::Stop, false),
            ("Désabonnement", Intent::Stop, false),
            ("Début", Intent::Start, false),
            ("help", Intent::Help, true),
            ("HELP?", Intent::Help, false),
            ("AIDE", Intent::Help, false),
            ("aidé", Intent::Help, false),
            ("CALL", Intent::Call, false),
            ("call me!", Intent::Call, false),
            ("Rappel", Intent::Call, false),
            ("Rappelez-moi", Intent::Call, false),
            ("Please don't stop the visits", Intent::Note, false),
            ("stop calling", Intent::Note, false),
            ("Merci 🙏", Intent::Note, false),
            ("", Intent::Note, false),
            ("🙂", Intent::Note, false),
        ] {
            assert_eq!(of("", body), (intent, answered_by_twilio), "{body:?}");
        }
    }
    #[test]
    fn twilios_own_opt_out_type_wins_over_our_reading() {
        for (told, body, intent, answered_by_twilio) in [
            ("STOP", "FINI", Intent::Stop, true),
            ("STOP", "call", Intent::Stop, true),
            ("START", "oui", Intent::Start, true),
            ("HELP", "arret", Intent::Help, true),
            ("stop", "", Intent::Stop, true),
            ("NEW", "arret", Intent::Stop, false),
            ("", "call", Intent::Call, false),
        ] {
            assert_eq!(of(told, body), (intent, answered_by_twilio), "{told} {body}");
        }
    }
}

//! What somebody did to a client's record, in words for the client's family.

use crate::messages::Locale;

/// What an action does, as far as a family cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Looked,
    Changed,
    Removed,
    Refused,
    Told,
    Exported,
    AskedForCopy,
}

/// What kinds of things actions are done to, and how families call them: English, French.
const THINGS: [(&str, &str, &str); 19] = [
    ("access", "the record", "le dossier"),
    ("alert", "an alert", "une alerte"),
    ("care_plan", "the care plan", "le plan de soins"),
    ("care_team", "the care team", "l'équipe de soins"),
    ("client", "the record", "le dossier"),
    ("conflict", "two versions of the record", "deux versions du dossier"),
    ("consent", "the consents", "les consentements"),
    ("device", "the record on a device", "le dossier sur un appareil"),
    ("family", "what the family sees", "ce que voit la famille"),
    ("history", "the history of notes and tasks", "l'historique des notes et des tâches"),
    ("photo", "a photo or document", "une photo ou un document"),
    ("record", "the record", "le dossier"),
    ("refusal", "an entry that a phone sent", "une entrée envoyée par un téléphone"),
    ("reply", "a message of the family", "un message de la famille"),
    ("sync", "the record, on a phone", "le dossier, sur un téléphone"),
    ("timeline", "the timeline", "la chronologie"),
    ("visit", "a visit", "une visite"),
    ("visit_task", "a task of a visit", "une tâche d'une visite"),
    ("webhook", "the record", "le dossier"),
];

/// What was done, in words: `visit.read` is "Looked at a visit".
#[must_use]
pub fn deed(action: &str, locale: Locale) -> String {
    let (noun, verb) = action.split_once('.').unwrap_or((action, ""));
    let (english, french) = thing(noun).unwrap_or(("the record", "le dossier"));
    match (deed_of(noun, verb), locale) {
        (Deed::Looked, Locale::EnCa) => format!("Looked at {english}"),
        (Deed::Looked, Locale::FrCa) => format!("A consulté {french}"),
        (Deed::Changed, Locale::EnCa) => format!("Added to or changed {english}"),
        (Deed::Changed, Locale::FrCa) => format!("A ajouté ou modifié {french}"),
        (Deed::Removed, Locale::EnCa) => format!("Removed {english}; it stays in the history"),
        (Deed::Removed, Locale::FrCa) => format!("A retiré {french} ; l'historique le garde"),
        (Deed::Refused, Locale::EnCa) => format!("Was refused {english}"),
        (Deed::Refused, Locale::FrCa) => format!("S'est vu refuser {french}"),
        (Deed::Told, Locale::EnCa) => "Told the family of the day by SMS".into(),
        (Deed::Told, Locale::FrCa) => "A informé la famille de la journée par SMS".into(),
        (Deed::Exported, Locale::EnCa) => format!("Took a copy of {english}"),
        (Deed::Exported, Locale::FrCa) => format!("A pris une copie : {french}"),
        (Deed::AskedForCopy, Locale::EnCa) => format!("Asked for a copy of {english}"),
        (Deed::AskedForCopy, Locale::FrCa) => format!("A demandé une copie : {french}"),
    }
}

fn thing(noun: &str) -> Option<(&'static str, &'static str)> {
    THINGS.iter().find(|(name, ..)| *name == noun).map(|(_, english, french)| (*english, *french))
}

/// Whether families have a word for this kind of thing.
#[must_use]
pub fn is_known(noun: &str) -> bool {
    thing(noun).is_some()
}

fn deed_of(noun: &str, verb: &str) -> Deed {
    match (noun, verb) {
        ("family", "sms") => Deed::Told,
        ("access", _) => Deed::Refused,
        (_, "request_export") => Deed::AskedForCopy,
        (_, verb) if verb.starts_with("export") => Deed::Exported,
        (_, "read" | "list" | "pull" | "download" | "replay" | "versions" | "access_log") => Deed::Looked,
        (_, "delete" | "erase" | "remove" | "withdraw") => Deed::Removed,
        _ => Deed::Changed,
    }
}

/// Who did it, in words: their given name and what they are; "You" where it was the reader; nobody in person where a
/// job did.
#[must_use]
pub fn actor(role: Option<&str>, first_name: Option<&str>, own: bool, locale: Locale) -> String {
    let english = locale == Locale::EnCa;
    if own {
        return if english { "You".into() } else { "Vous".into() };
    }
    let role = match role {
        None => return if english { "BerthCare, by itself".into() } else { "BerthCare, automatiquement".into() },
        Some("admin") if english => "the agency's administration",
        Some("admin") => "l'administration de l'agence",
        Some("coordinator") if english => "care coordination",
        Some("coordinator") => "la coordination des soins",
        Some("nurse") if english => "nursing",
        Some("nurse") => "les soins infirmiers",
        Some("care_aide") if english => "care aide",
        Some("care_aide") => "l'aide aux soins",
        Some(_) if english => "of the family",
        Some(_) => "de la famille",
    };
    match first_name {
        Some(name) => format!("{name}, {role}"),
        None if english => "Somebody of the family".into(),
        None => "Une personne de la famille".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said_in_both_languages() {
        for (action, english, french) in [
            ("visit.read", "Looked at a visit", "A consulté une visite"),
            ("client.list", "Looked at the record", "A consulté le dossier"),
            (
                "visit_task.update",
                "Added to or changed a task of a visit",
                "A ajouté ou modifié une tâche d'une visite",
            ),
            ("family.sms", "Told the family of the day by SMS", "A informé la famille de la journée par SMS"),
            ("photo.delete", "Removed a photo or document; it stays in the history", {
                "A retiré une photo ou un document ; l'historique le garde"
            }),
            ("client.export", "Took a copy of the record", "A pris une copie : le dossier"),
            ("client.export_download", "Took a copy of the record", "A pris une copie : le dossier"),
            ("client.request_export", "Asked for a copy of the record", "A demandé une copie : le dossier"),
            ("access.refused", "Was refused the record", "S'est vu refuser le dossier"),
        ] {
            assert_eq!(deed(action, Locale::EnCa), english);
            assert_eq!(deed(action, Locale::FrCa), french);
        }
    }

    #[test]
    fn who_did_it_is_said_in_both_languages() {
        for (role, first_name, english, french) in [
            (Some("admin"), Some("Ada"), "Ada, the agency's administration", "Ada, l'administration de l'agence"),
            (Some("coordinator"), Some("Dana"), "Dana, care coordination", "Dana, la coordination des soins"),
            (Some("nurse"), Some("Amara"), "Amara, nursing", "Amara, les soins infirmiers"),
            (Some("care_aide"), Some("Omar"), "Omar, care aide", "Omar, l'aide aux soins"),
            (Some("family"), Some("Paul"), "Paul, of the family", "Paul, de la famille"),
            // Nobody is shown another family member by name.
            (Some("family"), None, "Somebody of the family", "Une personne de la famille"),
            (None, None, "BerthCare, by itself", "BerthCare, automatiquement"),
        ] {
            assert_eq!(actor(role, first_name, false, Locale::EnCa), english);
            assert_eq!(actor(role, first_name, false, Locale::FrCa), french);
            assert_eq!(actor(role, first_name, true, Locale::EnCa), "You");
            assert_eq!(actor(role, first_name, true, Locale::FrCa), "Vous");
        }
    }

    #[test]
    fn a_thing_without_a_word_is_not_known() {
        assert!(THINGS.iter().all(|(noun, ..)| is_known(noun)));
        assert!(!is_known("invoice") && !is_known(""));
        assert_eq!(deed("invoice.read", Locale::EnCa), "Looked at the record");
    }
}

//! The letter to whoever is affected by a breach: what the law asks it to say (Breach of Security Safeguards
//! Regulations, section 3; PHIPA, section 12), in either language, from what the register knows. A person reads and
//! signs it.

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use utoipa::ToSchema;

use crate::messages::Locale;

/// What the register knows of a breach.
#[derive(Clone, Debug)]
pub struct Breach {
    /// The agency's name.
    pub agency: String,
    /// Where its days begin and end.
    pub time_zone: String,
    /// What happened.
    pub description: String,
    /// Since when it could happen.
    pub happened_from: Option<Timestamp>,
    /// Until when it could.
    pub happened_until: Option<Timestamp>,
    /// When somebody noticed.
    pub found_at: Timestamp,
    /// Which personal information.
    pub information: Option<String>,
    /// What the agency did to lessen the harm.
    pub steps_taken: Option<String>,
    /// What whoever is affected can do.
    pub steps_advised: Option<String>,
    /// Whom to ask, by name.
    pub contact: String,
    /// Where they are reached.
    pub contact_email: String,
}

/// A letter, to be read before it is sent.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"locale": "en-CA", "subject": "Notice of a privacy breach",
    "body": "We write to tell you of a breach that concerns your personal information. ...", "missing": ["information"]}))]
pub struct Notice {
    /// Its language.
    pub locale: Locale,
    /// Its subject.
    pub subject: String,
    /// Its text, in paragraphs.
    pub body: String,
    /// Fields of the incident that the law wants said and that are still empty; the text has a gap for each.
    pub missing: Vec<&'static str>,
}

/// The letter.
#[must_use]
pub fn notice(breach: &Breach, locale: Locale) -> Notice {
    let fields = [
        ("information", said(breach.information.as_deref())),
        ("steps_taken", said(breach.steps_taken.as_deref())),
        ("steps_advised", said(breach.steps_advised.as_deref())),
    ];
    let missing = fields.iter().filter(|(_, text)| text.is_none()).map(|(name, _)| *name).collect();
    let (subject, body) = match locale {
        Locale::EnCa => ("Notice of a privacy breach", english(breach)),
        Locale::FrCa => ("Avis d'atteinte à la confidentialité", french(breach)),
    };
    Notice { locale, subject: subject.into(), body, missing }
}

fn said(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}

fn or_gap(text: Option<&str>) -> &str {
    said(text).unwrap_or("[...]")
}

/// The day where the agency is.
fn day(at: Timestamp, breach: &Breach) -> String {
    let zone = TimeZone::get(&breach.time_zone).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).date().to_string()
}

fn english(breach: &Breach) -> String {
    let of = |at| day(at, breach);
    let period = match (breach.happened_from, breach.happened_until) {
        (Some(from), Some(until)) if of(from) == of(until) => format!("It happened on {}.", of(from)),
        (Some(from), Some(until)) => format!("It happened between {} and {}.", of(from), of(until)),
        (Some(from), None) => format!("It happened on {} or later.", of(from)),
        (None, Some(until)) => format!("It happened on {} or earlier.", of(until)),
        (None, None) => "We don't know exactly when it happened.".into(),
    };
    [
        format!("{} writes to tell you of a breach that concerns your personal information.", breach.agency),
        format!("What happened: {} {period} We found out on {}.", breach.description, of(breach.found_at)),
        format!("Which information: {}", or_gap(breach.information.as_deref())),
        format!("What we have done: {}", or_gap(breach.steps_taken.as_deref())),
        format!("What you can do: {}", or_gap(breach.steps_advised.as_deref())),
        format!("If you have questions, ask {}, {}.", breach.contact, breach.contact_email),
        "You may complain to the Office of the Privacy Commissioner of Canada (priv.gc.ca, 1-800-282-1376) or, for \
         health information in Ontario, to the Information and Privacy Commissioner of Ontario (ipc.on.ca, \
         1-800-387-0073)."
            .into(),
    ]
    .join("\n\n")
}

fn french(breach: &Breach) -> String {
    let of = |at| day(at, breach);
    let period = match (breach.happened_from, breach.happened_until) {
        (Some(from), Some(until)) if of(from) == of(until) => format!("Cela s'est produit le {}.", of(from)),
        (Some(from), Some(until)) => format!("Cela s'est produit entre le {} et le {}.", of(from), of(until)),
        (Some(from), None) => format!("Cela s'est produit le {} ou après.", of(from)),
        (None, Some(until)) => format!("Cela s'est produit le {} ou avant.", of(until)),
        (None, None) => "Nous ne savons pas exactement quand cela s'est produit.".into(),
    };
    [
        format!("{} vous informe d'une atteinte à la confidentialité de vos renseignements personnels.", breach.agency),
        format!("Ce qui s'est passé : {} {period} Nous l'avons appris le {}.", breach.description, of(breach.found_at)),
        format!("Renseignements en cause : {}", or_gap(breach.information.as_deref())),
        format!("Ce que nous avons fait : {}", or_gap(breach.steps_taken.as_deref())),
        format!("Ce que vous pouvez faire : {}", or_gap(breach.steps_advised.as_deref())),
        format!("Pour toute question : {}, {}.", breach.contact, breach.contact_email),
        "Vous pouvez porter plainte auprès du Commissariat à la protection de la vie privée du Canada (priv.gc.ca, \
         1-800-282-1376) ou, pour des renseignements sur la santé en Ontario, auprès du Commissaire à l'information et \
         à la protection de la vie privée de l'Ontario (ipc.on.ca, 1-800-387-0073)."
            .into(),
    ]
    .join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breach() -> Breach {
        let at = |text: &str| text.parse().unwrap_or_default();
        Breach {
            agency: "Soins Laurier".into(),
            time_zone: "America/Toronto".into(),
            description: "A caregiver's phone was stolen.".into(),
            // Late in the evening there, and the next day already in UTC.
            happened_from: Some(at("2026-11-21T02:00:00Z")),
            happened_until: Some(at("2026-11-21T03:00:00Z")),
            found_at: at("2026-11-21T15:00:00Z"),
            information: Some("Name, address and visits of 90 days.".into()),
            steps_taken: Some("The phone was cut off at once.".into()),
            steps_advised: None,
            contact: "Dana Singh".into(),
            contact_email: "privacy@laurier.example.ca".into(),
        }
    }

    #[test]
    fn a_notice_says_what_the_law_asks_in_either_language() {
        for (locale, day) in [(Locale::EnCa, "on 2026-11-20"), (Locale::FrCa, "le 2026-11-20")] {
            let Notice { body, missing, .. } = notice(&breach(), locale);
            for part in [
                "A caregiver's phone was stolen.",
                day,
                "Name, address and visits of 90 days.",
                "The phone was cut off at once.",
                "Dana Singh, privacy@laurier.example.ca",
                "1-800-282-1376",
                "1-800-387-0073",
            ] {
                assert!(body.contains(part), "{part}: {body}");
            }
            assert_eq!(missing, ["steps_advised"]);
            assert!(body.contains("[...]"), "{body}");
        }
    }
}

//! The letter to whoever is affected by a breach: what the law asks it to say (Breach of Security Safeguards
//! Regulations, section 3; PHIPA, section 12), in either language, from what the register knows. A person reads and
//! signs it.

use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use crate::messages::Locale;

/// What the register knows of a breach.
#[derive(Clone, Debug)]
pub struct Breach {
    /// The agency's name.
    pub agency: String,
    /// What happened.
    pub description: String,
    /// Since which day, where the agency is, it could happen.
    pub happened_from: Option<Date>,
    /// Until which day it could.
    pub happened_until: Option<Date>,
    /// On which day somebody noticed.
    pub found_on: Date,
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
    "body": "We write to tell you of a breach that concerns your personal information. ...",
    "missing": ["information"]}))]
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

fn english(breach: &Breach) -> String {
    let period = match (breach.happened_from, breach.happened_until) {
        (Some(from), Some(until)) if from == until => format!("It happened on {from}."),
        (Some(from), Some(until)) => format!("It happened between {from} and {until}."),
        (Some(from), None) => format!("It happened on {from} or later."),
        (None, Some(until)) => format!("It happened on {until} or earlier."),
        (None, None) => "We don't know exactly when it happened.".into(),
    };
    [
        format!("{} writes to tell you of a breach that concerns your personal information.", breach.agency),
        format!("What happened: {} {period} We found out on {}.", breach.description, breach.found_on),
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
    let period = match (breach.happened_from, breach.happened_until) {
        (Some(from), Some(until)) if from == until => format!("Cela s'est produit le {from}."),
        (Some(from), Some(until)) => format!("Cela s'est produit entre le {from} et le {until}."),
        (Some(from), None) => format!("Cela s'est produit le {from} ou après."),
        (None, Some(until)) => format!("Cela s'est produit le {until} ou avant."),
        (None, None) => "Nous ne savons pas exactement quand cela s'est produit.".into(),
    };
    [
        format!("{} vous informe d'une atteinte à la confidentialité de vos renseignements personnels.", breach.agency),
        format!("Ce qui s'est passé : {} {period} Nous l'avons appris le {}.", breach.description, breach.found_on),
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
    use jiff::civil::date;

    use super::*;

    fn breach() -> Breach {
        Breach {
            agency: "Soins Laurier".into(),
            description: "A caregiver's phone was stolen.".into(),
            happened_from: Some(date(2026, 11, 20)),
            happened_until: Some(date(2026, 11, 20)),
            found_on: date(2026, 11, 21),
            information: Some("Name, address and visits of 90 days.".into()),
            steps_taken: Some("The phone was cut off at once.".into()),
            steps_advised: None,
            contact: "Dana Singh".into(),
            contact_email: "privacy@laurier.example.ca".into(),
        }
    }

    #[test]
    fn a_notice_says_when_it_happened_as_far_as_is_known() {
        let (day, later) = (Some(date(2026, 11, 20)), Some(date(2026, 11, 21)));
        for (from, until, english, french) in [
            (day, day, "It happened on 2026-11-20.", "Cela s'est produit le 2026-11-20."),
            (day, later, "It happened between 2026-11-20 and 2026-11-21.", {
                "Cela s'est produit entre le 2026-11-20 et le 2026-11-21."
            }),
            (day, None, "It happened on 2026-11-20 or later.", "Cela s'est produit le 2026-11-20 ou après."),
            (None, later, "It happened on 2026-11-21 or earlier.", "Cela s'est produit le 2026-11-21 ou avant."),
            (None, None, "We don't know exactly when it happened.", {
                "Nous ne savons pas exactement quand cela s'est produit."
            }),
        ] {
            let breach = Breach { happened_from: from, happened_until: until, ..breach() };
            for (locale, period) in [(Locale::EnCa, english), (Locale::FrCa, french)] {
                let body = notice(&breach, locale).body;
                assert!(body.contains(period), "{period}: {body}");
            }
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

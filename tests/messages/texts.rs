//! What BerthCare says: every text, in each language.

use domain::messages::{DailyVisit, Encoding, Locale, Template, segments};
use jiff::civil::{Date, Time, date, time};
use serde_json::Value;
use strum::IntoEnumIterator;

const LOCALES: [Locale; 2] = [Locale::EnCa, Locale::FrCa];

/// Every template, with values as long as they commonly are.
fn examples() -> Vec<Template> {
    let (caregiver, client, planned) = ("Marie-Claude".to_owned(), "Marguerite".to_owned(), time(14, 30, 0, 0));
    let on = date(2026, 12, 20);
    Template::iter()
        .map(|template| match template {
            Template::OneTimeCode { .. } => Template::OneTimeCode { code: "48151623".into() },
            Template::AlertCall { .. } => Template::AlertCall { caregiver: caregiver.clone() },
            Template::AlertSms { .. } => Template::AlertSms { caregiver: caregiver.clone() },
            Template::FamilyCall { .. } => Template::FamilyCall { family: caregiver.clone() },
            Template::FamilyCallSms { .. } => Template::FamilyCallSms { family: caregiver.clone() },
            Template::VisitLate { .. } => {
                Template::VisitLate { caregiver: caregiver.clone(), client: client.clone(), planned }
            }
            Template::VisitUnreachable { .. } => {
                Template::VisitUnreachable { caregiver: caregiver.clone(), client: client.clone(), planned }
            }
            Template::VisitMissed { .. } => {
                Template::VisitMissed { caregiver: caregiver.clone(), client: client.clone(), planned }
            }
            Template::PrivacyRequestDue { .. } => Template::PrivacyRequestDue { on },
            Template::PrivacyRequestOverdue { .. } => Template::PrivacyRequestOverdue { on },
            Template::PrivacyIncidentDue { .. } => Template::PrivacyIncidentDue { on },
            Template::PrivacyIncidentOverdue { .. } => Template::PrivacyIncidentOverdue { on },
            Template::FamilyDaily { .. } => Template::FamilyDaily {
                client: client.clone(),
                visits: vec![daily("Amara", time(9, 5, 0, 0)), daily("Joy", time(18, 40, 0, 0))],
                to_come: 1,
            },
            Template::ReplyAnswer { .. } => {
                Template::ReplyAnswer { text: "Thank you, I'll call you this afternoon. Dana".into() }
            }
            without_values => without_values,
        })
        .collect()
}

fn daily(caregiver: &str, at: Time) -> DailyVisit {
    DailyVisit { caregiver: caregiver.into(), at }
}

fn family(visits: Vec<DailyVisit>, to_come: u32) -> Template {
    Template::FamilyDaily { client: "Marguerite".into(), visits, to_come }
}

#[test]
fn every_sms_fits_one_segment_in_either_language() {
    for template in examples() {
        for locale in LOCALES {
            let text = template.sms(locale);
            // A call is spoken.
            if !matches!(template, Template::AlertCall { .. } | Template::FamilyCall { .. }) {
                assert_eq!(segments(&text), (Encoding::Gsm7, 1), "{} characters: {text}", text.chars().count());
            }
            assert!(!template.text(locale).is_empty());
        }
        assert_ne!(template.text(Locale::EnCa), template.text(Locale::FrCa));
    }
}

#[test]
fn a_template_is_found_again_by_what_the_outbox_stores() {
    for template in examples() {
        let values = template.values();
        assert!(values.is_object(), "{template:?}");
        assert_eq!(Template::stored(template.name(), &values).unwrap(), template);
    }
    assert!(Template::stored("no_such_template", &serde_json::json!({})).is_err());
}

#[test]
fn a_family_reads_who_came_and_what_is_to_come() {
    let nobody = family(vec![], 2);
    assert_eq!(
        nobody.text(Locale::EnCa),
        "BerthCare: no visit to Marguerite yet today. 2 more to come. Reply CALL to be called, STOP to end."
    );
    let twice = family(vec![daily("Amara", time(9, 5, 0, 0)), daily("Joy", time(12, 0, 0, 0))], 0);
    assert_eq!(
        twice.text(Locale::EnCa),
        "BerthCare: 2 visits to Marguerite today: Amara 9:05 am, Joy 12:00 pm. Reply CALL to be called, STOP to end."
    );
    assert_eq!(
        twice.text(Locale::FrCa),
        "BerthCare : 2 visites chez Marguerite aujourd'hui : Amara 9 h 05, Joy 12 h 00. \
         Répondez RAPPEL pour un appel, ARRET pour cesser."
    );
    let often = family((8..13).map(|hour| daily("Amara", time(hour, 0, 0, 0))).collect(), 0);
    assert!(often.text(Locale::EnCa).contains("Amara 10:00 am and 2 more."), "{}", often.text(Locale::EnCa));
}

#[test]
fn a_name_keeps_its_letters_where_gsm_7_lacks_its_accents() {
    let of = |caregiver: &str| Template::AlertSms { caregiver: caregiver.into() };
    assert!(of("Françoise-Chloé").sms(Locale::FrCa).contains("Francoise-Chloé"));
    // Read aloud, it is spelled as it is.
    assert!(of("Françoise").text(Locale::FrCa).contains("Françoise"));
    // What can't be written so at all takes the whole text along, with all its accents.
    let text = of("Françoise 李").sms(Locale::FrCa);
    assert!(text.contains("Françoise 李"));
    assert_eq!(segments(&text).0, Encoding::Ucs2);
}

#[test]
fn segments_are_counted_as_the_networks_do() {
    for (text, expected) in [
        ("é".repeat(160), (Encoding::Gsm7, 1)),
        ("é".repeat(161), (Encoding::Gsm7, 2)),
        // An escape and a septet each.
        ("€".repeat(81), (Encoding::Gsm7, 2)),
        ("ê".repeat(70), (Encoding::Ucs2, 1)),
        ("ê".repeat(71), (Encoding::Ucs2, 2)),
        // Two UTF-16 units each.
        ("🙂".repeat(36), (Encoding::Ucs2, 2)),
    ] {
        assert_eq!(segments(&text), expected, "{text}");
    }
}

/// Every string among a template's values, but codes and what a coordinator answers in words of their own, replaced.
fn with_names(values: &mut Value, name: &str) {
    match values {
        Value::String(text) if text.parse::<Time>().is_err() && text.parse::<Date>().is_err() => {
            *text = name.to_owned();
        }
        Value::Array(items) => items.iter_mut().for_each(|item| with_names(item, name)),
        Value::Object(fields) => {
            fields
                .iter_mut()
                .filter(|(key, _)| !["code", "text"].contains(&key.as_str()))
                .for_each(|(_, value)| with_names(value, name));
        }
        _ => {}
    }
}

#[test]
fn no_name_brings_a_link_a_number_or_turned_text_into_a_message() {
    let hostile = "Eve\u{202e}\u{2066} http://evil.example/?a=1 +19005550100\r\n\u{7}<Say>";
    for template in examples() {
        let mut values = template.values();
        with_names(&mut values, hostile);
        let template = Template::stored(template.name(), &values).unwrap();
        for locale in LOCALES {
            for text in [template.text(locale), template.sms(locale)] {
                for part in ["\u{202e}", "\u{2066}", "http:", "evil.", "1900", "\r", "\n", "\u{7}", "<"] {
                    assert!(!text.contains(part), "{}: {text:?}", template.name());
                }
            }
        }
    }
}

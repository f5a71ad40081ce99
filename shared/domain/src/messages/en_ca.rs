//! English.

use jiff::civil::Time;

use super::{Template, listed, plural};

pub(super) fn text(template: &Template) -> String {
    match template {
        Template::OneTimeCode { code } => {
            format!("Your BerthCare code is {code}. We never ask you for it: don't give it to anybody.")
        }
        Template::PhoneChanged {} => {
            "BerthCare: this is no longer your account's number. If you didn't change it, call your agency now.".into()
        }
        Template::AlertCall { caregiver } => format!(
            "This is BerthCare. {caregiver} asks for help. \
             Press 1 to take this alert. Press 2 to pass it on."
        ),
        Template::AlertSms { caregiver } => {
            format!(
                "BerthCare: {caregiver} asks for help and nobody has taken the alert yet. Please open BerthCare now."
            )
        }
        Template::AlertPush {} | Template::AlertTakenPush {} | Template::VisitPush {} | Template::DecisionPush {} => {
            "Open BerthCare".into()
        }
        Template::FamilyCall { family } => format!(
            "This is BerthCare. {family}, of a client's family, asks to be called back. \
             Press 1 to take this. Press 2 to pass it on."
        ),
        Template::FamilyCallSms { family } => {
            format!("BerthCare: {family}, of a client's family, asks to be called back. Please open BerthCare.")
        }
        Template::AlertTaken {} => "Thank you. It is yours now. Please open BerthCare.".into(),
        Template::AlertTakenByOther {} => "Somebody else has taken care of this already. Thank you.".into(),
        Template::AlertPassedOn {} => "Thank you. The alert goes on to the others.".into(),
        Template::AlertUnanswered {} => {
            "BerthCare: nobody has answered your alert. Please call your agency, or 911 in an emergency.".into()
        }
        Template::FamilyCallUnanswered {} => {
            "BerthCare: we have not reached a care coordinator for you. Please call your care agency.".into()
        }
        Template::VisitLate { caregiver, client, planned } => {
            format!("BerthCare: {caregiver} has not checked in at {client}'s, planned for {}.", time(*planned))
        }
        Template::VisitUnreachable { caregiver, client, planned } => format!(
            "BerthCare: no check-in at {client}'s, planned for {}, and no signal from {caregiver}'s phone since then.",
            time(*planned)
        ),
        Template::VisitMissed { caregiver, client, planned } => format!(
            "BerthCare: {caregiver}'s visit to {client}, planned for {}, counts as missed: nobody checked in.",
            time(*planned)
        ),
        Template::PrivacyRequestDue { on } => {
            format!("BerthCare: a privacy request is to be answered by {on}. Please open BerthCare.")
        }
        Template::PrivacyRequestOverdue { on } => {
            format!("BerthCare: a privacy request was to be answered by {on} and is still open. Please open BerthCare.")
        }
        Template::PrivacyIncidentDue { on } => {
            format!("BerthCare: a privacy incident is to be assessed and told by {on}. Please open BerthCare.")
        }
        Template::PrivacyIncidentOverdue { on } => format!(
            "BerthCare: a privacy incident was to be assessed and told by {on} and is still open. \
             Please open BerthCare."
        ),
        Template::FamilyDaily { client, visits, to_come } => family_daily(client, visits, *to_come),
        Template::ReplyStopped {} => "BerthCare: you get no more daily messages. Reply START to get them again.".into(),
        Template::ReplyStarted {} => "BerthCare: you get a message each evening again. Reply STOP to end it.".into(),
        Template::ReplyHelp {} => {
            "BerthCare: reply CALL to be called, STOP for no more messages, START for messages again.".into()
        }
        Template::ReplyCall {} => "BerthCare: the care coordinator was asked to call you.".into(),
        Template::ReplyReceived {} => {
            "BerthCare: thank you, the care coordinator will read this. Reply CALL to be called.".into()
        }
        Template::ReplyAnswer { text } => format!("BerthCare: {text}"),
        Template::ReplyNobodysFamily {} => {
            "BerthCare: thank you, the care coordinator will read this. To talk to somebody, please call your care \
             agency."
                .into()
        }
        Template::ReplyUnknown {} => "BerthCare: we don't know this number. Please call your care agency.".into(),
    }
}

fn family_daily(client: &str, visits: &[super::DailyVisit], to_come: u32) -> String {
    let (who, more) = listed(visits, |visit| format!("{} {}", visit.caregiver, time(visit.at)));
    let done = match (visits.len(), more) {
        (0, _) => format!("no visit to {client} yet today"),
        (count, 0) => format!("{count} visit{} to {client} today: {who}", plural(count)),
        (count, more) => format!("{count} visits to {client} today: {who} and {more} more"),
    };
    let later = if to_come > 0 { format!(" {to_come} more to come.") } else { String::new() };
    format!("BerthCare: {done}.{later} Reply CALL to be called, STOP to end.")
}

fn time(at: Time) -> String {
    let (hour, half) = match at.hour() {
        0 => (12, "am"),
        hour @ 1..=11 => (hour, "am"),
        12 => (12, "pm"),
        hour => (hour - 12, "pm"),
    };
    format!("{hour}:{:02} {half}", at.minute())
}

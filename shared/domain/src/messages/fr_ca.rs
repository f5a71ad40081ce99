//! French. SMS are best without ê, ç and œ, which GSM-7 lacks; é, è, à and ù are fine.

use jiff::civil::Time;

use super::{Template, listed, plural};

pub(super) fn text(template: &Template) -> String {
    match template {
        Template::OneTimeCode { code } => {
            format!("Votre code BerthCare est le {code}. Nous ne le demandons jamais : ne le donnez à personne.")
        }
        Template::PhoneChanged {} => "BerthCare : ce numéro n'est plus celui de votre compte. \
             Si ce n'est pas vous, appelez votre agence maintenant."
            .into(),
        Template::AlertCall { caregiver } => format!(
            "Ici BerthCare. {caregiver} demande de l'aide. \
             Pour prendre cette alerte, faites le 1. Pour la transmettre, faites le 2."
        ),
        Template::AlertSms { caregiver } => format!(
            "BerthCare : {caregiver} demande de l'aide et personne n'a encore pris l'alerte. \
             Ouvrez BerthCare maintenant."
        ),
        Template::AlertPush {} | Template::AlertTakenPush {} | Template::VisitPush {} | Template::DecisionPush {} => {
            "Ouvrir BerthCare".into()
        }
        Template::FamilyCall { family } => format!(
            "Ici BerthCare. {family}, de la famille d'une personne cliente, demande un rappel. \
             Pour vous en charger, faites le 1. Pour transmettre, faites le 2."
        ),
        Template::FamilyCallSms { family } => {
            format!("BerthCare : {family}, de la famille d'une personne cliente, demande un rappel. Ouvrez BerthCare.")
        }
        Template::AlertTaken {} => "Merci. Vous vous en chargez maintenant. Ouvrez BerthCare.".into(),
        Template::AlertTakenByOther {} => "Quelqu'un d'autre s'en est déjà chargé. Merci.".into(),
        Template::AlertPassedOn {} => "Merci. L'alerte passe aux autres.".into(),
        Template::AlertUnanswered {} => {
            "BerthCare : personne n'a répondu à votre alerte. Appelez votre agence, ou le 911 en cas d'urgence.".into()
        }
        Template::FamilyCallUnanswered {} => {
            "BerthCare : nous n'avons pas pu joindre la coordination pour vous. Appelez votre agence de soins.".into()
        }
        Template::VisitLate { caregiver, client, planned } => {
            format!("BerthCare : {caregiver} n'a pas signalé son arrivée chez {client}, prévue à {}.", time(*planned))
        }
        Template::VisitUnreachable { caregiver, client, planned } => format!(
            "BerthCare : aucune arrivée chez {client}, prévue à {}, et aucun signal du téléphone de \
             {caregiver} depuis.",
            time(*planned)
        ),
        Template::VisitMissed { caregiver, client, planned } => format!(
            "BerthCare : la visite de {caregiver} chez {client}, prévue à {}, est réputée manquée : aucune arrivée.",
            time(*planned)
        ),
        Template::PrivacyRequestDue { on } => {
            format!("BerthCare : une demande de confidentialité attend une réponse d'ici le {on}. Ouvrez BerthCare.")
        }
        Template::PrivacyRequestOverdue { on } => format!(
            "BerthCare : une demande de confidentialité attendait une réponse pour le {on} et reste ouverte. \
             Ouvrez BerthCare."
        ),
        Template::PrivacyIncidentDue { on } => format!(
            "BerthCare : un incident de confidentialité est à évaluer et à annoncer d'ici le {on}. Ouvrez BerthCare."
        ),
        Template::PrivacyIncidentOverdue { on } => format!(
            "BerthCare : un incident de confidentialité, à évaluer et à annoncer pour le {on}, reste ouvert. \
             Ouvrez BerthCare."
        ),
        Template::FamilyDaily { client, visits, to_come } => family_daily(client, visits, *to_come),
        Template::ReplyStopped {} => {
            "BerthCare : vous ne recevrez plus de message quotidien. Répondez START pour les recevoir à nouveau.".into()
        }
        Template::ReplyStarted {} => {
            "BerthCare : vous recevrez à nouveau un message chaque soir. Répondez ARRET pour cesser.".into()
        }
        Template::ReplyHelp {} => {
            "BerthCare : répondez RAPPEL pour un appel, ARRET pour ne plus rien recevoir, START pour reprendre.".into()
        }
        Template::ReplyCall {} => "BerthCare : nous avons demandé à la coordination de vous appeler.".into(),
        Template::ReplyReceived {} => {
            "BerthCare : merci, la coordination lira votre message. Répondez RAPPEL pour un appel.".into()
        }
        Template::ReplyAnswer { text } => format!("BerthCare : {text}"),
        Template::ReplyNobodysFamily {} => {
            "BerthCare : merci, la coordination lira votre message. Pour parler à quelqu'un, appelez votre agence."
                .into()
        }
        Template::ReplyUnknown {} => {
            "BerthCare : nous ne connaissons pas ce numéro. Appelez votre agence de soins.".into()
        }
    }
}

fn family_daily(client: &str, visits: &[super::DailyVisit], to_come: u32) -> String {
    let (who, more) = listed(visits, |visit| format!("{} {}", visit.caregiver, time(visit.at)));
    let done = match (visits.len(), more) {
        (0, _) => format!("pas encore de visite chez {client} aujourd'hui"),
        (count, 0) => format!("{count} visite{} chez {client} aujourd'hui : {who}", plural(count)),
        (count, more) => format!("{count} visites chez {client} aujourd'hui : {who} et {more} de plus"),
    };
    let later = if to_come > 0 { format!(" Encore {to_come} à venir.") } else { String::new() };
    format!("BerthCare : {done}.{later} Répondez RAPPEL pour un appel, ARRET pour cesser.")
}

fn time(at: Time) -> String {
    format!("{} h {:02}", at.hour(), at.minute())
}

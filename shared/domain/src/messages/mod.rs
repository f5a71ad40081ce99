//! Texts of messages and calls: every text is a variant, each language a file.
//!
//! No health information and no surname is in any of them: providers keep texts for more than a year, outside Canada.
//! An SMS is rendered in GSM-7 where its words allow, so that it is one segment: 160 characters, not 70.

mod en_ca;
mod fr_ca;
mod gsm7;
mod plain_name;

use std::borrow::Cow;

use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

pub use gsm7::{Encoding, segments};

use crate::text_sql;

/// The language that messages to a person are in.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    ToSchema,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[schema(example = "en-CA")]
pub enum Locale {
    /// Canadian English.
    #[default]
    #[serde(rename = "en-CA")]
    #[strum(serialize = "en-CA")]
    EnCa,
    /// Canadian French.
    #[serde(rename = "fr-CA")]
    #[strum(serialize = "fr-CA")]
    FrCa,
}
text_sql!(Locale);

/// One text, with what goes into it. Names are first names.
///
/// A variant's name and its fields are stored with the message: renaming one needs a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr, strum::EnumIter)]
#[serde(tag = "template", content = "values", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Template {
    /// The code that sets a password.
    OneTimeCode {
        /// Eight digits.
        code: String,
    },
    /// To the number that an account had before: its owner may not have been who changed it.
    PhoneChanged {},
    /// What a coordinator hears: somebody asks for help. Ends with what the keys do.
    AlertCall {
        /// Given name of the caregiver who asks for help.
        caregiver: String,
    },
    /// The same by SMS, once no call was acknowledged.
    AlertSms {
        /// Given name of the caregiver who asks for help.
        caregiver: String,
    },
    /// The same as a push message.
    AlertPush {},
    /// To whoever raised an alert, as a push message: somebody has taken it.
    AlertTakenPush {},
    /// To a caregiver, as a push message: a visit was given, moved or cancelled.
    VisitPush {},
    /// The same: somebody decided about what they sent.
    DecisionPush {},
    /// What a coordinator hears: a family asks to be called back. Ends with what the keys do.
    FamilyCall {
        /// Given name of the family member who asks for a call.
        family: String,
    },
    /// The same by SMS, once no call was acknowledged.
    FamilyCallSms {
        /// Given name of the family member who asks for a call.
        family: String,
    },
    /// What a coordinator hears who has taken an alert.
    AlertTaken {},
    /// What one hears where somebody else has taken it, or nobody needs to any more.
    AlertTakenByOther {},
    /// What one hears who has passed it on.
    AlertPassedOn {},
    /// To whoever raised an alert that nobody answered.
    AlertUnanswered {},
    /// To a family that asked to be called back, where nobody took that on.
    FamilyCallUnanswered {},
    /// To the coordinator: nobody has checked in, although the caregiver's phone was heard from.
    VisitLate {
        /// Who was to be there.
        caregiver: String,
        /// At whose home.
        client: String,
        /// The planned start in the agency's local time.
        planned: Time,
    },
    /// To the coordinator: nobody has checked in, and the caregiver's phone hasn't been heard from either.
    VisitUnreachable {
        /// Who was to be there.
        caregiver: String,
        /// At whose home.
        client: String,
        /// The planned start in the agency's local time.
        planned: Time,
    },
    /// To the coordinator: the visit counts as missed.
    VisitMissed {
        /// Who was to be there.
        caregiver: String,
        /// At whose home.
        client: String,
        /// The planned start in the agency's local time.
        planned: Time,
    },
    /// To an agency's admins: somebody's request about their data is to be answered soon.
    PrivacyRequestDue {
        /// By which day, where the agency is.
        on: Date,
    },
    /// The same once that time has come.
    PrivacyRequestOverdue {
        /// By which day, where the agency is.
        on: Date,
    },
    /// To an agency's admins: a breach is to be assessed soon, and who must know is to be told.
    PrivacyIncidentDue {
        /// By which day, where the agency is.
        on: Date,
    },
    /// The same once that time has come.
    PrivacyIncidentOverdue {
        /// By which day, where the agency is.
        on: Date,
    },
    /// The daily SMS to a family.
    FamilyDaily {
        /// Who was visited.
        client: String,
        /// Today's visits that took place, in their order.
        visits: Vec<DailyVisit>,
        /// How many of today's are still to come.
        to_come: u32,
    },
    /// To a family member who wants no more daily SMS.
    ReplyStopped {},
    /// To one who wants them again.
    ReplyStarted {},
    /// To one who asked what they can answer.
    ReplyHelp {},
    /// To one who asked to be called.
    ReplyCall {},
    /// To one who wrote something else: the coordinator reads it.
    ReplyReceived {},
    /// To one who wrote: what a coordinator answers.
    ReplyAnswer {
        /// In the coordinator's words.
        text: String,
    },
    /// To one whom we know and who is nobody's family, or no longer: no call can be asked for.
    ReplyNobodysFamily {},
    /// To a number that we don't know.
    ReplyUnknown {},
}

/// A visit, as a family is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyVisit {
    /// Given name of the caregiver who came.
    pub caregiver: String,
    /// Local time of the agency.
    pub at: Time,
}

/// What is certain of a message when something fails at the worst moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Never twice; where nobody can know whether it went out, it isn't sent again.
    AtMostOnce,
    /// Never lost; where nobody can know whether it went out, it is sent again.
    AtLeastOnce,
}

const HOUR: i32 = 60 * 60;
const DAY: i32 = 24 * HOUR;

impl Template {
    /// As the outbox stores it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.into()
    }

    /// What goes into the text, as the outbox stores it.
    #[must_use]
    pub fn values(&self) -> Value {
        // Nothing in a template can fail to be JSON.
        serde_json::to_value(self).map(|mut whole| whole["values"].take()).unwrap_or_default()
    }

    /// The template that the outbox stores under this name.
    ///
    /// # Errors
    /// When this release knows no such template, or it takes other values.
    pub fn stored(name: &str, values: &Value) -> Result<Self, serde_json::Error> {
        serde_json::from_value(serde_json::json!({"template": name, "values": values}))
    }

    /// Its words in a language. Of a name it says what a name is made of, whatever somebody had entered as one.
    #[must_use]
    pub fn text(&self, locale: Locale) -> String {
        let mut plain = self.clone();
        for name in plain.names() {
            *name = plain_name::plain_name(name);
        }
        match locale {
            Locale::EnCa => en_ca::text(&plain),
            Locale::FrCa => fr_ca::text(&plain),
        }
    }

    /// The names in it.
    fn names(&mut self) -> Vec<&mut String> {
        match self {
            Self::AlertCall { caregiver } | Self::AlertSms { caregiver } => vec![caregiver],
            Self::FamilyCall { family } | Self::FamilyCallSms { family } => vec![family],
            Self::VisitLate { caregiver, client, .. }
            | Self::VisitUnreachable { caregiver, client, .. }
            | Self::VisitMissed { caregiver, client, .. } => vec![caregiver, client],
            Self::FamilyDaily { client, visits, .. } => {
                visits.iter_mut().map(|visit| &mut visit.caregiver).chain([client]).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Its words as an SMS: in GSM-7 where that can say them.
    #[must_use]
    pub fn sms(&self, locale: Locale) -> String {
        gsm7::fold(&self.text(locale))
    }

    /// At most once what may go to a family. A code is among that: who doesn't get theirs asks for another, whoever
    /// they are.
    #[must_use]
    pub fn promise(&self) -> Promise {
        match self {
            Self::OneTimeCode { .. }
            | Self::FamilyCallUnanswered {}
            | Self::FamilyDaily { .. }
            | Self::ReplyStopped {}
            | Self::ReplyStarted {}
            | Self::ReplyHelp {}
            | Self::ReplyCall {}
            | Self::ReplyReceived {}
            | Self::ReplyAnswer { .. }
            | Self::ReplyNobodysFamily {}
            | Self::ReplyUnknown {} => Promise::AtMostOnce,
            Self::AlertCall { .. }
            | Self::AlertSms { .. }
            | Self::AlertPush {}
            | Self::AlertTakenPush {}
            | Self::VisitPush {}
            | Self::DecisionPush {}
            | Self::PhoneChanged {}
            | Self::FamilyCall { .. }
            | Self::FamilyCallSms { .. }
            | Self::AlertTaken {}
            | Self::AlertTakenByOther {}
            | Self::AlertPassedOn {}
            | Self::AlertUnanswered {}
            | Self::VisitLate { .. }
            | Self::VisitUnreachable { .. }
            | Self::VisitMissed { .. }
            | Self::PrivacyRequestDue { .. }
            | Self::PrivacyRequestOverdue { .. }
            | Self::PrivacyIncidentDue { .. }
            | Self::PrivacyIncidentOverdue { .. } => Promise::AtLeastOnce,
        }
    }

    /// Whether it is sent only to whom consents at that moment.
    #[must_use]
    pub fn needs_consent(&self) -> bool {
        matches!(self, Self::FamilyDaily { .. })
    }

    /// Whether the outbox forgets its values once it is sent: a code lets in whoever reads it, and what a person wrote
    /// is kept where they wrote it.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::OneTimeCode { .. } | Self::ReplyAnswer { .. })
    }

    /// What goes first: 0 caregivers' alerts, 1 families' calls, 2 what somebody waits for, 3 the rest. The first two
    /// are [urgent](Self::is_urgent).
    #[must_use]
    pub fn urgency(&self) -> i16 {
        match self {
            Self::AlertCall { .. }
            | Self::AlertSms { .. }
            | Self::AlertPush {}
            | Self::AlertTakenPush {}
            | Self::AlertUnanswered {} => 0,
            Self::FamilyCall { .. } | Self::FamilyCallSms { .. } => 1,
            Self::FamilyDaily { .. }
            | Self::PrivacyRequestDue { .. }
            | Self::PrivacyRequestOverdue { .. }
            | Self::PrivacyIncidentDue { .. }
            | Self::PrivacyIncidentOverdue { .. } => 3,
            _ => 2,
        }
    }

    /// Whether somebody asks for a person: sent by a path of its own, and repeated soon.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        self.urgency() <= 1
    }

    /// How long it is of any use, in seconds: a day at most.
    #[must_use]
    pub fn ttl_seconds(&self) -> i32 {
        match self {
            // And never past the evening: `messages::enqueue_paced`.
            Self::FamilyDaily { .. } => 4 * HOUR,
            _ => DAY,
        }
    }
}

/// A few names, and how many more.
fn listed(visits: &[DailyVisit], one: impl Fn(&DailyVisit) -> String) -> (String, usize) {
    const SHOWN: usize = 3;
    let shown: Vec<_> = visits.iter().take(SHOWN).map(one).collect();
    (shown.join(", "), visits.len().saturating_sub(SHOWN))
}

/// An `s` where there is more than one.
fn plural(count: usize) -> Cow<'static, str> {
    if count > 1 { "s".into() } else { "".into() }
}

//! TwiML: what Twilio says, asks and answers for us.

use std::io;

use domain::messages::Locale;
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};

/// How long a person has to press a key, in seconds.
const SECONDS_TO_PRESS: &str = "10";

/// Words, and the language they are spoken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// The language that the voice speaks.
    pub locale: Locale,
    /// What the voice says.
    pub text: String,
}

/// One instruction to Twilio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Speaks, and goes on with the next verb.
    Say(Spoken),
    /// Speak, and post the key that is pressed meanwhile or shortly after, or none, to `action`.
    AskForKey {
        /// An absolute address.
        action: String,
        /// What is asked.
        say: Spoken,
    },
    /// End the call.
    HangUp,
    /// Answer an SMS.
    Message(String),
}

/// A TwiML document. Empty, it tells Twilio that there is nothing to do.
#[must_use]
pub fn document(verbs: &[Verb]) -> String {
    let mut writer = Writer::new(Vec::new());
    let written = write(&mut writer, verbs);
    debug_assert!(written.is_ok(), "memory takes whatever is written");
    String::from_utf8(writer.into_inner()).unwrap_or_default()
}

fn write(writer: &mut Writer<Vec<u8>>, verbs: &[Verb]) -> io::Result<()> {
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer.create_element("Response").write_inner_content(|writer| {
        verbs.iter().try_for_each(|verb| match verb {
            Verb::Say(spoken) => say(writer, spoken),
            Verb::AskForKey { action, say: spoken } => writer
                .create_element("Gather")
                .with_attributes([
                    ("input", "dtmf"),
                    ("numDigits", "1"),
                    ("timeout", SECONDS_TO_PRESS),
                    ("actionOnEmptyResult", "true"),
                    ("action", action),
                    ("method", "POST"),
                ])
                .write_inner_content(|writer| say(writer, spoken))
                .map(drop),
            Verb::HangUp => writer.create_element("Hangup").write_empty().map(drop),
            Verb::Message(text) => text_element(writer, "Message", &[], text),
        })
    })?;
    Ok(())
}

fn say(writer: &mut Writer<Vec<u8>>, spoken: &Spoken) -> io::Result<()> {
    // Twilio's list of voices has no Canadian English.
    let voice: &[(&str, &str)] = match spoken.locale {
        Locale::EnCa => &[("language", "en-US")],
        Locale::FrCa => &[("language", "fr-CA"), ("voice", "Polly.Gabrielle-Neural")],
    };
    text_element(writer, "Say", voice, &spoken.text)
}

fn text_element(writer: &mut Writer<Vec<u8>>, name: &str, attributes: &[(&str, &str)], text: &str) -> io::Result<()> {
    let text: String = text.chars().filter(|c| is_xml(*c)).collect();
    writer
        .create_element(name)
        .with_attributes(attributes.iter().copied())
        .write_text_content(BytesText::new(&text))
        .map(drop)
}

/// What XML 1.0 can hold (section 2.2); nothing escapes the rest.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(locale: Locale, text: &str) -> Spoken {
        Spoken { locale, text: text.into() }
    }

    #[test]
    fn a_question_is_asked_in_the_language_and_voice_of_who_is_called() {
        let ask = Verb::AskForKey {
            action: "https://api.berthcare.ca/v1/voice/webhook?token=a&message=b".into(),
            say: spoken(Locale::FrCa, "Amara demande de l'aide."),
        };
        assert_eq!(
            document(&[ask, Verb::Say(spoken(Locale::EnCa, "Bye.")), Verb::HangUp]),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>\
             <Gather input=\"dtmf\" numDigits=\"1\" timeout=\"10\" actionOnEmptyResult=\"true\" \
             action=\"https://api.berthcare.ca/v1/voice/webhook?token=a&amp;message=b\" method=\"POST\">\
             <Say language=\"fr-CA\" voice=\"Polly.Gabrielle-Neural\">Amara demande de l&apos;aide.</Say></Gather>\
             <Say language=\"en-US\">Bye.</Say><Hangup/></Response>"
        );
        assert_eq!(document(&[]), "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>");
    }

    #[test]
    fn whatever_a_name_holds_stays_text() {
        let told = document(&[Verb::Message("<Dial>+1900</Dial> & \"'\u{0}\u{1b}\u{fffe}é 🙂".into())]);
        assert!(told.contains("<Message>&lt;Dial&gt;+1900&lt;/Dial&gt; &amp; &quot;&apos;é 🙂</Message>"), "{told}");
    }
}

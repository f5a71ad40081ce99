//! What a client consents to, and what is said where a consent was withdrawn.

use crate::text_enum;

/// Told where a client has withdrawn the consent to charting.
pub const CHARTING_WITHDRAWN: &str = "the client has withdrawn the consent to keep care records: nothing is charted \
    but alerts, check-in and check-out";
/// Told where a client has withdrawn the consent to photos.
pub const PHOTOS_WITHDRAWN: &str = "the client has withdrawn the consent to photos";

text_enum! {
    /// What is consented to.
    #[schema(example = "family_sharing")]
    pub enum ConsentKind {
        /// Keeping care records at all. Once it is withdrawn nothing new is charted but alerts, check-in and check-out.
        DataCollection,
        /// The family reading along.
        FamilySharing,
        /// A daily SMS to one family member.
        Sms,
        /// Photos.
        Photos,
    }
}

text_enum! {
    /// Who gives or withdraws a consent.
    #[schema(example = "substitute")]
    pub enum ConsentGiver {
        /// The client.
        Client,
        /// Whoever decides for the client.
        Substitute,
        /// The family member whom it is about.
        FamilyMember,
    }
}

text_enum! {
    /// How a consent stands.
    #[schema(example = "given")]
    pub enum ConsentState {
        /// It was given.
        Given,
        /// It was withdrawn.
        Withdrawn,
        /// Nobody has recorded either yet.
        NotRecorded,
    }
}

/// What the database calls the rule that a write breaks (`app.assert_consent`), and what is said of it.
#[must_use]
pub fn withdrawn(rule: &str) -> Option<&'static str> {
    match rule {
        "data_collection_withdrawn" => Some(CHARTING_WITHDRAWN),
        "photos_withdrawn" => Some(PHOTOS_WITHDRAWN),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_on_consent_has_its_words() {
        assert_eq!(withdrawn("data_collection_withdrawn"), Some(CHARTING_WITHDRAWN));
        assert_eq!(withdrawn("photos_withdrawn"), Some(PHOTOS_WITHDRAWN));
        assert_eq!(withdrawn("visits_overlap"), None);
    }
}

//! What to do about a message that may have been sent: a decision without clock, database or provider.

use domain::messages::Promise;
use jiff::SignedDuration;

/// How far Twilio's list may lag behind what it sent: until then "not listed" doesn't mean "not sent".
pub(super) const LISTS_LAG: SignedDuration = SignedDuration::from_mins(5);
/// For how long a list that can't be had holds up a message that must arrive.
const LIST_AWAITED: SignedDuration = SignedDuration::from_mins(1);

/// What the provider's list says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// It was sent, by this id.
    Listed(String),
    /// The provider doesn't list it.
    NotListed,
    /// The search failed, and why.
    Unclear(String),
}

/// How to go on with a message whose delivery is uncertain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was sent, by this id.
    Sent(String),
    /// Send it again.
    SendAgain,
    /// Ask again in a while.
    AskAgain {
        /// Why nothing is known.
        why: String,
    },
    /// Look again when the list can't lag behind any more.
    NotListedYet,
    /// Nobody will know, and it must not come twice.
    GiveUp,
}

/// `waited` is how long ago it was handed to the provider for the last time; `is_late` whether it is of use no more.
pub(super) fn verdict(search: Search, promise: Promise, waited: SignedDuration, is_late: bool) -> Verdict {
    match (search, promise) {
        (Search::Listed(sid), _) => Verdict::Sent(sid),
        (Search::NotListed, Promise::AtLeastOnce) => Verdict::SendAgain,
        (Search::Unclear(_), Promise::AtLeastOnce) if waited >= LIST_AWAITED => Verdict::SendAgain,
        (Search::Unclear(why), Promise::AtLeastOnce) => Verdict::AskAgain { why },
        (Search::NotListed, Promise::AtMostOnce) if waited < LISTS_LAG => Verdict::NotListedYet,
        (Search::Unclear(why), Promise::AtMostOnce) if !is_late => Verdict::AskAgain { why },
        (Search::NotListed | Search::Unclear(_), Promise::AtMostOnce) => Verdict::GiveUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_promise_is_kept_whatever_the_list_tells() {
        let listed = || Search::Listed("SM1".into());
        let unclear = || Search::Unclear("away".into());
        let ask_again = || Verdict::AskAgain { why: "away".into() };
        for (search, promise, waited, is_late, verdict) in [
            (listed(), Promise::AtLeastOnce, 0, false, Verdict::Sent("SM1".into())),
            (listed(), Promise::AtMostOnce, 600, true, Verdict::Sent("SM1".into())),
            (Search::NotListed, Promise::AtLeastOnce, 0, false, Verdict::SendAgain),
            (unclear(), Promise::AtLeastOnce, 59, false, ask_again()),
            (unclear(), Promise::AtLeastOnce, 60, false, Verdict::SendAgain),
            (Search::NotListed, Promise::AtMostOnce, 299, false, Verdict::NotListedYet),
            (Search::NotListed, Promise::AtMostOnce, 299, true, Verdict::NotListedYet),
            (Search::NotListed, Promise::AtMostOnce, 300, false, Verdict::GiveUp),
            (unclear(), Promise::AtMostOnce, 600, false, ask_again()),
            (unclear(), Promise::AtMostOnce, 600, true, Verdict::GiveUp),
        ] {
            let answer = super::verdict(search.clone(), promise, SignedDuration::from_secs(waited), is_late);
            assert_eq!(answer, verdict, "{search:?} {promise:?} after {waited} s, late: {is_late}");
        }
    }
}

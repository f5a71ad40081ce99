//! From an alert to somebody who answers: calls, one after the other, then everybody by SMS and push, until a person
//! takes the alert.
//!
//! [`plan`] decides, and knows neither clock nor database; `store::escalation` carries it out. Whoever raises an alert
//! does neither: the row itself starts its chain (`app.start_or_stop_escalation`), and the job `escalate` takes the
//! first step.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{identity::Role, messages::Locale};

pub use crate::limits::{CALL_TIMEOUT, CALLS, ROUND_TIMEOUT, ROUNDS};

/// Somebody who could answer an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnCallContact {
    /// Who is to be called.
    pub user_id: Uuid,
    /// Their number (E.164).
    pub phone: String,
    /// The language of messages to them.
    pub locale: Locale,
    /// A coordinator or an admin.
    pub role: Role,
    /// Whether they were called for this alert before.
    pub called: bool,
    /// Where they are signed in and take push messages.
    pub devices: Vec<PushDevice>,
}

/// A device that takes push messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushDevice {
    /// The device that was signed in.
    pub id: Uuid,
    /// Its address with the push service.
    pub push_token: String,
}

/// What happens next with an alert that nobody has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Call this person.
    Call(&'a OnCallContact),
    /// Notify all of these by SMS and push.
    Notify(Vec<&'a OnCallContact>),
    /// Nobody answers: say so to who asked, and to who watches over us.
    GiveUp,
}

impl Step<'_> {
    /// When the step after this one is due, where nothing else happens.
    #[must_use]
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Call(_) => Some(now + CALL_TIMEOUT),
            Self::Notify(_) => Some(now + ROUND_TIMEOUT),
            Self::GiveUp => None,
        }
    }
}

/// The step after `level`, and the level that it brings the alert to: 0 is an alert just raised, up to [`CALLS`] are
/// calls, the [`ROUNDS`] after them tell everybody. `contacts` come in the order in which they are asked.
///
/// Where fewer people can be called than that, everybody is told so much sooner. Admins are told from the second round
/// on, or from the first where there is no coordinator.
#[must_use]
pub fn plan(level: i32, contacts: &[OnCallContact]) -> (i32, Step<'_>) {
    let next = level + 1;
    if next <= CALLS
        && let Some(callee) = contacts.iter().find(|contact| !contact.called)
    {
        return (next, Step::Call(callee));
    }
    let next = next.max(CALLS + 1);
    if next > CALLS + ROUNDS || contacts.is_empty() {
        return (level, Step::GiveUp);
    }
    let first_round = next == CALLS + 1;
    let notified: Vec<_> =
        contacts.iter().filter(|contact| !first_round || contact.role == Role::Coordinator).collect();
    (next, Step::Notify(if notified.is_empty() { contacts.iter().collect() } else { notified }))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn contact(id: u128, role: Role, called: bool) -> OnCallContact {
        let user_id = Uuid::from_u128(id);
        OnCallContact { user_id, phone: String::new(), locale: Locale::EnCa, role, called, devices: Vec::new() }
    }

    fn ids(step: &Step<'_>) -> Vec<u128> {
        match step {
            Step::Call(one) => vec![one.user_id.as_u128()],
            Step::Notify(all) => all.iter().map(|one| one.user_id.as_u128()).collect(),
            Step::GiveUp => Vec::new(),
        }
    }

    #[test]
    fn two_are_called_then_the_coordinators_are_told_then_the_admins_too_then_it_ends() {
        let mut people = [
            contact(1, Role::Coordinator, false),
            contact(2, Role::Coordinator, false),
            contact(3, Role::Admin, false),
        ];
        let mut level = 0;
        let mut walked = Vec::new();
        loop {
            let (next, step) = plan(level, &people);
            let (calls, asked) = (matches!(step, Step::Call(_)), ids(&step));
            walked.push((next, calls, asked.clone()));
            if step == Step::GiveUp {
                break;
            }
            level = next;
            for person in people.iter_mut().filter(|person| calls && asked.contains(&person.user_id.as_u128())) {
                person.called = true;
            }
        }
        let mut expected = vec![(1, true, vec![1]), (2, true, vec![2]), (3, false, vec![1, 2])];
        expected.extend((4..=8).map(|level| (level, false, vec![1, 2, 3])));
        expected.push((8, false, vec![]));
        assert_eq!(walked, expected);
    }

    #[test]
    fn who_is_alone_is_called_and_then_told() {
        let before = [contact(1, Role::Coordinator, false)];
        assert_eq!(plan(0, &before), (1, Step::Call(&before[0])));
        let after = [contact(1, Role::Coordinator, true)];
        assert_eq!(plan(1, &after), (3, Step::Notify(vec![&after[0]])));
    }

    #[test]
    fn without_coordinators_admins_answer() {
        let admins = [contact(3, Role::Admin, false)];
        assert_eq!(plan(0, &admins), (1, Step::Call(&admins[0])));
        let called = [contact(3, Role::Admin, true)];
        assert_eq!(plan(1, &called), (3, Step::Notify(vec![&called[0]])));
    }

    #[test]
    fn where_nobody_is_there_that_is_said_at_once() {
        for level in 0..=CALLS + ROUNDS {
            assert_eq!(plan(level, &[]), (level, Step::GiveUp));
        }
    }

    #[test]
    fn each_step_waits_for_its_news() {
        let now: Timestamp = "2026-11-20T14:00:00Z".parse().unwrap_or_default();
        let person = contact(1, Role::Coordinator, false);
        assert_eq!(Step::Call(&person).next_due(now), Some(now + SignedDuration::from_secs(60)));
        assert_eq!(Step::Notify(vec![&person]).next_due(now), Some(now + SignedDuration::from_mins(5)));
        assert_eq!(Step::GiveUp.next_due(now), None);
    }
}

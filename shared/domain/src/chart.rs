//! How a completed visit's notes and tasks may still be written: by further versions, each with its reason. Paths of
//! REST and sync go by this; the database holds the same (`app.charting`).

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::{identity::Role, limits::CHART_OPEN_FOR, task_type::TaskType};

/// How somebody may write a visit's notes and tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charting {
    /// As they like.
    Open,
    /// As they like, with a reason.
    Correction,
    /// Adding alone, with a reason: nothing that stands there is changed or removed.
    Addendum,
}

/// Why a change of a chart is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartRefusal {
    /// It changes or removes what may only be added to.
    Changes,
    /// It has no reason.
    NoReason,
}

/// How somebody may write the chart of a visit by `caregiver`. `checked_out_at`: when the server heard of the
/// check-out, so that a phone that was long offline brings its work with it; none while the visit isn't completed.
#[must_use]
pub fn charting(
    (user, role): (Uuid, Role),
    caregiver: Uuid,
    checked_out_at: Option<Timestamp>,
    now: Timestamp,
) -> Charting {
    let Some(checked_out_at) = checked_out_at else { return Charting::Open };
    if user == caregiver && now.duration_since(checked_out_at) < CHART_OPEN_FOR {
        Charting::Open
    } else if role.sees_agency() {
        Charting::Correction
    } else {
        Charting::Addendum
    }
}

impl Charting {
    /// Whether a change may be made.
    ///
    /// # Errors
    /// Says why not.
    pub fn admits(self, only_adds: bool, has_reason: bool) -> Result<(), ChartRefusal> {
        match self {
            Self::Addendum if !only_adds => Err(ChartRefusal::Changes),
            Self::Correction | Self::Addendum if !has_reason => Err(ChartRefusal::NoReason),
            Self::Open | Self::Correction | Self::Addendum => Ok(()),
        }
    }
}

/// Whether a text is the former one, with more at its end or not.
#[must_use]
pub fn adds_to(before: Option<&str>, after: Option<&str>) -> bool {
    after.unwrap_or_default().starts_with(before.unwrap_or_default())
}

/// What is charted of a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChartedTask<'a> {
    /// What kind of task.
    pub task_type: TaskType,
    /// What was to be done.
    pub title: Option<&'a str>,
    /// Whether it was done.
    pub completed: bool,
    /// When it was completed, by the device that said so.
    pub completed_at: Option<Timestamp>,
    /// What came of it.
    pub outcome: Option<&'a str>,
    /// What was measured or given.
    pub data: Option<&'a Value>,
}

impl ChartedTask<'_> {
    /// Whether everything that `before` says stands here as it did.
    #[must_use]
    pub fn only_adds_to(&self, before: &Self) -> bool {
        (self.task_type, self.title) == (before.task_type, before.title)
            && (self.completed || !before.completed)
            && (before.completed_at.is_none() || before.completed_at == self.completed_at)
            && (before.data.is_none() || before.data == self.data)
            && adds_to(before.outcome, self.outcome)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_chart_is_its_caregivers_until_24_hours_after_the_check_out() {
        let (me, another) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let out: Timestamp = "2026-11-20T14:45:00Z".parse().unwrap();
        let last = out + SignedDuration::from_hours(24) - SignedDuration::from_nanos(1);
        for (role, late) in [
            (Role::Nurse, Charting::Addendum),
            (Role::CareAide, Charting::Addendum),
            (Role::Coordinator, Charting::Correction),
            (Role::Admin, Charting::Correction),
        ] {
            assert_eq!(charting((me, role), me, None, last), Charting::Open);
            assert_eq!(charting((me, role), me, Some(out), out), Charting::Open);
            assert_eq!(charting((me, role), me, Some(out), last), Charting::Open);
            assert_eq!(charting((me, role), me, Some(out), last + SignedDuration::from_nanos(1)), late);
            assert_eq!(charting((me, role), another, Some(out), out), late);
        }
    }

    #[test]
    fn an_addendum_and_a_correction_need_a_reason_and_an_addendum_changes_nothing() {
        for (adds, reason) in [(false, false), (false, true), (true, false), (true, true)] {
            let given = if reason { Ok(()) } else { Err(ChartRefusal::NoReason) };
            assert_eq!(Charting::Open.admits(adds, reason), Ok(()));
            assert_eq!(Charting::Correction.admits(adds, reason), given);
            assert_eq!(Charting::Addendum.admits(adds, reason), if adds { given } else { Err(ChartRefusal::Changes) });
        }
    }

    #[test]
    fn a_text_is_added_to_at_its_end() {
        for (before, after, adds) in [
            (None, None, true),
            (None, Some("Well"), true),
            (Some("Well"), Some("Well"), true),
            (Some("Well"), Some("Well. Slept."), true),
            (Some("Well"), Some("Not well"), false),
            (Some("Well"), Some("Wel"), false),
            (Some("Well"), None, false),
        ] {
            assert_eq!(adds_to(before, after), adds, "{before:?} {after:?}");
        }
    }

    #[test]
    fn a_task_is_added_to_where_it_said_nothing() {
        let (data, other, at) = (json!({"a": 1}), json!({"a": 2}), Timestamp::UNIX_EPOCH);
        let planned = ChartedTask {
            task_type: TaskType::Meals,
            title: Some("Lunch"),
            completed: false,
            completed_at: None,
            outcome: None,
            data: None,
        };
        let done =
            ChartedTask { completed: true, completed_at: Some(at), outcome: Some("Ate"), data: Some(&data), ..planned };
        assert!(done.only_adds_to(&planned) && done.only_adds_to(&done));
        assert!(!planned.only_adds_to(&done));
        for changed in [
            ChartedTask { title: Some("Supper"), ..done },
            ChartedTask { task_type: TaskType::Vitals, ..done },
            ChartedTask { completed: false, ..done },
            ChartedTask { completed_at: None, ..done },
            ChartedTask { outcome: Some("Refused"), ..done },
            ChartedTask { data: Some(&other), ..done },
            ChartedTask { data: None, ..done },
        ] {
            assert!(!changed.only_adds_to(&done), "{changed:?}");
        }
    }
}

//! What may follow what: the statuses of visits, alerts and the registers of privacy, and every move between them. The
//! paths of REST and sync go by these tables; the database's triggers hold the same ones, and a test tries each pair on
//! both.

use crate::text_enum;

/// A status, with the table of its moves.
pub trait Transitions: Copy + PartialEq + 'static {
    /// What may follow this status.
    fn next(self) -> &'static [Self];

    /// Whether this status may become `to`, or is that already.
    fn may_become(self, to: Self) -> bool {
        self == to || self.next().contains(&to)
    }
}

text_enum! {
    /// A visit's status.
    #[schema(example = "scheduled")]
    pub enum VisitStatus {
        /// Planned.
        Scheduled,
        /// The caregiver is there.
        InProgress,
        /// The caregiver has left.
        Completed,
        /// It does not take place.
        Cancelled,
        /// Nobody checked in: a guess, which a check-in overrules.
        Missed,
    }
}

impl Transitions for VisitStatus {
    /// A phone that was offline brings check-in and check-out at once, so both may be one move.
    fn next(self) -> &'static [Self] {
        match self {
            Self::Scheduled => &[Self::InProgress, Self::Completed, Self::Cancelled, Self::Missed],
            Self::Missed => &[Self::InProgress, Self::Completed],
            Self::InProgress => &[Self::Completed],
            Self::Completed | Self::Cancelled => &[],
        }
    }
}

text_enum! {
    /// An alert's status.
    #[schema(example = "calling")]
    pub enum AlertStatus {
        /// Raised; nobody has been called yet.
        Open,
        /// People are being called or notified, and nobody has acknowledged it.
        Calling,
        /// Somebody has acknowledged it.
        Acknowledged,
        /// The cause is gone.
        Resolved,
        /// Nobody answered, and whoever raised it was told so. It can still be acknowledged.
        Expired,
    }
}

impl Transitions for AlertStatus {
    /// Forward only. That nobody answered is not the end: who sees it later may still acknowledge it.
    fn next(self) -> &'static [Self] {
        match self {
            Self::Open => &[Self::Calling, Self::Acknowledged, Self::Resolved, Self::Expired],
            Self::Calling => &[Self::Acknowledged, Self::Resolved, Self::Expired],
            Self::Expired => &[Self::Acknowledged, Self::Resolved],
            Self::Acknowledged => &[Self::Resolved],
            Self::Resolved => &[],
        }
    }
}

text_enum! {
    /// Where somebody's request about their data stands.
    #[schema(example = "in_progress")]
    pub enum RequestState {
        /// Received; nobody has begun.
        Received,
        /// Somebody is at it.
        InProgress,
        /// Done as asked.
        Fulfilled,
        /// Not done, for the reason in `outcome`.
        Refused,
        /// Taken back by whoever asked.
        Withdrawn,
    }
}

impl Transitions for RequestState {
    /// What has ended stays as it is: whoever asks again makes another request.
    fn next(self) -> &'static [Self] {
        match self {
            Self::Received => &[Self::InProgress, Self::Fulfilled, Self::Refused, Self::Withdrawn],
            Self::InProgress => &[Self::Fulfilled, Self::Refused, Self::Withdrawn],
            Self::Fulfilled | Self::Refused | Self::Withdrawn => &[],
        }
    }
}

text_enum! {
    /// Where a breach stands.
    #[schema(example = "contained")]
    pub enum IncidentState {
        /// It may go on.
        Open,
        /// It can't spread any more; who must be told is still to be told.
        Contained,
        /// Its risk is assessed and who had to be told was told.
        Closed,
    }
}

impl Transitions for IncidentState {
    /// What was thought to be over may turn out not to be.
    fn next(self) -> &'static [Self] {
        match self {
            Self::Open => &[Self::Contained, Self::Closed],
            Self::Contained => &[Self::Open, Self::Closed],
            Self::Closed => &[Self::Open],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use strum::IntoEnumIterator;

    use super::*;

    /// Each status may stay what it is, and become what stands beside it in `moves`.
    fn holds<S: Transitions + Debug + IntoEnumIterator>(moves: &[(S, &[S])]) {
        for from in S::iter() {
            for to in S::iter() {
                let listed = moves.iter().any(|(status, next)| *status == from && next.contains(&to));
                assert_eq!(from.may_become(to), from == to || listed, "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn visits_go_forward_and_a_missed_one_may_still_begin() {
        use VisitStatus::{Cancelled, Completed, InProgress, Missed, Scheduled};
        holds::<VisitStatus>(&[
            (Scheduled, &[InProgress, Completed, Cancelled, Missed]),
            (Missed, &[InProgress, Completed]),
            (InProgress, &[Completed]),
        ]);
    }

    #[test]
    fn alerts_go_forward_and_an_expired_one_may_still_be_taken() {
        use AlertStatus::{Acknowledged, Calling, Expired, Open, Resolved};
        holds::<AlertStatus>(&[
            (Open, &[Calling, Acknowledged, Resolved, Expired]),
            (Calling, &[Acknowledged, Resolved, Expired]),
            (Expired, &[Acknowledged, Resolved]),
            (Acknowledged, &[Resolved]),
        ]);
    }

    #[test]
    fn requests_end_once() {
        use RequestState::{Fulfilled, InProgress, Received, Refused, Withdrawn};
        holds::<RequestState>(&[
            (Received, &[InProgress, Fulfilled, Refused, Withdrawn]),
            (InProgress, &[Fulfilled, Refused, Withdrawn]),
        ]);
    }

    #[test]
    fn breaches_may_turn_out_not_to_be_over() {
        use IncidentState::{Closed, Contained, Open};
        holds::<IncidentState>(&[(Open, &[Contained, Closed]), (Contained, &[Open, Closed]), (Closed, &[Open])]);
    }
}

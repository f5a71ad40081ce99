//! What may follow what: the statuses of visits and alerts, and every move between them. The paths of REST and sync go
//! by these tables; the database's triggers hold the same ones, and a test tries each pair on both.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text_sql;

/// A visit's status.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    ToSchema,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "scheduled")]
pub enum VisitStatus {
    /// Planned.
    Scheduled,
    /// The caregiver is there.
    InProgress,
    /// The caregiver has left.
    Completed,
    /// Called off.
    Cancelled,
    /// Nobody checked in: a guess, which a check-in overrules.
    Missed,
}
text_sql!(VisitStatus);

impl VisitStatus {
    /// Every move of a visit. A phone that was offline brings check-in and check-out at once, so both may be one move.
    pub const TRANSITIONS: &'static [(Self, Self)] = &[
        (Self::Scheduled, Self::InProgress),
        (Self::Scheduled, Self::Completed),
        (Self::Scheduled, Self::Cancelled),
        (Self::Scheduled, Self::Missed),
        (Self::Missed, Self::InProgress),
        (Self::Missed, Self::Completed),
        (Self::InProgress, Self::Completed),
    ];

    /// Whether a visit in this status may go to `to`, or is there.
    #[must_use]
    pub fn may_become(self, to: Self) -> bool {
        self == to || Self::TRANSITIONS.contains(&(self, to))
    }
}

/// An alert's status.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    ToSchema,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[schema(example = "calling")]
pub enum AlertStatus {
    /// Raised; nobody has been called yet.
    Open,
    /// People are being called or told, and nobody has taken it.
    Calling,
    /// Somebody has taken it.
    Acknowledged,
    /// The cause is gone.
    Resolved,
    /// Nobody answered, and whoever raised it was told so. It can still be taken.
    Expired,
}
text_sql!(AlertStatus);

impl AlertStatus {
    /// Every move of an alert: forward only. That nobody answered is not the end: who sees it later may still take it.
    pub const TRANSITIONS: &'static [(Self, Self)] = &[
        (Self::Open, Self::Calling),
        (Self::Open, Self::Acknowledged),
        (Self::Open, Self::Resolved),
        (Self::Open, Self::Expired),
        (Self::Calling, Self::Acknowledged),
        (Self::Calling, Self::Resolved),
        (Self::Calling, Self::Expired),
        (Self::Expired, Self::Acknowledged),
        (Self::Expired, Self::Resolved),
        (Self::Acknowledged, Self::Resolved),
    ];

    /// Whether an alert in this status may go to `to`, or is there.
    #[must_use]
    pub fn may_become(self, to: Self) -> bool {
        self == to || Self::TRANSITIONS.contains(&(self, to))
    }
}

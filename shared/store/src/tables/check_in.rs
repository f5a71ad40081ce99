//! That a caregiver came and left: what their phone says of it, and what is kept.

use domain::{
    error::Error,
    identity::Caller,
    limits::{BACKDATED_AFTER, CLOCK_TOLERANCE, FAR_FROM_HOME_M},
    record_rules::{PLAUSIBLE_TIME, WHOLE_PLACE, is_plausible_time, is_whole_place},
    validation::{Check, Faults},
};
use jiff::Timestamp;
use postgres_from_row::FromRow;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::visits::{Visit, VisitRow};
use crate::{Db, DbError, Param, identity, json_sql};

/// That a caregiver came or left, as their phone saw it. Without a fix the place is left out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"latitude": 43.6425, "longitude": -79.4475, "accuracy_m": 12.0,
    "at": "2026-11-20T14:02:10Z"}))]
pub struct CheckIn {
    /// Degrees (WGS 84).
    #[serde(default)]
    #[schema(minimum = -90, maximum = 90)]
    pub latitude: Option<f64>,
    /// Degrees (WGS 84).
    #[serde(default)]
    #[schema(minimum = -180, maximum = 180)]
    pub longitude: Option<f64>,
    /// Radius of uncertainty in metres.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub accuracy_m: Option<f64>,
    /// When, by the phone's clock; kept to the microsecond.
    #[serde(deserialize_with = "to_the_microsecond")]
    pub at: Timestamp,
}

/// PostgreSQL keeps no more: finer digits would make the same check-in, sent again, look like another.
fn to_the_microsecond<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let time = Timestamp::deserialize(deserializer)?;
    Timestamp::from_microsecond(time.as_microsecond()).map_err(serde::de::Error::custom)
}

impl Check for CheckIn {
    fn check(&self, faults: &mut Faults) {
        faults.unless(
            is_whole_place(self.latitude, self.longitude),
            if self.latitude.is_some() { "/longitude" } else { "/latitude" },
            WHOLE_PLACE,
        );
        faults.unless(is_plausible_time(self.at), "/at", PLAUSIBLE_TIME);
    }
}

/// A check-in or check-out on record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"latitude": 43.6425, "longitude": -79.4475, "accuracy_m": 12.0, "distance_m": 13.7,
    "received_at": "2026-11-20T14:02:11Z"}))]
pub struct RecordedLocation {
    /// Degrees (WGS 84).
    pub latitude: Option<f64>,
    /// Degrees (WGS 84).
    pub longitude: Option<f64>,
    /// Radius of uncertainty in metres.
    pub accuracy_m: Option<f64>,
    /// From the client's home, in metres along the great circle.
    pub distance_m: Option<f64>,
    /// When the server received it.
    pub received_at: Timestamp,
}

json_sql!(RecordedLocation);

impl RecordedLocation {
    /// Whether it records `reported`.
    pub(super) fn is(&self, reported: &CheckIn) -> bool {
        (self.latitude, self.longitude, self.accuracy_m) == (reported.latitude, reported.longitude, reported.accuracy_m)
    }
}

/// Something about a visit that a person should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "far_from_home")]
pub enum Flag {
    /// Checked in or out more than 200 m from the client's home.
    FarFromHome,
    /// The phone's clock was ahead of the server's.
    ClockAhead,
    /// Came or left about a day or more before the server heard of it: the phone's clock was behind, or it had no
    /// signal.
    Backdated,
    /// Checked in or out without a place.
    NoLocation,
    /// Left before they came, by the phone's clock.
    ImpossibleOrder,
    /// A phone sent something of it after its user was off the client's care team.
    AfterAccessEnded,
}

/// What a person should look at, in a visit's times and locations.
///
/// `times` are those of coming and leaving, in this order.
pub(super) fn flags(times: &[(Option<Timestamp>, Option<&RecordedLocation>)]) -> Vec<Flag> {
    let any = |holds: fn(Timestamp, &RecordedLocation) -> bool| {
        times
            .iter()
            .any(|(time, location)| matches!((time, location), (Some(time), Some(location)) if holds(*time, location)))
    };
    let far = any(|_, location| location.distance_m.is_some_and(|metres| metres > FAR_FROM_HOME_M));
    let ahead = any(|time, location| location.received_at.duration_until(time) > CLOCK_TOLERANCE);
    let behind = any(|time, location| time.duration_until(location.received_at) >= BACKDATED_AFTER);
    let nowhere = any(|_, location| location.latitude.is_none());
    let in_order = times.iter().filter_map(|(time, _)| *time).is_sorted();
    [
        (far, Flag::FarFromHome),
        (ahead, Flag::ClockAhead),
        (behind, Flag::Backdated),
        (nowhere, Flag::NoLocation),
        (!in_order, Flag::ImpossibleOrder),
    ]
    .into_iter()
    .filter_map(|(is, flag)| is.then_some(flag))
    .collect()
}

/// A visit that somebody comes to or leaves, as it was looked at, and what is measured of it.
#[derive(Debug)]
pub struct Attended {
    /// The visit as it was read.
    pub visit: Visit,
    distance_m: Option<f64>,
    received_at: Timestamp,
}

#[derive(FromRow)]
struct AttendedRow {
    #[from_row(flatten)]
    visit: VisitRow,
    distance_m: Option<f64>,
    received_at: Timestamp,
}

/// Looks at a visit, without a lock, and measures how far from the client's home the caregiver is.
pub async fn look(db: &Db, caller: &Caller, id: Uuid, reported: &CheckIn) -> Result<Attended, Error> {
    let [user, device, session, role, request, source_ip] = identity::params(caller);
    let CheckIn { latitude, longitude, .. } = reported;
    let rows: Vec<AttendedRow> = db
        .call_read(
            "select * from app.visit_and_distance($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &[user, device, session, role, request, source_ip, &id, latitude, longitude],
        )
        .await?;
    let AttendedRow { visit, distance_m, received_at } = rows.into_iter().next().ok_or(Error::NotFound)?;
    Ok(Attended { visit: visit.into(), distance_m, received_at })
}

/// What a caregiver does at a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attendance {
    /// Comes to the client.
    CheckIn,
    /// Leaves the client.
    CheckOut,
}

/// Records that the caregiver came or left, if the visit still is as it was looked at. None where they may not.
///
/// # Errors
/// Stale ([`DbError::is_stale`]) where it isn't.
pub async fn record(
    db: &Db,
    caller: &Caller,
    attendance: Attendance,
    attended: &Attended,
    reported: &CheckIn,
) -> Result<Option<Visit>, DbError> {
    let Attended { visit, distance_m, received_at } = attended;
    let CheckIn { latitude, longitude, accuracy_m, at } = reported;
    let location = RecordedLocation {
        latitude: *latitude,
        longitude: *longitude,
        accuracy_m: *accuracy_m,
        distance_m: *distance_m,
        received_at: *received_at,
    };
    let came = visit.stated_start().filter(|_| attendance == Attendance::CheckOut);
    let flags = flags(&[(came, None), (Some(*at), Some(&location))]);
    let details = json!({"flags": flags, "distance_m": distance_m.map(f64::round)});
    let who = identity::params(caller);
    let action = attendance.action();
    let what: [&dyn Param; 10] = [
        &action,
        &visit.id,
        &visit.change_number,
        at,
        latitude,
        longitude,
        accuracy_m,
        distance_m,
        received_at,
        &details,
    ];
    let rows: Vec<VisitRow> = db
        .call_all(
            "select * from app.record_attendance(
               $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
            &[&who[..], &what[..]].concat(),
        )
        .await?;
    Ok(rows.into_iter().next().map(Visit::from))
}

impl Attendance {
    /// As the audit log names it.
    fn action(self) -> &'static str {
        match self {
            Self::CheckIn => "visit.check_in",
            Self::CheckOut => "visit.check_out",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use jiff::SignedDuration;

    use super::*;

    /// The flags of a check-in at a place so far from home, that the server heard of so long after the phone's time.
    fn flags_of(distance_m: f64, heard_after: SignedDuration) -> Vec<Flag> {
        let at: Timestamp = "2026-11-20T14:00:00Z".parse().unwrap();
        let received_at = at + heard_after;
        let place = Some(43.65);
        let location = RecordedLocation {
            latitude: place,
            longitude: place,
            accuracy_m: None,
            distance_m: Some(distance_m),
            received_at,
        };
        flags(&[(Some(at), Some(&location))])
    }

    #[test]
    fn a_check_in_is_flagged_from_just_over_200_m_on() {
        assert_eq!(flags_of(200.0, SignedDuration::ZERO), []);
        assert_eq!(flags_of(200.000_1, SignedDuration::ZERO), [Flag::FarFromHome]);
    }

    #[test]
    fn a_clock_is_flagged_from_just_over_5_minutes_ahead_and_from_23_hours_55_behind() {
        let (tick, five_minutes) = (SignedDuration::from_micros(1), SignedDuration::from_mins(5));
        let late = SignedDuration::from_hours(24) - five_minutes;
        for (heard_after, expected) in [
            (-five_minutes, vec![]),
            (-five_minutes - tick, vec![Flag::ClockAhead]),
            (late - tick, vec![]),
            (late, vec![Flag::Backdated]),
        ] {
            assert_eq!(flags_of(0.0, heard_after), expected, "{heard_after}");
        }
    }
}

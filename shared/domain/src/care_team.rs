//! Which days a caregiver's grants cover: by which they may plan visits for themselves. Coordinators plan for anybody,
//! and that grants; what caregivers plan themselves grants nothing, so that nobody prolongs their own access.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::Deserialize;
use uuid::Uuid;

/// Why a visit can't be planned by its caregiver.
pub const NOT_ON_TEAM_THEN: &str = "must be at a time for which you are on the client's care team";

/// That a caregiver is on a client's care team between two days.
#[derive(Clone, Debug, Deserialize)]
pub struct Grant {
    /// The client whose team it is.
    pub client_id: Uuid,
    /// The first day, in the agency's time zone.
    pub starts_on: Date,
    /// The last day; open where null.
    pub ends_on: Option<Date>,
}

/// A caregiver's grants.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Grants {
    /// In which their days begin and end.
    pub time_zone: String,
    /// Each of them, past and future.
    pub grants: Vec<Grant>,
}

impl Grants {
    /// Whether they cover a visit to `client_id`, on the day it begins and on the day it ends.
    #[must_use]
    pub fn cover(&self, client_id: Uuid, start: Timestamp, end: Timestamp) -> bool {
        let Ok(zone) = TimeZone::get(&self.time_zone) else { return false };
        [start, end].into_iter().all(|time| {
            let day = time.to_zoned(zone.clone()).date();
            self.grants.iter().any(|grant| {
                grant.client_id == client_id && grant.starts_on <= day && grant.ends_on.is_none_or(|last| day <= last)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Grant, Grants};
    use jiff::Timestamp;
    use uuid::Uuid;

    #[test]
    fn a_grant_covers_its_days_in_the_agencys_time_zone() {
        let client_id = Uuid::from_u128(1);
        let day = |day: &str| day.parse().unwrap();
        let grant = Grant { client_id, starts_on: day("2026-11-10"), ends_on: Some(day("2026-11-12")) };
        let grants = Grants { time_zone: "America/Toronto".into(), grants: vec![grant] };
        for (client, start, end, covered) in [
            (1, "2026-11-10T05:00:00Z", "2026-11-10T06:00:00Z", true),
            (1, "2026-11-10T04:59:59Z", "2026-11-10T06:00:00Z", false),
            (1, "2026-11-13T03:00:00Z", "2026-11-13T04:59:59Z", true),
            (1, "2026-11-13T03:00:00Z", "2026-11-13T05:00:00Z", false),
            (2, "2026-11-11T05:00:00Z", "2026-11-11T06:00:00Z", false),
        ] {
            let time = |text: &str| -> Timestamp { text.parse().unwrap() };
            let covers = grants.cover(Uuid::from_u128(client), time(start), time(end));
            assert_eq!(covers, covered, "{client} {start} {end}");
        }
    }
}

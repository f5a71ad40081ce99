//! Which days a caregiver's grants cover: by which they may plan visits for themselves. Coordinators plan for anybody,
//! and that grants; what caregivers plan themselves grants nothing, so that nobody prolongs their own access.

use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

/// Why a visit can't be planned by its caregiver.
pub const NOT_ON_TEAM_THEN: &str = "must be at a time for which you are on the client's care team";

/// That a caregiver is on a client's care team. Grants are for days; when these begin is the database's to say.
#[derive(Clone, Debug, Deserialize)]
pub struct Grant {
    /// The client whose team it is.
    pub client_id: Uuid,
    /// The midnight at which its first day begins.
    pub begins_at: Timestamp,
    /// The midnight at which its last day ends; open where null.
    pub ends_at: Option<Timestamp>,
}

/// A caregiver's grants, past and future.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Grants(pub Vec<Grant>);

impl Grants {
    /// Whether they cover a visit to `client_id`, on the day it begins and on the day it ends.
    #[must_use]
    pub fn cover(&self, client_id: Uuid, start: Timestamp, end: Timestamp) -> bool {
        let covers = |grant: &Grant, time| grant.begins_at <= time && grant.ends_at.is_none_or(|last| time < last);
        let of_client = || self.0.iter().filter(|grant| grant.client_id == client_id);
        [start, end].into_iter().all(|time| of_client().any(|grant| covers(grant, time)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Grant, Grants};
    use jiff::Timestamp;
    use uuid::Uuid;

    #[test]
    fn a_grant_covers_its_days_from_midnight_to_midnight() {
        let client_id = Uuid::from_u128(1);
        let time = |text: &str| -> Timestamp { text.parse().unwrap() };
        let (begins_at, ends_at) = (time("2026-11-10T05:00:00Z"), Some(time("2026-11-13T05:00:00Z")));
        let grants = Grants(vec![Grant { client_id, begins_at, ends_at }]);
        for (client, start, end, covered) in [
            (1, "2026-11-10T05:00:00Z", "2026-11-10T06:00:00Z", true),
            (1, "2026-11-10T04:59:59Z", "2026-11-10T06:00:00Z", false),
            (1, "2026-11-13T03:00:00Z", "2026-11-13T04:59:59Z", true),
            (1, "2026-11-13T03:00:00Z", "2026-11-13T05:00:00Z", false),
            (2, "2026-11-11T05:00:00Z", "2026-11-11T06:00:00Z", false),
        ] {
            let covers = grants.cover(Uuid::from_u128(client), time(start), time(end));
            assert_eq!(covers, covered, "{client} {start} {end}");
        }
    }
}

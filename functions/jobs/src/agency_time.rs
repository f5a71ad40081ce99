//! What time it is where an agency is.

use domain::error::Error;
use jiff::{Timestamp, civil::Time, tz::TimeZone};
use store::{reads::daily_summary::Day, tables::agencies::Agency};

/// The agency's time zone.
pub(crate) fn zone(agency: &Agency) -> Result<TimeZone, Error> {
    TimeZone::get(&agency.time_zone).map_err(|error| Error::Internal(error.into()))
}

/// The day that `now` is in, from its midnight to the next one's: 23 to 25 hours.
pub(crate) fn day(now: Timestamp, zone: TimeZone) -> Result<Day, Error> {
    let midnights = || {
        let start = now.to_zoned(zone).start_of_day()?;
        let end = start.tomorrow()?.start_of_day()?;
        Ok::<_, jiff::Error>((start, end))
    };
    let (start, end) = midnights().map_err(|error| Error::Internal(error.into()))?;
    Ok(Day { date: start.date(), start: start.timestamp(), end: end.timestamp() })
}

/// When it is `time` that day.
pub(crate) fn at(time: Time, day: Day, zone: &TimeZone) -> Result<Timestamp, Error> {
    let moment = day.date.to_datetime(time).to_zoned(zone.clone()).map_err(|error| Error::Internal(error.into()))?;
    Ok(moment.timestamp())
}

//! A time zone: local days, hours and texts. The only place that knows of daylight saving.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use streamgauge_shared::time::{NANOS_PER_SECOND, UnixNanos};

/// Seconds of an hour.
const HOUR_S: i64 = 3_600;

/// A time zone with its name.
#[derive(Clone, Debug)]
pub struct Zone {
    zone: TimeZone,
    name: String,
}

impl Zone {
    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self { zone: TimeZone::UTC, name: "UTC".to_owned() }
    }

    /// The zone of a name in the IANA database: the system's, or else the one that is built in.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn named(name: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "time zone '{name}' is not in the IANA database: write a name as in Europe/Berlin, or UTC"
            )
        };
        let zone = TimeZone::get(name).map_err(|_| unknown())?;
        Ok(Self { name: zone.iana_name().unwrap_or(name).to_owned(), zone })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The local date at a point in time.
    pub(super) fn date(&self, at: UnixNanos) -> Date {
        self.zone.to_datetime(timestamp(at)).date()
    }

    /// The first moment of a local date.
    ///
    /// # Errors
    /// It lies beyond the years that can be expressed.
    pub(super) fn start_of(&self, date: Date) -> Result<UnixNanos, String> {
        let midnight = date.at(0, 0, 0, 0);
        // Where midnight is skipped the day begins after the gap, where it comes twice with the first.
        let start = self.zone.to_ambiguous_timestamp(midnight).compatible();
        start.map(point).map_err(|error| format!("the day {date} cannot be placed in time: {error}"))
    }

    /// The first moment of the local hour that holds a point in time. An hour that the clock repeats is two hours.
    pub(super) fn hour(&self, at: UnixNanos) -> UnixNanos {
        let offset = self.offset_s(at);
        let local = at.0.div_euclid(NANOS_PER_SECOND) + offset;
        UnixNanos((local - local.rem_euclid(HOUR_S) - offset).saturating_mul(NANOS_PER_SECOND))
    }

    /// Reads a point in time: with its offset as RFC 3339 has it, or as this zone's local time, or a date alone.
    ///
    /// # Errors
    /// It is none, or a local time that the clock skips or repeats on that day.
    pub fn parse(&self, text: &str) -> Result<UnixNanos, String> {
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            return Ok(point(timestamp));
        }
        let malformed = || {
            format!(
                "'{text}' is not a point in time: write 2026-11-03T02:00:00+01:00, or a local time of {} as in 2026-11-03T02:00",
                self.name
            )
        };
        let local: DateTime = text.parse().map_err(|_| malformed())?;
        let found = self.zone.to_ambiguous_timestamp(local);
        found.unambiguous().map(point).map_err(|_| {
            format!(
                "'{text}' does not name one moment in {}: the clock skips or repeats it on that day; write it with its offset, as in 2026-10-25T02:30:00+01:00",
                self.name
            )
        })
    }

    /// `2026-11-03 02:00 +01:00`: a local time to the minute.
    #[must_use]
    pub fn minute(&self, at: UnixNanos) -> String {
        let local = self.zone.to_datetime(timestamp(at));
        let offset = self.offset_s(at);
        let (sign, minutes) = if offset < 0 { ('-', -offset / 60) } else { ('+', offset / 60) };
        format!(
            "{} {:02}:{:02} {sign}{:02}:{:02}",
            local.date(),
            local.hour(),
            local.minute(),
            minutes / 60,
            minutes % 60
        )
    }

    /// The hour that a local clock shows, 0 to 23.
    pub(super) fn hour_of_day(&self, at: UnixNanos) -> usize {
        usize::try_from(self.zone.to_datetime(timestamp(at)).hour()).unwrap_or(0)
    }

    /// `Nov 03`.
    pub(super) fn short_day(&self, at: UnixNanos) -> String {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let date = self.date(at);
        let month = usize::try_from(date.month() - 1).ok().and_then(|month| MONTHS.get(month));
        format!("{} {:02}", month.unwrap_or(&"?"), date.day())
    }

    fn offset_s(&self, at: UnixNanos) -> i64 {
        self.zone.to_offset(timestamp(at)).seconds().into()
    }
}

/// The Monday of the week that holds a date.
pub(super) fn monday(date: Date) -> Date {
    let mut day = date;
    while day.weekday() != Weekday::Monday {
        match day.yesterday() {
            Ok(before) => day = before,
            Err(_) => return day,
        }
    }
    day
}

fn timestamp(at: UnixNanos) -> Timestamp {
    Timestamp::from_nanosecond(at.0.into()).expect("the years 1677 to 2262 can be expressed")
}

fn point(timestamp: Timestamp) -> UnixNanos {
    UnixNanos(i64::try_from(timestamp.as_nanosecond()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamgauge_shared::time::Nanos;

    fn berlin() -> Zone {
        Zone::named("Europe/Berlin").expect("a zone")
    }

    #[test]
    fn days_have_23_24_and_25_hours() {
        let zone = berlin();
        let hours = |year, month, day| {
            let date = Date::new(year, month, day).expect("a date");
            let length = zone.start_of(date.tomorrow().expect("a date")).expect("a day")
                - zone.start_of(date).expect("a day");
            length.0 / Nanos::from_secs(3_600).0
        };
        assert_eq!([hours(2026, 3, 29), hours(2026, 3, 30), hours(2026, 10, 25)], [23, 24, 25]);
    }

    #[test]
    fn the_hour_that_comes_twice_is_two_hours() {
        let zone = berlin();
        let at = |text: &str| zone.parse(text).expect(text);
        let (first, second) = (at("2026-10-25T02:10:00+02:00"), at("2026-10-25T02:10:00+01:00"));
        assert_eq!(zone.hour(second) - zone.hour(first), Nanos::from_secs(3_600));
        assert_eq!(zone.minute(zone.hour(first)), "2026-10-25 02:00 +02:00");
        assert_eq!(zone.minute(zone.hour(second)), "2026-10-25 02:00 +01:00");
        let calcutta = Zone::named("Asia/Kolkata").expect("a zone");
        assert_eq!(calcutta.minute(calcutta.hour(first)), "2026-10-25 05:00 +05:30");
    }

    #[test]
    fn a_local_time_names_one_moment_or_is_refused() {
        let zone = berlin();
        assert_eq!(zone.parse("2026-11-03T02:00"), Ok(UnixNanos::from_millis(1_793_667_600_000)));
        assert_eq!(zone.parse("2026-11-03"), zone.parse("2026-11-02T23:00:00Z"));
        assert!(zone.parse("2026-10-25T02:30").expect_err("twice").contains("+01:00"));
        assert!(zone.parse("2026-03-29T02:30").expect_err("never").contains("skips or repeats"));
        assert!(zone.parse("yesterday").expect_err("a word").contains("not a point in time"));
        assert!(Zone::named("Europe/Bonn").expect_err("none").contains("IANA"));
        assert_eq!(monday(Date::new(2026, 11, 1).expect("a date")), Date::new(2026, 10, 26).expect("a date"));
    }
}

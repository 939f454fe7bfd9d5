//! Windows: over which time an objective is held, and the periods that it makes of a time with runs.

use std::fmt;

use jiff::civil::Date;
use streamgauge_shared::time::{Nanos, UnixNanos, parse_duration};

use super::time_set::Span;
use super::zone::{Zone, monday};

/// A day of 24 hours.
pub(super) const DAY: Nanos = Nanos::from_secs(86_400);
/// Periods of one account at most: days of ten years.
const PERIODS_MAX: usize = 3_660;

/// Over which time an objective is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// So long before a moment, in whole days of 24 hours.
    Rolling(Nanos),
    /// Each local day.
    Day,
    /// Each local week, from Monday.
    Week,
    /// Each local month.
    Month,
    /// Each local quarter of a year.
    Quarter,
    /// Each local year.
    Year,
}

/// One period in which an objective is judged or shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Period {
    /// What a reader calls it.
    pub(super) label: String,
    /// From when to before when.
    pub(super) span: Span,
    /// Whether it was over at the end of the account.
    pub(super) is_over: bool,
}

impl Window {
    /// Reads `30d`, `day`, `week`, `month`, `quarter` or `year`.
    ///
    /// # Errors
    /// It is none of them, or a rolling window that is not of whole days.
    pub fn parse(text: &str) -> Result<Self, String> {
        let word = match text {
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            "quarter" => Self::Quarter,
            "year" => Self::Year,
            _ => {
                let length = parse_duration(text).ok();
                let whole_days = length.filter(|length| *length >= DAY && length.0 % DAY.0 == 0);
                return whole_days.map(Self::Rolling).ok_or_else(|| {
                    format!("window '{text}' is neither a number of days, as in 30d, nor one of day, week, month, quarter, year")
                });
            }
        };
        Ok(word)
    }

    /// Its length in the arithmetic of burn rates: a month is 30 days, a quarter 90, a year 365.
    #[must_use]
    pub fn nominal(self) -> Nanos {
        let days = match self {
            Self::Rolling(length) => return length,
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
            Self::Quarter => 90,
            Self::Year => 365,
        };
        Nanos(days * DAY.0)
    }

    /// The periods of this window that touch the time from `first` to `until`, oldest first; none where that is empty.
    ///
    /// # Errors
    /// There are too many, or they lie beyond the calendar.
    pub(super) fn periods(
        self,
        zone: &Zone,
        first: UnixNanos,
        until: UnixNanos,
    ) -> Result<Vec<Period>, String> {
        if let Self::Rolling(length) = self {
            let label = format!("{} days", length.0 / DAY.0);
            return Ok(vec![Period { label, span: (until - length, until), is_over: true }]);
        }
        let mut periods = Vec::new();
        let mut date = self.first_day(zone.date(first));
        let mut from = zone.start_of(date)?;
        while from < until {
            let next =
                self.next(date).ok_or_else(|| format!("the window that begins on {date} has no end"))?;
            let end = zone.start_of(next)?;
            periods.push(Period {
                label: self.label(date),
                span: (from, end.min(until)),
                is_over: end <= until,
            });
            if periods.len() > PERIODS_MAX {
                return Err(format!(
                    "more than {PERIODS_MAX} windows of one {self} touch these runs: give fewer runs, or a longer --window"
                ));
            }
            (date, from) = (next, end);
        }
        Ok(periods)
    }

    /// The day on which the period that holds a date begins.
    pub(super) fn first_day(self, date: Date) -> Date {
        match self {
            Self::Rolling(_) | Self::Day => date,
            Self::Week => monday(date),
            Self::Month => date.first_of_month(),
            Self::Quarter => {
                let month = (date.month() - 1) / 3 * 3 + 1;
                Date::new(date.year(), month, 1).unwrap_or_else(|_| date.first_of_month())
            }
            Self::Year => date.first_of_year(),
        }
    }

    /// The day on which the next one begins.
    fn next(self, date: Date) -> Option<Date> {
        let days = match self {
            Self::Rolling(_) | Self::Day => 1,
            Self::Week => 7,
            Self::Month => 31,
            Self::Quarter => 93,
            Self::Year => 366,
        };
        let mut after = date;
        for _ in 0..days {
            after = after.tomorrow().ok()?;
        }
        // So many days later it is in the next one, and near its beginning.
        Some(self.first_day(after))
    }

    fn label(self, date: Date) -> String {
        let (year, month) = (date.year(), date.month());
        match self {
            Self::Rolling(_) | Self::Day => date.to_string(),
            Self::Week => format!("week of {date}"),
            Self::Month => format!("{year:04}-{month:02}"),
            Self::Quarter => format!("{year:04}-Q{}", (month - 1) / 3 + 1),
            Self::Year => format!("{year:04}"),
        }
    }
}

impl fmt::Display for Window {
    /// As the option writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rolling(length) => write!(f, "{}d", length.0 / DAY.0),
            Self::Day => f.write_str("day"),
            Self::Week => f.write_str("week"),
            Self::Month => f.write_str("month"),
            Self::Quarter => f.write_str("quarter"),
            Self::Year => f.write_str("year"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(window: &str, zone: &str, first: &str, until: &str) -> Vec<(String, i64, bool)> {
        let zone = Zone::named(zone).expect("a zone");
        let at = |text: &str| zone.parse(text).expect(text);
        let window = Window::parse(window).expect("a window");
        let periods = window.periods(&zone, at(first), at(until)).expect("periods");
        let hours = |span: Span| (span.1 - span.0).0 / Nanos::from_secs(3_600).0;
        periods.into_iter().map(|period| (period.label, hours(period.span), period.is_over)).collect()
    }

    #[test]
    fn calendar_windows_begin_at_local_midnight() {
        let of = |label: &str, hours, is_over| (label.to_owned(), hours, is_over);
        assert_eq!(
            labels("day", "Europe/Berlin", "2026-10-24T13:00", "2026-10-26T06:00"),
            [of("2026-10-24", 24, true), of("2026-10-25", 25, true), of("2026-10-26", 6, false)]
        );
        assert_eq!(
            labels("month", "Europe/Berlin", "2026-10-24T13:00", "2026-12-01"),
            [of("2026-10", 31 * 24 + 1, true), of("2026-11", 30 * 24, true)]
        );
        assert_eq!(labels("week", "UTC", "2026-11-01", "2026-11-02"), [of("week of 2026-10-26", 168, true)]);
        assert_eq!(labels("quarter", "UTC", "2026-11-30", "2027-01-01"), [of("2026-Q4", 92 * 24, true)]);
        assert_eq!(labels("year", "UTC", "2024-12-31", "2025-01-01"), [of("2024", 366 * 24, true)]);
        assert_eq!(labels("30d", "UTC", "2026-11-30", "2026-12-01"), [of("30 days", 720, true)]);
        assert_eq!(labels("day", "UTC", "2026-11-30", "2026-11-30"), []);
    }

    #[test]
    fn windows_are_read_as_they_are_written() {
        for text in ["30d", "7d", "day", "week", "month", "quarter", "year"] {
            assert_eq!(Window::parse(text).expect(text).to_string(), text);
        }
        for text in ["36h", "0d", "calendar", "-1d"] {
            assert!(Window::parse(text).expect_err(text).contains("as in 30d"), "{text}");
        }
        assert_eq!(Window::Month.nominal(), Nanos(30 * DAY.0));
    }
}

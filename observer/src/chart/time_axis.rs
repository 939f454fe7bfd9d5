//! The axis of time: since the start of a run, or of the clock in UTC.

use streamgauge_shared::time::{Nanos, UnixNanos, civil_from_days};

use super::markup::{index, text_width, whole};
use super::scale::step;
use super::ticks::Tick;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;
/// Distances between labels, seconds; below them 1, 2 and 5 times a power of ten, beyond them such days.
const STEPS: [f64; 18] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, MINUTE, 120.0, 300.0, 600.0, 900.0, 1_800.0, HOUR, 7_200.0, 10_800.0,
    21_600.0, 43_200.0, DAY,
];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Ticks on the widest screen at most.
const TICKS_MAX: usize = 10;
/// Pixels between two labels at least.
const LABEL_GAP: f64 = 12.0;

/// The time that a chart spans.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeAxis {
    /// Its left end, seconds since the zero of the points' times.
    pub from_s: f64,
    /// Its right end.
    pub to_s: f64,
    /// What the zero is on the clock: labels are then in UTC. Otherwise they say how long after the zero.
    pub utc: Option<UnixNanos>,
}

impl TimeAxis {
    /// Whether it spans no time.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        // Written so that an end that is no number counts as no time.
        !(self.to_s > self.from_s && (self.to_s - self.from_s).is_finite())
    }

    /// The place of a time, 0 to 1; what lies outside is at the end.
    pub(super) fn at(&self, seconds: f64) -> f64 {
        let place = (seconds - self.from_s) / (self.to_s - self.from_s);
        if place.is_nan() { 0.0 } else { place.clamp(0.0, 1.0) }
    }

    /// Labelled places on a plot that is at least so many pixels wide.
    pub(super) fn ticks(&self, plot_width: f64) -> Vec<Tick> {
        if self.is_empty() {
            return Vec::new();
        }
        let span = self.to_s - self.from_s;
        let mut ticks = Vec::new();
        for most in (2..=TICKS_MAX).rev() {
            ticks = self.ticks_of(distance(span / index(most - 1)));
            let widest = ticks.iter().map(|tick| text_width(&tick.label)).fold(0.0, f64::max);
            let apart = ticks.windows(2).map(|pair| pair[1].at - pair[0].at).fold(1.0, f64::min);
            if ticks.len() < 2 || apart * plot_width >= widest + LABEL_GAP {
                break;
            }
        }
        ticks
    }

    fn ticks_of(&self, distance: f64) -> Vec<Tick> {
        // Labels of the clock stand at its own round times.
        let zero = self.utc.map_or(0.0, |utc| Nanos(utc.0).as_secs_f64());
        let slack = distance * 1e-6;
        let first = ((self.from_s + zero - slack) / distance).ceil();
        let times = (0..=TICKS_MAX * 2).map(|n| (first + index(n)) * distance);
        times
            .take_while(|time| time - zero <= self.to_s + slack)
            .map(|time| Tick { at: self.at(time - zero), label: self.label(time, distance) })
            .collect()
    }

    fn label(&self, time: f64, distance: f64) -> String {
        if self.utc.is_some() { clock(time, distance) } else { elapsed(time) }
    }

    /// A time by itself: `12m30s`, or `Nov 30 10:30:15` in UTC.
    #[must_use]
    pub fn words(&self, seconds: f64) -> String {
        match self.utc {
            None => elapsed(seconds),
            Some(utc) => {
                let time = Nanos(utc.0).as_secs_f64() + seconds;
                format!("{} {}", date(time), clock(time + 0.000_001, 1.5))
            }
        }
    }
}

fn distance(least: f64) -> f64 {
    if least <= STEPS[0] {
        return step(least);
    }
    let slack = 1.0 - 1e-9;
    STEPS.into_iter().find(|step| *step >= least * slack).unwrap_or_else(|| step(least / DAY) * DAY)
}

/// `0`, `0.5s`, `90s` as `1m30s`, `1h30m`, `2d`: without the parts that are zero.
fn elapsed(seconds: f64) -> String {
    if seconds < 0.0 {
        return format!("-{}", elapsed(-seconds));
    }
    if seconds < MINUTE {
        return if seconds < 1e-9 { "0".to_owned() } else { format!("{}s", super::unit::plain(seconds)) };
    }
    let whole_seconds = whole(seconds);
    let parts = [
        (whole_seconds / 86_400, "d"),
        (whole_seconds / 3_600 % 24, "h"),
        (whole_seconds / 60 % 60, "m"),
        (whole_seconds % 60, "s"),
    ];
    let shown = parts.into_iter().filter(|(count, _)| *count > 0);
    shown.map(|(count, unit)| format!("{count}{unit}")).collect()
}

/// The clock in UTC, as exact as the labels are apart; the date where a day begins.
fn clock(time: f64, distance: f64) -> String {
    let of_day = whole(time.rem_euclid(DAY).floor());
    let (hours, minutes, seconds) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    if of_day == 0 && distance >= MINUTE {
        date(time)
    } else if distance >= MINUTE {
        format!("{hours:02}:{minutes:02}")
    } else if distance >= 1.0 {
        format!("{hours:02}:{minutes:02}:{seconds:02}")
    } else {
        let millis = whole(time.rem_euclid(1.0) * 1_000.0);
        format!("{seconds:02}.{millis:03}")
    }
}

/// `Nov 30`.
fn date(time: f64) -> String {
    let (_, month, day) = civil_from_days(whole((time / DAY).floor()));
    let month = usize::try_from(month - 1).ok().and_then(|month| MONTHS.get(month)).unwrap_or(&"");
    format!("{month} {day}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: TimeAxis, width: f64) -> Vec<String> {
        axis.ticks(width).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn elapsed_times_and_the_clock_have_round_labels() {
        let axis = |to_s, utc| TimeAxis { from_s: 0.0, to_s, utc };
        assert_eq!(
            labels(axis(300.0, None), 500.0),
            ["0", "30s", "1m", "1m30s", "2m", "2m30s", "3m", "3m30s", "4m", "4m30s", "5m"][..]
                .iter()
                .step_by(2)
                .copied()
                .collect::<Vec<_>>()
        );
        assert_eq!(labels(axis(48.0 * HOUR, None), 200.0), ["0", "12h", "1d", "1d12h", "2d"]);
        assert_eq!(labels(axis(0.4, None), 200.0), ["0", "0.1s", "0.2s", "0.3s", "0.4s"]);
        // 2026-11-23T04:05:06Z
        let utc = Some(UnixNanos(1_795_406_706_000_000_000));
        assert_eq!(labels(axis(7_200.0, utc), 220.0), ["04:30", "05:00", "05:30", "06:00"]);
        assert_eq!(labels(axis(2.0 * DAY, utc), 220.0), ["12:00", "Nov 24", "12:00", "Nov 25"]);
        assert_eq!(axis(1.0, utc).words(30.0), "Nov 23 04:05:36");
        assert!(labels(axis(0.0, None), 500.0).is_empty());
        assert!(labels(axis(f64::NAN, None), 500.0).is_empty());
    }
}

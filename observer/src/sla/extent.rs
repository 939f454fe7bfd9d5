//! Over which time a run measured, and which of it is not to be believed.

use serde::Serialize;
use streamgauge_shared::report::{Report, ValidityState};
use streamgauge_shared::time::{NANOS_PER_SECOND, Nanos, UnixNanos};

use super::time_set::{Span, TimeSet, whole_minutes};

/// The time of one run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Extent {
    /// When its measured phase began: its first row was sent, or was to be.
    pub(super) from: UnixNanos,
    /// When it ended: its last row arrived or was sent, or the run was last heard of.
    pub(super) until: UnixNanos,
    /// What of it is to be believed.
    pub(super) measured: TimeSet,
    /// What is not, and why.
    pub(super) not_measured: Vec<NotMeasured>,
}

/// Time of a run that was not measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NotMeasured {
    /// The code of the reason: one of an INVALID run's, or `no_interval_log`.
    pub code: String,
    /// What was seen.
    pub seen: String,
    /// Its whole minutes within the run; all of the run where the reason has no span.
    #[serde(skip)]
    pub(super) spans: Vec<Span>,
    /// How long they are together, seconds.
    pub seconds: f64,
    /// Whether it is the whole run.
    pub whole_run: bool,
}

impl Extent {
    /// The time of a run that started at `started_at` and whose first row began at `first`, as far as that is known.
    /// Without an interval log nothing of it is measured.
    pub(super) fn of(
        report: &Report,
        started_at: UnixNanos,
        first: Option<UnixNanos>,
        has_log: bool,
    ) -> Self {
        let from = first.unwrap_or(started_at);
        let sent = report.load.seconds.iter().rev().find(|second| second.sent > 0 || second.arrived > 0);
        let last_second = sent.map_or(Nanos::ZERO, |second| seconds(second.end_s()));
        // A step of several seconds may reach beyond the end: the report's own length is exact.
        let length = seconds(report.run.duration_s);
        let length = if last_second - length > seconds(60.0) { last_second } else { length };
        let until = from + length.max(Nanos(1));
        let whole = (from, until);
        let mut not_measured = Vec::new();
        let mut away = |code: &str, seen: &str, spans: Vec<Span>| {
            let whole_run = spans.is_empty();
            let spans = if whole_run { vec![whole] } else { spans.into_iter().map(whole_minutes).collect() };
            let inside = TimeSet::of(spans).within(from, until);
            not_measured.push(NotMeasured {
                code: code.to_owned(),
                seen: seen.to_owned(),
                seconds: inside.length().as_secs_f64(),
                spans: inside.spans().to_vec(),
                whole_run,
            });
        };
        if !has_log {
            away("no_interval_log", "the run has no latencies over time", Vec::new());
        }
        for reason in report.validity.reasons.iter().filter(|reason| reason.grade == ValidityState::Invalid) {
            let at = |s: f64| started_at + seconds(s);
            let spans = reason.spans.iter().map(|span| (at(span.from_s), at(span.until_s)));
            away(&reason.code, &reason.seen, spans.collect());
        }
        let gone = TimeSet::of(not_measured.iter().flat_map(|away| away.spans.iter().copied()));
        Self { from, until, measured: TimeSet::of([whole]).without(&gone), not_measured }
    }

    /// The nearest point in time within the run.
    pub(super) fn clamp(&self, at: UnixNanos) -> UnixNanos {
        at.clamp(self.from, UnixNanos((self.until.0 - 1).max(self.from.0)))
    }

    /// The run's span.
    pub(super) fn span(&self) -> Span {
        (self.from, self.until)
    }
}

/// A span from seconds with a fraction.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float to integer cast saturates, which is what is meant"
)]
pub(super) fn seconds(seconds: f64) -> Nanos {
    Nanos((seconds * NANOS_PER_SECOND as f64).round() as i64)
}

//! Figures in words, the same in text and HTML.

use streamgauge_shared::report::as_share;
use streamgauge_shared::time::Nanos;

use super::extent::{NotMeasured, seconds};
use super::result::{BadBy, BurnAccount, Figures, ObjectiveAccount, PeriodAccount, Verdict};
use super::time_set::Span;
use super::zone::Zone;

/// A count's share of all in percent, cut and not rounded: 100 % means all. `-` of none.
pub(super) fn share(count: u64, all: u64, decimals: usize) -> String {
    if all == 0 {
        return "-".to_owned();
    }
    let places = 10_u128.pow(u32::try_from(decimals).unwrap_or(2));
    let parts = u128::from(count) * 100 * places / u128::from(all);
    format!("{}.{:0decimals$}%", parts / places, parts % places)
}

/// A share that may be absent.
pub(super) fn maybe_share(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), as_share)
}

/// A burn rate.
pub(super) fn burn(burn: Option<f64>) -> String {
    burn.map_or_else(|| "-".to_owned(), |burn| format!("{burn:.2}"))
}

/// A threshold of burn rates, without zeros that say nothing: `14.4`, `6`.
pub(super) fn threshold(threshold: f64) -> String {
    let text = format!("{threshold:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A span of seconds: `12h30m00s`.
pub(super) fn span(length_s: f64) -> String {
    seconds(length_s).to_string()
}

/// A length of a window: `5m`, `6h`, `3d`.
pub(super) fn window(length_s: f64) -> String {
    let minutes = seconds(length_s).0 / Nanos::from_secs(60).0;
    match minutes {
        minutes if minutes % 1_440 == 0 => format!("{}d", minutes / 1_440),
        minutes if minutes % 60 == 0 => format!("{}h", minutes / 60),
        minutes => format!("{minutes}m"),
    }
}

/// `2026-11-03 02:00 +01:00 to 2026-11-03 05:30 +01:00 (3h30m00s)`.
pub(super) fn when((from, until): &Span, zone: &Zone) -> String {
    format!("{} to {} ({})", zone.minute(*from), zone.minute(*until), *until - *from)
}

/// The label of a period, and that it goes on.
pub(super) fn label(period: &PeriodAccount) -> String {
    if period.is_over { period.label.clone() } else { format!("{}*", period.label) }
}

/// Why rows are bad, those above zero: `12 slower, 3 lost`.
pub(super) fn bad_by(bad: &BadBy) -> String {
    let parts = [
        (bad.slower, "slower"),
        (bad.lost, "lost"),
        (bad.overdue, "overdue"),
        (bad.rejected, "rejected"),
        (bad.unknown, "of unknown fate"),
        (bad.never_sent, "never sent"),
        (bad.cannot_be_told, "that cannot be told"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, why)| format!("{count} {why}"))
        .collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

/// Rows that are neither good nor bad, or are worth a word; empty where there are none.
pub(super) fn beside(figures: &Figures) -> String {
    let parts = [
        (figures.late, "after their deadline"),
        (figures.unmeasured_within, "unmeasured and certainly within"),
        (figures.superseded, "superseded (neither)"),
        (figures.waiting, "still on their way (neither yet)"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    parts.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}

/// How much of a period was measured: `12h00m00s measured: 100.00% of the time in which runs were going, 50.00% of the period`.
pub(super) fn measured(figures: &Figures, expected: &str) -> String {
    format!(
        "{} measured: {} of {}, {} of the period",
        span(figures.measured_s),
        maybe_share(figures.coverage),
        expect(expected),
        maybe_share(figures.measured_of_period)
    )
}

/// Time of a run that was not measured, with its reason.
pub(super) fn not_measured(away: &NotMeasured) -> String {
    let which = if away.whole_run { "all of it" } else { "minutes of it" };
    format!("{} ({which}, {}): {}", away.code, span(away.seconds), away.seen)
}

/// What a pair of burn rates is held against.
pub(super) fn rule(burn: &BurnAccount) -> String {
    format!(
        "{} over {} and {}: {} of the budget",
        threshold(burn.threshold),
        window(burn.long_s),
        window(burn.short_s),
        as_share(burn.budget_share)
    )
}

/// What coverage is held against.
pub(super) fn expect(expect: &str) -> &'static str {
    if expect == "always" { "all of the window" } else { "the time in which runs were going" }
}

/// Rows of an objective that are in no figure; nothing where there are none.
pub(super) fn left_out(objective: &ObjectiveAccount) -> Option<String> {
    let (away, maintenance) = (objective.rows_not_measured, objective.rows_in_maintenance);
    (away + maintenance > 0).then(|| {
        format!(
            "{}: {away} rows began in time that was not measured and {maintenance} in maintenance: neither good nor bad",
            objective.objective
        )
    })
}

/// The class of a verdict in the style sheet.
pub(super) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "good",
        Verdict::Missed => "bad",
        Verdict::CannotBeTold | Verdict::NoData => "warn",
    }
}

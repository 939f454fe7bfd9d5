//! Prints runs: one line each, or two beside each other, percentile by percentile.

use streamgauge_shared::report::{Figure, Stats};

use crate::measure::Measured;

/// A percentile's name, and where it stands.
type Percentile = (&'static str, fn(&Stats) -> Figure);

/// The heading of [`line()`]'s columns.
#[must_use]
pub fn heading() -> String {
    format!(
        "{:<12} {:>7} {:>8} {:>8} {:>8} {:>8}  {:<9} {:<9} {:<40} settings",
        "scenario", "rows", "p50 ms", "p95 ms", "p99 ms", "max ms", "verdict", "validity", "account, checks"
    )
}

/// One run in one line: the end-to-end latency of all operations, and what became of the rows.
#[must_use]
pub fn line(run: &Measured) -> String {
    let stats = e2e(run);
    let account = &run.report.account;
    let outcomes: Vec<String> = account
        .outcomes()
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    let checks = run.report.rates.get("checks");
    let checks =
        checks.map_or("no checks".to_owned(), |rate| format!("checks {}/{}", rate.passed, rate.total));
    let events = &run.report.events;
    let others = [("duplicate", events.duplicate), ("out of order", events.out_of_order)];
    let others: String = others
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!(", {count} {name}"))
        .collect();
    let reasons: Vec<&str> = run.report.validity.reasons.iter().map(|reason| reason.code.as_str()).collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    let [p50, p95, p99, max] = [stats.p50, stats.p95, stats.p99, stats.max].map(milliseconds);
    format!(
        "{:<12} {:>7} {p50:>8} {p95:>8} {p99:>8} {max:>8}  {:<9} {:<9} {:<40} {}",
        run.scenario.name,
        account.entries,
        format!("{:?}", run.report.verdict.state).to_lowercase(),
        format!("{}{reasons}", run.report.validity.state.name()),
        format!("{}{others}, {checks}", outcomes.join(", ")),
        run.settings,
    )
}

/// Runs of one scenario with two settings, percentile by percentile: each the median of its runs, with the factor
/// between them. Nothing where there is no run of one of them.
#[must_use]
pub fn side_by_side(left: &[&Measured], right: &[&Measured]) -> Option<String> {
    let (first, other) = (left.first()?, right.first()?);
    let (name, count) = (&first.scenario.name, left.len().min(right.len()));
    let (one_is, other_is) = (first.settings.to_string(), other.settings.to_string());
    let title = format!("{name}: cdc_e2e_latency, ms, medians of {count} run(s) each");
    let mut lines = vec![title, format!("{:<6} {one_is:>24} {other_is:>24} {:>8}", "", "factor")];
    let percentiles: [Percentile; 7] = [
        ("min", |stats| stats.min.map_or(Figure::Absent, Figure::Value)),
        ("p50", |stats| stats.p50),
        ("p90", |stats| stats.p90),
        ("p95", |stats| stats.p95),
        ("p99", |stats| stats.p99),
        ("p99.9", |stats| stats.p99_9),
        ("max", |stats| stats.max),
    ];
    for (name, of) in percentiles {
        let over = |runs: &[&Measured]| median(runs.iter().map(|run| of(&e2e(run))).collect());
        let (one, other) = (over(left), over(right));
        let factor = match (one, other) {
            (Figure::Value(one), Figure::Value(other)) if other > 0.0 => format!("{:.1}", one / other),
            _ => String::new(),
        };
        lines.push(format!("{name:<6} {:>24} {:>24} {factor:>8}", milliseconds(one), milliseconds(other)));
    }
    Some(lines.join("\n"))
}

/// The middle one, of an even number the upper; a bound counts as what it is at least.
fn median(mut figures: Vec<Figure>) -> Figure {
    let value = |figure: &Figure| match figure {
        Figure::Absent => f64::INFINITY,
        Figure::Value(value) | Figure::AtLeast(value) | Figure::Between(value, _) => *value,
    };
    figures.sort_by(|one, other| value(one).total_cmp(&value(other)));
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

fn e2e(run: &Measured) -> Stats {
    run.report.latency.get("cdc_e2e_latency").map(|latency| latency.all.clone()).unwrap_or_default()
}

fn milliseconds(figure: Figure) -> String {
    match figure {
        Figure::Absent => "no data".to_owned(),
        Figure::Value(value) => format!("{value:.1}"),
        Figure::AtLeast(low) => format!(">={low:.1}"),
        Figure::Between(low, high) => format!("{low:.1} to {high:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_and_a_bound_stays_one() {
        let values = |values: &[f64]| values.iter().copied().map(Figure::Value).collect::<Vec<_>>();
        assert_eq!(median(values(&[30.0, 10.0, 20.0])), Figure::Value(20.0));
        assert_eq!(median(values(&[10.0, 20.0])), Figure::Value(20.0));
        assert_eq!(
            median(vec![Figure::Value(1.0), Figure::AtLeast(9.0), Figure::AtLeast(8.0)]),
            Figure::AtLeast(8.0)
        );
        assert_eq!(median(vec![Figure::Absent, Figure::Absent, Figure::Value(1.0)]), Figure::Absent);
        assert_eq!(median(Vec::new()), Figure::Absent);
    }
}

//! Prometheus' rules of objectives: what is recorded, and when somebody is called.
//!
//! Counts only; no quantile is averaged, and a quiet hour is absent and not NaN. The rules keep to what `/metrics` can tell:
//! the bound is a bucket's edge, no operation is told apart, and nothing is known of time that was not measured.

use std::fmt::Write as _;

use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::LatencyRange;

use super::burn::{BurnRule, highest, rows_min, rules};
use super::objective::{Objective, edge};
use super::window::Window;
use super::words;
use crate::metrics::bucket_bounds;

/// Below it a bucket's edge is written differently by different versions of Prometheus.
const EDGE_MIN: Nanos = Nanos(200_000);
/// The names of three burn rates, fastest first; of two the first and the last.
const SPEEDS: [&str; 3] = ["Fast", "Medium", "Slow"];

/// What the rules are made from.
pub(super) struct Asked<'a> {
    pub(super) objectives: &'a [Objective],
    pub(super) window: Window,
    /// Take the next lower bucket where a bound is none.
    pub(super) lower_bucket: bool,
    /// Rows before a burn rate counts; worked out where absent.
    pub(super) rows_min: Option<u64>,
    /// The command that makes them.
    pub(super) command: &'a str,
}

/// One objective as `/metrics` can tell it.
struct Told<'a> {
    objective: &'a Objective,
    bucket: Nanos,
    /// `{objective="…"}` where there are several, for series of ours.
    selector: String,
}

/// The file of rules.
///
/// # Errors
/// A bound is no bucket's, or the objective cannot be told from `/metrics`.
pub(super) fn generate(asked: &Asked<'_>) -> Result<String, String> {
    let several = asked.objectives.len() > 1;
    let told: Result<Vec<Told<'_>>, String> =
        asked.objectives.iter().map(|objective| tell(objective, asked, several)).collect();
    let told = told?;
    let mut file = String::new();
    head(&mut file, asked, &told);
    line(&mut file, "groups:");
    line(&mut file, "  - name: streamgauge-slo");
    line(&mut file, "    rules:");
    for one in &told {
        record(&mut file, one, asked.window);
    }
    line(&mut file, "  - name: streamgauge-slo-alerts");
    line(&mut file, "    rules:");
    for one in &told {
        alerts(&mut file, one, asked);
    }
    Ok(file)
}

fn tell<'a>(objective: &'a Objective, asked: &Asked<'_>, several: bool) -> Result<Told<'a>, String> {
    if objective.operation.is_some() {
        return Err(format!(
            "objective '{objective}' is of one operation, and /metrics counts lost, rejected and dropped rows by scenario only: write the objective without operation, or watch a test of that operation alone"
        ));
    }
    if objective.latency.range() == LatencyRange::Signed {
        return Err(format!(
            "objective '{objective}' is on a latency that /metrics has in two families, for before and after: write it on cdc_e2e_latency or cdc_e2e_latency_intended"
        ));
    }
    let bounds: Vec<Nanos> =
        bucket_bounds(objective.latency).iter().copied().filter(|bound| *bound >= EDGE_MIN).collect();
    let below = bounds.iter().copied().filter(|bound| *bound <= objective.bound).max();
    let above = bounds.iter().copied().find(|bound| *bound > objective.bound);
    let bucket = match below {
        Some(bucket) if bucket == objective.bound || asked.lower_bucket => bucket,
        _ => {
            let neighbours: Vec<String> =
                [below, above].into_iter().flatten().map(|bound| bound.to_string()).collect();
            return Err(format!(
                "objective '{objective}': no bucket of /metrics ends at {}, its neighbours end at {}: write the objective with one of them, or add --lower-bucket for the one below, which alerts early and never late",
                objective.bound,
                neighbours.join(" and ")
            ));
        }
    };
    let selector = if several { format!("{{objective=\"{objective}\"}}") } else { String::new() };
    Ok(Told { objective, bucket, selector })
}

fn head(file: &mut String, asked: &Asked<'_>, told: &[Told<'_>]) {
    line(file, "# Generated; do not change it here. Change the objective and generate it again:");
    line(file, &format!("#   {}", asked.command));
    for one in told {
        let Told { objective, bucket, .. } = one;
        line(
            file,
            &format!(
                "# Objective: {objective} for {} of the rows, window {}.",
                objective.target, asked.window
            ),
        );
        if *bucket != objective.bound {
            line(
                file,
                &format!(
                    "# No bucket of /metrics ends at {}: held at the one below, {bucket}.",
                    objective.bound
                ),
            );
        }
        line(file, &format!("# Its bucket ends at {} s, at most 0.1 % above.", edge(*bucket).as_secs_f64()));
    }
    line(
        file,
        "# Bad: arrived later than that, lost, rejected, of unknown fate, never sent, or missing past its deadline.",
    );
    line(
        file,
        "# Counts only; no quantile is averaged. A time without rows is absent, not NaN. Nothing here knows of time that was",
    );
    line(file, "# not measured: for a figure that goes into a contract use 'streamgauge-observer sla'.");
}

fn record(file: &mut String, one: &Told<'_>, window: Window) {
    let Told { objective, bucket, selector } = one;
    let family = format!("streamgauge_{}_seconds", objective.latency);
    let le = edge(*bucket).as_secs_f64();
    let labels = |file: &mut String| {
        if !selector.is_empty() {
            line(file, "        labels:");
            line(file, &format!("          objective: \"{objective}\""));
        }
    };
    // Series of ours have the objective as a label where there are several, those of /metrics never.
    let ignoring = if selector.is_empty() { "" } else { "ignoring (objective) " };
    let mut one_rule = |name: &str, expression: &str| {
        line(file, &format!("      - record: {name}"));
        line(file, &format!("        expr: {expression}"));
        labels(file);
    };
    one_rule("streamgauge:slo_objective:ratio", &format!("vector({})", objective.target.share()));
    one_rule("streamgauge:slo_latency:seconds", &format!("vector({})", bucket.as_secs_f64()));
    for length in windows_of(window) {
        let over = words::window(length.as_secs_f64());
        let missing = format!("streamgauge:slo_missing:delta{over}");
        one_rule(
            &missing,
            &folded(&[
                &format!(
                    "clamp_min(sum by (scenario) (delta(streamgauge_entries{{outcome=~\"lost|rejected|unknown\"}}[{over}]))"
                ),
                &format!("+ sum by (scenario) (delta(streamgauge_overdue_entries[{over}])), 0)"),
                &format!("+ sum by (scenario) (increase(streamgauge_dropped_iterations_total[{over}]))"),
            ]),
        );
        let rows = format!("streamgauge:slo_rows:increase{over}");
        one_rule(
            &rows,
            &folded(&[
                &format!("sum by (scenario) (increase({family}_count[{over}]))"),
                &format!("+ {ignoring}{missing}{selector}"),
            ]),
        );
        one_rule(
            &format!("streamgauge:slo_bad:ratio{over}"),
            &folded(&[
                &format!("({rows}{selector}"),
                &format!("- {ignoring}sum by (scenario) (increase({family}_bucket{{le=\"{le}\"}}[{over}])))"),
                &format!("/ {ignoring}({rows}{selector} > 0)"),
            ]),
        );
    }
}

/// The windows of all burn rates, shortest first.
fn windows_of(window: Window) -> Vec<Nanos> {
    let mut windows: Vec<Nanos> = rules(window).iter().flat_map(|rule| [rule.long, rule.short]).collect();
    windows.sort_unstable();
    windows.dedup();
    windows
}

fn alerts(file: &mut String, one: &Told<'_>, asked: &Asked<'_>) {
    let rates = rules(asked.window);
    let slowest = rates.len() - 1;
    for (index, rate) in rates.iter().enumerate() {
        let speed = if index == slowest { SPEEDS[2] } else { SPEEDS[index] };
        alert(file, one, asked, rate, speed);
    }
}

fn alert(file: &mut String, one: &Told<'_>, asked: &Asked<'_>, rate: &BurnRule, speed: &str) {
    let Told { objective, bucket, selector } = one;
    let threshold = words::threshold(rate.threshold);
    if rate.threshold > highest(objective.target) {
        line(
            file,
            &format!(
                "      # No alert StreamgaugeSloBurn{speed} of {objective}: a burn rate is at most {:.0} at {}, and {threshold} is out of reach.",
                highest(objective.target),
                objective.target
            ),
        );
        return;
    }
    let [long, short] = [rate.long, rate.short].map(|window| words::window(window.as_secs_f64()));
    let rows = asked.rows_min.unwrap_or_else(|| rows_min(objective.target, rate.threshold));
    let limit = format!("{threshold} * {}", objective.target.budget());
    let of = if selector.is_empty() { String::new() } else { format!(" ({objective})") };
    let lines = [
        format!("      - alert: StreamgaugeSloBurn{speed}"),
        format!(
            "        expr: {}",
            folded(&[
                &format!("streamgauge:slo_bad:ratio{long}{selector} >= {limit}"),
                &format!("and streamgauge:slo_bad:ratio{short}{selector} >= {limit}"),
                &format!("and streamgauge:slo_rows:increase{long}{selector} >= {rows}"),
            ])
        ),
        "        for: 0s".to_owned(),
        "        labels:".to_owned(),
        format!("          severity: {}", rate.urgency.name()),
        "        annotations:".to_owned(),
        format!("          summary: \"{{{{ $labels.scenario }}}} spends its error budget at least {threshold} times too fast{of}\""),
        format!("          description: \"{{{{ $value | humanizePercentage }}}} of the rows were lost, refused, overdue or slower than {bucket} over {long}, and as many over {short}.\""),
        "          next: \"Look at the slowest rows in the run folder's rows.jsonl, then at the pipeline's backlog.\"".to_owned(),
    ];
    lines.iter().for_each(|content| line(file, content));
}

/// An expression over several lines, as YAML folds it.
fn folded(lines: &[&str]) -> String {
    let indent = " ".repeat(10);
    format!(">-\n{}", lines.iter().map(|content| format!("{indent}{content}")).collect::<Vec<_>>().join("\n"))
}

fn line(file: &mut String, content: &str) {
    writeln!(file, "{content}").expect("writing to a string cannot fail");
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;

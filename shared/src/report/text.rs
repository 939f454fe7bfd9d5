//! The summary that a person reads, in k6's shape: thresholds first, then the latencies, then the account.

use std::fmt::Write as _;

use super::{AccountReport, CauseReport, Figure, LatencyReport, Report, Stats, ValidityState, VerdictState};
use crate::display::Display;
use crate::time::Nanos;
use crate::timeline::Latency;

/// Where values start: after the name and its dots.
const NAME_COLUMNS: usize = 34;
/// Columns of one statistic.
const STAT_COLUMNS: usize = 9;

/// Colours for a terminal; plain text without.
struct Palette {
    good: &'static str,
    bad: &'static str,
    warn: &'static str,
    value: &'static str,
    faint: &'static str,
    off: &'static str,
}

const PLAIN: Palette = Palette { good: "", bad: "", warn: "", value: "", faint: "", off: "" };
const ANSI: Palette = Palette {
    good: "\x1b[32m",
    bad: "\x1b[31m",
    warn: "\x1b[33m",
    value: "\x1b[36m",
    faint: "\x1b[2m",
    off: "\x1b[0m",
};

/// What a pooler in transaction mode adds to the figures.
const POOLED: &str = "PostgreSQL is behind one in transaction mode: each statement was parsed anew and may have waited for a session of the pool, which is in every latency that begins with 'sent'";

/// The whole summary on a display.
#[must_use]
pub fn render_full(report: &Report, display: Display) -> String {
    display.fold(&render(report, display.color))
}

/// The whole summary, ending with the verdict in one line. Its lines are as long as they are.
#[must_use]
pub fn render(report: &Report, color: bool) -> String {
    let palette = if color { &ANSI } else { &PLAIN };
    let mut text = String::new();
    let sections = [
        thresholds(report, palette),
        latencies(report, palette),
        where_the_time_went(report, palette),
        account(report, palette),
        execution(report, palette),
        findings(report),
        validity(report, palette),
        verdict(report, palette),
    ];
    if let Some(merged) = &report.run.merged {
        line(&mut text, "  █ MERGED\n");
        merged.lines().iter().for_each(|said| line(&mut text, &format!("    {said}")));
        text.push('\n');
    }
    for section in sections.iter().filter(|section| !section.is_empty()) {
        text.push_str(section);
        text.push('\n');
    }
    text
}

fn thresholds(report: &Report, palette: &Palette) -> String {
    let mut text = String::new();
    if report.thresholds.is_empty() {
        return text;
    }
    line(&mut text, "  █ THRESHOLDS");
    let mut last = "";
    for result in &report.thresholds {
        if result.metric != last {
            line(&mut text, &format!("\n    {}", result.metric));
            last = &result.metric;
        }
        let (mark, colour) = if result.passed { ("✓", palette.good) } else { ("✗", palette.bad) };
        let seen = result.told(report.run.duration_s);
        line(
            &mut text,
            &format!(
                "    {colour}{mark}{} '{}' {}{seen}{}",
                palette.off, result.expression, palette.value, palette.off
            ),
        );
    }
    text.push('\n');
    text
}

fn findings(report: &Report) -> String {
    let mut text = String::new();
    let lines = report.findings.as_ref().map(super::Findings::lines).unwrap_or_default();
    if lines.is_empty() {
        return text;
    }
    line(&mut text, "  █ FINDINGS\n");
    lines.iter().for_each(|found| line(&mut text, &format!("    {found}")));
    text
}

fn latencies(report: &Report, palette: &Palette) -> String {
    let mut text = String::new();
    line(&mut text, "  █ LATENCY\n");
    if let Some(headline) = &report.headline {
        let bound = headline.beside(&report.clock);
        one_latency(&mut text, &headline.metric, &headline.alone(), bound.as_deref(), palette);
    }
    for latency in Latency::ALL {
        let Some(figures) = report.latency.get(latency.name()) else { continue };
        let bound = report.clock.beside(latency);
        one_latency(&mut text, latency.name(), figures, bound.as_deref(), palette);
    }
    measurement_floor(&mut text, report, palette);
    text.push('\n');
    for said in report.clock.lines() {
        line(&mut text, &format!("    {}clock: {said}{}", palette.faint, palette.off));
    }
    if report.run.versions.get("postgres_pooler").is_some_and(|mode| mode == "transaction") {
        line(&mut text, &format!("    {}pooler: {POOLED}{}", palette.faint, palette.off));
    }
    text.push('\n');
    text
}

/// The stages between the marks; nothing where no model names any.
fn where_the_time_went(report: &Report, palette: &Palette) -> String {
    let mut text = String::new();
    let Some(marks) = &report.marks else { return text };
    line(&mut text, "  █ WHERE THE TIME WENT\n");
    for stage in &report.stages {
        let name = format!("{} → {}", stage.from, stage.to);
        let beside = format!("  {}{}{}", palette.faint, stage.beside(), palette.off);
        line(&mut text, &format!("{}{}{beside}", dotted(&name, palette), stats(&stage.stats, palette)));
    }
    if report.stages.is_empty() {
        line(&mut text, "    no data: no row has arrived with every mark that its model names");
    }
    if let Some(note) = marks.note() {
        line(&mut text, &format!("      {}↳ {note}{}", palette.warn, palette.off));
    }
    text.push('\n');
    text
}

/// What MongoDB and the observer take by themselves, as the canary saw it; or why nobody knows.
fn measurement_floor(text: &mut String, report: &Report, palette: &Palette) {
    if let Some(floor) = &report.floor {
        line(text, &format!("{}{}", dotted("measurement_floor", palette), stats(floor, palette)));
    }
    if let Some(reason) = &report.no_floor {
        let when = if report.floor.is_some() { "ended early" } else { "not measured" };
        line(text, &format!("    {}measurement floor {when}: {reason}{}", palette.faint, palette.off));
    }
}

fn one_latency(
    text: &mut String,
    name: &str,
    figures: &LatencyReport,
    bound: Option<&str>,
    palette: &Palette,
) {
    let beside = bound.map(|bound| format!("  {}{bound}{}", palette.faint, palette.off)).unwrap_or_default();
    line(text, &format!("{}{}{beside}", dotted(name, palette), stats(&figures.all, palette)));
    if figures.by.len() > 1 {
        for by in &figures.by {
            let name = format!("  {{ {}, {} }}", by.entity, by.operation);
            line(text, &format!("{}{}", dotted(&name, palette), stats(&by.stats, palette)));
        }
    }
    let notes = figures.notes();
    if !notes.is_empty() {
        line(text, &format!("      {}↳ {}{}", palette.warn, notes.join("; "), palette.off));
    }
}

/// One percentile, as every summary prints it: `3.1ms`, `≥3.1ms`, `3.1ms to 17ms`, `-`.
#[must_use]
pub fn figure_words(figure: Figure) -> String {
    match figure {
        Figure::Absent => "-".to_owned(),
        Figure::Value(value) => millis(value),
        Figure::AtLeast(low) => format!("≥{}", millis(low)),
        Figure::Between(low, high) => format!("{} to {}", millis(low), millis(high)),
    }
}

fn stats(stats: &Stats, palette: &Palette) -> String {
    if stats.count + stats.censored + stats.unmeasured == 0 {
        return "no data".to_owned();
    }
    let plain = |value: Option<f64>| value.map_or("-".to_owned(), millis);
    let figure = figure_words;
    let columns = [
        ("avg", plain(stats.mean)),
        ("min", plain(stats.min)),
        ("med", figure(stats.p50)),
        ("max", figure(stats.max)),
        ("p(90)", figure(stats.p90)),
        ("p(95)", figure(stats.p95)),
        ("p(99)", figure(stats.p99)),
    ];
    let column = |(name, value): &(&str, String)| {
        let padding = " ".repeat(STAT_COLUMNS.saturating_sub(value.chars().count()));
        format!("{name}={}{value}{}{padding}", palette.value, palette.off)
    };
    columns.iter().map(column).collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

fn account(report: &Report, palette: &Palette) -> String {
    let (account, events) = (&report.account, &report.events);
    let mut text = String::new();
    line(&mut text, "  █ ACCOUNT OF ROWS\n");
    line(&mut text, &sum_line("entries", account.entries, &account.outcomes(), palette));
    line(&mut text, &sum_line("events", events.total, &events.kinds(), palette));
    let noted = |text: &mut String, notes: Vec<String>| {
        notes.iter().for_each(|note| line(text, &format!("      {}↳ {note}{}", palette.warn, palette.off)));
    };
    noted(&mut text, events.notes());
    noted(&mut text, account.notes());
    noted(&mut text, report.rejections.notes());
    if let Some(content) = &report.content {
        let said = content.line();
        line(&mut text, &format!("{}{}{said}{}", dotted("content", palette), palette.value, palette.off));
        noted(&mut text, content.notes());
    }
    for (name, rate) in &report.rates {
        let value = format!("{} {} out of {}", as_share(rate.rate), rate.passed, rate.total);
        line(&mut text, &format!("{}{}{value}{}", dotted(name, palette), palette.value, palette.off));
    }
    text.push('\n');
    text
}

impl AccountReport {
    /// What stands under the sum of its outcomes.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.lost_no_row > 0 {
            notes.push(format!(
                "{} of the lost are deletes of rows that never arrived (no_row)",
                self.lost_no_row
            ));
        }
        let CauseReport { not_connected, cut, .. } = self.causes;
        if not_connected > 0 {
            notes.push(format!(
                "{not_connected} of the rejected were never sent, for want of a session with PostgreSQL (not_connected)"
            ));
        }
        if cut > 0 {
            notes.push(format!(
                "{cut} of the rejected were never sent, because the load ended while they waited for a session (cut)"
            ));
        }
        if self.recovered > 0 {
            notes.push(format!(
                "{} entries were recovered from events: the ledger did not hold them",
                self.recovered
            ));
        }
        notes
    }
}

/// A share in percent, cut and not rounded: 100 % means all.
#[must_use]
pub fn as_share(rate: f64) -> String {
    format!("{:.2}%", (rate * 10_000.0).floor() / 100.0)
}

/// What stands behind a counter: its rate, as a threshold on it shows it.
#[must_use]
pub fn per_second(report: &Report, counter: &str) -> String {
    report.counter_rates.get(counter).map_or_else(String::new, |rate| format!("  {}", as_rate(*rate)))
}

/// A number per second.
#[must_use]
pub fn as_rate(rate: f64) -> String {
    format!("{rate:.2}/s")
}

/// `entries....: 600 = 600 delivered + 0 late + …`: terms that are zero are left out, but never all of them.
fn sum_line(name: &str, total: u64, terms: &[(&str, u64)], palette: &Palette) -> String {
    let shown: Vec<String> =
        terms.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{count} {name}")).collect();
    let sum = if shown.is_empty() { format!("0 {}", terms[0].0) } else { shown.join(" + ") };
    format!("{}{}{total}{} = {sum}", dotted(name, palette), palette.value, palette.off)
}

fn execution(report: &Report, palette: &Palette) -> String {
    let mut text = String::new();
    line(&mut text, "  █ EXECUTION\n");
    for (name, count) in &report.counters {
        let per_second = per_second(report, name);
        line(
            &mut text,
            &format!("{}{}{count}{}{per_second}", dotted(name, palette), palette.value, palette.off),
        );
    }
    for said in report.load.written.iter().filter_map(super::WrittenLoad::line) {
        line(&mut text, &format!("    {}{said}{}", palette.warn, palette.off));
    }
    line(
        &mut text,
        &format!(
            "{}{}{}{}",
            dotted("vus_active_max", palette),
            palette.value,
            report.load.peak_users,
            palette.off
        ),
    );
    text.push('\n');
    text
}

fn validity(report: &Report, palette: &Palette) -> String {
    let mut text = String::new();
    let colour = match report.validity.state {
        ValidityState::Valid => return text,
        ValidityState::Degraded => palette.warn,
        ValidityState::Invalid => palette.bad,
    };
    line(&mut text, "  █ WHY THE MEASUREMENT IS IN DOUBT\n");
    for reason in &report.validity.reasons {
        let head = format!("    {colour}{} ({}){}: ", reason.code, reason.grade.name(), palette.off);
        reason.lines(&head).iter().for_each(|content| line(&mut text, content));
    }
    text.push('\n');
    text
}

fn verdict(report: &Report, palette: &Palette) -> String {
    let (word, rest) = verdict_words(report);
    let colour = match report.verdict.state {
        VerdictState::Passed => palette.good,
        VerdictState::Interrupted => palette.warn,
        _ => palette.bad,
    };
    format!("  {colour}{word}{}{rest}\n", palette.off)
}

/// The verdict in the word that every summary has for it.
#[must_use]
pub const fn verdict_word(state: VerdictState) -> &'static str {
    match state {
        VerdictState::Passed => "PASSED",
        VerdictState::Failed => "FAILED",
        VerdictState::Aborted => "ABORTED",
        VerdictState::Interrupted => "INTERRUPTED",
        VerdictState::Invalid => "INVALID",
        VerdictState::Error => "ERROR",
    }
}

/// The verdict in one word, and the rest of its sentence.
#[must_use]
pub fn verdict_words(report: &Report) -> (&'static str, String) {
    let failed = report.thresholds.iter().filter(|result| !result.passed).count();
    let thresholds = match (report.thresholds.len(), failed) {
        (0, _) => "no thresholds".to_owned(),
        (all, 0) => format!("all {all} thresholds hold"),
        (all, failed) => format!("{failed} of {all} thresholds crossed or without data"),
    };
    let word = verdict_word(report.verdict.state);
    let cause = report.verdict.cause.as_ref().map(|cause| format!("; {cause}")).unwrap_or_default();
    let state = report.validity.state.name().to_uppercase();
    let exit_code = report.verdict.exit_code;
    (word, format!(" (exit code {exit_code}): {thresholds}; measurement {state}{cause}"))
}

fn dotted(name: &str, palette: &Palette) -> String {
    let dots = ".".repeat(NAME_COLUMNS.saturating_sub(name.chars().count()));
    format!("    {name}{}{dots}{}: ", palette.faint, palette.off)
}

/// Milliseconds as every summary prints them: `3.05ms`, `17s`.
#[must_use]
pub fn millis(value: f64) -> String {
    Nanos::from_millis_f64(value).to_string()
}

fn line(text: &mut String, content: &str) {
    writeln!(text, "{content}").expect("writing to a string cannot fail");
}

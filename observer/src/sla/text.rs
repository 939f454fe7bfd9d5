//! The account as text, at most 100 columns wide where no name is longer.

use std::fmt::Write as _;

use streamgauge_shared::report::{ValidityState, figure_words};

use super::result::{Account, ObjectiveAccount, PeriodAccount, Verdict};
use super::words::{self, burn, maybe_share, share};
use super::zone::Zone;

/// Columns that prose is broken at.
const COLUMNS: usize = 100;
/// Gaps and runs that are listed; JSON and HTML have all.
const LISTED: usize = 5;

/// The account, ending with the verdict in one line.
#[must_use]
pub fn render(account: &Account, zone: &Zone) -> String {
    let mut text = String::new();
    head(&mut text, account, zone);
    for objective in &account.objectives {
        one(&mut text, account, objective);
    }
    not_measured(&mut text, account, zone);
    for note in &account.notes {
        prose(&mut text, "    note: ", note);
    }
    if !account.notes.is_empty() {
        text.push('\n');
    }
    let verdicts = account.objectives.iter().map(|objective| {
        format!("{} for {} {}", objective.objective, objective.target, objective.verdict.words())
    });
    let verdicts: Vec<String> = verdicts.collect();
    let word = account.verdict.words().to_uppercase();
    prose(
        &mut text,
        &format!("  {word} (exit code {}): ", account.verdict.exit_code().number()),
        &verdicts.join("; "),
    );
    text
}

fn head(text: &mut String, account: &Account, zone: &Zone) {
    let title = account.title.as_ref().map(|title| format!(": {title}")).unwrap_or_default();
    line(text, &format!("  █ SERVICE LEVEL{title}\n"));
    line(text, &format!("    {}, {}", words::when(&(account.from, account.until), zone), account.zone));
    let expect = words::expect(account.expect);
    line(text, &format!("    window {}; coverage is held against {expect}", account.window));
    let of = |state: ValidityState| account.runs.iter().filter(|run| run.validity == state).count();
    let states = ValidityState::ALL.map(|state| format!("{} {}", of(state), state.name().to_uppercase()));
    line(text, &format!("    runs: {} ({})", account.runs.len(), states.join(", ")));
    for run in account.runs.iter().filter(|run| !run.complete) {
        line(text, &format!("    {} did not end, or goes on: as of {}", run.id, zone.minute(run.until)));
    }
    text.push('\n');
}

fn one(text: &mut String, account: &Account, objective: &ObjectiveAccount) {
    let name = objective.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    let mark = match objective.verdict {
        Verdict::Met => '✓',
        Verdict::Missed => '✗',
        Verdict::CannotBeTold | Verdict::NoData => '?',
    };
    let verdict = objective.verdict.words();
    line(
        text,
        &format!("  {mark} {name}{} for {} of the rows: {verdict}\n", objective.objective, objective.target),
    );
    table(text, objective, "window", &objective.windows);
    for window in &objective.windows {
        let figures = &window.figures;
        let label = if objective.windows.len() > 1 { format!("{}: ", window.label) } else { String::new() };
        if figures.bad > 0 {
            prose(text, &format!("    {label}bad: "), &words::bad_by(&figures.bad_by));
        }
        let beside = words::beside(figures);
        if !beside.is_empty() {
            prose(text, &format!("    {label}also: "), &beside);
        }
        if let Some(within) = figures.within {
            let [s1, s5, s30] = [within.s1, within.s5, within.s30].map(|share| maybe_share(Some(share)));
            line(text, &format!("    {label}within 1 s {s1}, within 5 s {s5}, within 30 s {s30}"));
        }
        prose(text, &format!("    {label}"), &words::measured(figures, account.expect));
    }
    text.push('\n');
    if account.window != "day" {
        table(text, objective, "day", &objective.days);
        text.push('\n');
    }
    if !objective.worst_hours.is_empty() {
        table(text, objective, "worst hours", &objective.worst_hours);
        text.push('\n');
    }
    burn_table(text, objective);
}

fn table(text: &mut String, objective: &ObjectiveAccount, first: &str, periods: &[PeriodAccount]) {
    let row = |label: &str, cells: [&str; 8]| {
        let [rows, bad, within, p95, p99, covered, left, verdict] = cells;
        format!(
            "    {label:<24} {rows:>9} {bad:>7} {within:>9} {p95:>9} {p99:>9} {covered:>8} {left:>9}  {verdict}"
        )
    };
    let head = ["rows", "bad", "within", "p(95)", "p(99)", "covered", "budget", ""];
    line(text, row(first, head).trim_end());
    let is_empty = |period: &&PeriodAccount| period.figures.rows == 0 && period.figures.expected_s <= 0.0;
    for period in periods.iter().filter(|period| !is_empty(period)) {
        let figures = &period.figures;
        let cells = [
            &figures.rows.to_string(),
            &figures.bad.to_string(),
            &share(figures.good, figures.rows, objective.target.decimals()),
            &figure_words(figures.percentiles.p95),
            &figure_words(figures.percentiles.p99),
            &maybe_share(figures.coverage),
            &maybe_share(figures.budget_left),
            short(period.verdict),
        ];
        line(text, row(&words::label(period), cells.map(|cell: &str| cell)).trim_end());
    }
    if periods.iter().any(|period| !period.is_over) {
        line(text, "    * so far, or cut by the window");
    }
    match periods.iter().filter(is_empty).count() {
        0 => {}
        without => line(text, &format!("    {without} of {} without a run", periods.len())),
    }
}

/// One mark for a column.
fn short(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "✓",
        Verdict::Missed => "✗",
        Verdict::CannotBeTold | Verdict::NoData => "?",
    }
}

fn burn_table(text: &mut String, objective: &ObjectiveAccount) {
    let row = |label: &str, cells: [&str; 7]| {
        let [threshold, long, short, rows, least, covered, state] = cells;
        format!(
            "    {label:<20} {threshold:>9} {long:>9} {short:>9} {rows:>9} {least:>9} {covered:>8}  {state}"
        )
    };
    let head = ["counts at", "long", "short", "rows", "at least", "covered", ""];
    line(text, row("burn rate at the end", head).trim_end());
    for rate in &objective.burn {
        let windows = format!("{} and {}", words::window(rate.long_s), words::window(rate.short_s));
        let cells = [
            &words::threshold(rate.threshold),
            &burn(rate.long_burn),
            &burn(rate.short_burn),
            &rate.rows.to_string(),
            &rate.rows_min.to_string(),
            &maybe_share(rate.coverage),
            rate.state.words(),
        ];
        line(text, &row(&windows, cells.map(|cell: &str| cell)));
    }
    text.push('\n');
}

fn not_measured(text: &mut String, account: &Account, zone: &Zone) {
    line(text, "  █ WHAT WAS NOT MEASURED\n");
    let mut nothing = true;
    let mut some = |text: &mut String, head: &str, spans: &[super::time_set::Span]| {
        if spans.is_empty() {
            return;
        }
        nothing = false;
        let all: f64 = spans.iter().map(|(from, until)| (*until - *from).as_secs_f64()).sum();
        line(text, &format!("    {head}: {}, {} together", spans.len(), words::span(all)));
        for span in spans.iter().take(LISTED) {
            line(text, &format!("      {}", words::when(span, zone)));
        }
        if spans.len() > LISTED {
            line(text, &format!("      and {} more", spans.len() - LISTED));
        }
    };
    some(text, "gaps without a run", &account.gaps);
    some(text, "maintenance, left out of every figure", &account.maintenance);
    some(text, "several runs side by side, their rows are added", &account.overlaps);
    for run in &account.runs {
        for away in &run.not_measured {
            nothing = false;
            prose(text, &format!("    {}: ", run.id), &words::not_measured(away));
        }
        for lack in &run.lacks {
            nothing = false;
            prose(text, &format!("    {}: ", run.id), lack);
        }
    }
    for said in account.objectives.iter().filter_map(words::left_out) {
        nothing = false;
        prose(text, "    ", &said);
    }
    if nothing {
        line(text, "    nothing is missing: every minute of every run was measured");
    }
    text.push('\n');
}

/// A sentence behind its head, broken at the width.
fn prose(text: &mut String, head: &str, sentence: &str) {
    let indent = " ".repeat(6);
    let mut current = head.to_owned();
    let mut is_first = true;
    for word in sentence.split(' ') {
        if current.chars().count() + word.chars().count() > COLUMNS && !is_first {
            line(text, current.trim_end());
            current.clone_from(&indent);
        }
        current.push_str(word);
        current.push(' ');
        is_first = false;
    }
    line(text, current.trim_end());
}

fn line(text: &mut String, content: &str) {
    writeln!(text, "{content}").expect("writing to a string cannot fail");
}

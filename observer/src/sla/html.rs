//! The account as one HTML file that opens from disk: suited to be sent with an invoice.
//!
//! Question, answer, evidence, what was not measured, method. The words are those of the text.

use askama::Template;
use streamgauge_shared::report::figure_words;
use streamgauge_shared::time::UnixNanos;

use super::judge::COVERAGE_MIN;
use super::result::{
    Account, BurnAccount, BurnState, Hour, ObjectiveAccount, PeriodAccount, RunLine, Verdict, Within,
};
use super::time_set::Span;
use super::words::{self, maybe_share, share};
use super::zone::Zone;
use crate::chart::{
    Axis, Calendar, CalendarCell, CalendarRow, Caption, CellState, Detail, Limit, Lines, Point, Quantity,
    Series, SpanKind, TimeAxis, Tone,
};
use crate::html::rendered;

/// Hours of a day.
const HOURS: usize = 24;

/// What stands above the cells of a period.
const PERIOD_HEAD: [&str; 15] = [
    "rows",
    "bad",
    "within",
    "lost",
    "late",
    "p50",
    "p95",
    "p99",
    "within 1 s",
    "5 s",
    "30 s",
    "measured",
    "coverage",
    "budget left",
    "burn",
];

#[derive(Template)]
#[template(path = "sla/account.html")]
struct Page<'a> {
    account: &'a Account,
    title: String,
    span: String,
    expect: &'static str,
    sections: Vec<Section<'a>>,
    gaps: Vec<String>,
    maintenance: Vec<String>,
    overlaps: Vec<String>,
    left_out: Vec<String>,
    runs: Vec<Row>,
    version: &'static str,
}

/// One objective.
struct Section<'a> {
    objective: &'a ObjectiveAccount,
    target: String,
    /// Of the style sheet.
    class: &'static str,
    verdict: &'static str,
    answer: String,
    glance: Vec<(String, &'static str)>,
    windows: Vec<Row>,
    said: Vec<String>,
    calendar: String,
    budget: String,
    days: Vec<Row>,
    hours: Vec<Row>,
    burn: Vec<Row>,
}

/// A row of a table in words.
struct Row {
    name: String,
    cells: Vec<String>,
    /// Its last cell, with its class of the style sheet.
    last: String,
    class: &'static str,
}

/// The document.
#[must_use]
pub(super) fn render(account: &Account, zone: &Zone) -> String {
    let objectives = account.objectives.iter().zip(0..);
    let spans = |spans: &[Span]| spans.iter().map(|span| words::when(span, zone)).collect();
    let left_out = account.objectives.iter().filter_map(words::left_out);
    rendered(&Page {
        account,
        title: account.title.clone().unwrap_or_else(|| "Service level".to_owned()),
        span: words::when(&(account.from, account.until), zone),
        expect: words::expect(account.expect),
        sections: objectives.map(|(objective, number)| section(account, objective, zone, number)).collect(),
        gaps: spans(&account.gaps),
        maintenance: spans(&account.maintenance),
        overlaps: spans(&account.overlaps),
        left_out: left_out.collect(),
        runs: account.runs.iter().map(|run| run_row(run, zone)).collect(),
        version: env!("CARGO_PKG_VERSION"),
    })
}

fn section<'a>(
    account: &Account,
    objective: &'a ObjectiveAccount,
    zone: &Zone,
    number: usize,
) -> Section<'a> {
    let decimals = objective.target.decimals();
    let rows =
        |periods: &[PeriodAccount]| periods.iter().map(|period| period_row(period, decimals)).collect();
    Section {
        objective,
        target: objective.target.to_string(),
        class: words::class(objective.verdict),
        verdict: objective.verdict.words(),
        answer: answer(objective),
        glance: objective.windows.last().map(|window| glance(objective, window)).unwrap_or_default(),
        windows: rows(&objective.windows),
        said: objective.windows.iter().flat_map(|window| said(window, account.expect)).collect(),
        calendar: calendar(account, objective, zone, number),
        budget: budget(account, objective, number),
        days: rows(&objective.days),
        hours: objective.worst_hours.iter().map(|hour| hour_row(hour, decimals)).collect(),
        burn: objective.burn.iter().map(burn_row).collect(),
    }
}

fn period_row(period: &PeriodAccount, decimals: usize) -> Row {
    let figures = &period.figures;
    let percentiles = &figures.percentiles;
    let within = |of: fn(&Within) -> f64| maybe_share(figures.within.as_ref().map(of));
    let cells = [
        figures.rows.to_string(),
        figures.bad.to_string(),
        share(figures.good, figures.rows, decimals),
        figures.bad_by.lost.to_string(),
        figures.late.to_string(),
        figure_words(percentiles.p50),
        figure_words(percentiles.p95),
        figure_words(percentiles.p99),
        within(|within| within.s1),
        within(|within| within.s5),
        within(|within| within.s30),
        words::span(figures.measured_s),
        maybe_share(figures.coverage),
        maybe_share(figures.budget_left),
        words::burn(figures.burn),
    ];
    Row {
        name: words::label(period),
        cells: cells.into(),
        last: period.verdict.words().to_owned(),
        class: words::class(period.verdict),
    }
}

fn hour_row(hour: &PeriodAccount, decimals: usize) -> Row {
    let figures = &hour.figures;
    let cells = [
        figures.rows.to_string(),
        figures.bad.to_string(),
        share(figures.good, figures.rows, decimals),
        maybe_share(figures.coverage),
        words::burn(figures.burn),
    ];
    Row { name: words::label(hour), cells: cells.into(), last: words::bad_by(&figures.bad_by), class: "" }
}

fn burn_row(rate: &BurnAccount) -> Row {
    let cells = [
        words::burn(rate.long_burn),
        words::burn(rate.short_burn),
        rate.rows.to_string(),
        rate.rows_min.to_string(),
        maybe_share(rate.coverage),
    ];
    let class = if rate.state == BurnState::Burning { "bad" } else { "" };
    Row { name: words::rule(rate), cells: cells.into(), last: rate.state.words().to_owned(), class }
}

fn run_row(run: &RunLine, zone: &Zone) -> Row {
    let mut remarks: Vec<String> = Vec::new();
    if !run.complete {
        remarks.push("it did not end, or goes on".to_owned());
    }
    remarks
        .extend(run.not_measured.iter().map(|away| format!("not measured: {}", words::not_measured(away))));
    remarks.extend(run.degraded.iter().map(|code| format!("degraded: {code}")));
    remarks.extend(run.lacks.iter().cloned());
    let cells =
        [run.test.clone(), zone.minute(run.from), zone.minute(run.until), run.validity.name().to_uppercase()];
    Row { name: run.id.clone(), cells: cells.into(), last: remarks.join("; "), class: "" }
}

/// What stands below the table of windows.
fn said(window: &PeriodAccount, expect: &str) -> Vec<String> {
    let figures = &window.figures;
    let mut said = vec![format!("{}: {}.", window.label, words::measured(figures, expect))];
    if figures.bad > 0 {
        said.push(format!("Bad in {}: {}.", window.label, words::bad_by(&figures.bad_by)));
    }
    let beside = words::beside(figures);
    if !beside.is_empty() {
        said.push(format!("Also in {}: {beside}.", window.label));
    }
    said
}

/// The answer in a sentence or two.
fn answer(objective: &ObjectiveAccount) -> String {
    let windows = objective.windows.len();
    let of = |verdict: Verdict| objective.windows.iter().filter(|window| window.verdict == verdict).count();
    let Some(last) = objective.windows.last() else { return "There is no window.".to_owned() };
    if windows > 1 {
        let counts = [Verdict::Met, Verdict::Missed, Verdict::CannotBeTold, Verdict::NoData];
        let counts = counts.into_iter().filter(|verdict| of(*verdict) > 0);
        let counts: Vec<String> =
            counts.map(|verdict| format!("{} {}", verdict.words(), of(verdict))).collect();
        return format!("Of {windows} windows: {}.", counts.join(", "));
    }
    let figures = &last.figures;
    let within = share(figures.good, figures.rows, objective.target.decimals());
    let told = format!("{within} of {} rows were within {}.", figures.rows, bound(objective));
    match objective.verdict {
        Verdict::Met | Verdict::Missed => told,
        Verdict::CannotBeTold => {
            let open = figures.bad_by.cannot_be_told;
            format!("{told} Of {open} more it cannot be told, and they decide.")
        }
        Verdict::NoData => format!(
            "{told} Only {} of the time that was to be measured was, and a verdict needs {}.",
            maybe_share(figures.coverage),
            maybe_share(Some(COVERAGE_MIN))
        ),
    }
}

fn bound(objective: &ObjectiveAccount) -> String {
    streamgauge_shared::report::millis(objective.bound_ms)
}

fn glance(objective: &ObjectiveAccount, window: &PeriodAccount) -> Vec<(String, &'static str)> {
    let figures = &window.figures;
    vec![
        (share(figures.good, figures.rows, objective.target.decimals()), "of the rows within"),
        (objective.target.to_string(), "is the objective"),
        (maybe_share(figures.budget_left), "of the error budget left"),
        (maybe_share(figures.coverage), "of the time measured"),
        (figures.rows.to_string(), "rows"),
        (figures.bad.to_string(), "bad rows"),
        (figures.bad_by.lost.to_string(), "lost rows"),
        (figure_words(figures.percentiles.p99), "99th percentile"),
    ]
}

/// Each hour of each day, by how much of the budget's pace it spent.
fn calendar(account: &Account, objective: &ObjectiveAccount, zone: &Zone, number: usize) -> String {
    let rows = objective.days.iter().map(|day| {
        let mut cells: Vec<CalendarCell> =
            (0..HOURS).map(|_| CalendarCell { state: CellState::Outside, tooltip: String::new() }).collect();
        let hours = objective.hours.iter().filter(|hour| day.from <= hour.from && hour.from < day.until);
        for hour in hours {
            let told = tooltip(hour, zone);
            let Some(cell) = cells.get_mut(zone.hour_of_day(hour.from)) else { continue };
            // An hour that the clock repeats has one cell: the worse of the two.
            let state = state(hour, objective);
            if gravity(state) >= gravity(cell.state) {
                cell.state = state;
            }
            cell.tooltip = if cell.tooltip.is_empty() { told } else { format!("{}; {told}", cell.tooltip) };
        }
        CalendarRow { name: zone.short_day(day.from), cells }
    });
    Calendar {
        caption: Caption {
            id: format!("hours-{number}"),
            title: "Each hour".to_owned(),
            scope: format!("{}, {}", words::when(&(account.from, account.until), zone), account.zone),
            description: format!(
                "Which hours spent the error budget of {} for {}, and which nobody measured.",
                objective.objective, objective.target
            ),
        },
        columns: (0..HOURS).map(|hour| hour.to_string()).collect(),
        rows: rows.collect(),
    }
    .draw()
}

fn state(hour: &Hour, objective: &ObjectiveAccount) -> CellState {
    if !hour.is_inside {
        CellState::Outside
    } else if hour.measured_s <= 0.0 {
        CellState::NotMeasured
    } else if hour.bad == 0 && hour.measured_s < COVERAGE_MIN * hour.length_s {
        CellState::PartlyMeasured
    } else if hour.bad == 0 {
        CellState::Good
    } else if objective.target.allows(hour.bad, hour.rows) {
        CellState::Warn
    } else {
        CellState::Bad
    }
}

fn gravity(state: CellState) -> u8 {
    match state {
        CellState::Outside => 0,
        CellState::Good => 1,
        CellState::PartlyMeasured => 2,
        CellState::NotMeasured => 3,
        CellState::Warn => 4,
        CellState::Bad => 5,
    }
}

fn tooltip(hour: &Hour, zone: &Zone) -> String {
    format!(
        "{}: {} bad of {} rows, {} measured",
        zone.minute(hour.from),
        hour.bad,
        hour.rows,
        words::span(hour.measured_s)
    )
}

/// What is left of the budget at the end of each day, of the last window.
fn budget(account: &Account, objective: &ObjectiveAccount, number: usize) -> String {
    let Some(window) = objective.windows.last() else { return String::new() };
    let (from, until) = (window.from, window.until);
    let since = |at: UnixNanos| (at - from).as_secs_f64();
    let all = streamgauge_shared::account::as_f64(window.figures.rows);
    let mut bad = 0;
    let days = objective.days.iter().filter(|day| from <= day.from && day.until <= until);
    let points = days.map(|day| {
        bad += day.figures.bad;
        let spent = streamgauge_shared::account::as_f64(bad) / (all * objective.target.budget());
        Point {
            at_s: since(day.from),
            width_s: since(day.until) - since(day.from),
            value: (all > 0.0).then_some(1.0 - spent),
        }
    });
    let points: Vec<Point> = points.collect();
    if points.len() < 2 {
        return String::new();
    }
    let gaps = account.gaps.iter().filter(|(start, end)| *end > from && *start < until);
    let spans = gaps.map(|gap: &Span| crate::chart::Span {
        from_s: since(gap.0.max(from)),
        to_s: since(gap.1.min(until)),
        name: "no run".to_owned(),
        kind: SpanKind::NotMeasured,
    });
    Lines {
        caption: Caption {
            id: format!("budget-{number}"),
            title: "What is left of the error budget".to_owned(),
            scope: format!("at the end of each day, {}", window.label),
            description: "The budget is the bad rows that the objective allows among all rows of the window."
                .to_owned(),
        },
        time: TimeAxis { from_s: 0.0, to_s: since(until), utc: Some(from) },
        quantity: Quantity::Share,
        values: Axis::Linear,
        series: vec![Series { name: "left".to_owned(), tone: Tone::S1, dashed: false, points }],
        spans: spans.collect(),
        limits: vec![Limit { value: 0.0, name: "spent".to_owned(), held: objective.verdict == Verdict::Met }],
        detail: Detail::Report,
    }
    .draw()
}

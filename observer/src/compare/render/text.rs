//! For a terminal of 60 columns and more.

use streamgauge_shared::report::millis;

use super::super::chronicle::History;
use super::super::comparison::{Comparison, Group};
use super::super::conditions::Grade;
use super::super::history::RUNS_MIN;
use super::super::verdict::change;
use super::words::{HEAD, cells, explained, notes, verdict};

/// From so many columns on a figure is one line of a table.
const TABLE_FROM: usize = 100;
/// The narrowest line.
const COLUMNS_MIN: usize = 60;
/// The name of a latency, at least.
const NAME_COLUMNS: usize = 24;
/// What all lines begin with.
const INDENT: &str = "    ";

/// The whole comparison.
pub(in crate::compare) fn text(comparison: &Comparison, columns: usize) -> String {
    let columns = columns.max(COLUMNS_MIN);
    let mut lines = vec![format!("  █ COMPARISON of {}", comparison.test), String::new()];
    for run in comparison.sides.iter().flatten() {
        let head = format!("{:<3} {}: {} rows in {:.0} s", run.label, run.name, run.entries, run.duration_s);
        wrap(&mut lines, INDENT, &head, columns);
    }
    if !comparison.conditions.is_empty() {
        lines.push(String::new());
    }
    for condition in &comparison.conditions {
        let mark = if condition.grade > Grade::Warning { "✗" } else { "!" };
        wrap(&mut lines, INDENT, &format!("{mark} {}", condition.sentence), columns);
    }
    let widths = widths(&comparison.groups);
    for group in &comparison.groups {
        lines.push(String::new());
        if columns >= TABLE_FROM {
            table(&mut lines, group, &widths, columns);
        } else {
            list(&mut lines, group, columns);
        }
    }
    lines.push(String::new());
    for note in notes(comparison) {
        wrap(&mut lines, &format!("{INDENT}↳ "), &note, columns);
    }
    lines.push(String::new());
    wrap(&mut lines, "  ", &verdict(comparison), columns);
    lines.join("\n") + "\n"
}

/// How wide the columns are, so that those of all latencies stand below each other: name, then all cells but the last.
fn widths(groups: &[Group]) -> [usize; 6] {
    let mut widths = [NAME_COLUMNS; 6];
    widths[1..].iter_mut().zip(HEAD).for_each(|(width, name)| *width = name.chars().count());
    for group in groups {
        widths[0] = widths[0].max(group.name.chars().count());
        for cells in group.figures.iter().map(cells) {
            let wider = widths[1..].iter_mut().zip(&cells);
            wider.for_each(|(width, cell)| *width = (*width).max(cell.chars().count()));
        }
    }
    widths
}

fn table(lines: &mut Vec<String>, group: &Group, widths: &[usize; 6], columns: usize) {
    let line = |name: &str, cells: &[String; 6]| {
        let mut line = format!("{INDENT}{name:<width$}", width = widths[0]);
        for (cell, width) in cells.iter().zip(&widths[1..]) {
            line += &format!("  {cell:>width$}");
        }
        format!("{line}  {}", cells[5])
    };
    lines.push(line(&group.name, &HEAD.map(str::to_owned)));
    for figure in &group.figures {
        lines.push(line(figure.name, &cells(figure)));
        if let Some(why) = explained(&figure.told) {
            wrap(lines, &format!("{INDENT}  ↳ "), &why, columns);
        }
    }
}

fn list(lines: &mut Vec<String>, group: &Group, columns: usize) {
    lines.push(format!("{INDENT}{}", group.name));
    for figure in &group.figures {
        let [a, b, difference, change, interval, verdict] = cells(figure);
        let numbers =
            if change == "-" { String::new() } else { format!(", {difference}, {change} ({interval})") };
        wrap(
            lines,
            &format!("{INDENT}  "),
            &format!("{} {a} → {b}{numbers}: {verdict}", figure.name),
            columns,
        );
        if let Some(why) = explained(&figure.told) {
            wrap(lines, &format!("{INDENT}    ↳ "), &why, columns);
        }
    }
}

/// Adds a sentence in lines of at most so many columns; those after the first begin where the first one's words do.
fn wrap(lines: &mut Vec<String>, indent: &str, sentence: &str, columns: usize) {
    let mut line = indent.to_owned();
    let begin = " ".repeat(indent.chars().count());
    let mut empty = true;
    for word in sentence.split(' ') {
        if !empty && line.chars().count() + 1 + word.chars().count() > columns {
            lines.push(std::mem::replace(&mut line, begin.clone()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line += word;
        empty = false;
    }
    lines.push(line);
}

/// The history of one test.
pub(in crate::compare) fn history_text(history: &History, columns: usize) -> String {
    let columns = columns.max(COLUMNS_MIN);
    let mut lines = vec![format!("  █ HISTORY of {}: {}", history.test, history.metric), String::new()];
    if let (Some(first), Some(last)) = (history.runs.first(), history.runs.last()) {
        let span = format!("{} runs from {} to {}", history.runs.len(), first.started_at, last.started_at);
        wrap(&mut lines, INDENT, &span, columns);
    }
    history
        .left_out
        .iter()
        .for_each(|left| wrap(&mut lines, INDENT, &format!("! left out: {left}"), columns));
    if history.runs.len() < RUNS_MIN {
        let sentence =
            format!("too few runs to find a change: {} of at least {RUNS_MIN}", history.runs.len());
        wrap(&mut lines, INDENT, &sentence, columns);
    }
    for figure in &history.figures {
        lines.push(String::new());
        lines.push(format!("{INDENT}{}", figure.name));
        if figure.changes.is_empty() {
            let open = if figure.known < history.runs.len() {
                format!(", known in {} of them", figure.known)
            } else {
                String::new()
            };
            let sentence = format!("no change: {} is the median of all runs{open}", millis(figure.median));
            wrap(&mut lines, &format!("{INDENT}  "), &sentence, columns);
        }
        for found in &figure.changes {
            let by = change(found.after / found.before.max(f64::MIN_POSITIVE));
            let sentence = format!(
                "since {}: {} → {} ({by}); medians of {} runs before and {} from then on",
                found.run,
                millis(found.before),
                millis(found.after),
                found.runs_before,
                found.runs_after
            );
            wrap(&mut lines, &format!("{INDENT}  "), &sentence, columns);
        }
    }
    lines.join("\n") + "\n"
}

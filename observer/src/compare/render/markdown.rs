//! For a comment on a pull request.

use super::super::comparison::Comparison;
use super::super::verdict::Verdict;
use super::words::{HEAD, cells, explained, notes, verdict};

/// The whole comparison.
pub(in crate::compare) fn markdown(comparison: &Comparison) -> String {
    let mark = match comparison.verdict {
        Verdict::Improved => "🟢",
        Verdict::Regressed => "🔴",
        Verdict::Mixed | Verdict::CannotBeTold => "🟠",
        Verdict::Unchanged(_) => "⚪",
    };
    let mut lines =
        vec![format!("### {mark} {}: {}", escaped(&comparison.test), escaped(&verdict(comparison)))];
    for group in &comparison.groups {
        lines.push(String::new());
        lines.push(format!("| {} | {} |", escaped(&group.name), HEAD.join(" | ")));
        lines.push("| --- | ---: | ---: | ---: | ---: | ---: | --- |".to_owned());
        for figure in &group.figures {
            let [a, b, difference, change, interval, verdict] = cells(figure).map(|cell| escaped(&cell));
            let why = explained(&figure.told).map(|why| format!(": {}", escaped(&why))).unwrap_or_default();
            let verdict = if why.is_empty() { format!("**{verdict}**") } else { verdict };
            lines.push(format!(
                "| {} | {a} | {b} | {difference} | {change} | {interval} | {verdict}{why} |",
                figure.name
            ));
        }
    }
    if !comparison.conditions.is_empty() {
        lines.push(String::new());
        let conditions = comparison.conditions.iter();
        lines.extend(conditions.map(|condition| format!("- ⚠ {}", escaped(&condition.sentence))));
    }
    lines.push(String::new());
    lines.push("<details><summary>Runs and method</summary>".to_owned());
    lines.push(String::new());
    for run in comparison.sides.iter().flatten() {
        let (label, name) = (&run.label, &run.name);
        lines.push(format!("- {label}: `{name}`, {} rows in {:.0} s", run.entries, run.duration_s));
    }
    lines.extend(notes(comparison).iter().map(|note| format!("- {}", escaped(note))));
    lines.push(String::new());
    lines.push("</details>".to_owned());
    lines.join("\n") + "\n"
}

/// Text that Markdown takes as it is, also in a table's cell.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('_', "\\_").replace('\n', " ")
}

//! The latest rows that were lost, and the slowest: each a link to its own four points.

use askama::Template;
use streamgauge_shared::time::UnixNanos;
use streamgauge_shared::timeline::Latency;

use super::Between;
use crate::measure::{Part, RowRecord};
use crate::page::Shown;

#[derive(Template)]
#[template(path = "page/sections/rows.html")]
struct Rows {
    of: String,
    lists: Vec<List>,
}

struct List {
    title: &'static str,
    figure: &'static str,
    empty: &'static str,
    rows: Vec<Line>,
}

struct Line {
    writer: u16,
    sequence: u64,
    of: String,
    key: String,
    outcome: &'static str,
    sent: String,
    value: String,
}

/// Rows of each kind that are shown.
const ROWS_SHOWN: usize = 8;
/// Letters of a key that are shown.
const KEY_LETTERS: usize = 18;

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let shown = shown?;
    let series = || {
        let rows = shown.snapshot.rows.iter();
        let parts = rows.filter_map(|(series, rows)| Some((shown.snapshot.parts.get(*series)?, rows)));
        parts.filter(|(part, _)| shown.view.shows(&part.scenario, &part.entity, part.operation))
    };
    let mut lost: Vec<(&Part, &RowRecord)> =
        series().flat_map(|(part, rows)| rows.lost.iter().map(move |row| (part, row))).collect();
    lost.sort_by_key(|(_, row)| std::cmp::Reverse(row.timeline.sent));
    let e2e = |row: &RowRecord| row.timeline.latency(Latency::CdcE2eLatency);
    let mut slowest: Vec<(&Part, &RowRecord)> =
        series().flat_map(|(part, rows)| rows.slowest.iter().map(move |row| (part, row))).collect();
    slowest.sort_by_key(|(_, row)| std::cmp::Reverse(e2e(row)));
    let line = |(part, row): &(&Part, &RowRecord), value: String| Line {
        writer: row.writer,
        sequence: row.sequence,
        of: format!("{}, {}, {}", part.scenario, part.entity, part.operation.name()),
        key: shortened(row.key.as_deref().unwrap_or("-")),
        outcome: row.outcome.name(),
        sent: row.timeline.sent.to_rfc3339(),
        value,
    };
    let age = |sent: UnixNanos| format!("{} ago", super::verdict::whole_seconds(shown.snapshot.at - sent));
    let lists = vec![
        List {
            title: "Latest lost",
            figure: "sent",
            empty: "no row was lost",
            rows: lost.iter().take(ROWS_SHOWN).map(|one| line(one, age(one.1.timeline.sent))).collect(),
        },
        List {
            title: "Slowest",
            figure: "took",
            empty: "no row has arrived",
            rows: slowest
                .iter()
                .take(ROWS_SHOWN)
                .map(|one| line(one, e2e(one.1).map_or("-".to_owned(), |e2e| e2e.to_string())))
                .collect(),
        },
    ];
    Rows { of: shown.view.words(), lists }.render().ok()
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= KEY_LETTERS {
        return text.to_owned();
    }
    format!("{}…", text.chars().take(KEY_LETTERS).collect::<String>())
}

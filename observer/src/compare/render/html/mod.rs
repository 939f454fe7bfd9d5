//! A page that opens from disk, without scripts: the answer first, then quantiles of both sides and their difference, the
//! figures, and how it was done.

use askama::Template;
use streamgauge_shared::report::{Figure, millis};

use super::super::comparison::{Comparison, RunHead, Shifted};
use super::super::conditions::Grade;
use super::super::effect::{OfSide, Told};
use super::super::verdict::Verdict;
use super::words::{HEAD, cells, explained, notes, verdict};
use crate::chart::{Caption, QuantilePlot, QuantilePoint, QuantileSide, ShiftPoint, Tone};
use crate::html::rendered;

#[derive(Template)]
#[template(path = "compare/render/html/comparison.html")]
struct Page<'a> {
    test: &'a str,
    tone: &'static str,
    word: String,
    sentence: String,
    conditions: Vec<(&'static str, &'a str)>,
    plot: String,
    groups: Vec<Table<'a>>,
    runs: Vec<&'a RunHead>,
    notes: Vec<String>,
}

/// The figures of one latency.
struct Table<'a> {
    name: &'a str,
    rows: Vec<Row>,
}

/// One figure.
struct Row {
    name: &'static str,
    cells: [String; 5],
    tone: &'static str,
    verdict: String,
    why: String,
}

/// The whole comparison.
pub(in crate::compare) fn page(comparison: &Comparison) -> String {
    let sentence = verdict(comparison);
    let (word, sentence) = sentence.split_once(": ").unwrap_or((&sentence, ""));
    rendered(&Page {
        test: &comparison.test,
        tone: tone(comparison.verdict),
        word: word.to_owned(),
        sentence: sentence.to_owned(),
        conditions: comparison
            .conditions
            .iter()
            .map(|found| (grade(found.grade), found.sentence.as_str()))
            .collect(),
        plot: plot(comparison),
        groups: comparison.groups.iter().map(table).collect(),
        runs: comparison.sides.iter().flatten().collect(),
        notes: notes(comparison),
    })
}

fn tone(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Improved | Verdict::Unchanged(_) => "good",
        Verdict::Regressed => "bad",
        Verdict::Mixed | Verdict::CannotBeTold => "warn",
    }
}

fn grade(grade: Grade) -> &'static str {
    if grade == Grade::Warning { "warn" } else { "bad" }
}

fn table(group: &super::super::comparison::Group) -> Table<'_> {
    let rows = group.figures.iter().map(|figure| {
        let [a, b, difference, change, interval, verdict] = cells(figure);
        let tone = match figure.told.verdict() {
            Verdict::Unchanged(_) => "",
            other => tone(other),
        };
        let why = explained(&figure.told).unwrap_or_default();
        Row { name: figure.name, cells: [a, b, difference, change, interval], tone, verdict, why }
    });
    Table { name: &group.name, rows: rows.collect() }
}

/// Quantiles of both sides over each other, and below them their difference.
fn plot(comparison: &Comparison) -> String {
    let side = |index: usize, name: &str, tone: Tone| {
        let points = comparison.shift.iter().map(|shifted| point(shifted.share, &shifted.sides[index]));
        QuantileSide { name: name.to_owned(), tone, points: points.collect() }
    };
    let metric = comparison.groups.first().map_or("", |group| group.name.as_str());
    let told = comparison.shift.iter().filter_map(|shifted| match (&shifted.told, &shifted.sides) {
        (
            Told::Measured(change, _),
            [OfSide { figure: Figure::Value(a), .. }, OfSide { figure: Figure::Value(b), .. }],
        ) => {
            let change = super::super::verdict::change(change.ratio.point);
            Some(format!("p{:.0} {} and {} ({change})", shifted.share * 100.0, millis(*a), millis(*b)))
        }
        _ => None,
    });
    let described = told.collect::<Vec<_>>().join(", ");
    let plot = QuantilePlot {
        caption: Caption {
            id: "quantiles".to_owned(),
            title: format!("{metric} by quantile"),
            scope: "whole runs".to_owned(),
            description: format!("Quantiles of A and B, and the change from A to B: {described}."),
        },
        sides: vec![side(0, "A", Tone::S1), side(1, "B", Tone::S2)],
        shift: comparison.shift.iter().map(shift_point).collect(),
        smallest_effect: Some(1.0 + comparison.smallest.share),
    };
    plot.draw()
}

fn point(q: f64, side: &OfSide) -> QuantilePoint {
    let value_ms = if let Figure::Value(value) = side.figure { Some(value) } else { None };
    QuantilePoint { q, value_ms, interval_ms: None }
}

fn shift_point(shifted: &Shifted) -> ShiftPoint {
    let ratio = if let Told::Measured(change, _) = &shifted.told { Some(change.ratio) } else { None };
    ShiftPoint {
        q: shifted.share,
        ratio: ratio.map(|ratio| ratio.point),
        interval: ratio.map(|ratio| (ratio.low, ratio.high)),
    }
}

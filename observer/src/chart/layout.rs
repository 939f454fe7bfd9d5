//! Reads drawn charts back, as a browser would lay them out, for tests.

use proptest::prelude::*;

use super::frame::{FINE_FROM, NARROWEST};
use super::markup::text_width;
use super::*;

/// Pixels left of the plot, for the labels of the values.
const PLOT_LEFT: f64 = 56.0;
/// Pixels right of it, for the half of the last label.
const PLOT_RIGHT: f64 = 28.0;
/// Pixels under it, for the labels of the time.
const PLOT_BOTTOM: f64 = 22.0;
/// Pixels that a letter rises above its baseline.
const ASCENT: f64 = 9.0;

#[derive(Clone, Debug)]
struct Laid {
    #[expect(dead_code, reason = "a failure prints it")]
    text: String,
    left: f64,
    right: f64,
    y: f64,
}

fn attribute<'e>(element: &'e str, name: &str) -> Option<&'e str> {
    let from = element.find(&format!(" {name}=\""))? + name.len() + 3;
    element[from..].split('"').next()
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// The texts of one plot where it is so wide.
fn laid_out(plot: &str, width: f64) -> Vec<Laid> {
    let fine_group =
        plot.find("<g class=\"fine\">").map(|from| from..from + plot[from..].find("</g>").expect("closed"));
    let mut laid = Vec::new();
    for (at, _) in plot.match_indices("<text ") {
        let (tag, rest) = plot[at..].split_once('>').expect("closed");
        let fine = attribute(tag, "class").is_some_and(|class| class.split(' ').any(|class| class == "fine"))
            || fine_group.as_ref().is_some_and(|group| group.contains(&at));
        if fine && width < FINE_FROM {
            continue;
        }
        let text = unescaped(rest.split('<').next().expect("text"));
        let number =
            |name: &str| attribute(tag, name).map_or(0.0, |value| value.parse::<f64>().expect("a number"));
        let share = attribute(tag, "x").expect("a place").strip_suffix('%').expect("percent");
        let at = share.parse::<f64>().expect("a number") / 100.0 * width + number("dx");
        let wide = text_width(&text);
        let left = match attribute(tag, "text-anchor") {
            Some("middle") => at - wide / 2.0,
            Some("end") => at - wide,
            _ => at,
        };
        laid.push(Laid { text, left, right: left + wide, y: number("y") });
    }
    laid
}

/// Fails where a text is cut by an edge or touches another one, on any width, or where a number is none.
pub(crate) fn assert_well_laid(figure: &str) {
    assert!(!figure.contains("NaN") && !figure.contains("inf\"") && !figure.contains("style="), "{figure}");
    for plot in figure.split("<div class=\"plot\">").skip(1) {
        let height: f64 = attribute(plot, "height").expect("a height").parse().expect("a number");
        for width in [NARROWEST, 320.0, FINE_FROM, 1_100.0] {
            let laid = laid_out(plot, width);
            for one in &laid {
                let bottom = height + PLOT_BOTTOM;
                assert!(
                    one.left >= -PLOT_LEFT && one.right <= width + PLOT_RIGHT,
                    "{one:?} is cut at {width}: {figure}"
                );
                assert!(one.y - ASCENT >= -6.0 && one.y + 3.0 <= bottom, "{one:?} is cut: {figure}");
            }
            for (number, one) in laid.iter().enumerate() {
                for other in &laid[number + 1..] {
                    let apart = one.right + 1.0 <= other.left || other.right + 1.0 <= one.left;
                    assert!(
                        apart || (one.y - other.y).abs() >= 11.0,
                        "{one:?} touches {other:?} at {width}: {figure}"
                    );
                }
            }
        }
    }
}

fn caption() -> Caption {
    Caption {
        id: "c".into(),
        title: "Latency <over> time".into(),
        scope: "per 1 s".into(),
        description: "p95 \"5 ms\"".into(),
    }
}

fn points() -> impl Strategy<Value = Vec<Point>> {
    let value = prop_oneof![
        8 => (1e-4_f64..1e8).prop_map(Some),
        2 => Just(None),
        1 => Just(Some(f64::NAN)),
        1 => Just(Some(-3.0)),
        1 => Just(Some(f64::INFINITY)),
    ];
    prop::collection::vec((0_u32..5, value), 0..120).prop_map(|steps| {
        let mut at_s = 0.0;
        let point = |(skipped, value): (u32, Option<f64>)| {
            at_s += f64::from(skipped) + 1.0;
            Point { at_s, width_s: 1.0, value }
        };
        steps.into_iter().map(point).collect()
    })
}

fn quantity() -> impl Strategy<Value = Quantity> {
    prop_oneof![
        Just(Quantity::Time),
        Just(Quantity::Count),
        Just(Quantity::PerSecond),
        Just(Quantity::Share),
        Just(Quantity::Bytes)
    ]
}

fn kind() -> impl Strategy<Value = SpanKind> {
    prop_oneof![
        Just(SpanKind::Stage),
        Just(SpanKind::WarmUp),
        Just(SpanKind::Interruption),
        Just(SpanKind::NotMeasured)
    ]
}

proptest! {
    // Each case is laid out on four widths.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn lines_are_well_laid_whatever_they_show(
        points in points(),
        quantity in quantity(),
        log: bool,
        limits in prop::collection::vec(1e-3_f64..1e6, 0..5),
        length_s in prop_oneof![0.001_f64..10.0, 10.0_f64..4_000.0, 4_000.0_f64..9e6],
        spans in prop::collection::vec((0.0_f64..1.0, 0.0_f64..0.5, kind()), 0..6),
        utc in prop::option::of(0_i64..2_000_000_000),
    ) {
        let limits = limits.into_iter().map(|value| Limit { value, name: format!("p(95)<{value:.0}"), held: value > 5.0 });
        let mut from_s = 0.0;
        let spans = spans.into_iter().map(|(from, long, kind)| {
            // Stages follow each other; the others may lie anywhere.
            let from = if kind == SpanKind::Stage { from_s } else { from * length_s };
            let to_s = from + long * length_s;
            if kind == SpanKind::Stage {
                from_s = to_s;
            }
            Span { from_s: from, to_s, name: "stage 2: ramp to 500/s".into(), kind }
        });
        let scale = length_s / 120.0;
        // A share is at most 1, and what is counted is whole.
        let counted = matches!(quantity, Quantity::Count | Quantity::Bytes);
        let size = if quantity == Quantity::Share { 1e-8 } else { 1.0 };
        let limits = limits.map(|limit| Limit { value: limit.value * size, ..limit });
        let points = points.into_iter().map(|point| Point {
            at_s: point.at_s * scale,
            width_s: scale,
            value: point.value.map(|value| if counted { value.max(1.0).round() } else { value * size }),
        });
        let lines = Lines {
            caption: caption(),
            time: TimeAxis { from_s: 0.0, to_s: length_s, utc: utc.map(|s| streamgauge_shared::time::UnixNanos(s * 1_000_000_000)) },
            quantity,
            values: if log && quantity != Quantity::Bytes { Axis::Log } else { Axis::Linear },
            series: vec![Series { name: "p95".into(), tone: Tone::S1, dashed: false, points: points.collect() }],
            spans: spans.collect(),
            limits: limits.collect(),
            detail: Detail::Report,
        };
        assert_well_laid(&lines.draw());
    }

    #[test]
    fn distributions_are_well_laid(mut values in prop::collection::vec((1e-4_f64..1e8, 1_u64..1_000_000), 0..40), missing in 0_u64..3, q in 0.9_f64..0.999_999) {
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let rows = values.iter().map(|(_, count)| count).sum::<u64>() + missing;
        let objectives = vec![Objective { at_ms: 500.0, share: 0.05, name: "p(95)<500".into(), held: true }];
        let curves = vec![Curve { name: "all".into(), tone: Tone::S1, values: values.clone(), rows }];
        assert_well_laid(&SlowerThan { caption: caption(), curves, objectives }.draw());

        let columns = values.iter().enumerate().map(|(n, value)| HeatColumn { from_s: markup::index(n), to_s: markup::index(n + 1), values: vec![*value] });
        let time = TimeAxis { from_s: 0.0, to_s: 40.0, utc: None };
        let heat = HeatMap { caption: caption(), time, columns: columns.collect(), spans: Vec::new(), detail: Detail::Page };
        assert_well_laid(&heat.draw());

        let points = values.iter().enumerate().map(|(n, (value, _))| QuantilePoint { q: q * markup::index(n) / 40.0, value_ms: Some(*value), interval_ms: Some((*value * 0.9, *value * 1.2)) });
        let points: Vec<QuantilePoint> = points.chain([QuantilePoint { q, value_ms: Some(7.0), interval_ms: None }]).collect();
        let shift = values.iter().map(|(value, _)| ShiftPoint { q, ratio: Some(value / 1e4), interval: None });
        let plot = QuantilePlot { caption: caption(), sides: vec![QuantileSide { name: "A".into(), tone: Tone::S1, points }], shift: shift.collect(), smallest_effect: Some(1.02) };
        assert_well_laid(&plot.draw());
    }
}

#[test]
fn a_month_of_days_is_well_laid() {
    let cell = |hour: u32| CalendarCell {
        state: if hour.is_multiple_of(5) { CellState::NotMeasured } else { CellState::Good },
        tooltip: String::new(),
    };
    let rows =
        (1..=30).map(|day| CalendarRow { name: format!("Nov {day}"), cells: (0..24).map(cell).collect() });
    let columns = (0..24).map(|hour| format!("{hour:02}:00")).collect();
    assert_well_laid(&Calendar { caption: caption(), columns, rows: rows.collect() }.draw());
}

#[test]
fn one_point_is_a_dot_and_none_is_said() {
    let lines = |points| Lines {
        caption: caption(),
        time: TimeAxis { from_s: 0.0, to_s: 10.0, utc: None },
        quantity: Quantity::Time,
        values: Axis::Linear,
        series: vec![Series { name: "p95".into(), tone: Tone::S1, dashed: false, points }],
        spans: Vec::new(),
        limits: Vec::new(),
        detail: Detail::Report,
    };
    let point = |at_s, value| Point { at_s, width_s: 1.0, value };
    let one = lines(vec![point(4.0, Some(50.0))]).draw();
    assert!(one.contains("d=\"M450 33h0\""), "{one}");
    assert!(lines(Vec::new()).draw().contains("no data"));
    assert!(lines(vec![point(4.0, None)]).draw().contains("no data"));
    // A gap is never joined, be it a point without a value or a time without a point.
    let gaps = [
        point(0.0, Some(10.0)),
        point(1.0, Some(50.0)),
        point(2.0, None),
        point(3.0, Some(50.0)),
        point(4.0, Some(50.0)),
        point(7.0, Some(20.0)),
    ];
    let gaps = lines(gaps.into()).draw();
    assert!(
        gaps.contains("d=\"M50 167l100-134M350 33h100\"/><path class=\"dots s1\" d=\"M750 133h0\""),
        "{gaps}"
    );
}

#[test]
fn the_style_sheet_keeps_the_margins_free() {
    let style = include_str!("../html/style.css");
    assert!(style.contains(&format!("@container (width < {FINE_FROM}px)")), "where fine labels go");
    let padding = format!("padding: 6px {PLOT_RIGHT}px {PLOT_BOTTOM}px {PLOT_LEFT}px");
    assert!(style.contains(&padding), "style.css has no '{padding}'");
}

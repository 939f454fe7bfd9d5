//! One row: its points in time, what lies between them, and what became of it.

use askama::Template;
use serde_json::Value;
use streamgauge_shared::report::millis;
use streamgauge_shared::time::UnixNanos;
use streamgauge_shared::timeline::Latency;

use crate::html;

/// The points of a row in the order of design, by their fields, with who reads them.
const POINTS: [(&str, &str, &str); 5] = [
    ("intended_ns", "intended", "the schedule: when it was to be sent"),
    ("sent_ns", "sent", "the writer: with a connection in hand, before the statement"),
    ("committed_ns", "committed", "the writer: PostgreSQL's answer arrived"),
    ("wall_ns", "visible", "mongod, on its own clock: when the change became an event"),
    ("observed_ns", "observed", "the observer: the reply that holds the event arrived"),
];

#[derive(Template)]
#[template(path = "page/row.html")]
struct Row {
    name: String,
    points: Vec<Point>,
    missing: Vec<&'static str>,
    latencies: Vec<(&'static str, &'static str, String)>,
    facts: Vec<(String, String)>,
    json: String,
    drawing: String,
}

/// One point in time.
struct Point {
    name: &'static str,
    who: &'static str,
    at: UnixNanos,
    time: String,
    /// After the first one.
    after: String,
}

/// The page of a row, from its line in `rows.jsonl`.
#[must_use]
pub fn row(row: &Value) -> String {
    let name = format!("{}/{}", row["writer"], row["sequence"]);
    let at = |field: &str| row[field].as_i64().map(UnixNanos);
    let mut points: Vec<Point> = Vec::new();
    let mut missing = Vec::new();
    let first = POINTS.iter().filter_map(|(field, ..)| at(field)).next();
    for (field, name, who) in POINTS {
        match (at(field), first) {
            (Some(at), Some(first)) => {
                points.push(Point { name, who, at, time: at.to_rfc3339(), after: (at - first).to_string() });
            }
            _ => missing.push(name),
        }
    }
    let latencies = Latency::ALL.into_iter().filter_map(|latency| {
        let value = row[format!("{latency}_ms")].as_f64()?;
        Some((latency.name(), latency.formula(), millis(value)))
    });
    let facts = [
        "scenario",
        "entity",
        "operation",
        "key",
        "outcome",
        "cause",
        "event",
        "measured",
        "duplicates",
        "data_matches",
        "check_passed",
    ];
    let facts = facts.into_iter().filter_map(|name| {
        let said = match &row[name] {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some((name.replace('_', " "), said))
    });
    let stages = row["stages"].as_object().into_iter().flatten();
    let stages = stages.filter_map(|(name, value)| Some((name.clone(), millis(value.as_f64()?))));
    html::rendered(&Row {
        drawing: drawing(&points),
        latencies: latencies.collect(),
        facts: facts.chain(stages).collect(),
        json: format!("/api/rows/{name}"),
        name,
        points,
        missing,
    })
}

#[derive(Template)]
#[template(path = "page/no_row.html")]
struct NoRow<'n> {
    sentence: &'n str,
}

/// The page of a row that there is not.
#[must_use]
pub fn no_row(sentence: &str) -> String {
    html::rendered(&NoRow { sentence })
}

/// Pixels of a line of the drawing.
const LINE: i64 = 26;

/// The points along one line of time, each on a line of its own so that their names never meet.
fn drawing(points: &[Point]) -> String {
    let (Some(first), Some(last)) =
        (points.iter().map(|point| point.at).min(), points.iter().map(|point| point.at).max())
    else {
        return String::new();
    };
    let length = (last - first).0.max(1);
    let height = LINE * i64::try_from(points.len()).unwrap_or(0) + 6;
    let words: Vec<String> =
        points.iter().map(|point| format!("{} at {}", point.name, point.after)).collect();
    let words = crate::chart::escape(&words.join(", "));
    let mut svg = format!(
        "<svg class=\"points\" role=\"img\" aria-label=\"{words}\" width=\"100%\" height=\"{height}\">"
    );
    for (number, point) in (0..).zip(points) {
        let y = LINE * number + 16;
        // In thousandths of the width, with room for the names on the side where there is some.
        let place = 20 + i128::from((point.at - first).0) * 960 / i128::from(length);
        let (anchor, dx) = if place > 500 { ("end", -10) } else { ("start", 10) };
        let at = format!("{}.{}%", place / 10, place % 10);
        svg.push_str(&format!(
            "<line class=\"grid\" x1=\"2%\" x2=\"98%\" y1=\"{y}\" y2=\"{y}\"/><circle class=\"area s{}\" cx=\"{at}\" cy=\"{y}\" r=\"5\"/><text x=\"{at}\" y=\"{}\" dx=\"{dx}\" text-anchor=\"{anchor}\">{} {}</text>",
            number + 1,
            y - 4,
            point.name,
            point.after
        ));
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_shows_its_points_and_says_which_are_missing() {
        let html = row(&json!({
            "writer": 1, "sequence": 17, "scenario": "steady", "entity": "customer", "operation": "create",
            "key": "<b>&", "outcome": "lost", "intended_ns": 1_000_000_000_000_000_000_i64,
            "sent_ns": 1_000_000_000_003_000_000_i64, "schedule_lag_ms": 3.0,
        }));
        assert!(html.contains("1/17") && html.contains("href=\"/api/rows/1/17\""), "{html}");
        assert!(html.contains("&#60;b&#62;&#38;") || html.contains("&lt;b&gt;&amp;"), "{html}");
        assert!(html.contains("sent 3ms") && html.contains("<td>3ms</td>"), "{html}");
        assert!(html.contains("committed, visible, observed"), "{html}");
        assert!(!html.contains("style="), "the policy refuses it");
        assert!(no_row("it is <gone>").contains("it is "));
    }

    #[test]
    fn a_row_of_one_moment_is_drawn() {
        let html = row(&json!({ "writer": 0, "sequence": 0, "intended_ns": 5 }));
        assert!(html.contains("cx=\"2.0%\""), "{html}");
    }
}

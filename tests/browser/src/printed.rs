//! A figure as a person reads it, against the number that stands in the report.
//!
//! Reads the words by itself and not with the product's own formatting: `148.21ms`, `1m30s`, `≥2.5s`, `1.2s to 3s`,
//! `99.85%`, `12.5/s`, `1200`, and a dash for what is absent. Words are cut and not rounded, as k6 does it, so the number lies
//! within the last digit that is shown.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// A number as it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shown {
    /// Milliseconds for a time, per cent for a share, otherwise as it stands there.
    number: f64,
    /// What one more in the last digit would be.
    step: f64,
    /// Whether it had a unit of time.
    is_time: bool,
    /// Whether it was a share of a hundred.
    is_share: bool,
}

/// Units of time, longest name first where one ends with another, in milliseconds.
const UNITS: [(&str, f64); 6] =
    [("ns", 1e-6), ("µs", 1e-3), ("ms", 1.0), ("s", 1_000.0), ("m", 60_000.0), ("h", 3_600_000.0)];

/// A number with what stands behind it, from the beginning of a text, and the rest of the text.
fn part(text: &str) -> Result<(f64, f64, &str, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let number: f64 = digits.parse().with_context(|| format!("no number begins '{text}'"))?;
    let places = digits.split_once('.').map_or(0, |(_, places)| places.len());
    // Trailing zeros are left out: two places at least are meant where there is a point or could be one.
    let step = 10_f64.powi(-i32::try_from(places.max(2)).unwrap_or(2));
    let end = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    Ok((number, step, unit, rest))
}

fn shown(text: &str) -> Result<Shown> {
    let text = text.trim();
    let (sign, mut rest) = text.strip_prefix(['-', '−']).map_or((1.0, text), |rest| (-1.0, rest));
    let mut total = 0.0;
    loop {
        let (number, step, unit, after) = part(rest)?;
        match unit.trim() {
            "" => {
                // A count: every digit is there. A ratio or a rate has two places.
                let step = if rest.contains('.') { step } else { 0.0 };
                return Ok(Shown { number: sign * number, step, is_time: false, is_share: false });
            }
            "%" => return Ok(Shown { number: sign * number, step, is_time: false, is_share: true }),
            "/s" => return Ok(Shown { number: sign * number, step, is_time: false, is_share: false }),
            unit => {
                let (_, factor) = UNITS
                    .iter()
                    .find(|(name, _)| *name == unit)
                    .with_context(|| format!("'{unit}' of '{text}'"))?;
                total += number * factor;
                if after.is_empty() {
                    // From a minute on whole seconds are shown.
                    let step = if total >= 60_000.0 { 1_000.0 } else { step * factor };
                    return Ok(Shown { number: sign * total, step, is_time: true, is_share: false });
                }
                rest = after;
            }
        }
    }
}

/// Whether a text shows this number of the report.
///
/// # Errors
/// What does not fit.
fn shows(text: &str, number: f64, name: &str) -> Result<()> {
    let shown = shown(text)?;
    let meant = match () {
        () if shown.is_share => number * 100.0,
        () if shown.is_time && name.ends_with("_s") => number * 1_000.0,
        () => number,
    };
    // A hair for the binary fractions on both sides.
    let off = (meant - shown.number).abs();
    let most = shown.step + meant.abs() * 1e-9;
    ensure!(off <= most, "'{text}' is {} and not {meant}", shown.number);
    Ok(())
}

/// That a text shows what stands at a pointer of the report: a number, a word, a percentile that is open or lies
/// between two bounds, or nothing.
///
/// # Errors
/// With both, where they differ.
pub fn holds(report: &Value, pointer: &str, text: &str) -> Result<()> {
    let (place, name) = pointer.rsplit_once('/').with_context(|| format!("'{pointer}' is no pointer"))?;
    let beside = report.pointer(place).with_context(|| format!("the report has no {place}"))?;
    let value = beside.get(name).or_else(|| beside.get(name.parse::<usize>().ok()?)).unwrap_or(&Value::Null);
    let bound = |end: &str| beside.get(format!("{name}_{end}")).and_then(Value::as_f64);
    let text = text.trim();
    let fits = match (value, bound("at_least"), bound("at_most")) {
        (Value::Number(number), ..) => {
            let number = number.as_f64().context("not finite")?;
            // A threshold keeps its bounds beside the value.
            match (beside.get("at_least"), beside.get("at_most").and_then(Value::as_f64)) {
                (_, Some(high)) if name == "observed" => between(text, number, high, name),
                (Some(Value::Bool(true)), _) if name == "observed" => at_least(text, number, name),
                _ => shows(text, number, name),
            }
        }
        (Value::String(word), ..) if word == text => Ok(()),
        (Value::Null, Some(low), Some(high)) => between(text, low, high, name),
        (Value::Null, Some(low), None) => at_least(text, low, name),
        (Value::Null, None, None) if ["-", "–", "—", "no data", "not measured"].contains(&text) => Ok(()),
        (value, ..) => bail!("'{text}' is not {value}"),
    };
    fits.with_context(|| format!("{pointer}: shown '{text}', in the report {value}"))
}

/// Where two reports of one run differ: the pointer with both values, one line each. Only the folder may, which the kept
/// report names, and the last bit of a number, which serde's reader does not keep.
#[must_use]
pub fn differences(one: &Value, other: &Value) -> Vec<String> {
    let mut found = Vec::new();
    differ(one, other, String::new(), &mut found);
    found.retain(|line| !line.starts_with("/run/folder: "));
    found
}

fn differ(one: &Value, other: &Value, pointer: String, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(fields), Value::Object(others)) => {
            for name in fields.keys().chain(others.keys().filter(|name| !fields.contains_key(*name))) {
                let at =
                    |fields: &serde_json::Map<String, Value>| fields.get(name).cloned().unwrap_or_default();
                differ(&at(fields), &at(others), format!("{pointer}/{name}"), found);
            }
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            for (index, (item, other)) in items.iter().zip(others).enumerate() {
                differ(item, other, format!("{pointer}/{index}"), found);
            }
        }
        (Value::Number(one), Value::Number(other)) if is_near(one.as_f64(), other.as_f64()) => {}
        (one, other) if one != other => found.push(format!("{pointer}: {one} and {other}")),
        _ => {}
    }
}

fn is_near(one: Option<f64>, other: Option<f64>) -> bool {
    one.zip(other).is_some_and(|(one, other)| (one - other).abs() <= one.abs() * 1e-15)
}

fn at_least(text: &str, low: f64, name: &str) -> Result<()> {
    shows(text.strip_prefix('≥').with_context(|| format!("'{text}' is not open"))?, low, name)
}

fn between(text: &str, low: f64, high: f64, name: &str) -> Result<()> {
    let (from, to) = text.split_once(" to ").with_context(|| format!("'{text}' has no two bounds"))?;
    shows(from, low, name)?;
    shows(to, high, name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_are_the_number_up_to_their_last_digit() {
        let cases = [
            ("148.21ms", 148.219_9, "p95"),
            ("2.5s", 2_509.9, "p95"),
            ("1m30s", 90_999.0, "p95"),
            ("1h00m01s", 3_601_000.0, "p95"),
            ("20ns", 0.000_02, "p95"),
            ("-1.5ms", -1.509, "min"),
            ("99.85%", 0.998_59, "rate"),
            ("12.5/s", 12.504, "iterations"),
            ("1200", 1_200.0, "entries"),
            ("29.99s", 29.999, "duration_s"),
        ];
        for (text, number, name) in cases {
            shows(text, number, name).unwrap_or_else(|error| panic!("{error:#}"));
        }
        let wrong = [
            ("148.21ms", 148.23, "p95"),
            ("148.21ms", 149.0, "p95"),
            ("1200", 1_201.0, "entries"),
            ("99.85%", 0.9987, "rate"),
            ("1m30s", 92_000.0, "p95"),
        ];
        for (text, number, name) in wrong {
            assert!(shows(text, number, name).is_err(), "{text} {number}");
        }
    }

    #[test]
    fn every_place_where_reports_differ_is_told() {
        let one = json!({ "a": [1, { "b": 2.0 }], "c": "x", "d": [1] });
        let other = json!({ "a": [1, { "b": 2.5 }], "d": [1, 2] });
        assert_eq!(differences(&one, &one), Vec::<String>::new());
        assert_eq!(
            differences(&one, &other),
            ["/a/1/b: 2.0 and 2.5", "/c: \"x\" and null", "/d: [1] and [1,2]"]
        );
    }

    #[test]
    fn open_and_absent_figures_have_words_of_their_own() {
        let report = json!({ "a": {
            "p50": 1.5, "p90": null, "p90_at_least": 3.0, "p90_at_most": 5.0, "p99": null, "p99_at_least": 7.0, "word": "valid"
        }, "t": [{ "observed": 3.0, "at_least": true }] });
        for (pointer, text) in [
            ("/a/p50", "1.5ms"),
            ("/a/p90", "3ms to 5ms"),
            ("/a/p99", "≥7ms"),
            ("/a/max", "-"),
            ("/a/word", "valid"),
            ("/t/0/observed", "≥3ms"),
        ] {
            holds(&report, pointer, text).unwrap_or_else(|error| panic!("{error:#}"));
        }
        for (pointer, text) in [
            ("/a/p50", "-"),
            ("/a/p90", "3ms"),
            ("/a/p99", "7ms"),
            ("/a/max", "0"),
            ("/a/word", "invalid"),
            ("/b/p50", "-"),
            ("/t/0/observed", "3ms"),
        ] {
            assert!(holds(&report, pointer, text).is_err(), "{pointer} {text}");
        }
    }
}

//! The figures of a summary that a terminal printed, each with its place in the report. Read from the letters alone.

use serde_json::Value;

/// How the statistics are called on a terminal, and in the report.
const STATISTICS: [(&str, &str); 7] = [
    ("avg", "mean"),
    ("min", "min"),
    ("med", "p50"),
    ("max", "max"),
    ("p(90)", "p90"),
    ("p(95)", "p95"),
    ("p(99)", "p99"),
];

/// A figure with its JSON pointer.
pub type Placed = (String, String);

/// The figures of the full summary, whose lines are `name....: figures`.
#[must_use]
pub fn full(text: &str, report: &Value) -> Vec<Placed> {
    let mut found = Vec::new();
    // Lines with parts of a latency stand below it.
    let mut latency = String::new();
    for line in text.lines() {
        let Some((name, said)) = line.split_once(": ") else { continue };
        let name = name.trim().trim_end_matches('.').trim();
        if said.contains("avg=") {
            if report["latency"].get(name).is_some() {
                name.clone_into(&mut latency);
            }
            let Some(place) = place_of(report, name, &latency) else { continue };
            found.extend(statistics(said).map(|(field, text)| (format!("{place}/{field}"), text)));
        } else {
            found.extend(counted(report, name, said));
        }
    }
    found.extend(thresholds(text, report));
    found
}

/// The figures of the summary on one screen, whose latencies are a table under a heading, and the rest as in the full one.
#[must_use]
pub fn screen(text: &str, report: &Value) -> Vec<Placed> {
    let mut found = Vec::new();
    let mut latency = String::new();
    let mut columns: Vec<(&str, usize)> = Vec::new();
    for line in text.lines() {
        if line.contains("█ LATENCY") {
            let end = |name: &str| Some(line[..line.find(name)?].chars().count() + name.chars().count());
            columns = STATISTICS.iter().filter_map(|(name, field)| Some((*field, end(name)?))).collect();
            columns.sort_by_key(|(_, end)| *end);
        } else if line.contains('█') || line.trim().is_empty() {
            columns.clear();
        } else if line.trim_end().ends_with("  no data") {
            // A name without figures.
        } else if let Some((_, first)) = columns.first() {
            let letters: Vec<char> = line.chars().collect();
            // The name ends before the first cell, of which only the end is known.
            let Some(before) = letters.get(..*first) else { continue };
            let before: String = before.iter().collect();
            let Some(name) = before.trim_end().rsplit_once("  ").map(|(name, _)| name.trim()) else {
                continue;
            };
            if report["latency"].get(name).is_some() {
                name.clone_into(&mut latency);
            }
            let Some(place) = place_of(report, name, &latency) else { continue };
            let mut start = before.len() - before.trim_end().rsplit("  ").next().unwrap_or_default().len();
            start = before[..start].chars().count();
            for (field, end) in &columns {
                let cell: String = letters.iter().take(*end).skip(start).collect();
                found.push((format!("{place}/{field}"), cell.trim().to_owned()));
                start = *end;
            }
        } else if let Some((name, said)) = line.split_once(": ") {
            found.extend(counted(report, name.trim().trim_end_matches('.').trim(), said));
        }
    }
    found.extend(thresholds(text, report));
    found
}

/// Where the report has the statistics of a name: a latency, a part `{ entity, operation }` of the latest one, a stage, or
/// the floor.
fn place_of(report: &Value, name: &str, latency: &str) -> Option<String> {
    if report["latency"].get(name).is_some() {
        return Some(format!("/latency/{name}/all"));
    }
    if name == "measurement_floor" {
        return Some("/floor".to_owned());
    }
    if let Some((from, to)) = name.split_once(" → ") {
        let stages = report["stages"].as_array()?;
        let index = stages.iter().position(|stage| stage["from"] == from && stage["to"] == to)?;
        return Some(format!("/stages/{index}"));
    }
    let part = name.trim_matches(|letter| matches!(letter, '{' | '}' | ' '));
    let (entity, operation) = part.split_once(", ")?;
    let by = report["latency"][latency]["by"].as_array()?;
    let index = by.iter().position(|by| by["entity"] == entity && by["operation"] == operation)?;
    Some(format!("/latency/{latency}/by/{index}"))
}

/// `avg=1ms   min=…` up to what stands beside it.
fn statistics(said: &str) -> impl Iterator<Item = (&'static str, String)> + '_ {
    STATISTICS.into_iter().filter_map(move |(name, field)| {
        let (_, rest) = said.split_once(&format!("{name}="))?;
        let next = STATISTICS.iter().filter_map(|(name, _)| rest.find(&format!(" {name}="))).min();
        let text = &rest[..next.unwrap_or(rest.len())];
        let end = text.find("  ").unwrap_or(text.len());
        Some((field, text[..end].trim().to_owned()))
    })
}

/// Sums, shares and counters.
fn counted(report: &Value, name: &str, said: &str) -> Vec<Placed> {
    let mut found = Vec::new();
    let mut put = |pointer: String, text: &str| found.push((pointer, text.to_owned()));
    let words: Vec<&str> = said.split_whitespace().collect();
    let sums = [("entries", "/account", "/account/entries"), ("events", "/events", "/events/total")];
    if let Some((_, place, total)) = sums.iter().find(|(sum, ..)| *sum == name) {
        if let [all, "=", terms @ ..] = &words[..] {
            put((*total).to_owned(), all);
            for term in terms.split(|word| *word == "+") {
                if let [count, outcome] = term {
                    put(format!("{place}/{outcome}"), count);
                }
            }
        }
    } else if report["rates"].get(name).is_some() {
        if let [rate, passed, "out", "of", total, ..] = &words[..] {
            for (field, text) in [("rate", rate), ("passed", passed), ("total", total)] {
                put(format!("/rates/{name}/{field}"), text);
            }
        }
    } else if report["counters"].get(name).is_some() {
        if let [count, rest @ ..] = &words[..] {
            put(format!("/counters/{name}"), count);
            if let Some(rate) = rest.first().filter(|rate| rate.ends_with("/s")) {
                put(format!("/counter_rates/{name}"), rate);
            }
        }
    } else if name == "vus_active_max"
        && let Some(most) = words.first()
    {
        put("/load/peak_users".to_owned(), most);
    }
    found
}

/// What each threshold was judged on: `✓ 'p(95)<500' p(95)=448.63ms`.
fn thresholds(text: &str, report: &Value) -> Vec<Placed> {
    let mut found = Vec::new();
    let mut metric = "";
    for line in text.lines() {
        let line = line.trim();
        let Some(rest) = line.strip_prefix(['✓', '✗']) else {
            metric = line;
            continue;
        };
        let Some((before, after)) = rest.split_once('\'') else { continue };
        let Some((expression, seen)) = after.split_once('\'') else { continue };
        let metric = if before.trim().is_empty() { metric } else { before.trim() };
        let all = report["thresholds"].as_array().into_iter().flatten();
        let index =
            all.enumerate().find(|(_, one)| one["metric"] == metric && one["expression"] == expression);
        let value = seen.split_once('=').map(|(_, value)| value.trim());
        // Behind the value stands by how much it is past its bound, and when it first was.
        let value = value.map(|value| value.split_once(" is ").map_or(value, |(value, _)| value));
        let value =
            value.map(|value| value.split_once([',', ';', '(']).map_or(value, |(value, _)| value).trim());
        if let (Some((index, _)), Some(value)) = (index, value) {
            found.push((format!("/thresholds/{index}/observed"), value.to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report() -> Value {
        json!({
            "latency": { "cdc_e2e_latency": { "all": {}, "by": [{ "entity": "customer", "operation": "create" }] } },
            "stages": [{ "from": "committed", "to": "kafka" }],
            "rates": { "checks": {} }, "counters": { "iterations": 1 },
            "thresholds": [{ "metric": "cdc_e2e_latency", "expression": "p(95)<500" }]
        })
    }

    fn placed(pairs: &[(&str, &str)]) -> Vec<Placed> {
        pairs.iter().map(|(pointer, text)| ((*pointer).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn the_full_summary_is_read_line_by_line() {
        let text = "
    cdc_e2e_latency
    ✓ 'p(95)<500' p(95)=448.63ms
    cdc_e2e_latency...: avg=1ms       min=-       med=1ms to 2ms max=≥3ms  ± 1 ms
      { customer, create }...: avg=5ms
    committed → kafka...: avg=6ms       min=7ms  1 ms each
    measurement_floor..: avg=8ms
    entries...: 3 = 2 delivered + 1 lost
    checks...: 99.5% 199 out of 200
    iterations...: 4  1.5/s
    vus_active_max...: 9
";
        let expected = placed(&[
            ("/latency/cdc_e2e_latency/all/mean", "1ms"),
            ("/latency/cdc_e2e_latency/all/min", "-"),
            ("/latency/cdc_e2e_latency/all/p50", "1ms to 2ms"),
            ("/latency/cdc_e2e_latency/all/max", "≥3ms"),
            ("/latency/cdc_e2e_latency/by/0/mean", "5ms"),
            ("/stages/0/mean", "6ms"),
            ("/stages/0/min", "7ms"),
            ("/floor/mean", "8ms"),
            ("/account/entries", "3"),
            ("/account/delivered", "2"),
            ("/account/lost", "1"),
            ("/rates/checks/rate", "99.5%"),
            ("/rates/checks/passed", "199"),
            ("/rates/checks/total", "200"),
            ("/counters/iterations", "4"),
            ("/counter_rates/iterations", "1.5/s"),
            ("/load/peak_users", "9"),
            ("/thresholds/0/observed", "448.63ms"),
        ]);
        assert_eq!(full(text, &report()), expected);
    }

    #[test]
    fn the_table_of_the_screen_is_read_by_its_heading() {
        let text = "
    ✗ cdc_e2e_latency 'p(95)<500' p(95)=448.63ms is 12.2% over 400ms; first crossed at 00:03 of 00:10

  █ LATENCY                 avg         med     p(95)
    cdc_e2e_latency      2.85ms  1ms to 2ms   ≥5.98ms  ± 1 ms
      customer, create  12.85ms         1ms    5.98ms
    measurement_floor   no data

    entries...: 3 = 2 delivered + 1 lost
";
        let expected = placed(&[
            ("/latency/cdc_e2e_latency/all/mean", "2.85ms"),
            ("/latency/cdc_e2e_latency/all/p50", "1ms to 2ms"),
            ("/latency/cdc_e2e_latency/all/p95", "≥5.98ms"),
            ("/latency/cdc_e2e_latency/by/0/mean", "12.85ms"),
            ("/latency/cdc_e2e_latency/by/0/p50", "1ms"),
            ("/latency/cdc_e2e_latency/by/0/p95", "5.98ms"),
            ("/account/entries", "3"),
            ("/account/delivered", "2"),
            ("/account/lost", "1"),
            ("/thresholds/0/observed", "448.63ms"),
        ]);
        assert_eq!(screen(text, &report()), expected);
    }
}

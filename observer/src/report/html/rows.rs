//! The single rows that a reader asks for: what was lost or wrong, and what was slowest.

use serde_json::Value;
use streamgauge_shared::report::millis;
use streamgauge_shared::time::UnixNanos;
use streamgauge_shared::timeline::Latency;

/// Rows of each list.
const ROWS_SHOWN: usize = 10;
/// Letters of a key that are shown.
const KEY_LETTERS: usize = 40;

/// A list of rows.
#[derive(Debug)]
pub(super) struct RowList {
    pub(super) title: &'static str,
    /// How many rows of the folder belong here.
    pub(super) of: usize,
    pub(super) rows: Vec<RowLine>,
}

/// One row.
#[derive(Debug)]
pub(super) struct RowLine {
    pub(super) name: String,
    pub(super) of: String,
    pub(super) key: String,
    pub(super) outcome: String,
    pub(super) sent: String,
    pub(super) took: Vec<String>,
}

/// The times that stand beside each row.
pub(super) const TIMES: [Latency; 4] =
    [Latency::CdcE2eLatency, Latency::ScheduleLag, Latency::PgWriteDuration, Latency::CdcPropagation];

/// The lists that have any row.
pub(super) fn lists(rows: &[Value]) -> Vec<RowList> {
    let is_plain = |row: &&Value| matches!(text(row, "outcome").as_str(), "delivered" | "superseded");
    let faulty: Vec<&Value> = rows.iter().filter(|row| !is_plain(row)).collect();
    let e2e = |row: &Value| row["cdc_e2e_latency_ms"].as_f64();
    let mut slowest: Vec<&Value> = rows.iter().filter(|row| e2e(row).is_some()).collect();
    slowest.sort_by(|one, other| e2e(other).unwrap_or(0.0).total_cmp(&e2e(one).unwrap_or(0.0)));
    let list = |title, rows: Vec<&Value>| RowList {
        title,
        of: rows.len(),
        rows: rows.into_iter().take(ROWS_SHOWN).map(line).collect(),
    };
    let lists = [list("Rows that did not arrive in time", faulty), list("The slowest rows", slowest)];
    lists.into_iter().filter(|list| list.of > 0).collect()
}

fn line(row: &Value) -> RowLine {
    let sent = row["sent_ns"].as_i64().map_or("-".to_owned(), |at| UnixNanos(at).to_rfc3339());
    let took = |latency: Latency| row[format!("{latency}_ms")].as_f64().map_or("-".to_owned(), millis);
    RowLine {
        name: format!("{}/{}", row["writer"], row["sequence"]),
        of: [text(row, "entity"), text(row, "operation")].join(", "),
        key: shortened(&text(row, "key")),
        outcome: text(row, "outcome"),
        sent,
        took: TIMES.into_iter().map(took).collect(),
    }
}

fn text(row: &Value, field: &str) -> String {
    match &row[field] {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= KEY_LETTERS {
        return text.to_owned();
    }
    format!("{}…", text.chars().take(KEY_LETTERS).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lost_rows_come_first_and_the_slowest_are_sorted() {
        let row = |sequence: u64, outcome: &str, e2e: Option<f64>| {
            json!({ "writer": 0, "sequence": sequence, "outcome": outcome, "entity": "customer",
                    "operation": "create", "key": "k", "sent_ns": 1_000_000_000, "cdc_e2e_latency_ms": e2e })
        };
        let rows = [row(1, "delivered", Some(2.0)), row(2, "lost", None), row(3, "late", Some(900.0))];
        let lists = lists(&rows);
        let names = |list: &RowList| list.rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>();
        assert_eq!(
            (names(&lists[0]), names(&lists[1])),
            (vec!["0/2".into(), "0/3".into()], vec!["0/3".into(), "0/1".into()])
        );
        assert_eq!(lists[1].rows[0].took, ["900ms", "-", "-", "-"]);
        assert!(super::lists(&[]).is_empty());
    }
}

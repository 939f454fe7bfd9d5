//! Runs that are made row by row, as folders would hold them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use streamgauge_shared::account::Operation;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::histogram::{CompactHistogram, SignedHistogram};
use streamgauge_shared::report::Report;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

use super::report;
use crate::sla::account::{Interval, Source};

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    /// Arrived after so many milliseconds.
    Known(i64),
    /// The same, after its deadline.
    Late(i64),
    Lost,
    Unknown,
    Rejected,
    Superseded,
    /// Read so many milliseconds after it was sent; when it arrived is not known.
    Unmeasured(i64),
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// When it was sent, seconds since 1970.
    pub(super) sent: i64,
    pub(super) operation: Operation,
    pub(super) fate: Fate,
}

/// One run.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    /// When it began and ended, seconds since 1970.
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) rows: Vec<Row>,
    /// Reasons that make it INVALID, each with its spans in seconds since it began; of all of it without.
    pub(super) invalid: Vec<Vec<(i64, i64)>>,
    /// Iterations that were not started.
    pub(super) dropped: u64,
    /// Whether `rows.jsonl` is there.
    pub(super) is_listed: bool,
}

/// A run as its folder would hold it.
pub(super) struct Made {
    name: String,
    report: Report,
    rows: Vec<Value>,
    /// Values by second and operation: as histograms those of a month do not fit into memory.
    intervals: BTreeMap<(i64, &'static str), Vec<i64>>,
}

impl Run {
    pub(super) fn made(&self, name: &str) -> Made {
        let start = UnixNanos::from_millis(self.from * 1_000);
        #[expect(clippy::cast_precision_loss, reason = "seconds of a month")]
        let mut report = report(start, (self.until - self.from) as f64);
        report.counters.insert("dropped_iterations".to_owned(), self.dropped);
        let reasons: Vec<Value> = self
            .invalid
            .iter()
            .map(|spans| {
                let spans: Vec<Value> =
                    spans.iter().map(|(from, until)| json!({ "from_s": from, "until_s": until })).collect();
                json!({ "code": "stream_gap", "grade": "invalid", "seen": "a gap", "spans": spans })
            })
            .collect();
        let state = if reasons.is_empty() { "valid" } else { "invalid" };
        report.validity =
            serde_json::from_value(json!({ "state": state, "reasons": reasons })).expect("reasons");
        let mut made = Made { name: name.to_owned(), report, rows: Vec::new(), intervals: BTreeMap::new() };
        let mut by: BTreeMap<&'static str, [u64; 3]> = BTreeMap::new();
        for row in &self.rows {
            made.count(row, by.entry(row.operation.name()).or_default());
        }
        let stats = |[count, censored, unmeasured]: [u64; 3]| json!({ "count": count, "censored": censored, "unmeasured": unmeasured });
        let all = by.values().fold([0; 3], |sum, one| [sum[0] + one[0], sum[1] + one[1], sum[2] + one[2]]);
        let by: Vec<Value> = by
            .into_iter()
            .map(|(operation, counts)| {
                let mut one = stats(counts);
                one["entity"] = "e".into();
                one["operation"] = operation.into();
                one
            })
            .collect();
        let latency = json!({ "cdc_e2e_latency": { "all": stats(all), "by": by } });
        made.report.latency = serde_json::from_value(latency).expect("latencies");
        // What a run is read from on: a row that is neither good nor bad, at its very beginning.
        made.rows.push(json!({ "outcome": "superseded", "operation": "update", "intended_ns": start.0, "sent_ns": start.0 }));
        made.report.account.superseded += 1;
        if !self.is_listed {
            made.rows.truncate(0);
            made.rows.push(json!({ "outcome": "superseded", "operation": "update", "intended_ns": start.0, "sent_ns": start.0 }));
        }
        made
    }
}

impl Made {
    fn count(&mut self, row: &Row, [count, censored, unmeasured]: &mut [u64; 3]) {
        let sent = UnixNanos::from_millis(row.sent * 1_000);
        let account = &mut self.report.account;
        account.entries += 1;
        let mut line = json!({ "operation": row.operation.name(), "intended_ns": sent.0, "sent_ns": sent.0 });
        let outcome = match row.fate {
            Fate::Known(millis) | Fate::Late(millis) => {
                let arrived = row.sent * 1_000 + millis;
                let key = (arrived.div_euclid(1_000), row.operation.name());
                self.intervals.entry(key).or_default().push(millis);
                *count += 1;
                line["observed_ns"] = (arrived * 1_000_000).into();
                line["measured"] = true.into();
                if matches!(row.fate, Fate::Late(_)) {
                    account.late += 1;
                    "late"
                } else {
                    account.delivered += 1;
                    return;
                }
            }
            Fate::Lost => {
                *censored += 1;
                account.lost += 1;
                "lost"
            }
            Fate::Unknown => {
                *censored += 1;
                account.unknown += 1;
                "unknown"
            }
            Fate::Rejected => {
                account.rejected += 1;
                "rejected"
            }
            Fate::Superseded => {
                account.superseded += 1;
                "superseded"
            }
            Fate::Unmeasured(millis) => {
                *unmeasured += 1;
                account.delivered += 1;
                line["observed_ns"] = ((row.sent * 1_000 + millis) * 1_000_000).into();
                line["measured"] = false.into();
                "delivered"
            }
        };
        line["outcome"] = outcome.into();
        self.rows.push(line);
    }

    pub(super) fn report_mut(&mut self) -> &mut Report {
        &mut self.report
    }
}

impl Source for Made {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn report(&self) -> &Report {
        &self.report
    }

    fn lacks(&self) -> &[String] {
        &[]
    }

    fn has_log(&self) -> bool {
        true
    }

    fn rows(&self) -> Result<Vec<Value>, Failure> {
        Ok(self.rows.clone())
    }

    fn intervals(
        &self,
        wanted: &dyn Fn(Latency) -> bool,
        each: &mut dyn FnMut(Interval<'_>) -> bool,
    ) -> Result<(), Failure> {
        for ((second, operation), values) in &self.intervals {
            let mut histogram = SignedHistogram::default();
            values.iter().for_each(|millis| histogram.record(Nanos::from_millis(*millis)));
            let operation = Operation::ALL.into_iter().find(|known| known.name() == *operation);
            let interval = Interval {
                middle: UnixNanos::from_millis(second * 1_000 + 500),
                latency: Latency::CdcE2eLatency,
                operation: operation.expect("a name of ours"),
                histogram: &CompactHistogram::from(&histogram),
            };
            if wanted(Latency::CdcE2eLatency) && !each(interval) {
                break;
            }
        }
        Ok(())
    }
}

//! The rows of one side, and their percentiles with how sure each run is of them.

use streamgauge_shared::account::Operation;
use streamgauge_shared::report::{Figure, Stats};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::bootstrap::spread;
use super::comparison::Input;
use super::course::Side;
use super::effect::{OfSide, RunValue, figure, share_of_known};
use super::random::Random;
use super::slots::{Slots, slots};

/// One side's rows of a latency.
pub(super) struct Rows {
    pub(super) side: Side,
    missing: u64,
    /// Where the report of the only run has these very figures.
    reported: Option<Stats>,
    slots: usize,
}

/// The rows of a latency in the runs of one side, of one operation or of all.
pub(super) fn rows(inputs: &[Input], latency: Latency, operation: Option<Operation>) -> Rows {
    let courses: Vec<Slots> =
        inputs.iter().map(|input| slots(&input.intervals, latency, operation)).collect();
    let filled = |course: &Slots| course.slots.iter().filter(|slot| !slot.is_empty()).count();
    let slots = courses.iter().map(filled).min().unwrap_or(0);
    let side = Side::new(&courses.into_iter().map(|course| course.slots).collect::<Vec<_>>());
    let of_report = |input: &Input| -> Vec<Stats> {
        let Some(report) = input.report.latency.get(latency.name()) else { return Vec::new() };
        match operation {
            None => vec![report.all.clone()],
            Some(operation) => {
                let by = report.by.iter().filter(|by| by.operation == operation.name());
                by.map(|by| by.stats.clone()).collect()
            }
        }
    };
    let stats: Vec<Stats> = inputs.iter().flat_map(of_report).collect();
    let missing = stats.iter().map(|stats| stats.censored + stats.unmeasured).sum();
    let reported = if let [only] = &stats[..] { Some(only.clone()) } else { None };
    Rows { side, missing, reported, slots }
}

impl Rows {
    /// A percentile; `stream` tells the random numbers of one figure from those of all others.
    pub(super) fn percentile(&self, share: f64, resamples: usize, seed: u64, stream: u64) -> OfSide {
        let reported = self.reported.as_ref().and_then(|stats| match share {
            0.5 => Some(stats.p50),
            0.95 => Some(stats.p95),
            0.99 => Some(stats.p99),
            _ => None,
        });
        let figure = figure(&self.side, share, self.missing, reported);
        let rows_above = (1.0 - share) * count(self.side.rows() + self.missing);
        let open = OfSide { figure, value: None, runs: Vec::new(), rows_above, slots: self.slots };
        let Figure::Value(millis) = figure else { return open };
        if self.side.rows() == 0 {
            return open;
        }
        let share = share_of_known(&self.side, share, self.missing, millis);
        let one = |run: usize| {
            let mut random = Random::new(seed, stream * 1_000 + run as u64);
            let spread = spread(&self.side, run, share, resamples, &mut random)?;
            Some(RunValue { value: self.side.quantile_of_run(run, share)?, spread })
        };
        let runs: Vec<RunValue> = (0..self.side.runs().len()).filter_map(one).collect();
        let value = (!runs.is_empty()).then(|| Nanos::from_millis_f64(millis).0);
        OfSide { value, runs, ..open }
    }
}

/// The same of both sides, each on a thread of its own.
pub(super) fn both<T: Send>(rows: &[Rows; 2], of_side: impl Fn(&Rows, usize) -> T + Sync) -> [T; 2] {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| of_side(&rows[1], 1));
        let one = of_side(&rows[0], 0);
        [one, other.join().expect("nothing in it panics")]
    })
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
fn count(count: u64) -> f64 {
    count as f64
}

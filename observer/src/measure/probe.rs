//! The probes of a capacity search: what is seen of each, and whether its rate holds.
//!
//! A rate holds when every threshold holds over the judged part, no tick was dropped, and the backlog (operations
//! on their way) does not grow. Growth is the slope of a straight line through the backlog as sampled, times the
//! length of the judged part. It counts beyond
//! - [`GROWTH_MIN`] operations: a row more or less on its way means nothing;
//! - [`GROWTH_SHARE`] of the operations sent: the resolution of the answer;
//! - three standard errors of the line, with one independent sample a second: a pipeline that works in batches
//!   makes the backlog a saw-tooth, which is not growth.
//!
//! A probe is judged once its users have finished, which the writer says, and everything they sent has arrived: so its
//! latencies are complete, and the next probe starts with free users and from an empty pipeline.

use streamgauge_shared::account::as_f64;
use streamgauge_shared::capacity::{Capacity, Probe, Search};
use streamgauge_shared::ledger::ProbePlan;
use streamgauge_shared::test_file::CapacitySearch;
use streamgauge_shared::time::{Nanos, UnixNanos};

/// Growth of the backlog that means nothing, operations.
const GROWTH_MIN: f64 = 3.0;
/// Growth of the backlog that means nothing, as a share of what was sent.
const GROWTH_SHARE: f64 = 0.02;
/// Samples kept of one probe: an hour at ten a second. Past it every second one is left out.
const SAMPLES_MAX: usize = 36_000;

/// A search as the observer sees it.
#[derive(Debug)]
pub struct Probing {
    search: Search,
    current: Option<Current>,
    last: Option<(u32, Probe)>,
}

/// The totals of the run's measured phase as of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Operations opened.
    pub sent: u64,
    /// Operations that arrived.
    pub arrived: u64,
    /// Operations of every phase that have neither arrived nor been given up.
    pub pending: u64,
    /// Ticks for which no user was free.
    pub dropped: u64,
}

#[derive(Debug)]
struct Current {
    plan: ProbePlan,
    samples: Vec<(f64, f64)>,
    at_from: Option<(UnixNanos, Totals)>,
    at_until: Option<(UnixNanos, Totals)>,
    /// When its users had finished.
    over_at: Option<UnixNanos>,
}

impl Probing {
    /// A search that has not begun.
    #[must_use]
    pub fn new(spec: &CapacitySearch) -> Self {
        Self { search: Search::new(spec), current: None, last: None }
    }

    /// A probe begins. One that was begun before is begun anew only with another number.
    pub fn begin(&mut self, plan: ProbePlan) {
        self.current =
            Some(Current { plan, samples: Vec::new(), at_from: None, at_until: None, over_at: None });
    }

    /// The users of the probe with this number have finished: nothing that it wrote follows.
    pub fn over(&mut self, number: u32, now: UnixNanos) {
        if let Some(current) = self.current.as_mut().filter(|current| current.plan.number == number) {
            current.over_at.get_or_insert(now);
        }
    }

    /// How things stand now; several times a second.
    pub fn sample(&mut self, now: UnixNanos, totals: Totals) {
        let Some(current) = &mut self.current else { return };
        let plan = current.plan;
        if now < plan.from {
            return;
        }
        current.at_from.get_or_insert((now, totals));
        if now > plan.until {
            current.at_until.get_or_insert((now, totals));
            return;
        }
        if current.samples.len() >= SAMPLES_MAX {
            let mut index = 0_usize;
            current.samples.retain(|_| {
                index += 1;
                index.is_multiple_of(2)
            });
        }
        current.samples.push(((now - plan.from).as_secs_f64(), as_f64(totals.pending)));
    }

    /// Whether the current probe can be judged: its load is over, its users have finished, and nothing is on its way
    /// any more or nothing more is waited for.
    #[must_use]
    pub fn is_due(&self, now: UnixNanos, totals: Totals, drain: Nanos) -> bool {
        self.current.as_ref().is_some_and(|current| {
            let Some(over_at) = current.over_at.filter(|_| current.at_until.is_some()) else { return false };
            totals.pending == 0 || now >= current.plan.until.max(over_at) + drain
        })
    }

    /// Judges the current probe. `crossed` names the thresholds that do not hold over its judged part, each with
    /// its value. Returns what the writer is to hear.
    pub fn judge(&mut self, crossed: &[String], totals: Totals, drain: Nanos) -> Option<(u32, Probe)> {
        let Current { plan, samples, at_from, at_until, .. } = self.current.take()?;
        // Counted between two samples, so over the time between them.
        let ((began, from), (ended, until)) = (at_from?, at_until?);
        let seconds = (ended - began).as_secs_f64().max(f64::MIN_POSITIVE);
        let per_s = |count: u64| as_f64(count) / seconds;
        let sent = until.sent - from.sent;
        let line = Line::through(&samples);
        let growth = line.slope * seconds;
        let noise = 3.0 * line.residual * (12.0 / seconds.max(1.0)).sqrt();
        let tolerated = GROWTH_MIN.max(GROWTH_SHARE * as_f64(sent)).max(noise);
        let dropped = until.dropped - from.dropped;
        let mut reasons: Vec<String> = crossed.to_vec();
        if growth > tolerated {
            reasons.push(format!(
                "the backlog grew by {growth:.0} rows in {seconds:.0} s ({:.2} rows/s sent, {:.2} arrived)",
                per_s(sent),
                per_s(until.arrived - from.arrived)
            ));
        }
        if totals.pending > 0 {
            reasons.push(format!("{} rows had not arrived {drain} after its end", totals.pending));
        }
        if dropped > 0 {
            reasons.push(format!("{dropped} iterations were dropped for want of a free user: raise max_vus"));
        }
        if sent == 0 {
            reasons.push("nothing was sent".to_owned());
        }
        let probe = Probe {
            rate_per_s: plan.rate_per_s,
            sent_per_s: per_s(sent),
            arrived_per_s: per_s(until.arrived - from.arrived),
            backlog_growth_per_s: line.slope,
            reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        };
        self.search.judged(probe.clone());
        self.last = Some((plan.number, probe));
        self.last.clone()
    }

    /// What the writer was told last, for one that was away meanwhile.
    #[must_use]
    pub fn last(&self) -> Option<(u32, Probe)> {
        self.last.clone()
    }

    /// What is known by now.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.search.capacity()
    }
}

/// A straight line by least squares.
struct Line {
    /// Per second.
    slope: f64,
    /// The standard deviation of the samples around it.
    residual: f64,
}

impl Line {
    fn through(samples: &[(f64, f64)]) -> Self {
        let n = as_f64(samples.len() as u64);
        if samples.len() < 3 {
            return Self { slope: 0.0, residual: 0.0 };
        }
        let mean = |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>() / n;
        let (mean_x, mean_y) = (mean(|(x, _)| *x), mean(|(_, y)| *y));
        let square = |x: f64| x * x;
        let sxx: f64 = samples.iter().map(|(x, _)| square(x - mean_x)).sum();
        let sxy: f64 = samples.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
        let slope = if sxx > 0.0 { sxy / sxx } else { 0.0 };
        let rest: f64 = samples.iter().map(|(x, y)| square(y - mean_y - slope * (x - mean_x))).sum();
        Self { slope, residual: (rest / (n - 2.0)).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::test_file::Rate;

    use super::*;

    const DRAIN: Nanos = Nanos::from_secs(60);

    fn probing() -> Probing {
        let rate = |iterations| Rate { iterations, per: Nanos::from_secs(1) };
        let (start, max, span) = (rate(10), rate(1_000), Nanos::from_secs(10));
        let spec = CapacitySearch {
            start,
            max,
            resolution: 0.05,
            settle: span,
            probe: span,
            pre_allocated_vus: 1,
            max_vus: 1,
        };
        Probing::new(&spec)
    }

    /// A probe of ten seconds, sampled ten times a second; `pending` by second and number of the sample.
    fn run(offered: f64, pending: impl Fn(f64, u64) -> f64, crossed: &[String]) -> Probe {
        let mut probing = probing();
        let (from, until) = (UnixNanos(0), UnixNanos(0) + Nanos::from_secs(10));
        probing.begin(ProbePlan { number: 0, rate_per_s: offered, from, until });
        for step in 0..=101_u64 {
            let at = as_f64(step) / 10.0;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
            let totals = |sent: f64, pending: f64| Totals {
                sent: sent as u64,
                arrived: (sent - pending).max(0.0) as u64,
                pending: pending as u64,
                dropped: 0,
            };
            let now = from + Nanos::from_millis(100 * i64::try_from(step).expect("small"));
            let now_totals = totals(offered * at, pending(at, step));
            assert!(!probing.is_due(now, now_totals, DRAIN));
            probing.sample(now, now_totals);
        }
        let drained = Totals::default();
        assert!(!probing.is_due(until, drained, DRAIN), "its users still work");
        probing.over(1, until);
        assert!(!probing.is_due(until, drained, DRAIN), "that was another probe");
        probing.over(0, until);
        assert!(probing.is_due(until, drained, DRAIN));
        let (number, probe) = probing.judge(crossed, drained, DRAIN).expect("a probe");
        assert_eq!((number, probing.capacity().probes.len()), (0, 1));
        assert!(probing.judge(crossed, drained, DRAIN).is_none(), "a probe is judged once");
        probe
    }

    #[test]
    fn a_steady_backlog_holds_whatever_its_size_and_teeth() {
        let steady: [fn(f64, u64) -> f64; 3] = [
            |_, _| 0.0,
            |_, step| as_f64(40 + step % 3),
            // A pipeline that polls every half second: 100 rows/s make teeth of 50.
            |_, step| as_f64(step % 5) * 10.0,
        ];
        for pending in steady {
            let probe = run(100.0, pending, &[]);
            assert_eq!(probe.reason, None, "{probe:?}");
        }
    }

    #[test]
    fn a_backlog_that_grows_by_a_twentieth_of_the_load_fails() {
        let probe = run(100.0, |at, step| at * 5.0 + as_f64(step % 5) * 4.0, &[]);
        let reason = probe.reason.expect("it grows");
        assert!(
            reason.starts_with("the backlog grew by ") && reason.contains("100.00 rows/s sent"),
            "{reason}"
        );
        assert!((probe.backlog_growth_per_s - 5.0).abs() < 0.5, "{}", probe.backlog_growth_per_s);
    }

    #[test]
    fn a_crossed_threshold_and_undelivered_rows_are_reasons() {
        let crossed = ["cdc_e2e_latency p(95)<500: 612 ms".to_owned()];
        assert_eq!(run(100.0, |_, _| 1.0, &crossed).reason.as_deref(), Some(crossed[0].as_str()));

        let mut probing = probing();
        let until = UnixNanos(0) + Nanos::from_secs(10);
        probing.begin(ProbePlan { number: 3, rate_per_s: 5.0, from: UnixNanos(0), until });
        let totals = Totals { sent: 50, arrived: 20, pending: 30, dropped: 2 };
        probing.sample(UnixNanos(1), Totals::default());
        probing.sample(until + Nanos(1), totals);
        assert!(!probing.is_due(until + DRAIN, totals, DRAIN), "its users still work");
        probing.over(3, until + Nanos(5));
        assert!(!probing.is_due(until + DRAIN, totals, DRAIN));
        assert!(probing.is_due(until + DRAIN + Nanos(5), totals, DRAIN));
        let (_, probe) = probing.judge(&[], totals, DRAIN).expect("a probe");
        let reason = probe.reason.expect("it fails");
        assert!(reason.contains("30 rows had not arrived 1m00s after its end"), "{reason}");
        assert!(reason.contains("2 iterations were dropped"), "{reason}");
        assert_eq!(probing.last().map(|(number, _)| number), Some(3));
    }
}

//! The headline over time, put together from the interval log: few slots of equal width, each a merged histogram.

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::finding::TimeSpan;
use streamgauge_shared::histogram::SignedHistogram;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

use crate::kept::KeptRun;
use crate::measure::OverTime;

/// Slots at most: a wide screen shows no more columns.
const SLOTS_MAX: usize = 240;

/// The headline over time.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// In the order of time; empty where the folder has no interval log.
    pub(super) slots: Vec<Slot>,
    /// How long each slot is.
    pub(super) width: Nanos,
    /// When the first one begins: about the zero of everything that is shown over time.
    start: Option<UnixNanos>,
    /// When the run began.
    run_start: Option<UnixNanos>,
}

/// What arrived in a step of time.
#[derive(Debug)]
pub(super) struct Slot {
    /// Seconds since the first slot began.
    pub(super) from_s: f64,
    pub(super) to_s: f64,
    pub(super) arrived: SignedHistogram,
}

impl Course {
    /// The log is read interval by interval: one of hours does not fit into memory at once.
    ///
    /// # Errors
    /// It is there and cannot be read (104).
    pub(super) fn read(run: &KeptRun) -> Result<Self, Failure> {
        let mut over_time: OverTime<()> = OverTime::new(SLOTS_MAX);
        let (mut first, mut longest) = (None, Nanos::ZERO);
        let is_headline = |latency| latency == Latency::CdcE2eLatency;
        run.each_interval(&is_headline, &mut |interval| {
            // They stand in the order of time.
            let start = *first.get_or_insert(interval.start);
            over_time.add((interval.start - start).max(Nanos::ZERO), (), &interval.histogram);
            longest = longest.max(interval.length);
            true
        })?;
        let Some(start) = first else { return Ok(Self::default()) };
        // Late in a long run an interval is longer than a slot: slots between would look as if nothing had arrived.
        let width = over_time.width();
        // Lines of a second are a little longer or shorter than one.
        let fit = (longest.0 + width.0 / 2) / width.0.max(1);
        let together = usize::try_from(fit.clamp(1, 60)).unwrap_or(1);
        let slots: Vec<(Nanos, SignedHistogram)> =
            over_time.slots().map(|(at, slot)| (at, slot.merged(|()| true))).collect();
        let whole = Nanos(width.0 * i64::try_from(together).unwrap_or(1));
        let slots = slots.chunks(together).filter_map(|slots| {
            let (from, _) = slots.first()?;
            let mut arrived = SignedHistogram::default();
            slots.iter().for_each(|(_, slot)| arrived.merge(slot));
            Some(Slot { from_s: from.as_secs_f64(), to_s: (Nanos(from.0 + whole.0)).as_secs_f64(), arrived })
        });
        let run_start = UnixNanos::from_rfc3339(&run.report.run.started_at);
        Ok(Self { slots: slots.collect(), width: whole, start: Some(start), run_start })
    }

    /// Everything that arrived.
    pub(super) fn all(&self) -> SignedHistogram {
        let mut all = SignedHistogram::default();
        self.slots.iter().for_each(|slot| all.merge(&slot.arrived));
        all
    }

    /// A span of the run on the charts' axis: it counts from the start of the run, they from the first slot.
    pub(super) fn placed(&self, span: &TimeSpan) -> Option<(f64, f64)> {
        let offset = (self.start? - self.run_start?).as_secs_f64();
        Some((span.from_s - offset, span.until_s - offset))
    }
}

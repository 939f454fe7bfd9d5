//! One percentile of both sides: how much it changed, how sure that is, and what it means.

use streamgauge_shared::report::Figure;

use super::block_length::as_f64;
use super::bootstrap::{Spread, logarithm};
use super::course::Side;
use super::student::two_sided;
use super::verdict::{Unchanged, Verdict};

/// The confidence of all intervals together.
pub const CONFIDENCE: f64 = 0.95;
/// Rows above a percentile, on each side, for less of which it is not compared.
pub const ROWS_ABOVE_MIN: f64 = 10.0;
/// Seconds with rows for less of which nothing is compared.
pub const SLOTS_MIN: usize = 8;
/// Independent seconds for less of which a run says next to nothing: its interval would be several times its value.
pub const INDEPENDENT_MIN: f64 = 3.0;
/// Blocks for less of which the tail is one event or two: another run may have none of them, or twice as many.
pub const TAIL_BLOCKS_MIN: f64 = 2.0;

/// Differences below these do not matter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Smallest {
    /// A share of the first side's figure.
    pub share: f64,
    /// Milliseconds.
    pub millis: f64,
}

impl Smallest {
    /// 2 % and 1 ms.
    pub const DEFAULT: Self = Self { share: 0.02, millis: 1.0 };

    /// The larger of the two beside a figure of so many milliseconds.
    #[must_use]
    pub fn beside(self, millis: f64) -> f64 {
        self.millis.max(self.share * millis.abs())
    }
}

/// A percentile of one side.
#[derive(Clone, Debug, PartialEq)]
pub struct OfSide {
    /// What the report says.
    pub figure: Figure,
    /// The value that is compared, nanoseconds; absent where the figure is open.
    pub value: Option<i64>,
    /// How sure each run is of its own value; empty where the figure is open.
    pub runs: Vec<RunValue>,
    /// Rows above it.
    pub rows_above: f64,
    /// Slots in which rows arrived, of the run with the fewest.
    pub slots: usize,
}

/// The percentile of one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunValue {
    /// Nanoseconds.
    pub value: i64,
    /// How sure that is.
    pub spread: Spread,
}

/// From where to where something lies, with its middle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// As measured.
    pub point: f64,
    /// At least.
    pub low: f64,
    /// At most.
    pub high: f64,
}

/// How much a percentile changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Second side ÷ first side.
    pub ratio: Interval,
    /// Second side − first side, milliseconds.
    pub difference: Interval,
    /// The least difference that matters, milliseconds.
    pub matters: f64,
    /// The least difference that these runs could have shown, milliseconds: half of the interval, or what matters where
    /// that is more.
    pub shown_from: f64,
}

/// What can be said of a percentile.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// How much it changed.
    Measured(Change, Verdict),
    /// One of both is open, and even so it changed: by at least so many milliseconds.
    ByBounds(f64, Verdict),
    /// Nothing, because of this.
    Nothing(String),
}

impl Told {
    /// The verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Measured(_, verdict) | Self::ByBounds(_, verdict) => *verdict,
            Self::Nothing(_) => Verdict::CannotBeTold,
        }
    }
}

/// The known value of a side with what is missing in it: the rows that arrived, and how many more there are.
///
/// The figure of a single run's report is exact as far as it goes, for it knows the ages of what is missing; without one
/// the missing rows are the smallest for the lower bound and the largest for the upper.
#[must_use]
pub fn figure(side: &Side, share: f64, missing: u64, reported: Option<Figure>) -> Figure {
    if let Some(reported) = reported {
        return reported;
    }
    let (known, missing) = (rows(side.rows()), rows(missing));
    if known <= 0.0 {
        return Figure::Absent;
    }
    let wanted = share * (known + missing);
    let millis = |value: i64| streamgauge_shared::time::Nanos(value).as_millis_f64();
    let low = side.quantile(((wanted - missing) / known).max(0.0)).map(millis).unwrap_or_default();
    match side.quantile(wanted / known).map(millis) {
        None => Figure::AtLeast(low),
        Some(high) if high - low <= high * BUCKET => Figure::Value(high),
        Some(high) => Figure::Between(low, high),
    }
}

/// Two values this close are in one bucket of the histogram.
const BUCKET: f64 = 0.002;

/// Which share of the rows that arrived lies at or below a figure of all rows.
#[must_use]
pub fn share_of_known(side: &Side, share: f64, missing: u64, millis: f64) -> f64 {
    if missing == 0 {
        return share;
    }
    let shifted = share * (1.0 + rows(missing) / rows(side.rows().max(1)));
    let value = streamgauge_shared::time::Nanos::from_millis_f64(millis).0;
    let fits = |found: i64| (logarithm(found) - logarithm(value)).abs() <= BUCKET;
    if shifted <= 1.0 && side.quantile(shifted).is_some_and(fits) {
        return shifted;
    }
    side.share_at_most(value).clamp(0.0, 1.0)
}

/// What can be said of a percentile of two sides, at a level of confidence.
#[must_use]
pub fn compare(first: &OfSide, second: &OfSide, level: f64, smallest: Smallest) -> Told {
    if let (Some(from), Some(to)) = (first.value, second.value) {
        return match not_enough(first, second) {
            Some(reason) => Told::Nothing(reason),
            None => measured(first, second, (from, to), level, smallest),
        };
    }
    by_bounds(first, second, level, smallest)
}

fn not_enough(first: &OfSide, second: &OfSide) -> Option<String> {
    let slots = first.slots.min(second.slots);
    if slots < SLOTS_MIN {
        return Some(format!(
            "rows arrived in {slots} seconds of a run only; at least {SLOTS_MIN} are needed"
        ));
    }
    let above = first.rows_above.min(second.rows_above);
    if above < ROWS_ABOVE_MIN {
        return Some(format!(
            "too few rows in the tail: {above:.0} above it on one side, at least {ROWS_ABOVE_MIN} are needed"
        ));
    }
    let independent =
        |side: &OfSide| side.runs.iter().map(|run| run.spread.effective).fold(f64::INFINITY, f64::min);
    if independent(first).min(independent(second)) < INDEPENDENT_MIN {
        return Some(
            "the seconds of one run hang together so much that they are one piece: a longer run is needed"
                .to_owned(),
        );
    }
    let blocks = |side: &OfSide| side.runs.iter().map(|run| run.spread.tail_blocks).sum::<f64>();
    let blocks = blocks(first).min(blocks(second));
    (blocks < TAIL_BLOCKS_MIN).then(|| {
        "the tail of one side lies in so few stretches of time that another run may have none of them"
            .to_owned()
    })
}

/// The standard error of ln(second ÷ first), and its degrees of freedom.
///
/// With one run a side it is what the seconds of the runs tell. With two or more runs on a side it is what the runs tell,
/// where that is more: the variance of their logarithms, taken to be the same on both sides.
fn error(first: &OfSide, second: &OfSide, level: f64) -> f64 {
    let sides = [first, second];
    let within = |side: &OfSide| {
        let runs = as_f64(side.runs.len());
        let one = |run: &RunValue| (run.spread.log_error / runs).powi(2);
        let variance: f64 = side.runs.iter().map(one).sum();
        let spread: f64 = side.runs.iter().map(|run| one(run).powi(2) / run.spread.freedom).sum();
        (variance, spread)
    };
    let [(a, of_a), (b, of_b)] = sides.map(within);
    // Welch and Satterthwaite.
    let freedom = if of_a + of_b > 0.0 { (a + b).powi(2) / (of_a + of_b) } else { f64::from(u16::MAX) };
    let by_seconds = two_sided(level, freedom) * (a + b).sqrt();
    let freedom: usize = sides.iter().map(|side| side.runs.len().saturating_sub(1)).sum();
    if freedom == 0 {
        return by_seconds;
    }
    let squares = |side: &OfSide| {
        let logs: Vec<f64> = side.runs.iter().map(|run| logarithm(run.value)).collect();
        let mean = logs.iter().sum::<f64>() / as_f64(logs.len().max(1));
        logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>()
    };
    let variance = sides.iter().map(|side| squares(side)).sum::<f64>() / as_f64(freedom);
    let shares: f64 = sides.iter().map(|side| 1.0 / as_f64(side.runs.len().max(1))).sum();
    let by_runs = two_sided(level, as_f64(freedom)) * (variance * shares).sqrt();
    by_runs.max(by_seconds)
}

fn measured(first: &OfSide, second: &OfSide, (from, to): (i64, i64), level: f64, smallest: Smallest) -> Told {
    let half = error(first, second, level);
    let log = logarithm(to) - logarithm(from);
    let ratio = Interval { point: log.exp(), low: (log - half).exp(), high: (log + half).exp() };
    let from_ms = streamgauge_shared::time::Nanos(from).as_millis_f64();
    let difference = |ratio: f64| (ratio - 1.0) * from_ms;
    let difference =
        Interval { point: difference(ratio.point), low: difference(ratio.low), high: difference(ratio.high) };
    let matters = smallest.beside(from_ms);
    let wide = (half.exp() - 1.0) * from_ms;
    let change = Change { ratio, difference, matters, shown_from: wide.max(matters) };
    let verdict = if ratio.low > 1.0 && difference.point >= matters {
        Verdict::Regressed
    } else if ratio.high < 1.0 && -difference.point >= matters {
        Verdict::Improved
    } else if difference.low > -matters && difference.high < matters {
        Verdict::Unchanged(Unchanged::Same)
    } else if ratio.low > 1.0 || ratio.high < 1.0 {
        Verdict::Unchanged(Unchanged::Small)
    } else {
        Verdict::Unchanged(Unchanged::NotShown)
    };
    Told::Measured(change, verdict)
}

/// From where to where the figure of a side lies, milliseconds, without what another sample would have said.
fn bounds(side: &OfSide) -> Option<(f64, f64)> {
    match side.figure {
        Figure::Absent => None,
        Figure::AtLeast(low) => Some((low, f64::INFINITY)),
        Figure::Between(low, high) => Some((low, high)),
        Figure::Value(value) => Some((value, value)),
    }
}

/// How far the figure of a side would have been off in another sample: half of the interval of its logarithm; nothing where
/// the figure is open, for then it is not known how sure it is.
fn half_width(side: &OfSide, level: f64) -> Option<f64> {
    if side.runs.is_empty() {
        return None;
    }
    let runs = as_f64(side.runs.len());
    let variance: f64 = side.runs.iter().map(|run| run.spread.log_error.powi(2)).sum();
    let freedom = side.runs.iter().map(|run| run.spread.freedom).fold(f64::INFINITY, f64::min);
    Some(two_sided(level, freedom) * variance.sqrt() / runs)
}

/// What the bounds of open figures say: they are a sample's too, so both sides' are widened by as much as the known side
/// would be off. Two open sides say nothing: nobody knows how sure either is.
fn by_bounds(first: &OfSide, second: &OfSide, level: f64, smallest: Smallest) -> Told {
    let (Some(a), Some(b)) = (bounds(first), bounds(second)) else {
        return Told::Nothing("one side has no such rows".to_owned());
    };
    let open = "it is only known within bounds, because of rows that did not arrive or were not timed";
    let half = match (half_width(first, level), half_width(second, level)) {
        (Some(one), Some(other)) => one.max(other),
        (Some(known), None) | (None, Some(known)) => known,
        (None, None) => return Told::Nothing(format!("{open}, on both sides")),
    };
    let widened = |(low, high): (f64, f64)| (low * (-half).exp(), high * half.exp());
    let (a, b) = (widened(a), widened(b));
    let matters = |from: f64| smallest.beside(from);
    if b.0 - a.1 >= matters(a.1) {
        Told::ByBounds(b.0 - a.1, Verdict::Regressed)
    } else if a.0 - b.1 >= matters(a.0) {
        Told::ByBounds(a.0 - b.1, Verdict::Improved)
    } else {
        Told::Nothing(format!("{open}, and those overlap"))
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
fn rows(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
#[path = "effect_tests.rs"]
mod tests;

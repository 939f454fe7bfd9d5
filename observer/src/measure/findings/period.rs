//! Whether arrivals wait for the ticks of a period.
//!
//! Two things must hold, and neither alone does. **Arrivals come at ticks**: the times from one bunch of them to the next
//! are whole multiples of one period. It is looked for among the shortest of these times, so that it is the period and
//! no fraction of it, and judged by Rayleigh's test. Differences, not phases since the start: a poller that sleeps
//! between its rounds drifts. **Rows wait for them** (the saw-tooth): whatever the moment at which a row was written, it
//! came with the next tick, or the one after where two such waits follow each other, so the waits are spread over the
//! period and end with it. Even writes, bursts and users that go
//! on when a row arrives have ticks as well, but then rows wait alike.

use std::f64::consts::TAU;

use streamgauge_shared::account::as_f64;
use streamgauge_shared::report::Period;

use super::arrivals::{APART_S, Arrivals, Bunch, at_percent, gaps, share, sorted, spread};

/// A shorter period cannot be told from the noise of a way through several processes.
pub(super) const PERIOD_MIN_S: f64 = 0.02;
/// Fewer gaps than this prove nothing.
const GAPS_MIN: usize = 12;
/// Gaps that the search looks at, evenly taken: the rest only sharpens the value.
const GAPS_SEARCHED: usize = 1_000;
/// The mean direction of the gaps on a circle of one period, 1 where all are whole multiples of it. 0.8 is a
/// standard deviation of a tenth of the period.
const COHERENCE_MIN: f64 = 0.8;
/// The chance that gaps of no period look like this, times the periods tried.
const CHANCE_MAX: f64 = 1e-4;
/// Neighbouring periods differ by this part of a turn over the longest gaps.
const STEP_TURNS: f64 = 0.05;
/// Multiples of a period that are looked at …
const MULTIPLES_MAX: i32 = 32;
/// … so many steps to both sides …
const NEAR_STEPS: i32 = 20;
/// … each this part of it: together more than the search's own steps.
const NEAR_STEP: f64 = 0.001;
/// Gaps agree as well on two periods whose coherences differ by no more.
const AS_WELL: f64 = 0.02;
/// A gap is a whole multiple within this part of the period …
const WITHIN: f64 = 0.25;
/// … and so many are, at least.
const GAPS_WITHIN: f64 = 0.85;
/// So many rows come with the next tick or the one after …
const ROWS_MIN: f64 = 0.9;
/// … which is two periods: Debezium waits for its interval twice, in its reader and in its queue.
const PERIODS: f64 = 2.0;
/// A wait may be longer than its periods by this part of one.
const OVER: f64 = 0.2;
/// Rows that wait alike within this part of the period are at one phase of it. The most common one is left out: what is
/// sent the moment another row arrived is always at the same.
const PHASE: f64 = 0.1;
/// Of the rows so many are at others …
const OTHERS_MIN: f64 = 0.25;
/// … whose waits, from the lowest tenth to the highest, spread over at least this part of the period. Rows at
/// any phase have four fifths, at three of them a third or more.
const SPREAD_MIN: f64 = 0.3;
/// The rows of a bunch come within this part of that spread: it is their writing that makes them wait unlike.
const BUNCH_MAX: f64 = 0.25;
/// A period is a whole number of even distances within this part of one.
const COMMENSURATE_WITHIN: f64 = 0.03;

/// A period, with how well the gaps keep to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) period: Period,
    /// How far gaps are from the nearest multiple, between their quarters.
    pub(super) noise_s: f64,
}

/// The period that arrivals wait for, if they do.
pub(super) fn period(arrivals: &Arrivals) -> Option<Found> {
    APART_S.iter().find_map(|apart_s| {
        let bunches = arrivals.bunches(*apart_s);
        let gaps = gaps(&bunches);
        let near_s = searched(&gaps, PERIOD_MIN_S.max(*apart_s * 4.0))?;
        let fit = Fit::of(&gaps, near_s)?;
        let rows_of_next = saw_tooth(arrivals, &bunches, fit.period_s)?;
        let even_writes = arrivals.even_s.and_then(|even_s| whole(fit.period_s / even_s));
        if even_writes == Some(1) {
            // The period is that of the load.
            return None;
        }
        let period = Period {
            period_ms: fit.period_s * 1_000.0,
            uncertainty_ms: fit.uncertainty_s * 1_000.0,
            gaps: gaps.len() as u64,
            rows_of_next,
            even_writes,
            or_batch: false,
        };
        Some(Found { period, noise_s: fit.noise_s })
    })
}

/// The period on which the gaps agree best, if they agree.
pub(super) fn searched(gaps: &[f64], least_s: f64) -> Option<f64> {
    if gaps.len() < GAPS_MIN {
        return None;
    }
    let sample: Vec<f64> = gaps.iter().step_by(gaps.len().div_ceil(GAPS_SEARCHED)).copied().collect();
    let ordered = sorted(sample.iter().copied());
    let quantile = |percent| at_percent(&ordered, percent).unwrap_or_default();
    let (mut period_s, most_s) = ((quantile(5) * 0.7).max(least_s), quantile(25) * 1.15);
    let longest_s = quantile(90).max(most_s);
    let (mut tried, mut best) = (0.0, (0.0, 0.0));
    while period_s <= most_s {
        let coherence = coherence(&sample, period_s);
        if coherence > best.0 {
            best = (coherence, period_s);
        }
        tried += 1.0;
        period_s += STEP_TURNS * period_s * period_s / longest_s;
    }
    let (coherence, period_s) = best;
    // Of both ends of a gap the same arrival is known: half of the gaps are independent.
    let chance = tried * (-as_f64(sample.len() as u64) * coherence * coherence / 2.0).exp();
    let significant =
        coherence >= COHERENCE_MIN && (chance <= CHANCE_MAX || sample.len() < 30 && coherence >= 0.97);
    significant.then(|| fundamental(&sample, (coherence, period_s), most_s))
}

/// The longest multiple of a period, up to `most_s`, on which the gaps agree as well. On a fraction of their period they
/// agree too, and which of both comes out better is a matter of where the search happened to look.
fn fundamental(sample: &[f64], (found, period_s): (f64, f64), most_s: f64) -> f64 {
    let best_near = |near_s: f64| {
        let around = (-NEAR_STEPS..=NEAR_STEPS).map(|step| near_s * (1.0 + f64::from(step) * NEAR_STEP));
        around.map(|period_s| (coherence(sample, period_s), period_s)).max_by(|a, b| a.0.total_cmp(&b.0))
    };
    let multiples = (2..=MULTIPLES_MAX).rev().map(|times| period_s * f64::from(times));
    multiples
        .filter(|near_s| *near_s <= most_s)
        .filter_map(best_near)
        .find(|(coherence, _)| *coherence >= found - AS_WELL)
        .map_or(period_s, |(_, longer_s)| longer_s)
}

/// The mean of the gaps as directions on a circle of one period, towards whole multiples of it: from −1 to 1.
fn coherence(gaps: &[f64], period_s: f64) -> f64 {
    gaps.iter().map(|gap| (TAU * gap / period_s).cos()).sum::<f64>() / as_f64(gaps.len() as u64)
}

/// A period fitted to gaps that are whole multiples of it.
struct Fit {
    period_s: f64,
    uncertainty_s: f64,
    noise_s: f64,
}

impl Fit {
    fn of(gaps: &[f64], near_s: f64) -> Option<Self> {
        let multiples = |period_s: f64| -> Vec<(f64, f64)> {
            let all = gaps.iter().map(|gap| (*gap, (gap / period_s).round().max(1.0)));
            all.filter(|(gap, times)| (gap - times * period_s).abs() <= WITHIN * period_s).collect()
        };
        let mean = |of: &[(f64, f64)]| {
            let (gaps, times) =
                of.iter().fold((0.0, 0.0), |(gaps, times), (gap, more)| (gaps + gap, times + more));
            gaps / times
        };
        let first = mean(&multiples(near_s));
        let kept = multiples(first);
        let period_s = mean(&kept);
        let (all, used) = (as_f64(gaps.len() as u64), as_f64(kept.len() as u64));
        if used < GAPS_WITHIN * all || used < 2.0 {
            return None;
        }
        let squares: f64 = kept.iter().map(|(gap, times)| (gap - times * period_s).powi(2)).sum();
        let deviation_s = (squares / (used - 1.0)).sqrt();
        let times: f64 = kept.iter().map(|(_, times)| times).sum();
        let uncertainty_s = 2.0 * deviation_s * used.sqrt() / times;
        let noise_s = spread(&sorted(kept.iter().map(|(gap, times)| gap - times * period_s)));
        Some(Self { period_s, uncertainty_s, noise_s })
    }
}

/// The share of rows that came with the next tick, if the waits are a saw-tooth, or two of them.
pub(super) fn saw_tooth(arrivals: &Arrivals, bunches: &[Bunch], period_s: f64) -> Option<f64> {
    let others = arrivals.waits_but_the_most_common(PHASE * period_s);
    let spread_s = at_percent(&others, 90)? - at_percent(&others, 10)?;
    let least_s = arrivals.wait_at(2);
    let within =
        |periods: f64| arrivals.waiting(least_s - OVER * period_s, least_s + (periods + OVER) * period_s);
    let narrow = share(bunches, |bunch| bunch.until_s - bunch.at_s <= BUNCH_MAX * spread_s);
    let is_so = as_f64(others.len() as u64) >= OTHERS_MIN * as_f64(arrivals.rows.len() as u64)
        && spread_s >= SPREAD_MIN * period_s
        && within(PERIODS) >= ROWS_MIN
        && narrow >= ROWS_MIN;
    is_so.then(|| within(1.0))
}

/// How many times, where it is a whole number.
fn whole(times: f64) -> Option<u64> {
    (1_u32..1_000).find(|count| (times - f64::from(*count)).abs() <= COMMENSURATE_WITHIN).map(u64::from)
}

//! Whether arrivals come at a constant rate below that of the writes.
//!
//! Read from the busy time of the longest queue: from the last moment before it at which hardly any row waited, to the
//! arrival of the last row that was written while it grew. In it arrivals must be even, fewer than the writes, and the
//! waits must grow as a queue of that rate makes them grow: a step of the load on a slow pipeline has a queue, too.

use streamgauge_shared::account::as_f64;
use streamgauge_shared::report::RateLimit;

use super::arrivals::{Arrivals, Row, at_percent, sorted};

/// A queue that stays below this is the load's own noise.
const ROWS_MIN: i64 = 20;
/// The queue begins where so small a part of its greatest length waits.
const BEGINS: i64 = 10;
/// The least time in which it grows.
const GROWS_MIN_S: f64 = 3.0;
/// Parts of the busy time whose rates are compared.
const PARTS: u32 = 8;
/// Rows in each of them at least.
const PART_ROWS_MIN: f64 = 4.0;
/// How far the rate of a part may be from that of all.
const EVEN_WITHIN: f64 = 0.15;
/// And by how many rows it may be off besides: a part cuts between two.
const EVEN_ROWS: f64 = 1.5;
/// A rate this near to that of the writes is no limit.
const RATE_MAX: f64 = 0.9;
/// The queue is this many times what chance makes of as many rows: the root of their number.
const ROOTS_MIN: f64 = 3.5;
/// The waits grow by this part of what the queue explains, at least, …
const GROWTH_MIN: f64 = 0.6;
/// … and at most.
const GROWTH_MAX: f64 = 1.4;

/// The limit, if there is one.
pub(super) fn rate_limit(arrivals: &Arrivals) -> Option<RateLimit> {
    let Queue { from_s, to_s, rows_waiting } = Queue::longest(&arrivals.rows)?;
    if to_s - from_s < GROWS_MIN_S {
        return None;
    }
    let inside = |row: &&Row| row.written_s > from_s && row.written_s <= to_s;
    let mut written: Vec<Row> = arrivals.rows.iter().filter(inside).copied().collect();
    written.sort_unstable_by(|a, b| a.written_s.total_cmp(&b.written_s));
    let until_s = written.iter().map(|row| row.observed_s).fold(to_s, f64::max);
    let (rate_per_s, uncertainty_per_s) = even_rate(&arrivals.rows, from_s, until_s)?;
    let written_per_s = as_f64(written.len() as u64) / (to_s - from_s);
    let chance = ROOTS_MIN * as_f64(written.len() as u64).sqrt();
    if rate_per_s > RATE_MAX * written_per_s || as_f64(rows_waiting) < chance {
        return None;
    }
    let growth = waits_grow(&written) / (written_per_s / rate_per_s - 1.0);
    (GROWTH_MIN..=GROWTH_MAX).contains(&growth).then_some(RateLimit {
        rate_per_s,
        uncertainty_per_s,
        written_per_s,
        growth_per_s: written_per_s - rate_per_s,
        rows_waiting,
        from_s,
        to_s,
    })
}

/// The time in which the longest queue of all grew.
struct Queue {
    from_s: f64,
    to_s: f64,
    rows_waiting: u64,
}

impl Queue {
    fn longest(rows: &[Row]) -> Option<Self> {
        let coming = rows.iter().map(|row| (row.written_s, 1_i64));
        let going = rows.iter().map(|row| (row.observed_s, -1_i64));
        let mut steps: Vec<(f64, i64)> = coming.chain(going).collect();
        steps.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut waiting = 0;
        let mut lengths: Vec<(f64, i64)> = Vec::with_capacity(steps.len());
        for (at_s, step) in steps {
            waiting += step;
            lengths.push((at_s, waiting));
        }
        let (longest, (to_s, most)) =
            lengths.iter().copied().enumerate().max_by_key(|(_, (_, waiting))| *waiting)?;
        let begins = lengths[..longest].iter().rposition(|(_, waiting)| *waiting * BEGINS <= most);
        let from_s =
            begins.map_or_else(|| lengths.first().map(|(at_s, _)| *at_s), |at| Some(lengths[at].0))?;
        let rows_waiting = u64::try_from(most).ok().filter(|_| most >= ROWS_MIN)?;
        Some(Self { from_s, to_s, rows_waiting })
    }
}

/// Arrivals per second from then to then with two standard errors, if all parts of that time have as many.
fn even_rate(rows: &[Row], from_s: f64, until_s: f64) -> Option<(f64, f64)> {
    let length_s = (until_s - from_s) / f64::from(PARTS);
    let before = |at_s: f64| as_f64(rows.partition_point(|row| row.observed_s <= at_s) as u64);
    let counts: Vec<f64> = (0..PARTS)
        .map(|part| from_s + f64::from(part) * length_s)
        .map(|start_s| before(start_s + length_s) - before(start_s))
        .collect();
    let mean = counts.iter().sum::<f64>() / f64::from(PARTS);
    let off = (EVEN_WITHIN * mean).max(EVEN_ROWS);
    if mean < PART_ROWS_MIN || counts.iter().any(|count| (count - mean).abs() > off) {
        return None;
    }
    let squares: f64 = counts.iter().map(|count| (count - mean).powi(2)).sum();
    let error = (squares / f64::from(PARTS - 1) / f64::from(PARTS)).sqrt();
    // Two ends that cut between rows are a row of the whole.
    let least = 1.0 / f64::from(PARTS);
    Some((mean / length_s, (2.0 * error).max(least) / length_s))
}

/// By how many seconds a second the waits grow, from the first quarter of these rows to the last.
fn waits_grow(written: &[Row]) -> f64 {
    let quarter = written.len().div_ceil(4);
    let middle = |rows: &[Row]| {
        let waits = sorted(rows.iter().map(Row::wait_s));
        let times = sorted(rows.iter().map(|row| row.written_s));
        at_percent(&times, 50).zip(at_percent(&waits, 50))
    };
    let ends = middle(&written[..quarter]).zip(middle(&written[written.len() - quarter..]));
    ends.map_or(0.0, |((first_s, first), (last_s, last))| {
        (last - first) / (last_s - first_s).max(f64::MIN_POSITIVE)
    })
}

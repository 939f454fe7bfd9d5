//! Whether arrivals come in batches that no period makes: the first row opens one, and a time or a number of rows
//! closes it.
//!
//! What a batch of rows that were written together looks like does not count: they were written apart and arrived
//! together. Closed by a time, all first rows wait equally long and all others less, and no batch follows sooner than
//! that. Closed by a number, all batches have it.

use std::collections::BTreeMap;

use streamgauge_shared::account::as_f64;
use streamgauge_shared::report::Batch;

use super::arrivals::{APART_S, Arrivals, Bunch, at_percent, gaps, share, sorted, spread};
use super::period::{PERIOD_MIN_S, saw_tooth, searched};

/// Fewer batches than this prove nothing …
const BATCHES_MIN: usize = 12;
/// … and fewer rows that came with an older one.
const FOLLOWERS_MIN: f64 = 12.0;
/// A shorter wait cannot be told from the noise of a way through several processes.
const WAIT_MIN_S: f64 = 0.015;
/// So many batches, and rows, are as they must be.
const SHARE_MIN: f64 = 0.85;
/// The first rows wait equally long within this part of their wait.
const WITHIN: f64 = 0.1;
/// The waits of the others are spread over this part of it, at least.
const SPREAD_MIN: f64 = 0.4;
/// Rows of a batch of a number were written over so much more time than they took to arrive …
const WRITTEN_TIMES: f64 = 5.0;
/// … and over this at least.
const WRITTEN_MIN_S: f64 = 0.01;

/// Batches, with how far the waits of their first rows are from one another, between their quarters; 0 where a
/// number closes them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) batch: Batch,
    pub(super) noise_s: f64,
}

/// The batches that a time closes, if arrivals come in such.
pub(super) fn by_time(arrivals: &Arrivals) -> Option<Found> {
    APART_S.iter().find_map(|apart_s| timed(arrivals, &arrivals.bunches(*apart_s), *apart_s))
}

fn timed(arrivals: &Arrivals, bunches: &[Bunch], apart_s: f64) -> Option<Found> {
    if bunches.len() < BATCHES_MIN {
        return None;
    }
    let rows = as_f64(arrivals.rows.len() as u64);
    let batches = as_f64(bunches.len() as u64);
    let firsts = sorted(bunches.iter().map(Bunch::waited_s));
    let base_s = arrivals.wait_at(0);
    let longest_s = at_percent(&firsts, 50)?;
    let wait_s = longest_s - base_s;
    let near = |wait: &f64| (wait - longest_s).abs() <= WITHIN * wait_s;
    let explained = share(&firsts, near);
    let apart = share(&gaps(bunches), |gap| *gap >= (1.0 - WITHIN) * wait_s);
    let narrow = share(bunches, |bunch| bunch.until_s - bunch.at_s <= 2.0 * WITHIN * wait_s);
    let below = arrivals.waiting(f64::NEG_INFINITY, longest_s + WITHIN * wait_s);
    let followers = sorted(others(arrivals, bunches));
    let spread_s = at_percent(&followers, 90)? - at_percent(&followers, 10)?;
    let is_so = wait_s >= WAIT_MIN_S.max(4.0 * apart_s)
        && [explained, apart, narrow, below].iter().all(|share| *share >= SHARE_MIN)
        && rows - batches >= FOLLOWERS_MIN
        && spread_s >= SPREAD_MIN * wait_s;
    if !is_so || is_of_the_load(arrivals, bunches) {
        return None;
    }
    let kept: Vec<f64> = firsts.into_iter().filter(near).collect();
    let count = as_f64(kept.len() as u64);
    let mean_s = kept.iter().sum::<f64>() / count;
    let noise_s = spread(&kept);
    // What the way itself takes is known from the row that came last into a batch: of n at any time in it, the last is
    // with a chance of 19 in 20 in the last 3/n.
    let unsure_s = 2.0 * noise_s / count.sqrt() + 3.0 * wait_s / (rows - batches);
    let batch = Batch {
        waits_ms: Some((mean_s - base_s) * 1_000.0),
        uncertainty_ms: Some(unsure_s * 1_000.0),
        rows: None,
        rows_mean: rows / batches,
        batches: bunches.len() as u64,
        batches_explained: explained,
    };
    Some(Found { batch, noise_s })
}

/// Whether batches come at even distances and rows do not wait for them: bursts of an even load do.
fn is_of_the_load(arrivals: &Arrivals, bunches: &[Bunch]) -> bool {
    let even = searched(&gaps(bunches), PERIOD_MIN_S);
    even.is_some_and(|period_s| saw_tooth(arrivals, bunches, period_s).is_none())
}

/// The waits of the rows that came with an older one.
fn others(arrivals: &Arrivals, bunches: &[Bunch]) -> impl Iterator<Item = f64> {
    let mut bunches = bunches.iter().peekable();
    arrivals.rows.iter().filter_map(move |row| {
        while bunches.peek().is_some_and(|bunch| bunch.until_s < row.observed_s) {
            bunches.next();
        }
        let first_s = bunches.peek()?.oldest_s;
        (row.written_s > first_s).then(|| row.wait_s())
    })
}

/// The batches that a number of rows closes, if arrivals come in such. Even writes have such batches at even
/// distances, as have users that all wait for the same tick: where there is a period this cannot be told.
pub(super) fn by_number(arrivals: &Arrivals) -> Option<Found> {
    APART_S.iter().find_map(|apart_s| numbered(arrivals, &arrivals.bunches(*apart_s)))
}

fn numbered(arrivals: &Arrivals, bunches: &[Bunch]) -> Option<Found> {
    // The end of the load leaves one that was not full.
    let bunches = &bunches[..bunches.len().saturating_sub(1)];
    if bunches.len() < BATCHES_MIN {
        return None;
    }
    let mut sizes: BTreeMap<u64, u64> = BTreeMap::new();
    bunches.iter().for_each(|bunch| *sizes.entry(bunch.rows).or_default() += 1);
    let (rows, batches) = sizes.into_iter().max_by_key(|(_, batches)| *batches)?;
    let written = sorted(bunches.iter().map(|bunch| bunch.newest_s - bunch.oldest_s));
    let took = sorted(bunches.iter().map(|bunch| bunch.until_s - bunch.at_s));
    let (written_s, took_s) = (at_percent(&written, 25)?, at_percent(&took, 90)?);
    let explained = as_f64(batches) / as_f64(bunches.len() as u64);
    if searched(&gaps(bunches), PERIOD_MIN_S).is_some() {
        return None;
    }
    let is_so = rows >= 2 && explained >= SHARE_MIN && written_s >= WRITTEN_MIN_S.max(WRITTEN_TIMES * took_s);
    let all = as_f64(arrivals.rows.len() as u64);
    is_so.then(|| Found {
        batch: Batch {
            waits_ms: None,
            uncertainty_ms: None,
            rows: Some(rows),
            rows_mean: all / as_f64(bunches.len() as u64 + 1),
            batches: bunches.len() as u64 + 1,
            batches_explained: explained,
        },
        noise_s: 0.0,
    })
}

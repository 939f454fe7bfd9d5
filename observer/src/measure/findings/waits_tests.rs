//! Pipelines that wait for a period, a batch or behind a limit, and many that do not, simulated row by row.

use std::collections::BinaryHeap;

use super::*;

/// SplitMix64: the same rows for the same seed, whatever the version of a crate.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to this.
    fn up_to(&mut self, most: f64) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64 * most
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -(1.0 - self.up_to(1.0)).ln() * mean
    }
}

/// How rows are written.
#[derive(Clone, Copy, Debug)]
enum Load {
    Even(f64),
    Poisson(f64),
    /// So many rows at once, each in its turn, at Poisson times or even ones, and so many rows per second in all.
    Bursts(u32, f64, bool),
    /// So many users: each writes, waits for the arrival and for up to so many seconds, and writes again.
    Users(u32, f64),
    /// Creates at Poisson times or even ones; each is deleted when it has arrived, after up to so many seconds.
    Pairs(f64, f64, bool),
    /// A load that grows from nothing to this rate.
    Ramp(f64),
    /// A tenth of this rate for a third of the time, then all of it.
    Step(f64),
}

/// What a pipeline does, in the order of its stages; seconds.
#[derive(Clone, Debug, Default)]
struct Pipeline {
    delay: f64,
    /// Evenly spread; order stays.
    jitter: f64,
    stalls: Vec<(f64, f64)>,
    limit_per_s: Option<f64>,
    /// The period, and by up to how much each tick is later than that.
    poll: Option<(f64, f64)>,
    /// A second poll behind the first.
    poll_again: Option<f64>,
    /// A batch is closed so long after its first row.
    linger: Option<f64>,
    /// A batch is closed by so many rows.
    size: Option<usize>,
}

/// A pipeline at work: rows come in the order of their commits.
struct Work {
    pipeline: Pipeline,
    last: f64,
    free: f64,
    tick: f64,
    tick_again: f64,
    flush: f64,
    noise: (f64, f64),
}

impl Work {
    fn new(pipeline: &Pipeline, random: &mut Random) -> Self {
        let phase = pipeline.poll.map_or(0.0, |(period, _)| random.up_to(period));
        let tick_again = pipeline.poll_again.map_or(0.0, |period| random.up_to(period));
        let never = f64::NEG_INFINITY;
        Self {
            pipeline: pipeline.clone(),
            last: never,
            free: never,
            tick: phase,
            tick_again,
            flush: never,
            noise: (never, 0.0),
        }
    }

    /// When a row arrives.
    fn pass(&mut self, written: f64, random: &mut Random) -> f64 {
        let Pipeline { delay, jitter, stalls, limit_per_s, poll, poll_again, linger, .. } = &self.pipeline;
        let mut at = written + delay + random.up_to(*jitter);
        at =
            stalls.iter().filter(|(from, to)| (*from..*to).contains(&at)).fold(at, |at, (_, to)| at.max(*to));
        if let Some(limit) = limit_per_s {
            at = at.max(self.free);
            self.free = at + 1.0 / limit;
        }
        at = at.max(self.last);
        self.last = at;
        if let Some((period, late)) = poll {
            while self.tick < at {
                self.tick += period + random.up_to(*late);
            }
            at = self.tick;
        }
        if let Some(period) = poll_again {
            while self.tick_again < at {
                self.tick_again += period;
            }
            at = self.tick_again;
        }
        if let Some(linger) = linger {
            if at > self.flush {
                self.flush = at + linger;
            }
            at = self.flush;
        }
        // What the way takes besides: what leaves together arrives together.
        if at > self.noise.0 {
            let hiccup = if random.up_to(1.0) < 0.005 { random.up_to(0.03) } else { 0.0 };
            self.noise = (at, 0.002 + random.exponential(0.000_6) + hiccup);
        }
        at + self.noise.1
    }
}

/// A row: when it is written, its number, its turn in its iteration, and when it was sent. The one that is written first
/// comes first.
#[derive(PartialEq)]
struct Due(f64, u32, u8, f64);

impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.0.total_cmp(&self.0).then(other.1.cmp(&self.1))
    }
}

/// The rows of a load of so many seconds through a pipeline.
fn rows(load: Load, pipeline: &Pipeline, seconds: f64, seed: u64) -> Vec<Row> {
    let mut random = Random(seed);
    let mut due = BinaryHeap::new();
    let mut number = 0;
    let mut at = 0.0;
    loop {
        let (gap, count) = match load {
            Load::Even(rate) | Load::Pairs(rate, _, true) => (1.0 / rate, 1),
            Load::Poisson(rate) | Load::Pairs(rate, _, false) => (random.exponential(1.0 / rate), 1),
            Load::Bursts(size, rate, even) => {
                let mean = f64::from(size) / rate;
                (if even { mean } else { random.exponential(mean) }, size)
            }
            Load::Users(users, pause) => {
                for _ in 0..users {
                    let at = random.up_to(pause.max(0.5));
                    due.push(Due(at + 0.001, number, 1, at));
                    number += 1;
                }
                break;
            }
            Load::Ramp(rate) => (random.exponential(1.0 / (rate * (at / seconds).max(0.02))), 1),
            Load::Step(rate) => {
                (random.exponential(if at < seconds / 3.0 { 10.0 / rate } else { 1.0 / rate }), 1)
            }
        };
        at += gap;
        if at > seconds {
            break;
        }
        for turn in 0..count {
            // An acknowledgement of PostgreSQL takes its time.
            let ack = 0.000_8 + random.exponential(0.000_3);
            due.push(Due(at + f64::from(turn) * 0.000_3 + ack, number, 1, at + f64::from(turn) * 0.000_3));
            number += 1;
        }
    }
    let mut work = Work::new(pipeline, &mut random);
    let mut rows = Vec::new();
    let mut open: Vec<Row> = Vec::new();
    while let Some(Due(written_s, number, turn, sent_s)) = due.pop() {
        let observed_s = work.pass(written_s, &mut random);
        if let Some(size) = pipeline.size {
            open.push(Row { sent_s, written_s, observed_s });
            if open.len() == size {
                rows.extend(open.drain(..).map(|row| Row { observed_s, ..row }));
            }
            continue;
        }
        rows.push(Row { sent_s, written_s, observed_s });
        let mut again = |turn, pause| {
            let sent = observed_s + 0.000_2 + random.up_to(pause);
            due.push(Due(sent + 0.000_8 + random.exponential(0.000_3), number, turn, sent));
        };
        match load {
            Load::Users(_, pause) if observed_s < seconds => again(1, pause),
            Load::Pairs(_, pause, _) if turn == 1 => again(2, pause),
            _ => {}
        }
    }
    rows.extend(open.drain(..).map(|row| Row { observed_s: row.observed_s + 5.0, ..row }));
    rows
}

// END OF SIMULATION
/// Seeds of each case: few in every test run, all of them by hand with `make waits`.
fn seeds() -> u64 {
    std::env::var("STREAMGAUGE_WAITS_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(1)
}

fn plain() -> Pipeline {
    Pipeline::default()
}

fn even_and_poisson(rate: f64) -> [Load; 2] {
    [Load::Even(rate), Load::Poisson(rate)]
}

/// Pipelines that make rows wait, each in its own way, and none for a period, a batch or behind a limit.
fn innocent() -> Vec<Pipeline> {
    let stalls = |count: u32, every: f64, length: f64| -> Vec<(f64, f64)> {
        (0..count).map(|n| (f64::from(n) * every, f64::from(n) * every + length)).collect()
    };
    vec![
        plain(),
        Pipeline { delay: 0.1, ..plain() },
        Pipeline { delay: 5.0, ..plain() },
        Pipeline { delay: 0.02, jitter: 0.02, ..plain() },
        Pipeline { delay: 0.02, jitter: 0.1, ..plain() },
        Pipeline { jitter: 0.5, ..plain() },
        Pipeline { delay: 0.03, stalls: vec![(8.0, 13.0)], ..plain() },
        Pipeline { delay: 0.03, stalls: stalls(20, 1.7, 0.4), ..plain() },
        Pipeline { limit_per_s: Some(2_000.0), ..plain() },
    ]
}

/// 9 pipelines × 10 loads × 2 rates × 2 lengths: 360 runs for each seed, on even, Poisson, bursting, growing, closed loads.
#[test]
fn nothing_is_found_where_rows_wait_for_none_of_it() {
    let mut runs = 0;
    for seed in 0..seeds() {
        for (rate, users) in [(10.0, 5), (100.0, 40)] {
            let loads = [
                Load::Even(rate),
                Load::Poisson(rate),
                Load::Bursts(5, rate, false),
                Load::Bursts(10, rate, true),
                Load::Users(users, 0.0),
                Load::Users(users, 1.0),
                Load::Pairs(rate, 0.0, true),
                Load::Pairs(rate, 1.0, false),
                Load::Ramp(rate),
                Load::Step(rate),
            ];
            for (load, seconds) in loads.into_iter().flat_map(|load| [(load, 10.0), (load, 30.0)]) {
                for pipeline in innocent() {
                    let found = waits(&rows(load, &pipeline, seconds, seed * 7_919 + 1));
                    assert_eq!(
                        found,
                        Waits::default(),
                        "seed {seed}, {load:?} for {seconds} s, {pipeline:?}"
                    );
                    runs += 1;
                }
            }
        }
    }
    assert!(runs >= 360, "{runs}");
}

#[test]
fn a_period_is_found_with_its_length() {
    for (seed, rate) in (0..seeds() * 20).flat_map(|seed| [10.0, 50.0].map(|rate| (seed, rate))) {
        for (period, late) in [(0.1, 0.0), (0.25, 0.0), (0.5, 0.0), (0.5, 0.004), (1.0, 0.0)] {
            for load in [Load::Poisson(rate), Load::Pairs(rate, 1.0, false), Load::Pairs(rate, 0.0, false)] {
                let pipeline = Pipeline { poll: Some((period, late)), ..plain() };
                let found = waits(&rows(load, &pipeline, 30.0, seed * 104_729 + 3));
                let said = format!("seed {seed}, {load:?}, {pipeline:?}: {found:?}");
                let Waits { period: Some(seen), batch: None, rate_limit: None } = found else {
                    panic!("{said}")
                };
                let off_ms = (seen.period_ms - (period + late / 2.0) * 1_000.0).abs();
                // Four standard errors: of 2,400 runs by hand none may be further off.
                assert!(off_ms <= (seen.uncertainty_ms * 2.0).max(0.5), "{said}");
                assert!(seen.uncertainty_ms < 0.02 * seen.period_ms && seen.even_writes.is_none(), "{said}");
            }
        }
    }
}

/// As Debezium: its reader waits, then its queue, each for the same interval and the time of its work.
#[test]
fn two_waits_for_one_interval_are_found_as_one_period() {
    for seed in 0..20 * seeds() {
        let pipeline = Pipeline { poll: Some((0.5, 0.1)), poll_again: Some(0.502), ..plain() };
        let found = waits(&rows(Load::Pairs(10.0, 1.0, false), &pipeline, 30.0, seed));
        let Waits { period: Some(seen), batch: None, rate_limit: None } = found else {
            panic!("{seed}: {found:?}")
        };
        assert!((seen.period_ms - 502.0).abs() < 2.0, "{seed}: {seen:?}");
        assert!(seen.rows_of_next < 0.95, "{seed}: {seen:?}");
    }
}

#[test]
fn even_writes_that_fit_into_the_period_leave_it_open_and_others_do_not() {
    for seed in 0..20 * seeds() {
        let seen = |period: f64, rate: f64| {
            let pipeline = Pipeline { poll: Some((period, 0.0)), ..plain() };
            waits(&rows(Load::Even(rate), &pipeline, 30.0, seed)).period
        };
        let fits = seen(0.5, 10.0).expect("five of its phases are seen");
        assert_eq!(fits.even_writes, Some(5), "{fits:?}");
        let slips = seen(0.47, 10.0).expect("all of its phases are seen");
        assert!(slips.even_writes.is_none() && (slips.period_ms - 470.0).abs() < 2.0, "{slips:?}");
        // One phase: rows wait alike, as behind a delay.
        assert_eq!(seen(0.1, 10.0), None);
        assert_eq!(seen(0.05, 10.0), None);
    }
}

#[test]
fn batches_are_found_with_what_closes_them() {
    for (seed, rate) in (0..20 * seeds()).flat_map(|seed| [10.0, 20.0, 50.0, 100.0].map(|rate| (seed, rate)))
    {
        let load = Load::Poisson(rate);
        for linger in [0.1, 0.2, 0.5] {
            let found =
                waits(&rows(load, &Pipeline { linger: Some(linger), ..plain() }, 30.0, seed * 104_729 + 5));
            let said = format!("seed {seed}, {load:?}, linger {linger}: {found:?}");
            let Waits { period: None, batch: Some(seen), rate_limit: None } = found else { panic!("{said}") };
            let (waits_ms, uncertainty_ms) = (seen.waits_ms.unwrap(), seen.uncertainty_ms.unwrap());
            assert!((waits_ms - linger * 1_000.0).abs() <= (uncertainty_ms * 3.0).max(2.0), "{said}");
        }
        let size = if rate < 50.0 { 5 } else { 20 };
        let found = waits(&rows(load, &Pipeline { size: Some(size), ..plain() }, 30.0, seed * 104_729 + 7));
        let seen = found.batch.as_ref().and_then(|batch| batch.rows);
        assert_eq!(
            (seen, &found.period),
            (Some(size as u64), &None),
            "seed {seed}, {load:?}, {size}: {found:?}"
        );
    }
}

#[test]
fn a_limit_is_found_with_its_rate() {
    for (seed, rate) in (0..20 * seeds()).flat_map(|seed| [10.0, 20.0, 50.0, 100.0].map(|rate| (seed, rate)))
    {
        for (share, load) in
            [0.3, 0.5, 0.6].into_iter().flat_map(|share| even_and_poisson(rate).map(|load| (share, load)))
        {
            let limit = share * rate;
            let pipeline = Pipeline { limit_per_s: Some(limit), ..plain() };
            let found = waits(&rows(load, &pipeline, 30.0, seed * 104_729 + 9));
            let said = format!("seed {seed}, {load:?}, limit {limit}/s: {found:?}");
            let Waits { period: None, batch: None, rate_limit: Some(seen) } = found else { panic!("{said}") };
            assert!((seen.rate_per_s - limit).abs() <= seen.uncertainty_per_s.max(0.01 * limit), "{said}");
            assert!(seen.growth_per_s > 0.0 && seen.rows_waiting >= 20, "{said}");
        }
    }
}

#[test]
fn no_rows_and_few_rows_say_nothing() {
    assert_eq!(found(&[], None), None);
    let few: Vec<Row> = rows(Load::Even(1.0), &plain(), 5.0, 1);
    assert_eq!(waits(&few), Waits::default());
    let kept = Some(Findings::default());
    assert_eq!(found(&few, kept.clone()), kept, "what else was found stays");
}

//! The pacer's lag at 1,000 ticks a second for 10 s against a target that does nothing, beside a tokio
//! interval's in the same run.
//!
//! Each runs for ten seconds at a stretch, so that a drift would show; two alternating pairs, so that a
//! disturbance of the machine has a chance to meet both alike.
//! `cargo bench -p streamgauge-writer`

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use hdrhistogram::Histogram;
use streamgauge_shared::clock::Clock;
use streamgauge_shared::test_file::Rate;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_writer::pacer::{self, Target};
use streamgauge_writer::schedule::{Event, Schedule, Timetable};
use tokio::time::MissedTickBehavior;

/// One tick a millisecond.
const RATE: Rate = Rate { iterations: 1_000, per: Nanos::from_secs(1) };
/// Length of one stretch.
const STRETCH: Nanos = Nanos::from_secs(10);
/// Ticks in it.
const TICKS: i64 = 10_000;
/// Pairs of a stretch of the pacer and one of the interval.
const PAIRS: usize = 2;
/// What the median lag of the pacer may be.
const GOAL_NS: u64 = 5_000;

/// Keeps the lag of each tick and does nothing else.
struct Lags {
    clock: Clock,
    lags: Vec<(UnixNanos, Nanos)>,
}

impl Target for Lags {
    fn release(&mut self, event: Event) {
        self.lags.push((event.at, self.clock.now() - event.at));
    }
}

fn main() {
    let clock = Clock::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let (mut paced, mut interval) = (histogram(), histogram());
    for _ in 0..PAIRS {
        let start = clock.now() + Nanos::from_millis(20);
        let lags = pacer_lags(clock, start);
        assert_eq!(lags.len(), 10_000, "no tick is lost or added");
        for (n, (intended, lag)) in (0_i64..).zip(&lags) {
            assert_eq!(*intended, start + Nanos::from_millis(n), "tick {n} does not drift");
            record(&mut paced, *lag);
        }
        for lag in runtime.block_on(interval_lags(clock)) {
            record(&mut interval, lag);
        }
    }
    println!("{PAIRS} x {TICKS} ticks at 1,000/s, every intended time exact; lag behind it in µs:");
    println!("{:<16} {:>9} {:>9} {:>9} {:>9} {:>9}", "", "p50", "p90", "p99", "p99.9", "max");
    print_row("pacer", &paced);
    print_row("tokio interval", &interval);
    let median = paced.value_at_quantile(0.5);
    let word = if median <= GOAL_NS { "PASS" } else { "FAIL" };
    println!(
        "{word}: the pacer's p50 is {:.1} µs, the goal at most {:.1} µs",
        micros(median),
        micros(GOAL_NS)
    );
}

fn pacer_lags(clock: Clock, start: UnixNanos) -> Vec<(UnixNanos, Nanos)> {
    let table = Timetable::new(RATE, Nanos::ZERO, Nanos::ZERO, STRETCH);
    let schedule = Schedule::of(vec![table], start);
    // A thread of its own, as in a run: the finer timer slack is a thread's property.
    let thread = std::thread::spawn(move || {
        let mut lags = Lags { clock, lags: Vec::with_capacity(10_000) };
        pacer::pace(&clock, schedule, &AtomicBool::new(false), &mut lags);
        lags.lags
    });
    thread.join().expect("the pacer does not panic")
}

async fn interval_lags(clock: Clock) -> Vec<Nanos> {
    let ticking = tokio::spawn(async move {
        // Its first tick is due when it is made, the n-th n milliseconds later.
        let start = clock.now();
        let mut interval = tokio::time::interval(Duration::from_millis(1));
        interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut lags = Vec::with_capacity(10_000);
        for n in 0..TICKS {
            interval.tick().await;
            lags.push(clock.now() - (start + Nanos::from_millis(n)));
        }
        lags
    });
    ticking.await.expect("the interval does not panic")
}

fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are allowed")
}

fn record(histogram: &mut Histogram<u64>, lag: Nanos) {
    histogram.record(u64::try_from(lag.0).unwrap_or(0)).expect("the histogram grows");
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn micros(ns: u64) -> f64 {
    ns as f64 / 1_000.0
}

fn print_row(name: &str, histogram: &Histogram<u64>) {
    let figures = [0.5, 0.9, 0.99, 0.999].map(|q| micros(histogram.value_at_quantile(q)));
    let max = micros(histogram.max());
    print!("{name:<16}");
    figures.iter().chain([&max]).for_each(|figure| print!(" {figure:>9.1}"));
    println!();
}

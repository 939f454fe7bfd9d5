//! The pacer: one thread of its own that releases every tick at its time.
//!
//! It sleeps with the kernel's absolute clock until 60 µs before the tick and spins over the rest, because
//! timers of an asynchronous runtime have a resolution of a millisecond, which would be in every latency from
//! the intended time. A late tick is released at once, never skipped: its lag is the operation's to record.
//! The cost is the spin: about 6 % of one core at 1,000 ticks a second.

use std::io;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use streamgauge_shared::clock::Clock;
use streamgauge_shared::time::Nanos;

use crate::schedule::Tick;

/// How long before its tick the thread wakes up and spins: more than the kernel's usual lateness.
const SPIN: Nanos = Nanos(60_000);
/// The longest sleep at a stretch: bounds how long a stop takes to be noticed.
const SLEEP_MAX: Nanos = Nanos::from_millis(50);
/// The kernel may delay a wake-up by this much to merge it with others. Its default is 50,000 ns.
const TIMER_SLACK_NS: NonZeroU64 = NonZeroU64::MIN;

/// What ticks are released to.
pub trait Target {
    /// Takes one tick. Must not wait: the next tick is paced by the same thread.
    fn tick(&mut self, tick: Tick);
}

/// Releases every tick of a schedule in the calling thread. Returns whether it came to the schedule's end.
pub fn pace(
    clock: &Clock,
    schedule: impl Iterator<Item = Tick>,
    stop: &AtomicBool,
    target: &mut impl Target,
) -> bool {
    // Without the finer slack ticks come later; that is measured, not fatal.
    rustix::thread::set_current_timer_slack(Some(TIMER_SLACK_NS)).unwrap_or_default();
    for tick in schedule {
        loop {
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            let now = clock.now();
            if now >= tick.intended {
                break;
            }
            let wake = tick.intended - SPIN;
            if now < wake {
                clock.sleep_until(wake.min(now + SLEEP_MAX));
            } else {
                std::hint::spin_loop();
            }
        }
        target.tick(tick);
    }
    true
}

/// Starts a thread that does [`pace`] and then calls `done`.
///
/// # Errors
/// The operating system gives no thread.
pub fn spawn(
    clock: Clock,
    schedule: impl Iterator<Item = Tick> + Send + 'static,
    stop: Arc<AtomicBool>,
    mut target: impl Target + Send + 'static,
    done: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("pacer".to_owned()).spawn(move || {
        pace(&clock, schedule, &stop, &mut target);
        done();
    })
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::test_file::Rate;
    use streamgauge_shared::time::UnixNanos;

    use super::*;
    use crate::schedule::{Schedule, Timetable};

    struct Kept {
        clock: Clock,
        ticks: Vec<(Tick, UnixNanos)>,
    }

    impl Target for Kept {
        fn tick(&mut self, tick: Tick) {
            let now = self.clock.now();
            self.ticks.push((tick, now));
        }
    }

    fn thousand_a_second(start: UnixNanos, duration: Nanos) -> Schedule {
        let rate = Rate { iterations: 1_000, per: Nanos::from_secs(1) };
        Schedule::of(vec![Timetable::new(rate, Nanos::ZERO, Nanos::ZERO, duration)], start)
    }

    #[test]
    fn every_tick_comes_once_in_order_and_never_early() {
        let clock = Clock::start();
        let start = clock.now() + Nanos::from_millis(5);
        let mut kept = Kept { clock, ticks: Vec::new() };
        let schedule = thousand_a_second(start, Nanos::from_secs(1));
        assert!(pace(&clock, schedule, &AtomicBool::new(false), &mut kept));
        assert_eq!(kept.ticks.len(), 1_000);
        for (n, (tick, released)) in (0..).zip(&kept.ticks) {
            assert_eq!(tick.intended, start + Nanos::from_millis(n));
            assert!(*released >= tick.intended);
        }
    }

    #[test]
    fn a_schedule_in_the_past_is_released_at_once_and_whole() {
        let clock = Clock::start();
        let mut kept = Kept { clock, ticks: Vec::new() };
        let start = clock.now() - Nanos::from_secs(60);
        pace(&clock, thousand_a_second(start, Nanos::from_secs(10)), &AtomicBool::new(false), &mut kept);
        assert_eq!(kept.ticks.len(), 10_000);
        assert!(clock.now() - start < Nanos::from_secs(65));
    }

    #[test]
    fn a_stop_is_noticed_while_the_next_tick_is_far() {
        let clock = Clock::start();
        let (stop, began) = (Arc::new(AtomicBool::new(false)), clock.now());
        let schedule = thousand_a_second(began + Nanos::from_secs(3_600), Nanos::from_secs(1));
        let kept = Kept { clock, ticks: Vec::new() };
        let thread = spawn(clock, schedule, Arc::clone(&stop), kept, || ()).expect("a thread");
        stop.store(true, Ordering::Relaxed);
        thread.join().expect("no panic");
        assert!(clock.now() - began < Nanos::from_secs(2));
    }
}

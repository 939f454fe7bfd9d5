//! The pacer: one thread of its own that releases every event of the schedule at its time.
//!
//! It sleeps with the kernel's absolute clock until 60 µs before the event and spins over the rest, because
//! timers of an asynchronous runtime have a resolution of a millisecond, which would be in every latency from
//! the intended time. A late event is released at once, never skipped: its lag is the operation's to record.
//! The cost is the spin: about 6 % of one core at 1,000 ticks a second.

use std::io;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use streamgauge_shared::clock::Clock;
use streamgauge_shared::time::{Nanos, UnixNanos};

use crate::schedule::{Due, Event, Schedule};

/// How long before its event the thread wakes up and spins: more than the kernel's usual lateness.
const SPIN: Nanos = Nanos(60_000);
/// The longest sleep at a stretch: bounds how long a stop takes to be noticed.
const SLEEP_MAX: Nanos = Nanos::from_millis(50);
/// The longest sleep while the schedule may still be appended to: how late the pacer may hear of it.
const ASK_EVERY: Nanos = Nanos::from_millis(2);
/// The kernel may delay a wake-up by this much to merge it with others. Its default is 50,000 ns.
const TIMER_SLACK_NS: NonZeroU64 = NonZeroU64::MIN;

/// What events are released to.
pub trait Target {
    /// Takes one event. Must not wait: the next event is paced by the same thread.
    fn release(&mut self, event: Event);
}

/// Releases every event of a schedule in the calling thread. Returns whether it came to the schedule's end.
pub fn pace(clock: &Clock, mut schedule: Schedule, stop: &AtomicBool, target: &mut impl Target) -> bool {
    // Without the finer slack events come later; that is measured, not fatal.
    rustix::thread::set_current_timer_slack(Some(TIMER_SLACK_NS)).unwrap_or_default();
    loop {
        let due = schedule.peek();
        // Whether something could be appended before what is due next.
        let longest = if schedule.is_open() { ASK_EVERY } else { SLEEP_MAX };
        let at = match due {
            Due::At(at) => at,
            Due::Unknown => UnixNanos::MAX,
            Due::Never => return true,
        };
        if !wait(clock, at, longest, stop) {
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            continue;
        }
        if let Some(event) = schedule.next() {
            target.release(event);
        }
    }
}

/// Waits until a moment, but no longer than a time and a stop allow. Returns whether the moment has come.
fn wait(clock: &Clock, at: UnixNanos, longest: Nanos, stop: &AtomicBool) -> bool {
    let mut now = clock.now();
    let give_up = now + longest;
    loop {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        if now >= at {
            return true;
        }
        if now >= give_up {
            return false;
        }
        let wake = at - SPIN;
        if now < wake {
            clock.sleep_until(wake.min(give_up));
        } else {
            std::hint::spin_loop();
        }
        now = clock.now();
    }
}

/// Starts a thread that does [`pace`] and then calls `done`.
///
/// # Errors
/// The operating system gives no thread.
pub fn spawn(
    clock: Clock,
    schedule: Schedule,
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

    use super::*;
    use crate::schedule::Timetable;

    struct Kept {
        clock: Clock,
        events: Vec<(Event, UnixNanos)>,
    }

    impl Target for Kept {
        fn release(&mut self, event: Event) {
            let now = self.clock.now();
            self.events.push((event, now));
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
        let mut kept = Kept { clock, events: Vec::new() };
        let schedule = thousand_a_second(start, Nanos::from_secs(1));
        assert!(pace(&clock, schedule, &AtomicBool::new(false), &mut kept));
        assert_eq!(kept.events.len(), 1_000);
        for (n, (event, released)) in (0..).zip(&kept.events) {
            assert_eq!(event.at, start + Nanos::from_millis(n));
            assert!(*released >= event.at);
        }
    }

    #[test]
    fn a_schedule_in_the_past_is_released_at_once_and_whole() {
        let clock = Clock::start();
        let mut kept = Kept { clock, events: Vec::new() };
        let start = clock.now() - Nanos::from_secs(60);
        pace(&clock, thousand_a_second(start, Nanos::from_secs(10)), &AtomicBool::new(false), &mut kept);
        assert_eq!(kept.events.len(), 10_000);
        assert!(clock.now() - start < Nanos::from_secs(65));
    }

    #[test]
    fn a_stop_is_noticed_while_the_next_tick_is_far() {
        let clock = Clock::start();
        let (stop, began) = (Arc::new(AtomicBool::new(false)), clock.now());
        let schedule = thousand_a_second(began + Nanos::from_secs(3_600), Nanos::from_secs(1));
        let kept = Kept { clock, events: Vec::new() };
        let thread = spawn(clock, schedule, Arc::clone(&stop), kept, || ()).expect("a thread");
        stop.store(true, Ordering::Relaxed);
        thread.join().expect("no panic");
        assert!(clock.now() - began < Nanos::from_secs(2));
    }
}

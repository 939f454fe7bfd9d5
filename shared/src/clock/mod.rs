//! The only raw clock reads of the project, and what is known about the clock they read.
//!
//! A [`Clock`] is a wall-clock anchor taken once plus monotonic time elapsed: a step of the wall clock
//! during a run cannot move a latency. Two processes on one kernel share the monotonic clock, so a
//! point of one is moved onto the other's time line exactly, by the difference of their anchors. Two clocks
//! that are not one are compared by four-timestamp exchanges: [`Exchange`] is one, [`PeerClock`] what follows
//! from all of them.

mod estimator;
mod exchange;
mod line;
mod peer;
#[cfg(test)]
mod simulation;
mod steps;
mod test_clock;

pub use estimator::{Added, Estimate, Estimator};
pub use exchange::Exchange;
pub use peer::{ClockStep, PeerClock, PeerClockState, STEPS_LISTED};
pub use steps::{WallReading, WallSteps, WallWatch};
pub use test_clock::{TEST_CLOCK, TestClock, TestClockError};

use std::fs;
use std::str::FromStr;

use rustix::time::{ClockId, Timespec, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::exit_code::Failure;
use crate::time::{NANOS_PER_SECOND, Nanos, UnixNanos};

/// How often the anchor is read at the start; the pair of readings closest together is kept.
const ANCHOR_READINGS: usize = 16;

/// How often the wall clock is read at each look, likewise.
const WALL_READINGS: usize = 3;

/// Wall-clock time that never steps: an anchor plus monotonic time elapsed. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    anchor: Nanos,
    choice: ClockChoice,
    /// How it is skewed, and the monotonic reading from which on; only in tests.
    skewed: Option<(TestClock, Nanos)>,
}

/// `--clock`: how the two programs' clocks are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockChoice {
    /// Exactly, where both run on one kernel; else by exchanges.
    #[default]
    Auto,
    /// By exchanges in any case, as if they ran on two machines.
    Network,
}

/// What two processes compare to learn whether their clocks are one clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockIdentity {
    /// `/proc/sys/kernel/random/boot_id`: one value for each boot of a kernel; absent where it cannot be read.
    pub boot_id: Option<String>,
    /// The inode of `/proc/self/ns/time`: processes in one time namespace read one monotonic clock.
    pub time_namespace: Option<u64>,
    /// Realtime minus monotonic when the process started, nanoseconds.
    pub anchor: Nanos,
    /// `--clock network`: the exchange decides, whatever the kernel.
    pub by_exchange: bool,
    /// What a test clock of this process does; absent outside of tests.
    pub test_clock: Option<String>,
}

/// How the clocks of writer and observer relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockDomain {
    /// One kernel and one time namespace: latencies are exact, the error bound is zero.
    SameKernel,
    /// Two clocks; a latency between them is only as good as the bound on their offset.
    Network,
}

impl Clock {
    /// Takes the anchor. Once per process: two anchors of one process differ by what the wall clock was slewed.
    #[must_use]
    pub fn start() -> Self {
        let anchor = wall_reading(ANCHOR_READINGS).deviation;
        Self { anchor, choice: ClockChoice::Auto, skewed: None }
    }

    /// The clock of one of the two programs: compared as chosen, and skewed where [`TEST_CLOCK`] says so.
    ///
    /// # Errors
    /// The variable holds no test clock; exit code 104.
    pub fn of_program(choice: ClockChoice) -> Result<Self, Failure> {
        let mut clock = Self { choice, ..Self::start() };
        if let Ok(text) = std::env::var(TEST_CLOCK) {
            let skewed =
                text.parse().map_err(|error: TestClockError| Failure::configuration(error.to_string()))?;
            clock.skewed = Some((skewed, Nanos(raw(ClockId::Monotonic))));
        }
        Ok(clock)
    }

    /// Now, on this process's time line.
    #[must_use]
    pub fn now(&self) -> UnixNanos {
        let monotonic = Nanos(raw(ClockId::Monotonic));
        let ahead = self.skewed.map_or(Nanos::ZERO, |(skewed, start)| skewed.ahead(monotonic - start));
        UnixNanos(monotonic.0) + self.anchor + ahead
    }

    /// The monotonic reading that belongs to a point, as the kernel's absolute sleep wants it.
    #[must_use]
    pub fn to_monotonic(&self, point: UnixNanos) -> Timespec {
        let shown = Nanos((point - self.anchor).0);
        let monotonic =
            self.skewed.map_or(shown, |(skewed, start)| start + skewed.unskewed(shown - start)).0.max(0);
        Timespec { tv_sec: monotonic / NANOS_PER_SECOND, tv_nsec: monotonic % NANOS_PER_SECOND }
    }

    /// Sleeps until `point` with the kernel's absolute clock; returns at once when it has passed.
    /// May wake early when a signal arrives: the caller looks at the clock again.
    pub fn sleep_until(&self, point: UnixNanos) {
        // The only error is an interruption, and the caller re-reads the clock in any case.
        rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, &self.to_monotonic(point)).unwrap_or(());
    }

    /// How far the wall clock stands from the anchored time now: it changes with a step or a slew.
    #[must_use]
    pub fn wall(&self) -> WallReading {
        let reading = wall_reading(WALL_READINGS);
        let since = |start: Nanos| Nanos(raw(ClockId::Monotonic)) - start;
        let stepped = self.skewed.map_or(Nanos::ZERO, |(skewed, start)| skewed.stepped(since(start)));
        WallReading { deviation: reading.deviation - self.anchor + stepped, ..reading }
    }

    /// What a test clock does to this process's time; absent outside of tests.
    #[must_use]
    pub fn test_clock(&self) -> Option<TestClock> {
        self.skewed.map(|(skewed, _)| skewed)
    }

    /// What another process needs to know about this clock.
    #[must_use]
    pub fn identity(&self) -> ClockIdentity {
        let other = self.skewed.is_some_and(|(skewed, _)| skewed.other_boot);
        ClockIdentity {
            boot_id: if other { Some("another kernel, says the test clock".to_owned()) } else { boot_id() },
            time_namespace: time_namespace(),
            anchor: self.anchor,
            by_exchange: self.choice == ClockChoice::Network,
            test_clock: self.skewed.map(|(skewed, _)| skewed.to_string()),
        }
    }
}

impl ClockIdentity {
    /// Whether both clocks are one: same boot and same time namespace, both known.
    #[must_use]
    pub fn domain(&self, other: &Self) -> ClockDomain {
        let boot = self.boot_id.is_some() && self.boot_id == other.boot_id;
        let namespace = self.time_namespace.is_some() && self.time_namespace == other.time_namespace;
        let forced = self.by_exchange || other.by_exchange;
        if boot && namespace && !forced { ClockDomain::SameKernel } else { ClockDomain::Network }
    }
}

impl FromStr for ClockChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "network" => Ok(Self::Network),
            _ => {
                Err("write auto (exact on one kernel, else by exchanges) or network (by exchanges always)"
                    .into())
            }
        }
    }
}

/// CPU time that all threads of this process have used.
#[must_use]
pub fn process_cpu() -> Nanos {
    Nanos(raw(ClockId::ProcessCPUTime))
}

fn raw(id: ClockId) -> i64 {
    let reading = clock_gettime(id);
    reading.tv_sec * NANOS_PER_SECOND + reading.tv_nsec
}

/// Realtime minus monotonic: of so many readings the one that took the least time.
fn wall_reading(readings: usize) -> WallReading {
    let read = || {
        let before = raw(ClockId::Monotonic);
        let wall = raw(ClockId::Realtime);
        let after = raw(ClockId::Monotonic);
        WallReading { deviation: Nanos(wall - (before + (after - before) / 2)), width: Nanos(after - before) }
    };
    let first = read();
    (1..readings).map(|_| read()).fold(first, |best, next| if next.width < best.width { next } else { best })
}

fn boot_id() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

fn time_namespace() -> Option<u64> {
    let link = fs::read_link("/proc/self/ns/time").ok()?;
    link.to_str()?.strip_prefix("time:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(boot: &str, namespace: u64, anchor: i64) -> ClockIdentity {
        ClockIdentity {
            boot_id: Some(boot.into()),
            time_namespace: Some(namespace),
            anchor: Nanos(anchor),
            by_exchange: false,
            test_clock: None,
        }
    }

    #[test]
    fn one_kernel_is_recognised_and_anything_unknown_is_not() {
        let here = identity("a", 1, 0);
        assert_eq!(here.domain(&identity("a", 1, 9)), ClockDomain::SameKernel);
        assert_eq!(here.domain(&identity("b", 1, 0)), ClockDomain::Network);
        assert_eq!(here.domain(&identity("a", 2, 0)), ClockDomain::Network);
        let unknown = ClockIdentity { boot_id: None, time_namespace: None, ..identity("", 0, 0) };
        assert_eq!(unknown.domain(&unknown), ClockDomain::Network);
        let forced = ClockIdentity { by_exchange: true, ..identity("a", 1, 0) };
        assert_eq!(
            (here.domain(&forced), forced.domain(&here)),
            (ClockDomain::Network, ClockDomain::Network)
        );
    }

    #[test]
    fn now_never_goes_back_and_follows_the_wall() {
        let clock = Clock::start();
        let first = clock.now();
        assert!(clock.now() >= first);
        assert!(clock.wall().deviation.0.abs() < NANOS_PER_SECOND);
        assert_eq!(clock.identity().domain(&Clock::start().identity()), ClockDomain::SameKernel);
    }

    #[test]
    fn a_bent_clock_sleeps_until_what_it_shows() {
        let skewed = "offset=400ms,drift=50ppm,step=500ms@0s,boot=other".parse().expect("good");
        let start = Nanos(raw(ClockId::Monotonic) - 100 * NANOS_PER_SECOND);
        let flat = Clock::start();
        let clock = Clock { skewed: Some((skewed, start)), ..flat };
        let ahead = (clock.now() - flat.now()).as_millis_f64();
        assert!((ahead - 405.0).abs() < 1.0, "{ahead} ms: 400 ms and 50 ppm of 100 s");
        let stepped = (clock.wall().deviation - flat.wall().deviation).as_millis_f64();
        assert!((stepped - 500.0).abs() < 1.0, "{stepped} ms");
        let point = flat.now() + Nanos::from_secs(10);
        let later = clock.to_monotonic(point + skewed.ahead(Nanos::from_secs(110)));
        let expected = flat.to_monotonic(point);
        let apart = (later.tv_sec - expected.tv_sec) * NANOS_PER_SECOND + later.tv_nsec - expected.tv_nsec;
        assert!(apart.abs() < 1_000_000, "{apart} ns");
        assert_eq!(clock.identity().domain(&flat.identity()), ClockDomain::Network);
    }
}

//! The only raw clock reads of the project, and what is known about the clock they read.
//!
//! A [`Clock`] is a wall-clock anchor taken once plus monotonic time elapsed: a step of the wall clock
//! during a run cannot move a latency. Two processes on one kernel share the monotonic clock, so a
//! point of one is moved onto the other's time line exactly, by the difference of their anchors.

use std::fs;

use rustix::time::{ClockId, Timespec, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::time::{NANOS_PER_SECOND, Nanos, UnixNanos};

/// How often the anchor is read at the start; the pair of readings closest together is kept.
const ANCHOR_READINGS: usize = 16;

/// Wall-clock time that never steps: an anchor plus monotonic time elapsed. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    anchor: Nanos,
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
        let anchor = (0..ANCHOR_READINGS)
            .map(|_| {
                let before = raw(ClockId::Monotonic);
                let wall = raw(ClockId::Realtime);
                let after = raw(ClockId::Monotonic);
                (after - before, wall - (before + (after - before) / 2))
            })
            .min_by_key(|(width, _)| *width)
            .map_or(0, |(_, anchor)| anchor);
        Self { anchor: Nanos(anchor) }
    }

    /// Now, on this process's time line.
    #[must_use]
    pub fn now(&self) -> UnixNanos {
        UnixNanos(raw(ClockId::Monotonic)) + self.anchor
    }

    /// The monotonic reading that belongs to a point, as the kernel's absolute sleep wants it.
    #[must_use]
    pub fn to_monotonic(&self, point: UnixNanos) -> Timespec {
        let monotonic = (point - self.anchor).0.max(0);
        Timespec { tv_sec: monotonic / NANOS_PER_SECOND, tv_nsec: monotonic % NANOS_PER_SECOND }
    }

    /// Sleeps until `point` with the kernel's absolute clock; returns at once when it has passed.
    /// May wake early when a signal arrives: the caller looks at the clock again.
    pub fn sleep_until(&self, point: UnixNanos) {
        // The only error is an interruption, and the caller re-reads the clock in any case.
        rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, &self.to_monotonic(point)).unwrap_or(());
    }

    /// How far the wall clock stands from the anchored time now: non-zero after a step or a slew.
    #[must_use]
    pub fn wall_deviation(&self) -> Nanos {
        UnixNanos(raw(ClockId::Realtime)) - self.now()
    }

    /// What another process needs to know about this clock.
    #[must_use]
    pub fn identity(&self) -> ClockIdentity {
        ClockIdentity { boot_id: boot_id(), time_namespace: time_namespace(), anchor: self.anchor }
    }
}

impl ClockIdentity {
    /// Whether both clocks are one: same boot and same time namespace, both known.
    #[must_use]
    pub fn domain(&self, other: &Self) -> ClockDomain {
        let boot = self.boot_id.is_some() && self.boot_id == other.boot_id;
        let namespace = self.time_namespace.is_some() && self.time_namespace == other.time_namespace;
        if boot && namespace { ClockDomain::SameKernel } else { ClockDomain::Network }
    }

    /// What to add to a point of `other`'s time line to put it on this one; only meaningful on one kernel.
    #[must_use]
    pub fn shift_from(&self, other: &Self) -> Nanos {
        self.anchor - other.anchor
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
        ClockIdentity { boot_id: Some(boot.into()), time_namespace: Some(namespace), anchor: Nanos(anchor) }
    }

    #[test]
    fn one_kernel_is_recognised_and_anything_unknown_is_not() {
        let here = identity("a", 1, 0);
        assert_eq!(here.domain(&identity("a", 1, 9)), ClockDomain::SameKernel);
        assert_eq!(here.domain(&identity("b", 1, 0)), ClockDomain::Network);
        assert_eq!(here.domain(&identity("a", 2, 0)), ClockDomain::Network);
        let unknown = ClockIdentity { boot_id: None, time_namespace: None, anchor: Nanos(0) };
        assert_eq!(unknown.domain(&unknown), ClockDomain::Network);
    }

    #[test]
    fn a_shifted_point_stands_where_its_monotonic_reading_says() {
        let observer = identity("a", 1, 1_000);
        let writer = identity("a", 1, 1_700);
        // Monotonic 50 is 1_750 for the writer and 1_050 for the observer.
        assert_eq!(UnixNanos(1_750) + observer.shift_from(&writer), UnixNanos(1_050));
    }

    #[test]
    fn now_never_goes_back_and_follows_the_wall() {
        let clock = Clock::start();
        let first = clock.now();
        assert!(clock.now() >= first);
        assert!(clock.wall_deviation().0.abs() < NANOS_PER_SECOND);
        assert_eq!(clock.identity().domain(&Clock::start().identity()), ClockDomain::SameKernel);
    }
}

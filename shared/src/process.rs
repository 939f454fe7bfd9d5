//! What this process has used so far, as the kernel counts it.

use std::fs;

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::clock;
use crate::ledger::Process;
use crate::time::{Nanos, UnixNanos};

/// Something that happens at even intervals, and by its absence tells that the process did not run: stopped by a
/// signal, its machine suspended, or starved.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    every: Nanos,
    last: Option<UnixNanos>,
    longest_pause: Nanos,
}

impl Heartbeat {
    /// One that should beat at least this often.
    #[must_use]
    pub const fn new(every: Nanos) -> Self {
        Self { every, last: None, longest_pause: Nanos::ZERO }
    }

    /// It beats. Returns how late a beat was at most so far.
    pub fn beat(&mut self, now: UnixNanos) -> Nanos {
        if let Some(last) = self.last.replace(now) {
            self.longest_pause = self.longest_pause.max(now - last - self.every);
        }
        self.longest_pause
    }
}

/// Makes sure that the process leaves no core file: there would be passwords in it.
///
/// Returns whether that could be done; lowering one's own limit needs no privilege.
pub fn forbid_core_files() -> bool {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).is_ok()
}

/// What the process has used until now: CPU time of all threads, the resident size and the largest it has been, and
/// the time its threads waited for a CPU. Sizes that the kernel does not give are 0. The longest pause is for the
/// caller to fill in.
#[must_use]
pub fn usage() -> Process {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    Process {
        cpu_s: clock::process_cpu().as_secs_f64(),
        peak_rss_bytes: bytes(&status, "VmHWM:").unwrap_or(0),
        rss_bytes: bytes(&status, "VmRSS:").unwrap_or(0),
        run_queue_wait: run_queue_wait(),
        longest_pause: Nanos::ZERO,
    }
}

/// The second field of each thread's `schedstat`: nanoseconds on a run queue (Documentation/scheduler/sched-stats.rst
/// of the kernel). Threads that have ended take theirs with them.
fn run_queue_wait() -> Option<Nanos> {
    let threads = fs::read_dir("/proc/self/task").ok()?;
    let waits = threads.flatten().filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        waited(&text)
    });
    waits.reduce(|sum, next| sum + next)
}

/// A line such as `7432110 81234 213`: time on a CPU, time waiting for one, and the number of turns.
fn waited(schedstat: &str) -> Option<Nanos> {
    schedstat.split_whitespace().nth(1)?.parse().ok().map(Nanos)
}

/// A line such as `VmHWM:     1234 kB`.
fn bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_read() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!((bytes(status, "VmHWM:"), bytes(status, "VmRSS:")), (Some(2_097_152), Some(1_048_576)));
        let usage = usage();
        assert!(usage.rss_bytes > 100_000 && usage.peak_rss_bytes >= usage.rss_bytes, "{usage:?}");
        assert_eq!(waited("7432110 81234 213\n"), Some(Nanos(81_234)));
        assert_eq!(waited(""), None);
        assert!(usage.run_queue_wait.is_none_or(|wait| wait >= Nanos::ZERO), "{usage:?}");
    }

    #[test]
    fn no_core_file_is_left() {
        assert!(forbid_core_files());
        let limits = fs::read_to_string("/proc/self/limits").expect("the kernel tells");
        let line = limits.lines().find(|line| line.starts_with("Max core file size")).expect("it has a line");
        assert_eq!(line.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{line}");
    }

    #[test]
    fn a_pause_is_how_late_a_beat_was() {
        let at = |ms: i64| UnixNanos(ms * 1_000_000);
        let mut heartbeat = Heartbeat::new(Nanos::from_millis(100));
        for beat in [0, 100, 201, 290, 3_290, 3_390] {
            heartbeat.beat(at(beat));
        }
        assert_eq!(heartbeat.beat(at(3_490)), Nanos::from_millis(2_900));
    }
}

//! How long a process was kept from the CPU, second by second. Pure.

use std::collections::VecDeque;

use streamgauge_shared::ledger::Process;
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::spans::Spans;

/// The time over which the worst share is looked for.
const SPAN: Nanos = Nanos::from_secs(1);
/// The share of its time for which a program may be ready and without a CPU, all its threads together. Measured
/// (`make starvation`, docs/measurement.md): at 18 % the program's own part of a 95th percentile grows by 2.3 ms.
const SHARE_MAX: f64 = 0.1;
/// What of a second that share is: a second with more is one in which the program starved.
const IN_A_SECOND: Nanos = Nanos::from_millis(100);
/// The most of it in one second. Measured likewise: from 350 ms on a second's 95th percentile is off by 3 ms and more.
const WORST_SECOND_MAX: Nanos = Nanos::from_millis(300);
/// How late a program's own heartbeat may be, and how long events may wait for the reader: beyond this it did not
/// run at all.
pub(super) const PAUSE_MAX: Nanos = Nanos::from_secs(1);

/// How a process fared with its CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Starved {
    /// For how long its threads were ready and not running, summed over the threads; absent where the kernel
    /// does not tell.
    pub waited: Option<Nanos>,
    /// The most of it in one second.
    pub worst_second: Nanos,
    /// How late its own heartbeat was at most.
    pub longest_pause: Nanos,
    /// How long it was watched.
    pub watched: Nanos,
    /// The seconds in which it starved, and the times at which it did not run at all.
    pub spans: Spans,
}

impl Starved {
    /// What most likely takes the CPU away.
    pub(super) const CAUSE: &'static str = "other load on its machine, a CPU limit of its container, a suspended machine, or a signal that stopped it";

    /// What was seen of a program that had too little CPU; `None` if it had enough.
    pub(super) fn trouble(&self) -> Option<String> {
        let watched = self.watched.as_secs_f64();
        let share =
            self.waited.filter(|_| watched >= 1.0).map_or(0.0, |waited| waited.as_secs_f64() / watched);
        let mut seen = Vec::new();
        if self.longest_pause > PAUSE_MAX {
            seen.push(format!("did not run at all for {} (bound {PAUSE_MAX})", self.longest_pause));
        }
        if share > SHARE_MAX || self.worst_second > WORST_SECOND_MAX {
            seen.push(format!(
                "was ready to run and had no CPU for {} of {} ({:.1} % of its time, bound {:.0} %; worst second {}, bound {WORST_SECOND_MAX}), all its threads together",
                self.waited.unwrap_or_default(),
                self.watched,
                share * 100.0,
                SHARE_MAX * 100.0,
                self.worst_second
            ));
        }
        (!seen.is_empty()).then(|| seen.join(", and "))
    }
}

/// Follows the figures of one process.
#[derive(Clone, Debug, Default)]
pub struct Starvation {
    first: Option<(UnixNanos, Nanos)>,
    /// Readings of the last second, oldest first; ten a second come.
    readings: VecDeque<(UnixNanos, Nanos)>,
    starved: Starved,
}

impl Starvation {
    /// The process's figures as of a time.
    pub fn see(&mut self, at: UnixNanos, process: &Process) {
        if process.longest_pause > self.starved.longest_pause.max(PAUSE_MAX) {
            self.starved.spans.add(at - process.longest_pause, at);
        }
        self.starved.longest_pause = self.starved.longest_pause.max(process.longest_pause);
        let Some(total) = process.run_queue_wait else { return };
        let (start, before) = *self.first.get_or_insert((at, total));
        // Threads that ended took their waiting along: the sum can fall, and what is known stays known.
        self.starved.waited = self.starved.waited.max(Some(total - before));
        self.starved.watched = at - start;
        while self.readings.len() >= 2 && at - self.readings[1].0 >= SPAN {
            self.readings.pop_front();
        }
        if let Some((from, then)) = self.readings.front()
            && at - *from >= SPAN
        {
            let (waited, over) = ((total - *then).0, (at - *from).0);
            // Readings come late when the process starves: then the span is longer than a second.
            let in_a_second = i128::from(waited) * i128::from(SPAN.0) / i128::from(over);
            let in_a_second = Nanos(i64::try_from(in_a_second).unwrap_or(i64::MAX));
            self.starved.worst_second = self.starved.worst_second.max(in_a_second);
            if in_a_second > IN_A_SECOND {
                self.starved.spans.add(*from, at);
            }
        }
        self.readings.push_back((at, total));
    }

    /// What is known by now.
    #[must_use]
    pub fn starved(&self) -> Starved {
        self.starved
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A program that was watched for a minute.
    pub(in crate::measure) fn of_one_minute(waited_ms: i64, worst_ms: i64) -> Starved {
        Starved {
            waited: Some(Nanos::from_millis(waited_ms)),
            worst_second: Nanos::from_millis(worst_ms),
            watched: Nanos::from_secs(60),
            ..Starved::default()
        }
    }

    fn seen(readings: &[(i64, i64)]) -> Starved {
        let mut starvation = Starvation::default();
        for (at, wait) in readings {
            let process = Process { run_queue_wait: Some(Nanos::from_millis(*wait)), ..Process::default() };
            starvation.see(UnixNanos(at * 1_000_000), &process);
        }
        starvation.starved()
    }

    #[test]
    fn waiting_counts_from_the_first_reading_and_the_worst_second_stands_out() {
        let starved =
            seen(&[(0, 500), (500, 510), (1_000, 520), (1_500, 920), (2_000, 1_020), (3_000, 1_030)]);
        assert_eq!(starved.waited, Some(Nanos::from_millis(530)));
        assert_eq!(starved.worst_second, Nanos::from_millis(500));
        assert_eq!(starved.watched, Nanos::from_secs(3));
        let at = |ms: i64| UnixNanos(ms * 1_000_000);
        assert_eq!(starved.spans.iter().collect::<Vec<_>>(), [(at(500), at(2_000))]);
    }

    #[test]
    fn a_late_reading_is_spread_over_its_time() {
        assert_eq!(seen(&[(0, 0), (4_000, 1_000)]).worst_second, Nanos::from_millis(250));
    }

    #[test]
    fn a_kernel_that_does_not_tell_is_not_a_process_that_never_waits() {
        let mut starvation = Starvation::default();
        let process = Process { longest_pause: Nanos::from_secs(3), ..Process::default() };
        starvation.see(UnixNanos(0), &process);
        let starved = starvation.starved();
        assert_eq!((starved.waited, starved.longest_pause), (None, Nanos::from_secs(3)));
    }

    #[test]
    fn threads_that_end_take_nothing_back() {
        let starved = seen(&[(0, 0), (1_000, 300), (2_000, 100)]);
        assert_eq!(starved.waited, Some(Nanos::from_millis(300)));
    }
}

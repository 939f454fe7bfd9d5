//! How long a process was kept from the CPU, second by second. Pure.

use std::collections::VecDeque;

use streamgauge_shared::ledger::Process;
use streamgauge_shared::time::{Nanos, UnixNanos};

/// The time over which the worst share is looked for.
const SPAN: Nanos = Nanos::from_secs(1);

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
mod tests {
    use super::*;

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

//! `latency.hlog`: the latencies of each second as an HDR interval log.
//!
//! A line of a thousand rows takes up to about 1 kB. So that days stay bounded, lines stand for longer once the
//! file is large: nothing is left out, only the course of time gets coarser.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use streamgauge_shared::histogram::interval_log;
use streamgauge_shared::time::{Nanos, UnixNanos};

use crate::measure::Interval;

/// Up to so many bytes each second has its lines.
const SECONDS_UNTIL: u64 = 64 << 20;
/// And up to so many every ten seconds; beyond, each minute.
const TENS_UNTIL: u64 = 2 * SECONDS_UNTIL;

/// The interval log of one run.
#[derive(Debug)]
pub struct IntervalLog {
    file: File,
    /// Bytes that are whole lines.
    written: u64,
    base: UnixNanos,
    /// Not written yet: younger than a line's length, or refused by the file system.
    pending: Option<Interval>,
}

impl IntervalLog {
    /// Makes the file with its header.
    ///
    /// # Errors
    /// The file system's.
    pub fn create(path: &Path, base: UnixNanos) -> io::Result<Self> {
        let mut log = Self { file: File::create(path)?, written: 0, base, pending: None };
        log.write(interval_log::header(base).as_bytes())?;
        Ok(log)
    }

    /// Adds an interval, and writes it once it is as long as lines are by now.
    ///
    /// # Errors
    /// The file system's; the interval is kept, and written with the next one.
    pub fn add(&mut self, interval: Interval) -> io::Result<()> {
        match &mut self.pending {
            Some(pending) => pending.extend(interval),
            pending @ None => *pending = Some(interval),
        }
        let long_enough = |pending: &Interval| pending.end - pending.start >= line_length(self.written);
        if self.pending.as_ref().is_some_and(long_enough) { self.flush() } else { Ok(()) }
    }

    /// Writes what is pending.
    ///
    /// # Errors
    /// The file system's; it stays pending.
    pub fn flush(&mut self) -> io::Result<()> {
        let Some(interval) = self.pending.take() else { return Ok(()) };
        let (start, length) = (interval.start - self.base, interval.end - interval.start);
        let mut lines = Vec::new();
        for (latency, operation, histogram) in &interval.histograms {
            let tag = format!("{latency}.{}", operation.name());
            interval_log::append(&mut lines, &tag, histogram, start, length);
        }
        self.write(&lines).inspect_err(|_| self.pending = Some(interval))
    }

    /// Writes whole lines, where the last whole line ends.
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.written))?;
        self.file.write_all(lines)?;
        self.written += lines.len() as u64;
        Ok(())
    }
}

/// How long an interval is before it is written, by the size of the file. Zero: as it comes, each second.
fn line_length(written: u64) -> Nanos {
    match written {
        0..SECONDS_UNTIL => Nanos::ZERO,
        SECONDS_UNTIL..TENS_UNTIL => Nanos::from_secs(10),
        _ => Nanos::from_secs(60),
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::account::Operation;
    use streamgauge_shared::timeline::Latency;

    use super::*;
    use crate::measure::Intervals;

    fn second(number: i64) -> Interval {
        let mut intervals = Intervals::default();
        // The rows of a second with a spread of a millisecond around 30.
        (0..1_000).for_each(|n| {
            intervals.record(Latency::CdcE2eLatency, Operation::Create, Nanos(29_500_000 + n * n));
        });
        intervals.take(UnixNanos::from_millis(number * 1_000), UnixNanos::from_millis(number * 1_000 + 1_000))
    }

    #[test]
    fn lines_stand_for_longer_once_the_file_is_large() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("latency.hlog");
        let mut log = IntervalLog::create(&path, UnixNanos(0)).expect("a new file");
        let header = log.written;
        (0..3).for_each(|n| log.add(second(n)).expect("there is room"));
        let line = (log.written - header) / 3;
        assert!((100..2_000).contains(&line), "{line} bytes a line");
        log.written = SECONDS_UNTIL;
        (3..22).for_each(|n| log.add(second(n)).expect("there is room"));
        let pending = log.pending.as_ref().expect("nine seconds wait");
        assert_eq!((pending.start, pending.histograms[0].2.count()), (UnixNanos::from_millis(13_000), 9_000));
        log.flush().expect("there is room");
        assert!(log.pending.is_none());
    }

    #[test]
    fn what_the_file_system_refuses_is_written_later() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("latency.hlog");
        let mut log = IntervalLog::create(&path, UnixNanos(0)).expect("a new file");
        let good = std::mem::replace(&mut log.file, File::open(&path).expect("it is there"));
        assert!(log.add(second(0)).is_err(), "opened for reading only");
        log.file = good;
        log.add(second(1)).expect("there is room");
        let text = std::fs::read_to_string(&path).expect("text");
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines.len(), 1, "{text}");
        assert!(lines[0].starts_with("Tag=cdc_e2e_latency.create,0.000,2.000,30."), "{text}");
    }
}

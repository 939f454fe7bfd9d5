//! Whether a run is to be believed: a closed list of reasons, each with what was seen, the likely cause and
//! what to do next.
//!
//! A reason is one file, which holds its data, its bound, its sentences and its test, and the lines of the list below.
//! The name of the file is the code in the report.

mod clock_bound_too_wide;
mod clock_contradiction;
mod clock_stepped;
mod clock_unbounded;
mod collection_gone;
mod dropped_iterations;
mod events_let_go;
mod floor_too_high;
mod landed_elsewhere;
mod ledger_incomplete;
mod ledger_interrupted;
mod ledger_overflow;
mod load_missed;
mod load_not_written;
mod load_share;
mod memory_bound;
mod observer_backlog;
mod observer_starved;
mod over_range;
mod schedule_lag;
mod stream_gap;
mod stream_interrupted;
#[cfg(test)]
mod tests;
mod unmeasured_events;
mod writer_gone;
mod writer_starved;

use streamgauge_shared::finding::Finding;
use streamgauge_shared::report::{Validity, ValidityState};
use streamgauge_shared::test_file::Test;
use streamgauge_shared::time::UnixNanos;

use super::figures::Moment;
use super::spans::Spans;

/// What a run is judged by: what it was to do, and everything known as of one moment.
struct Run<'a> {
    test: &'a Test,
    moment: &'a Moment<'a>,
}

/// A kind of reason: when there is one, and what is said of it.
trait Doubt: Sized {
    /// What of it there is in a run.
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self>;
    /// How grave it is.
    fn grade(&self) -> ValidityState;
    /// What was seen, with its figures and bounds.
    fn seen(&self) -> String;
    /// What most likely causes it.
    fn cause(&self) -> &'static str;
    /// What to do next.
    fn next(&self) -> &'static str;
    /// The same with what was found in the run, where that says more.
    fn next_here(&self) -> Option<String> {
        None
    }
    /// When it held; empty where it is of the whole run.
    fn spans(&self) -> Spans {
        Spans::default()
    }
}

macro_rules! reasons {
    ($($Reason:ident in $code:ident),+ $(,)?) => {
        /// A reason against believing a run: the closed list.
        enum Reason {
            $($Reason($code::$Reason)),+
        }

        /// The code of each, in the order in which reports list them. `docs/measurement.md` explains each.
        #[cfg(test)]
        const CODES: &[&str] = &[$(stringify!($code)),+];

        impl Reason {
            fn find_all(run: &Run<'_>) -> Vec<Self> {
                let mut found = Vec::new();
                $(found.extend($code::$Reason::find(run).into_iter().map(Self::$Reason));)+
                found
            }

            fn told(&self, started_at: UnixNanos) -> Finding<ValidityState> {
                match self {
                    $(Self::$Reason(doubt) => told(stringify!($code), doubt, started_at)),+
                }
            }
        }
    };
}

reasons! {
    LedgerIncomplete in ledger_incomplete,
    LedgerOverflow in ledger_overflow,
    WriterGone in writer_gone,
    LedgerInterrupted in ledger_interrupted,
    EventsLetGo in events_let_go,
    MemoryBound in memory_bound,
    ClockUnbounded in clock_unbounded,
    ClockContradiction in clock_contradiction,
    ClockBoundTooWide in clock_bound_too_wide,
    ClockStepped in clock_stepped,
    StreamGap in stream_gap,
    StreamInterrupted in stream_interrupted,
    UnmeasuredEvents in unmeasured_events,
    CollectionGone in collection_gone,
    LandedElsewhere in landed_elsewhere,
    ObserverBacklog in observer_backlog,
    LoadMissed in load_missed,
    LoadNotWritten in load_not_written,
    DroppedIterations in dropped_iterations,
    ScheduleLag in schedule_lag,
    WriterStarved in writer_starved,
    ObserverStarved in observer_starved,
    FloorTooHigh in floor_too_high,
    OverRange in over_range,
}

/// Judges the measurement as of one moment.
pub(super) fn judge(test: &Test, moment: &Moment<'_>) -> Validity {
    let found = Reason::find_all(&Run { test, moment });
    let reasons: Vec<_> = found.iter().map(|reason| reason.told(moment.facts.started_at)).collect();
    let state = reasons.iter().map(|reason| reason.grade).max().unwrap_or(ValidityState::Valid);
    Validity { state, reasons }
}

fn told(code: &str, doubt: &impl Doubt, started_at: UnixNanos) -> Finding<ValidityState> {
    let next = doubt.next_here().unwrap_or_else(|| doubt.next().to_owned());
    let told = Finding::new(code, doubt.grade(), doubt.seen(), doubt.cause(), next);
    Finding { spans: doubt.spans().since(started_at), ..told }
}

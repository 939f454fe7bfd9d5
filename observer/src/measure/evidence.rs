//! What is known against the measurement, gathered as a run goes on.

use streamgauge_shared::time::Nanos;

/// Facts that only the observer's edges see. All counts are of the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Times the change stream was opened anew after an error.
    pub stream_resumed: u64,
    /// Times its history was lost: what happened in between was never seen.
    pub stream_gaps: u64,
    /// Collections of the run that were dropped or renamed while it went on.
    pub collections_gone: u64,
    /// The largest number of batches that waited for the matcher.
    pub backlog_max: usize,
    /// The longest a reply waited between its arrival and the matcher.
    pub backlog_delay_max: Nanos,
    /// How far the observer's wall clock stands from its anchored time.
    pub wall_deviation: Nanos,
    /// Steps of the observer's wall clock.
    pub clock_steps: u64,
}

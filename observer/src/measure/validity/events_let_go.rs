//! Events of this run that were let go before their entry came.

use streamgauge_shared::report::ValidityState;

use super::{Doubt, Run};

/// Their rows count as lost, though they arrived.
pub(super) struct EventsLetGo {
    events: u64,
}

impl Doubt for EventsLetGo {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let limits = run.moment.matcher.limits();
        // Of a delete that was let go it is not known whether it is one of this run's.
        let events = limits.events_let_go + limits.deletes_let_go;
        (events > 0).then_some(Self { events })
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Invalid
    }

    fn seen(&self) -> String {
        format!(
            "{} events came before the records of their operations and were let go at the bound of their table: rows that arrived count as lost",
            self.events
        )
    }

    fn cause(&self) -> &'static str {
        "a writer's connection was away for long at a high rate, so that its records came far behind its rows; or another program deletes rows by the hundred thousand"
    }

    fn next(&self) -> &'static str {
        "bring writer and observer closer together, lower the rate, or leave the run's tables alone, and run again"
    }
}

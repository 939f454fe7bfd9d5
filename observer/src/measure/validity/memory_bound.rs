//! Rows given up that are no longer remembered one by one.

use streamgauge_shared::report::ValidityState;

use super::{Doubt, Run};

/// They stay counted; one that arrives after all counts as an event of nobody.
pub(super) struct MemoryBound {
    forgotten: u64,
}

impl Doubt for MemoryBound {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let forgotten = run.moment.matcher.limits().lost_forgotten;
        (forgotten > 0).then_some(Self { forgotten })
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Degraded
    }

    fn seen(&self) -> String {
        format!("{} rows that were given up were let go at the bound of their table", self.forgotten)
    }

    fn cause(&self) -> &'static str {
        "far more rows were lost than a run should meet"
    }

    fn next(&self) -> &'static str {
        "find out why the pipeline loses rows before measuring how fast it is"
    }
}

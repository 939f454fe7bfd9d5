//! Two clocks of which nobody knows how far apart they are.

use streamgauge_shared::report::ValidityState;

use super::{Doubt, Run};

/// No latency between the programs means anything.
pub(super) struct ClockUnbounded;

impl Doubt for ClockUnbounded {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let facts = run.moment.facts;
        facts.clocks.bound(facts.clock_domain).is_none().then_some(Self)
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Invalid
    }

    fn seen(&self) -> String {
        "writer and observer have two clocks, and no exchange said how far apart they are".to_owned()
    }

    fn cause(&self) -> &'static str {
        "the writer did not answer the observer's clock probes before its rows"
    }

    fn next(&self) -> &'static str {
        "use programs of one version, or run both on one machine, where no exchange is needed"
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::clock::ClockDomain;

    use super::super::tests::graded;
    use super::ValidityState::Invalid;

    #[test]
    fn two_clocks_without_an_exchange_are_named() {
        let found = graded(|run| run.facts.clock_domain = ClockDomain::Network);
        assert_eq!(found, [("clock_unbounded".into(), Invalid)]);
    }
}

//! Rows that arrive where the run does not look.

use streamgauge_shared::report::ValidityState;

use super::{Doubt, Run};
use crate::landing::Difference;

/// Nothing of an entity has arrived, and its rows were found in another place: what the run says of them is said of a
/// place where they never were to be.
pub(super) struct LandedElsewhere {
    difference: Difference,
}

impl Doubt for LandedElsewhere {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let landed = run.moment.facts.landed.iter();
        landed.map(|one| Self { difference: one.difference.clone() }).collect::<Vec<_>>()
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Invalid
    }

    fn seen(&self) -> String {
        self.difference.seen.clone()
    }

    fn cause(&self) -> &'static str {
        "the model says another place than the sink writes to, so these rows count as not arrived though they have"
    }

    fn next(&self) -> &'static str {
        "say in the model where the sink writes"
    }

    fn next_here(&self) -> Option<String> {
        Some(format!("{}; then run again", self.difference.next))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::reasons;
    use super::*;
    use crate::landing::Landed;

    #[test]
    fn what_was_found_is_told_with_its_way_out() {
        let difference = Difference { seen: "there".into(), next: "set it".into() };
        let found = reasons(|run| run.facts.landed = vec![Landed { entity: 0, difference }]);
        assert_eq!((found[0].code.as_str(), found[0].grade), ("landed_elsewhere", ValidityState::Invalid));
        assert_eq!((found[0].seen.as_str(), found[0].next.as_str()), ("there", "set it; then run again"));
    }
}

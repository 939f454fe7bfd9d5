//! PostgreSQL's clock against ours.

use streamgauge_shared::doctor::{Finding, Severity};
use streamgauge_shared::time::Nanos;

use crate::doctor::inspected::Inspected;

/// A difference of the clocks worth telling; no latency of ours reads the server's.
const CLOCK_OFFSET_MAX: Nanos = Nanos::from_secs(1);

pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    vec![one(inspected.clock_offset)]
}

fn one((offset, bound): (Nanos, Nanos)) -> Finding {
    let seen = format!("PostgreSQL's clock is {offset} from ours, ± {bound}");
    if offset.0.abs() - bound.0 > CLOCK_OFFSET_MAX.0 {
        return Finding::new(
            "server_clock",
            Severity::Info,
            seen,
            "no latency reads it, but commit times that a pipeline leaves in documents are off by as much",
            "let both machines follow the same time service",
        );
    }
    Finding::fine("server_clock", seen)
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_clock_far_off_is_told_and_spoils_nothing() {
        let far = (Nanos::from_secs(-3), Nanos::from_millis(1));
        let found = found(|inspected| inspected.clock_offset = far);
        assert_eq!(found, [("server_clock", Severity::Info)]);
    }
}

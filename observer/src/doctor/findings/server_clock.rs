//! mongod's clock against ours.

use streamgauge_shared::doctor::{Finding, Severity};
use streamgauge_shared::time::Nanos;

use crate::doctor::inspected::Inspected;

/// A difference of the two clocks that a figure of some milliseconds would not show.
const CLOCK_OFFSET_MAX: Nanos = Nanos::from_millis(5);

pub(super) fn judge(inspected: &Inspected) -> Finding {
    let Some((offset, bound)) = inspected.clock_offset else {
        return Finding::unknown("server_clock", "hello has no localTime", "");
    };
    let seen = format!("mongod's clock is {offset} from ours, ± {bound}");
    if offset.0.abs() - bound.0 > CLOCK_OFFSET_MAX.0 {
        return Finding::new(
            "server_clock",
            Severity::Warning,
            seen,
            "mongo_visibility compares the two clocks and is off by as much; no other latency reads mongod's clock",
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
    fn a_clock_is_off_only_beyond_what_the_round_trip_leaves_open() {
        let with = |offset, bound| {
            let of = |ms| Nanos::from_millis(ms);
            found(|inspected| inspected.clock_offset = Some((of(offset), of(bound))))
        };
        assert_eq!(with(-400, 3), [("server_clock", Severity::Warning)]);
        assert_eq!(with(400, 3), [("server_clock", Severity::Warning)]);
        assert_eq!(with(40, 38), []);
        assert_eq!(found(|inspected| inspected.clock_offset = None), [("server_clock", Severity::Info)]);
    }
}

//! Sessions that are left for a run.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::Inspected;

/// A run takes as many sessions as it has users, at most so many unless `--connections` says otherwise.
const CONNECTIONS_DEFAULT_MAX: u64 = 64;
/// With fewer sessions left even a small run cannot start.
const CONNECTIONS_MIN: u64 = 8;

pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    vec![one(inspected)]
}

fn one(inspected: &Inspected) -> Finding {
    let limit = inspected.connections;
    let left = limit.max.saturating_sub(limit.used);
    let seen = format!("{left} sessions left of {}", limit.max);
    let severity = match left {
        ..CONNECTIONS_MIN => Severity::Warning,
        CONNECTIONS_MIN..CONNECTIONS_DEFAULT_MAX => Severity::Info,
        _ => return Finding::fine("connections", seen),
    };
    Finding::new(
        "connections",
        severity,
        seen,
        "a run takes one for each user, up to 64 by default, and does not start without them",
        "give --connections a number that fits, or raise max_connections",
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;
    use crate::doctor::inspected::Limit;

    #[test]
    fn sessions_that_are_left_are_counted() {
        let with = |used| found(|inspected| inspected.connections = Limit { used, max: 97 });
        assert_eq!(with(33), []);
        assert_eq!(with(34), [("connections", Severity::Info)]);
        assert_eq!(with(89), [("connections", Severity::Info)]);
        assert_eq!(with(90), [("connections", Severity::Warning)]);
        assert_eq!(with(100), [("connections", Severity::Warning)]);
    }
}

//! A limit on what a pipeline needs one of.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::Limit;

/// A limit on what a pipeline needs one of.
pub(super) fn free(
    code: &'static str,
    setting: &str,
    what: &str,
    limit: Limit,
    active_slots: u64,
) -> Finding {
    let seen = format!("{} of {} {what} in use", limit.used, limit.max);
    if limit.used < limit.max {
        return Finding::fine(code, seen);
    }
    // A pipeline that reads already needs no other.
    let severity = if active_slots > 0 { Severity::Info } else { Severity::Warning };
    Finding::new(
        code,
        severity,
        seen,
        "a pipeline that connects anew finds none free and does not start",
        format!("raise {setting} and restart PostgreSQL, or drop what nobody uses"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_full_limit_matters_unless_a_pipeline_has_its_share_already() {
        let full = Limit { used: 4, max: 4 };
        assert_eq!(found(|inspected| inspected.slots = full), [("replication_slots", Severity::Info)]);
        assert_eq!(found(|inspected| inspected.senders = full), [("wal_senders", Severity::Info)]);
        let without =
            found(|inspected| (inspected.slots, inspected.senders, inspected.active_slots) = (full, full, 0));
        assert_eq!(
            without,
            [
                ("replication_slots", Severity::Warning),
                ("wal_senders", Severity::Warning),
                ("pipeline", Severity::Info)
            ]
        );
    }
}

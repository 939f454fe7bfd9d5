//! Whether a commit waits for its flush.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::Inspected;

pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    vec![one(inspected)]
}

fn one(inspected: &Inspected) -> Finding {
    let (value, delay) = (&inspected.synchronous_commit, &inspected.wal_writer_delay);
    if value == "off" {
        return Finding::new(
            "synchronous_commit",
            Severity::Warning,
            format!("'off', with wal_writer_delay = {delay}"),
            "a commit is acknowledged before it is flushed, and decoded only after: up to three times wal_writer_delay is added to cdc_propagation, and pg_write_duration does not hold the flush",
            "set synchronous_commit = on, or in the scenario file for the run's own sessions; or lower wal_writer_delay to 10ms",
        );
    }
    Finding::fine("synchronous_commit", value)
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_commit_that_waits_for_nothing_is_told() {
        let with = |value: &str| found(|inspected| inspected.synchronous_commit = value.into());
        assert_eq!(with("remote_apply"), []);
        assert_eq!(with("off"), [("synchronous_commit", Severity::Warning)]);
    }
}

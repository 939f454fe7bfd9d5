//! What the WAL holds.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::Inspected;

pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    vec![one(inspected)]
}

fn one(inspected: &Inspected) -> Finding {
    let level = &inspected.wal_level;
    if level == "logical" {
        return Finding::fine("wal_level", level);
    }
    Finding::new(
        "wal_level",
        Severity::Warning,
        format!("'{level}'"),
        "the WAL holds nothing that a pipeline could decode; only one that reads changes in another way works",
        "set wal_level = logical and restart PostgreSQL",
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_wal_that_nothing_can_decode_is_told() {
        let found = found(|inspected| inspected.wal_level = "replica".into());
        assert_eq!(found, [("wal_level", Severity::Warning)]);
    }
}

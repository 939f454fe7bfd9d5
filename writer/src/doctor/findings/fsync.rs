//! Whether a flush waits for the disk.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::Inspected;

pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    vec![one(inspected)]
}

fn one(inspected: &Inspected) -> Finding {
    if inspected.fsync {
        return Finding::fine("fsync", "on");
    }
    Finding::new(
        "fsync",
        Severity::Warning,
        "off",
        "commits do not wait for the disk: pg_write_duration is shorter than it would be in production, and a crash loses the database",
        "set fsync = on",
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_server_that_does_not_wait_for_its_disk_is_told() {
        let found = found(|inspected| inspected.fsync = false);
        assert_eq!(found, [("fsync", Severity::Warning)]);
    }
}

//! Whether it takes writes, and is new enough.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::Inspected;

/// The first version with publications and `pgoutput`.
const VERSION_MIN: u32 = 100_000;

pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    vec![one(inspected)]
}

fn one(inspected: &Inspected) -> Finding {
    let version = &inspected.version;
    if inspected.in_recovery {
        return Finding::new(
            "version",
            Severity::Error,
            format!("{version}, a standby in recovery"),
            "it takes no writes, so there is nothing to measure",
            "give --postgres the primary",
        );
    }
    if inspected.version_number < VERSION_MIN {
        return Finding::new(
            "version",
            Severity::Error,
            version,
            "versions before 10 have no publications and no pgoutput",
            "upgrade",
        );
    }
    Finding::fine("version", version)
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_standby_and_an_old_version_are_told() {
        let standby = found(|inspected| inspected.in_recovery = true);
        assert_eq!(standby, [("version", Severity::Error)]);
        let old = found(|inspected| inspected.version_number = 90_624);
        assert_eq!(old, [("version", Severity::Error)]);
    }
}

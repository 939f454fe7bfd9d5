//! Whether a pipeline reads.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::Inspected;

pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    vec![one(inspected)]
}

fn one(inspected: &Inspected) -> Finding {
    let active = inspected.active_slots;
    if active > 0 {
        return Finding::fine("pipeline", format!("{active} logical slots of this database are being read"));
    }
    Finding::new(
        "pipeline",
        Severity::Info,
        "no logical slot of this database is being read",
        "unless the pipeline reads changes in another way, it is not running and every row would be lost",
        "start the pipeline before the run",
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_database_that_nothing_reads_is_told() {
        let found = found(|inspected| inspected.active_slots = 0);
        assert_eq!(found, [("pipeline", Severity::Info)]);
    }
}

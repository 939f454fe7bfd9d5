//! Slots that nobody reads.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::{InactiveSlot, Inspected};

/// An inactive slot that holds more WAL than this is not just being restarted.
const HELD_MAX: u64 = 64 << 20;

pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    inspected.inactive.iter().map(inactive).collect()
}

fn inactive(slot: &InactiveSlot) -> Finding {
    let InactiveSlot { name, held_bytes } = slot;
    let held = held_bytes.map_or("an unknown amount".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
    let severity =
        if held_bytes.is_some_and(|bytes| bytes > HELD_MAX) { Severity::Warning } else { Severity::Info };
    Finding::new(
        "inactive_slot",
        severity,
        format!("nobody reads slot '{name}', which holds {held} of WAL"),
        "its WAL fills the disk; and a pipeline that comes back to it first works through what piled up, which a run would measure",
        format!(
            "start what reads it and let it catch up, or drop it: SELECT pg_drop_replication_slot('{name}')"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn an_inactive_slot_matters_by_what_it_holds() {
        let with = |held_bytes| {
            found(|inspected| inspected.inactive.push(InactiveSlot { name: "old".into(), held_bytes }))
        };
        assert_eq!(with(Some(1 << 30)), [("inactive_slot", Severity::Warning)]);
        assert_eq!(with(Some(1 << 20)), [("inactive_slot", Severity::Info)]);
        assert_eq!(with(None), [("inactive_slot", Severity::Info)]);
    }
}

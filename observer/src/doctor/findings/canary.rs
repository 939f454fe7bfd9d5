//! Whether the measurement floor will be known.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::Inspected;

pub(super) fn judge(inspected: &Inspected) -> Finding {
    match &inspected.canary {
        Ok(()) => Finding::fine("canary", "its document can be written: the measurement floor will be known"),
        Err(reason) => Finding::new(
            "canary",
            Severity::Info,
            reason.as_str(),
            "runs have no measurement floor, so the share of MongoDB itself in a latency is not known; they are valid nevertheless",
            "",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_canary_that_cannot_write_spoils_nothing() {
        let found = found(|inspected| inspected.canary = Err("no".into()));
        assert_eq!(found, [("canary", Severity::Info)]);
    }
}

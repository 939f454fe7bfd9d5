//! How long the observer may be away.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::{Inspected, Oplog};

/// A shorter oplog, once it has rolled over, is gone before a pause of the observer's is noticed.
const OPLOG_MIN_S: u32 = 3_600;
/// From this share of its size on the oplog rolls over; below, it is only young.
const OPLOG_ROLLS: f64 = 0.9;

pub(super) fn judge(inspected: &Inspected) -> Finding {
    let Some(Oplog { window_s, used }) = inspected.oplog else {
        return Finding::unknown(
            "oplog",
            "the oplog cannot be read",
            "grant clusterMonitor and read on the database local to the user of --mongo",
        );
    };
    let percent = used * 100.0;
    if used >= OPLOG_ROLLS && window_s < OPLOG_MIN_S {
        return Finding::new(
            "oplog",
            Severity::Warning,
            format!("it is full and reaches back {window_s} s only"),
            "an interruption of the change stream that lasts longer loses events for good (stream_gap, INVALID)",
            "enlarge it with replSetResizeOplog, or set a minimum retention",
        );
    }
    Finding::fine("oplog", format!("reaches back {window_s} s, {percent:.0} % of its size in use"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_short_oplog_matters_once_it_is_full() {
        let with = |window_s, used| found(|inspected| inspected.oplog = Some(Oplog { window_s, used }));
        assert_eq!(with(30, 1.0), [("oplog", Severity::Warning)]);
        assert_eq!(with(30, 0.1), []);
        assert_eq!(with(3_600, 1.0), []);
        assert_eq!(found(|inspected| inspected.oplog = None), [("oplog", Severity::Info)]);
    }
}

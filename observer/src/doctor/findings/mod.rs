//! From what is known of a MongoDB to what would spoil a measurement. Pure.
//!
//! A finding is one file, which holds its bound, its sentences and its test, and the lines of the list below. The name of
//! the file is its code.

mod canary;
mod change_stream;
mod oplog;
mod pre_images;
mod server_clock;
mod topology;
mod version;
mod write_concern;

use streamgauge_shared::doctor::Finding;

use super::inspected::Inspected;

/// All of them, in the order in which they are read best.
const ALL: [fn(&Inspected) -> Finding; 8] = [
    version::judge,
    topology::judge,
    change_stream::judge,
    write_concern::judge,
    canary::judge,
    oplog::judge,
    pre_images::judge,
    server_clock::judge,
];

/// What there is to say of a MongoDB.
pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    ALL.iter().map(|judge| judge(inspected)).collect()
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::doctor::Severity;
    use streamgauge_shared::time::Nanos;

    use super::*;
    use crate::doctor::inspected::{Oplog, Topology};

    fn healthy() -> Inspected {
        Inspected {
            version: "7.0.2".into(),
            topology: Topology::ReplicaSet { nodes: 3, arbiters: 0 },
            default_w: Some("majority".into()),
            oplog: Some(Oplog { window_s: 90_000, used: 1.0 }),
            stream: Ok(()),
            canary: Ok(()),
            clock_offset: Some((Nanos::from_millis(2), Nanos::from_millis(1))),
        }
    }

    /// What is not fine once a healthy server was changed.
    pub(super) fn found(change: impl FnOnce(&mut Inspected)) -> Vec<(&'static str, Severity)> {
        let mut inspected = healthy();
        change(&mut inspected);
        let findings = judge(&inspected);
        for finding in findings.iter().filter(|finding| finding.grade != Severity::Fine) {
            assert!(!finding.seen.is_empty() && !finding.cause.is_empty(), "{finding:?}");
        }
        let pairs = findings.into_iter().map(|finding| (&*finding.code.leak(), finding.grade));
        pairs.filter(|(_, severity)| *severity != Severity::Fine).collect()
    }

    #[test]
    fn a_healthy_server_has_no_finding() {
        assert_eq!(found(|_| {}), []);
    }
}

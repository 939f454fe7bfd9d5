//! From what is known of a PostgreSQL to what would spoil a measurement. Pure.
//!
//! A finding is one file, which holds its bound, its sentences and its test, and the lines of the list below. The name of
//! the file is its code.

mod connections;
mod free;
mod fsync;
mod inactive_slot;
mod marks;
mod pipeline;
mod pooler;
mod probe_row;
mod replica_identity;
mod replication_slots;
mod server_clock;
mod synchronous_commit;
mod tables;
mod tls;
mod version;
mod wal_level;
mod wal_senders;

use streamgauge_shared::doctor::Finding;

use super::inspected::Inspected;

/// All of them, in the order in which they are read best. One may be said of several things, or of none.
const ALL: [fn(&Inspected) -> Vec<Finding>; 16] = [
    version::judge,
    tls::judge,
    pooler::judge,
    wal_level::judge,
    synchronous_commit::judge,
    fsync::judge,
    replication_slots::judge,
    wal_senders::judge,
    pipeline::judge,
    inactive_slot::judge,
    connections::judge,
    server_clock::judge,
    tables::judge,
    probe_row::judge,
    replica_identity::judge,
    marks::judge,
];

/// What there is to say of a PostgreSQL and, with a scenario file, of its tables.
pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    ALL.iter().flat_map(|judge| judge(inspected)).collect()
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::doctor::Severity;
    use streamgauge_shared::time::Nanos;

    use super::*;
    use crate::doctor::inspected::Limit;
    use crate::postgres::Peer;
    use crate::postgres::tls::Checked;

    pub(super) fn healthy() -> Inspected {
        let limit = |used, max| Limit { used, max };
        Inspected {
            peer: Peer { address: "shop@127.0.0.1:5432/shop".into(), tls: None, local: true },
            checked: Checked::Nothing,
            is_pooled: false,
            version: "16.2".into(),
            version_number: 160_002,
            in_recovery: false,
            wal_level: "logical".into(),
            synchronous_commit: "on".into(),
            wal_writer_delay: "200ms".into(),
            fsync: true,
            slots: limit(1, 10),
            senders: limit(1, 10),
            connections: limit(3, 97),
            active_slots: 1,
            inactive: Vec::new(),
            test: None,
            clock_offset: (Nanos::from_millis(3), Nanos::from_millis(1)),
        }
    }

    /// What is not fine once a healthy server was changed; of a test its marks aside.
    pub(super) fn found(change: impl FnOnce(&mut Inspected)) -> Vec<(&'static str, Severity)> {
        let mut inspected = healthy();
        change(&mut inspected);
        let all = judge(&inspected).into_iter();
        all.filter(|finding| finding.grade != Severity::Fine && finding.code != "marks")
            .map(|finding| {
                assert!(!finding.seen.is_empty() && !finding.cause.is_empty(), "{finding:?}");
                (&*finding.code.leak(), finding.grade)
            })
            .collect()
    }

    #[test]
    fn a_healthy_server_has_no_finding() {
        assert_eq!(found(|_| {}), []);
    }
}

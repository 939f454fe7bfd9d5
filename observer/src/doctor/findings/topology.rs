//! What stands behind the address.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::{Inspected, Topology};

pub(super) fn judge(inspected: &Inspected) -> Finding {
    let topology = &inspected.topology;
    match topology {
        Topology::Standalone => Finding::new(
            "topology",
            Severity::Error,
            "a standalone server",
            "change streams need a replica set, and without one nothing can be observed",
            "start mongod with --replSet rs0 and run rs.initiate() once; a single node is enough",
        ),
        Topology::Sharded => Finding::new(
            "mongos_merge_delay",
            Severity::Warning,
            "a sharded cluster behind mongos",
            "mongos hands an event out only once every shard has spoken of that time; a shard without writes speaks every periodicNoopIntervalSecs, 10 s by default, so an event can wait as long",
            "set periodicNoopIntervalSecs=1 on every shard's mongod, or give --mongo the replica set that holds the collections; watch the measurement floor",
        ),
        Topology::ReplicaSet { nodes, arbiters } if *arbiters > 0 && *nodes < 3 => Finding::new(
            "topology",
            Severity::Warning,
            format!("a replica set of {nodes} data nodes and {arbiters} arbiters"),
            "while one data node is down nothing is majority committed: the stream stays open and silent, and writes default to w:1",
            "replace the arbiter by a data node",
        ),
        Topology::ReplicaSet { nodes, .. } => {
            let nodes = if *nodes == 1 { "one node".to_owned() } else { format!("{nodes} nodes") };
            Finding::fine("topology", format!("a replica set of {nodes}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_standalone_server_a_sharded_cluster_and_an_arbiter_are_told() {
        let with = |topology| found(|inspected| inspected.topology = topology);
        assert_eq!(with(Topology::ReplicaSet { nodes: 1, arbiters: 0 }), []);
        assert_eq!(with(Topology::Standalone), [("topology", Severity::Error)]);
        assert_eq!(with(Topology::Sharded), [("mongos_merge_delay", Severity::Warning)]);
        let arbiter = Topology::ReplicaSet { nodes: 2, arbiters: 1 };
        assert_eq!(with(arbiter), [("topology", Severity::Warning)]);
    }
}

//! What a write waits for where the sink does not say it.

use streamgauge_shared::doctor::{Finding, Severity};

use crate::doctor::inspected::{Inspected, Topology};

pub(super) fn judge(inspected: &Inspected) -> Finding {
    let single = matches!(inspected.topology, Topology::ReplicaSet { nodes: 1, .. });
    match inspected.default_w.as_deref() {
        None => Finding::unknown(
            "write_concern",
            "the default write concern cannot be read",
            "grant clusterMonitor to the user of --mongo, or see db.adminCommand({getDefaultRWConcern: 1})",
        ),
        Some(w @ ("0" | "1")) if single => Finding::new(
            "write_concern",
            Severity::Warning,
            format!("one node, and writes default to w:{w}"),
            "a change stream shows what is journaled, and such a write waits for the journal's periodic flush: 50 to 100 ms are added to every row that the sink writes with the default",
            "set the default write concern to majority, or w=majority or journal=true in the sink's URI",
        ),
        Some("0") => Finding::new(
            "write_concern",
            Severity::Warning,
            "writes default to w:0",
            "a sink that uses the default never hears of a failed write: rows are lost in silence",
            "set the default write concern to majority",
        ),
        Some(w) => Finding::fine(
            "write_concern",
            format!("writes default to w:{w}; a sink's URI may say otherwise, and is not seen from here"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn w_1_matters_on_a_single_node_and_w_0_everywhere() {
        use Severity::{Info, Warning};
        const ONE_NODE: Topology = Topology::ReplicaSet { nodes: 1, arbiters: 0 };
        let with = |topology: Topology, w: Option<&str>| {
            found(|inspected| (inspected.topology, inspected.default_w) = (topology, w.map(str::to_owned)))
        };
        let three = || Topology::ReplicaSet { nodes: 3, arbiters: 0 };
        assert_eq!(with(ONE_NODE, Some("1")), [("write_concern", Warning)]);
        assert_eq!(with(three(), Some("1")), []);
        assert_eq!(with(three(), Some("0")), [("write_concern", Warning)]);
        assert_eq!(with(three(), None), [("write_concern", Info)]);
    }
}

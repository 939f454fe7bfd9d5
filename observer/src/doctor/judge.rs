//! From what is known of a MongoDB to what would spoil a measurement. Pure.

use streamgauge_shared::doctor::{Finding, Severity};
use streamgauge_shared::time::Nanos;

use super::inspected::{Inspected, Oplog, Topology};

/// The first major version whose change streams are watched as a whole and that answers `hello`.
const VERSION_MIN: u32 = 5;
/// The first one whose events carry `wallTime`.
const VERSION_WALL_TIME: u32 = 6;
/// A shorter oplog, once it has rolled over, is gone before a pause of the observer's is noticed.
const OPLOG_MIN_S: u32 = 3_600;
/// From this share of its size on the oplog rolls over; below, it is only young.
const OPLOG_ROLLS: f64 = 0.9;
/// A difference of the two clocks that a figure of some milliseconds would not show.
const CLOCK_OFFSET_MAX: Nanos = Nanos::from_millis(5);

/// All findings, in the order in which they are read best.
pub(super) fn judge(inspected: &Inspected) -> Vec<Finding> {
    vec![
        version(&inspected.version),
        topology(&inspected.topology),
        stream(&inspected.stream),
        write_concern(&inspected.topology, inspected.default_w.as_deref()),
        canary(&inspected.canary),
        oplog(inspected.oplog),
        Finding::fine(
            "pre_images",
            "not needed: a delete is matched by the key in its documentKey, never by what the row was",
        ),
        clock(inspected.clock_offset),
    ]
}

fn version(version: &str) -> Finding {
    let major: Option<u32> = version.split('.').next().and_then(|major| major.parse().ok());
    match major {
        None => Finding::unknown("version", format!("'{version}' is not a version"), ""),
        Some(major) if major < VERSION_MIN => Finding::new(
            "version",
            Severity::Error,
            version,
            "versions before 5.0 are not supported: nobody has tried whether their events are all understood",
            "upgrade to 6.0 or later",
        ),
        Some(major) if major < VERSION_WALL_TIME => Finding::new(
            "version",
            Severity::Info,
            format!("{version}: its events have no wallTime, which came with 6.0"),
            "mongo_visibility has no data, and a threshold on it is refused; nothing else needs it",
            "upgrade to 6.0 or later if that figure matters",
        ),
        Some(_) => Finding::fine("version", format!("{version}: its events carry wallTime")),
    }
}

fn topology(topology: &Topology) -> Finding {
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

fn stream(stream: &Result<(), String>) -> Finding {
    match stream {
        Ok(()) => Finding::fine("change_stream", "can be opened on the whole database"),
        Err(reason) => Finding::new(
            "change_stream",
            Severity::Error,
            reason,
            "without it the observer sees nothing",
            "grant the user of --mongo the role read on the database, on a replica set",
        ),
    }
}

fn write_concern(topology: &Topology, w: Option<&str>) -> Finding {
    let single = matches!(topology, Topology::ReplicaSet { nodes: 1, .. });
    match w {
        None => Finding::unknown(
            "write_concern",
            "the default write concern cannot be read",
            "grant clusterMonitor to the user of --mongo, or see db.adminCommand({getDefaultRWConcern: 1})",
        ),
        Some("0" | "1") if single => Finding::new(
            "write_concern",
            Severity::Warning,
            format!("one node, and writes default to w:{}", w.unwrap_or_default()),
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

fn canary(canary: &Result<(), String>) -> Finding {
    match canary {
        Ok(()) => Finding::fine("canary", "its document can be written: the measurement floor will be known"),
        Err(reason) => Finding::new(
            "canary",
            Severity::Info,
            reason,
            "runs have no measurement floor, so the share of MongoDB itself in a latency is not known; they are valid nevertheless",
            "",
        ),
    }
}

fn oplog(oplog: Option<Oplog>) -> Finding {
    let Some(Oplog { window_s, used }) = oplog else {
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

fn clock(offset: Option<(Nanos, Nanos)>) -> Finding {
    let Some((offset, bound)) = offset else {
        return Finding::unknown("server_clock", "hello has no localTime", "");
    };
    let seen = format!("mongod's clock is {offset} from ours, ± {bound}");
    if offset.0.abs() - bound.0 > CLOCK_OFFSET_MAX.0 {
        return Finding::new(
            "server_clock",
            Severity::Warning,
            seen,
            "mongo_visibility compares the two clocks and is off by as much; no other latency reads mongod's clock",
            "let both machines follow the same time service",
        );
    }
    Finding::fine("server_clock", seen)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn found(change: impl FnOnce(&mut Inspected)) -> Vec<(&'static str, Severity)> {
        let mut inspected = healthy();
        change(&mut inspected);
        let findings = judge(&inspected);
        for finding in findings.iter().filter(|finding| finding.grade != Severity::Fine) {
            assert!(!finding.seen.is_empty() && !finding.cause.is_empty(), "{finding:?}");
        }
        let pairs = findings.into_iter().map(|finding| (&*finding.code.leak(), finding.grade));
        pairs.filter(|(_, severity)| *severity != Severity::Fine).collect()
    }

    const ONE_NODE: Topology = Topology::ReplicaSet { nodes: 1, arbiters: 0 };

    #[test]
    fn a_healthy_server_has_no_finding() {
        assert_eq!(found(|_| {}), []);
        assert_eq!(found(|inspected| inspected.topology = ONE_NODE), []);
    }

    #[test]
    fn each_trouble_has_its_finding() {
        use Severity::{Error, Info, Warning};
        assert_eq!(found(|inspected| inspected.version = "4.4.29".into()), [("version", Error)]);
        assert_eq!(found(|inspected| inspected.version = "5.0.9".into()), [("version", Info)]);
        assert_eq!(found(|inspected| inspected.version = "unknown".into()), [("version", Info)]);
        assert_eq!(found(|inspected| inspected.topology = Topology::Standalone), [("topology", Error)]);
        assert_eq!(
            found(|inspected| inspected.topology = Topology::Sharded),
            [("mongos_merge_delay", Warning)]
        );
        let arbiter = Topology::ReplicaSet { nodes: 2, arbiters: 1 };
        assert_eq!(found(|inspected| inspected.topology = arbiter), [("topology", Warning)]);
        assert_eq!(found(|inspected| inspected.stream = Err("no".into())), [("change_stream", Error)]);
        assert_eq!(found(|inspected| inspected.canary = Err("no".into())), [("canary", Info)]);
    }

    #[test]
    fn w_1_matters_on_a_single_node_and_w_0_everywhere() {
        use Severity::{Info, Warning};
        let with = |topology: Topology, w: Option<&str>| {
            found(|inspected| (inspected.topology, inspected.default_w) = (topology, w.map(str::to_owned)))
        };
        let three = || Topology::ReplicaSet { nodes: 3, arbiters: 0 };
        assert_eq!(with(ONE_NODE, Some("1")), [("write_concern", Warning)]);
        assert_eq!(with(three(), Some("1")), []);
        assert_eq!(with(three(), Some("0")), [("write_concern", Warning)]);
        assert_eq!(with(three(), None), [("write_concern", Info)]);
    }

    #[test]
    fn a_short_oplog_matters_once_it_is_full() {
        let with = |window_s, used| found(|inspected| inspected.oplog = Some(Oplog { window_s, used }));
        assert_eq!(with(30, 1.0), [("oplog", Severity::Warning)]);
        assert_eq!(with(30, 0.1), []);
        assert_eq!(with(3_600, 1.0), []);
        assert_eq!(found(|inspected| inspected.oplog = None), [("oplog", Severity::Info)]);
    }

    #[test]
    fn a_clock_is_off_only_beyond_what_the_round_trip_leaves_open() {
        let with = |offset, bound| {
            let of = |ms| Nanos::from_millis(ms);
            found(|inspected| inspected.clock_offset = Some((of(offset), of(bound))))
        };
        assert_eq!(with(-400, 3), [("server_clock", Severity::Warning)]);
        assert_eq!(with(400, 3), [("server_clock", Severity::Warning)]);
        assert_eq!(with(40, 38), []);
        assert_eq!(found(|inspected| inspected.clock_offset = None), [("server_clock", Severity::Info)]);
    }
}

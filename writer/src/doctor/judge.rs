//! From what is known of a PostgreSQL to what would spoil a measurement. Pure.

use streamgauge_shared::doctor::{Finding, Severity};
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::{Entity, Model};
use streamgauge_shared::time::Nanos;

use super::inspected::{Identity, InactiveSlot, Inspected, Limit};

/// The first version with publications and `pgoutput`.
const VERSION_MIN: u32 = 100_000;
/// A run takes as many sessions as it has users, at most so many unless `--connections` says otherwise.
const CONNECTIONS_DEFAULT_MAX: u64 = 64;
/// With fewer sessions left even a small run cannot start.
const CONNECTIONS_MIN: u64 = 8;
/// An inactive slot that holds more WAL than this is not just being restarted.
const HELD_MAX: u64 = 64 << 20;
/// A difference of the clocks worth telling; no latency of ours reads the server's.
const CLOCK_OFFSET_MAX: Nanos = Nanos::from_secs(1);

/// What the server itself shows.
pub(super) fn server(inspected: &Inspected) -> Vec<Finding> {
    let mut findings = vec![
        version(inspected),
        wal_level(&inspected.wal_level),
        synchronous_commit(inspected),
        fsync(inspected.fsync),
        free("replication_slots", "max_replication_slots", "slots", inspected.slots, inspected.active_slots),
        free("wal_senders", "max_wal_senders", "senders", inspected.senders, inspected.active_slots),
        readers(inspected.active_slots),
    ];
    findings.extend(inspected.inactive.iter().map(inactive));
    findings.extend([connections(inspected.connections), clock(inspected.clock_offset)]);
    findings
}

/// Whether the model names times that the pipeline leaves.
pub(super) fn marks(model: &Model) -> Finding {
    let named = |entity: &Entity| !entity.landing.marks.is_empty();
    match model.entities.iter().filter(|entity| named(entity)).count() {
        0 => Finding::new(
            "marks",
            Severity::Info,
            "no marks in the model",
            "where the time goes between PostgreSQL and MongoDB cannot be told",
            "let the sink add them (transforms.unwrap.add.fields=source.ts_us,ts_us and InsertField$Value with timestamp.field=kafka_ts), and name them in the model: [entities.NAME.mongo.marks]",
        ),
        count => Finding::fine("marks", format!("named for {count} of {} entities", model.entities.len())),
    }
}

/// What the tables of a test show; `problem` is what stands between the model and its tables.
pub(super) fn tables(problem: Option<&Failure>, identities: &[Identity]) -> Vec<Finding> {
    let mut findings = Vec::new();
    match problem {
        None => findings.push(Finding::fine("tables", "every table is as the model says")),
        Some(failure) => findings.extend(failure.sentence.lines().map(|problem| {
            Finding::new("tables", Severity::Error, problem, "a run of this test is refused", "")
        })),
    }
    findings.extend(identities.iter().map(replica_identity));
    findings
}

fn version(inspected: &Inspected) -> Finding {
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

fn wal_level(level: &str) -> Finding {
    if level == "logical" {
        return Finding::fine("wal_level", level);
    }
    Finding::new(
        "wal_level",
        Severity::Warning,
        format!("'{level}'"),
        "the WAL holds nothing that a pipeline could decode; only one that reads changes in another way works",
        "set wal_level = logical and restart PostgreSQL",
    )
}

fn synchronous_commit(inspected: &Inspected) -> Finding {
    let (value, delay) = (&inspected.synchronous_commit, &inspected.wal_writer_delay);
    if value == "off" {
        return Finding::new(
            "synchronous_commit",
            Severity::Warning,
            format!("'off', with wal_writer_delay = {delay}"),
            "a commit is acknowledged before it is flushed, and decoded only after: up to three times wal_writer_delay is added to cdc_propagation, and pg_write_duration does not hold the flush",
            "set synchronous_commit = on, or in the scenario file for the run's own sessions; or lower wal_writer_delay to 10ms",
        );
    }
    Finding::fine("synchronous_commit", value)
}

fn fsync(on: bool) -> Finding {
    if on {
        return Finding::fine("fsync", "on");
    }
    Finding::new(
        "fsync",
        Severity::Warning,
        "off",
        "commits do not wait for the disk: pg_write_duration is shorter than it would be in production, and a crash loses the database",
        "set fsync = on",
    )
}

/// A limit on what a pipeline needs one of.
fn free(code: &'static str, setting: &str, what: &str, limit: Limit, active_slots: u64) -> Finding {
    let seen = format!("{} of {} {what} in use", limit.used, limit.max);
    if limit.used < limit.max {
        return Finding::fine(code, seen);
    }
    // A pipeline that reads already needs no other.
    let severity = if active_slots > 0 { Severity::Info } else { Severity::Warning };
    Finding::new(
        code,
        severity,
        seen,
        "a pipeline that connects anew finds none free and does not start",
        format!("raise {setting} and restart PostgreSQL, or drop what nobody uses"),
    )
}

fn readers(active: u64) -> Finding {
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

fn connections(limit: Limit) -> Finding {
    let left = limit.max.saturating_sub(limit.used);
    let seen = format!("{left} sessions left of {}", limit.max);
    let severity = match left {
        ..CONNECTIONS_MIN => Severity::Warning,
        CONNECTIONS_MIN..CONNECTIONS_DEFAULT_MAX => Severity::Info,
        _ => return Finding::fine("connections", seen),
    };
    Finding::new(
        "connections",
        severity,
        seen,
        "a run takes one for each user, up to 64 by default, and does not start without them",
        "give --connections a number that fits, or raise max_connections",
    )
}

fn clock((offset, bound): (Nanos, Nanos)) -> Finding {
    let seen = format!("PostgreSQL's clock is {offset} from ours, ± {bound}");
    if offset.0.abs() - bound.0 > CLOCK_OFFSET_MAX.0 {
        return Finding::new(
            "server_clock",
            Severity::Info,
            seen,
            "no latency reads it, but commit times that a pipeline leaves in documents are off by as much",
            "let both machines follow the same time service",
        );
    }
    Finding::fine("server_clock", seen)
}

fn replica_identity(identity: &Identity) -> Finding {
    let Identity { table, kind, has_primary_key } = identity;
    match (kind, has_primary_key) {
        ('d', true) => Finding::fine("replica_identity", format!("table '{table}': its primary key")),
        ('i', _) => Finding::fine("replica_identity", format!("table '{table}': an index")),
        ('f', _) => Finding::new(
            "replica_identity",
            Severity::Info,
            format!("table '{table}': FULL"),
            "each update and delete writes the whole old row to the WAL; right for a pipeline that needs it, and part of what is measured",
            "nothing, if production has it too",
        ),
        _ => Finding::new(
            "replica_identity",
            Severity::Warning,
            format!("table '{table}': none"),
            "updates and deletes of a published table are refused, or arrive without a key",
            format!("ALTER TABLE {table} REPLICA IDENTITY DEFAULT, with a primary key"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::Severity::{Error, Info, Warning};
    use super::*;
    use streamgauge_shared::marks::{Mark, MarkName, Unit};

    fn healthy() -> Inspected {
        let limit = |used, max| Limit { used, max };
        Inspected {
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
            clock_offset: (Nanos::from_millis(3), Nanos::from_millis(1)),
        }
    }

    fn trouble(findings: Vec<Finding>) -> Vec<(&'static str, Severity)> {
        let all = findings.into_iter().filter(|finding| finding.grade != Severity::Fine);
        all.map(|finding| {
            assert!(!finding.seen.is_empty() && !finding.cause.is_empty(), "{finding:?}");
            (&*finding.code.leak(), finding.grade)
        })
        .collect()
    }

    /// What is not fine once a healthy server was changed.
    fn found(change: impl FnOnce(&mut Inspected)) -> Vec<(&'static str, Severity)> {
        let mut inspected = healthy();
        change(&mut inspected);
        trouble(server(&inspected))
    }

    #[test]
    fn a_healthy_server_has_no_finding() {
        assert_eq!(found(|_| {}), []);
        assert_eq!(found(|inspected| inspected.synchronous_commit = "remote_apply".into()), []);
    }

    #[test]
    fn each_trouble_has_its_finding() {
        assert_eq!(found(|inspected| inspected.in_recovery = true), [("version", Error)]);
        assert_eq!(found(|inspected| inspected.version_number = 90_624), [("version", Error)]);
        assert_eq!(found(|inspected| inspected.wal_level = "replica".into()), [("wal_level", Warning)]);
        assert_eq!(
            found(|inspected| inspected.synchronous_commit = "off".into()),
            [("synchronous_commit", Warning)]
        );
        assert_eq!(found(|inspected| inspected.fsync = false), [("fsync", Warning)]);
        assert_eq!(found(|inspected| inspected.active_slots = 0), [("pipeline", Info)]);
        let far = (Nanos::from_secs(-3), Nanos::from_millis(1));
        assert_eq!(found(|inspected| inspected.clock_offset = far), [("server_clock", Info)]);
    }

    #[test]
    fn a_full_limit_matters_unless_a_pipeline_has_its_share_already() {
        let full = Limit { used: 4, max: 4 };
        assert_eq!(found(|inspected| inspected.slots = full), [("replication_slots", Info)]);
        assert_eq!(found(|inspected| inspected.senders = full), [("wal_senders", Info)]);
        let without =
            found(|inspected| (inspected.slots, inspected.senders, inspected.active_slots) = (full, full, 0));
        assert_eq!(without, [("replication_slots", Warning), ("wal_senders", Warning), ("pipeline", Info)]);
    }

    #[test]
    fn an_inactive_slot_matters_by_what_it_holds() {
        let with = |held_bytes| {
            found(|inspected| inspected.inactive.push(InactiveSlot { name: "old".into(), held_bytes }))
        };
        assert_eq!(with(Some(1 << 30)), [("inactive_slot", Warning)]);
        assert_eq!(with(Some(1 << 20)), [("inactive_slot", Info)]);
        assert_eq!(with(None), [("inactive_slot", Info)]);
    }

    #[test]
    fn sessions_that_are_left_are_counted() {
        let with = |used| found(|inspected| inspected.connections = Limit { used, max: 97 });
        assert_eq!(with(33), []);
        assert_eq!(with(34), [("connections", Info)]);
        assert_eq!(with(89), [("connections", Info)]);
        assert_eq!(with(90), [("connections", Warning)]);
        assert_eq!(with(100), [("connections", Warning)]);
    }

    #[test]
    fn a_model_without_marks_is_told_of_them_and_fails_nothing() {
        let mut model = crate::entity::tests::bookings();
        let without = marks(&model);
        assert_eq!(trouble(vec![without.clone()]), [("marks", Info)]);
        let mark = Mark { name: MarkName::Kafka, path: "kafka_ts".into(), unit: Unit::Millis };
        model.entities[0].landing.marks.push(mark);
        assert_eq!(trouble(vec![marks(&model)]), []);
    }

    #[test]
    fn tables_are_judged_by_what_the_check_says_and_by_their_replica_identity() {
        assert_eq!(trouble(tables(None, &[])), []);
        let two = Failure::configuration("table 'a' does not exist\ntable 'b' does not exist");
        assert_eq!(trouble(tables(Some(&two), &[])), [("tables", Error), ("tables", Error)]);
        let with = |kind, has_primary_key| {
            trouble(tables(None, &[Identity { table: "orders".into(), kind, has_primary_key }]))
        };
        assert_eq!(with('d', true), []);
        assert_eq!(with('i', false), []);
        assert_eq!(with('f', true), [("replica_identity", Info)]);
        assert_eq!(with('d', false), [("replica_identity", Warning)]);
        assert_eq!(with('n', true), [("replica_identity", Warning)]);
    }
}

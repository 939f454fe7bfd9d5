//! Whether a run is to be believed: a closed list of reasons, each with what was seen, the likely cause and
//! what to do next.

use streamgauge_shared::clock::ClockDomain;
use streamgauge_shared::histogram::Quantile;
use streamgauge_shared::report::{Reason, Validity, ValidityState};
use streamgauge_shared::threshold::{Counter, Figures, Tags};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::figures::Moment;

/// The schedule lag's 99th percentile above which the generator was not an open loop any more. Ten times
/// what two shared, noisy cores show when nothing else runs.
const SCHEDULE_LAG_P99_MAX: Nanos = Nanos::from_millis(50);
/// How long a reply may wait for the matcher before the observer counts as overloaded. `observed` is read
/// before the wait, so latencies stay right; awaits are settled late.
const BACKLOG_DELAY_MAX: Nanos = Nanos::from_secs(1);

/// Judges the measurement as of one moment.
pub(super) fn judge(moment: &Moment<'_>) -> Validity {
    let mut reasons = Vec::new();
    let mut add = |grade, code: &str, seen: String, cause: &str, next: &str| {
        reasons.push(Reason { code: code.into(), grade, seen, cause: cause.into(), next: next.into() });
    };
    ledger(moment, &mut add);
    clock(moment, &mut add);
    stream(moment, &mut add);
    generator(moment, &mut add);
    super::floor::doubt(moment, &mut add);
    let state = reasons.iter().map(|reason| reason.grade).max().unwrap_or(ValidityState::Valid);
    Validity { state, reasons }
}

use ValidityState::{Degraded, Invalid};

pub(super) trait Add: FnMut(ValidityState, &str, String, &str, &str) {}
impl<F: FnMut(ValidityState, &str, String, &str, &str)> Add for F {}

fn ledger(moment: &Moment<'_>, add: &mut impl Add) {
    let (facts, limits) = (moment.facts, moment.matcher.limits());
    let recovered = moment.matcher.recovered();
    if recovered + facts.missing_entries + limits.contradictions > 0 {
        add(
            Invalid,
            "ledger_incomplete",
            format!(
                "{recovered} events had no entry, {} entries never came, {} events contradict PostgreSQL's answer",
                facts.missing_entries, limits.contradictions
            ),
            "the writer was killed, or its connection to the observer was lost with records unsent",
            "run again, and end the writer with one Ctrl-C",
        );
    }
    let lost: u64 = facts.writers.iter().map(|writer| writer.records_lost).sum();
    if lost > 0 {
        add(
            Invalid,
            "ledger_overflow",
            format!("{lost} records did not fit into the writer's buffer"),
            "the observer was away or too slow for longer than the buffer lasts",
            "give the observer more CPU, or lower the rate",
        );
    }
    if facts.writers.iter().any(|writer| writer.gone) {
        add(
            Invalid,
            "writer_gone",
            "a writer's connection broke and it did not come back before its load had ended".into(),
            "the writer was killed or cannot reach the observer",
            "look at the writer's output, and run again",
        );
    }
    if limits.early_let_go + limits.lost_forgotten > 0 {
        add(
            Degraded,
            "memory_bound",
            format!(
                "{} held events and {} entries given up were let go at the bound of their tables",
                limits.early_let_go, limits.lost_forgotten
            ),
            "far more rows were lost, or far more foreign deletes seen, than a run should meet",
            "find out why the pipeline loses rows before measuring how fast it is",
        );
    }
}

fn clock(moment: &Moment<'_>, add: &mut impl Add) {
    if moment.facts.clock_domain == ClockDomain::Network {
        add(
            Invalid,
            "clock_unbounded",
            "writer and observer do not share a kernel, so their clocks are two and the offset is unknown"
                .into(),
            "they run on two machines, or in different time namespaces",
            "run both on one machine, each as near to its database as that allows",
        );
    }
    if moment.facts.evidence.clock_steps > 0 {
        add(
            Degraded,
            "clock_stepped",
            format!(
                "the wall clock stepped {} times; latencies do not use it, mongo_visibility does",
                moment.facts.evidence.clock_steps
            ),
            "a time service set the clock during the run",
            "let the clock settle, then run again if mongo_visibility matters",
        );
    }
}

fn stream(moment: &Moment<'_>, add: &mut impl Add) {
    let evidence = &moment.facts.evidence;
    if evidence.stream_gaps > 0 {
        add(
            Invalid,
            "stream_gap",
            format!(
                "the change stream lost its history {} times; what happened meanwhile was never seen",
                evidence.stream_gaps
            ),
            "the oplog rolled past the resume token while the observer was away",
            "enlarge the oplog, or find out why the observer was away so long",
        );
    }
    let unmeasured = moment.unmeasured(Latency::CdcE2eLatency, Tags::default());
    if unmeasured > 0 {
        add(
            Degraded,
            "unmeasured_events",
            format!(
                "{unmeasured} rows arrived at a time that cannot be believed; they are delivered and in no latency"
            ),
            if evidence.stream_resumed > 0 {
                "the change stream was interrupted and caught up"
            } else {
                "the observer itself was stalled before it read the reply"
            },
            "look for a restart or election of mongod, or for other load on this machine",
        );
    }
    if evidence.collections_gone > 0 {
        add(
            Degraded,
            "collection_gone",
            format!("collections of the run were dropped or renamed {} times", evidence.collections_gone),
            "a sink that recreates its collections, or another user",
            "leave the run's collections alone while it goes on",
        );
    }
    if evidence.backlog_delay_max > BACKLOG_DELAY_MAX {
        add(
            Degraded,
            "observer_backlog",
            format!(
                "a reply waited {} for the matcher; observed times are read before, awaits were settled late",
                evidence.backlog_delay_max
            ),
            "the observer has too little CPU for this rate",
            "give it a core of its own, or lower the rate",
        );
    }
}

fn generator(moment: &Moment<'_>, add: &mut impl Add) {
    let lag = moment.latency(Latency::ScheduleLag, Tags::default());
    if let Quantile::Value(p99) = lag.arrived.quantile_with(0.99, &lag.unarrived)
        && p99 > SCHEDULE_LAG_P99_MAX
    {
        add(
            Degraded,
            "schedule_lag",
            format!(
                "one row in a hundred was sent {p99} or more after its intended time (bound {SCHEDULE_LAG_P99_MAX})"
            ),
            "too few connections for this rate, a slow PostgreSQL, or a starved writer",
            "compare connection_wait with schedule_lag: if they are alike raise --connections, else give the writer CPU; cdc_e2e_latency_intended holds the whole truth",
        );
    }
    let dropped = moment.counter(Counter::DroppedIterations, Tags::default());
    // A capacity search looks for the rate that is too much, and its probes say what was dropped.
    if dropped > 0 && moment.facts.capacity.is_none() {
        add(
            Degraded,
            "dropped_iterations",
            format!(
                "{dropped} ticks found no free virtual user and were dropped: the load was lower than asked for"
            ),
            "iterations take longer than max_vus allows at this rate",
            "raise max_vus (and pre_allocated_vus), or lower the rate",
        );
    }
    let over_range: u64 = Latency::ALL
        .iter()
        .flat_map(|latency| moment.recorder.latency(*latency))
        .map(|measured| measured.histogram.over_range())
        .sum();
    if over_range > 0 {
        add(
            Degraded,
            "over_range",
            format!("{over_range} values were beyond 48 hours and count as 48 hours"),
            "rows of a run that is far older, or a broken clock",
            "look at rows with such latencies before trusting a maximum",
        );
    }
}

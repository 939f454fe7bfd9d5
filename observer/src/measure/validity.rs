//! Whether a run is to be believed: a closed list of reasons, each with what was seen, the likely cause and
//! what to do next.

use streamgauge_shared::histogram::Quantile;
use streamgauge_shared::report::{Reason, Validity, ValidityState};
use streamgauge_shared::threshold::{Counter, Figures, Tags};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::clock;
use super::figures::Moment;
use super::starvation::Starved;

/// The schedule lag's 99th percentile above which the generator was not an open loop any more. Ten times
/// what two shared, noisy cores show when nothing else runs.
const SCHEDULE_LAG_P99_MAX: Nanos = Nanos::from_millis(50);
/// How long a reply may wait for the matcher before the observer counts as overloaded. `observed` is read
/// before the wait, so latencies stay right; awaits are settled late.
const BACKLOG_DELAY_MAX: Nanos = Nanos::from_secs(1);
/// The share of its time for which a program may be ready and without a CPU, all its threads together. Measured
/// (`make starvation`, docs/measurement.md): at 18 % the program's own part of a 95th percentile grows by 2.3 ms.
const STARVED_SHARE_MAX: f64 = 0.1;
/// The most of it in one second. Measured likewise: from 350 ms on a second's 95th percentile is off by 3 ms and more.
const STARVED_SECOND_MAX: Nanos = Nanos::from_millis(300);
/// How long a writer's connection may be away: users that await are told a little late, no more.
const LEDGER_AWAY_MAX: Nanos = Nanos::from_secs(1);
/// Run-queue delay of the observer in one second that can explain an event which waited for it: as long as an event
/// may wait.
const WAIT_EXPLAINED: Nanos = crate::stream::WAIT_MAX;
/// How late a program's own heartbeat may be, and how long events may wait for the reader: beyond this it did not
/// run at all.
const PAUSE_MAX: Nanos = Nanos::from_secs(1);

/// Every code that a reason can have: the closed list. `docs/measurement.md` explains each.
pub(super) const CODES: [&str; 20] = [
    "ledger_incomplete",
    "ledger_overflow",
    "writer_gone",
    "ledger_interrupted",
    "clock_unbounded",
    "clock_contradiction",
    "clock_bound_too_wide",
    "stream_gap",
    "stream_interrupted",
    "unmeasured_events",
    "writer_starved",
    "observer_starved",
    "schedule_lag",
    "dropped_iterations",
    "observer_backlog",
    "collection_gone",
    "floor_too_high",
    "clock_stepped",
    "over_range",
    "memory_bound",
];

/// Judges the measurement as of one moment.
pub(super) fn judge(moment: &Moment<'_>) -> Validity {
    let mut reasons = Vec::new();
    let mut add = |grade, code: &str, seen: String, cause: &str, next: &str| {
        debug_assert!(CODES.contains(&code), "{code} is not in the closed list");
        reasons.push(Reason::new(code, grade, seen, cause, next));
    };
    ledger(moment, &mut add);
    clock::judge(moment, &mut add);
    stream(moment, &mut add);
    generator(moment, &mut add);
    starvation(moment, &mut add);
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
    let interruptions: u64 = facts.writers.iter().map(|writer| writer.interruptions).sum();
    let away = facts.writers.iter().map(|writer| writer.away_max).max().unwrap_or_default();
    if away > LEDGER_AWAY_MAX {
        add(
            Degraded,
            "ledger_interrupted",
            format!(
                "a writer's connection was away {interruptions} times, at most for {away} (bound {LEDGER_AWAY_MAX}); its records came afterwards and none is missing"
            ),
            "the network between writer and observer, or an observer that was restarted or stopped",
            "look at iterations that await: they were told late, so a closed loop sent less than it would have; latencies are right",
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
    if evidence.stream_resumed > 0 {
        add(
            Degraded,
            "stream_interrupted",
            format!(
                "the change stream broke and was resumed {} times; nothing is missing, and events from before each resumption are in no latency",
                evidence.stream_resumed
            ),
            "mongod was restarted or elected anew, its cursor was killed, or the network broke",
            "look at the observer's log for the error; run again if the pipeline was to be measured without it",
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

/// Either program without a CPU, or not running at all.
fn starvation(moment: &Moment<'_>, add: &mut impl Add) {
    let facts = moment.facts;
    for (writer, seen) in facts.writers.iter().enumerate() {
        let Some(seen) = starved(&seen.starved) else { continue };
        add(
            Degraded,
            "writer_starved",
            format!("writer {writer} {seen}"),
            "other load on its machine, a CPU limit of its container, a suspended machine, or a signal that stopped it",
            "give the writer a core of its own; rows sent late are right in cdc_e2e_latency_intended, and a commit acknowledgement read late makes pg_write_duration too long",
        );
    }
    let mut observer = facts.observer_starved;
    observer.longest_pause = observer.longest_pause.max(facts.evidence.read_wait_max);
    // Events waited for the observer, and the kernel says that the observer waited for a CPU.
    let waited = moment.unmeasured(Latency::CdcE2eLatency, Tags::default()) > 0
        && facts.evidence.stream_resumed == 0
        && observer.worst_second > WAIT_EXPLAINED;
    let explained = || {
        format!(
            "was ready to run and had no CPU for {} of {}, worst second {}, while events waited for it",
            observer.waited.unwrap_or_default(),
            observer.watched,
            observer.worst_second
        )
    };
    if let Some(seen) = starved(&observer).or_else(|| waited.then(explained)) {
        add(
            Degraded,
            "observer_starved",
            format!("the observer {seen}"),
            "other load on its machine, a CPU limit of its container, a suspended machine, or a signal that stopped it",
            "give the observer a core of its own; events that may have waited for it longer than 10 ms are in no latency",
        );
    }
}

/// What was seen of a program that had too little CPU; `None` if it had enough.
fn starved(starved: &Starved) -> Option<String> {
    let watched = starved.watched.as_secs_f64();
    let share =
        starved.waited.filter(|_| watched >= 1.0).map_or(0.0, |waited| waited.as_secs_f64() / watched);
    let mut seen = Vec::new();
    if starved.longest_pause > PAUSE_MAX {
        seen.push(format!("did not run at all for {} (bound {PAUSE_MAX})", starved.longest_pause));
    }
    if share > STARVED_SHARE_MAX || starved.worst_second > STARVED_SECOND_MAX {
        seen.push(format!(
            "was ready to run and had no CPU for {} of {} ({:.1} % of its time, bound {:.0} %; worst second {}, bound {STARVED_SECOND_MAX}), all its threads together",
            starved.waited.unwrap_or_default(),
            starved.watched,
            share * 100.0,
            STARVED_SHARE_MAX * 100.0,
            starved.worst_second
        ));
    }
    (!seen.is_empty()).then(|| seen.join(", and "))
}

#[cfg(test)]
#[path = "validity_tests.rs"]
mod tests;

//! What the core says, against the second reading.

use std::collections::BTreeMap;

use streamgauge_observer::matcher::Cause;
use streamgauge_observer::measure::Snapshot;
use streamgauge_shared::account::{EventKind, Operation, Outcome, Phase};
use streamgauge_shared::exit_code::ExitCode;
use streamgauge_shared::ledger::ToWriter;
use streamgauge_shared::report::{Figure, Report, Stats};
use streamgauge_shared::time::UnixNanos;
use streamgauge_shared::timeline::Latency;

use crate::agenda::MS;
use crate::truth::{Arrival, Op, Opening, quantile};
use crate::world::{DRAIN_NS, WRITE_FAILED_MAX, World};
use crate::writer::Progress;

/// What one seed was like.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Operations that became runnable.
    pub operations: usize,
    /// By outcome and by kind of event, what the report says and the truth confirms.
    pub counts: BTreeMap<&'static str, u64>,
    /// What happened that has a name, and how the run ended.
    pub named: BTreeMap<&'static str, u64>,
    /// Rows of writers on other kernels whose times were taken over, and of those the ones beyond the bound.
    pub clocks: (u64, u64),
}

impl World {
    /// The account is closed and everything compared.
    pub(crate) fn close(mut self, now: i64) -> Summary {
        let is_idle = self.observer.matcher().is_idle();
        self.truth.adopt_deletes();
        let snapshot = self.observer.close(now, &mut self.truth);
        self.observer.matcher().assert_sums(true);
        self.look(now, &snapshot);
        for (index, op) in self.truth.ops.iter().enumerate() {
            let Some(verdict) = self.truth.verdict(index) else { continue };
            let expected = (op.phase == Phase::Run).then_some(verdict.outcome);
            assert_eq!(self.observer.row(op), expected, "what is finally said of {op:?}");
            if let (Some(said), false) = (self.observer.data_matches(op), self.faults.forgets) {
                assert_eq!(said, op.data_matches(verdict.arrival.is_some()), "of what {op:?} says");
            }
        }
        self.check_load(&snapshot.report);
        self.check_end(now, &snapshot.report, is_idle);
        let limits = self.observer.matcher().limits();
        if limits.lost_forgotten > 0 {
            self.name("forgotten");
        }
        let without_its_record = |op: &&Op| {
            let of_last = |opening: &Opening| opening.stamped == op.stamped;
            op.operation != Operation::Delete
                && !(op.opened.is_empty() || op.events.is_empty() || op.opened.iter().any(of_last))
        };
        let of_run = self.truth.ops.iter().filter(|op| op.phase == Phase::Run);
        let withdrawn = of_run.filter(|op| self.truth.is_withdrawn(op)).count() as u64;
        let not_expected = snapshot.report.counters.get("not_expected").copied().unwrap_or_default();
        assert_eq!(not_expected, withdrawn, "deletes whose events could not be known");
        if withdrawn > 0 {
            self.name("not expected");
        }
        let contradictions = self.truth.ops.iter().filter(without_its_record).count() as u64;
        assert_eq!(limits.contradictions, contradictions, "events of attempts whose records never came");
        let (operations, counts, clocks) = (self.truth.ops.len(), self.counts(true), self.clocks());
        Summary { operations, counts, named: self.named, clocks }
    }

    /// The load as the writers last said it; the ledger of a writer that ended is whole.
    fn check_load(&self, report: &Report) {
        let sum = |count: fn(&streamgauge_shared::ledger::ScenarioLoad) -> u64| -> u64 {
            self.truth.loads.iter().map(count).sum()
        };
        let counter = |name: &str| report.counters.get(name).copied().unwrap_or_default();
        assert_eq!(counter("iterations"), sum(|load| load.iterations), "iterations that ran to their end");
        assert_eq!(counter("failed_iterations"), sum(|load| load.failed), "iterations that did not");
        for (index, writer) in self.writers.iter().enumerate() {
            if self.truth.ended[index] {
                assert_eq!(self.observer.slots[index].next_record, writer.records, "writer {index}");
            }
        }
        let incomplete = report.validity.reasons.iter().any(|reason| reason.code == "ledger_incomplete");
        let explained = report.account.recovered + self.observer.matcher().limits().contradictions > 0;
        assert!(!incomplete || explained, "the ledger of every writer that ended is whole");
    }

    /// Why the run ended, and that it ended no sooner and no later.
    fn check_end(&mut self, now: i64, report: &Report, is_idle: bool) {
        let cause = report.verdict.cause.clone().unwrap_or_default();
        let reasons = [
            ("abort_on_fail", "ended by a threshold"),
            ("did not say hello", "given up for want of writers"),
            ("has been away", "ended without a writer"),
            ("interrupted", "ended by an interrupt"),
        ];
        let how = match reasons.iter().find(|(part, _)| cause.contains(part)) {
            _ if self.truth.stopped => "closed at once",
            Some((_, how)) => *how,
            None => {
                assert_eq!(cause, "", "nothing else can end a run here");
                let ended = self.writers.iter().all(|writer| writer.progress == Progress::Ended);
                assert!(ended, "without a cause every load came to its end");
                "ended in order"
            }
        };
        self.name(how);
        if how == "ended in order" {
            // The drain ends when nothing is waited for, and at its bound at the latest.
            let waited = now - self.ended_at.expect("every writer has said that it ended");
            assert!(is_idle || waited >= DRAIN_NS, "closed after {waited} ns with something on its way");
            assert!(waited <= DRAIN_NS + 100 * MS, "still open after {waited} ns");
        }
    }

    /// What the core tells a writer, against what it knows.
    pub(crate) fn check_told(&mut self, now: i64, index: usize, message: &ToWriter) {
        match message {
            ToWriter::Abort(failure) if failure.exit_code == ExitCode::ThresholdCrossed => {
                // Possibly much later: a writer that was away hears of it when it is back.
                assert!(self.aborted, "writer {index} stops for a threshold that was not crossed");
            }
            ToWriter::Probed { number, .. } => {
                let planned = self.writers[index].search.as_ref().and_then(|searching| searching.plan);
                let Some(planned) = planned.filter(|planned| planned.number == *number) else { return };
                self.named.entry("judged probe").and_modify(|count| *count += 1).or_insert(1);
                assert!(planned.over, "its users are done");
                for (op_index, op) in self.truth.ops.iter().enumerate() {
                    if op.probe == Some(*number) {
                        assert!(op.closed.is_some(), "everything of it is known: {op:?}");
                        let outcome = self.truth.verdict(op_index).map(|verdict| verdict.outcome);
                        let is_late = now - planned.until >= DRAIN_NS;
                        assert!(outcome != Some(Outcome::Pending) || is_late, "on its way: {op:?}");
                    }
                }
            }
            _ => {}
        }
    }

    /// Compares a snapshot with the truth as of now.
    pub(crate) fn look(&mut self, now: i64, snapshot: &Snapshot) {
        let closed = self.truth.close.is_some();
        self.observer.check(&self.truth);
        for (index, op) in self.truth.ops.iter().enumerate() {
            let said = self.observer.outcome(op);
            let expected = self.truth.verdict(index).map(|verdict| verdict.outcome);
            // What has left for good and was not of the measured phase is only in the sums.
            let row = || self.truth.ops.iter().filter(|other| other.row == op.row).collect::<Vec<_>>();
            assert!(
                said.is_none() || said == expected,
                "{said:?} is said, {expected:?} is true of {op:?}; its row's operations: {:#?}",
                row()
            );
        }
        assert_eq!(self.reported(), self.counts(closed), "at {now} ns");
        if snapshot.abort.is_some() {
            self.check_abort(now);
        }
        self.check_latency(now, &snapshot.report);
    }

    /// A threshold that ends the load is crossed now, by what is true of the entries.
    fn check_abort(&mut self, now: i64) {
        let verdicts = self.truth.ops.iter().enumerate().filter(|(_, op)| op.phase == Phase::Run);
        let outcomes: Vec<Outcome> = verdicts
            .filter_map(|(index, _)| self.truth.verdict(index).map(|verdict| verdict.outcome))
            .collect();
        let failed = |outcome: &&Outcome| matches!(outcome, Outcome::Rejected | Outcome::Unknown);
        let (failed, all) = (outcomes.iter().filter(failed).count(), outcomes.len());
        assert!(failed as f64 >= WRITE_FAILED_MAX * all as f64, "{failed} of {all} failed at {now}");
        self.name("aborted");
    }

    fn check_latency(&self, now: i64, report: &Report) {
        let closed = self.truth.close.is_some();
        let (mut arrived, mut all, mut unmeasured) = (Vec::new(), Vec::new(), Vec::new());
        for (index, op) in self.truth.ops.iter().enumerate() {
            match self.truth.verdict(index) {
                Some(verdict) if op.phase == Phase::Run => match verdict.arrival {
                    Some((_, latency, true)) => arrived.push(latency),
                    Some((_, latency, false)) => unmeasured.push(Some(latency)),
                    None => all.extend(self.truth.age(index, &verdict, UnixNanos(now))),
                },
                Some(_) => {}
                // At the close its event is all that is known of it, and not that it was of the warm-up.
                None if closed && self.is_recovered(index) => unmeasured.push(None),
                None => {}
            }
        }
        let Some(latency) = report.latency.get(Latency::CdcE2eLatency.name()) else {
            let nothing = arrived.is_empty() && all.is_empty() && unmeasured.is_empty();
            assert!(nothing, "no figures of what arrived");
            return;
        };
        let censored = all.len();
        all.extend(&arrived);
        // An arrival at a time that cannot be believed came after it was sent, and at the latest when it was read.
        all.extend(unmeasured.iter().map(|read| read.map_or(0, |read| read.min(0))));
        let mut known: Vec<i64> =
            arrived.iter().copied().chain(unmeasured.iter().copied().flatten()).collect();
        known.sort_unstable();
        all.sort_unstable();
        let counts = [arrived.len(), censored, unmeasured.len()].map(|count| count as u64);
        compare(&latency.all, &known, &all, counts, self.faults.forgets);
    }

    /// An event of an operation that the ledger does not hold.
    fn is_recovered(&self, index: usize) -> bool {
        let op = &self.truth.ops[index];
        op.opened.is_empty() && !op.events.is_empty() && op.operation != Operation::Delete
    }

    /// What the core says.
    fn reported(&self) -> BTreeMap<&'static str, u64> {
        let matcher = self.observer.matcher();
        let mut counts = BTreeMap::new();
        for phase in Phase::ALL {
            let (account, events) = (matcher.total(phase), matcher.events(phase));
            let outcomes = Outcome::ALL.into_iter().map(|outcome| (outcome.name(), account.count(outcome)));
            let kinds = EventKind::ALL.into_iter().map(|kind| (kind.name(), events.count(kind)));
            outcomes.chain(kinds).for_each(|(name, count)| *counts.entry(name).or_default() += count);
        }
        counts.insert("recovered", matcher.recovered());
        if self.truth.close.is_some() && self.faults.lost_after_ns > 100_000 * MS {
            let lost = matcher.series().all().map(|part| matcher.cause(part, Phase::Run, Cause::NoRow));
            counts.insert("no_row", lost.sum());
        }
        counts.retain(|_, count| *count > 0);
        counts
    }

    /// What it has to say.
    fn counts(&self, closed: bool) -> BTreeMap<&'static str, u64> {
        let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut add = |name: &'static str, count: u64| *counts.entry(name).or_default() += count;
        let (mut foreign, mut early) = (self.truth.foreign, 0);
        for (index, op) in self.truth.ops.iter().enumerate() {
            // Of a delete whose document is not known nobody can say that it is ours.
            let is_withdrawn = self.truth.is_withdrawn(op);
            let known = |event: &&Arrival| !is_withdrawn && self.truth.known_since(op, event).is_some();
            let events = op.events.iter().filter(known).count() as u64;
            foreign += op.events.len() as u64 - events;
            match self.truth.verdict(index) {
                Some(verdict) => {
                    add(verdict.outcome.name(), 1);
                    match verdict.arrival {
                        Some((kind, ..)) => {
                            add(kind.name(), 1);
                            add(EventKind::Duplicate.name(), events - 1);
                        }
                        // The record of the attempt that its events come from is not here yet.
                        None => early += events,
                    }
                }
                None if events == 0 => {}
                None if !closed => early += events,
                None if op.operation == Operation::Delete => foreign += events,
                None => {
                    add(Outcome::Delivered.name(), 1);
                    add(EventKind::First.name(), 1);
                    add(EventKind::Duplicate.name(), events - 1);
                    add("recovered", 1);
                }
            }
        }
        // A foreign delete is early until the records have passed its time; both are sums of the same events.
        let matcher = self.observer.matcher();
        let held: u64 = Phase::ALL.map(|phase| matcher.events(phase).count(EventKind::Early)).iter().sum();
        if !closed {
            let waiting = held.checked_sub(early).expect("what waits for its record is held");
            (foreign, early) = (foreign - waiting, held);
        }
        add(EventKind::Foreign.name(), foreign);
        add(EventKind::Early.name(), early);
        add(EventKind::Undecodable.name(), self.truth.undecodable);
        if closed && self.faults.lost_after_ns > 100_000 * MS {
            add("no_row", self.truth.no_row());
        }
        counts.retain(|_, count| *count > 0);
        counts
    }

    /// How many times of rows were taken over from other kernels, and how many of them are off by more than the
    /// bound that is printed.
    fn clocks(&self) -> (u64, u64) {
        let (mut taken, mut outside) = (0, 0);
        for op in self.truth.ops.iter().filter(|op| self.faults.network && !op.not_sent) {
            let Some(opening) = op.opened.iter().find(|opening| opening.stamped == op.stamped) else {
                continue;
            };
            let bound =
                self.observer.clocks[op.writer].state().bound.expect("it was exchanged before the load");
            taken += 1;
            outside += u64::from((opening.sent.0 - op.sent_at).abs() > bound.0);
        }
        (taken, outside)
    }
}

/// Counts are equal; percentiles too, within the resolution of the histogram. `known` are the most that each of them
/// can be, without what has no such bound; `all` the least. Of what was forgotten only the age at
/// which it was is known: a lower bound may then be lower than it would have to be.
fn compare(stats: &Stats, known: &[i64], all: &[i64], counts: [u64; 3], forgets: bool) {
    assert_eq!([stats.count, stats.censored, stats.unmeasured], counts, "{stats:?}");
    let close = |millis: f64, truth: i64| {
        let found = millis * 1e6;
        (found - truth as f64).abs() <= truth.abs() as f64 / 1_000.0 + 2.0
    };
    let bounds = |millis: f64, truth: i64| close(millis, truth) || (forgets && millis * 1e6 <= truth as f64);
    let figures =
        [(500, stats.p50), (900, stats.p90), (950, stats.p95), (990, stats.p99), (999, stats.p99_9)];
    for (per_mille, figure) in figures {
        let low = quantile(all, per_mille);
        // With everything that has not arrived at infinity.
        let rank = (per_mille * all.len() as u64).div_ceil(1_000).max(1);
        let high = usize::try_from(rank).ok().and_then(|rank| known.get(rank - 1)).copied();
        match (figure, low) {
            (Figure::Absent, None) => {}
            (Figure::Value(found), Some(low)) => {
                let high = high
                    .unwrap_or_else(|| panic!("p{per_mille}: {found} ms, and the truth has no upper bound"));
                assert!(
                    close(found, low) && close(found, high),
                    "p{per_mille}: {found} ms for {low} to {high} ns"
                );
            }
            (Figure::AtLeast(found), Some(low)) => {
                assert!(bounds(found, low), "p{per_mille}: at least {found} ms for {low} ns");
                // Equal bounds are a value; close ones may lie on both sides of a bucket's edge.
                assert!(
                    forgets || high != Some(low),
                    "p{per_mille}: at least {found} ms, and both bounds are the same"
                );
            }
            (Figure::Between(least, most), Some(low)) => {
                let high =
                    high.unwrap_or_else(|| panic!("p{per_mille}: at most {most} ms, and there is no bound"));
                assert!(
                    bounds(least, low) && close(most, high) && (forgets || low != high),
                    "p{per_mille}: {least} to {most} ms for {low} to {high} ns"
                );
            }
            (figure, low) => panic!("p{per_mille}: {figure:?} for {low:?}"),
        }
    }
}

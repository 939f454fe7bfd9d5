//! One seed, from its first operation to the comparison of its report with the truth.

use std::collections::{BTreeMap, HashMap};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use streamgauge_observer::matcher::Cause;
use streamgauge_observer::stream::{Change, Content};
use streamgauge_shared::account::{EventKind, Operation, Outcome, Phase, Undecodable};
use streamgauge_shared::clock::Exchange;
use streamgauge_shared::ledger::{Awaited, Closed, End, Opened, Record, Status, Written};
use streamgauge_shared::report::{Figure, Stats};
use streamgauge_shared::stamp::{RunId, Stamp};
use streamgauge_shared::test_file::{Scale, Source, Test, parse};
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;
use tokio::sync::oneshot;

use crate::agenda::{Agenda, Happening, MS, Seen};
use crate::faults::Faults;
use crate::observer::{Observer, key, written};
use crate::pipeline::Pipeline;
use crate::truth::{Arrival, Op, Truth, quantile};
use crate::writer::{Row, Writer};

/// Records that a writer keeps: more than a seed has.
const UNACKED_MAX: usize = 100_000;
/// How long after its load a run drains: longer than anything is on its way.
const DRAIN_NS: i64 = 12_000 * MS;
/// The start, so that no time is negative.
const START: i64 = 1_000 * MS;
/// Clock exchanges before the load, and how far apart they are then and later.
const FIRST_EXCHANGES: i64 = 16;
const STEADY: Nanos = Nanos::from_secs(1);

/// What one seed was like.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Operations opened.
    pub operations: usize,
    /// By outcome and by kind of event, what the report says and the truth confirms.
    pub counts: BTreeMap<&'static str, u64>,
    /// Rows of writers on other kernels whose times were taken over, and of those the ones beyond the bound.
    pub clocks: (u64, u64),
}

struct World {
    rng: StdRng,
    faults: Faults,
    agenda: Agenda,
    writers: Vec<Writer>,
    pipeline: Pipeline,
    observer: Observer,
    truth: Truth,
    /// Operations by writer and sequence.
    of: HashMap<(usize, u64), usize>,
    rows: usize,
    end: i64,
    /// The stream is down: what is visible meanwhile, or `None` if it is never seen.
    down: Option<bool>,
    piled: Vec<Seen>,
}

/// Lives through one seed.
///
/// # Panics
/// When the report differs from the truth, or a sum does not close.
#[must_use]
pub fn simulate(seed: u64) -> Summary {
    let mut world = World::new(seed);
    world.plan();
    let close = world.end + DRAIN_NS;
    while let Some((now, happening)) = world.agenda.next(close) {
        world.happen(now, happening);
    }
    world.close(close)
}

fn test() -> Test {
    let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
    let test = source("e2e-latency.toml", include_str!("../../../scenarios/e2e-latency.toml"));
    let model = source("shop.toml", include_str!("../../../scenarios/models/shop.toml"));
    parse(&test, Scale::default(), Scale::default(), |_| Ok(model)).expect("the shipped test").0
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let faults = Faults::draw(&mut rng);
        let writer = |rng: &mut StdRng| {
            let drift = if faults.network { rng.random_range(-50_000..50_000) } else { 0 };
            Writer::new(rng.random_range(-500..500) * MS + rng.random_range(0..MS), drift)
        };
        let writers: Vec<Writer> = (0..faults.writers).map(|_| writer(&mut rng)).collect();
        let observer = Observer::new(test(), &writers, faults.network, Nanos(faults.lost_after_ns));
        let truth = Truth { lost_after_ns: faults.lost_after_ns, ..Truth::default() };
        Self {
            end: START + faults.load_ns,
            rng,
            faults,
            agenda: Agenda::default(),
            writers,
            pipeline: Pipeline::default(),
            observer,
            truth,
            of: HashMap::new(),
            rows: 0,
            down: None,
            piled: Vec::new(),
        }
    }

    /// Everything whose time is drawn beforehand.
    fn plan(&mut self) {
        let (faults, end) = (self.faults.clone(), self.end);
        for writer in 0..faults.writers {
            self.agenda.at(START + self.rng.random_range(0..10 * MS), Happening::Begin(writer));
            self.agenda.at(START, Happening::Pump(writer));
            for _ in 0..faults.cuts {
                self.agenda.at(self.rng.random_range(START..end), Happening::Cut(writer));
            }
            if faults.network {
                for probe in 0..FIRST_EXCHANGES {
                    self.agenda.at(probe * 50 * MS, Happening::Probe(writer));
                }
                let mut at = START;
                while at < end + DRAIN_NS {
                    self.agenda.at(at, Happening::Probe(writer));
                    // Quick ones first, as the intake does: the drift is not known yet.
                    at += if at < START + 3_000 * MS { 100 * MS } else { STEADY.0 };
                }
            }
        }
        if faults.kill {
            let writer = self.rng.random_range(0..faults.writers);
            self.agenda.at(self.rng.random_range(START..end), Happening::Kill(writer));
        }
        for _ in 0..faults.restarts {
            self.agenda.at(self.rng.random_range(START..end + 500 * MS), Happening::Restart);
        }
        let mut free = START;
        for reopening in 0..faults.reopenings {
            let at = self.rng.random_range(free..free + faults.load_ns);
            let up = at + self.rng.random_range(10..800) * MS;
            self.agenda.at(at, Happening::StreamDown { gap: faults.gap && reopening == 0 });
            self.agenda.at(up, Happening::StreamUp);
            free = up + MS;
        }
        for _ in 0..faults.foreign {
            let seen = Seen::Foreign(self.rng.random_range(0..3));
            self.agenda.at(self.rng.random_range(START..end), Happening::Visible(seen));
        }
        for _ in 0..faults.undecodable {
            self.agenda.at(self.rng.random_range(START..end), Happening::Visible(Seen::Undecodable));
        }
        let mut at = START;
        while at < end + DRAIN_NS {
            self.agenda.at(at, Happening::Advance);
            at += 1_000 * MS;
        }
        for _ in 0..3 {
            self.agenda.at(self.rng.random_range(START..end + 2_000 * MS), Happening::Look);
        }
    }

    fn happen(&mut self, now: i64, happening: Happening) {
        match happening {
            Happening::Begin(writer) => self.begin(now, writer),
            Happening::Attempt(op) => self.attempt(now, op),
            Happening::Commit(op) => {
                self.pipeline.take(now, op, &self.truth.ops, &self.faults, &mut self.rng, &mut self.agenda);
            }
            Happening::Answer(op, written) => self.answer(now, op, written),
            Happening::Pump(writer) => self.pump(now, writer),
            Happening::Bytes(writer, generation, bytes) => self.bytes(now, writer, generation, &bytes),
            Happening::Ack(writer, generation, next) => {
                if self.writers[writer].generation == generation && self.writers[writer].up {
                    self.writers[writer].backlog.acknowledge(next);
                }
            }
            Happening::Cut(writer) => {
                if self.writers[writer].up && !self.writers[writer].killed {
                    self.writers[writer].up = false;
                    let back = now + self.rng.random_range(10..2_000) * MS;
                    self.agenda.at(back, Happening::Reconnect(writer));
                }
            }
            Happening::Reconnect(writer) => self.reconnect(now, writer),
            Happening::Kill(writer) => {
                (self.writers[writer].killed, self.writers[writer].up) = (true, false);
            }
            Happening::Probe(writer) => self.probe(now, writer),
            Happening::Probed(writer, exchange) => {
                let clock = &mut self.observer.clocks[writer];
                clock.exchanged(&exchange, STEADY);
                if now < START && clock.state().exchanges == FIRST_EXCHANGES as u64 {
                    clock.begin(UnixNanos(now), STEADY);
                }
                let bound = self.observer.clocks[writer].state().bound.unwrap_or_default();
                let narrow = u16::try_from(writer).expect("a few writers");
                self.observer.matcher.clock_bound(narrow, bound);
            }
            Happening::Apply(op) => {
                self.pipeline.apply(now, op, &self.truth.ops, &mut self.rng, &mut self.agenda);
            }
            Happening::Flush(op) => {
                self.pipeline.flush(now, op, &self.truth.ops, &mut self.rng, &mut self.agenda);
            }
            Happening::Restart => self.pipeline.restart(now, &mut self.rng, &mut self.agenda),
            Happening::Visible(seen) => match self.down {
                Some(true) => {}
                Some(false) => self.piled.push(seen),
                None => self.see(now, seen, true),
            },
            Happening::StreamDown { gap } => self.down = Some(gap),
            Happening::StreamUp => {
                self.down = None;
                for seen in std::mem::take(&mut self.piled) {
                    self.see(now, seen, false);
                }
            }
            Happening::Advance => {
                self.truth.step += 1;
                self.truth.advances.push((self.truth.step, UnixNanos(now)));
                self.observer.advance(UnixNanos(now));
                self.observer.check(&self.truth, false);
            }
            Happening::Look => self.look(now, false),
        }
    }

    fn begin(&mut self, now: i64, writer: usize) {
        if now >= self.end || self.writers[writer].killed {
            return;
        }
        self.agenda.at(now + self.rng.random_range(MS..25 * MS), Happening::Begin(writer));
        if self.writers[writer].sequence >= self.faults.operations {
            return;
        }
        let idle: Vec<usize> = {
            let rows = self.writers[writer].rows.iter().enumerate();
            rows.filter(|(_, (_, row))| row.alive && !row.busy).map(|(index, _)| index).collect()
        };
        let (row, operation) = if idle.is_empty() || self.rng.random_bool(0.35) {
            self.writers[writer].rows.push((self.rows, Row::default()));
            self.rows += 1;
            (self.writers[writer].rows.len() - 1, Operation::Create)
        } else {
            let row = idle[self.rng.random_range(0..idle.len())];
            (row, if self.rng.random_bool(0.65) { Operation::Update } else { Operation::Delete })
        };
        let this = &mut self.writers[writer];
        this.rows[row].1.busy = true;
        let sequence = this.sequence;
        this.sequence += 1;
        let op = self.truth.ops.len();
        self.of.insert((writer, sequence), op);
        self.truth.ops.push(Op {
            writer,
            sequence,
            row: this.rows[row].0,
            operation,
            phase: if sequence * 10 < self.faults.operations { Phase::WarmUp } else { Phase::Run },
            attempts: 0,
            sent_at: 0,
            stamped: UnixNanos(0),
            opened: Vec::new(),
            closed: None,
            awaited: Vec::new(),
            events: Vec::new(),
            corrupt: self.rng.random_bool(self.faults.corrupt),
        });
        self.attempt(now, op);
    }

    fn attempt(&mut self, now: i64, index: usize) {
        let op = &mut self.truth.ops[index];
        let writer = &mut self.writers[op.writer];
        if writer.killed {
            return;
        }
        op.attempts += 1;
        (op.sent_at, op.stamped) = (now, writer.clock(now));
        let opened = Opened {
            sequence: op.sequence,
            phase: op.phase,
            scenario: 0,
            entity: 0,
            operation: op.operation,
            key: key(op),
            group: None,
            stage: None,
            content: written(op),
            check: Vec::new(),
            intended: op.stamped,
            connection_wait: Nanos::ZERO,
            sent: op.stamped,
            stamped: op.stamped,
            deadline: op.stamped + Nanos(self.faults.arrival_timeout_ns),
        };
        assert!(writer.backlog.record(Record::Opened(opened), UNACKED_MAX));
        writer.records += 1;
        let answer = now + self.rng.random_range(MS / 2..5 * MS);
        let commit = self.rng.random_range(now + MS / 4..answer);
        if op.attempts < 3 && self.rng.random_bool(self.faults.retry) {
            self.agenda.at(answer + self.rng.random_range(5..50) * MS, Happening::Attempt(index));
        } else if self.rng.random_bool(self.faults.reject) {
            self.agenda.at(answer, Happening::Answer(index, Written::Rejected));
        } else if self.rng.random_bool(self.faults.unknown) {
            if self.rng.random_bool(0.5) {
                self.agenda.at(commit, Happening::Commit(index));
            }
            self.agenda.at(answer, Happening::Answer(index, Written::Unknown));
        } else {
            self.agenda.at(commit, Happening::Commit(index));
            let at = writer.clock(answer);
            self.agenda.at(answer, Happening::Answer(index, Written::Committed(at)));
        }
    }

    fn answer(&mut self, now: i64, index: usize, written: Written) {
        let op = &self.truth.ops[index];
        let writer = &mut self.writers[op.writer];
        if writer.killed {
            return;
        }
        let row = writer.rows.iter_mut().find(|(row, _)| *row == op.row).expect("its own row");
        match (written, op.operation) {
            // Nobody knows what became of it: the row is left alone.
            (Written::Unknown, _) => {}
            (Written::Rejected, _) => row.1.busy = false,
            (Written::Committed(_), operation) => {
                row.1 = Row { busy: false, alive: operation != Operation::Delete }
            }
        }
        assert!(
            writer.backlog.record(Record::Closed(Closed { sequence: op.sequence, written }), UNACKED_MAX)
        );
        writer.records += 1;
        if matches!(written, Written::Committed(_)) && self.rng.random_bool(self.faults.awaited) {
            let deadline = writer.clock(now + self.rng.random_range(20..1_500) * MS);
            let (settled, waiting) = oneshot::channel();
            writer.waiting.push(waiting);
            writer.backlog.wait(Awaited { sequence: op.sequence, deadline }, settled);
        }
    }

    fn pump(&mut self, now: i64, index: usize) {
        let writer = &mut self.writers[index];
        if writer.killed || !writer.up {
            return;
        }
        self.agenda.at(now + 2 * MS, Happening::Pump(index));
        if now >= writer.next_status {
            writer.next_status = now + 100 * MS;
            let queued_at = writer.clock(now);
            writer.backlog.status(Box::new(Status { queued_at, ..Status::default() }));
        }
        let clock = writer.clock(now);
        let bytes = writer.backlog.pending(|| clock).expect("short messages").to_vec();
        writer.backlog.wrote(bytes.len());
        // A stream of bytes: pieces end anywhere.
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(self.rng.random_range(1..=rest.len()));
            let delay = MS / 10 + self.rng.random_range(0..=self.faults.link_jitter_ns);
            writer.delivered_at = (now + delay).max(writer.delivered_at + 1);
            self.agenda.at(writer.delivered_at, Happening::Bytes(index, writer.generation, piece.to_vec()));
            rest = after;
        }
    }

    fn bytes(&mut self, now: i64, writer: usize, generation: u64, bytes: &[u8]) {
        // What a broken connection had on its way is lost with it, also if its writer died.
        if self.writers[writer].generation != generation || !self.writers[writer].up {
            return;
        }
        self.observer.bytes(writer, bytes, &mut self.truth, &self.of);
        let next = self.observer.slots[writer].next_record;
        let delay = MS / 10 + self.rng.random_range(0..=self.faults.link_jitter_ns);
        self.agenda.at(now + delay, Happening::Ack(writer, generation, next));
    }

    fn reconnect(&mut self, now: i64, index: usize) {
        let writer = &mut self.writers[index];
        if writer.killed {
            return;
        }
        writer.generation += 1;
        writer.up = true;
        let next_record = self.observer.connect(index, writer.generation);
        writer.backlog.resume(next_record).expect("what is not acknowledged is kept");
        self.agenda.at(now, Happening::Pump(index));
    }

    fn probe(&mut self, now: i64, index: usize) {
        let writer = &self.writers[index];
        if writer.killed || !writer.up {
            return;
        }
        let mut way = || MS / 10 + self.rng.random_range(0..=self.faults.link_jitter_ns);
        let (heard, back) = (now + way(), way());
        let answered = heard + MS / 20;
        let returned = answered + back;
        let exchange = Exchange {
            asked: UnixNanos(now),
            heard: writer.clock(heard),
            answered: writer.clock(answered),
            returned: UnixNanos(returned),
        };
        self.agenda.at(returned, Happening::Probed(index, exchange));
    }

    fn see(&mut self, now: i64, seen: Seen, measured: bool) {
        self.truth.step += 1;
        let observed = UnixNanos(now);
        match seen {
            Seen::Ours(op, stamped) => {
                self.truth.ops[op].events.push(Arrival { step: self.truth.step, observed, measured });
                self.observer.event(&self.truth.ops[op], stamped, observed, measured);
            }
            Seen::Foreign(kind) => {
                self.truth.foreign += 1;
                let theirs = Stamp { run: RunId::from_bits(1), writer: 0, sequence: 0, sent: UnixNanos(0) };
                let change = match kind {
                    0 => Change::Unstamped,
                    1 => Change::Deleted { entity: 0, key: format!("theirs-{}", self.truth.step).into() },
                    _ => Change::Stamped { entity: 0, stamp: theirs, content: Content::default() },
                };
                self.observer.change(change, observed, measured);
            }
            Seen::Undecodable => {
                self.truth.undecodable += 1;
                self.observer.change(Change::Undecodable(Undecodable::NoContent), observed, measured);
            }
        }
        self.observer.matcher.assert_sums(false);
    }

    /// The account is closed and everything compared.
    fn close(mut self, now: i64) -> Summary {
        for index in 0..self.writers.len() {
            self.end_of(now, index);
        }
        self.truth.step += 1;
        self.truth.close = Some(self.truth.step);
        self.observer.matcher.close(&mut self.observer.ears);
        self.observer.check(&self.truth, true);
        self.look(now, true);
        for (index, op) in self.truth.ops.iter().enumerate() {
            let Some(verdict) = self.truth.verdict(index) else { continue };
            let id = (u16::try_from(op.writer).expect("a few"), op.sequence);
            let done = self.observer.ears.done.get(&id);
            let expected = (op.phase == Phase::Run).then_some(&verdict.outcome);
            assert_eq!(done, expected, "what is finally said of operation {id:?}: {op:?}");
        }
        Summary { operations: self.truth.ops.len(), counts: self.counts(true), clocks: self.clocks() }
    }

    /// The end of a writer's load: everything it has to say is on its way by now.
    fn end_of(&mut self, now: i64, index: usize) {
        let writer = &mut self.writers[index];
        if writer.killed {
            return;
        }
        assert_eq!(self.observer.slots[index].next_record, writer.records, "the ledger is whole");
        let status = Status { queued_at: writer.clock(now), ..Status::default() };
        let end = End { operations: writer.sequence, cause: None, status };
        assert!(writer.backlog.record(Record::End(Box::new(end)), UNACKED_MAX));
        // What is still on its way is a status that nobody needs.
        writer.generation += 1;
        let next_record = self.observer.connect(index, writer.generation);
        writer.backlog.resume(next_record).expect("what is not acknowledged is kept");
        let clock = writer.clock(now);
        let bytes = writer.backlog.pending(|| clock).expect("a short message").to_vec();
        self.observer.bytes(index, &bytes, &mut self.truth, &self.of);
    }

    /// Compares the report as of now with the truth.
    fn look(&mut self, now: i64, closed: bool) {
        self.observer.check(&self.truth, closed);
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
        let report = self.observer.snapshot(UnixNanos(now), closed).report;
        let name = Latency::CdcE2eLatency.name();
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
        let Some(latency) = report.latency.get(name) else {
            assert!(
                arrived.is_empty() && all.is_empty() && unmeasured.is_empty(),
                "no figures of what arrived"
            );
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
        compare(&latency.all, &known, &all, counts);
    }

    /// An event of an operation that the ledger does not hold.
    fn is_recovered(&self, index: usize) -> bool {
        let op = &self.truth.ops[index];
        op.opened.is_empty() && !op.events.is_empty() && op.operation != Operation::Delete
    }

    /// What the core says.
    fn reported(&self) -> BTreeMap<&'static str, u64> {
        let matcher = &self.observer.matcher;
        let mut counts = BTreeMap::new();
        for phase in [Phase::WarmUp, Phase::Run] {
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
            let events = op.events.len() as u64;
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
        let matcher = &self.observer.matcher;
        let held: u64 = [Phase::WarmUp, Phase::Run]
            .map(|phase| matcher.events(phase).count(EventKind::Early))
            .iter()
            .sum();
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
        for op in self.truth.ops.iter().filter(|_| self.faults.network) {
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

/// Counts are equal; percentiles too, within the resolution of the histogram.
///
/// `known` are the most that each of them can be, without what has no such bound; `all` the least.
fn compare(stats: &Stats, known: &[i64], all: &[i64], counts: [u64; 3]) {
    assert_eq!([stats.count, stats.censored, stats.unmeasured], counts, "{stats:?}");
    let close = |millis: f64, truth: i64| {
        let found = millis * 1e6;
        (found - truth as f64).abs() <= truth.abs() as f64 / 1_000.0 + 2.0
    };
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
                assert!(close(found, low), "p{per_mille}: at least {found} ms for {low} ns");
                // Equal bounds are a value; close ones may lie on both sides of a bucket's edge.
                assert_ne!(
                    high,
                    Some(low),
                    "p{per_mille}: at least {found} ms, and both bounds are the same"
                );
            }
            (Figure::Between(least, most), Some(low)) => {
                let high =
                    high.unwrap_or_else(|| panic!("p{per_mille}: at most {most} ms, and there is no bound"));
                assert!(
                    close(least, low) && close(most, high) && low != high,
                    "p{per_mille}: {least} to {most} ms for {low} to {high} ns"
                );
            }
            (figure, low) => panic!("p{per_mille}: {figure:?} for {low:?}"),
        }
    }
}

//! The observer's core as the thread holds it: slot, frame decoder and clock estimate by writer, matcher, recorder.

use std::collections::{BTreeMap, HashMap};

use streamgauge_observer::canary::FloorFigures;
use streamgauge_observer::intake::{Slot, shifted};
use streamgauge_observer::matcher::{Entry, Matcher, Place, SeriesIndex, Sink, Slices};
use streamgauge_observer::measure::{
    ClockFacts, Evidence, Facts, Recorder, Snapshot, Starved, Watcher, WriterClock, WriterFacts, snapshot,
    watch,
};
use streamgauge_observer::stream::{Change, Content, Event};
use streamgauge_shared::account::{Operation, Outcome};
use streamgauge_shared::clock::{ClockDomain, PeerClock};
use streamgauge_shared::content::ColumnDigest;
use streamgauge_shared::ledger::frame::Decoder;
use streamgauge_shared::ledger::{Process, Record, ScenarioLoad, ToObserver};
use streamgauge_shared::stamp::{RunId, Stamp};
use streamgauge_shared::test_file::Test;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::{Latency, Reading};

use crate::truth::{Op, Opening, Truth};
use crate::writer::{Writer, identity};

pub(crate) const RUN: RunId = RunId::from_bits(0x00c0_ffee);
/// What the ledger says of every row's content.
const DIGEST: u32 = 7;

/// What the ledger says of an operation's content.
pub(crate) fn written(op: &Op) -> Vec<ColumnDigest> {
    if op.operation == Operation::Delete { Vec::new() } else { vec![column(DIGEST)] }
}

const fn column(digest: u32) -> ColumnDigest {
    ColumnDigest { column: 0, digest }
}

/// Hears what the matcher tells, and passes it on to the recorder.
pub(crate) struct Ears {
    pub(crate) recorder: Recorder,
    pub(crate) done: HashMap<(u16, u64), Outcome>,
}

impl Sink for Ears {
    fn latency(&mut self, place: Place, latency: Latency, reading: Reading, at: UnixNanos) {
        Sink::latency(&mut self.recorder, place, latency, reading, at);
    }
    fn sent(&mut self, at: UnixNanos) {
        self.recorder.sent(at);
    }
    fn sent_again(&mut self, before: UnixNanos, at: UnixNanos) {
        self.recorder.sent_again(before, at);
    }
    fn arrived(&mut self, sent: UnixNanos, observed: Option<UnixNanos>) {
        self.recorder.arrived(sent, observed);
    }
    fn settled(&mut self, writer: u16, sequence: u64, arrived: bool) {
        self.recorder.settled(writer, sequence, arrived);
    }
    fn duplicate(&mut self, writer: u16, sequence: u64) {
        self.recorder.duplicate(writer, sequence);
    }
    fn done(&mut self, writer: u16, sequence: u64, entry: &Entry) {
        let before = self.done.insert((writer, sequence), entry.outcome);
        assert_eq!(before, None, "operation {sequence} of writer {writer} is done once");
        self.recorder.done(writer, sequence, entry);
    }
}

pub(crate) struct Observer {
    pub(crate) test: Test,
    pub(crate) matcher: Matcher,
    pub(crate) ears: Ears,
    watcher: Watcher,
    pub(crate) slots: Vec<Slot>,
    decoders: Vec<Decoder>,
    pub(crate) clocks: Vec<PeerClock>,
    network: bool,
    /// What was last seen of each operation's outcome.
    outcomes: HashMap<(u16, u64), Outcome>,
}

impl Observer {
    pub(crate) fn new(test: Test, writers: &[Writer], network: bool, lost_after: Nanos) -> Self {
        let count = u16::try_from(writers.len()).expect("a few writers");
        let (parts, slices) = (SeriesIndex::of(&test), Slices::of(&test));
        let ours = identity("ours", 0);
        Self {
            matcher: Matcher::new(RUN, parts, slices, count, lost_after),
            ears: Ears { recorder: Recorder::new(&test), done: HashMap::new() },
            watcher: Watcher::new(&test),
            slots: writers.iter().map(|_| Slot { next_record: 0, generation: 1 }).collect(),
            decoders: writers.iter().map(|_| Decoder::default()).collect(),
            clocks: writers.iter().map(|writer| PeerClock::new(&ours, &writer.identity(network))).collect(),
            network,
            outcomes: HashMap::new(),
            test,
        }
    }

    /// A connection takes the place of the one before.
    pub(crate) fn connect(&mut self, writer: usize, generation: u64) -> u64 {
        self.slots[writer].generation = generation;
        self.decoders[writer] = Decoder::default();
        self.slots[writer].next_record
    }

    /// Bytes of the connection that counts.
    pub(crate) fn bytes(
        &mut self,
        writer: usize,
        bytes: &[u8],
        truth: &mut Truth,
        of: &HashMap<(usize, u64), usize>,
    ) {
        self.decoders[writer].push(bytes);
        while let Some(message) = self.decoders[writer].message::<ToObserver>().expect("whole frames") {
            let generation = self.slots[writer].generation;
            if self.slots[writer].accept(&message, generation).expect("no record is missing") {
                self.message(writer, shifted(message, &self.clocks[writer]), truth, of);
            }
        }
    }

    fn message(
        &mut self,
        writer: usize,
        message: ToObserver,
        truth: &mut Truth,
        of: &HashMap<(usize, u64), usize>,
    ) {
        truth.step += 1;
        let step = truth.step;
        let narrow = u16::try_from(writer).expect("a few writers");
        match message {
            ToObserver::Record { record: Record::Opened(opened), .. } => {
                let op = &mut truth.ops[of[&(writer, opened.sequence)]];
                let (sent, stamped, deadline) = (opened.sent, opened.stamped, opened.deadline);
                op.opened.push(Opening { step, sent, stamped, deadline });
                self.matcher.opened(narrow, opened, &mut self.ears);
            }
            ToObserver::Record { record: Record::Closed(closed), .. } => {
                truth.ops[of[&(writer, closed.sequence)]].closed.get_or_insert((step, closed.written));
                self.matcher.closed(narrow, closed, &mut self.ears);
            }
            ToObserver::Record { record: Record::End(end), .. } => {
                self.matcher.passed(narrow, end.status.queued_at)
            }
            ToObserver::Await(awaited) => {
                truth.ops[of[&(writer, awaited.sequence)]].awaited.push((step, awaited.deadline));
                self.matcher.awaited(narrow, awaited, &mut self.ears);
            }
            ToObserver::Status(status) => self.matcher.passed(narrow, status.queued_at),
            other => panic!("nobody sends {other:?} here"),
        }
    }

    /// An event of one of our operations.
    pub(crate) fn event(&mut self, op: &Op, stamped: UnixNanos, observed: UnixNanos, measured: bool) {
        let writer = u16::try_from(op.writer).expect("a few writers");
        let change = if op.operation == Operation::Delete {
            Change::Deleted { entity: 0, key: key(op).into() }
        } else {
            let stamp = Stamp { run: RUN, writer, sequence: op.sequence, sent: stamped };
            let content = Content::saying(&[column(if op.corrupt { DIGEST + 1 } else { DIGEST })]);
            Change::Stamped { entity: 0, stamp, content }
        };
        self.change(change, observed, measured);
    }

    /// An event of anything.
    pub(crate) fn change(&mut self, change: Change, observed: UnixNanos, measured: bool) {
        self.matcher
            .event(Event { observed, measured, wall: Some(observed), marks: None, change }, &mut self.ears);
    }

    /// Both sums close, and no outcome has changed without a reason.
    pub(crate) fn check(&mut self, truth: &Truth, closed: bool) {
        self.matcher.assert_sums(closed);
        for op in &truth.ops {
            let id = (u16::try_from(op.writer).expect("a few writers"), op.sequence);
            let now = self.outcome(op);
            let before = now.and_then(|now| self.outcomes.insert(id, now));
            if let (Some(before), Some(now)) = (before, now) {
                assert!(before == now || before.may_become(now), "{id:?} went from {before} to {now}");
            }
        }
    }

    /// What is said of an operation, while it is open or of the measured phase.
    pub(crate) fn outcome(&self, op: &Op) -> Option<Outcome> {
        let id = (u16::try_from(op.writer).expect("a few writers"), op.sequence);
        self.matcher.outcome(id.0, id.1).or_else(|| self.ears.done.get(&id).copied())
    }

    /// A second has passed.
    pub(crate) fn advance(&mut self, now: UnixNanos) {
        self.matcher.advance(now, &mut self.ears);
        let facts = self.facts(now, false);
        watch(&self.test, &self.matcher, &mut self.ears.recorder, &mut self.watcher, &facts);
    }

    pub(crate) fn snapshot(&self, now: UnixNanos, closed: bool) -> Snapshot {
        snapshot(&self.test, &self.matcher, &self.ears.recorder, &self.watcher, &self.facts(now, closed))
    }

    fn facts(&self, now: UnixNanos, closed: bool) -> Facts {
        let state =
            |clock: &PeerClock| WriterClock { state: clock.state().clone(), ..WriterClock::default() };
        Facts {
            now,
            run: RUN.to_string(),
            started_at: UnixNanos(0),
            seed: 0,
            versions: BTreeMap::new(),
            clock_domain: if self.network { ClockDomain::Network } else { ClockDomain::SameKernel },
            clocks: ClockFacts { writers: self.clocks.iter().map(state).collect(), ..ClockFacts::default() },
            loads: vec![ScenarioLoad::default()],
            writers: vec![WriterFacts::default(); self.slots.len()],
            observer: Process::default(),
            observer_starved: Starved::default(),
            observer_errors: 0,
            missing_entries: 0,
            evidence: Evidence::default(),
            floor: FloorFigures::default(),
            capacity: None,
            cause: None,
            aborted: false,
            closed,
        }
    }
}

/// The key of an operation's row.
pub(crate) fn key(op: &Op) -> String {
    format!("{}-{}", op.writer, op.row)
}

//! The observer's core as its thread holds it, and before it what the sessions hold: slot, frame decoder and clock
//! estimate of each writer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use streamgauge_observer::canary::Floor;
use streamgauge_observer::intake::{FromWriter, Slot, shifted};
use streamgauge_observer::matcher::{Bounds, Matcher};
use streamgauge_observer::measure::Snapshot;
use streamgauge_observer::run::Input;
use streamgauge_observer::run::core::{Brief, Core, Effect, Reading};
use streamgauge_observer::stream::{Change, Content, Decoded, Decoder as Events, DocumentId, Event};
use streamgauge_shared::account::{Operation, Outcome};
use streamgauge_shared::clock::{ClockDomain, PeerClock, WallReading};
use streamgauge_shared::content::ColumnDigest;
use streamgauge_shared::ledger::frame::Decoder;
use streamgauge_shared::ledger::{Made, Process, Record, ToObserver, ToWriter};
use streamgauge_shared::stamp::{RunId, Stamp};
use streamgauge_shared::test_file::Test;
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::sync::mpsc;

use crate::faults::WRITERS_TIMEOUT_NS;
use crate::truth::{Op, Opening, Truth};
use crate::writer::{Writer, identity};

pub(crate) const RUN: RunId = RunId::from_bits(0x00c0_ffee);
/// What the ledger says of every row's content.
const DIGEST: u32 = 7;

/// What the ledger says of an operation's content before it is answered.
pub(crate) fn written(op: &Op) -> Vec<ColumnDigest> {
    if op.operation == Operation::Delete || op.makes_its_key() { Vec::new() } else { vec![column(DIGEST)] }
}

/// What PostgreSQL says of a row whose key it makes: the one column that is verified is that key.
pub(crate) fn made(op: &Op) -> Made {
    Made { key: key(op), content: vec![column(DIGEST)], check: Vec::new() }
}

/// The key as `opened` has it.
pub(crate) fn known_key(op: &Op) -> Option<String> {
    (!op.makes_its_key()).then(|| key(op))
}

const fn column(digest: u32) -> ColumnDigest {
    ColumnDigest { column: 0, digest }
}

pub(crate) struct Observer {
    pub(crate) core: Core,
    pub(crate) slots: Vec<Slot>,
    decoders: Vec<Decoder>,
    pub(crate) clocks: Vec<PeerClock>,
    /// What was last seen of each operation's outcome.
    outcomes: HashMap<(u16, u64), Outcome>,
    /// What the writers were told since the last time.
    told: Vec<(usize, ToWriter)>,
    /// A snapshot that nobody has looked at.
    published: Option<Arc<Snapshot>>,
}

impl Observer {
    pub(crate) fn new(test: Arc<Test>, writers: &[Writer], network: bool, bounds: Bounds) -> Self {
        let ours = identity("ours", 0);
        let brief = Brief {
            run: RUN,
            decoder: Events::new(&test),
            test,
            seed: 0,
            writers: u16::try_from(writers.len()).expect("a few writers"),
            writers_timeout: Nanos(WRITERS_TIMEOUT_NS),
            versions: BTreeMap::new(),
            clock_domain: if network { ClockDomain::Network } else { ClockDomain::SameKernel },
            test_clock: None,
            floor: Floor::new(RUN, None),
            bounds,
        };
        Self {
            core: Core::new(brief, UnixNanos(0)),
            slots: writers.iter().map(|_| Slot::default()).collect(),
            decoders: writers.iter().map(|_| Decoder::default()).collect(),
            clocks: writers.iter().map(|writer| PeerClock::new(&ours, &writer.identity(network))).collect(),
            outcomes: HashMap::new(),
            told: Vec::new(),
            published: None,
        }
    }

    pub(crate) fn matcher(&self) -> &Matcher {
        self.core.matcher()
    }

    /// Gives the core an input.
    pub(crate) fn take(&mut self, now: i64, input: impl Into<Input>, truth: &mut Truth) {
        truth.step += 1;
        let effects = self.core.take(input.into(), &reading(now));
        self.apply(now, effects, truth);
    }

    fn apply(&mut self, now: i64, effects: Vec<Effect>, truth: &mut Truth) {
        for effect in effects {
            match effect {
                Effect::Tell { writer, message } => self.told.push((usize::from(writer), message)),
                Effect::Publish(snapshot) => {
                    // A snapshot comes once time has passed for the matcher.
                    truth.step += 1;
                    truth.advances.push((truth.step, UnixNanos(now)));
                    self.published = Some(snapshot);
                }
                // Where rows land is no part of this world: they always do where the model says.
                Effect::LookFor { .. }
                | Effect::Attach { .. }
                | Effect::Detach { .. }
                | Effect::Answer { .. } => {}
            }
        }
    }

    /// What the writers are told.
    pub(crate) fn take_told(&mut self) -> Vec<(usize, ToWriter)> {
        std::mem::take(&mut self.told)
    }

    pub(crate) fn take_published(&mut self) -> Option<Arc<Snapshot>> {
        self.published.take()
    }

    /// A connection takes the place of the one before; returns the first record that it is to bring.
    pub(crate) fn attach(&mut self, now: i64, writer: usize, generation: u64, truth: &mut Truth) -> u64 {
        self.slots[writer].generation = generation;
        self.decoders[writer] = Decoder::default();
        // Nobody listens there: what goes to it is taken from the effects.
        let (outbox, _) = mpsc::channel(1);
        self.take(now, FromWriter::Attached { writer: narrow(writer), outbox }, truth);
        self.slots[writer].next_record
    }

    /// A connection is gone, unless another has taken its place.
    pub(crate) fn detach(&mut self, now: i64, writer: usize, generation: u64, truth: &mut Truth) {
        if self.slots[writer].generation == generation {
            self.take(now, FromWriter::Detached { writer: narrow(writer) }, truth);
        }
    }

    /// The run hears what is known of a writer's clock.
    pub(crate) fn tell_clock(&mut self, now: i64, writer: usize, truth: &mut Truth) {
        let state = Box::new(self.clocks[writer].state().clone());
        self.take(now, FromWriter::Clock { writer: narrow(writer), state }, truth);
    }

    /// Bytes of a connection.
    pub(crate) fn bytes(
        &mut self,
        now: i64,
        (writer, generation): (usize, u64),
        bytes: &[u8],
        truth: &mut Truth,
        of: &HashMap<(usize, u64), usize>,
    ) {
        self.decoders[writer].push(bytes);
        let mut messages = Vec::new();
        while let Some(message) = self.decoders[writer].message::<ToObserver>().expect("whole frames") {
            if self.slots[writer].accept(&message, generation).expect("no record is missing") {
                let message = shifted(message, &self.clocks[writer]);
                truth.step += 1;
                tell_truth(writer, &message, truth, of);
                messages.push(message);
            }
        }
        if !messages.is_empty() {
            self.take(now, FromWriter::Messages { writer: narrow(writer), messages }, truth);
        }
    }

    /// An event of one of our operations.
    pub(crate) fn event(
        &mut self,
        now: i64,
        op: usize,
        (stamped, measured): (UnixNanos, bool),
        number: Option<u32>,
        truth: &mut Truth,
    ) {
        let op = &truth.ops[op];
        let document = number.map(document);
        let change = if op.operation == Operation::Delete {
            let by_key = Change::Deleted { entity: 0, key: key(op).into() };
            document.map_or(by_key, |document| Change::Removed { document })
        } else {
            let stamp = Stamp { run: RUN, writer: narrow(op.writer), sequence: op.sequence, sent: stamped };
            let content = Content::saying(&[column(if op.corrupt { DIGEST + 1 } else { DIGEST })]);
            Change::Stamped { entity: 0, stamp, content, document }
        };
        self.change(now, change, measured, truth);
    }

    /// An event of anything, in a reply of its own.
    pub(crate) fn change(&mut self, now: i64, change: Change, measured: bool, truth: &mut Truth) {
        let observed = UnixNanos(now);
        let event = Event { observed, measured, wall: Some(observed), marks: None, change };
        let decoded = Decoded { events: vec![event], ..Decoded::default() };
        let effects = self.core.read(decoded, observed, Nanos::ZERO, &reading(now));
        self.apply(now, effects, truth);
    }

    /// The account is closed.
    pub(crate) fn close(&mut self, now: i64, truth: &mut Truth) -> Arc<Snapshot> {
        truth.step += 1;
        truth.close = Some(truth.step);
        let (snapshot, effects) = self.core.close(&reading(now));
        self.apply(now, effects, truth);
        snapshot
    }

    /// No outcome has changed without a reason.
    pub(crate) fn check(&mut self, truth: &Truth) {
        for op in &truth.ops {
            let now = self.outcome(op);
            let id = (narrow(op.writer), op.sequence);
            let before = now.and_then(|now| self.outcomes.insert(id, now));
            if let (Some(before), Some(now)) = (before, now) {
                assert!(before == now || before.may_become(now), "{id:?} went from {before} to {now}");
            }
        }
    }

    /// What is said of an operation, while it is open or of the measured phase.
    pub(crate) fn outcome(&self, op: &Op) -> Option<Outcome> {
        self.matcher().outcome(narrow(op.writer), op.sequence).or_else(|| self.row(op))
    }

    /// What is finally said of an operation of the measured phase.
    pub(crate) fn row(&self, op: &Op) -> Option<Outcome> {
        self.core.recorder().rows().find(narrow(op.writer), op.sequence).map(|row| row.outcome)
    }
}

impl Observer {
    /// Whether an operation of the measured phase arrived as it was written, as its row says it in the end.
    pub(crate) fn data_matches(&self, op: &Op) -> Option<Option<bool>> {
        let row = self.core.recorder().rows().find(narrow(op.writer), op.sequence)?;
        Some(row.data_matches)
    }
}

/// The truth learns what the core is about to hear of an operation.
fn tell_truth(writer: usize, message: &ToObserver, truth: &mut Truth, of: &HashMap<(usize, u64), usize>) {
    let step = truth.step;
    match message {
        ToObserver::Record { record: Record::Opened(opened), .. } => {
            let op = &mut truth.ops[of[&(writer, opened.sequence)]];
            let (sent, stamped, deadline) = (opened.sent, opened.stamped, opened.deadline);
            op.opened.push(Opening { step, sent, stamped, deadline });
        }
        ToObserver::Record { record: Record::Closed(closed), .. } => {
            truth.ops[of[&(writer, closed.sequence)]].closed.get_or_insert((step, closed.written));
        }
        ToObserver::Record { record: Record::NotSent(not_sent), .. } => {
            let op = &mut truth.ops[of[&(writer, not_sent.sequence)]];
            let sent = not_sent.intended;
            op.opened.push(Opening { step, sent, stamped: sent, deadline: sent });
            op.closed = Some((step, streamgauge_shared::ledger::Written::Rejected));
        }
        ToObserver::Await(awaited) => {
            truth.ops[of[&(writer, awaited.sequence)]].awaited.push((step, awaited.deadline));
        }
        ToObserver::Stop => truth.stopped = true,
        ToObserver::Status(status) => truth.loads[writer] = status.scenarios[0],
        ToObserver::Record { record: Record::End(end), .. } => {
            truth.loads[writer] = end.status.scenarios[0];
            truth.ended[writer] = true;
        }
        _ => {}
    }
}

fn reading(now: i64) -> Reading {
    let wall = WallReading { deviation: Nanos::ZERO, width: Nanos::ZERO };
    Reading { now: UnixNanos(now), wall, usage: Process::default() }
}

pub(crate) fn narrow(writer: usize) -> u16 {
    u16::try_from(writer).expect("a few writers")
}

/// What the sink calls the document of this number; no run of ours has the number 0.
pub(crate) fn document(number: u32) -> DocumentId {
    DocumentId::of(0, &number.to_be_bytes())
}

/// The key of an operation's row.
pub(crate) fn key(op: &Op) -> String {
    format!("{}-{}", op.writer, op.row)
}

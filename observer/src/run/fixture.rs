//! A run on a small test, for the tests of its parts: writers that say what they are told to, at times that are given.

use std::collections::BTreeMap;
use std::sync::Arc;

use streamgauge_shared::account::{Operation, Phase};
use streamgauge_shared::clock::{ClockDomain, PeerClockState, WallReading};
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::ledger::{
    Closed, End, NotSent, NotSentCause, Opened, Process, Record, ScenarioLoad, Status, ToObserver, ToWriter,
    Written,
};
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::test_file::{Scale, Source, parse};
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::sync::mpsc;

use super::Input;
use super::core::{Brief, Core, Effect, Reading};
use crate::canary::Floor;
use crate::intake::FromWriter;
use crate::matcher::Bounds;
use crate::stream::Decoder;

/// The run.
pub(super) const RUN: RunId = RunId::from_bits(7);

/// A run of the shipped test with its text changed, and so many writers that may take 5 s to say hello.
pub(super) fn brief(writers: u16, change: impl FnOnce(&mut String)) -> Brief {
    let mut text = include_str!("../../../scenarios/e2e-latency.toml").to_owned();
    change(&mut text);
    brief_of("e2e-latency.toml", text, writers)
}

/// The same of another test.
pub(super) fn brief_of(name: &str, text: String, writers: u16) -> Brief {
    let source = |name: &str, text: String| Source { name: name.into(), text };
    let model = source("shop.toml", include_str!("../../../scenarios/models/shop.toml").to_owned());
    let parsed = parse(&source(name, text), Scale::default(), Scale::default(), |_| Ok(model));
    let test = parsed.expect("a test").0;
    Brief {
        run: RUN,
        decoder: Decoder::new(&test),
        test: Arc::new(test),
        seed: 0,
        writers,
        writers_timeout: Nanos::from_secs(5),
        versions: BTreeMap::new(),
        clock_domain: ClockDomain::SameKernel,
        test_clock: None,
        floor: Floor::new(RUN, None),
        bounds: Bounds::default(),
    }
}

/// A numbered record.
pub(super) fn record(number: u64, record: Record) -> ToObserver {
    ToObserver::Record { number, record }
}

/// An operation that was never sent.
pub(super) fn not_sent(sequence: u64) -> Record {
    Record::NotSent(NotSent {
        sequence,
        phase: Phase::Run,
        scenario: 0,
        entity: 0,
        operation: Operation::Create,
        key: Some(format!("row-{sequence}")),
        group: None,
        stage: None,
        intended: UnixNanos(0),
        cause: NotSentCause::NotConnected,
    })
}

/// How a writer stands at a time, with so many users at work.
pub(super) fn status(at: UnixNanos, active_users: u32) -> Status {
    let load = ScenarioLoad { active_users, ..ScenarioLoad::default() };
    Status { queued_at: at, scenarios: vec![load], ..Status::default() }
}

/// The end of a writer's load.
pub(super) fn end(operations: u64, cause: Option<Failure>) -> Record {
    Record::End(Box::new(End { operations, cause, status: Status::default() }))
}

/// A core and what it says, on a clock that is set by hand.
pub(super) struct Conducted {
    pub(super) core: Core,
    pub(super) now: UnixNanos,
    /// What each writer was told, but for snapshots and acknowledgements.
    pub(super) told: Vec<(u16, ToWriter)>,
    /// When rows were looked for elsewhere, and how far back, seconds.
    pub(super) searches: Vec<(UnixNanos, u32)>,
    numbers: Vec<u64>,
}

impl Conducted {
    pub(super) fn new(brief: Brief) -> Self {
        let numbers = vec![0; usize::from(brief.writers)];
        let now = UnixNanos::from_millis(1_000);
        Self { core: Core::new(brief, now), now, told: Vec::new(), searches: Vec::new(), numbers }
    }

    pub(super) fn reading(&self) -> Reading {
        let wall = WallReading { deviation: Nanos::ZERO, width: Nanos::ZERO };
        Reading { now: self.now, wall, usage: Process::default() }
    }

    pub(super) fn take(&mut self, input: impl Into<Input>) {
        let effects = self.core.take(input.into(), &self.reading());
        for effect in effects {
            match effect {
                Effect::Tell { message: ToWriter::Snapshot(_) | ToWriter::Ack { .. }, .. } => {}
                Effect::Tell { writer, message } => self.told.push((writer, message)),
                Effect::LookFor { back_s, .. } => self.searches.push((self.now, back_s)),
                _ => {}
            }
        }
    }

    /// A writer's connection is up.
    pub(super) fn attach(&mut self, writer: u16) {
        let (outbox, _) = mpsc::channel(1);
        self.take(FromWriter::Attached { writer, outbox });
    }

    pub(super) fn detach(&mut self, writer: u16) {
        self.take(FromWriter::Detached { writer });
    }

    /// What is known of a writer's clock: the way to it and back.
    pub(super) fn compared(&mut self, writer: u16, round_trip: Nanos) {
        let state = PeerClockState { round_trip: Some(round_trip), ..PeerClockState::default() };
        self.take(FromWriter::Clock { writer, state: Box::new(state) });
    }

    /// A writer sends records.
    pub(super) fn says(&mut self, writer: u16, records: impl IntoIterator<Item = Record>) {
        let next = &mut self.numbers[usize::from(writer)];
        let numbered = records.into_iter().map(|record| {
            *next += 1;
            ToObserver::Record { number: *next - 1, record }
        });
        let messages = numbered.collect();
        self.take(FromWriter::Messages { writer, messages });
    }

    /// Time passes, told ten times a second, until the run is over or so much has passed.
    pub(super) fn pass(&mut self, length: Nanos) {
        let until = self.now + length;
        while self.now < until && !self.core.is_over(self.now) {
            self.now += Nanos::from_millis(100);
            self.take(Input::Tick);
        }
    }

    /// What a writer was told since the last time.
    pub(super) fn take_told(&mut self, writer: u16) -> Vec<ToWriter> {
        let (its, others) = std::mem::take(&mut self.told).into_iter().partition(|(told, _)| *told == writer);
        self.told = others;
        let its: Vec<(u16, ToWriter)> = its;
        its.into_iter().map(|(_, message)| message).collect()
    }
}

/// An operation that is sent at a time.
pub(super) fn opened(sequence: u64, at: UnixNanos) -> Record {
    Record::Opened(Opened {
        sequence,
        phase: Phase::Run,
        scenario: 0,
        entity: 0,
        operation: Operation::Create,
        key: Some(format!("row-{sequence}")),
        group: None,
        stage: None,
        content: Vec::new(),
        check: Vec::new(),
        intended: at,
        connection_wait: Nanos::ZERO,
        sent: at,
        stamped: at,
        deadline: at + Nanos::from_secs(30),
    })
}

/// And committed at another.
pub(super) fn committed(sequence: u64, at: UnixNanos) -> Record {
    Record::Closed(Closed::new(sequence, Written::Committed(at)))
}

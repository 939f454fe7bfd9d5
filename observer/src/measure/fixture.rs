//! A small run of the shipped test for tests: rows sent at 0, committed at 10 ms, observed when the test says.

use std::collections::BTreeMap;

use streamgauge_shared::account::{Operation, Phase};
use streamgauge_shared::clock::ClockDomain;
use streamgauge_shared::ledger::{
    Closed, NotSent, NotSentCause, Opened, Process, Rejections, ScenarioLoad, Written,
};
use streamgauge_shared::marks::Marks;
use streamgauge_shared::stamp::{RunId, Stamp};
use streamgauge_shared::test_file::{Scale, Source, Test, parse};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::{
    ClockFacts, Evidence, Facts, Recorder, Snapshot, Starved, Watcher, WriterFacts, snapshot, watch,
};
use crate::canary::FloorFigures;
use crate::matcher::{Matcher, SeriesIndex, Slices};
use crate::stream::{Change, Content, Event};

/// A run whose facts a test may change before it takes the snapshot.
pub(crate) struct Fixture {
    pub(crate) test: Test,
    pub(crate) matcher: Matcher,
    pub(crate) recorder: Recorder,
    pub(crate) watcher: Watcher,
    pub(crate) facts: Facts,
}

impl Fixture {
    /// Creates, each observed after so many milliseconds or not at all.
    pub(crate) fn new(observed_ms: &[Option<i64>]) -> Self {
        let mut run = Self::of(|_| {});
        for (sequence, observed) in (0..).zip(observed_ms) {
            run.row(opened(sequence, 0), *observed);
        }
        run
    }

    /// The shipped test, changed, before its first row.
    pub(crate) fn of(change: impl FnOnce(&mut Test)) -> Self {
        let test = include_str!("../../../scenarios/e2e-latency.toml");
        let mut test = read(test, include_str!("../../../scenarios/models/shop.toml"));
        change(&mut test);
        Self::of_test(test)
    }

    /// Any test of one scenario, before its first row.
    pub(crate) fn of_test(test: Test) -> Self {
        let (parts, slices) = (SeriesIndex::of(&test), Slices::of(&test));
        let matcher = Matcher::new(RunId::from_bits(1), parts, slices, 1, test.lost_after);
        let (recorder, watcher) = (Recorder::new(&test), Watcher::new(&test));
        let facts = Facts {
            now: UnixNanos::from_millis(2_000),
            run: "000000000001".into(),
            started_at: UnixNanos(0),
            seed: 0,
            versions: BTreeMap::new(),
            clock_domain: ClockDomain::SameKernel,
            clocks: ClockFacts::default(),
            loads: vec![ScenarioLoad::default()],
            writers: vec![WriterFacts { up: true, ..WriterFacts::default() }],
            rejections: Rejections::default(),
            observer: Process::default(),
            observer_starved: Starved::default(),
            observer_errors: 0,
            missing_entries: 0,
            evidence: Evidence::default(),
            landed: Vec::new(),
            floor: FloorFigures::default(),
            capacity: None,
            cause: None,
            aborted: false,
            closed: false,
        };
        Self { test, matcher, recorder, watcher, facts }
    }

    /// A row, committed 10 ms after it was sent, observed at so many milliseconds or not at all.
    pub(crate) fn row(&mut self, opened: Opened, observed_ms: Option<i64>) {
        let (sequence, sent) = (opened.sequence, opened.sent);
        self.matcher.opened(0, opened, &mut self.recorder);
        let written = Written::Committed(sent + Nanos::from_millis(10));
        self.matcher.closed(0, Closed::new(sequence, written), &mut self.recorder);
        if let Some(millis) = observed_ms {
            self.arrive(sequence, millis);
        }
    }

    /// A row that was written arrives.
    pub(crate) fn arrive(&mut self, sequence: u64, millis: i64) {
        self.matcher.event(arrival(sequence, millis, true), &mut self.recorder);
    }

    /// A row that was written arrives and says this.
    pub(crate) fn arrive_with(&mut self, sequence: u64, millis: i64, says: Content) {
        let mut event = arrival(sequence, millis, true);
        if let Change::Stamped { content, .. } = &mut event.change {
            *content = says;
        }
        self.matcher.event(event, &mut self.recorder);
    }

    /// A row that was written arrives with the marks that the pipeline left.
    pub(crate) fn arrive_marked(&mut self, sequence: u64, millis: i64, marks: Marks) {
        let event = Event { marks: Some(Box::new(marks)), ..arrival(sequence, millis, true) };
        self.matcher.event(event, &mut self.recorder);
    }

    /// A row that was written arrives at a time that cannot be believed.
    pub(crate) fn arrive_unmeasured(&mut self, sequence: u64, millis: i64) {
        self.matcher.event(arrival(sequence, millis, false), &mut self.recorder);
    }

    /// An operation that PostgreSQL would not take.
    pub(crate) fn never_sent(&mut self, sequence: u64, intended_ms: i64) {
        let operation = NotSent {
            sequence,
            phase: Phase::Run,
            scenario: 0,
            entity: 0,
            operation: Operation::Create,
            key: Some(sequence.to_string()),
            group: None,
            stage: None,
            intended: UnixNanos::from_millis(intended_ms),
            cause: NotSentCause::NotConnected,
        };
        self.matcher.not_sent(0, &operation, &mut self.recorder);
    }

    /// A second has passed.
    pub(crate) fn tick(&mut self, now_ms: i64) {
        self.facts.now = UnixNanos::from_millis(now_ms);
        self.matcher.passed(0, self.facts.now);
        watch(&self.test, &self.matcher, &mut self.recorder, &mut self.watcher, &self.facts);
    }

    /// One more row, whose time of arrival cannot be believed.
    pub(crate) fn unmeasured(mut self, sequence: u64) -> Self {
        self.row(opened(sequence, 0), None);
        self.matcher.event(arrival(sequence, 50, false), &mut self.recorder);
        self
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        snapshot(&self.test, &self.matcher, &self.recorder, &self.watcher, &self.facts)
    }

    /// As it is after the drain.
    pub(crate) fn close(mut self) -> Snapshot {
        self.matcher.close(&mut self.recorder);
        self.facts.closed = true;
        watch(&self.test, &self.matcher, &mut self.recorder, &mut self.watcher, &self.facts);
        self.snapshot()
    }
}

/// A test file with its model.
pub(crate) fn read(test: &str, model: &str) -> Test {
    let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
    let (test, model) = (source("test.toml", test), source("model.toml", model));
    parse(&test, Scale::default(), Scale::default(), |_| Ok(model)).expect("a test file that is right").0
}

/// A create sent at so many milliseconds.
pub(crate) fn opened(sequence: u64, sent_ms: i64) -> Opened {
    let sent = UnixNanos::from_millis(sent_ms);
    Opened {
        sequence,
        phase: Phase::Run,
        scenario: 0,
        entity: 0,
        operation: Operation::Create,
        key: Some(sequence.to_string()),
        group: None,
        stage: None,
        content: Vec::new(),
        check: Vec::new(),
        intended: sent,
        connection_wait: Nanos::ZERO,
        sent,
        stamped: sent,
        deadline: sent + Nanos::from_secs(1),
    }
}

fn arrival(sequence: u64, millis: i64, measured: bool) -> Event {
    let stamp = Stamp { run: RunId::from_bits(1), writer: 0, sequence, sent: UnixNanos(0) };
    let change = Change::Stamped { entity: 0, stamp, content: Content::default(), document: None };
    Event {
        observed: UnixNanos::from_millis(millis),
        measured,
        wall: Some(UnixNanos(0)),
        marks: None,
        change,
    }
}

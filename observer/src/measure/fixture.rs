//! A small run of the shipped test for tests: rows sent at 0, committed at 10 ms, observed when the test says.

use std::collections::BTreeMap;

use streamgauge_shared::account::{Operation, Phase};
use streamgauge_shared::clock::ClockDomain;
use streamgauge_shared::ledger::{Closed, Opened, Process, ScenarioLoad, Written};
use streamgauge_shared::stamp::{RunId, Stamp};
use streamgauge_shared::test_file::{Scale, Source, Test, parse};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::{Evidence, Facts, Recorder, Snapshot, WriterFacts, snapshot};
use crate::matcher::{Change, Content, Event, Matcher, Parts, Slices};

/// A run whose facts a test may change before it takes the snapshot.
pub(crate) struct Fixture {
    pub(crate) test: Test,
    pub(crate) matcher: Matcher,
    pub(crate) recorder: Recorder,
    pub(crate) facts: Facts,
}

impl Fixture {
    /// Creates, each observed after so many milliseconds or not at all.
    pub(crate) fn new(observed_ms: &[Option<i64>]) -> Self {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let test = source("e2e-latency.toml", include_str!("../../../scenarios/e2e-latency.toml"));
        let model = source("shop.toml", include_str!("../../../scenarios/models/shop.toml"));
        let test =
            parse(&test, Scale::default(), Scale::default(), |_| Ok(model)).expect("the shipped test").0;
        let (parts, slices) = (Parts::of(&test), Slices::of(&test));
        let mut matcher = Matcher::new(RunId::from_bits(1), parts, slices, 1, test.lost_after);
        let mut recorder = Recorder::new(&test);
        for (sequence, observed) in (0..).zip(observed_ms) {
            write(&mut matcher, &mut recorder, sequence);
            if let Some(millis) = observed {
                matcher.event(arrival(sequence, *millis, true), &mut recorder);
            }
        }
        let facts = Facts {
            now: UnixNanos::from_millis(2_000),
            run: "000000000001".into(),
            started_at: UnixNanos(0),
            seed: 0,
            versions: BTreeMap::new(),
            clock_domain: ClockDomain::SameKernel,
            loads: vec![ScenarioLoad::default()],
            writers: vec![WriterFacts { up: true, ..WriterFacts::default() }],
            observer: Process::default(),
            observer_errors: 0,
            missing_entries: 0,
            evidence: Evidence::default(),
            cause: None,
            aborted: false,
            closed: false,
        };
        Self { test, matcher, recorder, facts }
    }

    /// One more row, whose time of arrival cannot be believed.
    pub(crate) fn unmeasured(mut self, sequence: u64) -> Self {
        write(&mut self.matcher, &mut self.recorder, sequence);
        self.matcher.event(arrival(sequence, 50, false), &mut self.recorder);
        self
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        snapshot(&self.test, &self.matcher, &self.recorder, &self.facts)
    }

    /// As it is after the drain.
    pub(crate) fn close(mut self) -> Snapshot {
        self.matcher.close(&mut self.recorder);
        self.facts.closed = true;
        self.snapshot()
    }
}

fn write(matcher: &mut Matcher, recorder: &mut Recorder, sequence: u64) {
    let opened = Opened {
        sequence,
        phase: Phase::Run,
        scenario: 0,
        entity: 0,
        operation: Operation::Create,
        key: sequence.to_string(),
        group: None,
        stage: None,
        digest: None,
        check: None,
        intended: UnixNanos(0),
        connection_wait: Nanos::ZERO,
        sent: UnixNanos(0),
        deadline: UnixNanos::from_millis(1_000),
    };
    matcher.opened(0, opened, recorder);
    let written = Written::Committed(UnixNanos::from_millis(10));
    matcher.closed(0, Closed { sequence, written }, recorder);
}

fn arrival(sequence: u64, millis: i64, measured: bool) -> Event {
    let stamp = Stamp { run: RunId::from_bits(1), writer: 0, sequence, sent: UnixNanos(0) };
    let change = Change::Stamped { entity: 0, stamp, content: Content::Unchecked, checks: Vec::new() };
    Event { observed: UnixNanos::from_millis(millis), measured, wall: Some(UnixNanos(0)), change }
}

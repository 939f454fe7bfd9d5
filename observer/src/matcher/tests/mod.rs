//! The matcher on histories with a known truth.

mod bounds;
mod cases;
mod checks;
mod interleavings;
mod learned;
mod made;
mod model;

use std::collections::{BTreeMap, HashMap};

use streamgauge_shared::account::{EventKind, Operation};
use streamgauge_shared::content::ColumnDigest;
use streamgauge_shared::ledger::{Awaited, Closed, NotSentCause, Opened, Written};
use streamgauge_shared::stamp::Stamp;

use super::*;
use crate::stream::{Change, Content, Event};

const RUN: RunId = RunId::from_bits(0xc0ffee);
const SECOND: i64 = 1_000_000_000;
const MILLI: i64 = 1_000_000;

/// Remembers what it is told.
#[derive(Default)]
struct Heard {
    e2e: Vec<i64>,
    unmeasured: u64,
    propagation: Vec<i64>,
    settled: HashMap<u64, bool>,
    duplicates: BTreeMap<u64, u32>,
    done: BTreeMap<u64, Outcome>,
    sent: u64,
    not_expected: u64,
    lags: u64,
    /// Sequences of what was never sent, with their intended times.
    never_sent: Vec<(u64, i64)>,
}

impl Sink for Heard {
    fn latency(&mut self, _: Place, latency: Latency, reading: Reading, _: UnixNanos) {
        match (latency, reading.measured()) {
            (Latency::CdcE2eLatency, Some(value)) => self.e2e.push(value.0),
            (Latency::CdcE2eLatency, None) => self.unmeasured += 1,
            (Latency::CdcPropagation, Some(value)) => self.propagation.push(value.0),
            (Latency::ScheduleLag, _) => self.lags += 1,
            _ => {}
        }
    }
    fn sent(&mut self, _: UnixNanos) {
        self.sent += 1;
    }
    fn not_sent(&mut self, _: u16, _: Place, operation: &NotSent) {
        self.never_sent.push((operation.sequence, operation.intended.0));
    }
    fn not_expected(&mut self, _: Place, _: UnixNanos) {
        self.not_expected += 1;
    }
    fn sent_again(&mut self, _: UnixNanos, _: UnixNanos) {}
    fn arrived(&mut self, _: UnixNanos, _: Option<UnixNanos>) {}
    fn settled(&mut self, _: u16, sequence: u64, arrived: bool) {
        self.settled.insert(sequence, arrived);
    }
    fn duplicate(&mut self, _: u16, sequence: u64) {
        *self.duplicates.entry(sequence).or_default() += 1;
    }
    fn done(&mut self, _: u16, sequence: u64, entry: &Entry) {
        assert_eq!(self.done.insert(sequence, entry.outcome), None, "an operation is done once");
    }
}

/// The first column says this.
const fn says(digest: u32) -> ColumnDigest {
    ColumnDigest { column: 0, digest }
}

fn matcher() -> Matcher {
    Matcher::new(RUN, SeriesIndex::new(1, 1), Slices::default(), 1, Nanos::from_secs(600))
}

fn opened(sequence: u64, operation: Operation, key: &str, sent: i64) -> Opened {
    Opened {
        sequence,
        phase: Phase::Run,
        scenario: 0,
        entity: 0,
        operation,
        key: Some(key.into()),
        group: None,
        stage: None,
        content: vec![says(7)],
        check: Vec::new(),
        intended: UnixNanos(sent - 10),
        connection_wait: Nanos(1),
        sent: UnixNanos(sent),
        stamped: UnixNanos(sent),
        deadline: UnixNanos(sent + 5 * SECOND),
    }
}

fn committed(sequence: u64, at: i64) -> Closed {
    Closed::new(sequence, Written::Committed(UnixNanos(at)))
}

fn row(sequence: u64, observed: i64) -> Event {
    let stamp = Stamp { run: RUN, writer: 0, sequence, sent: UnixNanos(0) };
    let change = Change::Stamped { entity: 0, stamp, content: Content::saying(&[says(7)]), document: None };
    Event { observed: UnixNanos(observed), measured: true, wall: None, marks: None, change }
}

fn gone(key: &str, observed: i64) -> Event {
    let change = Change::Deleted { entity: 0, key: key.into() };
    Event { observed: UnixNanos(observed), measured: true, wall: None, marks: None, change }
}

/// Outcomes and kinds that are not zero, by name.
fn sums(matcher: &Matcher) -> BTreeMap<&'static str, u64> {
    let (account, events) = (matcher.total(Phase::Run), matcher.events(Phase::Run));
    let outcomes = Outcome::ALL.into_iter().map(|outcome| (outcome.name(), account.count(outcome)));
    let kinds = EventKind::ALL.into_iter().map(|kind| (kind.name(), events.count(kind)));
    outcomes.chain(kinds).filter(|(_, count)| *count > 0).collect()
}

fn expect(matcher: &Matcher, expected: &[(&'static str, u64)]) {
    matcher.assert_sums(false);
    assert_eq!(sums(matcher), expected.iter().copied().collect());
}

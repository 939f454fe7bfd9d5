//! One history at full size: more rows are lost than a matcher remembers.

use std::sync::Arc;

use streamgauge_observer::intake::FromWriter;
use streamgauge_observer::matcher::Bounds;
use streamgauge_observer::run::Input;
use streamgauge_shared::account::{Operation, Phase};
use streamgauge_shared::ledger::{Closed, End, Opened, Record, Status, ToObserver, Written};
use streamgauge_shared::report::Report;
use streamgauge_shared::test_file::Test;
use streamgauge_shared::time::{Nanos, UnixNanos};

use crate::agenda::MS;
use crate::observer::Observer;
use crate::truth::Truth;
use crate::writer::Writer;

/// Operations in a millisecond.
const EACH_MS: u64 = 20;

/// A load of so many creates, of which nothing ever arrives, each given up after a second; the final report, and how
/// many the matcher had forgotten by then.
///
/// # Panics
/// When a sum does not close.
#[must_use]
pub fn flood(mut test: Test, operations: u64) -> (Report, u64) {
    test.lost_after = Nanos::from_secs(1);
    test.drain = Nanos::from_secs(2);
    let writers = [Writer::new(0, 0, 0)];
    let mut observer = Observer::new(Arc::new(test), &writers, false, Bounds::default());
    let mut truth = Truth { loads: vec![Default::default()], ended: vec![false], ..Truth::default() };
    observer.attach(0, 0, 1, &mut truth);
    let mut number = 0;
    let mut numbered = |record| {
        number += 1;
        ToObserver::Record { number: number - 1, record }
    };
    let (mut sequence, mut now) = (0, 0);
    while sequence < operations {
        now += MS;
        let at = UnixNanos(now);
        let mut messages = Vec::new();
        for _ in 0..EACH_MS.min(operations - sequence) {
            messages.push(numbered(Record::Opened(opened(sequence, at))));
            messages.push(numbered(Record::Closed(Closed::new(sequence, Written::Committed(at)))));
            sequence += 1;
        }
        observer.take(now, FromWriter::Messages { writer: 0, messages }, &mut truth);
        if now % (100 * MS) == 0 {
            observer.take(now, Input::Tick, &mut truth);
        }
    }
    let status = Status { queued_at: UnixNanos(now), ..Status::default() };
    let end = numbered(Record::End(Box::new(End { operations, cause: None, status })));
    observer.take(now, FromWriter::Messages { writer: 0, messages: vec![end] }, &mut truth);
    while !observer.core.is_over(UnixNanos(now)) {
        now += 100 * MS;
        observer.take(now, Input::Tick, &mut truth);
    }
    let snapshot = observer.close(now, &mut truth);
    observer.matcher().assert_sums(true);
    (snapshot.report.clone(), observer.matcher().limits().lost_forgotten)
}

fn opened(sequence: u64, at: UnixNanos) -> Opened {
    Opened {
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
        deadline: at + Nanos::from_secs(1),
    }
}

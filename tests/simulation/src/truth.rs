//! What happened, and what has to be said of it: the second reading, in simple loops over the whole history.

use streamgauge_shared::account::{EventKind, Operation, Outcome, Phase};
use streamgauge_shared::ledger::{ScenarioLoad, Written};
use streamgauge_shared::time::UnixNanos;

/// An operation and its history. Steps number what the observer's core was given, in order.
#[derive(Clone, Debug)]
pub(crate) struct Op {
    pub(crate) writer: usize,
    pub(crate) sequence: u64,
    pub(crate) row: usize,
    /// The database makes its key, and only what committed says it.
    pub(crate) by_database: bool,
    pub(crate) operation: Operation,
    pub(crate) phase: Phase,
    /// It got no session.
    pub(crate) not_sent: bool,
    /// The probe of a capacity search that it is of.
    pub(crate) probe: Option<u32>,
    /// It is the first of its iteration, which goes on after a pause.
    pub(crate) goes_on: bool,
    pub(crate) attempts: u32,
    /// The true time of the last attempt.
    pub(crate) sent_at: i64,
    /// Its stamp, on the writer's clock.
    pub(crate) stamped: UnixNanos,
    /// The records of its attempts as they reached the core, moved to the observer's clock.
    pub(crate) opened: Vec<Opening>,
    pub(crate) closed: Option<(u64, Written)>,
    /// Deadlines of awaits, with their steps.
    pub(crate) awaited: Vec<(u64, UnixNanos)>,
    /// Its events as they reached the core.
    pub(crate) events: Vec<Arrival>,
    /// Whether the pipeline changes its content.
    pub(crate) corrupt: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) step: u64,
    pub(crate) sent: UnixNanos,
    pub(crate) stamped: UnixNanos,
    pub(crate) deadline: UnixNanos,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) step: u64,
    pub(crate) observed: UnixNanos,
    pub(crate) measured: bool,
    /// The number of the row's document.
    pub(crate) document: u32,
}

/// The whole history.
#[derive(Default)]
pub(crate) struct Truth {
    pub(crate) ops: Vec<Op>,
    pub(crate) step: u64,
    /// When time passed for the core: step and time.
    pub(crate) advances: Vec<(u64, UnixNanos)>,
    pub(crate) foreign: u64,
    pub(crate) undecodable: u64,
    /// The step of the close.
    pub(crate) close: Option<u64>,
    pub(crate) lost_after_ns: i64,
    /// The sink chooses the documents' keys: deletes are known by what their rows' other events said.
    pub(crate) by_sink: bool,
    /// By writer: its load as it last said, and whether it said that it was over.
    pub(crate) loads: Vec<ScenarioLoad>,
    pub(crate) ended: Vec<bool>,
    /// A user who interrupted twice does not wait for a drain.
    pub(crate) stopped: bool,
}

/// What has to be said of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    /// Of an arrival: its kind, latency and whether that counts.
    pub(crate) arrival: Option<(EventKind, i64, bool)>,
}

impl Op {
    /// Whether it arrived as it was written, if that can be told: of a row whose key the database made only what it
    /// answered says what should have arrived.
    pub(crate) fn data_matches(&self, arrived: bool) -> Option<bool> {
        let is_known = match self.closed {
            Some((_, Written::Committed(_))) => true,
            _ => !self.makes_its_key(),
        };
        (arrived && is_known && self.operation != Operation::Delete).then_some(!self.corrupt)
    }

    /// Whether its key is not known before PostgreSQL has answered.
    pub(crate) fn makes_its_key(&self) -> bool {
        self.by_database && self.operation == Operation::Create
    }
}

impl Truth {
    /// At the close a delete that the ledger does not hold is told from one on the same row whose answer never came by
    /// nothing: the event that is there is taken for that one's.
    pub(crate) fn adopt_deletes(&mut self) {
        for index in 0..self.ops.len() {
            let op = &self.ops[index];
            if op.operation != Operation::Delete || !op.opened.is_empty() || op.events.is_empty() {
                continue;
            }
            let (row, writer) = (op.row, op.writer);
            let unanswered = self.ops.iter().position(|other| {
                (other.row, other.writer, other.operation) == (row, writer, Operation::Delete)
                    && !other.opened.is_empty()
                    && other.closed.is_none()
                    && other.events.is_empty()
            });
            if let Some(unanswered) = unanswered {
                self.ops[unanswered].events = std::mem::take(&mut self.ops[index].events);
            }
        }
    }

    /// When it was known which row a document is: with the first event of an operation that made or changed it, and what
    /// its row is called.
    fn learned(&self, op: &Op, document: u32) -> Option<u64> {
        let of_document = |other: &&Op| {
            let first = other.events.first().map(|event| event.document);
            (other.row, other.writer) == (op.row, op.writer)
                && other.operation != Operation::Delete
                && first == Some(document)
        };
        self.ops.iter().filter(of_document).filter_map(|other| self.learns(other)).min()
    }

    /// When an operation's first event said which row its document is.
    fn learns(&self, op: &Op) -> Option<u64> {
        if op.operation == Operation::Delete {
            return None;
        }
        let (step, ..) = self.arrived_at(op)?;
        match op.closed {
            _ if !op.makes_its_key() => Some(step),
            Some((closed, Written::Committed(_))) => Some(step.max(closed)),
            _ => None,
        }
    }

    /// Whether an event of a delete has been told from a foreign one, and since when.
    pub(crate) fn known_since(&self, op: &Op, event: &Arrival) -> Option<u64> {
        if !self.by_sink || op.operation != Operation::Delete {
            return Some(event.step);
        }
        // At the close deletes are let go before anything else is learned.
        let is_open = |step: &u64| self.close.is_none_or(|close| *step < close);
        self.learned(op, event.document).map(|learned| learned.max(event.step)).filter(is_open)
    }

    /// Whether an operation was given up as one whose event could not be known: the delete of a row of which no document
    /// was.
    pub(crate) fn is_withdrawn(&self, op: &Op) -> bool {
        if !self.by_sink || op.operation != Operation::Delete || op.opened.is_empty() {
            return false;
        }
        let Some(given_up) = self.given_up(op).or(self.close) else { return false };
        let is_settled =
            matches!(op.closed, Some((step, Written::Rejected | Written::Unknown)) if step < given_up);
        let of_row = self.ops.iter().filter(|other| (other.row, other.writer) == (op.row, op.writer));
        let learned = of_row.filter_map(|other| self.learns(other)).min();
        !is_settled && learned.is_none_or(|learned| learned > given_up)
    }

    /// When an operation's first event and a record that explains it were both here.
    fn arrived_at(&self, op: &Op) -> Option<(u64, Arrival, Opening, bool)> {
        if self.is_withdrawn(op) {
            return None;
        }
        let known = op.events.iter().filter_map(|event| Some((self.known_since(op, event)?, *event)));
        let (known, first) = known.min_by_key(|(known, _)| *known)?;
        let whole = op.opened.iter().find(|opening| opening.stamped == op.stamped);
        match (whole, self.close) {
            // Deletes carry no stamp: PostgreSQL's answer explains them, or the close does.
            (_, close) if op.operation == Operation::Delete => {
                let answered = op.closed.map(|(step, _)| step).or(close)?;
                Some((known.max(answered), first, *op.opened.last()?, true))
            }
            (Some(opening), _) => Some((first.step.max(opening.step), first, *opening, true)),
            // The last attempt's record never came; the close does with what there is, unmeasured.
            (None, Some(close)) => Some((close, first, *op.opened.last()?, false)),
            (None, None) => None,
        }
    }

    /// What has to be said of an operation by now; nothing if no record of it has come.
    pub(crate) fn verdict(&self, index: usize) -> Option<Verdict> {
        let op = &self.ops[index];
        op.opened.first()?;
        if self.is_withdrawn(op) {
            return None;
        }
        let later = |step: u64| {
            self.later_ones(op)
                .any(|other| self.arrived_at(other).is_some_and(|(arrived, ..)| arrived < step))
        };
        if let Some((step, event, opening, whole)) = self.arrived_at(op) {
            let awaited = op.awaited.iter().rfind(|(at, _)| *at < step).map(|(_, deadline)| *deadline);
            let deadline = awaited.unwrap_or(opening.deadline);
            let outcome = if event.observed <= deadline { Outcome::Delivered } else { Outcome::Late };
            let kind = if later(step) { EventKind::OutOfOrder } else { EventKind::First };
            let latency = (event.observed - opening.sent).0;
            return Some(Verdict { outcome, arrival: Some((kind, latency, event.measured && whole)) });
        }
        let outcome = match op.closed {
            Some((_, Written::Rejected)) => Outcome::Rejected,
            Some((_, Written::Unknown)) => Outcome::Unknown,
            _ => {
                let lost = self.given_up(op);
                if later(lost.unwrap_or(u64::MAX)) {
                    Outcome::Superseded
                } else if lost.is_some() || self.close.is_some() {
                    Outcome::Lost
                } else {
                    Outcome::Pending
                }
            }
        };
        Some(Verdict { outcome, arrival: None })
    }

    fn later_ones<'a>(&'a self, op: &'a Op) -> impl Iterator<Item = &'a Op> {
        self.ops.iter().filter(move |other| {
            (other.row, other.writer) == (op.row, op.writer) && other.sequence > op.sequence
        })
    }

    /// The step at which it had not arrived for too long.
    fn given_up(&self, op: &Op) -> Option<u64> {
        let is_old = |step: u64, now: UnixNanos| {
            let opening = op.opened.iter().rfind(|opening| opening.step < step);
            opening.is_some_and(|opening| (now - opening.sent).0 >= self.lost_after_ns)
        };
        self.advances.iter().find(|(step, now)| is_old(*step, *now)).map(|(step, _)| *step)
    }

    /// The age of what has not arrived, if it counts in percentiles.
    pub(crate) fn age(&self, index: usize, verdict: &Verdict, now: UnixNanos) -> Option<i64> {
        let counts = matches!(verdict.outcome, Outcome::Pending | Outcome::Lost | Outcome::Unknown);
        let sent = self.ops[index].opened.last()?.sent;
        (counts && verdict.arrival.is_none()).then(|| (now - sent).0.max(0))
    }

    /// Lost deletes of rows whose create is lost too.
    pub(crate) fn no_row(&self) -> u64 {
        let lost = |index: usize| self.verdict(index).is_some_and(|verdict| verdict.outcome == Outcome::Lost);
        let created = |op: &Op| {
            self.ops.iter().position(|other| {
                (other.row, other.writer, other.operation) == (op.row, op.writer, Operation::Create)
            })
        };
        let is_no_row = |(index, op): &(usize, &Op)| {
            op.operation == Operation::Delete
                && op.phase == Phase::Run
                && lost(*index)
                && created(op)
                    .and_then(|create| self.verdict(create))
                    .is_some_and(|create| create.arrival.is_none())
        };
        self.ops.iter().enumerate().filter(is_no_row).count() as u64
    }
}

/// The value of a rank in sorted values; ranks count from 1, as HdrHistogram's do.
pub(crate) fn quantile(sorted: &[i64], per_mille: u64) -> Option<i64> {
    let count = sorted.len() as u64;
    let rank = (per_mille * count).div_ceil(1_000).max(1);
    sorted.get(usize::try_from(rank).ok()? - 1).copied()
}

//! One operation: get a session, take a sequence, open it in the ledger, write, close it.
//!
//! From the moment a sequence is taken the operation is carried through to a `closed` record, whatever
//! happens: sequences are dense, and the observer waits for each. An operation that became runnable and got no
//! session takes a sequence as well: its only record says that it was not sent. There is one attempt to connect;
//! whatever PostgreSQL says to it, the load goes on, because the start of the run has shown that a session can be
//! had: what refuses it now is an outage, which the run measures. A delete of which the model expects no event
//! takes no sequence: it is written and counted, and the ledger does not know of it.

use std::sync::atomic::Ordering;

use streamgauge_shared::account::{Operation, Phase};
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::ledger::{Closed, Made, NotSent, NotSentCause, Opened, Record, Written};
use streamgauge_shared::test_file::{Deletes, Setting};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::attempt::{Attempt, Payload, send};
use super::iteration::Iteration;
use super::{Context, LoadState, reached};
use crate::entity::{self, Maker, Value};
use crate::halt::How;
use crate::postgres::changed;
use crate::rows::Values;

/// What is to be written.
pub(super) enum Statement<'a> {
    /// A new row; `set` takes precedence over the model's generators, `parents` has the value of each column
    /// that refers to another row.
    Insert { set: &'a [Setting], parents: &'a [(usize, Value)] },
    /// The row that says this changes.
    Update { set: &'a [Setting], before: &'a Values },
    /// The row that says this goes.
    Delete { row: &'a Values },
}

/// An operation that is due.
pub(super) struct Write<'a> {
    pub(super) entity: usize,
    pub(super) group: Option<u16>,
    pub(super) check: Option<u16>,
    pub(super) statement: Statement<'a>,
}

/// How an operation ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// It committed; the row says this, or said it if it was deleted.
    Committed(Vec<Value>),
    /// There was no session: it was not sent.
    NotConnected,
    /// The load's end cut the wait for a session, or came before it: it was not sent.
    Cut,
    /// It did not commit, and the row is as it was.
    Rejected,
    /// It committed and touched no row.
    Missing,
    /// Whether it committed cannot be known.
    Unknown,
}

impl<'a> Write<'a> {
    /// Of no group and without a check.
    pub(super) fn of(entity: usize, statement: Statement<'a>) -> Self {
        Self { entity, group: None, check: None, statement }
    }

    /// Carries it out; committed or not, the ledger knows, unless it has no sequence: it was not sent at all, or is not expected
    /// to be seen.
    pub(super) async fn carry_out(
        self,
        iteration: &mut Iteration<'_>,
        intended: UnixNanos,
    ) -> (Option<u64>, Ended) {
        let context = iteration.context;
        // For a session, and then for the statement's answer.
        let _waiting = context.counts[iteration.scenario].wait();
        if *iteration.state.borrow() == LoadState::Cut {
            // The load was over before it became runnable.
            return (None, Ended::Cut);
        }
        let asked = context.clock.now();
        let lease = tokio::select! {
            biased;
            () = reached(iteration.state, LoadState::Cut) => {
                return (self.not_sent(iteration, intended, NotSentCause::Cut), Ended::Cut);
            }
            lease = context.pool.acquire() => lease,
        };
        let lease = match lease {
            Ok(lease) => lease,
            Err(error) => {
                context.write_failed(|| error.to_string());
                if let Some(sessions) = &mut iteration.sessions {
                    sessions.missing(asked);
                }
                let sequence = self.not_sent(iteration, intended, NotSentCause::NotConnected);
                return (sequence, Ended::NotConnected);
            }
        };
        // Not one wait between here and the ledger's record.
        let connected = context.clock.now();
        if let Some(sessions) = &mut iteration.sessions {
            sessions.found(connected);
        }
        let sequence = self.take_sequence(context);
        let mut payload = self.payload(iteration, sequence.unwrap_or_default());
        let mut opened = self.open(iteration, &payload, sequence.unwrap_or_default(), intended);
        opened.connection_wait = connected - asked;
        let sent = send(context, iteration.state, lease, &payload, opened).await;
        let refusal = sent.refusal();
        let (written, made, ended) = match sent {
            Attempt::Committed(at, filled) => {
                let made = self.learn(context, &mut payload, filled);
                (Written::Committed(at), made, Ended::Committed(payload.values))
            }
            Attempt::Missing => (Written::Rejected, None, Ended::Missing),
            Attempt::Unknown => (Written::Unknown, None, Ended::Unknown),
            // The last attempt is known not to have committed.
            Attempt::Rejected(_) | Attempt::Retry(_) | Attempt::Elsewhere(_) => {
                (Written::Rejected, None, Ended::Rejected)
            }
        };
        // As the account: of the measured phase, and of what the ledger knows.
        if iteration.phase == Phase::Run
            && sequence.is_some()
            && let Some(refusal) = refusal
        {
            context.rejections.lock().add(&refusal.cause, &refusal.said);
        }
        match sequence {
            Some(sequence) => context.ledger.record(Record::Closed(Closed { sequence, written, made })),
            None if iteration.phase == Phase::Run && matches!(ended, Ended::Committed(_)) => {
                context.counts[iteration.scenario].delete_unexpected();
            }
            None => {}
        }
        (sequence, ended)
    }

    /// The row's values are whole, and so is what the ledger knows of it; nothing where the database filled none.
    fn learn(
        &self,
        context: &Context,
        payload: &mut Payload,
        filled: Vec<(usize, Value)>,
    ) -> Option<Box<Made>> {
        if filled.is_empty() {
            return None;
        }
        let columns: Vec<usize> = filled.iter().map(|(index, _)| *index).collect();
        filled.into_iter().for_each(|(index, value)| payload.values[index] = value);
        let entity = &context.test.model.entities[self.entity];
        let check = self.check.map(|index| &context.test.checks[usize::from(index)]);
        entity::made(check, entity, &payload.values, &columns).map(Box::new)
    }

    fn is_expected(&self, context: &Context) -> bool {
        let deletes = context.test.model.entities[self.entity].landing.deletes;
        deletes != Deletes::Ignored || !matches!(self.statement, Statement::Delete { .. })
    }

    /// The next sequence, where the ledger is to know of the operation.
    fn take_sequence(&self, context: &Context) -> Option<u64> {
        self.is_expected(context).then(|| context.sequence.fetch_add(1, Ordering::Relaxed))
    }

    /// Tells the ledger of an operation that cannot be sent; returns its sequence.
    fn not_sent(&self, iteration: &Iteration<'_>, intended: UnixNanos, cause: NotSentCause) -> Option<u64> {
        let context = iteration.context;
        let sequence = self.take_sequence(context)?;
        let payload = self.payload(iteration, sequence);
        let entity = &context.test.model.entities[self.entity];
        context.ledger.record(Record::NotSent(NotSent {
            sequence,
            phase: iteration.phase,
            scenario: narrow(iteration.scenario),
            entity: narrow(self.entity),
            operation: payload.operation,
            key: entity::canonical_key(entity, &payload.values),
            group: self.group,
            stage: iteration.load_stage,
            intended,
            cause,
        }));
        Some(sequence)
    }

    fn payload(&self, iteration: &Iteration<'_>, sequence: u64) -> Payload {
        let context = iteration.context;
        let entity = &context.test.model.entities[self.entity];
        let number = match self.statement {
            Statement::Insert { .. } => self.number(context),
            Statement::Update { .. } | Statement::Delete { .. } => None,
        };
        let maker = Maker { seeds: context.seeds, sequence, number, author: iteration.author };
        let (values, operation, changed) = match self.statement {
            Statement::Insert { set, parents } => {
                (maker.create(entity, set, parents), Operation::Create, Vec::new())
            }
            Statement::Update { set, before } => {
                (maker.update(entity, set, before), Operation::Update, changed(set))
            }
            Statement::Delete { row } => (row.to_vec(), Operation::Delete, Vec::new()),
        };
        let is_expected = self.is_expected(context);
        Payload { entity: self.entity, operation, is_expected, changed, values }
    }

    /// The number of a new row, where its key is made of a sequence. Once they are used up the load ends: PostgreSQL
    /// refuses the rows that share the last one.
    fn number(&self, context: &Context) -> Option<i64> {
        let number = context.numbers.next(self.entity)?;
        if number.used_up {
            let sentence = format!(
                "the numbers of entity '{}' are used up at {}: give its key the type bigint, or make fewer rows",
                context.test.model.entities[self.entity].name, number.value
            );
            context.halt.order(How::Cut, Failure::run(sentence));
        }
        Some(number.value)
    }

    /// The record of an operation that is about to be sent; what is read anew for each attempt is left open.
    fn open(
        &self,
        iteration: &Iteration<'_>,
        payload: &Payload,
        sequence: u64,
        intended: UnixNanos,
    ) -> Opened {
        let context = iteration.context;
        let entity = &context.test.model.entities[self.entity];
        let has_content = payload.operation != Operation::Delete;
        let check = self.check.filter(|_| has_content).map(|index| {
            let check = &context.test.checks[usize::from(index)];
            entity::expected(check, entity, &payload.values)
        });
        Opened {
            sequence,
            phase: iteration.phase,
            scenario: narrow(iteration.scenario),
            entity: narrow(self.entity),
            operation: payload.operation,
            key: entity::canonical_key(entity, &payload.values),
            group: self.group,
            stage: iteration.load_stage,
            content: if has_content { entity::content(entity, &payload.values) } else { Vec::new() },
            check: check.unwrap_or_default(),
            intended,
            connection_wait: Nanos::ZERO,
            sent: UnixNanos::default(),
            stamped: UnixNanos::default(),
            deadline: UnixNanos::default(),
        }
    }
}

fn narrow(index: usize) -> u16 {
    u16::try_from(index).expect("test files have fewer than 65536 tables")
}

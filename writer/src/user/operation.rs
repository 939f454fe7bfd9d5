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

use super::attempt::{Attempt, Payload, Refusal, send};
use super::iteration::Iteration;
use super::{Context, LoadState, reached};
use crate::entity::{self, Maker, Value};
use crate::halt::How;
use crate::postgres::{Lease, changed};
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

/// What tells an operation apart. It is the same for every attempt, also where a transaction is sent again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    /// Nothing for one that the ledger does not know of.
    pub(super) sequence: Option<u64>,
    /// Of a new row whose key is made of a sequence.
    number: Option<i64>,
    intended: UnixNanos,
    /// For a session, before its first attempt.
    connection_wait: Nanos,
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
    /// Its transaction is rolled back, and is to be sent again.
    Again,
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
        let asked = context.clock.now();
        let lease = match self.session(iteration, intended).await {
            Ok(lease) => lease,
            Err(not_sent) => return not_sent,
        };
        // Not one wait between here and the ledger's record.
        let connection_wait = context.clock.now() - asked;
        let identity = self.identity(context, intended, connection_wait);
        let (mut payload, opened) = self.ready(iteration, identity);
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
        close(iteration, identity.sequence, written, made, refusal.as_ref());
        (identity.sequence, ended)
    }

    /// A session; or how the operation ended without one, which the ledger then knows.
    pub(super) async fn session<'c>(
        &self,
        iteration: &mut Iteration<'c>,
        intended: UnixNanos,
    ) -> Result<Lease<'c>, (Option<u64>, Ended)> {
        let context = iteration.context;
        if *iteration.state.borrow() == LoadState::Cut {
            // The load was over before it became runnable.
            return Err((None, Ended::Cut));
        }
        let asked = context.clock.now();
        let lease = tokio::select! {
            biased;
            () = reached(iteration.state, LoadState::Cut) => {
                return Err((self.not_sent(iteration, intended, NotSentCause::Cut), Ended::Cut));
            }
            lease = context.pool.acquire() => lease,
        };
        match lease {
            Ok(lease) => {
                if let Some(sessions) = &mut iteration.sessions {
                    sessions.found(context.clock.now());
                }
                Ok(lease)
            }
            Err(error) => {
                context.write_failed(|| error.to_string());
                Err(self.without_session(iteration, intended, asked))
            }
        }
    }

    /// There is no session that it could be sent in.
    pub(super) fn without_session(
        &self,
        iteration: &mut Iteration<'_>,
        intended: UnixNanos,
        asked: UnixNanos,
    ) -> (Option<u64>, Ended) {
        if let Some(sessions) = &mut iteration.sessions {
            sessions.missing(asked);
        }
        (self.not_sent(iteration, intended, NotSentCause::NotConnected), Ended::NotConnected)
    }

    /// What tells it apart from now on. Whoever asks for it carries it through to a `closed` record.
    pub(super) fn identity(
        &self,
        context: &Context,
        intended: UnixNanos,
        connection_wait: Nanos,
    ) -> Identity {
        let sequence = self.take_sequence(context);
        Identity { sequence, number: self.number(context), intended, connection_wait }
    }

    /// What is sent, and the record of it; what is read anew for each attempt is left open.
    pub(super) fn ready(&self, iteration: &Iteration<'_>, identity: Identity) -> (Payload, Opened) {
        let payload = self.payload(iteration, identity.sequence.unwrap_or_default(), identity.number);
        let opened = self.open(iteration, &payload, identity);
        (payload, opened)
    }

    /// The row's values are whole, and so is what the ledger knows of it; nothing where the database filled none.
    pub(super) fn learn(
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
        let payload = self.payload(iteration, sequence, self.number(context));
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

    fn payload(&self, iteration: &Iteration<'_>, sequence: u64, number: Option<i64>) -> Payload {
        let context = iteration.context;
        let entity = &context.test.model.entities[self.entity];
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
        if !matches!(self.statement, Statement::Insert { .. }) {
            return None;
        }
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

    fn open(&self, iteration: &Iteration<'_>, payload: &Payload, identity: Identity) -> Opened {
        let context = iteration.context;
        let entity = &context.test.model.entities[self.entity];
        let has_content = payload.operation != Operation::Delete;
        let check = self.check.filter(|_| has_content).map(|index| {
            let check = &context.test.checks[usize::from(index)];
            entity::expected(check, entity, &payload.values)
        });
        Opened {
            sequence: identity.sequence.unwrap_or_default(),
            phase: iteration.phase,
            scenario: narrow(iteration.scenario),
            entity: narrow(self.entity),
            operation: payload.operation,
            key: entity::canonical_key(entity, &payload.values),
            group: self.group,
            stage: iteration.load_stage,
            content: if has_content { entity::content(entity, &payload.values) } else { Vec::new() },
            check: check.unwrap_or_default(),
            intended: identity.intended,
            connection_wait: identity.connection_wait,
            sent: UnixNanos::default(),
            stamped: UnixNanos::default(),
            deadline: UnixNanos::default(),
        }
    }
}

/// Tells the ledger how an operation ended, or counts it where the ledger does not know of it.
pub(super) fn close(
    iteration: &Iteration<'_>,
    sequence: Option<u64>,
    written: Written,
    made: Option<Box<Made>>,
    refusal: Option<&Refusal>,
) {
    let context = iteration.context;
    // As the account: of the measured phase, and of what the ledger knows.
    if iteration.phase == Phase::Run
        && sequence.is_some()
        && written == Written::Rejected
        && let Some(refusal) = refusal
    {
        context.rejections.lock().add(&refusal.cause, &refusal.said);
    }
    match (sequence, written) {
        (Some(sequence), written) => {
            context.ledger.record(Record::Closed(Closed { sequence, written, made }));
        }
        (None, Written::Committed(_)) if iteration.phase == Phase::Run => {
            context.counts[iteration.scenario].delete_unexpected();
        }
        (None, _) => {}
    }
}

fn narrow(index: usize) -> u16 {
    u16::try_from(index).expect("test files have fewer than 65536 tables")
}

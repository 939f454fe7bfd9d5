//! One operation: get a session, take a sequence, open it in the ledger, write, close it.
//!
//! From the moment a sequence is taken the operation is carried through to a `closed` record, whatever
//! happens: sequences are dense, and the observer waits for each.

use std::sync::atomic::Ordering;
use std::time::Duration;

use streamgauge_shared::account::Operation;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::ledger::{Closed, Opened, Record, Written};
use streamgauge_shared::stamp::Stamp;
use streamgauge_shared::test_file::Setting;
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::sync::watch;
use tokio::time::sleep;
use uuid::Uuid;

use super::iteration::{Iteration, Outcome};
use super::{Context, Stage, reached};
use crate::entity::{self, Row};
use crate::halt::How;
use crate::postgres::{Connection, Fate, Lease, describe};

/// How often one operation is sent at most.
const ATTEMPTS_MAX: u32 = 5;
/// The pause before the second attempt; doubled for each further one.
const RETRY_PAUSE: Duration = Duration::from_millis(5);
/// How long a statement in flight is waited for once its iteration was cut.
const IN_FLIGHT_MAX: Duration = Duration::from_secs(10);

/// What is to be written.
pub(super) enum Statement<'a> {
    /// A new row; `set` takes precedence over the model's generators.
    Insert { set: &'a [Setting] },
    /// The row with this key goes.
    Delete { key: Uuid },
}

/// An operation that is due.
pub(super) struct Write<'a> {
    pub(super) entity: usize,
    pub(super) statement: Statement<'a>,
    pub(super) intended: UnixNanos,
}

/// An operation that committed.
pub(super) struct Done {
    pub(super) sequence: u64,
    pub(super) key: Uuid,
}

/// What is sent, the same for every attempt but for its stamp.
enum Payload {
    Insert(Row),
    Delete(Uuid),
}

/// How one attempt ended.
enum Attempt {
    Committed(UnixNanos),
    Retry,
    Rejected,
    Unknown,
}

impl Write<'_> {
    /// Carries it out; committed or not, the ledger knows.
    pub(super) async fn carry_out(self, iteration: &mut Iteration<'_>) -> Result<Done, Outcome> {
        let context = iteration.context;
        let asked = context.clock.now();
        let lease = tokio::select! {
            biased;
            () = reached(iteration.stage, Stage::Cut) => return Err(Outcome::Cut),
            lease = context.pool.acquire() => lease,
        };
        let lease = lease.map_err(|error| {
            context.write_failed(|| error.to_string());
            Outcome::Failed
        })?;
        // Not one wait between here and the ledger's record.
        let connection_wait = context.clock.now() - asked;
        let sequence = context.sequence.fetch_add(1, Ordering::Relaxed);
        let (payload, opened) = self.open(iteration, sequence, connection_wait);
        let key = payload.key();
        let entity = self.entity;
        let written = send(context, iteration.stage, lease, entity, &payload, opened).await;
        context.ledger.record(Record::Closed(Closed { sequence, written }));
        match written {
            Written::Committed(_) => Ok(Done { sequence, key }),
            Written::Rejected | Written::Unknown if *iteration.stage.borrow() == Stage::Cut => {
                Err(Outcome::Cut)
            }
            Written::Rejected | Written::Unknown => Err(Outcome::Failed),
        }
    }

    fn open(&self, iteration: &Iteration<'_>, sequence: u64, connection_wait: Nanos) -> (Payload, Opened) {
        let context = iteration.context;
        let (payload, operation, digest) = match self.statement {
            Statement::Insert { set } => {
                let entity = &context.test.model.entities[self.entity];
                let row = entity::row(context.source, sequence, entity, set, iteration.author);
                let digest = row.digest;
                (Payload::Insert(row), Operation::Create, digest)
            }
            Statement::Delete { key } => (Payload::Delete(key), Operation::Delete, None),
        };
        let narrow = |index: usize| u16::try_from(index).expect("test files have fewer than 65536 tables");
        let opened = Opened {
            sequence,
            phase: iteration.tick.phase,
            scenario: narrow(iteration.tick.scenario),
            entity: narrow(self.entity),
            operation,
            key: entity::canonical_key(&payload.key()),
            group: None,
            stage: None,
            digest,
            check: None,
            intended: self.intended,
            connection_wait,
            // Both are read anew for each attempt.
            sent: UnixNanos::default(),
            deadline: UnixNanos::default(),
        };
        (payload, opened)
    }
}

/// Sends an operation until its fate is known.
async fn send(
    context: &Context,
    stage: &mut watch::Receiver<Stage>,
    lease: Lease<'_>,
    entity: usize,
    payload: &Payload,
    mut opened: Opened,
) -> Written {
    let mut pause = RETRY_PAUSE;
    for attempt in 1..=ATTEMPTS_MAX {
        opened.sent = context.clock.now();
        opened.deadline = opened.sent + context.test.arrival_timeout;
        context.ledger.record(Record::Opened(opened.clone()));
        match attempt_once(context, stage, lease.connection(), entity, payload, &opened).await {
            Attempt::Committed(at) => return Written::Committed(at),
            Attempt::Rejected => return Written::Rejected,
            Attempt::Unknown => {
                lease.discard();
                return Written::Unknown;
            }
            Attempt::Retry if attempt < ATTEMPTS_MAX => {}
            Attempt::Retry => break,
        }
        tokio::select! {
            () = reached(stage, Stage::Cut) => break,
            () = sleep(pause) => pause *= 2,
        }
    }
    // The last attempt is known not to have committed.
    Written::Rejected
}

async fn attempt_once(
    context: &Context,
    stage: &mut watch::Receiver<Stage>,
    connection: &Connection,
    entity: usize,
    payload: &Payload,
    opened: &Opened,
) -> Attempt {
    let source = context.source;
    let stamp =
        Stamp { run: source.run, writer: source.writer, sequence: opened.sequence, sent: opened.sent };
    let execute = async {
        let result = match payload {
            Payload::Insert(row) => connection.insert(entity, row, &stamp).await,
            Payload::Delete(key) => connection.delete(entity, key).await,
        };
        (result, context.clock.now())
    };
    let hung = async {
        reached(stage, Stage::Cut).await;
        sleep(IN_FLIGHT_MAX).await;
    };
    let (result, answered) = tokio::select! {
        biased;
        answer = execute => answer,
        () = hung => {
            context.write_failed(|| format!("no answer within {} s of the load's end", IN_FLIGHT_MAX.as_secs()));
            return Attempt::Unknown;
        }
    };
    let error = match result {
        // A statement that touched no row wrote nothing: there will be no event.
        Ok(0) => return Attempt::Rejected,
        Ok(_) => return Attempt::Committed(answered),
        Err(error) => error,
    };
    context.write_failed(|| describe(&error));
    match Fate::of(&error) {
        Fate::Retryable => Attempt::Retry,
        Fate::Rejected => Attempt::Rejected,
        Fate::Unknown => Attempt::Unknown,
        Fate::Fatal => {
            let sentence = format!("PostgreSQL refuses every write of this kind: {}", describe(&error));
            context.halt.order(How::Cut, Failure::run(sentence));
            Attempt::Rejected
        }
    }
}

impl Payload {
    fn key(&self) -> Uuid {
        match self {
            Self::Insert(row) => row.key,
            Self::Delete(key) => *key,
        }
    }
}

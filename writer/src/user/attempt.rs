//! The attempts of one operation: sent until its fate is known, again where it is known not to have committed.

use std::pin::pin;
use std::time::Duration;

use streamgauge_shared::account::Operation;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::ledger::{NO_ROW, Opened, Record};
use streamgauge_shared::stamp::Stamp;
use streamgauge_shared::time::UnixNanos;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_postgres::Error;

use super::{Context, LoadState, reached};
use crate::entity::Value;
use crate::halt::How;
use crate::postgres::{Connection, Fate, Lease, describe};

/// How long one operation, or one transaction, is sent again and again at most, new sessions included.
pub(super) const RETRY_MAX: Duration = Duration::from_secs(1);
/// The pause before the second attempt; doubled for each further one.
pub(super) const RETRY_PAUSE: Duration = Duration::from_millis(5);
/// How long a statement in flight is waited for once its iteration was cut.
const IN_FLIGHT_MAX: Duration = Duration::from_secs(10);

/// What is sent, the same for every attempt but for its stamp. The values of all columns: of a row that is to
/// be deleted they give the key.
pub(super) struct Payload {
    pub(super) entity: usize,
    pub(super) operation: Operation,
    /// An event is expected: the ledger knows of it.
    pub(super) is_expected: bool,
    /// The columns that an update changes.
    pub(super) changed: Vec<usize>,
    pub(super) values: Vec<Value>,
}

/// How one attempt ended.
#[derive(Debug)]
pub(super) enum Attempt {
    /// At this time, and what the database filled, by index of the column.
    Committed(UnixNanos, Vec<(usize, Value)>),
    /// It may be sent again in the same session.
    Retry(Refusal),
    /// In a new session.
    Elsewhere(Refusal),
    Rejected(Refusal),
    Missing,
    Unknown,
}

/// Why an attempt did not commit.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// The SQLSTATE, or `no_row`.
    pub(super) cause: String,
    /// In PostgreSQL's words.
    pub(super) said: String,
}

impl Refusal {
    fn of(error: &Error) -> Self {
        let cause = error.code().map_or_else(String::new, |state| state.code().to_owned());
        Self { cause, said: describe(error) }
    }
}

impl Attempt {
    /// Why the operation is rejected, if this was its last attempt and it is.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Retry(refusal) | Self::Elsewhere(refusal) | Self::Rejected(refusal) => {
                Some(refusal.clone())
            }
            Self::Missing => {
                Some(Refusal { cause: NO_ROW.to_owned(), said: "the statement touched no row".to_owned() })
            }
            Self::Committed(..) | Self::Unknown => None,
        }
    }
}

/// Sends an operation until its fate is known, for [`RETRY_MAX`] at most.
pub(super) async fn send(
    context: &Context,
    state: &mut watch::Receiver<LoadState>,
    mut lease: Lease<'_>,
    payload: &Payload,
    mut opened: Opened,
) -> Attempt {
    let mut over = pin!(sleep(RETRY_MAX));
    let mut pause = RETRY_PAUSE;
    loop {
        opened.sent = context.clock.now();
        opened.stamped = opened.sent;
        opened.deadline = opened.sent + context.test.arrival_timeout;
        if payload.is_expected {
            context.ledger.record(Record::Opened(opened.clone()));
        }
        let attempt = attempt_once(context, state, lease.connection(), payload, &opened).await;
        let is_wrong_session = match attempt {
            Attempt::Retry(_) => false,
            Attempt::Elsewhere(_) => true,
            Attempt::Unknown => {
                lease.discard();
                return Attempt::Unknown;
            }
            ended => return ended,
        };
        let ready = may_go_on(context, state, &mut lease, pause, is_wrong_session, &mut over).await;
        if !ready {
            if is_wrong_session {
                lease.discard();
            }
            return attempt;
        }
        pause *= 2;
    }
}

/// Pauses, and finds another session where this one will not do; whether the next attempt may begin: not once the load is
/// cut, the time for attempts is over, or no session can be had.
pub(super) async fn may_go_on(
    context: &Context,
    state: &mut watch::Receiver<LoadState>,
    lease: &mut Lease<'_>,
    pause: Duration,
    is_wrong_session: bool,
    over: impl Future<Output = ()>,
) -> bool {
    let again = async {
        sleep(pause).await;
        if is_wrong_session { lease.renew().await } else { Ok(()) }
    };
    tokio::select! {
        biased;
        () = reached(state, LoadState::Cut) => false,
        () = over => false,
        ready = again => match ready {
            Ok(()) => true,
            Err(error) => {
                context.write_failed(|| error.to_string());
                false
            }
        },
    }
}

/// A statement that fills no column by itself.
fn touched<E>(rows: Result<u64, E>) -> Result<Option<Vec<(usize, Value)>>, E> {
    rows.map(|rows| (rows > 0).then(Vec::new))
}

pub(super) async fn attempt_once(
    context: &Context,
    state: &mut watch::Receiver<LoadState>,
    connection: &Connection,
    payload: &Payload,
    opened: &Opened,
) -> Attempt {
    let seeds = context.seeds;
    let stamp = Stamp { run: seeds.run, writer: seeds.writer, sequence: opened.sequence, sent: opened.sent };
    let execute = async {
        let Payload { entity, operation, changed, values, .. } = payload;
        let result = match operation {
            Operation::Create => connection.insert(*entity, values, &stamp).await,
            Operation::Update => touched(connection.update(*entity, changed, values, &stamp).await),
            Operation::Delete => touched(connection.delete(*entity, values).await),
        };
        (result, context.clock.now())
    };
    match answered(context, state, execute).await {
        None => Attempt::Unknown,
        // A statement that touched no row wrote nothing: there will be no event.
        Some((Ok(None), _)) => Attempt::Missing,
        Some((Ok(Some(filled)), at)) => Attempt::Committed(at, filled),
        Some((Err(error), _)) => refused(context, &error),
    }
}

/// The answer of something in flight; nothing if there is none for [`IN_FLIGHT_MAX`] after the load was cut.
pub(super) async fn answered<T>(
    context: &Context,
    state: &mut watch::Receiver<LoadState>,
    in_flight: impl Future<Output = T>,
) -> Option<T> {
    let hung = async {
        reached(state, LoadState::Cut).await;
        sleep(IN_FLIGHT_MAX).await;
    };
    tokio::select! {
        biased;
        answer = in_flight => Some(answer),
        () = hung => {
            context.write_failed(|| format!("no answer within {} s of the load's end", IN_FLIGHT_MAX.as_secs()));
            None
        }
    }
}

/// What an error means for the operation, and for the load.
pub(super) fn refused(context: &Context, error: &Error) -> Attempt {
    context.write_failed(|| describe(error));
    match Fate::of(error) {
        Fate::Retryable => Attempt::Retry(Refusal::of(error)),
        Fate::Elsewhere => Attempt::Elsewhere(Refusal::of(error)),
        Fate::Rejected => Attempt::Rejected(Refusal::of(error)),
        Fate::Unknown => Attempt::Unknown,
        Fate::Fatal => {
            let sentence = format!("PostgreSQL refuses every write of this kind: {}", describe(error));
            context.halt.order(How::Cut, Failure::run(sentence));
            Attempt::Rejected(Refusal::of(error))
        }
    }
}

//! A transaction of a flow: several operations in one session, and one commit.
//!
//! Each operation is an entry of its own, with its own `sent` and its own stamp; `committed` is the same for all: when
//! PostgreSQL answered the commit. The session, and the answer to its BEGIN, are the connection wait of the first.
//! What becomes of all of them:
//!
//! | what happens | the entries | the rows |
//! | --- | --- | --- |
//! | the commit is answered | committed | as the steps left them |
//! | a statement is refused, touches no row, or has no answer; the load is cut | rejected: nothing was committed | as before |
//! | the commit is refused | rejected | as before |
//! | the commit has no answer | unknown | forgotten |
//! | either may succeed when it is sent again | open | the same rows, in the same order |
//!
//! It is sent again as a whole, with the same sequences and contents, for as long as a single operation is.

use std::pin::Pin;
use std::time::Duration;

use streamgauge_shared::ledger::{Made, Opened, Record, Written};
use streamgauge_shared::test_file::Step;
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::time::{Instant, sleep_until};

use super::{Iteration, Last, Stop};
use crate::postgres::Lease;
use crate::user::LoadState;
use crate::user::attempt::{
    Attempt, Payload, RETRY_MAX, RETRY_PAUSE, Refusal, answered, attempt_once, may_go_on, refused,
};
use crate::user::operation::{Ended, Identity, Write, close};

/// A transaction that is open.
#[derive(Default)]
pub(super) struct Transaction<'a> {
    /// From its first operation on. One with an open transaction in it is never given back to the pool.
    lease: Option<Lease<'a>>,
    /// Its operations, in the order of the steps; kept when it is sent again.
    operations: Vec<Known>,
    /// What the database filled of each one sent in this attempt.
    made: Vec<Option<Box<Made>>>,
    /// Whether it has the iteration's first operation.
    pub(super) is_first: bool,
    /// When it was first sent.
    since: Option<Instant>,
    /// There was no row for one of its steps: the rest is left out.
    pub(super) is_short: bool,
    /// Why it did not commit; each of its operations is rejected for that.
    refusal: Option<Refusal>,
    /// It may succeed when it is sent again.
    again: Option<Session>,
}

/// An operation that the ledger may know of.
struct Known {
    identity: Identity,
    entity: usize,
    /// As the ledger has it.
    key: Option<String>,
}

/// In which session a transaction is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Session {
    Same,
    Other,
}

/// How an attempt at a transaction ended.
enum End {
    Committed(UnixNanos),
    RolledBack,
    Unknown,
    Again(Session),
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // Nobody may come upon a session whose transaction is open.
        if let Some(lease) = self.lease.take() {
            lease.discard();
        }
    }
}

impl<'a> Transaction<'a> {
    /// Sends one operation of it. What is said to have committed has yet to, with the others.
    pub(super) async fn carry_out(
        &mut self,
        iteration: &mut Iteration<'a>,
        write: &Write<'_>,
        intended: UnixNanos,
    ) -> Ended {
        let context = iteration.context;
        let _waiting = context.counts[iteration.scenario].wait();
        if *iteration.state.borrow() == LoadState::Cut {
            return Ended::Cut;
        }
        let asked = context.clock.now();
        if self.lease.is_none() {
            match write.session(iteration, intended).await {
                Ok(lease) => self.lease = Some(lease),
                Err((_, ended)) => return ended,
            }
        }
        if self.made.is_empty() && !self.begin(iteration).await {
            return match self.operations.is_empty() {
                true => write.without_session(iteration, intended, asked).1,
                false => Ended::Rejected,
            };
        }
        let connection_wait = context.clock.now() - asked;
        let (mut payload, mut opened) = self.ready(iteration, write, intended, connection_wait);
        opened.sent = context.clock.now();
        opened.stamped = opened.sent;
        opened.deadline = opened.sent + context.test.arrival_timeout;
        self.since.get_or_insert_with(Instant::now);
        if payload.is_expected {
            context.ledger.record(Record::Opened(opened.clone()));
        }
        let connection = self.lease.as_ref().expect("it was begun in one").connection();
        let attempt = attempt_once(context, iteration.state, connection, &payload, &opened).await;
        self.refusal = attempt.refusal().or(self.refusal.take());
        match attempt {
            Attempt::Committed(_, filled) => {
                self.made.push(write.learn(context, &mut payload, filled));
                return Ended::Committed(payload.values);
            }
            Attempt::Retry(_) => self.again = Some(Session::Same),
            Attempt::Elsewhere(_) => self.again = Some(Session::Other),
            Attempt::Missing => return Ended::Missing,
            Attempt::Rejected(_) => return Ended::Rejected,
            // Without an answer, and without its session: what was not committed is rolled back.
            Attempt::Unknown => {
                self.give_up_session();
                return Ended::Rejected;
            }
        }
        Ended::Again
    }

    /// What is sent next, and its record: that of the attempt before, where it is the same operation.
    fn ready(
        &mut self,
        iteration: &Iteration<'a>,
        write: &Write<'_>,
        intended: UnixNanos,
        connection_wait: Nanos,
    ) -> (Payload, Opened) {
        let place = self.made.len();
        if let Some(known) = self.operations.get(place) {
            let ready = write.ready(iteration, known.identity);
            if ready.1.key == known.key {
                return ready;
            }
            // The database has made another key this time: it is an operation on another row.
            close(iteration, known.identity.sequence, Written::Rejected, None, self.refusal.as_ref());
        }
        let identity = write.identity(iteration.context, intended, connection_wait);
        let ready = write.ready(iteration, identity);
        let known = Known { identity, entity: write.entity, key: ready.1.key.clone() };
        match self.operations.get_mut(place) {
            Some(other) => *other = known,
            None => self.operations.push(known),
        }
        ready
    }

    /// Whether the session is in a transaction now.
    async fn begin(&mut self, iteration: &mut Iteration<'a>) -> bool {
        let Some(lease) = &self.lease else { return false };
        let begun = answered(iteration.context, iteration.state, lease.connection().begin()).await;
        if let Some(Ok(())) = begun {
            return true;
        }
        if let Some(Err(error)) = begun {
            self.refusal = refused(iteration.context, &error).refusal().or(self.refusal.take());
        }
        self.give_up_session();
        false
    }

    fn give_up_session(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.discard();
        }
    }

    /// Commits what its steps have done, or rolls it back.
    async fn end(&mut self, iteration: &mut Iteration<'a>, is_whole: bool) -> End {
        let context = iteration.context;
        let Some(lease) = &self.lease else { return End::RolledBack };
        if !is_whole {
            let rolled_back = answered(context, iteration.state, lease.connection().roll_back()).await;
            return match (rolled_back, self.again.take()) {
                (Some(Ok(())), again) => again.map_or(End::RolledBack, End::Again),
                (_, Some(_)) => End::Again(Session::Other),
                (_, None) => {
                    self.give_up_session();
                    End::RolledBack
                }
            };
        }
        let commit = async { (lease.connection().commit().await, context.clock.now()) };
        let error = match answered(context, iteration.state, commit).await {
            Some((Ok(()), at)) => return End::Committed(at),
            Some((Err(error), _)) => error,
            None => {
                self.give_up_session();
                return End::Unknown;
            }
        };
        let refused = refused(context, &error);
        self.refusal = refused.refusal();
        match refused {
            Attempt::Retry(_) => End::Again(Session::Same),
            Attempt::Elsewhere(_) => End::Again(Session::Other),
            Attempt::Unknown => {
                self.give_up_session();
                End::Unknown
            }
            Attempt::Committed(..) | Attempt::Missing | Attempt::Rejected(_) => End::RolledBack,
        }
    }

    /// Pauses, and finds another session where it needs one; whether it may be sent again.
    async fn pause(&mut self, iteration: &mut Iteration<'a>, pause: Duration, session: Session) -> bool {
        let context = iteration.context;
        self.made.clear();
        self.is_short = false;
        let until = self.since.unwrap_or_else(Instant::now) + RETRY_MAX;
        let Some(lease) = &mut self.lease else { return false };
        let is_wrong_session = session == Session::Other;
        let over = sleep_until(until);
        let is_ready = may_go_on(context, iteration.state, lease, pause, is_wrong_session, over).await;
        if !is_ready && is_wrong_session {
            self.give_up_session();
        }
        is_ready
    }

    /// Tells the ledger of all its operations at once, and gives the session back.
    fn close(mut self, iteration: &Iteration<'a>, written: Written) {
        let is_committed = matches!(written, Written::Committed(_));
        let mut made = std::mem::take(&mut self.made).into_iter();
        for Known { identity, .. } in &self.operations {
            let made = made.next().flatten().filter(|_| is_committed);
            close(iteration, identity.sequence, written, made, self.refusal.as_ref());
        }
        drop(self.lease.take());
    }

    /// The last of its operations that the ledger knows of.
    fn last(&self) -> Option<Last> {
        let last = self.operations.iter().rev();
        last.filter_map(|Known { identity, entity, .. }| {
            Some(Last { sequence: identity.sequence?, entity: *entity })
        })
        .next()
    }
}

impl<'a> Iteration<'a> {
    /// Carries out the steps of a transaction, and commits what they did.
    pub(super) fn transaction<'s>(
        &'s mut self,
        flow: &'a [Step],
        seed: u64,
    ) -> Pin<Box<dyn Future<Output = Result<(), Stop>> + Send + 's>> {
        Box::pin(async move {
            self.transaction = Some(Transaction::default());
            self.rows.begin();
            let mut pause = RETRY_PAUSE;
            loop {
                let walked = self.list(flow, seed).await;
                let mut transaction = self.transaction.take().expect("it is put back after each step");
                let is_short = transaction.is_short;
                if transaction.operations.is_empty() {
                    // Nothing was sent: there was no row for any step, or no session.
                    self.rows.roll_back();
                    self.skip_if(is_short);
                    return walked;
                }
                let end = transaction.end(self, walked.is_ok()).await;
                let (written, stop) = match end {
                    End::Committed(at) => {
                        self.rows.commit();
                        self.committed(transaction.is_first, transaction.last());
                        transaction.close(self, Written::Committed(at));
                        self.skip_if(is_short);
                        return Ok(());
                    }
                    End::Again(session) if transaction.pause(self, pause, session).await => {
                        self.rows.again();
                        self.transaction = Some(transaction);
                        pause *= 2;
                        continue;
                    }
                    End::Again(_) | End::RolledBack => {
                        self.rows.roll_back();
                        (Written::Rejected, walked.err().unwrap_or_else(|| self.stop(&Ended::Rejected)))
                    }
                    End::Unknown => {
                        self.rows.forget();
                        (Written::Unknown, self.stop(&Ended::Unknown))
                    }
                };
                transaction.close(self, written);
                return Err(stop);
            }
        })
    }
}

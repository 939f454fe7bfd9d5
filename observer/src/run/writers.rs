//! What the writers say, and what it means for the run: who is here, when the load begins and when it is over.

use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::ledger::{End, Record, ToObserver, ToWriter};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::core::{Core, Effect};
use crate::intake::FromWriter;
use crate::measure::Probing;

/// From the moment at which every writer is prepared to the first tick: they have to have heard of it. Added to it are
/// some round trips of the slowest link.
const BEGIN_LEAD: Nanos = Nanos::from_millis(100);
/// How many: the way to a writer may take longer than half of the least round trip that was seen.
const BEGIN_LEAD_ROUND_TRIPS: i64 = 4;
/// The lead at most: a link that is slower than this allows cannot be waited for.
const BEGIN_LEAD_MAX: Nanos = Nanos::from_secs(5);

impl Core {
    pub(super) fn writer(&mut self, said: FromWriter, now: UnixNanos) {
        match said {
            FromWriter::Attached { writer, outbox } => {
                self.effects.push(Effect::Attach { writer, outbox });
                self.attached(writer, now);
            }
            FromWriter::Detached { writer } => {
                self.effects.push(Effect::Detach { writer });
                self.peers.detached(writer, now);
            }
            FromWriter::Messages { writer, messages } => self.messages(writer, messages, now),
            FromWriter::Clock { writer, state } => {
                self.matcher.clock_bound(writer, state.bound.unwrap_or_default());
                self.peers.clock(writer, *state);
            }
        }
    }

    fn attached(&mut self, writer: u16, now: UnixNanos) {
        let is_new = self.peers.attached(writer, now);
        if let Some(cause) = self.cause.as_ref().filter(|_| is_new || !self.peers.has_ended(writer)) {
            self.peers.tell(writer, ToWriter::Abort(cause.clone()));
        }
        if let Some(at) = self.begins_at {
            self.peers.tell(writer, ToWriter::Begin { at });
        }
        if let Some((number, probe)) = self.probing.as_ref().and_then(Probing::last) {
            self.peers.tell(writer, ToWriter::Probed { number, probe });
        }
    }

    fn messages(&mut self, writer: u16, messages: Vec<ToObserver>, now: UnixNanos) {
        let mut acknowledge = false;
        for message in messages {
            match message {
                ToObserver::Record { number, record } => {
                    self.peers.received(writer, number);
                    acknowledge = true;
                    self.record(writer, record, now);
                }
                ToObserver::Await(awaited) => self.matcher.awaited(writer, awaited, &mut self.recorder),
                ToObserver::Status(status) => {
                    self.matcher.passed(writer, status.queued_at);
                    self.peers.stands(writer, *status);
                }
                ToObserver::Stop => {
                    self.cause.get_or_insert(Failure {
                        exit_code: ExitCode::Interrupted,
                        sentence: "interrupted twice: the account was closed without a drain".to_owned(),
                    });
                    self.close_now = true;
                }
                // The session has dealt with them.
                ToObserver::Hello(_) | ToObserver::ClockReply { .. } => {}
            }
        }
        if acknowledge {
            self.peers.acknowledge(writer);
        }
    }

    fn record(&mut self, writer: u16, record: Record, now: UnixNanos) {
        match record {
            Record::Opened(opened) => self.matcher.opened(writer, opened, &mut self.recorder),
            Record::Closed(closed) => self.matcher.closed(writer, closed, &mut self.recorder),
            Record::NotSent(operation) => self.matcher.not_sent(writer, &operation, &mut self.recorder),
            Record::Iteration(iteration) => self.recorder.iteration(iteration, now),
            Record::Prepared => self.prepared(writer, now),
            Record::Probe(plan) => {
                if let Some(probing) = &mut self.probing {
                    probing.begin(plan);
                    self.matcher.begin_probe();
                    self.recorder.begin_probe();
                }
            }
            Record::ProbeOver(number) => {
                if let Some(probing) = &mut self.probing {
                    probing.over(number, now);
                }
            }
            Record::End(end) => self.ended(writer, *end, now),
        }
    }

    /// A writer's setup is done. Where all writers' are, the load begins.
    fn prepared(&mut self, writer: u16, now: UnixNanos) {
        self.peers.prepared(writer);
        if self.begins_at.is_none() && self.peers.all_prepared() {
            let way = Nanos(self.peers.round_trip().0.saturating_mul(BEGIN_LEAD_ROUND_TRIPS));
            let at = now + (BEGIN_LEAD + way.min(BEGIN_LEAD_MAX)).min(BEGIN_LEAD_MAX);
            self.begins_at = Some(at);
            self.peers.tell_all(&ToWriter::Begin { at });
        }
    }

    /// A writer's load is over. Where it ended early the others end theirs: half a load is not the test.
    fn ended(&mut self, writer: u16, end: End, now: UnixNanos) {
        self.matcher.passed(writer, end.status.queued_at);
        self.peers.ended(writer, end.operations);
        self.peers.stands(writer, end.status);
        if let Some(failure) = end.cause {
            self.peers.tell_others(writer, &ToWriter::Abort(failure.clone()));
            self.peers.give_up_absent();
            self.cause.get_or_insert(failure);
        }
        if self.peers.all_ended() {
            self.drain_until.get_or_insert(now + self.brief.test.drain);
        }
    }

    /// Gives up a run whose writers do not come together.
    pub(super) fn gather(&mut self, now: UnixNanos) {
        if self.cause.is_some() || now - self.started_at <= self.brief.writers_timeout {
            return;
        }
        let absent = self.peers.give_up_absent();
        if !absent.is_empty() {
            let sentence = format!(
                "of {} writers those with --shard-index {} did not say hello within {}: start them with the run's --run-id, give the --shard-count that there are, or give the observer a longer --writers-timeout",
                self.peers.count(),
                absent.join(", "),
                self.brief.writers_timeout
            );
            self.end_early(Failure::run(sentence), now);
        }
    }
}

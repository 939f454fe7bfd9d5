//! Records of the ledger: what was opened, what was never sent, and what PostgreSQL made of it.

use streamgauge_shared::account::{Operation, Outcome, Phase};
use streamgauge_shared::ledger::{Awaited, Closed, NotSent, Opened, Written};
use streamgauge_shared::timeline::Latency;

use super::cause::Cause;
use super::store::Id;
use super::window::Knows;
use super::{Entry, Matcher, Place, Sink};

impl Matcher {
    /// An operation is about to be sent. A second record of one sequence is a retry: it brings a fresh `sent`.
    pub fn opened(&mut self, writer: u16, opened: Opened, sink: &mut impl Sink) {
        let id = (writer, opened.sequence);
        let Some(window) = self.store.window_mut(writer) else { return };
        window.passed(opened.sent);
        match window.knows(opened.sequence) {
            Knows::Nothing => self.open(id, opened, sink),
            Knows::Open => {
                if let Some(entry) = self.store.get_mut(id) {
                    if entry.phase == Phase::Run && !entry.arrived() {
                        sink.sent_again(entry.timeline.sent, opened.sent);
                    }
                    self.heap_bytes -= entry.heap_bytes();
                    entry.resend(&opened);
                    self.heap_bytes += entry.heap_bytes();
                }
                self.reschedule(id);
                // The event of this attempt may have been waiting for its record.
                self.replay_early(id, sink);
            }
            // It was withdrawn.
            Knows::Refused(_)
                if opened.operation == Operation::Delete && self.has_learned_documents(opened.entity) => {}
            // It was given up, so long ago that it is forgotten, or was said to be refused.
            Knows::Left(_) | Knows::Refused(_) => self.limits.contradictions += 1,
        }
    }

    fn open(&mut self, id: Id, opened: Opened, sink: &mut impl Sink) {
        let series = self.series().at(opened.scenario, opened.entity, opened.operation);
        let sent = opened.sent;
        let entry = Entry::new(series, opened);
        if entry.phase == Phase::Run {
            sink.sent(entry.timeline.sent);
            sink.intended(entry.timeline.intended);
        }
        self.tallies.open(&entry);
        self.heap_bytes += entry.heap_bytes();
        let row = entry.row();
        let Some(ticket) = self.store.open(id, entry) else { return };
        if let Some(entry) = self.store.get(id) {
            self.waits.opened(ticket, entry);
        }
        if let Some(row) = row
            && self.keys.opened(row, id, series.operation)
        {
            self.supersede(id, sink);
            self.forget_too_many(sink);
        }
        match row {
            Some(row) if series.operation == Operation::Delete => {
                self.adopt_early_deletes(row, id, series.entity, sent)
            }
            _ => self.replay_early(id, sink),
        }
    }

    /// An operation became runnable and was never sent: it is an entry all the same, rejected from the start. It
    /// changes nothing for the others on its row: what was never sent never was.
    pub fn not_sent(&mut self, writer: u16, operation: &NotSent, sink: &mut impl Sink) {
        let NotSent { sequence, phase, scenario, entity, operation: kind, group, stage, cause, .. } =
            *operation;
        let Some(window) = self.store.window_mut(writer) else { return };
        if window.knows(sequence) != Knows::Nothing {
            self.limits.contradictions += 1;
            return;
        }
        window.never_open(sequence, phase);
        let place =
            Place { series: self.series().at(scenario, entity, kind), group, stage, at: operation.intended };
        self.tallies.not_sent(place, phase, Cause::from(cause));
        if phase == Phase::Run {
            sink.not_sent(writer, place, operation);
        }
        // An event of it would contradict that.
        self.replay_early((writer, sequence), sink);
    }

    /// The fate of a statement is known.
    pub fn closed(&mut self, writer: u16, closed: Closed, sink: &mut impl Sink) {
        let id = (writer, closed.sequence);
        let Some(window) = self.store.window_mut(writer) else { return };
        if let Written::Committed(at) = closed.written {
            window.passed(at);
        }
        self.learn(id, closed.made, sink);
        let Some(mark) = self.mark(id) else {
            let Some(window) = self.store.window_mut(writer) else { return };
            window.closed_after_leaving();
            return;
        };
        let Some(entry) = self.store.get_mut(id).filter(|entry| entry.written.is_none()) else { return };
        entry.written = Some(closed.written);
        self.tallies.closed(entry);
        let (row, was) = (entry.row(), entry.outcome);
        match closed.written {
            Written::Committed(at) => {
                entry.timeline.committed = Some(at);
                report_answer(entry, sink);
            }
            Written::Rejected | Written::Unknown => {
                let is_refused = closed.written == Written::Rejected;
                let outcome = if is_refused { Outcome::Rejected } else { Outcome::Unknown };
                report_answer(entry, sink);
                if was.may_become(outcome) {
                    self.tallies.change(entry, outcome);
                    if is_refused {
                        if let Some(row) = row {
                            self.keys.refused(row, id);
                        }
                        // Whoever waited for one given up or superseded has been told.
                        if was == Outcome::Pending && entry.awaited {
                            sink.settled(writer, closed.sequence, false);
                        }
                    }
                } else if is_refused {
                    self.limits.contradictions += 1;
                }
            }
        }
        let is_delete = entry.series.operation == Operation::Delete;
        if let Some(window) = self.store.window_mut(writer) {
            window.closed();
        }
        self.follow(mark);
        if is_delete {
            // What was held for it is its event now, or another's.
            self.replay_early(id, sink);
        }
        self.leave_if_settled(id, sink);
        self.forget_too_many(sink);
    }

    /// A user waits for an operation: it is due by then, and the user is told when it is settled.
    pub fn awaited(&mut self, writer: u16, awaited: Awaited, sink: &mut impl Sink) {
        let id = (writer, awaited.sequence);
        let Some(knows) = self.store.knows(id) else { return };
        match self.store.get_mut(id) {
            Some(entry) if !entry.arrived() => {
                // Also of one superseded or given up, which may arrive after all.
                entry.deadline = awaited.deadline;
                entry.awaited = matches!(entry.outcome, Outcome::Pending | Outcome::Unknown);
                if !entry.awaited {
                    sink.settled(writer, awaited.sequence, false);
                }
                self.reschedule(id);
            }
            // What has left for good had arrived, or was refused.
            _ => sink.settled(writer, awaited.sequence, !matches!(knows, Knows::Refused(_))),
        }
    }
}

/// What is known of an entry of the measured phase once PostgreSQL has answered.
fn report_answer(entry: &Entry, sink: &mut impl Sink) {
    if entry.phase != Phase::Run {
        return;
    }
    let (place, timeline) = (entry.place(), &entry.timeline);
    for latency in [Latency::ScheduleLag, Latency::ConnectionWait] {
        sink.latency(place, latency, timeline.reading(latency, true), timeline.sent);
    }
    let Some(committed) = timeline.committed else { return };
    sink.latency(
        place,
        Latency::PgWriteDuration,
        timeline.reading(Latency::PgWriteDuration, true),
        committed,
    );
    if let Some(observed) = timeline.observed {
        let value = timeline.reading(Latency::CdcPropagation, entry.measured);
        sink.latency(place, Latency::CdcPropagation, value, observed.max(committed));
    }
}

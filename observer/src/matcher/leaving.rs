//! How entries end: given up, settled, forgotten, or closed with the account.

use streamgauge_shared::account::{Operation, Outcome, Phase};
use streamgauge_shared::time::UnixNanos;

use super::kept::Kind;
use super::store::Id;
use super::{Entry, Matcher, Sink, done};

impl Matcher {
    /// Time passes: what has not arrived for too long is given up.
    pub fn advance(&mut self, now: UnixNanos, sink: &mut impl Sink) {
        self.latest = self.latest.max(now);
        for ticket in self.waits.sent_by(now - self.lost_after, &self.store) {
            if let Some(id) = self.store.at(ticket).map(|held| held.id) {
                self.give_up(id, sink);
            }
        }
        self.waits.advance(now, &mut self.store);
        self.forget_too_many(sink);
    }

    fn give_up(&mut self, id: Id, sink: &mut impl Sink) {
        let Some(mark) = self.mark(id).filter(|mark| mark.is_pending) else { return };
        if self.is_never_known(id) {
            return self.withdraw(id, sink);
        }
        let Some(entry) = self.store.get_mut(id) else { return };
        // A row that is not there cannot be deleted: the delete shares the fate of what came before it.
        let no_row = entry.series.operation == Operation::Delete
            && entry.row().is_some_and(|row| self.keys.create_has_not_arrived(row, id));
        self.tallies.change(entry, Outcome::Lost);
        if no_row {
            self.tallies.no_row(entry);
        }
        if entry.phase == Phase::Run {
            sink.lost(id.0, id.1, entry);
        }
        if entry.awaited {
            sink.settled(id.0, id.1, false);
        }
        self.follow(mark);
    }

    /// The end of the drain: whatever is pending is lost, whatever is early is recovered or foreign.
    pub fn close(&mut self, sink: &mut impl Sink) {
        // First: what arrives now supersedes what came before it on its key.
        self.close_early(sink);
        let mut open: Vec<Id> = self.store.iter().map(|held| held.id).collect();
        open.sort_unstable();
        for id in open {
            // Of one that PostgreSQL never answered nothing more will be known.
            self.learn(id, None, sink);
            self.give_up(id, sink);
            if let Some(entry) = self.store.get(id) {
                done(id, entry, sink);
            }
        }
    }

    /// An entry of which nothing more is expected leaves.
    pub(super) fn leave_if_settled(&mut self, id: Id, sink: &mut impl Sink) {
        if self.store.get(id).is_some_and(Entry::is_settled)
            && let Some(entry) = self.remove(id)
        {
            done(id, &entry, sink);
            // What was held for an attempt that never came is one more event of it.
            self.replay_early(id, sink);
        }
    }

    /// Holds the bounds of what is kept.
    pub(super) fn forget_too_many(&mut self, sink: &mut impl Sink) {
        while let Some((id, kind)) = self.kept.too_many(&self.store) {
            self.learn(id, None, sink);
            let Some(entry) = self.remove(id) else { return };
            match kind {
                Kind::Lost | Kind::Unknown => self.limits.lost_forgotten += 1,
                Kind::Superseded => self.limits.superseded_forgotten += 1,
                // It arrived, and has all its figures but those of its answer, which is counted as missing.
                Kind::Unanswered => {}
            }
            if kind != Kind::Unanswered {
                self.tallies.forget(&entry, self.latest);
            }
            if kind == Kind::Unknown && entry.awaited {
                sink.settled(id.0, id.1, false);
            }
            done(id, &entry, sink);
            self.replay_early(id, sink);
        }
    }

    fn remove(&mut self, id: Id) -> Option<Entry> {
        let is_refused = self.store.get(id)?.outcome == Outcome::Rejected;
        self.remove_as(id, is_refused)
    }

    /// An entry leaves; `is_refused` where no event can be of it.
    pub(super) fn remove_as(&mut self, id: Id, is_refused: bool) -> Option<Entry> {
        let mark = self.mark(id)?;
        let entry = self.store.leave(id, is_refused)?.entry;
        if entry.written.is_none()
            && let Some(window) = self.store.window_mut(id.0)
        {
            window.forget_unclosed();
        }
        self.heap_bytes -= entry.heap_bytes();
        if let Some(row) = entry.row() {
            self.keys.left(row, id);
        }
        self.kept.change(mark.ticket, mark.kept, None, &self.store);
        Some(entry)
    }
}

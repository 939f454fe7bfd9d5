//! Events whose entry is not here yet: held, bounded, until the entry comes, or until none can come.

use streamgauge_shared::account::{EventKind, Operation, Phase};
use streamgauge_shared::timeline::Latency;

use super::window::Window;
use super::{EARLY_MAX, Matcher, Place, Sink, duplicate};
use crate::stream::{Change, Event};

impl Matcher {
    /// An event of this run that the record of its operation does not explain yet.
    pub(super) fn hold(&mut self, id: (u16, u64), event: Event) {
        self.events[Phase::Run as usize].see(EventKind::Early);
        self.early_count += 1;
        self.early.entry(id).or_default().push(event);
        self.bound_early();
    }

    /// Lets deletes go that every writer's records have passed: no entry can explain them any more.
    pub(super) fn let_go_passed(&mut self) {
        let all_passed = self.windows.iter().map(Window::watermark).min();
        while let (Some(passed), Some(event)) = (all_passed, self.early_deletes.front())
            && event.observed < passed
        {
            self.let_go_oldest_delete();
        }
    }

    /// The close: deletes are foreign, stamped events are entries that the ledger does not hold.
    pub(super) fn close_early(&mut self, sink: &mut impl Sink) {
        while !self.early_deletes.is_empty() {
            self.let_go_oldest_delete();
        }
        let mut early: Vec<_> = self.early.drain().collect();
        early.sort_by_key(|(id, _)| *id);
        for (id, events) in early {
            let entry = self.windows.get(usize::from(id.0)).and_then(|window| window.get(id.1));
            let Some(phase) = entry.or_else(|| self.lost.get(&id)).map(|entry| entry.phase) else {
                self.recover(&events, sink);
                continue;
            };
            for (index, event) in events.into_iter().enumerate() {
                self.early_count -= 1;
                self.events[Phase::Run as usize].give(EventKind::Early);
                if index > 0 {
                    // The first one may have let the entry leave.
                    self.events[phase as usize].see(EventKind::Duplicate);
                    duplicate(id, phase, sink);
                    continue;
                }
                // PostgreSQL's answer to a delete never came; or the record of a row's last attempt, and then its
                // time is not known and the ledger is incomplete.
                let is_delete = matches!(event.change, Change::Deleted { .. });
                self.limits.contradictions += u64::from(!is_delete);
                let measured = event.measured && is_delete;
                self.arrive(id, &Event { measured, ..event }, sink);
            }
        }
    }

    pub(super) fn unmatched_delete(&mut self, event: Event, sink: &mut impl Sink) {
        let Change::Deleted { entity, key } = &event.change else { return };
        let matched = |key: &String| self.keys.matched_delete(*entity, key);
        if let Some((phase, id)) = key.readings().iter().find_map(matched) {
            self.events[phase as usize].see(EventKind::Duplicate);
            super::duplicate(id, phase, sink);
            return;
        }
        self.events[Phase::Run as usize].see(EventKind::Early);
        self.early_count += 1;
        self.early_deletes.push_back(event);
        self.bound_early();
    }

    /// Events of an operation that the ledger does not hold: an entry after the fact, delivered but unmeasured.
    fn recover(&mut self, events: &[Event], sink: &mut impl Sink) {
        self.early_count -= events.len();
        let Some(event) = events.first() else { return };
        let Change::Stamped { entity, .. } = &event.change else { return };
        self.recovered += 1;
        let series = self.series().at(0, *entity, Operation::Create);
        self.tallies.recover(series);
        for latency in [Latency::CdcE2eLatency, Latency::CdcE2eLatencyIntended] {
            sink.latency(Place { series, group: None, stage: None }, latency, None, event.observed);
        }
        let run = &mut self.events[Phase::Run as usize];
        run.change(EventKind::Early, EventKind::First);
        events[1..].iter().for_each(|_| run.change(EventKind::Early, EventKind::Duplicate));
    }

    /// A delete is opened: events of its key are held for it until PostgreSQL answers.
    pub(super) fn adopt_early_deletes(&mut self, of: u16, deleted: &str, id: (u16, u64)) {
        let is_its = |event: &Event| matches!(&event.change, Change::Deleted { entity, key } if *entity == of && key.may_be(deleted));
        let its: Vec<Event> = self.early_deletes.iter().filter(|event| is_its(event)).cloned().collect();
        if !its.is_empty() {
            self.early_deletes.retain(|event| !is_its(event));
            self.early.entry(id).or_default().extend(its);
        }
    }

    /// Its record has come: whatever was held for it happens now.
    pub(super) fn replay_early(&mut self, writer: u16, sequence: u64, sink: &mut impl Sink) {
        let held = self.early.remove(&(writer, sequence)).unwrap_or_default();
        for event in held {
            self.early_count -= 1;
            self.events[Phase::Run as usize].give(EventKind::Early);
            self.event(event, sink);
        }
    }

    fn bound_early(&mut self) {
        if self.early_count <= EARLY_MAX {
            return;
        }
        self.limits.early_let_go += 1;
        if self.early_deletes.is_empty() {
            // Which stamped one goes does not matter: the run is beyond repair, and says so.
            let id = *self.early.keys().next().expect("the count says that one is held");
            let events = self.early.remove(&id).expect("looked up above");
            self.early_count -= events.len();
            let run = &mut self.events[Phase::Run as usize];
            events.iter().for_each(|_| run.change(EventKind::Early, EventKind::Foreign));
        } else {
            self.let_go_oldest_delete();
        }
    }

    fn let_go_oldest_delete(&mut self) {
        if self.early_deletes.pop_front().is_some() {
            self.early_count -= 1;
            self.events[Phase::Run as usize].change(EventKind::Early, EventKind::Foreign);
        }
    }
}

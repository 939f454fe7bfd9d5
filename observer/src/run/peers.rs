//! The writers of a run as it sees them: who is here, how far each is, and what each is to hear. Pure.

use streamgauge_shared::clock::{ClockDomain, PeerClockState};
use streamgauge_shared::ledger::{Rejections, ScenarioLoad, Status, ToWriter};
use streamgauge_shared::time::{Nanos, UnixNanos};

use crate::measure::{Spans, Starvation, WriterClock, WriterFacts};

/// How long a writer may be away before its run is closed without it. Longer than the 30 s for which a
/// writer tries to come back.
pub(super) const WRITER_AWAY_MAX: Nanos = Nanos::from_secs(40);

/// The writers of one run, by index.
pub(super) struct Peers {
    peers: Vec<Peer>,
    outgoing: Vec<(u16, ToWriter)>,
    missing_records: u64,
}

/// One writer.
#[derive(Default)]
struct Peer {
    /// It has said hello.
    is_here: bool,
    /// Its connection is up.
    is_up: bool,
    /// Its setup is done.
    is_prepared: bool,
    away_since: Option<UnixNanos>,
    interruptions: u64,
    away_max: Nanos,
    /// When it was away, until it came back.
    away: Spans,
    /// When it dropped ticks because it was too slow itself.
    missed: Spans,
    /// When PostgreSQL did not take its load.
    not_written: Spans,
    status: Status,
    clock: PeerClockState,
    /// Operations opened, once it has said that its load is over.
    ended: Option<u64>,
    next_record: u64,
    starvation: Starvation,
}

impl Peers {
    /// So many writers, of which none is here.
    pub(super) fn new(count: u16) -> Self {
        Self {
            peers: (0..count).map(|_| Peer::default()).collect(),
            outgoing: Vec::new(),
            missing_records: 0,
        }
    }

    /// How many they are.
    pub(super) fn count(&self) -> usize {
        self.peers.len()
    }

    /// A writer's connection is up; whether it is its first one.
    pub(super) fn attached(&mut self, writer: u16, now: UnixNanos) -> bool {
        let peer = self.peer(writer);
        peer.is_up = true;
        if let Some(since) = peer.away_since.take() {
            peer.interruptions += 1;
            peer.away_max = peer.away_max.max(now - since);
            peer.away.add(since, now);
        }
        !std::mem::replace(&mut peer.is_here, true)
    }

    /// A writer's connection is gone.
    pub(super) fn detached(&mut self, writer: u16, now: UnixNanos) {
        let peer = self.peer(writer);
        (peer.is_up, peer.away_since) = (false, Some(now));
    }

    /// What is known of a writer's clock.
    pub(super) fn clock(&mut self, writer: u16, state: PeerClockState) {
        self.peer(writer).clock = state;
    }

    /// A writer says how it stands.
    pub(super) fn stands(&mut self, writer: u16, status: Status) {
        let peer = self.peer(writer);
        peer.starvation.see(status.queued_at, &status.process);
        peer.grew(&status);
        peer.status = status;
    }

    /// A record of a writer is here. One that comes where another was expected says that records are missing: the
    /// intake lets none through, so they were lost on the way from it.
    pub(super) fn received(&mut self, writer: u16, number: u64) {
        let expected = std::mem::replace(&mut self.peer(writer).next_record, number + 1);
        self.missing_records += number.saturating_sub(expected);
    }

    /// Records that were accepted and never came.
    pub(super) fn missing_records(&self) -> u64 {
        self.missing_records
    }

    /// The longest way to a writer and back, as far as its clock was compared.
    pub(super) fn round_trip(&self) -> Nanos {
        let known = self.peers.iter().filter_map(|peer| peer.clock.round_trip);
        known.max().unwrap_or_default()
    }

    /// Tells a writer which of its records are here.
    pub(super) fn acknowledge(&mut self, writer: u16) {
        let next_record = self.peer(writer).next_record;
        self.tell(writer, ToWriter::Ack { next_record });
    }

    /// A writer's setup is done.
    pub(super) fn prepared(&mut self, writer: u16) {
        self.peer(writer).is_prepared = true;
    }

    /// A writer's load is over, after so many operations.
    pub(super) fn ended(&mut self, writer: u16, operations: u64) {
        self.peer(writer).ended = Some(operations);
    }

    /// Whether a writer's load is over.
    pub(super) fn has_ended(&self, writer: u16) -> bool {
        self.peers[usize::from(writer)].ended.is_some()
    }

    /// Whether the load of every writer is over.
    pub(super) fn all_ended(&self) -> bool {
        self.peers.iter().all(|peer| peer.ended.is_some())
    }

    /// Whether every writer's setup is done.
    pub(super) fn all_prepared(&self) -> bool {
        self.peers.iter().all(|peer| peer.is_prepared)
    }

    /// Whether a writer whose load goes on has been away for too long.
    pub(super) fn any_gone(&self, now: UnixNanos) -> bool {
        let away = |peer: &Peer| peer.away_since.is_some_and(|since| now - since > WRITER_AWAY_MAX);
        self.peers.iter().any(|peer| peer.ended.is_none() && away(peer))
    }

    /// From now on nobody waits for the writers that have not said hello; returns their indexes.
    pub(super) fn give_up_absent(&mut self) -> Vec<String> {
        let absent = (0_u16..).zip(&mut self.peers).filter(|(_, peer)| !peer.is_here);
        absent
            .map(|(index, peer)| {
                peer.ended = Some(0);
                index.to_string()
            })
            .collect()
    }

    /// Says something to a writer, if its connection is up.
    pub(super) fn tell(&mut self, writer: u16, message: ToWriter) {
        if self.peer(writer).is_up {
            self.outgoing.push((writer, message));
        }
    }

    /// Says something to every writer whose connection is up.
    pub(super) fn tell_all(&mut self, message: &ToWriter) {
        self.tell_those(message, |_, _| true);
    }

    /// Says something to every other writer whose load goes on.
    pub(super) fn tell_others(&mut self, writer: u16, message: &ToWriter) {
        self.tell_those(message, |index, peer| index != writer && peer.ended.is_none());
    }

    fn tell_those(&mut self, message: &ToWriter, which: impl Fn(u16, &Peer) -> bool) {
        let those = (0..).zip(&self.peers).filter(|(index, peer)| peer.is_up && which(*index, peer));
        self.outgoing.extend(those.map(|(index, _)| (index, message.clone())));
    }

    /// What was said since the last time.
    pub(super) fn take_outgoing(&mut self) -> Vec<(u16, ToWriter)> {
        std::mem::take(&mut self.outgoing)
    }

    /// Operations opened, by writer whose load is over.
    pub(super) fn operations(&self) -> impl Iterator<Item = (u16, u64)> {
        (0..).zip(&self.peers).filter_map(|(writer, peer)| Some((writer, peer.ended?)))
    }

    /// How the clocks relate: one writer on another kernel is enough for a bound on the figures.
    pub(super) fn clock_domain(&self, first: ClockDomain) -> ClockDomain {
        let known = self.peers.iter().filter_map(|peer| peer.clock.domain);
        known.fold(first, |all, one| if all == ClockDomain::Network { all } else { one })
    }

    /// What is known of the clocks of those that are here.
    pub(super) fn clocks(&self) -> Vec<WriterClock> {
        let here = self.peers.iter().filter(|peer| peer.is_here);
        here.map(|peer| WriterClock { state: peer.clock.clone(), wall: peer.status.wall_steps.clone() })
            .collect()
    }

    /// The load of each scenario as each writer says it.
    pub(super) fn loads(&self) -> impl Iterator<Item = &[ScenarioLoad]> {
        self.peers.iter().map(|peer| peer.status.scenarios.as_slice())
    }

    /// What PostgreSQL refused, of all writers.
    pub(super) fn rejections(&self) -> Rejections {
        let mut all = Rejections::default();
        self.peers.iter().for_each(|peer| all.merge(&peer.status.rejections));
        all
    }

    /// How each stands.
    pub(super) fn facts(&self, now: UnixNanos, closed: bool) -> Vec<WriterFacts> {
        self.peers.iter().map(|peer| peer.facts(now, closed)).collect()
    }

    fn peer(&mut self, writer: u16) -> &mut Peer {
        &mut self.peers[usize::from(writer)]
    }
}

impl Peer {
    /// Marks the time since the last status if more of the load is missing by now.
    fn grew(&mut self, status: &Status) {
        let before = if self.status.queued_at == UnixNanos::default() {
            status.queued_at
        } else {
            self.status.queued_at
        };
        let sum =
            |status: &Status, of: fn(&ScenarioLoad) -> u64| status.scenarios.iter().map(of).sum::<u64>();
        let grew = |of: fn(&ScenarioLoad) -> u64| sum(status, of) > sum(&self.status, of);
        if grew(|load| load.dropped_by_writer) {
            self.missed.add(before, status.queued_at);
        }
        let dropped = |load: &ScenarioLoad| load.dropped.saturating_sub(load.dropped_by_writer);
        let without_session = |load: &ScenarioLoad| load.user_time_without_session.0.unsigned_abs();
        if grew(dropped) || grew(without_session) || status.pg_write_errors > self.status.pg_write_errors {
            self.not_written.add(before, status.queued_at);
        }
    }

    fn facts(&self, now: UnixNanos, closed: bool) -> WriterFacts {
        let mut away = self.away;
        self.away_since.iter().for_each(|since| away.add(*since, now));
        WriterFacts {
            away,
            up: self.is_up,
            gone: closed && self.ended.is_none() && !self.is_up,
            interruptions: self.interruptions,
            away_max: self.away_max,
            missed: self.missed,
            not_written: self.not_written,
            pg_write_errors: self.status.pg_write_errors,
            records_lost: self.status.records_lost,
            process: self.status.process,
            starved: self.starvation.starved(),
        }
    }
}

#[cfg(test)]
#[path = "peers_tests.rs"]
mod tests;

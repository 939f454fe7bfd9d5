//! The core of a run: what each input means for it, and what follows. Pure: no thread, no I/O, no clock. It owns
//! matcher, recorder, the writers as peers, the canary's account and the probes of a capacity search.

use std::collections::BTreeMap;
use std::sync::Arc;

use streamgauge_shared::clock::{ClockDomain, WallReading, WallWatch};
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::ledger::{Process, ToWriter};
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::test_file::{Entity, Test};
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::sync::{mpsc, oneshot};

use super::Input;
use super::peers::{Peers, WRITER_AWAY_MAX};
use super::silence::Silence;
use crate::canary::Floor;
use crate::matcher::{Bounds, Matcher, SeriesIndex, Slices};
use crate::measure::{
    Evidence, Interval, Probing, Recorder, Rows, Snapshot, Starvation, Watcher, snapshot,
    watch as watch_thresholds,
};
use crate::stream::{Decoded, Decoder, FromStream, MongodClock};

/// How often a snapshot is taken.
const SNAPSHOT_EVERY: Nanos = Nanos::from_secs(1);

/// What the core needs to know of a run.
pub struct Brief {
    /// The run.
    pub run: RunId,
    /// What it does.
    pub test: Arc<Test>,
    /// The seed, for the report.
    pub seed: u64,
    /// How many writers it has.
    pub writers: u16,
    /// How long they may take to come together: until the last has said hello.
    pub writers_timeout: Nanos,
    /// Versions of programs and servers.
    pub versions: BTreeMap<String, String>,
    /// How the first writer's clock relates to ours.
    pub clock_domain: ClockDomain,
    /// What a test clock of the observer does, if it has one.
    pub test_clock: Option<String>,
    /// Reads events.
    pub decoder: Decoder,
    /// The canary's account, with nothing in it.
    pub floor: Floor,
    /// The limits of what the matcher keeps.
    pub bounds: Bounds,
}

/// What was read before an input was taken.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// The clock.
    pub now: UnixNanos,
    /// The wall clock beside it.
    pub wall: WallReading,
    /// What the observer's process has used, as of the last snapshot or later.
    pub usage: Process,
}

/// What follows from an input.
#[derive(Debug)]
pub enum Effect {
    /// A writer's connection is up: what it is told goes there from now on.
    Attach {
        /// The writer's index.
        writer: u16,
        /// Its connection.
        outbox: mpsc::Sender<ToWriter>,
    },
    /// A writer's connection is gone.
    Detach {
        /// The writer's index.
        writer: u16,
    },
    /// A writer is told something.
    Tell {
        /// The writer's index.
        writer: u16,
        /// What.
        message: ToWriter,
    },
    /// Who asked for a row is answered.
    Answer {
        /// Takes the answer.
        answer: oneshot::Sender<Result<serde_json::Value, String>>,
        /// A line as in `rows.jsonl`, or the sentence that says why there is none.
        row: Result<serde_json::Value, String>,
    },
    /// How the run stands, once a second.
    Publish(Arc<Snapshot>),
    /// Nothing of an entity arrives: its rows are looked for elsewhere.
    LookFor {
        /// Whose stamps.
        run: RunId,
        /// How far back, seconds.
        back_s: u32,
    },
}

/// One run.
pub struct Core {
    pub(super) brief: Brief,
    pub(super) matcher: Matcher,
    pub(super) recorder: Recorder,
    watcher: Watcher,
    pub(super) peers: Peers,
    pub(super) floor: Floor,
    pub(super) evidence: Evidence,
    pub(super) silence: Silence,
    pub(super) started_at: UnixNanos,
    /// When the load begins: known once every writer is prepared.
    pub(super) begins_at: Option<UnixNanos>,
    next_snapshot: UnixNanos,
    pub(super) starvation: Starvation,
    pub(super) observer_errors: u64,
    pub(super) wall: WallWatch,
    pub(super) mongod_clock: Option<MongodClock>,
    pub(super) cause: Option<Failure>,
    pub(super) aborted: bool,
    /// Set once every writer has ended; the drain is over this long after.
    pub(super) drain_until: Option<UnixNanos>,
    /// No event will come any more: a drain would wait for nothing.
    stream_failed: bool,
    pub(super) close_now: bool,
    /// Of a test that is a capacity search.
    pub(super) probing: Option<Probing>,
    pub(super) effects: Vec<Effect>,
}

impl Core {
    /// A run that begins now.
    #[must_use]
    pub fn new(mut brief: Brief, now: UnixNanos) -> Self {
        let (series, slices) = (SeriesIndex::of(&brief.test), Slices::of(&brief.test));
        let floor = std::mem::replace(&mut brief.floor, Floor::new(brief.run, None));
        Self {
            matcher: Matcher::bounded(
                brief.run,
                series,
                slices,
                brief.writers,
                brief.test.lost_after,
                brief.bounds,
            )
            .with_unrepeated(brief.test.model.entities.iter().map(Entity::has_unrepeated_keys))
            .with_learned(brief.test.model.entities.iter().map(Entity::has_learned_documents)),
            recorder: Recorder::new(&brief.test),
            watcher: Watcher::new(&brief.test),
            peers: Peers::new(brief.writers),
            floor,
            evidence: Evidence::default(),
            silence: Silence::new(brief.test.model.entities.len()),
            started_at: now,
            begins_at: None,
            next_snapshot: now,
            starvation: Starvation::default(),
            observer_errors: 0,
            wall: WallWatch::default(),
            mongod_clock: None,
            cause: None,
            aborted: false,
            drain_until: None,
            stream_failed: false,
            close_now: false,
            probing: brief.test.capacity_search().map(Probing::new),
            effects: Vec::new(),
            brief,
        }
    }

    /// What became of every operation and event so far.
    #[must_use]
    pub fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// What has been counted so far.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Whether the next input is followed by a snapshot.
    #[must_use]
    pub fn is_snapshot_due(&self, now: UnixNanos) -> bool {
        now >= self.next_snapshot
    }

    /// Takes an input and says what follows.
    pub fn take(&mut self, input: Input, reading: &Reading) -> Vec<Effect> {
        let now = reading.now;
        match input {
            Input::Writer(said) => self.writer(said, now),
            Input::Stream(said) => self.stream(said, now),
            Input::Canary(news) => self.floor.hear(news),
            Input::Row { writer, sequence, answer } => {
                let row = self.row(writer, sequence);
                self.effects.push(Effect::Answer { answer, row });
            }
            Input::Looked(search) => self.looked(&search),
            Input::Tick => self.tick(reading),
            Input::Shutdown(failure) => {
                self.end_early(failure, now);
                self.close_now = true;
            }
        }
        self.follow_up(reading)
    }

    /// Takes what the decoder made of a reply that was observed at a time, and says what follows.
    pub fn read(
        &mut self,
        decoded: Decoded,
        observed: UnixNanos,
        waited: Nanos,
        reading: &Reading,
    ) -> Vec<Effect> {
        self.events(decoded, observed, waited, reading.now);
        self.follow_up(reading)
    }

    /// Whether nothing more is waited for: the account can be closed.
    #[must_use]
    pub fn is_over(&self, now: UnixNanos) -> bool {
        let nothing_to_wait_for = self.stream_failed || self.matcher.is_idle();
        self.close_now
            || self
                .drain_until
                .is_some_and(|until| now >= until || (self.peers.all_ended() && nothing_to_wait_for))
    }

    /// Closes the account; returns the final snapshot and what follows.
    pub fn close(&mut self, reading: &Reading) -> (Arc<Snapshot>, Vec<Effect>) {
        self.watch(reading, false);
        self.matcher.close(&mut self.recorder);
        self.settle();
        self.watch(reading, true);
        (Arc::new(self.snapshot(reading, true)), self.take_effects())
    }

    fn take_effects(&mut self) -> Vec<Effect> {
        let told = self.peers.take_outgoing();
        self.effects.extend(told.into_iter().map(|(writer, message)| Effect::Tell { writer, message }));
        std::mem::take(&mut self.effects)
    }

    /// The latencies since the last time.
    pub fn take_interval(&mut self, from: UnixNanos, until: UnixNanos) -> Interval {
        self.recorder.take_interval(from, until)
    }

    /// The single rows that were kept.
    #[must_use]
    pub fn into_rows(self) -> Rows {
        self.recorder.into_rows()
    }

    fn follow_up(&mut self, reading: &Reading) -> Vec<Effect> {
        self.settle();
        if self.is_snapshot_due(reading.now) && !self.is_over(reading.now) {
            self.look(reading);
        }
        self.take_effects()
    }

    /// Once a second: time passes for the matcher, thresholds are watched, everybody hears how the run stands.
    fn look(&mut self, reading: &Reading) {
        self.matcher.advance(reading.now, &mut self.recorder);
        self.settle();
        self.look_for_rows(reading.now);
        self.watch(reading, false);
        let snapshot = Arc::new(self.snapshot(reading, false));
        self.watcher.note(reading.now, &snapshot.report.thresholds);
        self.abort_if(snapshot.abort.as_ref());
        self.peers.tell_all(&ToWriter::Snapshot(Box::new(snapshot.progress())));
        self.effects.push(Effect::Publish(snapshot));
        // From the schedule, not from now: a slow snapshot does not shift the next one.
        while self.next_snapshot <= reading.now {
            self.next_snapshot += SNAPSHOT_EVERY;
        }
    }

    fn watch(&mut self, reading: &Reading, closed: bool) {
        self.starvation.see(reading.now, &reading.usage);
        let facts = self.facts(reading, closed);
        watch_thresholds(&self.brief.test, &self.matcher, &mut self.recorder, &mut self.watcher, &facts);
    }

    pub(super) fn snapshot(&self, reading: &Reading, closed: bool) -> Snapshot {
        snapshot(&self.brief.test, &self.matcher, &self.recorder, &self.watcher, &self.facts(reading, closed))
    }

    fn stream(&mut self, said: FromStream, now: UnixNanos) {
        match said {
            FromStream::Reply(reply) => {
                let decoded = self.brief.decoder.decode(&reply);
                self.events(decoded, reply.observed, reply.waited, now);
            }
            FromStream::MongodClock(known) => self.mongod_clock = Some(known),
            FromStream::Resumed => self.evidence.stream_resumed(now),
            FromStream::Gap => self.evidence.stream_gap(now),
            FromStream::Error => {
                self.observer_errors += 1;
                self.evidence.stream_error(now);
            }
            FromStream::Silent(since) => {
                self.observer_errors += 1;
                self.evidence.stream_error(since);
            }
            FromStream::Failed(failure) => {
                self.observer_errors += 1;
                self.stream_failed = true;
                self.end_early(failure, now);
            }
        }
    }

    fn events(&mut self, decoded: Decoded, observed: UnixNanos, waited: Nanos, now: UnixNanos) {
        let waited = (!decoded.events.is_empty()).then_some(waited);
        self.evidence.replied(observed, now, waited);
        self.evidence.collections_gone(decoded.collections_gone, now);
        decoded.canaries.iter().for_each(|sighting| self.floor.see(sighting));
        for event in decoded.events {
            self.matcher.event(event, &mut self.recorder);
        }
    }

    /// The load is to stop: the writers hear why, and the drain goes on without them if they do not answer.
    pub(super) fn end_early(&mut self, failure: Failure, now: UnixNanos) {
        self.peers.tell_all(&ToWriter::Abort(failure.clone()));
        self.cause.get_or_insert(failure);
        self.drain_until.get_or_insert(now + self.brief.test.drain);
    }

    fn abort_if(&mut self, failure: Option<&Failure>) {
        if let Some(failure) = failure
            && self.cause.is_none()
        {
            self.aborted = true;
            self.cause = Some(failure.clone());
            self.peers.tell_all(&ToWriter::Abort(failure.clone()));
        }
    }

    fn tick(&mut self, reading: &Reading) {
        self.wall.look(reading.now, reading.wall);
        if self.peers.any_gone(reading.now) {
            let sentence = format!("a writer has been away for {WRITER_AWAY_MAX} and its load had not ended");
            self.cause.get_or_insert(Failure::run(sentence));
            self.close_now = true;
        }
        self.gather(reading.now);
        self.probe(reading);
    }

    fn settle(&mut self) {
        for (writer, sequence, arrived) in self.recorder.take_settled() {
            self.peers.tell(writer, ToWriter::Settled { sequence, arrived });
        }
    }
}

//! The thread that owns matcher and recorder for the length of a run.
//!
//! Everything reaches it through one bounded queue, in the order of arrival; it publishes a snapshot a
//! second and answers the writers. It reads the clock once per input and does no other I/O.

use std::collections::BTreeMap;
use std::sync::Arc;

use streamgauge_shared::account::{Outcome, Phase};
use streamgauge_shared::clock::{Clock, ClockDomain, Standing, WallWatch};
use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::ledger::{Record, ScenarioLoad, Status, ToObserver, ToWriter};
use streamgauge_shared::process;
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::test_file::Test;
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::sync::{mpsc, watch};

use super::Input;
use crate::canary::Floor;
use crate::intake::FromWriter;
use crate::matcher::{Found, Matcher, SeriesIndex, Slices};
use crate::measure::{
    ClockFacts, Evidence, Facts, Interval, Probing, Recorder, Row, Rows, Snapshot, Starvation, Totals,
    Watcher, WriterClock, WriterFacts, snapshot, watch as watch_thresholds,
};
use crate::stream::{Decoder, FromStream, MongodClock, Reply};

/// Batches that may wait for the thread. Each is a server reply or the frames of one read: past it the
/// senders wait, which for the change stream shows as unmeasured events.
pub(super) const INPUTS_MAX: usize = 1_024;
/// Intervals that may wait to be written to the interval log. Past it nothing is lost: the interval goes on,
/// and its line stands for more than a second.
pub(super) const INTERVALS_MAX: usize = 16;
/// How often a snapshot is taken.
const SNAPSHOT_EVERY: Nanos = Nanos::from_secs(1);
/// From the moment at which every writer is prepared to the first tick: they have to have heard of it.
const BEGIN_LEAD: Nanos = Nanos::from_millis(100);
/// How long a writer may be away before its run is closed without it. Longer than the 30 s for which a
/// writer tries to come back.
const WRITER_AWAY_MAX: Nanos = Nanos::from_secs(40);

/// What the thread needs to know of a run.
pub(super) struct Brief {
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
    /// The observer's clock.
    pub clock: Clock,
    /// Reads events.
    pub decoder: Decoder,
    /// The canary's account, with nothing in it.
    pub floor: Floor,
    /// Takes the intervals of the interval log.
    pub intervals: mpsc::Sender<Interval>,
}

/// A writer as the thread sees it.
#[derive(Default)]
struct Peer {
    /// It has said hello.
    is_here: bool,
    /// Its setup is done.
    is_prepared: bool,
    outbox: Option<mpsc::Sender<ToWriter>>,
    away_since: Option<UnixNanos>,
    interruptions: u64,
    away_max: Nanos,
    status: Status,
    clock: Standing,
    /// Operations opened, once it has said that its load is over.
    ended: Option<u64>,
    next_record: u64,
    starvation: Starvation,
}

/// The end of a run: the final snapshot, and the connections that want to hear of it.
pub(super) struct Closed {
    /// With the account closed.
    pub snapshot: Arc<Snapshot>,
    /// The single rows that were kept.
    pub rows: Rows,
    /// The last one of the interval log.
    pub interval: Interval,
    /// Of the writers that are there.
    pub outboxes: Vec<mpsc::Sender<ToWriter>>,
}

struct Run {
    brief: Brief,
    matcher: Matcher,
    recorder: Recorder,
    watcher: Watcher,
    peers: Vec<Peer>,
    evidence: Evidence,
    started_at: UnixNanos,
    /// When the load begins: known once every writer is prepared.
    begins_at: Option<UnixNanos>,
    /// Up to here the interval log has been told.
    logged_until: UnixNanos,
    starvation: Starvation,
    observer_errors: u64,
    wall: WallWatch,
    mongod_clock: Option<MongodClock>,
    cause: Option<Failure>,
    aborted: bool,
    /// Set once every writer has ended; the drain is over this long after.
    drain_until: Option<UnixNanos>,
    /// No event will come any more: a drain would wait for nothing.
    stream_failed: bool,
    close_now: bool,
    /// Of a test that is a capacity search.
    probing: Option<Probing>,
}

/// Runs until the account is closed. Publishes a snapshot a second to `snapshots`.
#[must_use]
pub(super) fn run(
    brief: Brief,
    mut inputs: mpsc::Receiver<Input>,
    snapshots: &watch::Sender<Option<Arc<Snapshot>>>,
) -> Closed {
    let mut run = Run::new(brief);
    let mut next_snapshot = run.started_at;
    while let Some(input) = inputs.blocking_recv() {
        let now = run.brief.clock.now();
        run.take(input, now);
        if run.is_over(now) {
            break;
        }
        if now >= next_snapshot {
            run.matcher.advance(now, &mut run.recorder);
            run.settle();
            run.watch(now);
            let snapshot = Arc::new(run.snapshot(now, false));
            run.abort_if(snapshot.abort.as_ref());
            let progress = Box::new(snapshot.report.progress());
            run.peers.iter_mut().for_each(|peer| peer.send(ToWriter::Snapshot(progress.clone())));
            snapshots.send_replace(Some(snapshot));
            run.log(now);
            // From the schedule, not from now: a slow snapshot does not shift the next one.
            while next_snapshot <= now {
                next_snapshot += SNAPSHOT_EVERY;
            }
        }
    }
    let now = run.brief.clock.now();
    run.watch(now);
    run.matcher.close(&mut run.recorder);
    run.settle();
    let snapshot = Arc::new(run.snapshot(now, true));
    snapshots.send_replace(Some(Arc::clone(&snapshot)));
    Closed {
        snapshot,
        interval: run.recorder.take_interval(run.logged_until, now),
        rows: run.recorder.into_rows(),
        outboxes: run.peers.into_iter().filter_map(|peer| peer.outbox).collect(),
    }
}

impl Peer {
    /// Hands a message to the connection. One that does not keep up is given up: without its outbox the
    /// session ends, and the writer, reconnecting, asks again for what it still waits for.
    fn send(&mut self, message: ToWriter) {
        if let Some(outbox) = &self.outbox
            && outbox.try_send(message).is_err()
        {
            self.outbox = None;
        }
    }
}

impl Run {
    fn new(brief: Brief) -> Self {
        let (series, slices) = (SeriesIndex::of(&brief.test), Slices::of(&brief.test));
        let started_at = brief.clock.now();
        Self {
            matcher: Matcher::new(brief.run, series, slices, brief.writers, brief.test.lost_after),
            recorder: Recorder::new(&brief.test),
            watcher: Watcher::new(&brief.test),
            peers: (0..brief.writers).map(|_| Peer::default()).collect(),
            evidence: Evidence::default(),
            started_at,
            begins_at: None,
            logged_until: started_at,
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
            brief,
        }
    }

    fn take(&mut self, input: Input, now: UnixNanos) {
        match input {
            Input::Writer(FromWriter::Attached { writer, outbox }) => self.attached(writer, outbox, now),
            Input::Writer(FromWriter::Detached { writer }) => {
                let peer = &mut self.peers[usize::from(writer)];
                (peer.outbox, peer.away_since) = (None, Some(now));
            }
            Input::Writer(FromWriter::Messages { writer, messages }) => self.messages(writer, messages, now),
            Input::Writer(FromWriter::Clock { writer, standing }) => {
                self.matcher.clock_bound(writer, standing.bound.unwrap_or_default());
                self.peers[usize::from(writer)].clock = *standing;
            }
            Input::Stream(said) => self.stream(said, now),
            Input::Canary(news) => self.brief.floor.hear(news),
            Input::Row { writer, sequence, answer } => {
                // Who asked may have gone.
                drop(answer.send(self.row(writer, sequence)));
            }
            Input::Tick => self.tick(now),
            Input::Shutdown(failure) => {
                self.end_early(failure, now);
                self.close_now = true;
            }
        }
        self.settle();
    }

    fn attached(&mut self, writer: u16, outbox: mpsc::Sender<ToWriter>, now: UnixNanos) {
        let peer = &mut self.peers[usize::from(writer)];
        let is_new = !std::mem::replace(&mut peer.is_here, true);
        peer.outbox = Some(outbox);
        if let Some(since) = peer.away_since.take() {
            peer.interruptions += 1;
            peer.away_max = peer.away_max.max(now - since);
        }
        if let Some(cause) = self.cause.as_ref().filter(|_| is_new || peer.ended.is_none()) {
            peer.send(ToWriter::Abort(cause.clone()));
        }
        if let Some(at) = self.begins_at {
            peer.send(ToWriter::Begin { at });
        }
        if let Some((number, probe)) = self.probing.as_ref().and_then(Probing::last) {
            peer.send(ToWriter::Probed { number, probe });
        }
    }

    fn stream(&mut self, said: FromStream, now: UnixNanos) {
        match said {
            FromStream::MongodClock(known) => self.mongod_clock = Some(known),
            FromStream::Reply(reply) => self.reply(&reply, now),
            FromStream::Resumed => self.evidence.stream_resumed += 1,
            FromStream::Gap => self.evidence.stream_gaps += 1,
            FromStream::Error => self.observer_errors += 1,
            FromStream::Failed(failure) => {
                self.observer_errors += 1;
                self.stream_failed = true;
                self.end_early(failure, now);
            }
        }
    }

    /// The load is to stop: the writers hear why, and the drain goes on without them if they do not answer.
    fn end_early(&mut self, failure: Failure, now: UnixNanos) {
        self.peers.iter_mut().for_each(|peer| peer.send(ToWriter::Abort(failure.clone())));
        self.cause.get_or_insert(failure);
        self.drain_until.get_or_insert(now + self.brief.test.drain);
    }

    fn abort_if(&mut self, failure: Option<&Failure>) {
        if let Some(failure) = failure
            && self.cause.is_none()
        {
            self.aborted = true;
            self.cause = Some(failure.clone());
            self.peers.iter_mut().for_each(|peer| peer.send(ToWriter::Abort(failure.clone())));
        }
    }

    fn messages(&mut self, writer: u16, messages: Vec<ToObserver>, now: UnixNanos) {
        let mut acknowledge = false;
        for message in messages {
            match message {
                ToObserver::Record { number, record } => {
                    self.peers[usize::from(writer)].next_record = number + 1;
                    acknowledge = true;
                    self.record(writer, record, now);
                }
                ToObserver::Await(awaited) => self.matcher.awaited(writer, awaited, &mut self.recorder),
                ToObserver::Status(status) => {
                    self.matcher.passed(writer, status.queued_at);
                    self.peers[usize::from(writer)].stands(*status);
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
            let peer = &mut self.peers[usize::from(writer)];
            peer.send(ToWriter::Ack { next_record: peer.next_record });
        }
    }

    fn record(&mut self, writer: u16, record: Record, now: UnixNanos) {
        match record {
            Record::Opened(opened) => self.matcher.opened(writer, opened, &mut self.recorder),
            Record::Closed(closed) => self.matcher.closed(writer, closed, &mut self.recorder),
            Record::NotSent(operation) => self.matcher.not_sent(writer, operation, &mut self.recorder),
            Record::Iteration(iteration) => self.recorder.iteration(iteration, now),
            Record::Prepared => self.prepared(writer, now),
            Record::Probe(plan) => {
                if let Some(probing) = &mut self.probing {
                    probing.begin(plan);
                    self.matcher.begin_probe();
                    self.recorder.begin_probe();
                }
            }
            Record::End(end) => {
                self.matcher.passed(writer, end.status.queued_at);
                let peer = &mut self.peers[usize::from(writer)];
                peer.ended = Some(end.operations);
                peer.stands(end.status);
                if let Some(failure) = end.cause {
                    self.stop_others(writer, &failure);
                    self.cause.get_or_insert(failure);
                }
                if self.all_ended() {
                    self.drain_until.get_or_insert(now + self.brief.test.drain);
                }
            }
        }
    }

    /// A writer's setup is done. Where all writers' are, the load begins.
    fn prepared(&mut self, writer: u16, now: UnixNanos) {
        self.peers[usize::from(writer)].is_prepared = true;
        if self.begins_at.is_none() && self.peers.iter().all(|peer| peer.is_prepared) {
            let at = now + BEGIN_LEAD;
            self.begins_at = Some(at);
            self.peers.iter_mut().for_each(|peer| peer.send(ToWriter::Begin { at }));
        }
    }

    /// A writer ended its load early: half a load is not the test, so the others end theirs.
    fn stop_others(&mut self, writer: u16, failure: &Failure) {
        let others =
            (0..).zip(&mut self.peers).filter(|(other, peer)| *other != writer && peer.ended.is_none());
        others.for_each(|(_, peer)| peer.send(ToWriter::Abort(failure.clone())));
        self.give_up_absent();
    }

    /// From now on nobody waits for the writers that have not said hello; returns their indexes.
    fn give_up_absent(&mut self) -> Vec<String> {
        let absent = (0_u16..).zip(&mut self.peers).filter(|(_, peer)| !peer.is_here);
        absent
            .map(|(index, peer)| {
                peer.ended = Some(0);
                index.to_string()
            })
            .collect()
    }

    fn reply(&mut self, reply: &Reply, now: UnixNanos) {
        self.evidence.backlog_delay_max = self.evidence.backlog_delay_max.max(now - reply.observed);
        let decoded = self.brief.decoder.decode(reply);
        if !decoded.events.is_empty() {
            self.evidence.read_wait_max = self.evidence.read_wait_max.max(reply.waited);
        }
        self.evidence.collections_gone += decoded.collections_gone;
        decoded.canaries.iter().for_each(|sighting| self.brief.floor.see(sighting));
        for event in decoded.events {
            self.matcher.event(event, &mut self.recorder);
        }
    }

    fn tick(&mut self, now: UnixNanos) {
        self.wall.look(now, self.brief.clock.wall());
        let gone = |peer: &Peer| {
            peer.ended.is_none() && peer.away_since.is_some_and(|since| now - since > WRITER_AWAY_MAX)
        };
        if self.peers.iter().any(gone) {
            let sentence = format!("a writer has been away for {WRITER_AWAY_MAX} and its load had not ended");
            self.cause.get_or_insert(Failure::run(sentence));
            self.close_now = true;
        }
        self.gather(now);
        self.probe(now);
    }

    /// Gives up a run whose writers do not come together.
    fn gather(&mut self, now: UnixNanos) {
        if self.cause.is_some() || now - self.started_at <= self.brief.writers_timeout {
            return;
        }
        let absent = self.give_up_absent();
        if !absent.is_empty() {
            let sentence = format!(
                "of {} writers those with --shard-index {} did not say hello within {}: start them with the run's --run-id, give the --shard-count that there are, or give the observer a longer --writers-timeout",
                self.peers.len(),
                absent.join(", "),
                self.brief.writers_timeout
            );
            self.end_early(Failure::run(sentence), now);
        }
    }

    /// Looks at the current probe of a capacity search, and judges it when it is time.
    fn probe(&mut self, now: UnixNanos) {
        if self.probing.is_none() {
            return;
        }
        let totals = self.totals();
        let Some(probing) = &mut self.probing else { return };
        probing.sample(now, totals);
        let drain = self.brief.test.drain;
        if !probing.is_due(now, totals, drain) {
            return;
        }
        // Nothing is on its way any more, so every threshold is decided.
        let crossed: Vec<String> = self
            .snapshot(now, false)
            .report
            .thresholds
            .iter()
            .filter(|threshold| !threshold.passed)
            .map(|threshold| threshold.sentence())
            .collect();
        let judged = self.probing.as_mut().and_then(|probing| probing.judge(&crossed, totals, drain));
        if let Some((number, probe)) = judged {
            self.peers
                .iter_mut()
                .for_each(|peer| peer.send(ToWriter::Probed { number, probe: probe.clone() }));
        }
    }

    fn totals(&self) -> Totals {
        let run = self.matcher.total(Phase::Run);
        Totals {
            sent: run.entries(),
            arrived: run.arrived(),
            pending: Phase::ALL.iter().map(|phase| self.matcher.total(*phase).count(Outcome::Pending)).sum(),
            dropped: self.peers.iter().flat_map(|peer| &peer.status.scenarios).map(|load| load.dropped).sum(),
        }
    }

    fn settle(&mut self) {
        for (writer, sequence, arrived) in self.recorder.take_settled() {
            self.peers[usize::from(writer)].send(ToWriter::Settled { sequence, arrived });
        }
    }

    /// One row as far as it is known. Looks through at most all rows kept: a few milliseconds, and no event's time
    /// depends on it.
    fn row(&self, writer: u16, sequence: u64) -> Result<serde_json::Value, String> {
        let (rows, test) = (self.recorder.rows(), &self.brief.test);
        match self.matcher.find(writer, sequence) {
            Found::Entry(entry) => {
                let duplicates = rows.duplicates(writer, sequence);
                Ok(Row { duplicates, ..Row::of(writer, sequence, entry) }.to_json(test))
            }
            Found::Left(Phase::Run) => {
                let kept = rows.find(writer, sequence);
                kept.map(|row| row.to_json(test)).ok_or_else(|| Rows::why_not_kept().to_owned())
            }
            Found::Left(phase) => {
                Err(format!("it was of the phase {}: only rows of the measured phase are kept", phase.name()))
            }
            Found::NotYet => Err("no record of this operation has come yet".to_owned()),
            Found::NoWriter => Err(format!("the run has {} writers, numbered from 0", self.brief.writers)),
        }
    }

    /// Hands the latencies since the last time to the interval log, if it has room.
    fn log(&mut self, now: UnixNanos) {
        if let Ok(place) = self.brief.intervals.try_reserve() {
            place.send(self.recorder.take_interval(self.logged_until, now));
            self.logged_until = now;
        }
    }

    fn all_ended(&self) -> bool {
        self.peers.iter().all(|peer| peer.ended.is_some())
    }

    fn is_over(&self, now: UnixNanos) -> bool {
        let nothing_to_wait_for = self.stream_failed || self.matcher.is_idle();
        self.close_now
            || self.drain_until.is_some_and(|until| now >= until || (self.all_ended() && nothing_to_wait_for))
    }

    fn watch(&mut self, now: UnixNanos) {
        self.starvation.see(now, &process::usage());
        let facts = self.facts(now, false);
        watch_thresholds(&self.brief.test, &self.matcher, &mut self.recorder, &mut self.watcher, &facts);
    }

    fn snapshot(&self, now: UnixNanos, closed: bool) -> Snapshot {
        snapshot(&self.brief.test, &self.matcher, &self.recorder, &self.watcher, &self.facts(now, closed))
    }

    /// One writer on another kernel is enough for a bound on the figures.
    fn clock_domain(&self) -> ClockDomain {
        let known = self.peers.iter().filter_map(|peer| peer.clock.domain);
        known.fold(self.brief.clock_domain, |all, one| if all == ClockDomain::Network { all } else { one })
    }

    fn facts(&self, now: UnixNanos, closed: bool) -> Facts {
        let mut loads = vec![ScenarioLoad::default(); self.brief.test.scenarios.len()];
        for peer in &self.peers {
            loads.iter_mut().zip(&peer.status.scenarios).for_each(|(total, load)| add_load(total, load));
        }
        let missing = (0..)
            .zip(&self.peers)
            .filter_map(|(writer, peer)| Some(self.matcher.missing(writer, peer.ended?)));
        Facts {
            now,
            run: self.brief.run.to_string(),
            started_at: self.started_at,
            seed: self.brief.seed,
            versions: self.brief.versions.clone(),
            clock_domain: self.clock_domain(),
            clocks: ClockFacts {
                writers: self.peers.iter().filter(|peer| peer.is_here).map(Peer::clock).collect(),
                observer: self.wall.steps().clone(),
                mongod: self.mongod_clock,
                test_clock: self.brief.clock.test_clock().map(|bent| bent.to_string()),
            },
            loads,
            writers: self.peers.iter().map(|peer| peer.facts(closed)).collect(),
            observer: process::usage(),
            observer_starved: self.starvation.starved(),
            observer_errors: self.observer_errors,
            missing_entries: if closed { missing.sum() } else { 0 },
            evidence: self.evidence,
            floor: self.brief.floor.figures(now),
            capacity: self.probing.as_ref().map(Probing::capacity),
            cause: self.cause.clone(),
            aborted: self.aborted,
            closed,
        }
    }
}

impl Peer {
    /// The writer says how it stands.
    fn stands(&mut self, status: Status) {
        self.starvation.see(status.queued_at, &status.process);
        self.status = status;
    }

    fn clock(&self) -> WriterClock {
        WriterClock { standing: self.clock.clone(), wall: self.status.wall_steps.clone() }
    }

    fn facts(&self, closed: bool) -> WriterFacts {
        WriterFacts {
            up: self.outbox.is_some(),
            gone: closed && self.ended.is_none() && self.outbox.is_none(),
            interruptions: self.interruptions,
            away_max: self.away_max,
            pg_write_errors: self.status.pg_write_errors,
            records_lost: self.status.records_lost,
            process: self.status.process,
            starved: self.starvation.starved(),
        }
    }
}

fn add_load(total: &mut ScenarioLoad, load: &ScenarioLoad) {
    // Named one by one: a count that is not summed does not compile.
    let ScenarioLoad {
        iterations,
        failed,
        interrupted,
        dropped,
        dropped_by_writer,
        load_began,
        load_ended,
        iterations_due,
        iterations_written,
        user_time,
        user_time_without_session,
        active_users,
        users,
        peak_users,
        skipped_steps,
        not_expected,
    } = *load;
    total.iterations += iterations;
    total.failed += failed;
    total.interrupted += interrupted;
    total.dropped += dropped;
    total.dropped_by_writer += dropped_by_writer;
    // From the first writer's beginning to the last one's end.
    total.load_began = [total.load_began, load_began].into_iter().flatten().min();
    total.load_ended = total.load_ended.max(load_ended);
    total.iterations_due += iterations_due;
    total.iterations_written += iterations_written;
    total.user_time = total.user_time + user_time;
    total.user_time_without_session = total.user_time_without_session + user_time_without_session;
    total.active_users += active_users;
    total.users += users;
    total.peak_users += peak_users;
    total.skipped_steps += skipped_steps;
    total.not_expected += not_expected;
}

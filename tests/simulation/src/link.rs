//! The links between the writers and the observer: connections that come and go, bytes in pieces, messages back, and
//! the exchange of clocks.

use rand::RngExt;
use streamgauge_shared::clock::Exchange;
use streamgauge_shared::ledger::ToWriter;
use streamgauge_shared::time::{Nanos, UnixNanos};

use crate::agenda::{Happening, MS};
use crate::world::World;
use crate::writer::Progress;

/// Clock exchanges before a connection is ready, and how far apart they are then and later.
const FIRST_EXCHANGES: i64 = 16;
const STEADY: Nanos = Nanos::from_secs(1);
/// Exchanges that follow each other quickly after that: the drift is not known yet.
const QUICK_NS: i64 = 3_000 * MS;
/// How long the observer hears nothing before it takes a connection for gone.
const SILENCE_NS: i64 = 10_000 * MS;

impl World {
    /// How long something takes from one side to the other.
    fn way(&mut self, writer: usize) -> i64 {
        MS / 10 + self.writers[writer].way_ns + self.rng.random_range(0..=self.faults.link_jitter_ns)
    }

    /// A writer connects. The observer compares the clocks before it is ready.
    pub(crate) fn connect(&mut self, now: i64, index: usize) {
        let writer = &mut self.writers[index];
        if writer.killed || writer.connected {
            return;
        }
        writer.generation += 1;
        (writer.connected, writer.ready) = (true, false);
        (writer.delivered_at, writer.told_at) = (now, now);
        let generation = writer.generation;
        let next_record = self.observer.attach(now, index, generation, &mut self.truth);
        self.writers[index].resume_from = next_record;
        // Each waits for the one before, so on a long way they take longer.
        let apart = 2 * self.writers[index].way_ns + 2 * self.faults.link_jitter_ns + MS;
        for exchange in 0..FIRST_EXCHANGES {
            self.agenda.at(now + exchange * apart, Happening::Probe(index, generation));
        }
        let ready = now + FIRST_EXCHANGES * apart + 2 * MS;
        self.agenda.at(ready, Happening::Ready(index, generation));
    }

    /// From now on the connection carries the ledger.
    pub(crate) fn ready(&mut self, now: i64, index: usize, generation: u64) {
        let writer = &mut self.writers[index];
        if !writer.connected || writer.generation != generation {
            return;
        }
        writer.ready = true;
        let next_record = writer.resume_from;
        writer.backlog.resume(next_record).expect("what is not acknowledged is kept");
        self.observer.clocks[index].begin(UnixNanos(now), STEADY);
        self.observer.tell_clock(now, index, &mut self.truth);
        self.agenda.at(now + 100 * MS, Happening::Probe(index, generation));
        self.agenda.at(now, Happening::Pump(index, generation));
        if !std::mem::replace(&mut self.writers[index].is_set_up, true) {
            self.set_up(now, index);
        }
    }

    /// A connection breaks. What is on its way may be lost with it, and the observer may notice only by the silence.
    pub(crate) fn cut(&mut self, now: i64, index: usize) {
        if !self.writers[index].connected || self.writers[index].killed {
            return;
        }
        self.name("cut link");
        self.break_off(now, index);
        let back = now + self.rng.random_range(10..2_000) * MS;
        self.agenda.at(back, Happening::Connect(index));
    }

    /// A writer's process dies.
    pub(crate) fn kill(&mut self, now: i64, index: usize) {
        self.name("killed writer");
        self.writers[index].killed = true;
        if self.writers[index].connected {
            self.break_off(now, index);
        }
    }

    fn break_off(&mut self, now: i64, index: usize) {
        let writer = &mut self.writers[index];
        (writer.connected, writer.ready) = (false, false);
        let generation = writer.generation;
        if self.rng.random_bool(0.5) {
            writer.broken = Some(generation);
        }
        let noticed = if self.rng.random_bool(0.5) {
            // Behind what is still on its way.
            writer.delivered_at.max(now) + MS
        } else {
            now + SILENCE_NS
        };
        self.agenda.at(noticed, Happening::Noticed(index, generation));
    }

    /// The link takes what there is to send.
    pub(crate) fn pump(&mut self, now: i64, index: usize, generation: u64) {
        let writer = &mut self.writers[index];
        if !writer.ready || writer.generation != generation {
            return;
        }
        self.agenda.at(now + 4 * MS, Happening::Pump(index, generation));
        if now >= writer.next_status {
            writer.next_status = now + 100 * MS;
            let status = Box::new(writer.status(now));
            writer.backlog.status(status);
        }
        let clock = writer.clock(now);
        let bytes = writer.backlog.pending(|| clock).expect("short messages").to_vec();
        writer.backlog.wrote(bytes.len());
        // A stream of bytes: pieces end anywhere.
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(self.rng.random_range(1..=rest.len()));
            let arrives = now + self.way(index);
            let writer = &mut self.writers[index];
            writer.delivered_at = arrives.max(writer.delivered_at + 1);
            self.agenda.at(writer.delivered_at, Happening::Bytes(index, generation, piece.to_vec()));
            rest = after;
        }
    }

    /// Bytes reach the observer, unless another connection has taken the place of theirs.
    pub(crate) fn bytes(&mut self, now: i64, index: usize, generation: u64, bytes: &[u8]) {
        let is_lost = self.writers[index].broken == Some(generation);
        if self.observer.slots[index].generation == generation && !is_lost {
            self.observer.bytes(now, (index, generation), bytes, &mut self.truth, &self.of);
        }
    }

    /// The core tells a writer something: it goes to the connection that the observer takes for the writer's.
    pub(crate) fn tell(&mut self, now: i64, index: usize, mut message: ToWriter) {
        if let ToWriter::Begin { at } = &mut message {
            *at = self.observer.clocks[index].to_theirs(*at);
        }
        self.check_told(now, index, &message);
        let arrives = now + self.way(index);
        let generation = self.observer.slots[index].generation;
        let writer = &mut self.writers[index];
        writer.told_at = arrives.max(writer.told_at + 1);
        self.agenda.at(writer.told_at, Happening::Told(index, generation, message));
    }

    /// A message of the observer reaches the writer.
    pub(crate) fn told(&mut self, now: i64, index: usize, generation: u64, message: ToWriter) {
        let writer = &mut self.writers[index];
        if !writer.connected || writer.generation != generation {
            return;
        }
        match message {
            // What the writer hears before it is ready it skips; it is said again, or is of no use any more.
            ToWriter::Ack { next_record } if writer.ready => writer.backlog.acknowledge(next_record),
            ToWriter::Settled { sequence, arrived } if writer.ready => {
                writer.backlog.settle(sequence, arrived)
            }
            ToWriter::Abort(failure) => {
                writer.stop.get_or_insert(failure);
                self.agenda.at(now, Happening::Rest(index));
            }
            ToWriter::Begin { at } => self.hear_begin(now, index, at),
            ToWriter::Probed { number, probe } => self.hear_probed(now, index, number, probe),
            _ => {}
        }
    }

    fn hear_begin(&mut self, now: i64, index: usize, at: UnixNanos) {
        let writer = &mut self.writers[index];
        if writer.progress != Progress::Waits {
            return;
        }
        let start = writer.true_time(at);
        if writer.generation == 1 {
            assert!(now <= start, "a writer whose link held hears of the start in time: {start} at {now}");
        }
        let start = start.max(now);
        writer.progress = Progress::Loads;
        writer.load_ends = if writer.search.is_some() { i64::MAX } else { start + self.faults.load_ns };
        if self.load.is_none() {
            self.plan_load(start);
        }
        let first = start + self.rng.random_range(0..10 * MS);
        if self.writers[index].search.is_some() {
            self.agenda.at(first, Happening::Offer(index));
        } else {
            self.agenda.at(first, Happening::Begin(index));
        }
    }

    /// A clock exchange begins.
    pub(crate) fn probe(&mut self, now: i64, index: usize, generation: u64) {
        if !self.writers[index].connected || self.writers[index].generation != generation {
            return;
        }
        let (there, back) = (self.way(index), self.way(index));
        let heard = now + there;
        let answered = heard + MS / 20;
        let returned = answered + back;
        let writer = &self.writers[index];
        let exchange = Exchange {
            asked: UnixNanos(now),
            heard: writer.clock(heard),
            answered: writer.clock(answered),
            returned: UnixNanos(returned),
        };
        self.agenda.at(returned, Happening::Probed(index, generation, exchange));
        if writer.ready {
            let (start, _) = self.load.unwrap_or((now, now));
            let next = if now < start + QUICK_NS { 100 * MS } else { STEADY.0 };
            self.agenda.at(now + next, Happening::Probe(index, generation));
        }
    }

    pub(crate) fn probed(&mut self, now: i64, index: usize, generation: u64, exchange: &Exchange) {
        if self.observer.slots[index].generation != generation {
            return;
        }
        self.observer.clocks[index].exchanged(exchange, STEADY);
        if self.writers[index].ready {
            self.observer.tell_clock(now, index, &mut self.truth);
        }
    }
}

//! The writers of one run: who may take part in it, and what the connections of each share.

use std::sync::Arc;

use parking_lot::Mutex;
use streamgauge_shared::clock::{ClockIdentity, PeerClock};
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::ledger::{Hello, SHARDS_MAX};

use super::Slot;

/// The writers that share a run, as their hellos say.
pub struct Shards {
    /// What every other writer has to agree with.
    first: Hello,
    /// One for each writer; empty until it has said hello.
    seats: Vec<Option<Seat>>,
}

/// What the connections of one writer share.
#[derive(Clone, Debug)]
pub struct Seat {
    /// How far its records are here.
    pub slot: Arc<Mutex<Slot>>,
    /// What is known of its clock.
    pub peer_clock: Arc<Mutex<PeerClock>>,
    process: u64,
}

impl Shards {
    /// The writers of a run of which one has said hello.
    ///
    /// # Errors
    /// It counts itself wrong; exit code 104.
    pub fn new(first: &Hello) -> Result<Self, Failure> {
        let Hello { shard_index: index, shard_count: count, .. } = *first;
        if index >= count || count > SHARDS_MAX {
            return Err(Failure::configuration(format!(
                "--shard-index {index} of --shard-count {count} cannot be: an index is below the count, and that at most {SHARDS_MAX}"
            )));
        }
        Ok(Self { first: first.clone(), seats: vec![None; usize::from(count)] })
    }

    /// How many they are.
    #[must_use]
    pub fn count(&self) -> u16 {
        self.first.shard_count
    }

    /// The seat of a writer that says hello, for the first time or again; `ours` is the observer's clock.
    ///
    /// # Errors
    /// It does not do its part of the same run, or its seat is another process's; one sentence for its user.
    pub fn seat(&mut self, hello: &Hello, ours: &ClockIdentity) -> Result<Seat, Failure> {
        let run = hello.run;
        let differs = self.differences(hello);
        if !differs.is_empty() {
            return Err(Failure::configuration(format!(
                "run {run} goes on with another {}: give all its writers the same, or choose another --run-id",
                differs.join(", another ")
            )));
        }
        let index = hello.shard_index;
        let Some(seat) = self.seats.get_mut(usize::from(index)) else {
            let count = self.count();
            return Err(Failure::configuration(format!(
                "--shard-index {index} must be below --shard-count {count}: the writers are numbered from 0"
            )));
        };
        if let Some(seat) = seat {
            if seat.process == hello.process {
                return Ok(seat.clone());
            }
            return Err(Failure::run(format!(
                "writer {index} of run {run} is another process already: give each writer an --shard-index of its own, or choose another --run-id for another run"
            )));
        }
        let peer_clock = Arc::new(Mutex::new(PeerClock::new(ours, &hello.clock)));
        Ok(seat.insert(Seat { slot: Arc::default(), peer_clock, process: hello.process }).clone())
    }

    /// For each writer the first record that is not here.
    #[must_use]
    pub fn next_records(&self) -> Vec<u64> {
        let next = |seat: &Option<Seat>| seat.as_ref().map_or(0, |seat| seat.slot.lock().next_record);
        self.seats.iter().map(next).collect()
    }

    /// What a hello has otherwise than the first one.
    fn differences(&self, hello: &Hello) -> Vec<&'static str> {
        let first = &self.first;
        [
            ("version of the writer", first.version == hello.version),
            ("test file", first.test.text == hello.test.text),
            ("model file", first.model.text == hello.model.text),
            ("--time-scale", first.time_scale == hello.time_scale),
            ("--load-scale", first.load_scale == hello.load_scale),
            ("--seed", first.seed == hello.seed),
            ("--shard-count", first.shard_count == hello.shard_count),
        ]
        .into_iter()
        .filter_map(|(what, same)| (!same).then_some(what))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::clock::Clock;
    use streamgauge_shared::stamp::RunId;
    use streamgauge_shared::test_file::Source;

    use super::*;

    fn hello(index: u16, count: u16) -> Hello {
        let source = Source { name: "t.toml".into(), text: "a test".into() };
        Hello {
            version: "1".into(),
            process: u64::from(index),
            run: RunId::from_bits(7),
            test: source.clone(),
            model: source,
            time_scale: "1".into(),
            load_scale: "1".into(),
            seed: 3,
            shard_index: index,
            shard_count: count,
            clock: Clock::start().identity(),
            postgres_version: "15".into(),
            postgres_tls: "none".into(),
            postgres_pooler: "none".into(),
            greatest_numbers: Vec::new(),
        }
    }

    #[test]
    fn each_writer_has_a_seat_and_keeps_it_over_connections() {
        let ours = Clock::start().identity();
        let [zero, one] = [hello(0, 2), hello(1, 2)];
        let mut shards = Shards::new(&one).expect("a second of two");
        let seats = [&zero, &one].map(|hello| shards.seat(hello, &ours).expect("a part of the run"));
        seats[1].slot.lock().next_record = 9;
        assert_eq!(shards.next_records(), [0, 9]);
        let again = shards.seat(&one, &ours).expect("the same process");
        assert!(
            Arc::ptr_eq(&again.slot, &seats[1].slot) && Arc::ptr_eq(&again.peer_clock, &seats[1].peer_clock)
        );
    }

    #[test]
    fn who_does_not_belong_hears_why() {
        let ours = Clock::start().identity();
        let first = hello(0, 2);
        let mut shards = Shards::new(&first).expect("one of two");
        shards.seat(&first, &ours).expect("the first");
        let mut refused = |hello: &Hello| shards.seat(hello, &ours).expect_err("refused").sentence;
        let told = refused(&Hello { seed: 4, load_scale: "2".into(), ..hello(1, 2) });
        assert!(told.contains("another --load-scale, another --seed:"), "{told}");
        assert!(refused(&hello(1, 3)).contains("another --shard-count"), "{}", refused(&hello(1, 3)));
        assert!(refused(&hello(2, 2)).contains("--shard-index 2 must be below"), "{}", refused(&hello(2, 2)));
        let other = Hello { process: 5, ..hello(0, 2) };
        assert!(refused(&other).contains("writer 0 of run 000000000007 is another process"));
        for (index, count) in [(0, 0), (2, 2), (0, SHARDS_MAX + 1)] {
            assert!(Shards::new(&hello(index, count)).is_err(), "{index} of {count}");
        }
    }
}

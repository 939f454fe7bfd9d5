//! Drawn histories, their records and events interleaved at random, from printed seeds.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use streamgauge_shared::threshold::{Rate, Tags};

use super::*;

/// What happens to one row of a simulation.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Arrives,
    Late,
    Lost,
    Twice,
    Rejected,
    UnknownArrives,
    UnknownGone,
}

const FATES: [Fate; 7] = [
    Fate::Arrives,
    Fate::Late,
    Fate::Lost,
    Fate::Twice,
    Fate::Rejected,
    Fate::UnknownArrives,
    Fate::UnknownGone,
];

/// An input with the time at which it happens.
enum Step {
    Open(Opened),
    Close(Closed),
    Event(Event),
}

/// What happens in a simulation, in order, and what must come out of it.
struct History {
    steps: Vec<(i64, Step)>,
    expected: BTreeMap<&'static str, u64>,
    latencies: Vec<i64>,
}

/// A history in which each row has a drawn fate, the ledger and the events interleaved at random, and what
/// must come out of it.
fn history(random: &mut StdRng) -> History {
    let mut steps = Vec::new();
    let mut expected: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut latencies = Vec::new();
    let mut count = |name, n| *expected.entry(name).or_default() += n;
    for index in 0..random.random_range(1..60_u64) {
        let (fate, key) = (FATES[random.random_range(0..FATES.len())], format!("k{index}"));
        let sent = random.random_range(0..20) * MILLI;
        // The ledger's records come at any time after they were made: before the event or long after it.
        let record_delay = random.random_range(0..40) * MILLI;
        let create = opened(2 * index, Operation::Create, &key, sent);
        let written = match fate {
            Fate::Rejected => Written::Rejected,
            Fate::UnknownArrives | Fate::UnknownGone => Written::Unknown,
            _ => Written::Committed(UnixNanos(sent + 10)),
        };
        steps.push((sent + record_delay, Step::Open(create)));
        steps.push((sent + record_delay + 1, Step::Close(Closed::new(2 * index, written))));
        let latency = if fate == Fate::Late { 6 * SECOND } else { random.random_range(1..30) * MILLI };
        if matches!(fate, Fate::Arrives | Fate::Late | Fate::Twice | Fate::UnknownArrives) {
            steps.push((sent + latency, Step::Event(row(2 * index, sent + latency))));
            latencies.push(latency);
            count("first", 1);
            count(if fate == Fate::Late { "late" } else { "delivered" }, 1);
        }
        match fate {
            Fate::Twice => {
                steps.push((sent + latency + 5, Step::Event(row(2 * index, sent + latency + 5))));
                count("duplicate", 1);
            }
            Fate::Lost => count("lost", 1),
            Fate::Rejected => count("rejected", 1),
            Fate::UnknownGone => count("unknown", 1),
            _ => {}
        }
        // Every sequence must come; the second of a pair is a delete of the same row, where there is one.
        let deleted = sent + latency + SECOND;
        let delete = opened(2 * index + 1, Operation::Delete, &key, deleted);
        let removes = matches!(fate, Fate::Arrives | Fate::Twice);
        let written = if removes { Written::Committed(UnixNanos(deleted + 10)) } else { Written::Rejected };
        steps.push((deleted + record_delay, Step::Open(delete)));
        steps.push((deleted + record_delay + 1, Step::Close(Closed::new(2 * index + 1, written))));
        if removes {
            let latency = random.random_range(1..30) * MILLI;
            steps.push((deleted + latency, Step::Event(gone(&key, deleted + latency))));
            latencies.push(latency);
            count("first", 1);
            count("delivered", 1);
        } else {
            count("rejected", 1);
        }
    }
    steps.shuffle(random);
    steps.sort_by_key(|(at, _)| *at);
    History { steps, expected, latencies }
}

#[test]
fn in_any_interleaving_the_outcomes_are_the_drawn_fates_and_the_sums_close() {
    for seed in 0..200 {
        let mut random = StdRng::seed_from_u64(seed);
        let History { steps, expected, mut latencies } = history(&mut random);
        // Two groups that together are everything: their slices must add up to the series.
        let groups = [0, 1].map(|group| Tags { group: Some(group), ..Tags::default() });
        let slices = Slices::of_tags(&groups);
        let mut matcher = Matcher::new(RUN, SeriesIndex::new(1, 1), slices, 1, Nanos::from_secs(600));
        let mut heard = Heard::default();
        for (_, step) in steps {
            match step {
                Step::Open(opened) => {
                    let group = Some(u16::from(opened.sequence % 3 == 0));
                    matcher.opened(0, Opened { group, check: vec![says(7)], ..opened }, &mut heard);
                }
                Step::Close(closed) => matcher.closed(0, closed, &mut heard),
                Step::Event(event) => matcher.event(event, &mut heard),
            }
            matcher.assert_sums(false);
        }
        matcher.close(&mut heard);
        matcher.assert_sums(true);
        assert_eq!(sums(&matcher), expected, "seed {seed}");
        for rate in Rate::ALL {
            let add = |(a, b): (u64, u64), (c, d): (u64, u64)| (a + c, b + d);
            let slices = groups.map(|tags| matcher.slice(tags).expect("declared").rate(rate));
            let series = matcher.series().all().map(|series| matcher.tally(series).rate(rate));
            assert_eq!(add(slices[0], slices[1]), series.fold((0, 0), add), "seed {seed}");
        }
        latencies.sort_unstable();
        heard.e2e.sort_unstable();
        assert_eq!(heard.e2e, latencies, "seed {seed}");
        assert_eq!(
            heard.done.len() as u64,
            matcher.total(Phase::Run).entries(),
            "seed {seed}: each is done at the end"
        );
    }
}

//! The matcher beside a plain model: every entry in one map for ever, every question a walk over all of them.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use streamgauge_shared::threshold::Tags;

use super::*;

const LOST_AFTER: i64 = 2 * SECOND;
const KEYS: u64 = 5;

/// What an operation is, drawn before any record or event of it.
#[derive(Clone, Copy)]
struct Plan {
    operation: Operation,
    key: u64,
}

#[derive(Clone)]
struct Known {
    plan: Plan,
    first_sent: i64,
    sent: i64,
    stamped: i64,
    deadline: i64,
    written: Option<Written>,
    outcome: Outcome,
    arrived: bool,
}

#[derive(Default)]
struct Model {
    known: BTreeMap<u64, Known>,
    never_sent: BTreeMap<u64, ()>,
    kinds: HashMap<EventKind, u64>,
    /// Events that wait for an operation, and deletes that wait for any.
    early: BTreeMap<u64, Vec<Event>>,
    early_deletes: Vec<(u64, i64)>,
    matched_deletes: HashMap<u64, ()>,
    watermark: i64,
}

impl Known {
    fn has_left(&self) -> bool {
        self.written.is_some() && (self.arrived || self.outcome == Outcome::Rejected)
    }
}

impl Model {
    fn see(&mut self, kind: EventKind) {
        *self.kinds.entry(kind).or_default() += 1;
    }

    fn early(&self) -> u64 {
        self.early.values().map(Vec::len).sum::<usize>() as u64 + self.early_deletes.len() as u64
    }

    fn opened(&mut self, plan: Plan, opened: &Opened) {
        let sequence = opened.sequence;
        self.watermark = self.watermark.max(opened.sent.0);
        match self.known.get_mut(&sequence) {
            Some(known) if known.has_left() => return,
            Some(known) if !known.arrived => {
                (known.sent, known.stamped, known.deadline) =
                    (opened.sent.0, opened.stamped.0, opened.deadline.0);
            }
            Some(_) => {}
            None => {
                self.matched_deletes.remove(&plan.key);
                let known = Known {
                    plan,
                    first_sent: opened.sent.0,
                    sent: opened.sent.0,
                    stamped: opened.stamped.0,
                    deadline: opened.deadline.0,
                    written: None,
                    outcome: Outcome::Pending,
                    arrived: false,
                };
                self.known.insert(sequence, known);
                if plan.operation == Operation::Delete {
                    let its = self.early_deletes.extract_if(.., |(key, _)| *key == plan.key);
                    let its: Vec<(u64, i64)> = its.collect();
                    for (key, at) in its {
                        if at < opened.sent.0 {
                            // It is older than the delete: another run's.
                            self.see(EventKind::Foreign);
                        } else {
                            self.early.entry(sequence).or_default().push(gone(&format!("k{key}"), at));
                        }
                    }
                    return;
                }
            }
        }
        self.replay(sequence);
    }

    fn closed(&mut self, sequence: u64, written: Written) {
        if let Written::Committed(at) = written {
            self.watermark = self.watermark.max(at.0);
        }
        let Some(known) = self.known.get_mut(&sequence).filter(|known| known.written.is_none()) else {
            return;
        };
        known.written = Some(written);
        let outcome = match written {
            Written::Committed(_) => known.outcome,
            Written::Rejected => Outcome::Rejected,
            Written::Unknown => Outcome::Unknown,
        };
        if known.outcome.may_become(outcome) {
            known.outcome = outcome;
        }
        if known.plan.operation == Operation::Delete || known.has_left() {
            self.replay(sequence);
        }
    }

    fn replay(&mut self, sequence: u64) {
        for event in self.early.remove(&sequence).unwrap_or_default() {
            self.event(&event);
        }
    }

    fn event(&mut self, event: &Event) {
        match &event.change {
            Change::Stamped { stamp, .. } => {
                let known = self.known.get(&stamp.sequence);
                if self.never_sent.contains_key(&stamp.sequence)
                    || known.is_some_and(|known| known.has_left() || known.arrived)
                {
                    self.see(EventKind::Duplicate);
                } else if known.is_none_or(|known| stamp.sent.0 > known.stamped) {
                    self.early.entry(stamp.sequence).or_default().push(event.clone());
                } else {
                    self.arrive(stamp.sequence, event.observed.0);
                }
            }
            Change::Deleted { key, .. } => {
                let key: u64 = key.readings()[0][1..].parse().expect("a number");
                let open = self.known.iter().find(|(_, known)| {
                    known.plan.key == key
                        && known.plan.operation == Operation::Delete
                        && !known.arrived
                        && known.outcome != Outcome::Rejected
                });
                let open = open.filter(|(_, known)| event.observed.0 >= known.first_sent);
                match open.map(|(sequence, known)| (*sequence, known.written.is_some())) {
                    Some((sequence, true)) => self.arrive(sequence, event.observed.0),
                    Some((sequence, false)) => {
                        self.early.entry(sequence).or_default().push(event.clone());
                    }
                    None if self.matched_deletes.contains_key(&key) => self.see(EventKind::Duplicate),
                    None => self.early_deletes.push((key, event.observed.0)),
                }
            }
            Change::Removed { .. } | Change::Unstamped | Change::Undecodable(_) => {
                unreachable!("none is drawn")
            }
        }
    }

    fn arrive(&mut self, sequence: u64, observed: i64) {
        let plan = self.known[&sequence].plan;
        let on_row = |known: &Known| known.plan.key == plan.key;
        let overtaken = self.known.range(sequence + 1..).any(|(_, known)| on_row(known) && known.arrived);
        self.see(if overtaken { EventKind::OutOfOrder } else { EventKind::First });
        if !overtaken {
            for (_, known) in self.known.range_mut(..sequence) {
                if on_row(known) && known.outcome == Outcome::Pending {
                    known.outcome = Outcome::Superseded;
                }
            }
        }
        if plan.operation == Operation::Delete {
            self.matched_deletes.insert(plan.key, ());
        }
        let known = self.known.get_mut(&sequence).expect("it was found");
        known.arrived = true;
        known.outcome = if observed <= known.deadline { Outcome::Delivered } else { Outcome::Late };
        if known.has_left() {
            self.replay(sequence);
        }
    }

    fn advance(&mut self, now: i64) {
        let old = |known: &&mut Known| known.outcome == Outcome::Pending && known.sent <= now - LOST_AFTER;
        self.known.values_mut().filter(old).for_each(|known| known.outcome = Outcome::Lost);
    }

    fn passed(&mut self, at: i64) {
        self.watermark = self.watermark.max(at);
        while self.early_deletes.first().is_some_and(|(_, observed)| *observed < self.watermark) {
            self.early_deletes.remove(0);
            self.see(EventKind::Foreign);
        }
    }

    fn close(&mut self) -> u64 {
        let mut recovered = 0;
        std::mem::take(&mut self.early_deletes).iter().for_each(|_| self.see(EventKind::Foreign));
        for sequence in self.early.keys().copied().collect::<Vec<_>>() {
            let events = self.early.remove(&sequence).unwrap_or_default();
            for (index, event) in events.iter().enumerate() {
                match self.known.get(&sequence) {
                    Some(known) if index == 0 && !known.arrived => self.arrive(sequence, event.observed.0),
                    None if index == 0 => {
                        recovered += 1;
                        self.see(EventKind::First);
                    }
                    _ => self.see(EventKind::Duplicate),
                }
            }
        }
        self.advance(i64::MAX);
        recovered
    }

    fn count(&self, outcome: Outcome) -> u64 {
        let never_sent = if outcome == Outcome::Rejected { self.never_sent.len() } else { 0 };
        (self.known.values().filter(|known| known.outcome == outcome).count() + never_sent) as u64
    }
}

/// Compares all that both can say.
fn compare(matcher: &Matcher, model: &Model, now: i64, recovered: u64) {
    matcher.assert_sums(false);
    let (account, events) = (matcher.total(Phase::Run), matcher.events(Phase::Run));
    for outcome in Outcome::ALL {
        let extra = if outcome == Outcome::Delivered { recovered } else { 0 };
        assert_eq!(account.count(outcome), model.count(outcome) + extra, "{outcome}");
    }
    for kind in EventKind::ALL {
        let seen = model.kinds.get(&kind).copied().unwrap_or_default();
        let expected = if kind == EventKind::Early { model.early() } else { seen };
        assert_eq!(events.count(kind), expected, "{kind}");
    }
    for (sequence, known) in &model.known {
        let expected = (!known.has_left()).then_some(known.outcome);
        assert_eq!(matcher.outcome(0, *sequence), expected, "operation {sequence}");
    }
    let open = || model.known.values().filter(|known| !known.has_left());
    assert_eq!(matcher.holding().entries, open().count());
    assert_eq!(matcher.unclosed(0), open().filter(|known| known.written.is_none()).count() as u64);
    let pending = || model.known.values().filter(|known| known.outcome == Outcome::Pending);
    let waiting = matcher.waiting(0);
    assert_eq!(waiting.pending, pending().count() as u64);
    assert_eq!(waiting.oldest_sent.map(|sent| sent.0), pending().map(|known| known.sent).min());
    let on_its_way = pending().count() as u64 + model.count(Outcome::Unknown) + model.early();
    assert_eq!(matcher.is_idle(), on_its_way == 0);
    let ages = matcher.ages_of(Latency::CdcE2eLatency, Tags::default(), false, UnixNanos(now));
    let counts = |known: &&Known| {
        matches!(known.outcome, Outcome::Pending | Outcome::Lost | Outcome::Unknown) && !known.arrived
    };
    let expected: Vec<i64> =
        model.known.values().filter(counts).map(|known| (now - known.sent).max(0)).collect();
    assert_eq!(ages.count(), expected.len() as u64);
    assert_eq!(ages.min().map(|age| age.0), expected.iter().min().copied());
    assert_eq!(ages.max().map(|age| age.0), expected.iter().max().copied());
    let came = (model.known.len() + model.never_sent.len()) as u64;
    assert_eq!(matcher.missing(0, came + 7), 7);
}

struct Drawn<'a> {
    random: &'a mut StdRng,
    now: i64,
    plans: Vec<Plan>,
    next: u64,
}

impl Drawn<'_> {
    fn plan(&mut self, sequence: u64) -> Plan {
        while self.plans.len() as u64 <= sequence {
            let operation = Operation::ALL[self.random.random_range(0..3)];
            self.plans.push(Plan { operation, key: self.random.random_range(0..KEYS) });
        }
        self.plans[usize::try_from(sequence).expect("small")]
    }

    fn one_of(&mut self, beyond: u64) -> u64 {
        let newest = self.next + beyond;
        // Recent ones most of the time.
        let first = if self.random.random_bool(0.8) { newest.saturating_sub(8) } else { 0 };
        self.random.random_range(first..=newest)
    }

    fn step(&mut self, matcher: &mut Matcher, model: &mut Model, heard: &mut Heard) {
        self.now += self.random.random_range(0..40) * MILLI;
        let now = self.now;
        match self.random.random_range(0..100_u32) {
            0..30 => {
                // Some records never come.
                self.next += 1 + u64::from(self.random.random_bool(0.05));
                let (sequence, back) = (self.next, self.random.random_range(0..100) * MILLI);
                let plan = self.plan(sequence);
                let record = opened(sequence, plan.operation, &format!("k{}", plan.key), now - back);
                model.opened(plan, &record);
                matcher.opened(0, record, heard);
            }
            30..33 => {
                self.next += 1;
                let (sequence, plan) = (self.next, self.plan(self.next));
                let Opened { phase, scenario, entity, operation, key, group, stage, intended, .. } =
                    opened(sequence, plan.operation, &format!("k{}", plan.key), now);
                let cause = NotSentCause::NotConnected;
                let record = NotSent {
                    sequence,
                    phase,
                    scenario,
                    entity,
                    operation,
                    key,
                    group,
                    stage,
                    intended,
                    cause,
                };
                model.never_sent.insert(sequence, ());
                model.replay(sequence);
                matcher.not_sent(0, &record, heard);
            }
            33..36 => {
                let sequence = self.one_of(0);
                if model.known.contains_key(&sequence) {
                    let plan = self.plan(sequence);
                    let record = opened(sequence, plan.operation, &format!("k{}", plan.key), now);
                    model.opened(plan, &record);
                    matcher.opened(0, record, heard);
                }
            }
            36..60 => {
                let (sequence, fate) = (self.one_of(0), self.random.random_range(0..10));
                let written = match fate {
                    0 => Written::Rejected,
                    1 => Written::Unknown,
                    _ => Written::Committed(UnixNanos(now)),
                };
                model.closed(sequence, written);
                matcher.closed(0, Closed::new(sequence, written), heard);
            }
            60..85 => {
                let sequence = self.one_of(2);
                let plan = self.plan(sequence);
                let ahead = i64::from(self.random.random_bool(0.05)) * SECOND;
                let stamped = model.known.get(&sequence).map_or(0, |known| known.stamped) + ahead;
                let event = if plan.operation == Operation::Delete {
                    gone(&format!("k{}", plan.key), now)
                } else {
                    let stamp = Stamp { run: RUN, writer: 0, sequence, sent: UnixNanos(stamped) };
                    let Event { change, .. } = row(sequence, now);
                    let Change::Stamped { entity, content, .. } = change else { unreachable!() };
                    let change = Change::Stamped { entity, stamp, content, document: None };
                    Event { change, ..row(sequence, now) }
                };
                model.event(&event);
                matcher.event(event, heard);
            }
            85..88 => {
                let (sequence, deadline) = (self.one_of(0), now + self.random.random_range(0..3) * SECOND);
                if let Some(known) =
                    model.known.get_mut(&sequence).filter(|known| !known.has_left() && !known.arrived)
                {
                    known.deadline = deadline;
                }
                matcher.awaited(0, Awaited { sequence, deadline: UnixNanos(deadline) }, heard);
            }
            88..94 => {
                let at = now - self.random.random_range(0..200) * MILLI;
                model.passed(at);
                matcher.passed(0, UnixNanos(at));
            }
            _ => {
                model.advance(now);
                matcher.advance(UnixNanos(now), heard);
                let late = |known: &&Known| known.outcome == Outcome::Pending && known.deadline < now;
                let overdue = model.known.values().filter(late).count() as u64;
                assert_eq!(matcher.waiting(0).overdue, overdue);
            }
        }
    }
}

/// One history from a seed.
fn live_through(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let after = Nanos(LOST_AFTER);
    let mut matcher = Matcher::new(RUN, SeriesIndex::new(1, 1), Slices::default(), 1, after);
    let (mut model, mut heard) = (Model::default(), Heard::default());
    model.watermark = i64::MIN;
    let steps = random.random_range(50..600);
    let mut drawn = Drawn { random: &mut random, now: 10 * SECOND, plans: Vec::new(), next: 0 };
    for _ in 0..steps {
        drawn.step(&mut matcher, &mut model, &mut heard);
        compare(&matcher, &model, drawn.now, 0);
    }
    let recovered = model.close();
    matcher.close(&mut heard);
    matcher.assert_sums(true);
    assert_eq!(matcher.recovered(), recovered);
    let now = drawn.now;
    let (account, events) = (matcher.total(Phase::Run), matcher.events(Phase::Run));
    for outcome in Outcome::ALL {
        let extra = if outcome == Outcome::Delivered { recovered } else { 0 };
        assert_eq!(account.count(outcome), model.count(outcome) + extra, "{outcome} at {now}");
    }
    for kind in EventKind::ALL {
        assert_eq!(events.count(kind), model.kinds.get(&kind).copied().unwrap_or_default(), "{kind}");
    }
    let told = (heard.done.len() + model.never_sent.len()) as u64;
    assert_eq!(told + recovered, account.entries());
}

#[test]
fn in_any_history_it_says_what_a_plain_model_says() {
    for seed in 0..300 {
        let lived = std::panic::catch_unwind(|| live_through(seed));
        assert!(lived.is_ok(), "seed {seed}");
    }
}

//! One seed, from its first hello to the comparison of its report with the truth.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use streamgauge_observer::matcher::Bounds;
use streamgauge_observer::run::Input;
use streamgauge_observer::stream::{Change, Content, DocumentId};
use streamgauge_shared::account::Undecodable;
use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::stamp::{RunId, Stamp};
use streamgauge_shared::test_file::{DocumentKey, Scale, Source, Test, parse};
use streamgauge_shared::time::{Nanos, UnixNanos};

use crate::agenda::{Agenda, Happening, MS, Seen};
use crate::check::Summary;
use crate::faults::Faults;
use crate::observer::{Observer, document};
use crate::pipeline::Pipeline;
use crate::truth::{Arrival, Truth};
use crate::writer::{Searching, Writer};

/// What a matcher remembers of each kind of entry that does not arrive, where it is to remember little.
const KEPT_FEW: usize = 50;
/// How long after its load a run drains at most, as the tests say.
pub(crate) const DRAIN_NS: i64 = 12_000 * MS;
/// Nothing takes so long.
const END_OF_TIME: i64 = 600_000 * MS;
/// The threshold that ends a load where a seed has one.
pub(crate) const WRITE_FAILED_MAX: f64 = 0.25;

pub(crate) struct World {
    pub(crate) rng: StdRng,
    pub(crate) faults: Faults,
    pub(crate) agenda: Agenda,
    pub(crate) writers: Vec<Writer>,
    pub(crate) pipeline: Pipeline,
    pub(crate) observer: Observer,
    pub(crate) truth: Truth,
    /// Operations by writer and sequence.
    pub(crate) of: HashMap<(usize, u64), usize>,
    pub(crate) rows: usize,
    /// When PostgreSQL refuses sessions.
    pub(crate) outages: Vec<(i64, i64)>,
    /// When the load begins and ends, once it is known.
    pub(crate) load: Option<(i64, i64)>,
    /// The stream is down: what is visible meanwhile, or `None` if it is never seen.
    down: Option<bool>,
    piled: Vec<Seen>,
    /// When the last writer's end had reached the core.
    pub(crate) ended_at: Option<i64>,
    /// A threshold has ended the load.
    pub(crate) aborted: bool,
    /// What happened in this seed that has a name.
    pub(crate) named: BTreeMap<&'static str, u64>,
}

/// Lives through one seed.
///
/// # Panics
/// When the report differs from the truth, or a sum does not close.
#[must_use]
pub fn simulate(seed: u64) -> Summary {
    let mut world = World::new(seed);
    world.plan();
    let mut now = 0;
    while !world.observer.core.is_over(UnixNanos(now)) {
        let (at, happening) = world.agenda.next().expect("time is told for ever");
        assert!(at < END_OF_TIME, "a run that never ends: {:?}", world.faults);
        now = at;
        world.happen(now, happening);
        world.follow(now);
    }
    world.close(now)
}

fn test(faults: &Faults) -> Test {
    let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
    let mut text =
        if faults.search { include_str!("search.toml") } else { include_str!("load.toml") }.to_owned();
    if faults.abort {
        text.push_str(&format!(
            "pg_write_failed = [{{ threshold = \"rate<{WRITE_FAILED_MAX}\", abort_on_fail = true }}]\n"
        ));
    }
    let model = source("shop.toml", include_str!("../../../scenarios/models/shop.toml"));
    let parsed = parse(&source("load.toml", &text), Scale::default(), Scale::default(), |_| Ok(model));
    let mut test = parsed.unwrap_or_else(|mistakes| panic!("{mistakes}")).0;
    test.lost_after = Nanos(faults.lost_after_ns);
    test.drain = Nanos(DRAIN_NS);
    if faults.by_sink {
        test.model.entities[0].landing.document_key = DocumentKey::Sink;
    }
    test
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let faults = Faults::draw(&mut rng);
        let test = Arc::new(test(&faults));
        let slow = rng.random_range(0..faults.writers);
        let mut writers: Vec<Writer> = (0..faults.writers)
            .map(|index| {
                let drift = if faults.network { rng.random_range(-50_000..50_000) } else { 0 };
                let way = if index == slow { faults.slow_ns } else { 0 };
                Writer::new(rng.random_range(-500..500) * MS + rng.random_range(0..MS), drift, way)
            })
            .collect();
        if let Some(spec) = test.capacity_search() {
            let search = streamgauge_shared::capacity::Search::new(spec);
            writers[0].search = Some(Searching { search, plan: None });
        }
        let kept = if faults.forgets { KEPT_FEW } else { Bounds::default().kept };
        let bounds = Bounds { kept, ..Bounds::default() };
        let observer = Observer::new(Arc::clone(&test), &writers, faults.network, bounds);
        let truth = Truth {
            lost_after_ns: faults.lost_after_ns,
            by_sink: faults.by_sink,
            loads: vec![Default::default(); faults.writers],
            ended: vec![false; faults.writers],
            ..Truth::default()
        };
        Self {
            rng,
            faults,
            agenda: Agenda::default(),
            writers,
            pipeline: Pipeline::default(),
            observer,
            truth,
            of: HashMap::new(),
            rows: 0,
            outages: Vec::new(),
            load: None,
            down: None,
            piled: Vec::new(),
            ended_at: None,
            aborted: false,
            named: BTreeMap::new(),
        }
    }

    pub(crate) fn name(&mut self, what: &'static str) {
        *self.named.entry(what).or_default() += 1;
    }

    /// Everything whose time is drawn before the first hello.
    fn plan(&mut self) {
        for (writer, hello) in self.faults.hellos_ns.clone().into_iter().enumerate() {
            match hello {
                Some(at) => self.agenda.at(at, Happening::Connect(writer)),
                None => self.name("absent writer"),
            }
            if self.rng.random_bool(0.1) {
                // Before anything has begun.
                let at = hello.unwrap_or_default() + self.rng.random_range(0..1_500) * MS;
                self.agenda.at(at, Happening::Cut(writer));
            }
        }
        self.agenda.at(0, Happening::Tick);
    }

    /// Everything whose time is drawn once it is known when the load begins.
    pub(crate) fn plan_load(&mut self, start: i64) {
        let faults = self.faults.clone();
        // A search takes as long as it takes: what goes wrong with it goes wrong in its first seconds.
        let end = start + if faults.search { 6_000 * MS } else { faults.load_ns };
        self.load = Some((start, end));
        for writer in 0..faults.writers {
            for _ in 0..faults.cuts {
                self.agenda.at(self.rng.random_range(start..end), Happening::Cut(writer));
            }
        }
        if faults.kill {
            let writer = self.rng.random_range(0..faults.writers);
            self.agenda.at(self.rng.random_range(start..end), Happening::Kill(writer));
        }
        if let Some(twice) = faults.interrupt {
            let writer = self.rng.random_range(0..faults.writers);
            let at = self.rng.random_range(start..end);
            self.agenda.at(at, Happening::Interrupt(writer, false));
            if twice {
                // Often before the first one has ended anything.
                let most = if self.rng.random_bool(0.5) { 5 } else { 800 };
                let again = at + self.rng.random_range(MS..most * MS);
                self.agenda.at(again, Happening::Interrupt(writer, true));
            }
        }
        for _ in 0..faults.outages {
            let from = self.rng.random_range(start..end);
            self.outages.push((from, from + self.rng.random_range(50..2_000) * MS));
        }
        for _ in 0..faults.restarts {
            self.agenda.at(self.rng.random_range(start..end + 500 * MS), Happening::Restart);
        }
        let mut free = start;
        for reopening in 0..faults.reopenings {
            let at = self.rng.random_range(free..free + faults.load_ns);
            let up = at + self.rng.random_range(10..800) * MS;
            self.agenda.at(at, Happening::StreamDown { gap: faults.gap && reopening == 0 });
            self.agenda.at(up, Happening::StreamUp);
            free = up + MS;
        }
        for _ in 0..faults.foreign {
            let seen = Seen::Foreign(self.rng.random_range(0..3));
            self.agenda.at(self.rng.random_range(start..end), Happening::Visible(seen));
        }
        for _ in 0..faults.undecodable {
            self.agenda.at(self.rng.random_range(start..end), Happening::Visible(Seen::Undecodable));
        }
    }

    fn happen(&mut self, now: i64, happening: Happening) {
        match happening {
            Happening::Connect(writer) => self.connect(now, writer),
            Happening::Ready(writer, generation) => self.ready(now, writer, generation),
            Happening::Prepared(writer) => self.prepared(now, writer),
            Happening::Begin(writer) => self.begin(now, writer),
            Happening::Offer(writer) => self.offer(now, writer),
            Happening::Follow(op) => self.go_on(now, op),
            Happening::Rest(writer) => self.rest(now, writer),
            Happening::Attempt(op) => self.attempt(now, op),
            Happening::Commit(op) => {
                self.pipeline.take(now, op, &self.truth.ops, &self.faults, &mut self.rng, &mut self.agenda);
            }
            Happening::Answer(op, written) => self.answer(now, op, written),
            Happening::Pump(writer, generation) => self.pump(now, writer, generation),
            Happening::Bytes(writer, generation, bytes) => self.bytes(now, writer, generation, &bytes),
            Happening::Told(writer, generation, message) => self.told(now, writer, generation, message),
            Happening::Cut(writer) => self.cut(now, writer),
            Happening::Noticed(writer, generation) => {
                self.observer.detach(now, writer, generation, &mut self.truth);
            }
            Happening::Kill(writer) => self.kill(now, writer),
            Happening::Interrupt(writer, again) => self.interrupt(now, writer, again),
            Happening::Probe(writer, generation) => self.probe(now, writer, generation),
            Happening::Probed(writer, generation, exchange) => {
                self.probed(now, writer, generation, &exchange)
            }
            Happening::Apply(op) => {
                self.pipeline.apply(now, op, &self.truth.ops, &mut self.rng, &mut self.agenda);
            }
            Happening::Flush(op) => {
                self.pipeline.flush(now, op, &self.truth.ops, &mut self.rng, &mut self.agenda);
            }
            Happening::Restart => self.pipeline.restart(now, &mut self.rng, &mut self.agenda),
            Happening::Visible(seen) => match self.down {
                Some(true) => {}
                Some(false) => self.piled.push(seen),
                None => self.see(now, seen, true),
            },
            Happening::StreamDown { gap } => self.down = Some(gap),
            Happening::StreamUp => {
                self.down = None;
                for seen in std::mem::take(&mut self.piled) {
                    self.see(now, seen, false);
                }
            }
            Happening::Tick => {
                self.observer.take(now, Input::Tick, &mut self.truth);
                self.agenda.at(now + 100 * MS, Happening::Tick);
            }
        }
    }

    /// What follows from what the core was given: messages set out, and a snapshot is looked at.
    fn follow(&mut self, now: i64) {
        if self.truth.ended.iter().all(|ended| *ended) {
            self.ended_at.get_or_insert(now);
        }
        let published = self.observer.take_published();
        let aborts = published.as_ref().is_some_and(|snapshot| snapshot.abort.is_some());
        let is_first = aborts && !std::mem::replace(&mut self.aborted, true);
        for (writer, message) in self.observer.take_told() {
            self.tell(now, writer, message);
        }
        if let Some(snapshot) = published {
            self.observer.matcher().assert_sums(false);
            // Not at every one: each is compared with a reading of the whole history.
            if self.rng.random_bool(0.3) || is_first {
                self.look(now, &snapshot);
            }
        }
    }

    fn interrupt(&mut self, now: i64, writer: usize, again: bool) {
        let this = &mut self.writers[writer];
        if this.killed {
            return;
        }
        if again {
            this.backlog.stop();
            return self.name("interrupted twice");
        }
        let failure = Failure { exit_code: ExitCode::Interrupted, sentence: "interrupted".to_owned() };
        this.stop.get_or_insert(failure);
        self.name("interrupted");
        self.agenda.at(now, Happening::Rest(writer));
    }

    fn see(&mut self, now: i64, seen: Seen, measured: bool) {
        self.truth.step += 1;
        let observed = UnixNanos(now);
        match seen {
            Seen::Ours(op, stamped, document) => {
                let arrival = Arrival { step: self.truth.step, observed, measured, document };
                self.truth.ops[op].events.push(arrival);
                let document = self.faults.by_sink.then_some(document);
                self.observer.event(now, op, (stamped, measured), document, &mut self.truth);
            }
            Seen::Foreign(kind) => {
                self.truth.foreign += 1;
                let theirs = Stamp { run: RunId::from_bits(1), writer: 0, sequence: 0, sent: UnixNanos(0) };
                let change = match kind {
                    0 => Change::Unstamped,
                    1 if self.faults.by_sink => {
                        let document = DocumentId::of(1, &self.truth.step.to_be_bytes());
                        Change::Removed { document }
                    }
                    1 => Change::Deleted { entity: 0, key: format!("theirs-{}", self.truth.step).into() },
                    _ => {
                        let document = self.faults.by_sink.then(|| document(0));
                        Change::Stamped { entity: 0, stamp: theirs, content: Content::default(), document }
                    }
                };
                self.observer.change(now, change, measured, &mut self.truth);
            }
            Seen::Undecodable => {
                self.truth.undecodable += 1;
                let change = Change::Undecodable(Undecodable::NoContent);
                self.observer.change(now, change, measured, &mut self.truth);
            }
        }
        self.observer.matcher().assert_sums(false);
    }
}

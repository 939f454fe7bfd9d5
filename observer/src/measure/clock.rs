//! What the run knows of its clocks: the report of it, and what speaks against believing a latency.

use streamgauge_shared::clock::{ClockDomain, ClockStep, Standing, WallSteps};
use streamgauge_shared::histogram::Quantile;
use streamgauge_shared::report::ValidityState::{Degraded, Invalid};
use streamgauge_shared::report::{ClockReport, ClockStepReport, MongodClockReport, WriterClockReport};
use streamgauge_shared::threshold::{Figures, Tags};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::figures::Moment;
use super::validity::Add;
use crate::stream::MongodClock;

/// The bound as a share of the headline's median above which the figures are weaker than they look.
const BOUND_OF_MEDIAN_MAX: f64 = 0.1;
/// The share above which the median could as well be nothing.
const BOUND_OF_MEDIAN_VOID: f64 = 1.0;
/// What a negative latency may be beyond the bound: two reads of one clock, rounded.
const NEGATIVE_SLACK: Nanos = Nanos(1_000);

/// What is known of the clocks. The run is in the network domain as soon as one writer is.
#[derive(Clone, Debug, Default)]
pub struct ClockFacts {
    /// By writer; one that has not been heard of yet has no domain.
    pub writers: Vec<WriterClock>,
    /// Steps of the observer's wall clock.
    pub observer: WallSteps,
    /// mongod's clock, once it has answered.
    pub mongod: Option<MongodClock>,
    /// What a test clock of the observer does.
    pub test_clock: Option<String>,
}

/// What is known of one writer's clock.
#[derive(Clone, Debug, Default)]
pub struct WriterClock {
    /// Against the observer's.
    pub standing: Standing,
    /// Steps of its wall clock.
    pub wall: WallSteps,
}

impl ClockFacts {
    /// How far a latency of any row can be off; absent while a writer's offset is unknown. A run on one
    /// kernel is exact before its writers are heard of.
    #[must_use]
    pub fn bound(&self, domain: ClockDomain) -> Option<Nanos> {
        let known = self.writers.iter().filter(|writer| writer.standing.domain.is_some());
        let bounds: Vec<Option<Nanos>> = known.map(|writer| writer.standing.bound).collect();
        if bounds.is_empty() {
            return (domain == ClockDomain::SameKernel).then_some(Nanos::ZERO);
        }
        bounds.into_iter().try_fold(Nanos::ZERO, |most, bound| Some(most.max(bound?)))
    }

    /// Every step and jump with whose it was, and whether it moved latencies.
    fn stepped(&self) -> impl Iterator<Item = (String, ClockStep, bool)> {
        let observer = self.observer.listed.iter().map(|step| ("observer".to_owned(), *step, false));
        let writers = self.writers.iter().enumerate().flat_map(|(index, writer)| {
            let walls = writer.wall.listed.iter().map(|step| (*step, false));
            let jumps = writer.standing.jumps.iter().map(|step| (*step, true));
            walls.chain(jumps).map(move |(step, moved)| (format!("writer {index}"), step, moved))
        });
        observer.chain(writers)
    }

    /// Steps of all wall clocks and jumps of all offsets.
    fn steps(&self) -> u64 {
        let of_writer = |writer: &WriterClock| writer.wall.count + writer.standing.jumps.len() as u64;
        self.observer.count + self.writers.iter().map(of_writer).sum::<u64>()
    }

    /// As the report has it.
    pub(super) fn report(&self, domain: ClockDomain) -> ClockReport {
        let millis = |span: Option<Nanos>| span.map(Nanos::as_millis_f64);
        let writer = |writer: &WriterClock| WriterClockReport {
            offset_ms: millis(writer.standing.offset),
            drift_ppm: writer.standing.drift_ppm,
            drift_error_ppm: writer.standing.drift_error_ppm,
            round_trip_ms: millis(writer.standing.round_trip),
            error_bound_ms: millis(writer.standing.bound),
            exchanges: writer.standing.exchanges,
            test_clock: writer.standing.test_clock.clone(),
        };
        let stepped = self.stepped().map(|(whose, step, moved_latencies)| ClockStepReport {
            whose,
            at: step.at.to_rfc3339(),
            by_ms: step.by.as_millis_f64(),
            moved_latencies,
        });
        ClockReport {
            domain,
            error_bound_ms: millis(self.bound(domain)),
            steps: Some(self.steps()),
            stepped: stepped.collect(),
            writers: self.writers.iter().map(writer).collect(),
            mongodb: self.mongod.map(|mongod| MongodClockReport {
                offset_ms: mongod.offset.as_millis_f64(),
                error_bound_ms: mongod.bound.as_millis_f64(),
            }),
            test_clock: self.test_clock.clone(),
        }
    }
}

/// What speaks against the latencies as far as clocks go.
pub(super) fn judge(moment: &Moment<'_>, add: &mut impl Add) {
    let (domain, clocks) = (moment.facts.clock_domain, &moment.facts.clocks);
    match clocks.bound(domain) {
        None => add(
            Invalid,
            "clock_unbounded",
            "writer and observer have two clocks, and no exchange said how far apart they are".into(),
            "the writer did not answer the observer's clock probes before its rows",
            "use programs of one version, or run both on one machine, where no exchange is needed",
        ),
        Some(bound) => too_wide(moment, bound, add),
    }
    contradiction(moment, add);
    stepped(clocks, add);
}

fn too_wide(moment: &Moment<'_>, bound: Nanos, add: &mut impl Add) {
    let headline = moment.latency(Latency::CdcE2eLatency, Tags::default());
    let Quantile::Value(median) = headline.arrived.quantile_with(0.5, &headline.unarrived) else { return };
    let share = bound.as_secs_f64() / median.max(Nanos(1)).as_secs_f64();
    if bound <= Nanos::ZERO || share <= BOUND_OF_MEDIAN_MAX {
        return;
    }
    let grade = if share > BOUND_OF_MEDIAN_VOID { Invalid } else { Degraded };
    add(
        grade,
        "clock_bound_too_wide",
        format!(
            "the clocks are known to ± {bound}, {:.0} % of the median {median} of cdc_e2e_latency (bounds: {:.0} % DEGRADED, {:.0} % INVALID)",
            share * 100.0,
            BOUND_OF_MEDIAN_MAX * 100.0,
            BOUND_OF_MEDIAN_VOID * 100.0
        ),
        "the way between writer and observer takes long, or not always the same time: the bound is half of its least round trip and what the clocks drift",
        "bring writer and observer closer together; on one machine the bound is zero",
    );
}

fn contradiction(moment: &Moment<'_>, add: &mut impl Add) {
    let clocks = &moment.facts.clocks;
    let worst = clocks.writers.iter().filter_map(|writer| writer.standing.contradiction).max();
    if let Some(outside) = worst {
        add(
            Invalid,
            "clock_contradiction",
            format!(
                "boot id and time namespace say that writer and observer share one clock, and an exchange puts their offset {outside} outside of what that allows"
            ),
            "one of them runs in a cloned virtual machine, or its time is faked",
            "run both with --clock network, which trusts the exchange alone",
        );
    }
    let headline = &moment.latency(Latency::CdcE2eLatency, Tags::default()).arrived;
    let Some(bound) = clocks.bound(moment.facts.clock_domain) else { return };
    if let Some(least) = headline.min()
        && least + bound + NEGATIVE_SLACK < Nanos::ZERO
    {
        add(
            Invalid,
            "clock_contradiction",
            format!(
                "a row arrived {} before it was sent, and the clocks are known to ± {bound}",
                Nanos(-least.0)
            ),
            "a clock jumped between two exchanges, or one of the programs' time is faked",
            "look at report.json's clock for steps, and run again when the clocks have settled",
        );
    }
}

fn stepped(clocks: &ClockFacts, add: &mut impl Add) {
    let steps = clocks.steps();
    if steps == 0 {
        return;
    }
    let shown: Vec<String> = clocks
        .stepped()
        .take(3)
        .map(|(whose, step, moved)| {
            let what = if moved { "offset" } else { "wall clock" };
            format!("{whose}'s {what} by {} at {}", step.by, step.at.to_rfc3339())
        })
        .collect();
    let moved = clocks.writers.iter().any(|writer| !writer.standing.jumps.is_empty());
    let more = if steps > shown.len() as u64 { ", …" } else { "" };
    let consequence = if moved {
        "rows sent since the exchange before a jump are off by it, and the bound says so"
    } else {
        "latencies do not use the wall clock, mongo_visibility does"
    };
    add(
        Degraded,
        "clock_stepped",
        format!("{steps} steps: {}{more}; {consequence}", shown.join(", ")),
        if moved {
            "a machine was suspended or moved, or its clock is corrected abruptly"
        } else {
            "a time service set the clock during the run"
        },
        "let the clock settle, then run again if the figures named matter",
    );
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::report::ValidityState;
    use streamgauge_shared::time::UnixNanos;

    use super::*;
    use crate::measure::fixture::Fixture;

    /// Five rows of 20 ms each, or as given, of a writer whose clock stands like this.
    fn reasons(rows: &[Option<i64>], standing: Standing) -> (Vec<(String, ValidityState)>, ClockReport) {
        let mut run = Fixture::new(rows);
        run.facts.clock_domain = standing.domain.unwrap_or(ClockDomain::Network);
        run.facts.clocks.writers = vec![WriterClock { standing, wall: WallSteps::default() }];
        let report = run.close().report;
        let reasons = report.validity.reasons.into_iter().map(|reason| (reason.code, reason.grade));
        (reasons.collect(), report.clock)
    }

    fn bound(bound: Nanos) -> Standing {
        Standing { domain: Some(ClockDomain::Network), bound: Some(bound), ..Standing::default() }
    }

    const ROWS: [Option<i64>; 5] = [Some(20); 5];

    #[test]
    fn a_bound_is_judged_by_the_median() {
        let code = "clock_bound_too_wide".to_owned();
        let cases = [
            (Nanos::from_millis(1), vec![]),
            (Nanos::from_millis(3), vec![(code.clone(), Degraded)]),
            (Nanos::from_millis(21), vec![(code, Invalid)]),
        ];
        for (at, expected) in cases {
            let (reasons, report) = reasons(&ROWS, bound(at));
            assert_eq!((reasons, report.error_bound_ms), (expected, Some(at.as_millis_f64())));
        }
    }

    #[test]
    fn a_row_that_arrives_before_it_was_sent_is_believed_only_within_the_bound() {
        let rows = [Some(20), Some(20), Some(20), Some(20), Some(-1)];
        assert_eq!(reasons(&rows, bound(Nanos::from_millis(1))).0, []);
        let contradiction = ("clock_contradiction".to_owned(), Invalid);
        assert_eq!(reasons(&rows, bound(Nanos(900_000))).0, [contradiction]);
    }

    #[test]
    fn an_exchange_that_contradicts_the_kernel_and_a_jump_are_told() {
        let same = Standing {
            domain: Some(ClockDomain::SameKernel),
            bound: Some(Nanos::ZERO),
            contradiction: Some(Nanos::from_millis(400)),
            ..Standing::default()
        };
        assert_eq!(reasons(&ROWS, same).0, [("clock_contradiction".to_owned(), Invalid)]);
        let jump = ClockStep { at: UnixNanos(0), by: Nanos::from_secs(1) };
        let jumped = Standing { jumps: vec![jump], ..bound(Nanos(0)) };
        let (reasons, report) = reasons(&ROWS, jumped);
        assert_eq!(reasons, [("clock_stepped".to_owned(), Degraded)]);
        assert!(report.steps == Some(1) && report.stepped[0].moved_latencies);
    }

    #[test]
    fn a_bound_is_known_once_every_writers_is() {
        let writer = |bound| WriterClock {
            standing: Standing { domain: Some(ClockDomain::Network), bound, ..Standing::default() },
            wall: WallSteps::default(),
        };
        let clocks = |writers| ClockFacts { writers, ..ClockFacts::default() };
        let both = clocks(vec![writer(Some(Nanos(5))), writer(Some(Nanos(9)))]);
        assert_eq!(both.bound(ClockDomain::Network), Some(Nanos(9)));
        let one = clocks(vec![writer(Some(Nanos(5))), writer(None)]);
        assert_eq!(one.bound(ClockDomain::Network), None);
        assert_eq!(clocks(Vec::new()).bound(ClockDomain::SameKernel), Some(Nanos::ZERO));
        assert_eq!(clocks(Vec::new()).bound(ClockDomain::Network), None);
    }
}

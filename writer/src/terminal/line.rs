//! One progress line, as text. Pure.

use streamgauge_shared::ledger::{Progress, ScenarioLoad};
use streamgauge_shared::test_file::{Executor, Scenario};
use streamgauge_shared::time::Nanos;

use super::rate_at;
use crate::schedule::Shard;

/// Columns inside the brackets of a bar.
const BAR_COLUMNS: usize = 20;
/// Columns of a scenario's name; longer ones are cut, as k6 does.
const NAME_COLUMNS: usize = 30;

/// Where in its life a run stands.
#[derive(Clone, Copy, Debug)]
pub struct Elapsed {
    /// Since the first tick of the warm-up; negative before it.
    pub since_start: Nanos,
    /// The length of the warm-up.
    pub warm_up: Nanos,
    /// Nothing more will change.
    pub over: bool,
    /// The writer's part of the load: what is shown is its own.
    pub shard: Shard,
}

/// k6's marks of a scenario's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Its load goes on.
    Running,
    /// Its start is still to come.
    Waiting,
    /// Its load is over, its last iterations or rows are not.
    Stopping,
    /// It is over.
    Done,
}

impl Mark {
    const fn text(self) -> &'static str {
        match self {
            Self::Running => " ",
            Self::Waiting => "•",
            Self::Stopping => "↓",
            Self::Done => "✓",
        }
    }
}

/// What a scenario does, in k6's words.
#[must_use]
pub fn describe(scenario: &Scenario) -> String {
    let users = |least: u32, most: u32| {
        let range = if least == most { most.to_string() } else { format!("{least}-{most}") };
        format!("maxVUs: {range}")
    };
    let stages = |count: usize| format!("{count} stage{}", if count == 1 { "" } else { "s" });
    let length = scenario.executor.duration();
    let (what, mut options) = match &scenario.executor {
        Executor::SharedIterations(load) => (
            format!("{} iterations shared among {} VUs", load.iterations, load.vus),
            vec![format!("maxDuration: {length}")],
        ),
        Executor::PerVuIterations(load) => (
            format!("{} iterations for each of {} VUs", load.iterations, load.vus),
            vec![format!("maxDuration: {length}")],
        ),
        Executor::ConstantVus(load) => (format!("{} looping VUs for {length}", load.vus), vec![]),
        Executor::RampingVus(load) => (
            format!(
                "Up to {} looping VUs for {length} over {}",
                scenario.executor.peak_users(),
                stages(load.stages.len())
            ),
            vec![format!("gracefulRampDown: {}", load.graceful_ramp_down)],
        ),
        Executor::ConstantArrivalRate(load) => (
            format!("{:.2} iterations/s for {length}", load.rate.per_second()),
            vec![users(load.pre_allocated_vus, load.max_vus)],
        ),
        Executor::RampingArrivalRate(load) => (
            format!(
                "Up to {:.2} iterations/s for {length} over {}",
                scenario.executor.peak_rate_per_s().unwrap_or_default(),
                stages(load.stages.len())
            ),
            vec![users(load.pre_allocated_vus, load.max_vus)],
        ),
        Executor::CapacitySearch(load) => (
            format!(
                "search from {:.2} to {:.2} iterations/s in at most {} probes, {length} at most",
                load.start.per_second(),
                load.max.per_second(),
                load.probes_max()
            ),
            vec![users(load.pre_allocated_vus, load.max_vus)],
        ),
    };
    if scenario.start_time > Nanos::ZERO {
        options.push(format!("startTime: {}", scenario.start_time));
    }
    options.push(format!("gracefulStop: {}", scenario.graceful_stop));
    format!("{what} ({})", options.join(", "))
}

/// How a scenario stands.
#[must_use]
pub fn progress_line(
    scenario: &Scenario,
    load: &ScenarioLoad,
    progress: Option<&Progress>,
    moment: Elapsed,
) -> String {
    let length = scenario.executor.duration();
    let elapsed = moment.since_start - moment.warm_up - scenario.start_time;
    let warming = moment.since_start < moment.warm_up;
    let planned = planned(scenario, moment.shard);
    let mark = match elapsed {
        _ if moment.over => Mark::Done,
        _ if warming => Mark::Running,
        early if early < Nanos::ZERO => Mark::Waiting,
        late if late >= length => Mark::Stopping,
        _ if planned.is_some_and(|planned| load.iterations >= planned) => Mark::Done,
        _ => Mark::Running,
    };
    let elapsed = Nanos(elapsed.0.clamp(0, length.0));
    let name: String = scenario.name.chars().take(NAME_COLUMNS).collect();
    let progress_bar = match planned {
        // It may be over long before its time.
        Some(planned) => bar(load.iterations.into(), planned.into()),
        None => bar(elapsed.0.into(), length.0.into()),
    };
    let mut line = format!(
        "{name} {} [{progress_bar}] {:03}/{:03} VUs  {}/{}",
        mark.text(),
        load.active_users,
        load.users,
        clock(elapsed, true),
        clock(length, false),
    );
    line.push_str(&match (&scenario.executor, planned, rate_at(scenario, elapsed)) {
        (Executor::PerVuIterations(each), Some(planned), _) => {
            format!("  {}/{planned} iters, {} per VU", load.iterations, each.iterations)
        }
        (_, Some(planned), _) => format!("  {}/{planned} shared iters", load.iterations),
        (_, None, Some(rate)) => format!("  {:.2} iters/s", rate / f64::from(moment.shard.count())),
        (_, None, None) => format!("  {} iters", load.iterations),
    });
    if warming && !moment.over {
        line.push_str("  warming up");
    }
    if let Some(progress) = progress {
        let Progress { e2e_p50, e2e_p95, pending, .. } = progress;
        line.push_str(&format!("  e2e p50{e2e_p50} p95{e2e_p95}  pending {pending}"));
        let counts = [("lost", progress.lost), ("failing thresholds", progress.thresholds_failing.into())];
        for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            line.push_str(&format!("  {name} {count}"));
        }
    }
    if load.dropped > 0 {
        line.push_str(&format!("  dropped {}", load.dropped));
    }
    line
}

/// The iterations that a writer has to do, where they are counted.
fn planned(scenario: &Scenario, shard: Shard) -> Option<u64> {
    match &scenario.executor {
        Executor::PerVuIterations(load) => Some(u64::from(shard.users(load.vus)) * load.iterations),
        executor => executor.counted_iterations().map(|all| shard.part(all)),
    }
}

fn bar(done: i128, all: i128) -> String {
    let columns = i128::try_from(BAR_COLUMNS).expect("a few");
    let filled = done * columns / all.max(1);
    let filled = usize::try_from(filled).unwrap_or(0).min(BAR_COLUMNS);
    if filled == BAR_COLUMNS {
        return "=".repeat(BAR_COLUMNS);
    }
    format!("{}>{}", "=".repeat(filled), "-".repeat(BAR_COLUMNS - filled - 1))
}

/// `01m02.3s`, or without the tenths `01m02s`.
fn clock(span: Nanos, tenths: bool) -> String {
    let total = span.0.max(0) / 100_000_000;
    let (minutes, seconds, tenth) = (total / 600, total / 10 % 60, total % 10);
    if tenths { format!("{minutes:02}m{seconds:02}.{tenth}s") } else { format!("{minutes:02}m{seconds:02}s") }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::histogram::Quantile;

    use super::*;
    use crate::test_source::tests::{parsed, shop};

    fn at(seconds: i64, over: bool) -> Elapsed {
        Elapsed {
            since_start: Nanos::from_secs(seconds),
            warm_up: Nanos::from_secs(5),
            over,
            shard: Shard::WHOLE,
        }
    }

    #[test]
    fn a_scenario_is_described_in_k6s_words() {
        assert_eq!(
            describe(&shop().scenarios[0]),
            "10.00 iterations/s for 5m00s (maxVUs: 20-50, gracefulStop: 30s)"
        );
    }

    #[test]
    fn every_executor_is_described_in_k6s_words() {
        let text = |load: &str| {
            let test = format!(
                "model = \"shop.toml\"\n[scenarios.s]\n{load}\nflow = [ {{ create = \"customer\" }} ]\n[thresholds]\ncdc_e2e_latency = [\"p(95)<2s\"]"
            );
            describe(&parsed(&test).scenarios[0])
        };
        let cases = [
            (
                "executor = \"shared-iterations\"\nvus = 10\niterations = 100",
                "100 iterations shared among 10 VUs (maxDuration: 10m00s, gracefulStop: 30s)",
            ),
            (
                "executor = \"per-vu-iterations\"\nvus = 10\niterations = 10\nstart_time = \"10s\"",
                "10 iterations for each of 10 VUs (maxDuration: 10m00s, startTime: 10s, gracefulStop: 30s)",
            ),
            (
                "executor = \"constant-vus\"\nvus = 5\nduration = \"1m\"",
                "5 looping VUs for 1m00s (gracefulStop: 30s)",
            ),
            (
                "executor = \"ramping-vus\"\nstages = [{ duration = \"1m\", target = 9 }, { duration = \"1m\", target = 0 }]",
                "Up to 9 looping VUs for 2m00s over 2 stages (gracefulRampDown: 30s, gracefulStop: 30s)",
            ),
            (
                "executor = \"constant-arrival-rate\"\nrate = 3\ntime_unit = \"2s\"\nduration = \"1m\"\npre_allocated_vus = 4",
                "1.50 iterations/s for 1m00s (maxVUs: 4, gracefulStop: 30s)",
            ),
            (
                "executor = \"ramping-arrival-rate\"\nstages = [{ duration = \"2m\", target = 20 }]\npre_allocated_vus = 4\nmax_vus = 8",
                "Up to 20.00 iterations/s for 2m00s over 1 stage (maxVUs: 4-8, gracefulStop: 30s)",
            ),
            (
                "executor = \"capacity-search\"\nstart_rate = 10\nmax_rate = 80\npre_allocated_vus = 4",
                "search from 10.00 to 80.00 iterations/s in at most 19 probes, 7m55s at most (maxVUs: 4, gracefulStop: 30s)",
            ),
        ];
        for (load, expected) in cases {
            assert_eq!(text(load), expected);
        }
    }

    #[test]
    fn the_line_follows_the_run() {
        let test = shop();
        let load = ScenarioLoad { active_users: 12, users: 50, ..ScenarioLoad::default() };
        let line = |moment, load: &ScenarioLoad, progress: Option<&Progress>| {
            progress_line(&test.scenarios[0], load, progress, moment)
        };
        assert_eq!(
            line(at(2, false), &load, None),
            "e2e_latency   [>-------------------] 012/050 VUs  00m00.0s/05m00s  10.00 iters/s  warming up"
        );
        let progress = Progress {
            pending: 2,
            e2e_p50: Quantile::Value(Nanos(3_100_000)),
            e2e_p95: Quantile::AtLeast(Nanos(4_900_000)),
            ..Progress::default()
        };
        assert_eq!(
            line(at(80, false), &load, Some(&progress)),
            "e2e_latency   [=====>--------------] 012/050 VUs  01m15.0s/05m00s  10.00 iters/s  e2e p50=3.1ms p95≥4.9ms  pending 2"
        );
        let load = ScenarioLoad { dropped: 3, users: 50, ..load };
        let failing = Progress { lost: 1, thresholds_failing: 2, ..Progress::default() };
        assert_eq!(
            line(at(310, true), &load, Some(&failing)),
            "e2e_latency ✓ [====================] 012/050 VUs  05m00.0s/05m00s  10.00 iters/s  e2e p50=- p95=-  pending 0  lost 1  failing thresholds 2  dropped 3"
        );
        assert!(line(at(306, false), &load, None).starts_with("e2e_latency ↓ ["));
    }

    #[test]
    fn closed_loops_show_their_iterations() {
        use streamgauge_shared::test_file::{Arrivals, ConstantVus, Iterations, RampingArrivalRate, Stage};
        let mut scenario = shop().scenarios.remove(0);
        let load = ScenarioLoad { active_users: 2, users: 10, iterations: 25, ..ScenarioLoad::default() };
        let mut line = |executor| {
            scenario.executor = executor;
            progress_line(&scenario, &load, None, at(20, false))
        };
        let (second, minute) = (Nanos::from_secs(1), Nanos::from_secs(60));
        let iterations = Iterations { vus: 10, iterations: 100, max_duration: Nanos::from_secs(600) };
        assert_eq!(
            line(Executor::SharedIterations(iterations)),
            "e2e_latency   [=====>--------------] 002/010 VUs  00m15.0s/10m00s  25/100 shared iters"
        );
        assert_eq!(
            line(Executor::PerVuIterations(Iterations { iterations: 10, ..iterations })),
            "e2e_latency   [=====>--------------] 002/010 VUs  00m15.0s/10m00s  25/100 iters, 10 per VU"
        );
        assert!(
            line(Executor::SharedIterations(Iterations { iterations: 25, ..iterations })).contains("✓ [===")
        );
        assert_eq!(
            line(Executor::ConstantVus(ConstantVus { vus: 10, duration: minute })),
            "e2e_latency   [=====>--------------] 002/010 VUs  00m15.0s/01m00s  25 iters"
        );
        let stage = |target| Stage { name: 0, duration: Nanos::from_secs(30), target };
        let ramp = RampingArrivalRate {
            per: second,
            start: 10,
            stages: vec![stage(20), stage(0)],
            pre_allocated_vus: 10,
            max_vus: 10,
            arrivals: Arrivals::Even,
        };
        assert_eq!(
            line(Executor::RampingArrivalRate(ramp)),
            "e2e_latency   [=====>--------------] 002/010 VUs  00m15.0s/01m00s  15.00 iters/s"
        );
    }
}

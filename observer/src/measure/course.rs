//! Puts the course of a run together for the findings that its scenarios ask for.

use streamgauge_shared::account::as_f64;
use streamgauge_shared::report::{Findings, Second};
use streamgauge_shared::test_file::{Executor, Finding, Scenario, Stage as Planned, Test};
use streamgauge_shared::time::Nanos;

use super::facts::Facts;
use super::findings::{Asked, Cohort, Config, Course, Crossings, Point, Stage, findings};
use super::recorder::Recorder;

/// What the scenarios of a test were to find out, from the seconds that its report shows; nothing where none asks and no capacity was searched.
pub(super) fn found(test: &Test, recorder: &Recorder, seconds: &[Second], facts: &Facts) -> Option<Findings> {
    let asked = asked(test);
    if asked == Asked::default() && facts.capacity.is_none() {
        return None;
    }
    // Stages and the end of the load are those of the first scenario that asks.
    let scenario = test.scenarios.iter().find(|scenario| !scenario.findings.is_empty());
    let points = points(seconds, facts.closed);
    let stages = scenario.map(|scenario| stages(test, scenario)).unwrap_or_default();
    let crossings = crossings(test, recorder);
    let config = Config {
        checkpoint_every_s: scenario.map_or(0.0, |scenario| scenario.checkpoint.as_secs_f64().max(1.0)),
        ..Config::default().scaled(test.time_scale.as_f64())
    };
    let load_end_s = scenario.map(|scenario| end_of(scenario).as_secs_f64());
    let course = Course { points: &points, stages: &stages, crossings: &crossings, load_end_s };
    let found = findings(&course, asked, &config);
    Some(Findings { capacity: facts.capacity.clone(), ..found })
}

fn asked(test: &Test) -> Asked {
    let asks = |finding| test.scenarios.iter().any(|scenario| scenario.findings.contains(&finding));
    let (catch_up, stability) = (asks(Finding::CatchUp), asks(Finding::Stability));
    Asked {
        breaking_point: asks(Finding::BreakingPoint),
        recovery: asks(Finding::Recovery),
        catch_up,
        stalls: catch_up || stability,
        stability,
        checkpoints: stability,
    }
}

fn end_of(scenario: &Scenario) -> Nanos {
    scenario.start_time + scenario.executor.duration()
}

fn points(seconds: &[Second], closed: bool) -> Vec<Point> {
    // Gauges are read once a second, not on the second: a point in which nobody looked stands as the one before it.
    let (mut errors_before, mut pending, mut users) = (0, 0, 0);
    let point = |second: &Second| {
        let errors = second.errors.unwrap_or(errors_before);
        pending = second.pending.unwrap_or(pending);
        users = second.active_users.unwrap_or(users);
        let point = Point {
            at_s: as_f64(second.at_s),
            width_s: as_f64(second.width_s),
            sent: second.sent,
            arrived: second.arrived,
            pending,
            errors: errors.saturating_sub(errors_before),
            users: f64::from(users),
            e2e_p50_ms: second.e2e_p50,
            e2e_p95_ms: second.e2e_p95,
            e2e_p99_ms: second.e2e_p99,
            iteration_ms: second.iteration_mean,
            writer_rss_bytes: second.writer_rss_bytes,
            observer_rss_bytes: second.observer_rss_bytes,
            cohort: Cohort {
                arrived: second.arrived_of_sent,
                // Once the account is closed nothing waits: what has not arrived is lost, rejected or unknown.
                pending: if closed { 0 } else { second.sent.saturating_sub(second.arrived_of_sent) },
                last_arrival_s: second.last_of_sent_s,
            },
        };
        errors_before = errors;
        point
    };
    seconds.iter().map(point).collect()
}

/// The name of the stage that a scenario's schedule is in so long after the start of the measured phase.
pub(super) fn stage(test: &Test, scenario: &Scenario, elapsed: Nanos) -> Option<String> {
    let at_s = elapsed.as_secs_f64();
    let running = |stage: &Stage| stage.from_s <= at_s && at_s < stage.to_s;
    stages(test, scenario).into_iter().find(running).map(|stage| stage.name)
}

fn stages(test: &Test, scenario: &Scenario) -> Vec<Stage> {
    let start = scenario.start_time;
    match &scenario.executor {
        Executor::RampingVus(load) => {
            stages_of(test, start, f64::from(load.start_vus), &load.stages, |target| f64::from(*target))
        }
        Executor::RampingArrivalRate(load) => {
            let per_s = |target: &u64| as_f64(*target) / load.per.as_secs_f64();
            stages_of(test, start, per_s(&load.start), &load.stages, per_s)
        }
        _ => Vec::new(),
    }
}

fn stages_of<T>(
    test: &Test,
    start: Nanos,
    mut load: f64,
    planned: &[Planned<T>],
    target: impl Fn(&T) -> f64,
) -> Vec<Stage> {
    let mut at = start;
    let stage = |planned: &Planned<T>| {
        let (from, load_from) = (at, load);
        at = at + planned.duration;
        load = target(&planned.target);
        let name = test.stages.get(usize::from(planned.name)).cloned().unwrap_or_default();
        Stage { name, from_s: from.as_secs_f64(), to_s: at.as_secs_f64(), load_from, load_to: load }
    };
    planned.iter().map(stage).collect()
}

/// One entry a second, whatever the width of the steps that were kept.
fn crossings(test: &Test, recorder: &Recorder) -> Vec<Crossings> {
    let width = usize::try_from(recorder.crossings_width_s()).unwrap_or(1);
    let one = |(index, threshold): (usize, &streamgauge_shared::threshold::Threshold)| Crossings {
        metric: threshold.key.clone(),
        expression: threshold.expression.text.clone(),
        seconds: recorder
            .crossings(index)
            .iter()
            .flat_map(|crossed| std::iter::repeat_n(*crossed, width))
            .collect(),
        window_s: recorder.crossings_window(index).as_secs_f64(),
    };
    test.thresholds.iter().enumerate().map(one).filter(|crossings| !crossings.seconds.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::test_file::{Scale, Source, parse};

    use super::*;

    #[test]
    fn the_stage_is_that_of_the_schedule_and_none_before_and_after() {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let stress = source("stress.toml", include_str!("../../../scenarios/stress.toml"));
        let model = source("shop.toml", include_str!("../../../scenarios/models/shop.toml"));
        let test = parse(&stress, Scale::default(), Scale::default(), |_| Ok(model)).expect("stress").0;
        let at = |seconds: i64| stage(&test, &test.scenarios[0], Nanos::from_secs(seconds));
        let seen = [-1, 0, 119, 120, 779, 899, 900].map(at);
        let named = |name: &str| Some(name.to_owned());
        let of = |index: usize| {
            let Executor::RampingVus(load) = &test.scenarios[0].executor else { panic!("stress ramps") };
            named(&test.stages[usize::from(load.stages[index].name)])
        };
        assert_eq!(seen, [None, of(0), of(0), of(1), of(5), of(6), None]);
    }

    #[test]
    fn a_second_in_which_nobody_looked_stands_as_the_one_before_it() {
        let second = |at_s, pending: Option<u64>| Second {
            at_s,
            width_s: 1,
            sent: 5,
            pending,
            active_users: pending.map(|_| 7),
            errors: pending.map(|_| at_s),
            ..Second::default()
        };
        let points = points(&[second(0, Some(3)), second(1, None), second(2, Some(9))], false);
        let seen: Vec<(u64, f64, u64)> =
            points.iter().map(|point| (point.pending, point.users, point.errors)).collect();
        assert_eq!(seen, [(3, 7.0, 0), (3, 7.0, 0), (9, 7.0, 2)]);
        assert_eq!(points[0].cohort.pending, 5);
    }
}

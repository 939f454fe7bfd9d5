//! Puts the course of a run together for the findings that its scenarios ask for.

use streamgauge_shared::report::{Findings, Second};
use streamgauge_shared::test_file::{Question, RampStage, Scenario, Test};
use streamgauge_shared::time::Nanos;

use super::PlannedStage;
use super::facts::Facts;
use super::findings::{Asked, Config, Course, Crossings, findings};
use super::watcher::Watcher;

/// What the scenarios of a test were to find out, from the seconds that its report shows; nothing where none asks and
/// no capacity was searched.
pub(super) fn found(test: &Test, watcher: &Watcher, seconds: &[Second], facts: &Facts) -> Option<Findings> {
    let asked = asked(test);
    if asked == Asked::default() && facts.capacity.is_none() {
        return None;
    }
    // Stages and the end of the load are those of the first scenario that asks.
    let scenario = test.scenarios.iter().find(|scenario| !scenario.findings.is_empty());
    let points = with_gauges(seconds);
    let stages = scenario.map(stages).unwrap_or_default();
    let crossings = crossings(test, watcher);
    let config = Config {
        checkpoint_every_s: scenario.map_or(0.0, |scenario| scenario.checkpoint.as_secs_f64().max(1.0)),
        ..Config::default().scaled(test.time_scale.as_f64())
    };
    let load_end_s = scenario.map(|scenario| end_of(scenario).as_secs_f64());
    let course = Course {
        points: &points,
        stages: &stages,
        stage_names: &test.stages,
        crossings: &crossings,
        load_end_s,
        closed: facts.closed,
    };
    let found = findings(&course, asked, &config);
    Some(Findings { capacity: facts.capacity.clone(), ..found })
}

fn asked(test: &Test) -> Asked {
    let asks = |finding| test.scenarios.iter().any(|scenario| scenario.findings.contains(&finding));
    let (catch_up, stability) = (asks(Question::CatchUp), asks(Question::Stability));
    Asked {
        breaking_point: asks(Question::BreakingPoint),
        recovery: asks(Question::Recovery),
        catch_up,
        stalls: catch_up || stability,
        stability,
        checkpoints: stability,
    }
}

fn end_of(scenario: &Scenario) -> Nanos {
    scenario.start_time + scenario.executor.duration()
}

/// Gauges are read once a second, not on the second: a step in which nobody looked stands as the one before it.
fn with_gauges(seconds: &[Second]) -> Vec<Second> {
    let (mut pending, mut active_users, mut errors) = (Some(0), Some(0), Some(0));
    let filled = |second: &Second| {
        pending = second.pending.or(pending);
        active_users = second.active_users.or(active_users);
        errors = second.errors.or(errors);
        Second { pending, active_users, errors, ..*second }
    };
    seconds.iter().map(filled).collect()
}

/// The name of the stage that a scenario's schedule is in so long after the start of the measured phase.
pub(super) fn stage(test: &Test, scenario: &Scenario, elapsed: Nanos) -> Option<String> {
    let stage = scenario.executor.stage_at(elapsed - scenario.start_time)?;
    // A search's one stage is of its probes' judged part, not of its schedule.
    (!scenario.executor.ramp().is_empty()).then(|| test.stages.get(usize::from(stage)).cloned())?
}

/// The stages of the schedules of all scenarios, since the start of the measured phase; without jumps, which take no time.
pub(super) fn planned_stages(test: &Test) -> Vec<PlannedStage> {
    let of = |scenario: &Scenario| {
        let (name, stages) = (scenario.name.clone(), stages(scenario));
        stages.into_iter().filter(|stage| stage.to > stage.from).map(move |stage| PlannedStage {
            scenario: name.clone(),
            name: test.stages.get(usize::from(stage.name)).cloned().unwrap_or_default(),
            from: stage.from,
            until: stage.to,
        })
    };
    test.scenarios.iter().flat_map(of).collect()
}

/// Since the start of the measured phase.
fn stages(scenario: &Scenario) -> Vec<RampStage> {
    scenario.executor.ramp().into_iter().map(|stage| stage.delayed(scenario.start_time)).collect()
}

/// One entry a second, whatever the width of the steps that were kept.
fn crossings(test: &Test, watcher: &Watcher) -> Vec<Crossings> {
    let width = usize::try_from(watcher.width_s()).unwrap_or(1);
    let one = |(index, threshold): (usize, &streamgauge_shared::threshold::Threshold)| Crossings {
        metric: threshold.key.clone(),
        expression: threshold.expression.text.clone(),
        seconds: watcher
            .crossings(index)
            .iter()
            .flat_map(|crossed| std::iter::repeat_n(*crossed, width))
            .collect(),
        window_s: watcher.window(index).as_secs_f64(),
    };
    test.thresholds.iter().enumerate().map(one).filter(|crossings| !crossings.seconds.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::test_file::{Executor, Scale, Source, parse};

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
        let points = with_gauges(&[second(0, Some(3)), second(1, None), second(2, Some(9))]);
        let seen: Vec<(u64, f64, Option<u64>)> =
            points.iter().map(|point| (point.waiting(), point.users(), point.errors)).collect();
        assert_eq!(seen, [(3, 7.0, Some(0)), (3, 7.0, Some(0)), (9, 7.0, Some(2))]);
    }
}

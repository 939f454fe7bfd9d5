//! What is about to run, in k6's shape. Pure.

use streamgauge_shared::display::wrapped;
use streamgauge_shared::test_file::{Executor, Plan, Scenario, Test};
use streamgauge_shared::time::Nanos;

use crate::schedule::Shard;

/// Everything that a header says besides the test.
#[derive(Clone, Copy, Debug)]
pub struct Heading<'a> {
    /// The test file, as the user named it.
    pub script: &'a str,
    /// The writer's part of the load.
    pub shard: Shard,
    /// The run's id.
    pub run: &'a str,
    /// The observer's address, without a path.
    pub observer: &'a str,
}

/// The header, its lines broken where the display ends.
#[must_use]
pub fn header(test: &Test, heading: Heading<'_>, columns: usize) -> String {
    let Heading { script, shard, run, observer } = heading;
    let execution = match shard.count() {
        1 => "local".to_owned(),
        count => format!("writer {} of 0 to {}: its part of what follows", shard.index(), count - 1),
    };
    let mut lines = vec![String::new()];
    let named = [
        ("     execution: ", execution),
        ("        script: ", script.to_owned()),
        ("           run: ", run.to_owned()),
        ("          page: ", format!("{observer}/")),
        ("       metrics: ", format!("{observer}/metrics")),
    ];
    lines.extend(named.iter().flat_map(|(name, said)| wrapped(name, said, columns)));
    lines.push(String::new());
    let count = test.scenarios.len();
    let plural = if count == 1 { "" } else { "s" };
    let share = 100.0 / f64::from(shard.count());
    let longest = Plan::of(test).longest;
    let all = format!(
        "({share:.2}%) {count} scenario{plural}, {} max VUs, {longest} max duration (incl. graceful stop and drain):",
        test.peak_users()
    );
    lines.extend(wrapped("     scenarios: ", &all, columns));
    for scenario in &test.scenarios {
        let said = format!("{}: {}", scenario.name, describe(scenario));
        lines.extend(wrapped("              * ", &said, columns));
    }
    if test.warm_up > Nanos::ZERO {
        lines.push(format!("                after {} of warm-up", test.warm_up));
    }
    lines.push(String::new());
    lines.join("\n")
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

#[cfg(test)]
mod tests {
    use expect_test::expect_file;
    use streamgauge_shared::display::columns_of;

    use super::*;
    use crate::test_source::tests::{parsed, shop};

    #[test]
    fn the_header_at_every_width() {
        let heading = Heading {
            script: "scenarios/e2e-latency.toml",
            shard: Shard::WHOLE,
            run: "00c0ffee0042",
            observer: "http://127.0.0.1:9464",
        };
        let mut text = String::new();
        for columns in [60, 80, 100, 200] {
            let header = header(&shop(), heading, columns);
            assert!(header.lines().all(|line| columns_of(line) <= columns), "{header}");
            text.push_str(&format!("{columns} columns\n{header}\n"));
        }
        let shard = Shard::new(1, 3).expect("one of three");
        let part = header(&shop(), Heading { shard, ..heading }, 100);
        text.push_str(&format!("one of three writers\n{part}"));
        expect_file!["snapshots/header.txt"].assert_eq(&text);
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
}

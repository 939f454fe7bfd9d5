use super::super::fixture::Fixture;
use super::*;

fn reasons(change: impl FnOnce(&mut Fixture)) -> Vec<Reason> {
    let mut run = Fixture::new(&[Some(50), Some(60)]);
    change(&mut run);
    run.snapshot().report.validity.reasons
}

fn of_one_minute(waited_ms: i64, worst_ms: i64) -> Starved {
    Starved {
        waited: Some(Nanos::from_millis(waited_ms)),
        worst_second: Nanos::from_millis(worst_ms),
        longest_pause: Nanos::ZERO,
        watched: Nanos::from_secs(60),
    }
}

#[test]
fn a_program_without_a_cpu_is_named_with_its_figures() {
    let writer = reasons(|run| run.facts.writers[0].starved = of_one_minute(9_000, 300));
    assert_eq!(writer.len(), 1, "{writer:?}");
    assert_eq!((writer[0].code.as_str(), writer[0].grade), ("writer_starved", Degraded));
    assert!(writer[0].seen.contains("writer 0") && writer[0].seen.contains("15.0 %"), "{writer:?}");
    let observer = reasons(|run| run.facts.observer_starved = of_one_minute(100, 900));
    assert_eq!(observer[0].code, "observer_starved");
    assert!(observer[0].seen.contains("900"), "{observer:?}");
    assert!(reasons(|run| run.facts.observer_starved = of_one_minute(3_000, 290)).is_empty());
    assert_eq!(reasons(|run| run.facts.observer_starved = of_one_minute(3_000, 310)).len(), 1);
}

#[test]
fn a_program_that_was_stopped_is_seen_without_the_kernels_help() {
    let stopped = Starved { longest_pause: Nanos::from_millis(2_900), ..Starved::default() };
    let writer = reasons(|run| run.facts.writers[0].starved = stopped);
    assert!(writer[0].seen.contains("did not run at all for 2.9s"), "{writer:?}");
    let observer = reasons(|run| run.facts.evidence.read_wait_max = Nanos::from_secs(3));
    assert_eq!(observer[0].code, "observer_starved");
}

#[test]
fn the_documentation_explains_each_code_and_no_other() {
    let page = include_str!("../../../docs/measurement.md");
    let table = page
        .split("## When a run is not to be believed")
        .nth(1)
        .expect("the section")
        .split("\n## ")
        .next()
        .expect("its end");
    let explained: Vec<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(explained, CODES, "the table of docs/measurement.md and the closed list");
}
